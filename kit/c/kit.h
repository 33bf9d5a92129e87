/* What the parts of the C dispatcher share: readers, arrays, events, and the recorder's buffers.
 *
 * The words are those of the contract: a site fires a marker; a dispatch reads one published probe
 * array and calls what is in it; a reader is a thread inside a dispatch; an updater publishes, and
 * waits for a grace period.  kit/core/_dispatch/python.py is the same in Python, and the place to
 * learn how it works; this is the place where it is fast.
 */
#ifndef KIT_H
#define KIT_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#if defined(__GNUC__)
#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)
#define COLD __attribute__((cold, noinline))
#define HOT inline __attribute__((always_inline))
#define HIDDEN __attribute__((visibility("hidden")))
#else
#define LIKELY(x) (x)
#define UNLIKELY(x) (x)
#define COLD
#define HOT inline
#define HIDDEN
#endif

/* Without a global lock.
 *
 * With one, whatever is between two calls of Python code is done by one thread at a time, and the
 * macros below are nothing.  Without one (Py_GIL_DISABLED) they are what takes its place:
 *
 * - the probe array is published and read as under RCU, see kit_enter() and take_array();
 * - counts that several threads raise are raised atomically;
 * - what a store holds is changed and read under the store's own lock, which nobody holds while
 *   Python code runs;
 * - the rest belongs to one thread, or never changes once others can see it.
 */
#ifdef Py_GIL_DISABLED
#define KIT_LOCK(mutex) PyMutex_Lock(mutex)
#define KIT_UNLOCK(mutex) PyMutex_Unlock(mutex)
#define KIT_ALONE(object) Py_BEGIN_CRITICAL_SECTION(object)
#define KIT_NOT_ALONE() Py_END_CRITICAL_SECTION()
#else
#define KIT_LOCK(mutex)
#define KIT_UNLOCK(mutex)
#define KIT_ALONE(object) {
#define KIT_NOT_ALONE() }
#endif

/* The value of an int of at most one digit, which most are; false: ask further. */
static inline bool
kit_small_int(PyObject *number, int64_t *value)
{
#if PY_VERSION_HEX >= 0x030C0000
    if (!PyUnstable_Long_IsCompact((PyLongObject *)number))
        return false;
    *value = PyUnstable_Long_CompactValue((PyLongObject *)number);
#else
    Py_ssize_t digits = Py_SIZE(number);
    if (digits < -1 || digits > 1)
        return false;
    *value = digits * (int64_t)((PyLongObject *)number)->ob_digit[0];
#endif
    return true;
}

/* Counting. */

typedef struct {
    PyObject_HEAD
    long long n;
} Tally;

/* One more.  Nothing is ordered by it: who reads a count may find it a little old, and finds it
 * exact when the threads that counted have been waited for or joined, which orders it. */
static inline long long
kit_count(long long *n)
{
#ifdef Py_GIL_DISABLED
    return __atomic_add_fetch(n, 1, __ATOMIC_RELAXED);
#else
    return ++*n;
#endif
}

static inline long long
kit_counted(const long long *n)
{
#ifdef Py_GIL_DISABLED
    return __atomic_load_n(n, __ATOMIC_RELAXED);
#else
    return *n;
#endif
}

/* The probe array. */

extern HIDDEN PyTypeObject *kit_Stub;

enum { CALL_PLAIN = 'p', CALL_TIMED = 't', CALL_WRITER = 'w', CALL_STUB = 's',
       CALL_ADDER = 'a', CALL_FILTER = 'g' };

typedef struct {
    PyObject_HEAD
    PyObject **calls;      /* callables; one changes only when a stub takes its place */
    PyObject *originals;   /* tuple: what stood there when it was made, for as long as the array */
    PyObject *connections; /* tuple, in the order of calls */
    PyObject *observers;   /* tuple */
    Tally *tally;
    char *kinds;           /* one a call, behind them in memory */
    Py_ssize_t arity;
    long long generation;
    bool plain;            /* nobody wants the time */
    bool only_writers;     /* nobody wants a span's duration as an object */
    char single;           /* the kind of the only closure, or 0: others, a stub, or an observer */
} Array;

/* What to call in the place i, and how.
 *
 * With a global lock a stub and its kind change places together.  Without one only the callable
 * changes, in one store, and what it is says how to call it: nobody can see half of it.  Acquire
 * pairs with the release in put_stub(): who finds the stub finds it whole. */
static inline PyObject *
kit_call_at(const Array *array, Py_ssize_t i, char *kind)
{
#ifdef Py_GIL_DISABLED
    PyObject *call = __atomic_load_n(&array->calls[i], __ATOMIC_ACQUIRE);
    *kind = Py_TYPE(call) == kit_Stub ? CALL_STUB : array->kinds[i];
    return call;
#else
    *kind = array->kinds[i];
    return array->calls[i];
#endif
}

/* Readers. */

typedef struct Frame {
    struct Frame *outer; /* the dispatch on this thread that this one is inside of */
    Array *array;        /* what it reads; it holds a reference */
    Py_ssize_t at;       /* which of its closures is running, or -1 */
} Frame;

struct Buffer;
struct Table;

#define CACHED 8

typedef struct Reader {
    PyObject_HEAD
    /* Odd while the thread is in a dispatch.  Raised before the dispatch loads the array and again
     * when it has ended, so a number names one dispatch, and never another. */
    _Atomic uint64_t count;
    Frame *top;
    Frame first;
    bool first_used;
    _Atomic bool gone;     /* its thread has ended: the next new thread may have the record */
    _Atomic bool taking;   /* between its load of an array and its reference to it, see take_array() */
    unsigned long ident;
    _Atomic uint64_t serial; /* which of the threads that had this record it is */
    struct Reader *next;
    struct { uint64_t store; struct Buffer *buffer; } cache[CACHED];
    struct { uint64_t id; struct Table *table; } tables[CACHED]; /* of aggregates */
} Reader;

extern HIDDEN _Thread_local Reader *kit_reader
#if defined(__GNUC__) && defined(__linux__)
    /* A few bytes of the space that the loader keeps for this; saves a call at each dispatch. */
    __attribute__((tls_model("initial-exec")))
#endif
    ;

HIDDEN Reader *kit_register(void);
HIDDEN Frame *kit_nested_frame(Reader *reader);
HIDDEN void kit_leave_nested(Reader *reader, Frame *frame);

#ifdef Py_GIL_DISABLED
/* Wait until no thread is about to take a reference to an array that has been replaced. */
HIDDEN void kit_await_taking(void);
#else
#define kit_await_taking()
#endif

/* A dispatch begins: from here on an updater that publishes waits for it. */
static inline Frame *
kit_enter(Reader *reader)
{
    Frame *frame;
    if (LIKELY(reader->top == NULL)) {
        frame = &reader->first;
        frame->outer = NULL;
        frame->at = -1;
        reader->first_used = true;
        reader->top = frame;
        /* This store must come before the dispatch's load of the array, as seen by an updater that
         * stores the array and then loads the counts.  Where a global lock serialises the two,
         * program order is enough; without one it takes a full barrier on both sides: the reader's
         * is in take_array(), which comes next, the updater's in list_readers(). */
        atomic_store_explicit(&reader->count,
                              atomic_load_explicit(&reader->count, memory_order_relaxed) + 1,
                              memory_order_relaxed);
        return frame;
    }
    return kit_nested_frame(reader);
}

/* It has ended: everything it did comes before the count that says so. */
static inline void
kit_leave(Reader *reader, Frame *frame)
{
    if (LIKELY(frame == &reader->first && reader->top == frame)) {
        reader->top = NULL;
        reader->first_used = false;
        atomic_store_explicit(&reader->count,
                              atomic_load_explicit(&reader->count, memory_order_relaxed) + 1,
                              memory_order_release);
        return;
    }
    kit_leave_nested(reader, frame);
}

/* Events, as the dispatcher hands them on. */

typedef struct {
    int64_t ts;                 /* of a span: its start */
    PyObject *const *fields;
    Py_ssize_t count;           /* of fields */
    bool is_span;
    int64_t dur;
    PyObject *error;            /* None or text; borrowed */
} Event;

#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(Py_GIL_DISABLED)
/* One line for all threads, which only the holder of the global lock reads and draws anew. */
#define KIT_COUNTER

static inline uint64_t
kit_ticks(void)
{
    return __builtin_ia32_rdtsc();
}

extern HIDDEN struct kit_line {
    uint64_t ticks; /* where it begins */
    int64_t ns;
    uint64_t rate;  /* nanoseconds a tick, times 2**32 */
    uint64_t span;  /* ticks that it is used for */
} kit_line;

HIDDEN int64_t kit_clock_anew(void);

static inline int64_t
kit_clock(void)
{
    uint64_t since = kit_ticks() - kit_line.ticks;
    if (LIKELY(since < kit_line.span))
        return kit_line.ns + (int64_t)((since >> 4) * kit_line.rate >> 28);
    return kit_clock_anew();
}

#else

static inline int64_t
kit_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

#endif

/* What a closure is called with. */
typedef struct {
    PyObject *const *args; /* of a plain probe; NULL: as the tuple */
    Py_ssize_t nargs;
    PyObject *tuple;       /* the same, once somebody wants it */
    bool timed;            /* the event's time has been read */
    Event event;
} Call;

/* How a dispatch calls a closure. */
HIDDEN char kit_kind(PyObject *call, bool timed);

/* Call a closure of a kind; -1 with an error set. */
HIDDEN int kit_call(PyObject *callable, char kind, Call *call, Reader *reader);
HIDDEN int kit_call_tuple(Call *call);

/* The arguments of write(ident, ts, args) as an event; NULL with an error set. */
HIDDEN Reader *kit_event_of(PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames, bool is_span,
                            Event *event);

/* The recorder. */

typedef struct Writer Writer;
HIDDEN int kit_write(Writer *writer, Reader *reader, const Event *event);

/* The aggregate. */

typedef struct Adder Adder;
HIDDEN int kit_add(Adder *adder, Reader *reader, const Event *event);

/* The condition before a probe. */

typedef struct EventFilter EventFilter;
HIDDEN int kit_filter(EventFilter *filter, Reader *reader, Call *call);
HIDDEN char kit_filter_kind(PyObject *filter); /* the kind of the closure behind it */

/* Types, one of each: the module is loaded once in a process. */

extern HIDDEN PyTypeObject *kit_Tally, *kit_Array, *kit_Dispatcher, *kit_Timing,
    *kit_Reader, *kit_File, *kit_Block, *kit_Store, *kit_Writer, *kit_Rows, *kit_Adder, *kit_Program,
    *kit_EventFilter;

/* Names that are looked up. */

extern HIDDEN PyObject *kit_str_bind, *kit_str_account, *kit_str_missed, *kit_str_wrap,
    *kit_str_probe, *kit_str_private, *kit_str_left_out, *kit_str_name,
    *kit_str_fields, *kit_str_is_span, *kit_str_not_begun, *kit_str_note_returned,
    *kit_str_same_closure, *kit_str_decorate;

HIDDEN PyTypeObject *kit_add_type(PyObject *module, PyType_Spec *spec, PyTypeObject *base);

/* Make an object that is whole or not there: for tp_new, so that nobody gets an empty one. */
static inline PyObject *
kit_make(PyTypeObject *type, PyObject *args, PyObject *kwargs, initproc fill)
{
    PyObject *self = type->tp_alloc(type, 0);
    if (self != NULL && fill(self, args, kwargs) < 0)
        Py_CLEAR(self);
    return self;
}

HIDDEN int kit_init_clock(PyObject *module);
HIDDEN int kit_init_readers(PyObject *module);
HIDDEN int kit_init_arrays(PyObject *module);
HIDDEN int kit_init_dispatch(PyObject *module);
HIDDEN int kit_init_spans(PyObject *module);
HIDDEN int kit_init_bus(PyObject *module);
HIDDEN int kit_init_file(PyObject *module);
HIDDEN int kit_init_store(PyObject *module);
HIDDEN int kit_init_writer(PyObject *module);
HIDDEN int kit_init_rows(PyObject *module);
HIDDEN int kit_init_cells(PyObject *module);
HIDDEN int kit_init_adder(PyObject *module);
HIDDEN int kit_init_program(PyObject *module);
HIDDEN int kit_init_filter(PyObject *module);

/* What markers and spans share. */

typedef struct {
    PyObject_HEAD
    vectorcallfunc fire;
    PyObject *_Atomic array; /* NULL while nothing is connected */
    PyObject *name;
    PyObject *format;        /* NULL for None */
    long long skipped;
    Py_ssize_t arity;        /* of the fields alone */
    bool is_span;
} Dispatcher;

/* Whether anything is connected. */
static inline bool
kit_is_on(PyObject *marker)
{
    return atomic_load_explicit(&((Dispatcher *)marker)->array, memory_order_relaxed) != NULL;
}

/* Dispatch an event whose array is not NULL. */
HIDDEN int kit_dispatch(PyObject *marker, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames,
                        const Event *span);

#endif
