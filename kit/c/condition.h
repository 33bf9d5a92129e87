/* A condition in C: what kit/probes/filters/condition/_compile.py evaluates, for the usual values. */
#ifndef KIT_CONDITION_H
#define KIT_CONDITION_H

#include "kit.h"

typedef struct {
    char op;
    bool simple;           /* like: the pattern has neither [ nor anything else that needs a regex */
    Py_ssize_t at;         /* of an argument */
    PyObject *object;      /* a constant, or a chain's operators, as ASCII text */
    Py_ssize_t count;
    Py_ssize_t *children;  /* which nodes, all of them before this one */
} Node;

/* `argument operator constant`, decided without looking at nodes. */
typedef struct {
    Py_ssize_t at;         /* of a field */
    unsigned accept;       /* of the bits below, those where it holds */
    bool whole, real;      /* whether the constant is an int; a float, or an int that is one, too */
    int64_t as_whole;
    double as_real;
    PyObject *text;        /* the constant, ASCII; borrowed from its node */
} Simple;

enum { BELOW = 1, EQUAL = 2, ABOVE = 4, UNORDERED = 8 };

typedef struct {
    PyObject_HEAD
    Py_ssize_t count;
    Node *nodes;           /* the last one is the condition */
    Simple *simple;        /* what it begins with, as long as it is `simple and simple ...` */
    Py_ssize_t simple_count;
    bool all_simple;
} Program;

/* 1, 0, or -1 where that takes more. */
static inline int
kit_simple_holds(const Simple *simple, PyObject *value)
{
    unsigned order;
    if (PyFloat_CheckExact(value)) {
        double x = PyFloat_AS_DOUBLE(value), y = simple->as_real;
        if (UNLIKELY(!simple->real))
            return -1;
        order = x < y ? BELOW : x > y ? ABOVE : x == y ? EQUAL : UNORDERED;
    }
    else if (PyLong_CheckExact(value)) {
        int64_t x;
        if (UNLIKELY(!kit_small_int(value, &x)))
            return -1;
        if (simple->whole)
            order = x < simple->as_whole ? BELOW : x > simple->as_whole ? ABOVE : EQUAL;
        else if (simple->real) {
            double y = simple->as_real;
            order = x < y ? BELOW : x > y ? ABOVE : x == y ? EQUAL : UNORDERED;
        }
        else
            return -1;
    }
    else if (simple->text != NULL && PyUnicode_CheckExact(value)) {
        PyObject *text = simple->text;
        if (value == text)
            order = EQUAL;
        else if (!PyUnicode_IS_COMPACT_ASCII(value))
            return -1;
        else
            order = PyUnicode_GET_LENGTH(value) == PyUnicode_GET_LENGTH(text) &&
                            memcmp(PyUnicode_1BYTE_DATA(value), PyUnicode_1BYTE_DATA(text),
                                   PyUnicode_GET_LENGTH(text)) == 0
                        ? EQUAL
                        : UNORDERED;
    }
    else
        return -1;
    return (simple->accept & order) != 0;
}

/* 1: met; 0: not met; -1: it takes more to say. Of a marker's fields. */
static inline int
kit_simply_met(const Program *program, PyObject *const *fields, Py_ssize_t count)
{
    for (Py_ssize_t i = 0; i < program->simple_count; i++) {
        const Simple *simple = &program->simple[i];
        int holds = simple->at < count ? kit_simple_holds(simple, fields[simple->at]) : -1;
        if (holds <= 0)
            return holds;
    }
    return program->all_simple ? 1 : -1;
}

/* 1: it is met; 0: it is not; -1: Python has to say, and no error is set. */
HIDDEN int kit_program_met(Program *program, const Event *event);

#endif
