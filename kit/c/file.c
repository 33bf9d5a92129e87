/* The file of a recorder: pieces for its blocks, and what else a recording thread writes there. */
#include "file.h"

#if defined(__unix__) || defined(__APPLE__)
#define KIT_FORKS
#include <pthread.h>
#include <sys/mman.h>
#endif

_Static_assert(offsetof(Live, ended) == 96, "as the format says");
_Static_assert(sizeof(ThreadSlot) == 128, "as the format says");
_Static_assert(sizeof(CountSlot) == 32, "as the format says");
_Static_assert(sizeof(PieceHead) == PIECE_HEAD, "as the format says");

/* CRC-32 as in zlib; for a few bytes at a time. */
static uint32_t
crc32_of(uint32_t crc, const void *data, size_t length)
{
    crc = ~crc;
    for (const unsigned char *at = data, *end = at + length; at < end; at++) {
        crc ^= *at;
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (0xEDB88320u & -(crc & 1));
    }
    return ~crc;
}

/* Pieces. */

static PieceHead *
head_of(char *data)
{
    return (PieceHead *)(data - PIECE_HEAD);
}

/* The first of so many free cells in a row, or -1. */
static Py_ssize_t
find_cells(const File *file, size_t wanted)
{
    size_t row = 0;
    for (size_t i = 0, at = file->next; i < file->cells + wanted; i++, at++) {
        if (at >= file->cells) {
            at = 0;
            row = 0; /* the last cell and the first are not side by side */
        }
        row = file->taken[at] ? 0 : row + 1;
        if (row == wanted)
            return at + 1 - wanted;
    }
    return -1;
}

char *
kit_file_piece(File *file, uint32_t thread, int64_t first, size_t size, size_t *room)
{
    size_t wanted = size > file->cell - PIECE_HEAD ? (size + PIECE_HEAD + file->cell - 1) / file->cell : 1;
    if (wanted > file->free)
        return NULL;
    Py_ssize_t cell = find_cells(file, wanted);
    if (cell < 0)
        return NULL;
    kit_file_changes(file);
    memset(file->taken + cell, 1, wanted);
    file->free -= wanted;
    file->next = cell + wanted;
    PieceHead *head = (PieceHead *)(file->arena + cell * file->cell);
    /* It says that it is free until it is whole again. */
    atomic_store_explicit(&head->used, 0, memory_order_relaxed);
    head->cells = (uint32_t)wanted;
    head->thread = thread;
    head->first = first;
    head->serial = ++file->serial;
    head->generation = file->threads[thread].generation;
    head->sum = crc32_of(file->key, &head->cells, 32);
    atomic_store_explicit(&head->seal, 0, memory_order_relaxed);
    atomic_store_explicit(&head->magic, PIECE_MAGIC, memory_order_release);
    /* Whoever reads this number finds every piece up to it. */
    atomic_store_explicit(&file->live->serial, file->serial, memory_order_release);
    *room = wanted * file->cell - PIECE_HEAD;
    return (char *)head + PIECE_HEAD;
}

void
kit_file_release(File *file, char *data)
{
    kit_file_changes(file);
    PieceHead *head = head_of(data);
    size_t cell = ((char *)head - file->arena) / file->cell, cells = head->cells;
    atomic_store_explicit(&head->magic, 0, memory_order_relaxed);
    /* Before anything else is written there. */
    atomic_thread_fence(memory_order_release);
    /* What looks like the head of a piece inside of this one is only text. */
    for (size_t i = 1; i < cells; i++)
        memset((char *)head + i * file->cell, 0, PIECE_HEAD);
    memset(file->taken + cell, 0, cells);
    file->free += cells;
}

size_t
kit_file_room(const File *file, char *data)
{
    return head_of(data)->cells * file->cell - PIECE_HEAD;
}

size_t
kit_file_summed(char *data)
{
    uint64_t seal = atomic_load_explicit(&head_of(data)->seal, memory_order_relaxed);
    uint32_t parts[2];
    memcpy(parts, &seal, sizeof(parts));
    return parts[1];
}

void
kit_file_seal(char *data, uint32_t sum, uint32_t summed)
{
    uint32_t parts[2] = {sum, summed};
    uint64_t seal;
    memcpy(&seal, parts, sizeof(seal));
    atomic_store_explicit(&head_of(data)->seal, seal, memory_order_relaxed);
}

/* Slots. */

int64_t
kit_file_thread(File *file, unsigned long tid, PyObject *name, int64_t base)
{
    uint64_t number = atomic_load_explicit(&file->live->threads, memory_order_relaxed);
    bool again = file->spare_thread_count > 0;
    if (again)
        number = file->spare_threads[--file->spare_thread_count];
    else if (number >= file->most_threads)
        return -1;
    kit_file_changes(file);
    ThreadSlot *slot = &file->threads[number];
    Py_ssize_t length;
    const char *text = PyUnicode_AsUTF8AndSize(name, &length);
    if (text == NULL) { /* a lone surrogate, or no memory */
        PyErr_Clear();
        length = 0;
    }
    if (length > THREAD_NAME) {
        length = THREAD_NAME;
        while (length > 0 && ((unsigned char)text[length] & 0xC0) == 0x80)
            length--;
    }
    /* Nobody reads it: there are fewer slots yet, or it says that it has no thread. */
    if (!again)
        memset(slot, 0, sizeof(ThreadSlot));
    memset(slot->name, 0, THREAD_NAME);
    if (length > 0)
        memcpy(slot->name, text, length);
    slot->base = base;
    slot->tid = tid;
    slot->length = (uint32_t)length;
    slot->end = 0;
    slot->generation += again;
    uint32_t sum = crc32_of(crc32_of(file->key, &slot->base, 16), &slot->generation, 8);
    slot->sum = crc32_of(sum, slot->name, length);
    atomic_store_explicit(&slot->gone, 2 * (uint64_t)base, memory_order_relaxed);
    /* Now it is whole, and so are its counts, which are zero or not there. */
    if (again)
        atomic_store_explicit(&slot->retired, 0, memory_order_release);
    else
        atomic_store_explicit(&file->live->threads, number + 1, memory_order_release);
    return number;
}

int64_t
kit_file_count(File *file, uint32_t thread, uint32_t code)
{
    /* Whose it is changes in one store; until then it is of a thread that is not there, or zero. */
    union {
        uint32_t whose[2];
        uint64_t word;
    } both = {{thread, code}};
    uint64_t number = atomic_load_explicit(&file->live->counts, memory_order_relaxed);
    bool again = file->spare_count_count > 0;
    if (again)
        number = file->spare_counts[--file->spare_count_count];
    else if (number >= file->most_counts)
        return -1;
    kit_file_changes(file);
    CountSlot *slot = &file->counts[number];
    if (!again)
        memset(slot, 0, sizeof(CountSlot));
    atomic_store_explicit((_Atomic uint64_t *)slot, both.word, memory_order_release);
    if (!again)
        atomic_store_explicit(&file->live->counts, number + 1, memory_order_release);
    return number;
}

/* Write where it does not hold yet what a count of the ended threads will be, with so many more. */
static void
raise_ended(File *file, int64_t number, uint64_t more)
{
    if (number < 0)
        return;
    CountSlot *count = &file->counts[number];
    int holds = kit_file_ended(file);
    uint64_t old = atomic_load_explicit(&count->gone[holds], memory_order_relaxed);
    atomic_store_explicit(&count->gone[!holds], old + more, memory_order_relaxed);
}

bool
kit_file_retire(File *file, uint32_t thread, const int64_t *counts, int64_t *gone, int64_t *lost,
                size_t codes)
{
    ThreadSlot *slot = &file->threads[thread];
    int way = atomic_load_explicit(&slot->gone, memory_order_relaxed) & 1;
    for (size_t code = 0; code < codes; code++) {
        CountSlot *count = counts[code] < 0 ? NULL : &file->counts[counts[code]];
        if (count != NULL && gone[code] < 0 && count->gone[way] > 0 &&
            (gone[code] = kit_file_count(file, ENDED_THREADS, code)) < 0)
            return false;
        if (count != NULL && lost[code] < 0 && count->lost > 0 &&
            (lost[code] = kit_file_count(file, ENDED_THREADS, code + LOST_OF_ENDED)) < 0)
            return false;
    }
    kit_file_changes(file);
    uint64_t ended = atomic_load_explicit(&file->live->ended, memory_order_relaxed);
    uint64_t number = (ended >> 1) + 1;
    /* Its own counts hold until so many have ended. */
    atomic_store_explicit(&slot->retired, number, memory_order_release);
    for (size_t code = 0; code < codes; code++) {
        CountSlot *count = counts[code] < 0 ? NULL : &file->counts[counts[code]];
        raise_ended(file, gone[code], count == NULL ? 0 : count->gone[way]);
        raise_ended(file, lost[code], count == NULL ? 0 : count->lost);
    }
    /* One store: the ended threads have its counts, and it has them no more.  Release: whoever
     * finds this number finds what was written before it. */
    atomic_store_explicit(&file->live->ended, 2 * number + (~ended & 1), memory_order_release);
    /* Only now: whoever has these slots next finds zero. */
    atomic_thread_fence(memory_order_release);
    for (size_t code = 0; code < codes; code++) {
        if (counts[code] < 0)
            continue;
        CountSlot *count = &file->counts[counts[code]];
        atomic_store_explicit(&count->lost, 0, memory_order_relaxed);
        atomic_store_explicit(&count->gone[0], 0, memory_order_relaxed);
        atomic_store_explicit(&count->gone[1], 0, memory_order_relaxed);
        file->spare_counts[file->spare_count_count++] = (uint32_t)counts[code];
    }
    file->spare_threads[file->spare_thread_count++] = thread;
    return true;
}

void
kit_file_clear(File *file)
{
    kit_file_changes(file);
    uint64_t epoch = atomic_load_explicit(&file->live->epoch, memory_order_relaxed);
    atomic_store_explicit(&file->live->epoch, epoch | 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    for (size_t i = 0; i < file->cells; i++)
        memset(file->arena + i * file->cell, 0, PIECE_HEAD);
    memset(file->taken, 0, file->cells);
    file->free = file->cells;
    file->next = 0;
    file->spare_thread_count = file->spare_count_count = 0;
    atomic_store_explicit(&file->threads[ENDED_THREADS].gone, 0, memory_order_relaxed);
    atomic_store_explicit(&file->live->ended, 0, memory_order_relaxed);
    atomic_store_explicit(&file->live->threads, ENDED_THREADS + 1, memory_order_relaxed);
    atomic_store_explicit(&file->live->counts, 0, memory_order_relaxed);
    atomic_store_explicit(&file->live->lost, 0, memory_order_relaxed);
    atomic_store_explicit(&file->live->failed, 0, memory_order_relaxed);
    atomic_store_explicit(&file->live->epoch, (epoch | 1) + 1, memory_order_release);
}

/* The child of a fork. */

static File *files;
#ifdef Py_GIL_DISABLED
static PyMutex files_lock;
#endif

#ifdef KIT_FORKS
/* What the child writes from now on is its own.  This runs within fork(), before anything of the
 * child could fire a marker. */
static void
detach_all(void)
{
    for (File *file = files; file != NULL; file = file->following) {
        /* Should that fail, nothing may be written there: a child that stops is better than a
         * file that two processes write. */
        if (mmap(file->base, file->view.len, PROT_READ | PROT_WRITE,
                 MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED)
            munmap(file->base, file->view.len);
    }
}
#endif

/* The type. */

static bool
inside(const File *self, unsigned long long at, unsigned long long each, unsigned long long many)
{
    unsigned long long size = self->view.len;
    return at % 8 == 0 && at <= size && (many == 0 || each <= (size - at) / many);
}

static int
file_fill(PyObject *made, PyObject *args, PyObject *Py_UNUSED(kwargs))
{
    File *self = (File *)made;
    PyObject *memory;
    unsigned int key;
    unsigned long long live, threads, most_threads, counts, most_counts, arena, cell, cells;
    if (!PyArg_ParseTuple(args, "OIKKKKKKKK", &memory, &key, &live, &threads, &most_threads,
                          &counts, &most_counts, &arena, &cell, &cells))
        return -1;
    if (strcmp(Py_TYPE(memory)->tp_name, "mmap.mmap") != 0) {
        PyErr_SetString(PyExc_TypeError, "a file's memory is a mmap.mmap");
        return -1;
    }
    if (PyObject_GetBuffer(memory, &self->view, PyBUF_WRITABLE) < 0)
        return -1;
    if (!inside(self, live, sizeof(Live), 1) || !inside(self, threads, sizeof(ThreadSlot), most_threads) ||
        !inside(self, counts, sizeof(CountSlot), most_counts) || !inside(self, arena, cell, cells) ||
        cell < 1024 || cell > 1 << 30 || cell % 8 != 0 || cells < 1 || cells > INT32_MAX ||
        most_threads < 1 || most_threads > INT32_MAX || most_counts > INT32_MAX) {
        PyErr_SetString(PyExc_ValueError, "a file's parts are inside of it");
        return -1;
    }
    self->taken = PyMem_RawCalloc(cells, 1);
    self->spare_threads = PyMem_RawMalloc(most_threads * sizeof(uint32_t));
    self->spare_counts = PyMem_RawMalloc(most_counts * sizeof(uint32_t));
    if (self->taken == NULL || self->spare_threads == NULL || self->spare_counts == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    self->base = self->view.buf;
    self->live = (Live *)(self->base + live);
    self->threads = (ThreadSlot *)(self->base + threads);
    self->counts = (CountSlot *)(self->base + counts);
    self->arena = self->base + arena;
    self->most_threads = most_threads;
    self->most_counts = most_counts;
    self->cell = cell;
    self->cells = self->free = cells;
    self->key = key;
    KIT_LOCK(&files_lock);
    self->following = files;
    self->place = &files;
    if (files != NULL)
        files->place = &self->following;
    files = self;
    KIT_UNLOCK(&files_lock);
    return 0;
}

static PyObject *
file_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    return kit_make(type, args, kwargs, file_fill);
}

static void
file_dealloc(File *self)
{
    PyTypeObject *type = Py_TYPE(self);
    if (self->place != NULL) {
        KIT_LOCK(&files_lock);
        *self->place = self->following;
        if (self->following != NULL)
            self->following->place = self->place;
        KIT_UNLOCK(&files_lock);
    }
    PyMem_RawFree(self->taken);
    PyMem_RawFree(self->spare_threads);
    PyMem_RawFree(self->spare_counts);
    PyBuffer_Release(&self->view);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMemberDef file_members[] = {
    {"free", T_PYSSIZET, offsetof(File, free), READONLY, "How many cells are free."},
    {"events", T_LONGLONG, offsetof(File, events), READONLY, "How many it was left with."},
    {"used", T_PYSSIZET, offsetof(File, used), READONLY, "How many cells these are in."},
    {NULL},
};

static PyType_Slot file_slots[] = {
    {Py_tp_doc, "The memory of a capture's file."},
    {Py_tp_new, file_new},
    {Py_tp_dealloc, file_dealloc},
    {Py_tp_members, file_members},
    {0, NULL},
};

static PyType_Spec file_spec = {
    .name = "kit._c.File",
    .basicsize = sizeof(File),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = file_slots,
};

int
kit_init_file(PyObject *module)
{
#ifdef KIT_FORKS
    pthread_atfork(NULL, NULL, detach_all);
#endif
    kit_File = kit_add_type(module, &file_spec, NULL);
    return kit_File == NULL ? -1 : 0;
}
