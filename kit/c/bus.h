/* Files that somebody cuts off while they are mapped, see bus.c. */
#ifndef KIT_BUS_H
#define KIT_BUS_H

#include "kit.h"

typedef struct Mapping Mapping;

/* From here on a page of this memory that is missing does not end the program; NULL: no memory, or
 * no need.  `descriptor` is of the file, and may be closed at any time. */
HIDDEN Mapping *kit_bus_watch(void *begin, size_t size, int descriptor);
HIDDEN void kit_bus_forget(Mapping *mapping);

/* How many bytes from the beginning are still the file's. */
HIDDEN size_t kit_bus_whole(Mapping *mapping);

typedef struct Watch {
    PyObject_HEAD
    Py_buffer view;
    Mapping *mapping;
} Watch;

extern HIDDEN PyTypeObject *kit_Watch;
HIDDEN size_t kit_watch_whole(Watch *watch);

#endif
