/* Files that somebody cuts off while they are mapped.
 *
 * A store to a page that is no longer in the file is SIGBUS, which ends the program.  The handler here
 * puts empty memory in the place of what has gone, notes how much of the file is left, and returns:
 * the store is repeated, and goes where it does no harm.  Whoever reads or makes room asks how much is
 * left, and counts the rest as lost.  Any other SIGBUS goes to the handler that was there before.
 *
 * A thread faults wherever it is, with the global lock or without: the handler reads what is watched
 * by atomics alone, from memory that is never given back, and calls only what a handler may call
 * (mmap, fstat, sigaction, raise). */
#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#include "bus.h"

#if defined(__unix__) || defined(__APPLE__)

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct Mapping {
    _Atomic uintptr_t begin;
    _Atomic uintptr_t end;   /* 0: not in use; stored last when it begins, first when it ends */
    _Atomic size_t whole;    /* so many bytes are the file's; it only falls */
    _Atomic int descriptor;  /* -1: none; its number may be another file's by now */
    _Atomic uint64_t device, number;
};

#define EACH 64

typedef struct Chunk {
    Mapping mappings[EACH];
    _Atomic(struct Chunk *) next;
} Chunk;

static Chunk first_chunk;
static size_t page;
static struct sigaction before;              /* the handler that was there */
static _Atomic(uintptr_t) passing;           /* the thread that is in that handler, or 0 */
#ifdef Py_GIL_DISABLED
static PyMutex lock;
#endif

/* How many bytes the file has now, or SIZE_MAX: nobody knows. */
static size_t
size_now(Mapping *mapping)
{
    int descriptor = atomic_load(&mapping->descriptor);
    struct stat found;
    if (descriptor < 0 || fstat(descriptor, &found) < 0 ||
        (uint64_t)found.st_dev != atomic_load(&mapping->device) ||
        (uint64_t)found.st_ino != atomic_load(&mapping->number))
        return SIZE_MAX; /* closed by somebody; pages that are missing are noticed still */
    return (size_t)found.st_size;
}

/* So much is left at most. */
static void
lower(Mapping *mapping, size_t size)
{
    size_t whole = atomic_load(&mapping->whole);
    while (size < whole && !atomic_compare_exchange_weak(&mapping->whole, &whole, size))
        ;
}

/* Put empty memory behind what is left; false: that failed. */
static bool
replace(Mapping *mapping, uintptr_t begin, uintptr_t end, size_t left)
{
    /* First the note: whoever finds a zero there finds this too. */
    lower(mapping, left);
    uintptr_t from = begin + (left + page - 1) / page * page;
    return from >= end || mmap((void *)from, end - from, PROT_READ | PROT_WRITE,
                               MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED;
}

/* Mend what is watched: where it holds this address, or, without one, where a file has become
 * shorter than anybody has noted; whether there was any. */
static bool
mend(uintptr_t address)
{
    bool mended = false;
    for (Chunk *chunk = &first_chunk; chunk != NULL; chunk = atomic_load(&chunk->next)) {
        for (int i = 0; i < EACH; i++) {
            Mapping *mapping = &chunk->mappings[i];
            uintptr_t end = atomic_load(&mapping->end), begin = atomic_load(&mapping->begin);
            /* Between the two loads another one may have begun there; not one that this thread is in. */
            if (end == 0 || end != atomic_load(&mapping->end))
                continue;
            size_t size = size_now(mapping);
            if (address == 0 ? size < atomic_load(&mapping->whole) : address >= begin && address < end) {
                size_t place = address == 0 ? SIZE_MAX : (address - begin) / page * page;
                mended |= replace(mapping, begin, end, size < place ? size : place);
            }
        }
    }
    return mended;
}

static void
die(void)
{
    signal(SIGBUS, SIG_DFL);
    raise(SIGBUS); /* when the handler returns; where it is a fault, that comes again anyway */
}

/* Not ours: as if this handler was not there. */
static void
pass_on(int number, siginfo_t *info, void *context)
{
    uintptr_t self = (uintptr_t)pthread_self();
    if (atomic_load(&passing) == self) { /* and it comes back from there */
        die();
        return;
    }
    if (before.sa_flags & SA_SIGINFO) {
        atomic_store(&passing, self);
        before.sa_sigaction(number, info, context);
        atomic_store(&passing, 0);
    }
    else if (before.sa_handler == SIG_IGN && info->si_code <= 0)
        return;
    else if (before.sa_handler == SIG_DFL || before.sa_handler == SIG_IGN)
        die(); /* a fault cannot be ignored */
    else {
        atomic_store(&passing, self);
        before.sa_handler(number);
        atomic_store(&passing, 0);
    }
}

static void
on_bus_error(int number, siginfo_t *info, void *context)
{
    int saved = errno;
    /* A handler that was put over this one (faulthandler) raises the signal anew, without an address,
     * and returns: then the store is repeated. */
    bool raised = info->si_code <= 0 && info->si_pid == getpid();
    bool fault = info->si_code == BUS_ADRERR;
    if (!((raised && mend(0)) || (fault && info->si_addr != NULL && mend((uintptr_t)info->si_addr))))
        pass_on(number, info, context);
    errno = saved;
}

/* Be the handler; once more where somebody has taken it away meanwhile. */
static void
install(void)
{
    struct sigaction now, new = {0};
    if (sigaction(SIGBUS, NULL, &now) < 0)
        return;
    if (now.sa_flags & SA_SIGINFO && now.sa_sigaction == on_bus_error)
        return;
    page = (size_t)sysconf(_SC_PAGESIZE);
    new.sa_sigaction = on_bus_error;
    new.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
    sigemptyset(&new.sa_mask);
    /* It may have been put over this one, and go on to it: pass_on() finds that out. */
    before = now;
    sigaction(SIGBUS, &new, NULL);
}

Mapping *
kit_bus_watch(void *begin, size_t size, int descriptor)
{
    struct stat found;
    Mapping *mapping = NULL;
    KIT_LOCK(&lock);
    install();
    for (Chunk *chunk = &first_chunk; mapping == NULL; chunk = atomic_load(&chunk->next)) {
        for (int i = 0; mapping == NULL && i < EACH; i++) {
            if (atomic_load(&chunk->mappings[i].end) == 0)
                mapping = &chunk->mappings[i];
        }
        if (mapping == NULL && atomic_load(&chunk->next) == NULL) {
            Chunk *more = PyMem_RawCalloc(1, sizeof(Chunk));
            if (more == NULL)
                break;
            atomic_store(&chunk->next, more); /* for good */
        }
    }
    if (mapping != NULL) {
        bool known = fstat(descriptor, &found) == 0;
        atomic_store(&mapping->descriptor, known ? descriptor : -1);
        atomic_store(&mapping->device, known ? (uint64_t)found.st_dev : 0);
        atomic_store(&mapping->number, known ? (uint64_t)found.st_ino : 0);
        atomic_store(&mapping->whole, size);
        atomic_store(&mapping->begin, (uintptr_t)begin);
        atomic_store(&mapping->end, (uintptr_t)begin + size);
    }
    KIT_UNLOCK(&lock);
    return mapping;
}

void
kit_bus_forget(Mapping *mapping)
{
    if (mapping != NULL)
        atomic_store(&mapping->end, 0);
}

size_t
kit_bus_whole(Mapping *mapping)
{
    size_t size = size_now(mapping);
    if (size < atomic_load(&mapping->whole))
        replace(mapping, atomic_load(&mapping->begin), atomic_load(&mapping->end), size);
    return atomic_load(&mapping->whole);
}

#else

Mapping *
kit_bus_watch(void *Py_UNUSED(begin), size_t Py_UNUSED(size), int Py_UNUSED(descriptor))
{
    return NULL; /* a file that is mapped cannot be made shorter */
}

void
kit_bus_forget(Mapping *Py_UNUSED(mapping))
{
}

size_t
kit_bus_whole(Mapping *Py_UNUSED(mapping))
{
    return SIZE_MAX;
}

#endif

/* The type. */

PyTypeObject *kit_Watch;

static int
watch_fill(PyObject *made, PyObject *args, PyObject *Py_UNUSED(kwargs))
{
    Watch *self = (Watch *)made;
    PyObject *memory;
    int descriptor;
    if (!PyArg_ParseTuple(args, "Oi", &memory, &descriptor))
        return -1;
    if (strcmp(Py_TYPE(memory)->tp_name, "mmap.mmap") != 0) {
        PyErr_SetString(PyExc_TypeError, "a file's memory is a mmap.mmap");
        return -1;
    }
    if (PyObject_GetBuffer(memory, &self->view, PyBUF_WRITABLE) < 0)
        return -1;
    self->mapping = kit_bus_watch(self->view.buf, self->view.len, descriptor);
    return 0;
}

static PyObject *
watch_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    return kit_make(type, args, kwargs, watch_fill);
}

static void
watch_dealloc(Watch *self)
{
    PyTypeObject *type = Py_TYPE(self);
    kit_bus_forget(self->mapping); /* before the memory may be another one's */
    PyBuffer_Release(&self->view);
    type->tp_free(self);
    Py_DECREF(type);
}

size_t
kit_watch_whole(Watch *self)
{
    return self->mapping == NULL ? (size_t)self->view.len : kit_bus_whole(self->mapping);
}

static PyObject *
get_whole(Watch *self, void *Py_UNUSED(closure))
{
    return PyLong_FromSize_t(kit_watch_whole(self));
}

static PyGetSetDef watch_getset[] = {
    {"whole", (getter)get_whole, NULL, "How many bytes from the beginning are still the file's.", NULL},
    {NULL},
};

static PyType_Slot watch_slots[] = {
    {Py_tp_doc, "The memory of a file that somebody may cut off: then the program goes on."},
    {Py_tp_new, watch_new},
    {Py_tp_dealloc, watch_dealloc},
    {Py_tp_getset, watch_getset},
    {0, NULL},
};

static PyType_Spec watch_spec = {
    .name = "kit._c.Watch",
    .basicsize = sizeof(Watch),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = watch_slots,
};

int
kit_init_bus(PyObject *module)
{
    kit_Watch = kit_add_type(module, &watch_spec, NULL);
    return kit_Watch == NULL ? -1 : 0;
}
