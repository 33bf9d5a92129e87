/* The condition before a probe: an event that does not meet it costs neither a call nor the time. */
#ifndef KIT_GATE_H
#define KIT_GATE_H

#include "program.h"

struct Gate {
    PyObject_HEAD
    vectorcallfunc call;
    Program *program;
    PyObject *behind;      /* the closure */
    PyObject *test;        /* called with the arguments where the program cannot say */
    Tally *kept;           /* counts the events that are kept back */
    char kind;             /* of the closure behind */
    bool is_span;
};

/* Whether a marker's event is kept back, as far as that can be said at once; it is counted then. */
static inline bool
kit_gate_shut(Gate *gate, PyObject *const *fields, Py_ssize_t count)
{
    if (kit_simply_met(gate->program, fields, count) != 0)
        return false;
    kit_count(&gate->kept->n);
    return true;
}

#endif
