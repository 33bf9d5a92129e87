/* The condition before a probe: an event that does not meet it costs neither a call nor the time. */
#include "filter.h"

char
kit_filter_kind(PyObject *filter)
{
    return ((EventFilter *)filter)->kind;
}

/* Keep an event back for which could not be decided; needs no memory. */
static COLD int
undecided(EventFilter *self)
{
    kit_count(&self->kept->n);
    kit_count(&self->failed->n);
    return -1;
}

enum { UNKNOWN = -2 };

/* Ask Python. */
static COLD int
ask(EventFilter *self, Call *call)
{
    if (kit_call_tuple(call) < 0)
        return -1;
    PyObject *met = PyObject_CallOneArg(self->test, call->tuple);
    int result = met == NULL ? -1 : met == Py_None ? UNKNOWN : PyObject_IsTrue(met);
    Py_XDECREF(met);
    return result;
}

int
kit_filter(EventFilter *self, Reader *reader, Call *call)
{
    const Event *event = &call->event;
    int met = event->is_span ? -1 : kit_simply_met(self->program, event->fields, event->count);
    if (met < 0)
        met = kit_program_met(self->program, event);
    if (UNLIKELY(met < 0)) {
        met = ask(self, call);
        if (met < 0) {
            undecided(self);
            return met == UNKNOWN ? 0 : -1;
        }
    }
    if (!met) {
        kit_count(&self->kept->n);
        return 0;
    }
    if (!call->timed && self->kind != CALL_PLAIN && self->kind != CALL_ADDER) {
        call->event.ts = kit_clock();
        call->timed = true;
    }
    if (self->kind == CALL_PLAIN && call->args == NULL && kit_call_tuple(call) < 0)
        return undecided(self);
    return kit_call(self->behind, self->kind, call, reader);
}

Reader *
kit_event_of(PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames, bool is_span, Event *event)
{
    if (nargs != 3 || kwnames != NULL || !PyTuple_Check(args[2])) {
        PyErr_SetString(PyExc_TypeError, "a writer is called as write(ident, ts, args)");
        return NULL;
    }
    Reader *reader = kit_reader != NULL ? kit_reader : kit_register();
    if (reader == NULL)
        return NULL;
    Py_ssize_t skip = is_span ? 2 : 0;
    if (PyTuple_GET_SIZE(args[2]) < skip) {
        PyErr_SetString(PyExc_TypeError, "a span's values begin with its duration and error");
        return NULL;
    }
    *event = (Event){PyLong_AsLongLong(args[1]), ((PyTupleObject *)args[2])->ob_item + skip,
                     PyTuple_GET_SIZE(args[2]) - skip, is_span, 0, Py_None};
    if (is_span) {
        event->dur = PyLong_AsLongLong(PyTuple_GET_ITEM(args[2], 0));
        event->error = PyTuple_GET_ITEM(args[2], 1);
    }
    if (event->error != Py_None && !PyUnicode_CheckExact(event->error)) {
        PyErr_SetString(PyExc_TypeError, "a span's error is the name of a type, or None");
        return NULL;
    }
    return PyErr_Occurred() ? NULL : reader;
}

/* The type. */

/* Called from Python, as what stands behind it is: with the arguments, or the thread and the time. */
static PyObject *
filter_call(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *kwnames)
{
    EventFilter *filter = (EventFilter *)self;
    Py_ssize_t nargs = PyVectorcall_NARGS(nargsf);
    Call call = {args, nargs, NULL, false, {0, args, nargs, false, 0, Py_None}};
    Reader *reader;
    if (filter->kind == CALL_PLAIN) {
        reader = kit_reader != NULL ? kit_reader : kit_register();
        if (kwnames != NULL || (filter->is_span && nargs < 2)) {
            PyErr_SetString(PyExc_TypeError, "a filter takes the values of an event, in order");
            return NULL;
        }
        if (filter->is_span) {
            call.event = (Event){0, args + 2, nargs - 2, true, PyLong_AsLongLong(args[0]), args[1]};
            call.timed = true;
            if (PyErr_Occurred())
                return NULL;
        }
    }
    else {
        reader = kit_event_of(args, nargs, kwnames, filter->is_span, &call.event);
        call.args = NULL;
        call.timed = true;
    }
    int status = reader == NULL ? undecided(filter) : kit_filter(filter, reader, &call);
    Py_XDECREF(call.tuple);
    if (status < 0)
        return NULL;
    Py_RETURN_NONE;
}

static int
filter_fill(PyObject *made, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"program", "behind", "timed", "is_span", "kept", "failed", "test", NULL};
    EventFilter *self = (EventFilter *)made;
    PyObject *program, *behind, *kept, *failed, *test;
    int timed, is_span;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!OppO!O!O", names, kit_Program, &program, &behind,
                                     &timed, &is_span, kit_Tally, &kept, kit_Tally, &failed, &test))
        return -1;
    self->kind = kit_kind(behind, timed);
    if (self->kind == CALL_FILTER) {
        PyErr_SetString(PyExc_TypeError, "a filter stands before a probe, not before another filter");
        return -1;
    }
    self->call = filter_call;
    self->is_span = is_span;
    self->program = (Program *)Py_NewRef(program);
    self->first.at = PY_SSIZE_T_MAX;
    if (self->program->simple_count > 0)
        self->first = self->program->simple[0];
    self->behind = Py_NewRef(behind);
    self->kept = (Tally *)Py_NewRef(kept);
    self->failed = (Tally *)Py_NewRef(failed);
    self->test = Py_NewRef(test);
    return 0;
}

static PyObject *
filter_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    return kit_make(type, args, kwargs, filter_fill);
}

static int
filter_traverse(EventFilter *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->behind);
    Py_VISIT(self->test);
    return 0;
}

static void
filter_dealloc(EventFilter *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    Py_XDECREF(self->program);
    Py_XDECREF(self->behind);
    Py_XDECREF(self->kept);
    Py_XDECREF(self->failed);
    Py_XDECREF(self->test);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMemberDef filter_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(EventFilter, call), READONLY, NULL},
    {"behind", T_OBJECT_EX, offsetof(EventFilter, behind), READONLY, "The closure."},
    {NULL},
};

static PyType_Slot filter_slots[] = {
    {Py_tp_doc, "Lets the events through that meet a condition."},
    {Py_tp_new, filter_new},
    {Py_tp_call, PyVectorcall_Call},
    {Py_tp_dealloc, filter_dealloc},
    {Py_tp_traverse, filter_traverse}, /* nothing to clear: what it holds does not change */
    {Py_tp_members, filter_members},
    {0, NULL},
};

static PyType_Spec filter_spec = {
    .name = "kit._c.EventFilter",
    .basicsize = sizeof(EventFilter),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL |
             Py_TPFLAGS_IMMUTABLETYPE,
    .slots = filter_slots,
};

int
kit_init_filter(PyObject *module)
{
    kit_EventFilter = kit_add_type(module, &filter_spec, NULL);
    return kit_EventFilter == NULL ? -1 : 0;
}
