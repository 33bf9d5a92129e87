/* Spans: a context manager that fires once, at its end, with start and duration. */
#include "kit.h"

/* One entry of a passage that has not been left.
 *
 * Whose it is, the frame tells that entered: within one frame `with` blocks of one passage nest, so
 * the newest entry of a frame is the one that it leaves.  That tells recursion, threads, tasks and
 * generators apart.  A frame that has ended leaves its address to others; nearly always these run
 * other code, and frames of the same code enter before they leave. */
typedef struct {
    int64_t start;     /* 0 where nothing was connected */
    const void *frame; /* where it is in memory; never looked into, it may have ended */
    const void *code;  /* what it ran */
    uint64_t thread;   /* its number, which no later one gets; UNSURE: it may have been left, see Others */
} Entry;

#define UNSURE 1

typedef struct {
    int32_t room;
    int32_t gone;      /* so many of the entries that are unsure have been left */
    Entry entries[];
} Others;

typedef struct {
    PyObject_VAR_HEAD
    vectorcallfunc call;
    PyObject *span;
    PyObject *kwnames;     /* of the last values, or NULL */
    Entry first;           /* the oldest that has not been left */
    Others *others;        /* the rest, oldest first; NULL: there never were any */
    int32_t inside;        /* how many that is in all; nearly always 0 or 1 */
    int32_t nargs;         /* positional values */
    int32_t count;         /* all of them */
    uint8_t bound;         /* which of its steps have ever been looked up */
    bool forgetful;        /* there was no memory for an entry: nothing is known until all have left */
    bool tracked;          /* by the garbage collector, see holds_others */
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
        self->call = timing_call;
        self->others = NULL;
        self->inside = 0;
        self->forgetful = false;
    }
    self->span = Py_NewRef(span);
    self->kwnames = Py_XNewRef(kwnames);
    self->nargs = (int32_t)nargs;
    self->count = (int32_t)all;
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
    const Dispatcher *span = (Dispatcher *)self;
    if (UNLIKELY(span->arity == 0 && span->format != NULL) && nargs == 1 && kwnames == NULL &&
        (PyCallable_Check(args[0]) || Py_TYPE(args[0])->tp_descr_get != NULL))
        return PyObject_CallMethodOneArg(self, kit_str_wrap, args[0]);
    PyObject *timing = new_timing(self, args, nargs, kwnames);
    if (timing != NULL && UNLIKELY(((Timing *)timing)->tracked) && nargs == 1 && kwnames == NULL &&
        span->format != NULL && Py_TYPE(args[0])->tp_descr_get != NULL) {
        /* Such as a function: a value of a field, or what this was to decorate? */
        PyObject *done = PyObject_CallMethodOneArg(self, kit_str_decorate, args[0]);
        if (done == NULL)
            Py_CLEAR(timing);
        Py_XDECREF(done);
    }
    return timing;
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

/* Who enters or leaves: which frame, which code runs in it, on which thread. */
static inline void
identify(Entry *entry)
{
#if PY_VERSION_HEX >= 0x030D0000
    PyThreadState *thread = PyThreadState_GetUnchecked();
    const void *frame = thread->current_frame;
#else
    PyThreadState *thread = _PyThreadState_UncheckedGet();
    const void *frame = thread->cframe->current_frame;
#endif
    entry->thread = thread->id << 1;
    entry->frame = frame;
    /* A frame begins with what it runs: its code, in 3.11 its function. */
    entry->code = frame == NULL ? NULL : *(const void *const *)frame;
}

static inline Entry *
entry_at(Timing *self, int32_t i)
{
    return i == 0 ? &self->first : &self->others->entries[i - 1];
}

/* Another one enters before all others have left; NULL: there is no memory. */
static COLD Entry *
room_for_entry(Timing *self)
{
    if (self->forgetful)
        return NULL;
    Others *others = self->others;
    int32_t room = others == NULL ? 0 : others->room;
    if (self->inside > room) {
        room = room == 0 ? 4 : 2 * room;
        Others *larger = PyMem_RawRealloc(others, sizeof(Others) + room * sizeof(Entry));
        if (larger == NULL) {
            self->forgetful = true;
            self->inside++; /* one too many: the last one to leave is not to be taken for the only one */
            return NULL;
        }
        if (others == NULL)
            larger->gone = 0;
        larger->room = room;
        self->others = larger;
    }
    return entry_at(self, self->inside);
}

static void
drop(Timing *self, int32_t i)
{
    for (self->inside--; i < self->inside; i++)
        *entry_at(self, i) = *entry_at(self, i + 1);
}

/* Where as many have been left as may have been, these were they. */
static void
settle(Timing *self)
{
    int32_t unsure = 0;
    for (int32_t i = 0; i < self->inside; i++)
        unsure += entry_at(self, i)->thread & UNSURE;
    if (unsure > self->others->gone)
        return;
    for (int32_t i = self->inside; i-- > 0;) {
        if (entry_at(self, i)->thread & UNSURE)
            drop(self, i);
    }
    self->others->gone = 0;
}

static COLD void
forget_entries(Timing *self)
{
    PyMem_RawFree(self->others);
    self->others = NULL;
    self->inside = 0;
    self->forgetful = false;
}

/* One of several leaves: when it entered, or 0.  It is the newest of this frame; where there is none,
 * as in an ExitStack, the only one of this thread.  Otherwise nobody can tell which it is: `lost`
 * says that there is no event although there may have been a start. */
static COLD int64_t
part(Timing *self, bool *lost)
{
    if (self->forgetful) {
        *lost = true;
        if (--self->inside == 1)
            forget_entries(self);
        return 0;
    }
    Entry who;
    identify(&who);
    int32_t found = -1, near = 0;
    for (int32_t i = self->inside; i-- > 0;) {
        Entry *entry = entry_at(self, i);
        if (entry->frame == who.frame && entry->code == who.code) {
            found = i;
            near = 1;
            break;
        }
        if ((entry->thread & ~(uint64_t)UNSURE) == who.thread) {
            found = i;
            near += entry->thread & UNSURE ? 2 : 1;
        }
    }
    if (near == 1) {
        int64_t start = entry_at(self, found)->start;
        drop(self, found);
        settle(self);
        return start;
    }
    int32_t on = 0;
    for (int32_t i = 0; i < self->inside; i++) {
        Entry *entry = entry_at(self, i);
        if (near == 0 || (entry->thread & ~(uint64_t)UNSURE) == who.thread)
            entry->thread |= UNSURE;
        on += entry->thread & UNSURE && entry->start != 0;
    }
    *lost = self->others->gone++ < on;
    settle(self);
    return 0;
}

/* Python code runs neither here nor in the next: that is what makes them one step with a global lock. */
static PyObject *
enter(Timing *self)
{
    KIT_ALONE(self)
    Entry *entry = LIKELY(self->inside == 0) ? &self->first : room_for_entry(self);
    self->inside++;
    if (LIKELY(entry != NULL)) {
        identify(entry);
        /* Off at entry means no event: without a start there is no duration. */
        entry->start = kit_is_on(self->span) ? kit_clock() : 0;
    }
    KIT_NOT_ALONE()
    return Py_NewRef(self);
}

static PyObject *
leave(Timing *self, PyObject *kind)
{
    int64_t start = 0;
    bool lost = false;
    KIT_ALONE(self)
    if (LIKELY(self->inside == 1)) {
        start = self->first.start;
        self->inside = 0;
    }
    else if (self->inside > 1)
        start = part(self, &lost);
    KIT_NOT_ALONE()
    if (start == 0) {
        if (UNLIKELY(lost) && kit_is_on(self->span))
            kit_count(&((Dispatcher *)self->span)->skipped);
        Py_RETURN_NONE;
    }
    int64_t end = kit_clock();
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

/* What has been looked up stays looked up: somebody else who shares the passage may still call it.
 * Ordered by nothing: who calls is the one who looked it up. */
static inline bool
is_bound(const Timing *self, uint8_t which)
{
#ifdef Py_GIL_DISABLED
    return __atomic_load_n(&self->bound, __ATOMIC_RELAXED) & which;
#else
    return self->bound & which;
#endif
}

static inline void
note_bound(Timing *self, uint8_t which)
{
#ifdef Py_GIL_DISABLED
    if (!is_bound(self, which))
        __atomic_fetch_or(&self->bound, which, __ATOMIC_RELAXED);
#else
    self->bound |= which;
#endif
}

/* Calling a passage: as its __enter__ it begins, as its __exit__ it ends, see Step.  Where these have
 * never been looked up, or called in any other way, it was meant to decorate something. */
static PyObject *
timing_call(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *kwnames)
{
    Py_ssize_t nargs = PyVectorcall_NARGS(nargsf);
    if (LIKELY(kwnames == NULL)) {
        if (nargs == 3 && is_bound((Timing *)self, EXIT))
            return leave((Timing *)self, args[0]);
        if (nargs == 0 && is_bound((Timing *)self, ENTER))
            return enter((Timing *)self);
    }
    PyObject *span = ((Timing *)self)->span;
    if (nargs == 1 && kwnames == NULL && ((Timing *)self)->count == 0 &&
        ((Dispatcher *)span)->arity == 0 && ((Dispatcher *)span)->format != NULL)
        return PyObject_CallMethodOneArg(span, kit_str_wrap, args[0]);
    PyObject *how = PyObject_CallMethod(span, "_how_to_decorate", NULL);
    if (how != NULL) {
        PyErr_SetObject(PyExc_TypeError, how);
        Py_DECREF(how);
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
    note_bound((Timing *)passage, ((Step *)self)->which);
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
    if (UNLIKELY(self->inside != 0 || self->others != NULL))
        forget_entries(self);
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

PyDoc_STRVAR(reduce_doc, "__reduce__()\n--\n\nBe copied and pickled by span and values; nobody is inside.");

static PyObject *
timing_reduce(Timing *self, PyObject *Py_UNUSED(none))
{
    Py_ssize_t named = self->kwnames == NULL ? 0 : PyTuple_GET_SIZE(self->kwnames);
    Py_ssize_t nargs = self->count - named;
    PyObject *found = NULL;
    PyObject *module = PyImport_ImportModule("kit.core._span");
    PyObject *passage = module == NULL ? NULL : PyObject_GetAttrString(module, "passage");
    PyObject *args = passage == NULL ? NULL : PyTuple_New(nargs);
    PyObject *kwargs = args == NULL ? NULL : PyDict_New();
    if (kwargs == NULL)
        goto done;
    for (Py_ssize_t i = 0; i < nargs; i++)
        PyTuple_SET_ITEM(args, i, Py_NewRef(self->values[i]));
    for (Py_ssize_t i = 0; i < named; i++) {
        if (PyDict_SetItem(kwargs, PyTuple_GET_ITEM(self->kwnames, i), self->values[nargs + i]) < 0)
            goto done;
    }
    found = Py_BuildValue("O(OOO)", passage, self->span, args, kwargs);
done:
    Py_XDECREF(module);
    Py_XDECREF(passage);
    Py_XDECREF(args);
    Py_XDECREF(kwargs);
    return found;
}

static PyMethodDef timing_methods[] = {
    {"__reduce__", (PyCFunction)timing_reduce, METH_NOARGS, reduce_doc},
    {NULL},
};

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
    {Py_tp_methods, timing_methods},
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
