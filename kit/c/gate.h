/* The condition before a probe: an event that does not meet it costs neither a call nor the time. */
#ifndef KIT_GATE_H
#define KIT_GATE_H

#include "program.h"

struct Gate {
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
kit_gate_shut(Gate *gate, PyObject *const *fields, Py_ssize_t count)
{
    const Simple *first = &gate->first;
    if (first->at >= count || kit_simple_holds(first, fields[first->at]) != 0) {
        /* It holds, or cannot be told: then the others have their say. */
        if (LIKELY(gate->program->simple_count < 2) ||
            kit_simply_met(gate->program, fields, count) != 0)
            return false;
    }
    kit_count(&gate->kept->n);
    return true;
}

#endif
