/* Readers: which threads are in a dispatch, for those who wait for a grace period.
 *
 * Each thread that has fired has a record, found by itself in thread-local storage and by updaters
 * in a list.  A record is never freed: a thread that ends leaves it to the next one, so that there
 * are never more than there were threads at one time.
 *
 * The reader registry of user-space RCU (Desnoyers, McKenney, Stern, Dagenais and Walpole,
 * "User-Level Implementations of Read-Copy Update", IEEE TPDS 23(2), 2012), with a counter a thread.
 */
#include "kit.h"

#include <pthread.h>
#ifdef Py_GIL_DISABLED
#include <sched.h>
#endif

_Thread_local Reader *kit_reader;

static Reader *_Atomic readers; /* a list that only grows */
static pthread_key_t ending;
static _Atomic uint64_t serials;

static void
thread_ended(void *record)
{
    /* May run without the interpreter: it touches nothing but the record. */
    Reader *reader = record;
    kit_reader = NULL;
    atomic_store_explicit(&reader->gone, true, memory_order_release);
}

/* The list from its newest record on; acquire: each of them is whole. */
static inline Reader *
first(void)
{
    return atomic_load_explicit(&readers, memory_order_acquire);
}

#ifdef Py_GIL_DISABLED
void
kit_await_taking(void)
{
    /* After the exchange that published, before the loads: see take_array().  A thread that is not
     * in the list yet registers first, and so finds what was published. */
    atomic_thread_fence(memory_order_seq_cst);
    for (Reader *reader = first(); reader != NULL; reader = reader->next) {
        /* Acquire pairs with the release there: its reference comes before this is given up. */
        while (atomic_load_explicit(&reader->taking, memory_order_acquire))
            sched_yield();
    }
}
#endif

COLD Reader *
kit_register(void)
{
    Reader *reader;
    for (reader = first(); reader != NULL; reader = reader->next) {
        /* Acquire pairs with the release in thread_ended(): what that thread did with the record
         * comes first.  The exchange lets one of several new threads have it. */
        bool gone = true;
        if (atomic_load_explicit(&reader->gone, memory_order_acquire) && reader->top == NULL &&
            atomic_compare_exchange_strong(&reader->gone, &gone, false))
            break;
    }
    if (reader == NULL) {
        reader = PyObject_New(Reader, kit_Reader);
        if (reader == NULL)
            return NULL;
        memset((char *)reader + sizeof(PyObject), 0, sizeof(Reader) - sizeof(PyObject));
        /* Whole before it is in the list (release): an updater may look at any time, and a signal
         * handler may register on this very thread in between. */
        reader->next = first();
        while (!atomic_compare_exchange_weak_explicit(&readers, &reader->next, reader,
                                                      memory_order_release, memory_order_acquire))
            continue;
    }
    reader->ident = PyThread_get_thread_ident();
    reader->serial = atomic_fetch_add_explicit(&serials, 1, memory_order_relaxed) + 1;
    memset(reader->cache, 0, sizeof(reader->cache));
    pthread_setspecific(ending, reader);
    kit_reader = reader;
    return reader;
}

/* A dispatch inside another one of this thread.  The list need not be used as a stack: a program
 * that switches between stacks of its own (greenlets) may end an outer dispatch first. */
COLD Frame *
kit_nested_frame(Reader *reader)
{
    Frame *frame = PyMem_Malloc(sizeof(Frame));
    if (frame == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    frame->array = NULL;
    frame->at = -1;
    frame->outer = reader->top;
    reader->top = frame;
    return frame;
}

COLD void
kit_leave_nested(Reader *reader, Frame *frame)
{
    for (Frame **link = &reader->top; *link != NULL; link = &(*link)->outer) {
        if (*link == frame) {
            *link = frame->outer;
            break;
        }
    }
    if (frame == &reader->first)
        reader->first_used = false;
    else
        PyMem_Free(frame);
    if (reader->top == NULL)
        atomic_store_explicit(&reader->count,
                              atomic_load_explicit(&reader->count, memory_order_relaxed) + 1,
                              memory_order_release);
}

/* What Python sees. */

static PyObject *
reader_token(Reader *self, void *Py_UNUSED(closure))
{
    uint64_t count = atomic_load_explicit(&self->count, memory_order_acquire);
    if (count % 2 == 0)
        Py_RETURN_NONE;
    return PyLong_FromUnsignedLongLong(count);
}

static PyObject *
reader_ident(Reader *self, void *Py_UNUSED(closure))
{
    return PyLong_FromUnsignedLong(self->ident);
}

PyDoc_STRVAR(within_doc, "within(token)\n--\n\nWhether the dispatch of a token is still under way.");

static PyObject *
reader_within(Reader *self, PyObject *token)
{
    uint64_t count = PyLong_AsUnsignedLongLong(token);
    if (count == (uint64_t)-1 && PyErr_Occurred())
        return NULL;
    return PyBool_FromLong(atomic_load_explicit(&self->count, memory_order_acquire) == count);
}

static PyGetSetDef reader_getset[] = {
    {"token", (getter)reader_token, NULL, "The number of its dispatch; None outside.", NULL},
    {"ident", (getter)reader_ident, NULL, "The thread.", NULL},
    {NULL},
};

static PyMethodDef reader_methods[] = {
    {"within", (PyCFunction)reader_within, METH_O, within_doc},
    {NULL},
};

static PyType_Slot reader_slots[] = {
    {Py_tp_doc, "What a thread tells updaters: which dispatch it is in."},
    {Py_tp_getset, reader_getset},
    {Py_tp_methods, reader_methods},
    {0, NULL},
};

static PyType_Spec reader_spec = {
    .name = "kit._c.Reader",
    .basicsize = sizeof(Reader),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = reader_slots,
};

PyDoc_STRVAR(readers_doc, "readers()\n--\n\nThe record of each thread that has ever fired.");

static PyObject *
list_readers(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
#ifdef Py_GIL_DISABLED
    /* The updater's half of the pair in take_array(): what it published before comes before its
     * loads of the counts (acquire, in reader_token()). */
    atomic_thread_fence(memory_order_seq_cst);
#endif
    PyObject *list = PyList_New(0);
    if (list == NULL)
        return NULL;
    for (Reader *reader = first(); reader != NULL; reader = reader->next) {
        if (PyList_Append(list, (PyObject *)reader) < 0) {
            Py_DECREF(list);
            return NULL;
        }
    }
    return list;
}

PyDoc_STRVAR(inside_doc, "inside()\n--\n\nWhether the calling thread is in a dispatch.");

static PyObject *
inside(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
    return PyBool_FromLong(kit_reader != NULL && kit_reader->top != NULL);
}

PyDoc_STRVAR(forked_doc, "forked()\n--\n\nForget the other threads, which a fork has not taken along.");

static PyObject *
forked(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
    for (Reader *reader = first(); reader != NULL; reader = reader->next) {
        if (reader == kit_reader) {
            reader->ident = PyThread_get_thread_ident();
            continue;
        }
        uint64_t count = atomic_load(&reader->count);
        reader->top = NULL; /* nested frames of a thread that is not here: lost */
        reader->first_used = false;
        atomic_store(&reader->taking, false);
        atomic_store(&reader->count, count + count % 2);
        atomic_store(&reader->gone, true);
    }
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    {"readers", list_readers, METH_NOARGS, readers_doc},
    {"inside", inside, METH_NOARGS, inside_doc},
    {"forked", forked, METH_NOARGS, forked_doc},
    {NULL},
};

int
kit_init_readers(PyObject *module)
{
    if (pthread_key_create(&ending, thread_ended) != 0) {
        PyErr_SetString(PyExc_ImportError, "no key for what threads leave behind");
        return -1;
    }
    kit_Reader = kit_add_type(module, &reader_spec, NULL);
    return kit_Reader == NULL ? -1 : PyModule_AddFunctions(module, functions);
}
