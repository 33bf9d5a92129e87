/* Spans: a context manager that fires once, at its end, with start and duration. */
#include "kit.h"

HIDDEN bool kit_is_on(PyObject *marker);
HIDDEN bool kit_decorates(PyObject *span);

typedef struct {
    PyObject_VAR_HEAD
    vectorcallfunc call;
    PyObject *span;
    PyObject *kwnames;  /* of the last values, or NULL */
    int64_t start;      /* 0 outside, and where nothing was connected at entry */
    Py_ssize_t nargs;   /* positional ones */
    Py_ssize_t count;   /* all of them */
    uint8_t bound;      /* which of its steps a `with` statement has looked up */
    bool tracked;       /* by the garbage collector, see holds_others */
    PyObject *values[1];
} Timing;

enum { ENTER = 1, EXIT = 2 };

#define USUAL 4 /* values that a passage has room for without asking */

#ifndef Py_GIL_DISABLED
/* Passages that have ended, for those to come: most programs have a few at a time. */
#define KEPT 16
static Timing *kept[KEPT];
static int kept_count;
#endif

/* Whether a value may hold others, and so be part of a cycle. The usual ones do not; a passage with
 * no others is kept from the collector, which costs as much as reading the clock. */
static inline bool
holds_others(PyObject *value)
{
    return !(PyUnicode_CheckExact(value) || PyLong_CheckExact(value) || PyFloat_CheckExact(value) ||
             PyBool_Check(value) || value == Py_None);
}

static PyObject *timing_call(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *kwnames);

static PyObject *
new_timing(PyObject *span, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    Py_ssize_t all = nargs + (kwnames == NULL ? 0 : PyTuple_GET_SIZE(kwnames));
    Timing *self;
#ifdef KEPT
    if (LIKELY(all <= USUAL && kept_count > 0)) {
        self = kept[--kept_count];
        _Py_NewReference((PyObject *)self); /* it has kept its reference to the type */
    }
    else
#endif
    {
        self = PyObject_GC_NewVar(Timing, kit_Timing, all < USUAL ? USUAL : all);
        if (self == NULL)
            return NULL;
    }
    self->call = timing_call;
    self->span = Py_NewRef(span);
    self->kwnames = Py_XNewRef(kwnames);
    self->start = 0;
    self->nargs = nargs;
    self->count = all;
    self->bound = 0;
    self->tracked = false;
    for (Py_ssize_t i = 0; i < all; i++) {
        self->values[i] = Py_NewRef(args[i]);
        self->tracked |= holds_others(args[i]);
    }
    if (UNLIKELY(self->tracked))
        PyObject_GC_Track(self);
    return (PyObject *)self;
}

HIDDEN PyObject *kit_span_call(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *kwnames);

PyObject *
kit_span_call(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *kwnames)
{
    Py_ssize_t nargs = PyVectorcall_NARGS(nargsf);
    if (UNLIKELY(kit_decorates(self)) && nargs == 1 && kwnames == NULL && PyCallable_Check(args[0]))
        return PyObject_CallMethodOneArg(self, kit_str_wrap, args[0]);
    return new_timing(self, args, nargs, kwnames);
}

static PyObject *
timing_new(PyTypeObject *Py_UNUSED(type), PyObject *args, PyObject *kwargs)
{
    PyObject *span, *values, *keywords;
    if (kwargs != NULL && PyDict_GET_SIZE(kwargs) > 0) {
        PyErr_SetString(PyExc_TypeError, "Timing takes no keywords");
        return NULL;
    }
    if (!PyArg_ParseTuple(args, "O!O!O!", kit_Dispatcher, &span, &PyTuple_Type, &values,
                          &PyDict_Type, &keywords))
        return NULL;
    if (PyDict_GET_SIZE(keywords) > 0) {
        PyErr_SetString(PyExc_TypeError, "Timing takes its values in field order");
        return NULL;
    }
    return new_timing(span, ((PyTupleObject *)values)->ob_item, PyTuple_GET_SIZE(values), NULL);
}

static PyObject *
enter(Timing *self)
{
    self->bound &= ~ENTER;
    /* Off at entry means no event: without a start there is no duration. */
    self->start = kit_is_on(self->span) ? kit_clock() : 0;
    return Py_NewRef(self);
}

static PyObject *
leave(Timing *self, PyObject *kind)
{
    self->bound &= ~EXIT;
    int64_t start = self->start;
    if (start == 0)
        Py_RETURN_NONE;
    int64_t end = kit_clock();
    self->start = 0;
    PyObject *error = Py_None, *name = NULL;
    /* A generator that is closed early has ended, not failed. */
    if (UNLIKELY(kind != Py_None && kind != PyExc_GeneratorExit)) {
        name = PyObject_GetAttr(kind, kit_str_name);
        if (name != NULL && !PyUnicode_CheckExact(name))
            Py_SETREF(name, PyObject_Str(kind)); /* no exception's type: as it shows itself */
        if (name == NULL)
            return NULL;
        error = name;
    }
    Event event = {start, self->values, self->nargs, true, end - start, error};
    int status = kit_dispatch(self->span, self->values, self->nargs, self->kwnames, &event);
    Py_XDECREF(name);
    if (status < 0)
        return NULL;
    Py_RETURN_NONE;
}

/* Calling a passage: as its __enter__ it begins, as its __exit__ it ends, see Step; in any other
 * way it was meant to decorate something. */
static PyObject *
timing_call(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *kwnames)
{
    Py_ssize_t nargs = PyVectorcall_NARGS(nargsf);
    if (LIKELY(kwnames == NULL)) {
        if (nargs == 3 && ((Timing *)self)->bound & EXIT)
            return leave((Timing *)self, args[0]);
        if (nargs == 0 && ((Timing *)self)->bound & ENTER)
            return enter((Timing *)self);
    }
    PyObject *name = PyObject_GetAttrString(((Timing *)self)->span, "name");
    if (name != NULL) {
        PyErr_Format(PyExc_TypeError,
                     "span %R has fields, so it cannot decorate a function by itself; say which "
                     "parameters they are: kit.span(%R).wrap(function, ...)",
                     name, name);
        Py_DECREF(name);
    }
    return NULL;
}

/* __enter__ and __exit__ of a passage.
 *
 * A `with` statement looks both up and binds them; a bound method each would cost more than all
 * the rest.  Bound, they are the passage itself, which knows by the number of arguments what it is
 * called for.
 */
typedef struct {
    PyObject_HEAD
    vectorcallfunc call;
    Py_ssize_t nargs; /* beside the passage */
    uint8_t which;
} Step;

static PyTypeObject *step_type;

static PyObject *
step_get(PyObject *self, PyObject *passage, PyObject *Py_UNUSED(type))
{
    if (passage == NULL || Py_TYPE(passage) != kit_Timing)
        return Py_NewRef(self);
    ((Timing *)passage)->bound |= ((Step *)self)->which;
    return Py_NewRef(passage);
}

/* Not bound, as contextlib.ExitStack calls it: type(passage).__exit__(passage, ...). */
static PyObject *
step_call(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *kwnames)
{
    Py_ssize_t nargs = PyVectorcall_NARGS(nargsf);
    if (kwnames != NULL || nargs != ((Step *)self)->nargs + 1 || Py_TYPE(args[0]) != kit_Timing) {
        PyErr_SetString(PyExc_TypeError, "this takes a passage through a span, and nothing by keyword");
        return NULL;
    }
    Timing *passage = (Timing *)args[0];
    return ((Step *)self)->which == ENTER ? enter(passage) : leave(passage, args[1]);
}

static void
step_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMemberDef step_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(Step, call), READONLY, NULL},
    {NULL},
};

static PyType_Slot step_slots[] = {
    {Py_tp_doc, "The beginning or the end of a passage through a span."},
    {Py_tp_dealloc, step_dealloc},
    {Py_tp_descr_get, step_get},
    {Py_tp_call, PyVectorcall_Call},
    {Py_tp_members, step_members},
    {0, NULL},
};

static PyType_Spec step_spec = {
    .name = "kit._c.Step",
    .basicsize = sizeof(Step),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_DISALLOW_INSTANTIATION |
             Py_TPFLAGS_IMMUTABLETYPE,
    .slots = step_slots,
};

static int
add_step(PyObject *type, const char *name, Py_ssize_t nargs, uint8_t which)
{
    Step *step = PyObject_New(Step, step_type);
    if (step == NULL)
        return -1;
    step->call = step_call;
    step->nargs = nargs;
    step->which = which;
    int status = PyObject_SetAttrString(type, name, (PyObject *)step);
    Py_DECREF(step);
    return status;
}

static int
timing_traverse(Timing *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->span);
    for (Py_ssize_t i = 0; i < self->count; i++)
        Py_VISIT(self->values[i]);
    return 0;
}

static int
timing_clear(Timing *self)
{
    Py_CLEAR(self->kwnames);
    for (Py_ssize_t i = 0; i < self->count; i++)
        Py_XSETREF(self->values[i], Py_NewRef(Py_None));
    return 0;
}

static inline void
give_back(Timing *self)
{
    PyTypeObject *type = Py_TYPE(self);
    Py_DECREF(self->span);
    Py_XDECREF(self->kwnames);
    for (Py_ssize_t i = 0; i < self->count; i++)
        Py_XDECREF(self->values[i]);
#ifdef KEPT
    if (LIKELY(Py_SIZE(self) == USUAL && kept_count < KEPT)) {
        kept[kept_count++] = self;
        return;
    }
#endif
    PyObject_GC_Del(self);
    Py_DECREF(type);
}

static void
timing_dealloc(Timing *self)
{
    if (LIKELY(!self->tracked)) {
        give_back(self);
        return;
    }
    PyObject_GC_UnTrack(self);
    /* A value may be another passage, and so on for as long as memory lasts. */
    Py_TRASHCAN_BEGIN(self, timing_dealloc)
    give_back(self); /* no return: the bin counts how deep it is */
    Py_TRASHCAN_END
}

static PyMemberDef timing_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(Timing, call), READONLY, NULL},
    {NULL},
};

static PyType_Slot timing_slots[] = {
    {Py_tp_doc, "One passage through a span: the context manager that calling a span returns."},
    {Py_tp_new, timing_new},
    {Py_tp_call, PyVectorcall_Call},
    {Py_tp_dealloc, timing_dealloc},
    {Py_tp_traverse, timing_traverse},
    {Py_tp_clear, timing_clear},
    {Py_tp_members, timing_members},
    {0, NULL},
};

static PyType_Spec timing_spec = {
    .name = "kit._c.Timing",
    .basicsize = offsetof(Timing, values),
    .itemsize = sizeof(PyObject *),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL,
    .slots = timing_slots,
};

int
kit_init_spans(PyObject *module)
{
    step_type = kit_add_type(module, &step_spec, NULL);
    kit_Timing = step_type == NULL ? NULL : kit_add_type(module, &timing_spec, NULL);
    if (kit_Timing == NULL || add_step((PyObject *)kit_Timing, "__enter__", 0, ENTER) < 0 ||
        add_step((PyObject *)kit_Timing, "__exit__", 3, EXIT) < 0)
        return -1;
    /* Whole now: as the other types, it stays as it is. */
    kit_Timing->tp_flags |= Py_TPFLAGS_IMMUTABLETYPE;
    PyType_Modified(kit_Timing);
    return 0;
}
