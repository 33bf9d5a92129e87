/* The dispatch: kit/core/_dispatch/python.py step by step, where every nanosecond counts.
 *
 * What happens at a site, in order:
 *
 * 1. Off?  One load of the published array; nothing else is looked at.
 * 2. Register as a reader (kit_enter).
 * 3. Read the array once more, after registering.  This is the load that counts: an updater that
 *    does not find this reader published before, so this load sees the new array.
 * 4. Count the dispatch on the array, and call each of its closures once.
 * 5. Leave.  From here on an updater need not wait for this thread.
 *
 * No lock is taken.  What ordinary dispatches do not need (keywords, errors) is done in Python, by
 * kit.core._dispatch.accounting.
 */
#include "filter.h"

HIDDEN PyObject *kit_span_call(PyObject *self, PyObject *const *args, size_t nargsf,
                               PyObject *kwnames);

/* Calling one closure. */

int
kit_call_tuple(Call *call)
{
    if (call->tuple != NULL)
        return 0;
    const Event *event = &call->event;
    Py_ssize_t shift = event->is_span ? 2 : 0;
    PyObject *tuple = PyTuple_New(event->count + shift);
    PyObject *dur = tuple != NULL && event->is_span ? PyLong_FromLongLong(event->dur) : NULL;
    if (tuple == NULL || (event->is_span && dur == NULL)) {
        Py_XDECREF(tuple);
        return -1;
    }
    if (event->is_span) {
        PyTuple_SET_ITEM(tuple, 0, dur);
        PyTuple_SET_ITEM(tuple, 1, Py_NewRef(event->error));
    }
    for (Py_ssize_t i = 0; i < event->count; i++)
        PyTuple_SET_ITEM(tuple, i + shift, Py_NewRef(event->fields[i]));
    call->tuple = tuple;
    if (call->args == NULL) {
        call->args = ((PyTupleObject *)tuple)->ob_item;
        call->nargs = event->count + shift;
    }
    return 0;
}

/* Whether a function had begun when the exception that is set came out of its call: begun() of
 * kit.core._dispatch.accounting, for a caller that has no frame.  No memory is asked for. */
static COLD bool
begun(PyObject *callable)
{
    if (PyMethod_Check(callable))
        callable = PyMethod_GET_FUNCTION(callable);
    if (!PyFunction_Check(callable))
        return true;
    PyObject *trace;
#if PY_VERSION_HEX >= 0x030C0000
    PyObject *error = PyErr_GetRaisedException();
    trace = PyException_GetTraceback(error);
    PyErr_SetRaisedException(error);
#else
    PyObject *type, *value;
    PyErr_Fetch(&type, &value, &trace);
    Py_XINCREF(trace);
    PyErr_Restore(type, value, trace);
#endif
    bool found = false, done = trace != NULL || !PyErr_ExceptionMatches(PyExc_RecursionError);
    for (PyTracebackObject *at = (PyTracebackObject *)trace; at != NULL && !found; at = at->tb_next) {
        PyCodeObject *code = PyFrame_GetCode(at->tb_frame);
        found = (PyObject *)code == PyFunction_GET_CODE(callable);
        if (found)
            done = PyCode_Addr2Line(code, at->tb_lasti) != code->co_firstlineno;
        Py_DECREF(code);
    }
    Py_XDECREF(trace);
    return done;
}

/* What a probe returned is nobody's: where that is work to be done, nobody will do it.  Whoever holds it
 * as well may; a task, for one, is its loop's.  0; or -1, where telling so was interrupted. */
static int
look(PyObject *result, Reader *reader)
{
    const PyAsyncMethods *async = Py_TYPE(result)->tp_as_async;
    Frame *frame = reader->top;
    if (Py_REFCNT(result) != 1 || frame == NULL || frame->at < 0 ||
        !(PyCoro_CheckExact(result) || PyGen_CheckExact(result) || PyAsyncGen_CheckExact(result) ||
          (async != NULL && async->am_await != NULL)))
        return 0;
    PyObject *connection = PyTuple_GET_ITEM(frame->array->connections, frame->at);
    PyObject *done = PyObject_CallMethodOneArg(connection, kit_str_note_returned, result);
    if (done == NULL && !PyErr_ExceptionMatches(PyExc_Exception))
        return -1;
    PyErr_Clear(); /* no connection of the kit's */
    Py_XDECREF(done);
    return 0;
}

/* Give up what a probe returned, which is not None; -1 with an exception set. */
static COLD int
give_up(PyObject *result, Reader *reader)
{
    if (result == NULL)
        return -1;
    int status = look(result, reader);
    Py_DECREF(result);
    return status;
}

/* What a call came to, below 0 with an exception set. */
enum { NOT_BEGUN = -2 }; /* and a probe of the kit's own could not account for the event */

static inline int
call_one(PyObject *callable, char kind, Call *call, Reader *reader)
{
    PyObject *result, *timed[3];
    switch (kind) {
    case CALL_WRITER:
        return kit_write((Writer *)callable, reader, &call->event);
    case CALL_ADDER:
        return kit_add((Adder *)callable, reader, &call->event);
    case CALL_FILTER:
        return kit_filter((EventFilter *)callable, reader, call);
    case CALL_STUB:
        kit_count(&((Tally *)callable)->n);
        return 0;
    case CALL_TIMED:
        if (kit_call_tuple(call) < 0)
            return NOT_BEGUN;
        timed[0] = PyLong_FromUnsignedLong(reader->ident);
        timed[1] = timed[0] == NULL ? NULL : PyLong_FromLongLong(call->event.ts);
        timed[2] = call->tuple;
        if (timed[1] == NULL) {
            Py_XDECREF(timed[0]);
            return NOT_BEGUN;
        }
        result = PyObject_Vectorcall(callable, timed, 3, NULL);
        Py_DECREF(timed[0]);
        Py_DECREF(timed[1]);
        if (UNLIKELY(result == NULL))
            return begun(callable) ? -1 : NOT_BEGUN;
        break;
    default:
        result = PyObject_Vectorcall(callable, call->args, call->nargs, NULL);
    }
    if (UNLIKELY(result != Py_None))
        return give_up(result, reader);
    Py_DECREF(result);
    return 0;
}

int
kit_call(PyObject *callable, char kind, Call *call, Reader *reader)
{
    return call_one(callable, kind, call, reader);
}

/* Take the exception that is set, whole, and leave none set. */
static PyObject *
take_error(void)
{
#if PY_VERSION_HEX >= 0x030C0000
    return PyErr_GetRaisedException();
#else
    PyObject *type, *value, *trace;
    PyErr_Fetch(&type, &value, &trace);
    PyErr_NormalizeException(&type, &value, &trace);
    if (trace != NULL)
        PyException_SetTraceback(value, trace);
    Py_XDECREF(type);
    Py_XDECREF(trace);
    return value;
#endif
}

static void
raise_again(PyObject *error)
{
#if PY_VERSION_HEX >= 0x030C0000
    PyErr_SetRaisedException(error);
#else
    PyErr_Restore(Py_NewRef(Py_TYPE(error)), error, PyException_GetTraceback(error));
#endif
}

static void
count_one(PyObject *connection, PyObject *which)
{
    PyObject *tally = PyObject_GetAttr(connection, which);
    if (tally == NULL)
        PyErr_Clear(); /* no connection of the kit's, which counts */
    else if (PyObject_TypeCheck(tally, kit_Tally))
        kit_count(&((Tally *)tally)->n);
    Py_XDECREF(tally);
}

/* Take back the calls that the array's tally counted for closures from a position on, which were
 * not reached.  The exception that ends the dispatch is set, and stays; no memory is asked for. */
static COLD void
missed(Array *array, Py_ssize_t position)
{
    PyObject *error = take_error();
    for (; position < PyTuple_GET_SIZE(array->connections); position++)
        count_one(PyTuple_GET_ITEM(array->connections, position), kit_str_missed);
    raise_again(error);
}

/* A probe has raised: account for it.  0: go on with the others; -1: let it through, it is set, or
 * the one that accounting for it has raised. */
static COLD int
failed(PyObject *marker, Array *array, Py_ssize_t position, int status, PyObject *error)
{
    if (status == NOT_BEGUN)
        count_one(PyTuple_GET_ITEM(array->connections, position), kit_str_not_begun);
    PyObject *at = PyLong_FromSsize_t(position);
    PyObject *through = NULL;
    if (at != NULL) {
        through = PyObject_CallMethodObjArgs(marker, kit_str_account, (PyObject *)array, at, error, NULL);
        Py_DECREF(at);
    }
    if (through == Py_False) {
        Py_DECREF(through);
        Py_DECREF(error);
        return 0;
    }
    if (through == NULL)
        Py_DECREF(error);
    else {
        Py_DECREF(through);
        raise_again(error);
    }
    return -1;
}

/* Dispatches inside a dispatch, and those that are observed. */

/* Whether comparing a probe runs no code but the interpreter's: nearly always. */
static inline bool
simple(PyObject *probe)
{
    if (PyMethod_Check(probe))
        return PyFunction_Check(PyMethod_GET_FUNCTION(probe));
    return Py_TYPE(probe)->tp_richcompare == PyBaseObject_Type.tp_richcompare;
}

/* Whether two connections are one closure, as Connection._same_closure says: 1, 0, or -1. */
static int
same_closure(PyObject *one, PyObject *other)
{
    PyObject *private = PyObject_GetAttr(one, kit_str_private), *probe = NULL;
    PyObject *its_private = PyObject_GetAttr(other, kit_str_private), *its_probe = NULL, *same;
    int found = -1;
    if (private == NULL || its_private == NULL)
        goto out;
    found = 0;
    if (private != its_private)
        goto out;
    found = -1;
    probe = PyObject_GetAttr(one, kit_str_probe);
    its_probe = PyObject_GetAttr(other, kit_str_probe);
    if (probe == NULL || its_probe == NULL)
        goto out;
    found = probe == its_probe;
    if (found)
        goto out;
    if (simple(probe) && simple(its_probe)) {
        /* Bound methods are made anew at each access. */
        found = PyMethod_Check(probe) && PyMethod_Check(its_probe) &&
                PyMethod_GET_SELF(probe) == PyMethod_GET_SELF(its_probe) &&
                PyMethod_GET_FUNCTION(probe) == PyMethod_GET_FUNCTION(its_probe);
        goto out;
    }
    same = PyObject_CallMethodObjArgs(one, kit_str_same_closure, its_probe, its_private, NULL);
    found = same == NULL ? -1 : same == Py_True;
    Py_XDECREF(same);
out:
    Py_XDECREF(private);
    Py_XDECREF(its_private);
    Py_XDECREF(probe);
    Py_XDECREF(its_probe);
    return found;
}

/* Whether a closure is running on this thread, in a dispatch further out.  1, 0, or -1. */
static int
is_running(Frame *inner, PyObject *connection)
{
    int found = 0;
    for (Frame *frame = inner->outer; frame != NULL && found == 0; frame = frame->outer) {
        if (frame->at < 0)
            continue;
        PyObject *other = PyTuple_GET_ITEM(frame->array->connections, frame->at);
        found = other == connection ? 1 : same_closure(connection, other);
    }
    return found;
}

static int
leave_out(PyObject *connection)
{
    PyObject *tally = PyObject_GetAttr(connection, kit_str_left_out);
    if (tally == NULL)
        return -1;
    if (PyObject_TypeCheck(tally, kit_Tally))
        kit_count(&((Tally *)tally)->n);
    Py_DECREF(tally);
    return 0;
}

static int
tell(PyObject *observers, PyObject *marker, Array *array, Reader *reader, int64_t begin,
     long errors, PyObject *calls)
{
    int64_t end = kit_clock();
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(observers); i++) {
        PyObject *done = PyObject_CallMethod(
            PyTuple_GET_ITEM(observers, i), "dispatched", "kLLOLnlO", reader->ident,
            (long long)begin, (long long)end, marker, array->generation,
            PyList_GET_SIZE(calls), errors, calls);
        if (done == NULL)
            return -1;
        Py_DECREF(done);
    }
    return 0;
}

/* Call each closure that is not running on this thread; tell observers of each call. */
static COLD int
careful(PyObject *marker, Array *array, Frame *frame, Reader *reader, Call *call)
{
    Py_ssize_t count = PyTuple_GET_SIZE(array->connections), reached = 0;
    bool nested = frame->outer != NULL;
    PyObject *observers = PyTuple_GET_SIZE(array->observers) > 0 ? array->observers : NULL;
    PyObject *calls = observers == NULL ? NULL : PyList_New(0);
    if (observers != NULL && calls == NULL)
        return -1;
    int64_t begin = kit_clock();
    if (!call->event.is_span)
        call->event.ts = begin;
    call->timed = true;
    long errors = 0;
    int status = 0;
    kit_count(&array->tally->n);
    while (status == 0 && reached < count) {
        Py_ssize_t at = reached++;
        PyObject *connection = PyTuple_GET_ITEM(array->connections, at);
        char kind;
        PyObject *callable = kit_call_at(array, at, &kind);
        if (kind == CALL_STUB) {
            kit_count(&((Tally *)callable)->n);
            continue;
        }
        int skip = nested ? is_running(frame, connection) : 0;
        if (skip < 0 && !PyErr_ExceptionMatches(PyExc_Exception)) {
            reached = at; /* interrupted: it is not called either */
            status = -1;
            break;
        }
        if (skip < 0)
            PyErr_Clear(); /* no connection of the kit's */
        if (skip > 0) {
            status = leave_out(connection);
            continue;
        }
        int64_t start = observers == NULL ? 0 : kit_clock();
        PyObject *error = NULL;
        frame->at = at;
        /* Once more: comparing has run Python code, which may have put a stub there. */
        callable = kit_call_at(array, at, &kind);
        int result = call_one(callable, kind, call, reader);
        frame->at = -1;
        if (result < 0)
            error = take_error();
        if (observers != NULL) {
            PyObject *name = error == NULL ? Py_NewRef(Py_None)
                                           : PyType_GetName(Py_TYPE(error));
            PyObject *row = name == NULL ? NULL
                                         : Py_BuildValue("LLOnN", (long long)start,
                                                         (long long)kit_clock(), connection, at, name);
            if (row == NULL || PyList_Append(calls, row) < 0)
                status = -1;
            Py_XDECREF(row);
        }
        if (error != NULL) {
            errors++;
            if (status < 0)
                Py_DECREF(error);
            else
                status = failed(marker, array, at, result, error);
        }
    }
    if (status < 0) {
        missed(array, reached);
        PyObject *error = take_error();
        if (observers != NULL && tell(observers, marker, array, reader, begin, errors, calls) < 0)
            PyErr_Clear();
        raise_again(error);
    }
    else if (observers != NULL)
        status = tell(observers, marker, array, reader, begin, errors, calls);
    Py_XDECREF(calls);
    return status;
}

/* Dispatches with keywords, or a wrong number of values. */

/* Put a site's values in field order: a new tuple; or NULL, with an error set in strict mode. */
static COLD PyObject *
bind(PyObject *marker, PyObject *array, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    PyObject *values = PyTuple_New(nargs), *keywords = PyDict_New(), *bound = NULL;
    if (values == NULL || keywords == NULL)
        goto out;
    for (Py_ssize_t i = 0; i < nargs; i++)
        PyTuple_SET_ITEM(values, i, Py_NewRef(args[i]));
    for (Py_ssize_t i = 0; kwnames != NULL && i < PyTuple_GET_SIZE(kwnames); i++) {
        if (PyDict_SetItem(keywords, PyTuple_GET_ITEM(kwnames, i), args[nargs + i]) < 0)
            goto out;
    }
    bound = PyObject_CallMethodObjArgs(marker, kit_str_bind, array, values, keywords, NULL);
    if (bound == Py_None)
        Py_CLEAR(bound);
out:
    Py_XDECREF(values);
    Py_XDECREF(keywords);
    return bound;
}

/* Call what the array holds; the frame has been entered, and holds the array. */
static inline int
call_all(PyObject *marker, Array *array, Frame *frame, Reader *reader, Call *call)
{
    if (UNLIKELY(frame->outer != NULL || PyTuple_GET_SIZE(array->observers) > 0))
        return careful(marker, array, frame, reader, call);
    if (!array->plain && !call->event.is_span) {
        call->event.ts = kit_clock();
        call->timed = true;
    }
    Py_ssize_t count = PyTuple_GET_SIZE(array->originals);
    kit_count(&array->tally->n);
    for (Py_ssize_t i = 0; i < count; i++) {
        /* Borrowed: the array keeps all of them, and the stubs that may take their places. */
        char kind;
        PyObject *callable = kit_call_at(array, i, &kind);
        frame->at = i;
        int status = call_one(callable, kind, call, reader);
        if (UNLIKELY(status < 0)) {
            frame->at = -1;
            if (failed(marker, array, i, status, take_error()) < 0) {
                missed(array, i + 1);
                return -1;
            }
        }
    }
    frame->at = -1;
    return 0;
}

/* The published array, with a reference; NULL while nothing is connected. */
static PyObject *
get_array(Dispatcher *self, void *Py_UNUSED(closure))
{
    PyObject *array;
    /* Not by a dispatch: whoever publishes meanwhile waits, see set_array(). */
    KIT_ALONE(self);
    array = atomic_load_explicit(&self->array, memory_order_acquire);
    array = Py_NewRef(array == NULL ? Py_None : array);
    KIT_NOT_ALONE();
    return array;
}

/* The same for a dispatch, which has registered as a reader, and waits for nobody.
 *
 * Between the load and the reference nobody may free the array.  With a global lock nobody else
 * runs.  Without one the few instructions in between are a read-side critical section of their own:
 *
 *     reader:  taking = 1;  fence;  load array;  reference;  taking = 0 (release)
 *     updater: exchange array;  fence;  wait while taking (acquire);  give up its reference
 *
 * With both fences, either the updater finds taking = 1, and waits for a few instructions of this
 * thread, or this load finds the new array.  The same fence orders the reader's count before the
 * load, for whoever waits for the whole dispatch: see kit_enter(). */
static inline Array *
take_array(Dispatcher *marker, Reader *reader)
{
#ifdef Py_GIL_DISABLED
    atomic_store_explicit(&reader->taking, true, memory_order_relaxed);
    atomic_thread_fence(memory_order_seq_cst);
    Array *array = (Array *)atomic_load_explicit(&marker->array, memory_order_acquire);
    Py_XINCREF(array);
    atomic_store_explicit(&reader->taking, false, memory_order_release);
#else
    Array *array = (Array *)atomic_load_explicit(&marker->array, memory_order_acquire);
    Py_XINCREF(array);
#endif
    return array;
}

/* Dispatch, as a marker with these values, or as a span.
 *
 * Compiled into fire() and into kit_dispatch(): as one function for both, which asks at each step
 * whether it is a span, one probe takes a seventh more. */
static HOT int
dispatch(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames,
         const Event *span)
{
    Dispatcher *marker = (Dispatcher *)self;
    Reader *reader = kit_reader;
    if (UNLIKELY(reader == NULL)) {
        reader = kit_register();
        if (reader == NULL)
            return -1;
    }
    Frame *frame = kit_enter(reader);
    if (UNLIKELY(frame == NULL))
        return -1;
    int status = 0;
    PyObject *bound = NULL;
    Array *array = take_array(marker, reader);
    if (array == NULL)
        goto leave;
    frame->array = array;
    if (UNLIKELY(kwnames != NULL || nargs + (span == NULL ? 0 : 2) != array->arity)) {
        if (span != NULL) {
            /* Declared anew, with other fields, while the span was open. */
            kit_count(&marker->skipped);
            goto done;
        }
        bound = bind(self, (PyObject *)array, args, nargs, kwnames);
        if (bound == NULL) {
            status = PyErr_Occurred() ? -1 : 0;
            goto done;
        }
        args = ((PyTupleObject *)bound)->ob_item;
        nargs = PyTuple_GET_SIZE(bound);
    }
    if (LIKELY(span == NULL && array->single != 0 && frame->outer == NULL)) {
        /* One probe, and nobody watches: the common case. */
        char kind;
        PyObject *probe = kit_call_at(array, 0, &kind);
        kit_count(&array->tally->n);
        frame->at = 0;
        if (kind == CALL_WRITER) {
            Event event = {kit_clock(), args, nargs, false, 0, Py_None};
            status = kit_write((Writer *)probe, reader, &event);
        }
        else if (kind == CALL_ADDER) {
            Event event = {0, args, nargs, false, 0, Py_None};
            status = kit_add((Adder *)probe, reader, &event);
        }
        else if (kind == CALL_FILTER) {
            if (!kit_filter_shut((EventFilter *)probe, args, nargs)) {
                Call call = {args, nargs, NULL, false, {0, args, nargs, false, 0, Py_None}};
                status = kit_filter((EventFilter *)probe, reader, &call);
                Py_XDECREF(call.tuple);
            }
        }
        else { /* or, without a global lock, a stub that has just been put there */
            PyObject *result = PyObject_Vectorcall(probe, args, nargs, NULL);
            if (UNLIKELY(result != Py_None))
                status = give_up(result, reader);
            else
                Py_DECREF(result);
        }
        frame->at = -1;
        if (UNLIKELY(status < 0))
            status = failed(self, array, 0, status, take_error());
    }
    else if (LIKELY(array->single == CALL_WRITER && frame->outer == NULL)) {
        char kind;
        PyObject *probe = kit_call_at(array, 0, &kind);
        kit_count(&array->tally->n);
        frame->at = 0;
        if (LIKELY(kind == CALL_WRITER)) /* the event as it is: a copy would wait for its making */
            status = kit_write((Writer *)probe, reader, span);
        else { /* without a global lock, a stub that has just been put there */
            Call call = {NULL, 0, NULL, true, *span};
            status = call_one(probe, kind, &call, reader);
        }
        frame->at = -1;
        if (UNLIKELY(status < 0))
            status = failed(self, array, 0, status, take_error());
    }
    else if (span == NULL) {
        Call call = {args, nargs, NULL, false, {0, args, nargs, false, 0, Py_None}};
        status = call_all(self, array, frame, reader, &call);
        Py_XDECREF(call.tuple);
    }
    else {
        Call call = {NULL, 0, NULL, true, *span};
        if (!array->only_writers && UNLIKELY(kit_call_tuple(&call) < 0)) {
            status = -1;
            goto done;
        }
        status = call_all(self, array, frame, reader, &call);
        Py_XDECREF(call.tuple);
    }
done:
    kit_leave(reader, frame);
    /* After leaving: this may free private data, whose end may take as long as it likes. */
    Py_DECREF(array);
    Py_XDECREF(bound);
    return status;
leave:
    kit_leave(reader, frame);
    return 0;
}

static PyObject *
fire(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *kwnames)
{
    if (atomic_load_explicit(&((Dispatcher *)self)->array, memory_order_relaxed) == NULL)
        Py_RETURN_NONE;
    if (dispatch(self, args, PyVectorcall_NARGS(nargsf), kwnames, NULL) < 0)
        return NULL;
    Py_RETURN_NONE;
}

/* The end of a span's passage. */
int
kit_dispatch(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames,
             const Event *span)
{
    Dispatcher *marker = (Dispatcher *)self;
    /* Only whether there is one: dispatch() loads it again, registered as a reader. */
    if (atomic_load_explicit(&marker->array, memory_order_relaxed) == NULL)
        return 0;
    if (LIKELY(kwnames == NULL && nargs == marker->arity))
        return dispatch(self, args, nargs, NULL, span);
    PyObject *array = get_array(marker, NULL);
    PyObject *bound = bind(self, array, args, nargs, kwnames);
    Py_DECREF(array);
    if (bound == NULL)
        return PyErr_Occurred() ? -1 : 0;
    Event event = *span;
    event.fields = ((PyTupleObject *)bound)->ob_item;
    event.count = PyTuple_GET_SIZE(bound);
    int status = dispatch(self, event.fields, event.count, NULL, &event);
    Py_DECREF(bound);
    return status;
}

static int
is_on(PyObject *self)
{
    return kit_is_on(self);
}

/* The type. */

static int
set_array(Dispatcher *self, PyObject *array, void *Py_UNUSED(closure))
{
    if (array == NULL || (array != Py_None && (!PyObject_TypeCheck(array, kit_Array) ||
                                               ((Array *)array)->observers == NULL))) {
        PyErr_SetString(PyExc_TypeError, "a marker publishes a probe array, or None");
        return -1;
    }
    PyObject *new = array == Py_None ? NULL : Py_NewRef(array);
    PyObject *old;
    KIT_ALONE(self);
    /* The publication: one store.  Release: everything in the array was stored before it, and is
     * seen by a dispatch whose load (acquire, in take_array()) finds it. */
    old = atomic_exchange_explicit(&self->array, new, memory_order_acq_rel);
    KIT_NOT_ALONE();
    if (old != NULL) {
        kit_await_taking();
        Py_DECREF(old);
    }
    return 0;
}

static PyObject *
get_format(Dispatcher *self, void *Py_UNUSED(closure))
{
    PyObject *format;
    KIT_ALONE(self);
    format = Py_NewRef(self->format == NULL ? Py_None : self->format);
    KIT_NOT_ALONE();
    return format;
}

static int
set_format(Dispatcher *self, PyObject *format, void *Py_UNUSED(closure))
{
    if (format == NULL) {
        PyErr_SetString(PyExc_AttributeError, "a marker keeps its format");
        return -1;
    }
    Py_ssize_t arity = 0;
    int is_span = self->is_span;
    if (format != Py_None) {
        PyObject *fields = PyObject_GetAttr(format, kit_str_fields);
        PyObject *span = fields == NULL ? NULL : PyObject_GetAttr(format, kit_str_is_span);
        arity = fields == NULL ? -1 : PyObject_Length(fields);
        is_span = span == NULL ? -1 : PyObject_IsTrue(span);
        Py_XDECREF(fields);
        Py_XDECREF(span);
        if (arity < 0 || is_span < 0)
            return -1;
    }
    PyObject *old;
    KIT_ALONE(self);
    self->arity = arity;
    self->is_span = is_span;
    self->fire = is_span ? kit_span_call : fire;
    old = self->format;
    self->format = format == Py_None ? NULL : Py_NewRef(format);
    KIT_NOT_ALONE();
    Py_XDECREF(old);
    return 0;
}

static PyObject *
dispatcher_new(PyTypeObject *type, PyObject *Py_UNUSED(args), PyObject *Py_UNUSED(kwargs))
{
    Dispatcher *self = (Dispatcher *)type->tp_alloc(type, 0);
    if (self != NULL)
        self->fire = fire;
    return (PyObject *)self;
}

static int
dispatcher_traverse(Dispatcher *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->array);
    Py_VISIT(self->name);
    Py_VISIT(self->format);
    return 0;
}

static int
dispatcher_clear(Dispatcher *self)
{
    Py_XDECREF(atomic_exchange(&self->array, NULL));
    Py_CLEAR(self->name);
    Py_CLEAR(self->format);
    return 0;
}

static void
dispatcher_dealloc(Dispatcher *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    dispatcher_clear(self);
    type->tp_free(self);
    Py_DECREF(type);
}

PyDoc_STRVAR(skip_doc, "_skip()\n--\n\nCount one dispatch as skipped.");

static PyObject *
skip(Dispatcher *self, PyObject *Py_UNUSED(none))
{
    kit_count(&self->skipped);
    Py_RETURN_NONE;
}

static PyMethodDef dispatcher_methods[] = {
    {"_skip", (PyCFunction)skip, METH_NOARGS, skip_doc},
    {NULL},
};

static PyGetSetDef dispatcher_getset[] = {
    {"_array", (getter)get_array, (setter)set_array, "The published probe array, or None.", NULL},
    {"format", (getter)get_format, (setter)set_format, "The fields, or None.", NULL},
    {NULL},
};

static PyMemberDef dispatcher_members[] = {
    {"name", T_OBJECT_EX, offsetof(Dispatcher, name), 0, NULL},
    {"_skipped", T_LONGLONG, offsetof(Dispatcher, skipped), 0, NULL},
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(Dispatcher, fire), READONLY, NULL},
    {NULL},
};

static PyType_Slot dispatcher_slots[] = {
    {Py_tp_doc, "A point in a program that calls the closures of its published array."},
    {Py_tp_new, dispatcher_new},
    {Py_tp_call, PyVectorcall_Call},
    {Py_tp_dealloc, dispatcher_dealloc},
    {Py_tp_traverse, dispatcher_traverse},
    {Py_tp_clear, dispatcher_clear},
    {Py_tp_methods, dispatcher_methods},
    {Py_tp_getset, dispatcher_getset},
    {Py_tp_members, dispatcher_members},
    {Py_nb_bool, is_on},
    {0, NULL},
};

static PyType_Spec dispatcher_spec = {
    .name = "kit._c.Dispatcher",
    .basicsize = sizeof(Dispatcher),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE |
             Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = dispatcher_slots,
};

PyDoc_STRVAR(called_fast_doc, "called_fast(cls)\n--\n\n"
                              "Let instances of a Python class be called as directly as their base.");

static PyObject *
called_fast(PyObject *Py_UNUSED(module), PyObject *cls)
{
    if (!PyType_Check(cls) || !PyType_IsSubtype((PyTypeObject *)cls, kit_Dispatcher) ||
        ((PyTypeObject *)cls)->tp_call != PyVectorcall_Call) {
        PyErr_SetString(PyExc_TypeError, "this is for classes that leave calling to their base");
        return NULL;
    }
    /* Not inherited by Python classes before 3.12, since somebody could give them a __call__. */
    ((PyTypeObject *)cls)->tp_flags |= Py_TPFLAGS_HAVE_VECTORCALL;
    PyType_Modified((PyTypeObject *)cls);
    return Py_NewRef(cls);
}

static PyMethodDef functions[] = {
    {"called_fast", called_fast, METH_O, called_fast_doc},
    {NULL},
};

int
kit_init_dispatch(PyObject *module)
{
    kit_Dispatcher = kit_add_type(module, &dispatcher_spec, NULL);
    return kit_Dispatcher == NULL ? -1 : PyModule_AddFunctions(module, functions);
}
