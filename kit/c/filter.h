/* The condition before a probe: an event that does not meet it costs neither a call nor the time. */
#ifndef KIT_FILTER_H
#define KIT_FILTER_H

#include "condition.h"

struct EventFilter {
    PyObject_HEAD
    vectorcallfunc call;
    Program *program;
    PyObject *behind;      /* the closure */
    PyObject *test;        /* called with the arguments where the program cannot say; None: nor it */
    Tally *kept;           /* counts the events that are kept back */
    Tally *failed;         /* counts those of them for which that could not be decided */
    char kind;             /* of the closure behind */
    bool is_span;
    Simple first;          /* a copy of what the condition begins with, at hand; or of no field */
};

/* Whether a marker's event is kept back, as far as that can be said at once; it is counted then. */
static inline bool
kit_filter_shut(EventFilter *filter, PyObject *const *fields, Py_ssize_t count)
{
    const Simple *first = &filter->first;
    if (first->at >= count || kit_simple_holds(first, fields[first->at]) != 0) {
        /* It holds, or cannot be told: then the others have their say. */
        if (LIKELY(filter->program->simple_count < 2) ||
            kit_simply_met(filter->program, fields, count) != 0)
            return false;
    }
    kit_count(&filter->kept->n);
    return true;
}

#endif
