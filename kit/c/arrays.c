/* Tallies, stubs and the probe array: what a dispatch reads. */
#include "kit.h"

/* A count that only grows. */

static PyMemberDef tally_members[] = {
    {"n", T_LONGLONG, offsetof(Tally, n), 0, "How many."},
    {NULL},
};

PyDoc_STRVAR(up_doc, "up()\n--\n\nCount one more, on any thread; return how many there are now.");

static PyObject *
tally_up(PyObject *self, PyObject *Py_UNUSED(none))
{
    return PyLong_FromLongLong(kit_count(&((Tally *)self)->n));
}

static PyMethodDef tally_methods[] = {
    {"up", tally_up, METH_NOARGS, up_doc},
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
    {Py_tp_methods, tally_methods},
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
    kit_count(&((Tally *)self)->n);
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
    Py_VISIT(self->originals);
    Py_VISIT(self->connections);
    Py_VISIT(self->observers);
    return 0;
}

static void
array_dealloc(Array *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    Py_ssize_t count = self->originals == NULL ? 0 : PyTuple_GET_SIZE(self->originals);
    for (Py_ssize_t i = 0; i < count; i++) {
        if (self->calls[i] != PyTuple_GET_ITEM(self->originals, i))
            Py_DECREF(self->calls[i]); /* a stub */
    }
    Py_XDECREF(self->originals);
    Py_XDECREF(self->connections);
    Py_XDECREF(self->observers);
    Py_XDECREF(self->tally);
    PyMem_Free(self->calls);
    type->tp_free(self);
    Py_DECREF(type);
}

char
kit_kind(PyObject *call, bool timed)
{
    return Py_TYPE(call) == kit_Writer        ? CALL_WRITER
           : Py_TYPE(call) == kit_Adder       ? CALL_ADDER
           : Py_TYPE(call) == kit_EventFilter ? CALL_FILTER
           : Py_TYPE(call) == kit_Stub        ? CALL_STUB
           : timed                            ? CALL_TIMED
                                              : CALL_PLAIN;
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
    Py_ssize_t count = PyTuple_GET_SIZE(connections);
    if (PyList_GET_SIZE(calls) != count || PyTuple_GET_SIZE(timed) != count) {
        PyErr_SetString(PyExc_ValueError, "an array has one call a connection");
        return -1;
    }
    /* A copy: nobody else can change it, or how long it is. */
    PyObject *originals = PyList_AsTuple(calls);
    Tally *tally = (Tally *)PyObject_CallNoArgs((PyObject *)kit_Tally);
    PyObject **places = PyMem_Malloc((sizeof(PyObject *) + 1) * (count + 1));
    if (originals == NULL || tally == NULL || places == NULL || PyTuple_GET_SIZE(originals) != count ||
        self->calls != NULL) {
        if (self->calls != NULL)
            PyErr_SetString(PyExc_TypeError, "an array never changes");
        else if (originals != NULL && PyTuple_GET_SIZE(originals) != count)
            PyErr_SetString(PyExc_ValueError, "an array has one call a connection");
        else if (!PyErr_Occurred())
            PyErr_NoMemory();
        Py_XDECREF(originals);
        Py_XDECREF(tally);
        PyMem_Free(places);
        return -1;
    }
    /* Here nothing fails, and no Python code runs. */
    char *kinds = (char *)(places + count + 1);
    self->plain = self->only_writers = true;
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *call = PyTuple_GET_ITEM(originals, i);
        char kind = kit_kind(call, PyTuple_GET_ITEM(timed, i) == Py_True);
        char behind = kind == CALL_FILTER ? kit_filter_kind(call) : kind;
        places[i] = call;
        kinds[i] = kind;
        /* An aggregate wants no time; a single one behind a condition reads it if it wants it. */
        self->plain = self->plain && (behind == CALL_PLAIN || behind == CALL_ADDER);
        self->only_writers = self->only_writers && (behind == CALL_WRITER || behind == CALL_ADDER);
    }
    places[count] = NULL;
    kinds[count] = 0;
    if (count == 1 && PyTuple_GET_SIZE(observers) == 0 &&
        kinds[0] != CALL_TIMED && kinds[0] != CALL_STUB)
        self->single = kinds[0];
    self->arity = arity;
    self->generation = generation;
    self->originals = originals;
    self->connections = Py_NewRef(connections);
    self->observers = Py_NewRef(observers);
    self->tally = tally;
    self->kinds = kinds;
    self->calls = places;
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
    if (self->calls == NULL || position < 0 || position >= PyTuple_GET_SIZE(self->originals)) {
        PyErr_SetString(PyExc_IndexError, "there is no closure at that position");
        return NULL;
    }
    /* It stays with the array, so it may be called, and may be running. */
    PyObject *original = PyTuple_GET_ITEM(self->originals, position);
#ifdef Py_GIL_DISABLED
    /* One store, or none where a stub stands already; see kit_call_at(). Release: everything that
     * the stub is, and that its connection is off (Registry.switch_off), comes before it, for the
     * dispatch whose load finds it. */
    Py_INCREF(stub);
    if (stub == original ||
        !__atomic_compare_exchange_n(&self->calls[position], &original, stub, false, __ATOMIC_RELEASE,
                                     __ATOMIC_RELAXED))
        Py_DECREF(stub);
#else
    /* The kind first: a stub may be called either way, a closure may not. */
    self->kinds[position] = CALL_STUB;
    self->plain = self->only_writers = false;
    self->single = 0;
    if (self->calls[position] == original && stub != original)
        self->calls[position] = Py_NewRef(stub);
#endif
    Py_RETURN_NONE;
}

static PyMethodDef array_methods[] = {
    {"put_stub", (PyCFunction)(void (*)(void))array_put_stub, METH_FASTCALL, put_stub_doc},
    {NULL},
};

static PyObject *
array_calls(Array *self, void *Py_UNUSED(closure))
{
    Py_ssize_t count = self->calls == NULL ? 0 : PyTuple_GET_SIZE(self->originals);
    PyObject *list = PyList_New(count);
    for (Py_ssize_t i = 0; list != NULL && i < count; i++) {
        char kind;
        PyList_SET_ITEM(list, i, Py_NewRef(kit_call_at(self, i, &kind)));
    }
    return list;
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
    {Py_tp_traverse, array_traverse}, /* nothing to clear: like a tuple, it stays as it is */
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
