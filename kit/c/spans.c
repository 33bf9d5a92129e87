/* Spans: a context manager that fires once, at its end, with start and duration. */
#include "kit.h"

HIDDEN bool kit_is_on(PyObject *marker);
HIDDEN bool kit_decorates(PyObject *span);

typedef struct {
    PyObject_VAR_HEAD
    PyObject *span;
    PyObject *kwnames;  /* of the last values, or NULL */
    int64_t start;      /* 0 outside, and where nothing was connected at entry */
    Py_ssize_t nargs;   /* positional ones */
    PyObject *values[1];
} Timing;

static PyObject *
new_timing(PyObject *span, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    Py_ssize_t all = nargs + (kwnames == NULL ? 0 : PyTuple_GET_SIZE(kwnames));
    Timing *self = PyObject_GC_NewVar(Timing, kit_Timing, all);
    if (self == NULL)
        return NULL;
    self->span = Py_NewRef(span);
    self->kwnames = Py_XNewRef(kwnames);
    self->start = 0;
    self->nargs = nargs;
    for (Py_ssize_t i = 0; i < all; i++)
        self->values[i] = Py_NewRef(args[i]);
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
timing_enter(Timing *self, PyObject *Py_UNUSED(none))
{
    /* Off at entry means no event: without a start there is no duration. */
    self->start = kit_is_on(self->span) ? kit_clock() : 0;
    return Py_NewRef(self);
}

static PyObject *
timing_exit(Timing *self, PyObject *const *args, Py_ssize_t nargs)
{
    int64_t start = self->start;
    if (start == 0)
        Py_RETURN_NONE;
    int64_t end = kit_clock();
    self->start = 0;
    PyObject *kind = nargs > 0 ? args[0] : Py_None;
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

static PyObject *
timing_call(Timing *self, PyObject *Py_UNUSED(args), PyObject *Py_UNUSED(kwargs))
{
    PyObject *name = PyObject_GetAttrString(self->span, "name");
    if (name != NULL) {
        PyErr_Format(PyExc_TypeError,
                     "span %R has fields, so it cannot decorate a function by itself; say which "
                     "parameters they are: kit.span(%R).wrap(function, ...)",
                     name, name);
        Py_DECREF(name);
    }
    return NULL;
}

static int
timing_traverse(Timing *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->span);
    for (Py_ssize_t i = 0; i < Py_SIZE(self); i++)
        Py_VISIT(self->values[i]);
    return 0;
}

static int
timing_clear(Timing *self)
{
    Py_CLEAR(self->kwnames);
    for (Py_ssize_t i = 0; i < Py_SIZE(self); i++)
        Py_XSETREF(self->values[i], Py_NewRef(Py_None));
    return 0;
}

static void
timing_dealloc(Timing *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    Py_DECREF(self->span);
    Py_XDECREF(self->kwnames);
    for (Py_ssize_t i = 0; i < Py_SIZE(self); i++)
        Py_XDECREF(self->values[i]);
    PyObject_GC_Del(self);
    Py_DECREF(type);
}


static PyMethodDef timing_methods[] = {
    {"__enter__", (PyCFunction)timing_enter, METH_NOARGS, "Begin."},
    {"__exit__", (PyCFunction)(void (*)(void))timing_exit, METH_FASTCALL, "End, and fire."},
    {NULL},
};

static PyType_Slot timing_slots[] = {
    {Py_tp_doc, "One passage through a span: the context manager that calling a span returns."},
    {Py_tp_new, timing_new},
    {Py_tp_call, timing_call},
    {Py_tp_dealloc, timing_dealloc},
    {Py_tp_traverse, timing_traverse},
    {Py_tp_clear, timing_clear},
    {Py_tp_methods, timing_methods},
    {0, NULL},
};

static PyType_Spec timing_spec = {
    .name = "kit._c.Timing",
    .basicsize = offsetof(Timing, values),
    .itemsize = sizeof(PyObject *),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = timing_slots,
};

int
kit_init_spans(PyObject *module)
{
    kit_Timing = kit_add_type(module, &timing_spec, NULL);
    return kit_Timing == NULL ? -1 : 0;
}
