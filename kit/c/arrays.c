/* Tallies, stubs and the probe array: what a dispatch reads. */
#include "kit.h"

/* A count that only grows. */

static PyMemberDef tally_members[] = {
    {"n", T_LONGLONG, offsetof(Tally, n), 0, "How many."},
    {NULL},
};

static void
tally_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyType_Slot tally_slots[] = {
    {Py_tp_doc, "A count that only grows."},
    {Py_tp_members, tally_members},
    {Py_tp_dealloc, tally_dealloc},
    {0, NULL},
};

static PyType_Spec tally_spec = {
    .name = "kit._c.Tally",
    .basicsize = sizeof(Tally),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_BASETYPE,
    .slots = tally_slots,
};

static PyObject *
stub_call(PyObject *self, PyObject *Py_UNUSED(args), PyObject *Py_UNUSED(kwargs))
{
    ((Tally *)self)->n++;
    Py_RETURN_NONE;
}

static PyType_Slot stub_slots[] = {
    {Py_tp_doc, "Stands in for a closure that was taken out in place; counts what it spares."},
    {Py_tp_call, stub_call},
    {0, NULL},
};

static PyType_Spec stub_spec = {
    .name = "kit._c.Stub",
    .basicsize = sizeof(Tally),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = stub_slots,
};

/* The array. */

static int
array_traverse(Array *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->calls);
    Py_VISIT(self->connections);
    Py_VISIT(self->observers);
    return 0;
}

static int
array_clear(Array *self)
{
    Py_CLEAR(self->calls);
    Py_CLEAR(self->connections);
    Py_CLEAR(self->observers);
    return 0;
}

static void
array_dealloc(Array *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    array_clear(self);
    Py_CLEAR(self->tally);
    PyMem_Free(self->kinds);
    type->tp_free(self);
    Py_DECREF(type);
}

static int
array_init(Array *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"connections", "calls", "timed", "observers", "arity", "generation", NULL};
    PyObject *connections, *calls, *timed, *observers;
    Py_ssize_t arity;
    long long generation;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!O!O!O!nL", names, &PyTuple_Type, &connections,
                                     &PyList_Type, &calls, &PyTuple_Type, &timed, &PyTuple_Type,
                                     &observers, &arity, &generation))
        return -1;
    if (self->kinds != NULL || self->tally != NULL) {
        PyErr_SetString(PyExc_TypeError, "an array never changes");
        return -1;
    }
    Py_ssize_t count = PyTuple_GET_SIZE(connections);
    if (PyList_GET_SIZE(calls) != count || PyTuple_GET_SIZE(timed) != count) {
        PyErr_SetString(PyExc_ValueError, "an array has one call a connection");
        return -1;
    }
    self->kinds = PyMem_Malloc(count + 1);
    self->tally = (Tally *)PyObject_CallNoArgs((PyObject *)kit_Tally);
    if (self->kinds == NULL || self->tally == NULL) {
        if (!PyErr_Occurred())
            PyErr_NoMemory();
        return -1;
    }
    self->plain = self->only_writers = true;
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *call = PyList_GET_ITEM(calls, i);
        char kind = Py_TYPE(call) == kit_Writer                      ? CALL_WRITER
                    : PyTuple_GET_ITEM(timed, i) == Py_True ? CALL_TIMED
                                                                     : CALL_PLAIN;
        self->kinds[i] = kind;
        self->plain = self->plain && kind == CALL_PLAIN;
        self->only_writers = self->only_writers && kind == CALL_WRITER;
    }
    self->kinds[count] = 0;
    if (count == 1 && PyTuple_GET_SIZE(observers) == 0 && self->kinds[0] != CALL_TIMED)
        self->single = self->kinds[0];
    self->arity = arity;
    self->generation = generation;
    self->calls = PyList_GetSlice(calls, 0, count);
    if (self->calls == NULL)
        return -1;
    self->connections = Py_NewRef(connections);
    self->observers = Py_NewRef(observers);
    return 0;
}

PyDoc_STRVAR(put_stub_doc, "put_stub(position, stub)\n--\n\nPut a stub in a closure's place, in one store.");

static PyObject *
array_put_stub(Array *self, PyObject *const *args, Py_ssize_t nargs)
{
    /* Taken as they are: removing has to work where there is no memory, not even for a tuple. */
    if (nargs != 2 || !PyLong_Check(args[0]) || Py_TYPE(args[1]) != kit_Stub) {
        PyErr_SetString(PyExc_TypeError, "put_stub() takes a position and a stub");
        return NULL;
    }
    Py_ssize_t position = PyLong_AsSsize_t(args[0]);
    PyObject *stub = args[1];
    if (position == -1 && PyErr_Occurred())
        return NULL;
    if (self->calls == NULL || position < 0 || position >= PyList_GET_SIZE(self->calls)) {
        PyErr_SetString(PyExc_IndexError, "there is no closure at that position");
        return NULL;
    }
    /* The kind first: a stub may be called either way, a closure may not. */
    self->kinds[position] = CALL_STUB;
    self->plain = self->only_writers = false;
    self->single = 0;
    PyObject *old = PyList_GET_ITEM(self->calls, position);
    PyList_SET_ITEM(self->calls, position, Py_NewRef(stub));
    Py_DECREF(old);
    Py_RETURN_NONE;
}

static PyMethodDef array_methods[] = {
    {"put_stub", (PyCFunction)(void (*)(void))array_put_stub, METH_FASTCALL, put_stub_doc},
    {NULL},
};

/* A copy: dispatches rely on the list having one call a connection. */
static PyObject *
array_calls(Array *self, void *Py_UNUSED(closure))
{
    return self->calls == NULL ? PyList_New(0) : PyList_GetSlice(self->calls, 0, PY_SSIZE_T_MAX);
}

static PyGetSetDef array_getset[] = {
    {"calls", (getter)array_calls, NULL, "What dispatches call, in order.", NULL},
    {NULL},
};

static PyMemberDef array_members[] = {
    {"connections", T_OBJECT_EX, offsetof(Array, connections), READONLY, NULL},
    {"observers", T_OBJECT_EX, offsetof(Array, observers), READONLY, NULL},
    {"tally", T_OBJECT_EX, offsetof(Array, tally), READONLY, NULL},
    {"arity", T_PYSSIZET, offsetof(Array, arity), READONLY, NULL},
    {"generation", T_LONGLONG, offsetof(Array, generation), 0, NULL},
    {NULL},
};

static PyType_Slot array_slots[] = {
    {Py_tp_doc, "What one dispatch reads: the closures in call order."},
    {Py_tp_init, array_init},
    {Py_tp_dealloc, array_dealloc},
    {Py_tp_traverse, array_traverse},
    {Py_tp_clear, array_clear},
    {Py_tp_getset, array_getset},
    {Py_tp_members, array_members},
    {Py_tp_methods, array_methods},
    {0, NULL},
};

static PyType_Spec array_spec = {
    .name = "kit._c.Array",
    .basicsize = sizeof(Array),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = array_slots,
};

int
kit_init_arrays(PyObject *module)
{
    kit_Tally = kit_add_type(module, &tally_spec, NULL);
    if (kit_Tally == NULL)
        return -1;
    kit_Stub = kit_add_type(module, &stub_spec, kit_Tally);
    kit_Array = kit_add_type(module, &array_spec, NULL);
    return kit_Stub == NULL || kit_Array == NULL ? -1 : 0;
}
