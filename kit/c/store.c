/* The recorder's memory: buffers, a thread each, and what readers take from them. */
#include "store.h"

#define BLOCK_BYTES 65536
#define ENDED_NAME "ended threads"
#define FIRST_BYTES 2048 /* of a thread; each of its blocks is up to four times as large as the last */

static _Atomic uint64_t ids;

/* Blocks. */

/* The memory of blocks that were read or cleared, for those to come: where a recorder is emptied
 * again and again, the system need not be asked for the same pages each time, and clear them. */
#if !defined(Py_GIL_DISABLED) && !defined(__SANITIZE_ADDRESS__)
#define SPARE 32 /* 2 MiB */
static char *spare[SPARE];
static int spare_count;
#endif

/* Memory for records, after the number of bytes in use, or NULL; `old` gives way to it. */
static char *
new_memory(char *old, size_t room)
{
    uint64_t *made = PyMem_RawRealloc(old == NULL ? NULL : old - sizeof(uint64_t),
                                      room + sizeof(uint64_t));
    if (made == NULL)
        return NULL;
    *made = 0;
    return (char *)(made + 1);
}

static char *
take_memory(size_t room)
{
#ifdef SPARE
    if (room == BLOCK_BYTES && spare_count > 0) {
        char *data = spare[--spare_count];
        memset(data - sizeof(uint64_t), 0, sizeof(uint64_t));
        return data;
    }
#endif
    return new_memory(NULL, room);
}

static void
give_memory(char *data, size_t room)
{
#ifdef SPARE
    if (room == BLOCK_BYTES && spare_count < SPARE) {
        spare[spare_count++] = data;
        return;
    }
#endif
    PyMem_RawFree(data - sizeof(uint64_t));
}

static void
block_dealloc(Block *self)
{
    PyTypeObject *type = Py_TYPE(self);
    if (self->file != NULL)
        Py_DECREF(self->file); /* what is in it stays there */
    else if (self->data != NULL)
        give_memory(self->data, self->room);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyType_Slot block_slots[] = {
    {Py_tp_doc, "Consecutive records of one thread."},
    {Py_tp_dealloc, block_dealloc},
    {0, NULL},
};

static PyType_Spec block_spec = {
    .name = "kit._c.Block",
    .basicsize = sizeof(Block),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = block_slots,
};

static int drop_oldest(Store *store);

/* The same in the store's file: there is only so much, so the oldest gives way where it may. */
static char *
file_piece(Store *store, Buffer *buffer, size_t *room)
{
    File *file = store->file;
    while (buffer->slot < 0 &&
           (buffer->slot = kit_file_thread(file, buffer->tid, buffer->name, buffer->events)) < 0) {
        /* Until a thread that has ended gives its slot back, where that is to come. */
        if (store->to_give_back == 0 || store->oldest_full == NULL || drop_oldest(store) < 0)
            return NULL;
    }
    if (*room > file->cell * file->cells - PIECE_HEAD)
        return NULL;
    size_t wanted = *room;
    char *data;
    while ((data = kit_file_piece(file, buffer->slot, buffer->events, wanted, room)) == NULL) {
        if (store->oldest_full == NULL || drop_oldest(store) < 0)
            return NULL;
    }
    return data;
}

Block *
kit_new_block(Store *store, Buffer *buffer, size_t room)
{
    Block *block = (Block *)kit_Block->tp_alloc(kit_Block, 0);
    if (block == NULL)
        return NULL;
    block->data = store->file == NULL ? take_memory(room) : file_piece(store, buffer, &room);
    if (block->data == NULL) {
        Py_DECREF(block);
        PyErr_NoMemory();
        return NULL;
    }
    block->file = store->file == NULL ? NULL : (File *)Py_NewRef(store->file);
    block->room = room;
    block->first = buffer->events;
    block->buffer = buffer;
    return block;
}

/* Whether somebody has cut the file off.  What was recorded in the part that has gone is lost, and so
 * is whatever comes, until the store goes on in another file. */
static bool
is_cut(Store *store)
{
    File *file = store->file;
    if (file == NULL || file->watch == NULL)
        return false;
    for (size_t whole; (whole = kit_watch_whole(file->watch)) < file->whole;) {
        file->whole = whole;
        Block *gone = NULL;
        for (Buffer *buffer = store->buffers; buffer != NULL; buffer = buffer->next) {
            buffer->current = NULL; /* the next event asks for room */
            for (Block **place = &buffer->oldest, *block; (block = *place) != NULL;) {
                size_t begin = block->data - file->base;
                if (begin <= whole && *kit_used(block) <= whole - begin) {
                    place = &block->next;
                    continue;
                }
                *place = block->next;
                store->cut += block->events - block->events_taken;
                block->buffer = NULL;
                block->next = gone;
                gone = block;
            }
        }
        store->newest_full = NULL;
        for (Block **place = &store->oldest_full, *block; (block = *place) != NULL;) {
            if (block->buffer != NULL) {
                store->newest_full = block;
                place = &block->next_full;
            }
            else {
                *place = block->next_full;
                store->held -= block->events;
            }
        }
        for (Block *next; gone != NULL; gone = next) {
            next = gone->next;
            gone->next = gone->next_full = NULL;
            Py_DECREF(gone);
        }
    }
    return file->whole < (size_t)file->view.len;
}

/* Another piece for a block that holds nothing yet. */
static int
enlarge(Store *store, Buffer *buffer, Block *block, size_t room)
{
    char *data = store->file == NULL ? new_memory(block->data, room)
                                     : file_piece(store, buffer, &room);
    if (data == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    if (store->file != NULL)
        kit_file_release(store->file, block->data);
    block->data = data;
    block->room = room;
    return 0;
}

/* Buffers. */

/* Have room for the counts of so many codes. */
static int
count_codes(Buffer *buffer, size_t codes)
{
    if (codes <= buffer->codes)
        return 0;
    codes += 16;
    /* All in one, so that there is one thing to fail. */
    long long *lost = PyMem_RawCalloc(5 * codes, sizeof(long long));
    if (lost == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    long long *overwritten = lost + codes, *gone = overwritten + codes;
    int64_t *slots = (int64_t *)(gone + codes), *lost_slots = slots + codes;
    memset(slots, 0xFF, 2 * codes * sizeof(int64_t));
    if (buffer->codes > 0) {
        memcpy(lost, buffer->lost, buffer->codes * sizeof(long long));
        memcpy(overwritten, buffer->overwritten, buffer->codes * sizeof(long long));
        memcpy(gone, buffer->gone, buffer->codes * sizeof(long long));
        memcpy(slots, buffer->slots, buffer->codes * sizeof(int64_t));
        memcpy(lost_slots, buffer->lost_slots, buffer->codes * sizeof(int64_t));
    }
    PyMem_RawFree(buffer->lost);
    buffer->lost = lost;
    buffer->overwritten = overwritten;
    buffer->gone = gone;
    buffer->slots = slots;
    buffer->lost_slots = lost_slots;
    buffer->codes = codes;
    return 0;
}

/* Where the file counts a thread's events of a marker, or NULL: there is no room. */
static CountSlot *
count_slot(File *file, Buffer *buffer, size_t code)
{
    if (buffer->slot < 0)
        buffer->slot = kit_file_thread(file, buffer->tid, buffer->name, buffer->events);
    if (buffer->slots[code] < 0 && buffer->slot >= 0)
        buffer->slots[code] = kit_file_count(file, buffer->slot, code);
    return buffer->slots[code] < 0 ? NULL : &file->counts[buffer->slots[code]];
}

static void
note_lost(File *file, Buffer *buffer, size_t code, uint64_t more)
{
    kit_file_changes(file);
    CountSlot *slot = count_slot(file, buffer, code);
    _Atomic uint64_t *count = slot == NULL ? &file->live->lost : &slot->lost;
    atomic_store_explicit(count, atomic_load_explicit(count, memory_order_relaxed) + more,
                          memory_order_relaxed);
}

/* In a new file: what ended threads have lost in those before it. */
static void
note_lost_of_ended(File *file, Buffer *ended, size_t code)
{
    int64_t number = kit_file_count(file, ENDED_THREADS, code + LOST_OF_ENDED);
    ended->lost_slots[code] = number;
    _Atomic uint64_t *count = number < 0 ? &file->live->lost
                                         : &file->counts[number].gone[kit_file_ended(file)];
    atomic_store_explicit(count,
                          atomic_load_explicit(count, memory_order_relaxed) + ended->lost[code],
                          memory_order_relaxed);
}

int
kit_count_lost(Store *store, Buffer *buffer, uint16_t code)
{
    if (count_codes(buffer, (size_t)code + 1) < 0)
        return -1;
    buffer->lost[code]++;
    if (store->file != NULL)
        note_lost(store->file, buffer, code, 1);
    return 0;
}

void
kit_count_failed(Store *store)
{
    if (store->file != NULL) {
        kit_file_changes(store->file);
        atomic_fetch_add_explicit(&store->file->live->failed, 1, memory_order_relaxed);
    }
}

/* What was in the oldest block of a thread has given way, in one step. */
static void
note_gone(File *file, Buffer *buffer, const Block *block)
{
    kit_file_changes(file);
    ThreadSlot *thread = &file->threads[buffer->slot];
    uint64_t which = ~atomic_load_explicit(&thread->gone, memory_order_relaxed) & 1;
    for (size_t code = 0; code < buffer->codes; code++) {
        CountSlot *slot = buffer->gone[code] == 0 ? NULL : count_slot(file, buffer, code);
        if (slot != NULL)
            atomic_store_explicit(&slot->gone[which], buffer->gone[code], memory_order_relaxed);
    }
    atomic_store_explicit(&thread->gone, 2 * (uint64_t)(block->first + block->events) + which,
                          memory_order_release);
}

/* How far the thread has come in this file, for whoever reads it after it was closed. */
static void
note_end(File *file, const Buffer *buffer)
{
    if (buffer->slot >= 0)
        file->threads[buffer->slot].end = buffer->events;
}

static void
forget_blocks(Buffer *buffer)
{
    for (Block *block = buffer->oldest, *next; block != NULL; block = next) {
        next = block->next;
        block->next = NULL;
        block->buffer = NULL;
        Py_DECREF(block);
    }
}

static void
free_buffer(Buffer *buffer)
{
    forget_blocks(buffer);
    Py_XDECREF(buffer->name);
    PyMem_RawFree(buffer->lost);
    PyMem_RawFree(buffer);
}

/* A thread that is over has left its record, perhaps to another one (acquire: with all it wrote). */
static bool
is_over(const Buffer *buffer)
{
    return buffer->serial != buffer->reader->serial ||
           atomic_load_explicit(&buffer->reader->gone, memory_order_acquire);
}

static Buffer *
find_buffer(Store *store, Reader *reader)
{
    for (Buffer *buffer = store->live; buffer != NULL; buffer = buffer->next_live) {
        if (buffer->reader == reader && buffer->serial == reader->serial)
            return buffer;
    }
    return NULL;
}

/* Nothing of an ended thread is left but its counts: these go where those of all such threads are,
 * so that memory does not grow with the number of threads that ever were. */
static void
let_go(Store *store, Buffer *buffer)
{
    Buffer *ended = store->ended;
    if (buffer->oldest != NULL)
        return;
    if (buffer->slot >= 0) {
        store->to_give_back--;
        if (!kit_file_retire(store->file, buffer->slot, buffer->slots, ended->slots, ended->lost_slots,
                             buffer->codes < ended->codes ? buffer->codes : ended->codes))
            return; /* the file has no room for more counts: it stays as it is, exact */
    }
    /* What is described has a count in each buffer, see describe(); of what is not there is none. */
    for (size_t code = 0; code < buffer->codes && code < ended->codes; code++) {
        ended->lost[code] += buffer->lost[code];
        ended->overwritten[code] += buffer->overwritten[code];
    }
    ended->events += buffer->events;
    *buffer->place = buffer->next;
    if (buffer->next != NULL)
        buffer->next->place = buffer->place;
    else
        store->last = buffer->place;
    store->others--;
    free_buffer(buffer);
}

/* Nobody will write into the empty block that an ended thread may have begun. */
static void
drop_empty(Store *store, Buffer *buffer)
{
    Block *block = buffer->current;
    if (block == NULL || block->events > 0)
        return;
    if (store->file != NULL)
        kit_file_release(store->file, block->data);
    Block **link = &buffer->oldest;
    while (*link != block)
        link = &(*link)->next;
    *link = NULL;
    buffer->current = NULL;
    block->buffer = NULL;
    Py_DECREF(block);
}

static int seal(Store *store, Buffer *buffer, bool more);

/* Take note of threads that have ended: what they wrote may give way from now on.  Each is met once,
 * so that this takes no longer the more threads there ever were. */
static void
notice_ended(Store *store)
{
    for (Buffer **link = &store->live; *link != NULL;) {
        Buffer *buffer = *link;
        if (!is_over(buffer)) {
            link = &buffer->next_live;
            continue;
        }
        *link = buffer->next_live;
        drop_empty(store, buffer);
        if (store->overwrite && buffer->current != NULL && seal(store, buffer, false) < 0)
            PyErr_Clear(); /* there was no memory to count what gives way: it does so later */
        buffer->ended = true;
        store->to_give_back += buffer->slot >= 0;
        let_go(store, buffer);
    }
}

/* Steals the name. */
static Buffer *
new_buffer(Store *store, Reader *reader, PyObject *name)
{
    Buffer *buffer = PyMem_RawCalloc(1, sizeof(Buffer));
    if (buffer == NULL || count_codes(buffer, PyList_GET_SIZE(store->kinds)) < 0) {
        PyMem_RawFree(buffer);
        Py_XDECREF(name);
        PyErr_NoMemory();
        return NULL;
    }
    buffer->reader = reader;
    buffer->name = name;
    buffer->slot = -1;
    if (reader != NULL) {
        buffer->serial = reader->serial;
        buffer->tid = PyThread_get_thread_native_id();
    }
    return buffer;
}

static void
link_buffer(Store *store, Buffer *buffer)
{
    buffer->place = store->last;
    *store->last = buffer;
    store->last = &buffer->next;
    buffer->next_live = store->live;
    store->live = buffer;
    store->others++;
}

COLD Buffer *
kit_buffer(Store *store, Reader *reader)
{
    KIT_LOCK(&store->lock);
    Buffer *buffer = find_buffer(store, reader);
    if (buffer == NULL) {
        KIT_UNLOCK(&store->lock);
        PyObject *ident = PyLong_FromUnsignedLong(reader->ident);
        PyObject *name = ident == NULL ? NULL : PyObject_CallOneArg(store->name_of, ident);
        Py_XDECREF(ident);
        if (name != NULL && !PyUnicode_Check(name)) {
            PyErr_SetString(PyExc_TypeError, "the name of a thread is text");
            Py_CLEAR(name);
        }
        if (name == NULL)
            return NULL;
        KIT_LOCK(&store->lock);
        /* An event may have been recorded in the middle of that call, on this thread. */
        buffer = find_buffer(store, reader);
        if (buffer != NULL)
            Py_DECREF(name); /* text: that runs nothing */
        else {
            buffer = new_buffer(store, reader, name);
            if (buffer == NULL) {
                KIT_UNLOCK(&store->lock);
                return NULL;
            }
            notice_ended(store);
            link_buffer(store, buffer);
        }
    }
    reader->cache[store->id % CACHED].store = store->id;
    reader->cache[store->id % CACHED].buffer = buffer;
    return buffer;
}

static void
append(Buffer *buffer, Block *block)
{
    if (buffer->current == NULL)
        buffer->oldest = block;
    else
        buffer->current->next = block;
    buffer->current = block;
}

/* A small capacity needs little memory, and so do many threads that record little each. */
static size_t
next_room(const Store *store, const Block *last)
{
    if (store->file != NULL)
        return store->file->cell - PIECE_HEAD;
    size_t events = store->overwrite ? (size_t)store->sub_buffer : (size_t)store->capacity;
    size_t most = events < BLOCK_BYTES / 256 ? events * 256 : BLOCK_BYTES;
    size_t room = last == NULL ? FIRST_BYTES : 4 * last->room;
    return room < most ? room : most;
}

COLD int
kit_make_room(Store *store, Buffer *buffer, size_t size)
{
    if (is_cut(store)) {
        PyErr_NoMemory();
        return -1;
    }
    size_t room = next_room(store, buffer->current);
    if (size > room)
        room = (size + 7) / 8 * 8;
    Block *block = buffer->current;
    if (block != NULL && block->file != NULL && block->room < kit_file_room(block->file, block->data)) {
        /* The file was closed, see store_settle(): it is written again. */
        kit_file_changes(block->file);
        block->room = kit_file_room(block->file, block->data);
        if (block->room - *kit_used(block) >= size)
            return 0;
    }
    if (block != NULL && block->events > 0 && store->overwrite)
        return kit_seal(store, buffer) < 0 ? -1 : kit_make_room(store, buffer, size);
    if (block != NULL && block->events == 0) {
        /* Nobody has seen anything of it. */
        if (block->room >= size)
            return 0;
        return enlarge(store, buffer, block, room);
    }
    block = kit_new_block(store, buffer, room);
    if (block == NULL)
        return -1;
    append(buffer, block);
    return 0;
}

static int
drop_oldest(Store *store)
{
    Block *block = store->oldest_full;
    Buffer *buffer = block->buffer;
    size_t used = atomic_load_explicit(kit_used(block), memory_order_relaxed);
    Py_ssize_t left = block->events - block->events_taken;
    for (size_t at = store->file == NULL ? block->taken : 0; at < used;) {
        Head head;
        memcpy(&head, block->data + at, sizeof(head));
        if (head.size < RECORD_HEAD || head.size > used - at)
            break; /* cut off just now */
        left -= at >= block->taken;
        if (count_codes(buffer, (size_t)head.code + 1) < 0)
            return -1;
        buffer->overwritten[head.code] += at >= block->taken;
        buffer->gone[head.code]++;
        at += head.size;
    }
    store->cut += left;
    if (store->file != NULL) {
        note_gone(store->file, buffer, block);
        kit_file_release(store->file, block->data);
    }
    store->oldest_full = block->next_full;
    if (store->oldest_full == NULL)
        store->newest_full = NULL;
    store->held -= block->events;
    /* A thread's blocks are filled in order: this is its oldest. */
    buffer->oldest = block->next;
    if (buffer->current == block)
        buffer->current = NULL;
    block->next = block->next_full = NULL;
    block->buffer = NULL;
    Py_DECREF(block);
    if (buffer->ended)
        let_go(store, buffer);
    return 0;
}

/* The current block is full, or its thread has ended: then nothing is `more` to come. */
static int
seal(Store *store, Buffer *buffer, bool more)
{
    if (is_cut(store))
        return 0;
    Block *block = buffer->current;
    /* First what may fail: a block that is full and still written to would be dropped too early. */
    Block *next = more ? kit_new_block(store, buffer, next_room(store, block)) : NULL;
    if (more && next == NULL)
        return -1;
    if (store->newest_full == NULL)
        store->oldest_full = block;
    else
        store->newest_full->next_full = block;
    store->newest_full = block;
    store->held += block->events;
    int status = 0;
    while (status == 0 && store->held - store->sub_buffer >= store->capacity && store->oldest_full != NULL)
        status = drop_oldest(store);
    if (next != NULL)
        append(buffer, next);
    else if (buffer->current == block)
        buffer->current = NULL; /* nobody writes here any more */
    return status;
}

COLD int
kit_seal(Store *store, Buffer *buffer)
{
    return seal(store, buffer, true);
}

/* The store. */

/* A file that is new or empty has no slots of a thread, and counts nothing of what gave way. */
static void
leave_file(Buffer *buffer)
{
    buffer->slot = -1;
    for (size_t code = 0; code < buffer->codes; code++) {
        buffer->gone[code] = 0;
        buffer->slots[code] = buffer->lost_slots[code] = -1;
    }
}

static void
forget_all(Store *self)
{
    Buffer *ended = self->ended;
    if (ended == NULL)
        return; /* it was never whole */
    KIT_LOCK(&self->lock);
    Buffer *buffer = ended->next;
    ended->next = self->live = NULL;
    self->last = &ended->next;
    self->others = self->to_give_back = 0;
    leave_file(ended);
    ended->events = 0;
    for (size_t code = 0; code < ended->codes; code++)
        ended->lost[code] = ended->overwritten[code] = 0;
    self->oldest_full = self->newest_full = NULL;
    self->held = self->cut = 0;
    if (self->file != NULL)
        kit_file_clear(self->file);
    self->id = atomic_fetch_add(&ids, 1) + 1; /* nobody's cache holds it */
    KIT_UNLOCK(&self->lock);
    for (Buffer *next; buffer != NULL; buffer = next) {
        next = buffer->next;
        free_buffer(buffer);
    }
}

static int
store_fill(PyObject *made, PyObject *args, PyObject *kwargs)
{
    Store *self = (Store *)made;
    static char *names[] = {"capacity", "sub_buffer", "name_of", "plain", "file", NULL};
    PyObject *name_of, *plain, *file = NULL;
    long long capacity;
    Py_ssize_t sub_buffer;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "LnOO|O!", names, &capacity, &sub_buffer,
                                     &name_of, &plain, kit_File, &file))
        return -1;
    if (capacity < 1 || sub_buffer < 0) {
        PyErr_SetString(PyExc_ValueError, "a store has a capacity of 1 or more");
        return -1;
    }
    self->kinds = PyList_New(0);
    if (self->kinds == NULL)
        return -1;
    self->capacity = capacity;
    self->overwrite = sub_buffer > 0;
    self->sub_buffer = sub_buffer;
    self->name_of = Py_NewRef(name_of);
    self->plain = Py_NewRef(plain);
    self->file = (File *)Py_XNewRef(file);
    PyObject *name = PyUnicode_FromString(ENDED_NAME);
    self->ended = name == NULL ? NULL : new_buffer(self, NULL, name);
    if (self->ended == NULL)
        return -1;
    self->buffers = self->ended;
    self->last = &self->ended->next;
    self->id = atomic_fetch_add(&ids, 1) + 1;
    return 0;
}

static PyObject *
store_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    return kit_make(type, args, kwargs, store_fill);
}

static int
store_traverse(Store *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->name_of);
    Py_VISIT(self->plain);
    Py_VISIT(self->kinds);
    return 0;
}

static void
store_dealloc(Store *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    Py_CLEAR(self->file); /* what is in it stays there */
    forget_all(self);
    if (self->ended != NULL)
        free_buffer(self->ended);
    Py_XDECREF(self->name_of);
    Py_XDECREF(self->plain);
    Py_XDECREF(self->kinds);
    type->tp_free(self);
    Py_DECREF(type);
}

PyDoc_STRVAR(clear_doc, "clear()\n--\n\nForget everything that was recorded.");

static PyObject *
store_clear(Store *self, PyObject *Py_UNUSED(none))
{
    forget_all(self);
    Py_RETURN_NONE;
}

static Py_ssize_t
store_length(Store *self)
{
    Py_ssize_t events = 0;
    KIT_LOCK(&self->lock);
    is_cut(self);
    for (Buffer *buffer = self->buffers; buffer != NULL; buffer = buffer->next) {
        for (Block *block = buffer->oldest; block != NULL; block = block->next)
            events += block->events - block->events_taken;
    }
    KIT_UNLOCK(&self->lock);
    return events;
}

static long long
sum(Store *self, bool lost)
{
    KIT_LOCK(&self->lock);
    is_cut(self);
    long long all = lost ? self->cut : 0;
    for (Buffer *buffer = self->buffers; buffer != NULL; buffer = buffer->next) {
        for (size_t code = 0; code < buffer->codes; code++)
            all += lost ? buffer->lost[code] : buffer->overwritten[code];
    }
    KIT_UNLOCK(&self->lock);
    return all;
}

static PyObject *
store_lost(Store *self, void *Py_UNUSED(closure))
{
    return PyLong_FromLongLong(sum(self, true));
}

static PyObject *
store_cut(Store *self, void *Py_UNUSED(closure))
{
    KIT_LOCK(&self->lock);
    is_cut(self);
    long long cut = self->cut;
    KIT_UNLOCK(&self->lock);
    return PyLong_FromLongLong(cut);
}

static PyObject *
store_overwritten(Store *self, void *Py_UNUSED(closure))
{
    return PyLong_FromLongLong(sum(self, false));
}

static PyObject *
by_code(const long long *counts, size_t codes)
{
    PyObject *dict = PyDict_New();
    for (size_t code = 0; dict != NULL && code < codes; code++) {
        if (counts[code] == 0)
            continue;
        PyObject *key = PyLong_FromSize_t(code), *value = PyLong_FromLongLong(counts[code]);
        if (key == NULL || value == NULL || PyDict_SetItem(dict, key, value) < 0)
            Py_CLEAR(dict);
        Py_XDECREF(key);
        Py_XDECREF(value);
    }
    return dict;
}

/* What a file holds may give way while somebody still looks at it, so they are given a copy. */
static PyObject *
copy_of(const Block *block, size_t begin, size_t end)
{
    Block *copy = (Block *)kit_Block->tp_alloc(kit_Block, 0);
    if (copy == NULL)
        return NULL;
    copy->data = take_memory(end - begin);
    if (copy->data == NULL) {
        Py_DECREF(copy);
        return PyErr_NoMemory();
    }
    memcpy(copy->data, block->data + begin, end - begin);
    copy->room = end - begin;
    *kit_used(copy) = end - begin;
    return (PyObject *)copy;
}

/* (tid, name, number of the first, rows, lost, overwritten) of one buffer; `newest` < 0 for all. */
static PyObject *
piece(Store *self, Buffer *buffer, Py_ssize_t newest)
{
    Py_ssize_t there = 0, skip = 0;
    for (Block *block = buffer->oldest; block != NULL; block = block->next)
        there += block->events - block->events_taken;
    if (newest >= 0 && there > newest)
        skip = there - newest;
    PyObject *parts = PyList_New(0);
    long long first = buffer->events - (there - skip);
    if (self->cut > 0 && buffer->oldest != NULL) /* what came after may have gone */
        first = buffer->oldest->first + buffer->oldest->events_taken + skip;
    for (Block *block = buffer->oldest; parts != NULL && block != NULL; block = block->next) {
        Py_ssize_t events = block->events - block->events_taken;
        if (events <= skip) {
            skip -= events;
            continue;
        }
        size_t begin = block->taken;
        size_t end = atomic_load_explicit(kit_used(block), memory_order_acquire);
        if (end < begin)
            end = begin; /* cut off just now, as pieces() finds */
        for (; skip > 0; skip--, events--) {
            Head head;
            memcpy(&head, block->data + begin, sizeof(head));
            begin += head.size <= end - begin ? head.size : 0;
        }
        PyObject *part = block->file == NULL
                             ? Py_BuildValue("Onnn", block, (Py_ssize_t)begin, (Py_ssize_t)end, events)
                             : Py_BuildValue("Nnnn", copy_of(block, begin, end), (Py_ssize_t)0,
                                             (Py_ssize_t)(end - begin), events);
        if (part == NULL || PyList_Append(parts, part) < 0)
            Py_CLEAR(parts);
        Py_XDECREF(part);
    }
    PyObject *rows = parts == NULL ? NULL
                                   : PyObject_CallFunctionObjArgs((PyObject *)kit_Rows, self->kinds,
                                                                  parts, NULL);
    Py_XDECREF(parts);
    PyObject *lost = rows == NULL ? NULL : by_code(buffer->lost, buffer->codes);
    PyObject *gone = lost == NULL ? NULL : by_code(buffer->overwritten, buffer->codes);
    PyObject *found = gone == NULL ? NULL
                                   : Py_BuildValue("kOLOOO", buffer->tid, buffer->name, first, rows,
                                                   lost, gone);
    Py_XDECREF(rows);
    Py_XDECREF(lost);
    Py_XDECREF(gone);
    return found;
}

static bool
counts_any(const Buffer *buffer)
{
    for (size_t code = 0; code < buffer->codes; code++) {
        if (buffer->lost[code] > 0 || buffer->overwritten[code] > 0)
            return true;
    }
    return false;
}

static PyObject *
pieces(Store *self, Py_ssize_t newest)
{
    /* A callback of the garbage collector could record here, and drop what is being copied; under
     * the lock it would wait for itself.  (Interpreters that know such a lock, 3.13 and later,
     * collect between two instructions of Python code, so never here.) */
    int collecting = PyGC_Disable();
    PyObject *list;
    size_t whole;
    do { /* What was cut off while it was copied is zeros: again, without it. */
        is_cut(self);
        whole = self->file == NULL ? 0 : self->file->whole;
        list = PyList_New(0);
        for (Buffer *buffer = self->buffers; list != NULL && buffer != NULL; buffer = buffer->next) {
            if (buffer == self->ended && !counts_any(buffer))
                continue;
            PyObject *one = piece(self, buffer, newest);
            if (one == NULL || PyList_Append(list, one) < 0)
                Py_CLEAR(list);
            Py_XDECREF(one);
        }
        is_cut(self);
        if (self->file == NULL || self->file->whole == whole)
            break;
        PyErr_Clear();
        Py_CLEAR(list);
    } while (true);
    if (collecting)
        PyGC_Enable();
    return list;
}

PyDoc_STRVAR(fail_doc, "fail()\n--\n\nCount in the file, where there is one, an event that could not be written.");

static PyObject *
store_fail(Store *self, PyObject *Py_UNUSED(none))
{
    KIT_LOCK(&self->lock);
    kit_count_failed(self);
    KIT_UNLOCK(&self->lock);
    Py_RETURN_NONE;
}

PyDoc_STRVAR(copy_doc, "copy(newest)\n--\n\n"
                       "What every thread has recorded, or as many of its newest; -1 for all.\n\n"
                       "A list of (tid, name, number of the first, rows, lost, overwritten).  What ended\n"
                       "threads leave behind when their events are gone is with thread 0.");

static PyObject *
store_copy(Store *self, PyObject *newest)
{
    Py_ssize_t count = PyLong_AsSsize_t(newest);
    if (count == -1 && PyErr_Occurred())
        return NULL;
    KIT_LOCK(&self->lock);
    PyObject *found = pieces(self, count);
    KIT_UNLOCK(&self->lock);
    return found;
}

PyDoc_STRVAR(take_doc, "take()\n--\n\nThe same as copy(-1), and it is taken once; a file keeps it.");

static PyObject *
store_take(Store *self, PyObject *Py_UNUSED(none))
{
    KIT_LOCK(&self->lock);
    bool gives_back = !self->overwrite && self->file == NULL;
    if (gives_back)
        notice_ended(self);
    PyObject *taken = pieces(self, -1);
    for (Buffer *buffer = taken == NULL ? NULL : self->buffers, *other; buffer != NULL; buffer = other) {
        other = buffer->next;
        for (Block *block = buffer->oldest, *next; block != NULL; block = next) {
            next = block->next;
            if (gives_back)
                self->held -= block->events - block->events_taken;
            block->taken = atomic_load_explicit(kit_used(block), memory_order_relaxed);
            block->events_taken = block->events;
            if (gives_back && (block != buffer->current || buffer->ended)) {
                buffer->oldest = next;
                block->next = NULL;
                block->buffer = NULL;
                Py_DECREF(block);
            }
        }
        if (gives_back && buffer->ended)
            let_go(self, buffer);
    }
    KIT_UNLOCK(&self->lock);
    return taken;
}

PyDoc_STRVAR(rotate_doc, "rotate(file)\n--\n\n"
                         "Go on in another file; what was recorded stays in the old one, which says how\n"
                         "many events that are, and how many cells hold them.");

static PyObject *
store_rotate(Store *self, PyObject *made)
{
    if (self->file == NULL || Py_TYPE(made) != kit_File) {
        PyErr_SetString(PyExc_TypeError, "a store that has a file goes on in another one");
        return NULL;
    }
    KIT_LOCK(&self->lock);
    is_cut(self);
    File *old = self->file;
    kit_file_changes(old);
    old->events = 0;
    old->used = old->cells;
    while (old->used > 0 && !old->taken[old->used - 1])
        old->used--;
    self->file = (File *)Py_NewRef(made);
    /* Counted from the beginning, in each file, as what is lost. */
    atomic_store_explicit(&self->file->live->failed,
                          atomic_load_explicit(&old->live->failed, memory_order_relaxed),
                          memory_order_relaxed);
    self->oldest_full = self->newest_full = NULL;
    self->held = self->to_give_back = 0;
    atomic_store_explicit(&self->file->live->lost, self->cut, memory_order_relaxed);
    for (Buffer *buffer = self->buffers, *next; buffer != NULL; buffer = next) {
        next = buffer->next;
        for (Block *block = buffer->oldest; block != NULL; block = block->next)
            old->events += block->events;
        note_end(old, buffer);
        forget_blocks(buffer);
        buffer->oldest = buffer->current = NULL;
        leave_file(buffer);
        if (buffer->ended)
            let_go(self, buffer);
    }
    for (Buffer *buffer = self->buffers; buffer != NULL; buffer = buffer->next) {
        /* These are counted from the beginning, in each file. */
        for (size_t code = 0; code < buffer->codes; code++) {
            if (buffer->lost[code] == 0)
                continue;
            if (buffer == self->ended)
                note_lost_of_ended(self->file, buffer, code);
            else
                note_lost(self->file, buffer, code, buffer->lost[code]);
        }
    }
    KIT_UNLOCK(&self->lock);
    Py_DECREF(old);
    Py_RETURN_NONE;
}

/* Sealing: a checksum over the records of a piece, made off the hot path. */

PyDoc_STRVAR(to_seal_doc, "to_seal(every)\n--\n\n"
                          "The memory of the file, and its pieces that are full and not sealed: for\n"
                          "each the block, where its records begin, and how many bytes they are.\n"
                          "With `every`, those besides that are still being filled.");

static PyObject *
store_to_seal(Store *self, PyObject *every)
{
    int all = PyObject_IsTrue(every);
    if (all < 0)
        return NULL;
    int collecting = PyGC_Disable(); /* as in pieces() */
    PyObject *list = PyList_New(0);
    KIT_LOCK(&self->lock);
    is_cut(self);
    File *file = self->file;
    for (Buffer *buffer = file == NULL ? NULL : self->buffers; buffer != NULL; buffer = buffer->next) {
        for (Block *block = buffer->oldest; list != NULL && block != NULL; block = block->next) {
            size_t used = atomic_load_explicit(kit_used(block), memory_order_acquire);
            if (used == kit_file_summed(block->data) || (block == buffer->current && !all))
                continue;
            PyObject *one = Py_BuildValue("Onn", block, (Py_ssize_t)(block->data - file->base),
                                          (Py_ssize_t)used);
            if (one == NULL || PyList_Append(list, one) < 0)
                Py_CLEAR(list);
            Py_XDECREF(one);
        }
    }
    PyObject *found = list == NULL ? NULL
                                   : Py_BuildValue("OO", file == NULL ? Py_None : file->view.obj, list);
    KIT_UNLOCK(&self->lock);
    Py_XDECREF(list);
    if (collecting)
        PyGC_Enable();
    return found;
}

PyDoc_STRVAR(seal_doc, "seal(block, sum, summed)\n--\n\n"
                       "Note the checksum of so many bytes; whether the piece is still there.");

static PyObject *
store_seal(Store *self, PyObject *args)
{
    Block *block;
    unsigned int checksum, summed;
    if (!PyArg_ParseTuple(args, "O!II", kit_Block, &block, &checksum, &summed))
        return NULL;
    KIT_LOCK(&self->lock);
    /* It may have given way meanwhile, or the store may have gone on in another file. */
    bool there = block->buffer != NULL && block->file != NULL && block->file == self->file &&
                 summed <= atomic_load_explicit(kit_used(block), memory_order_relaxed);
    if (there)
        kit_file_seal(block->data, checksum, summed);
    KIT_UNLOCK(&self->lock);
    return PyBool_FromLong(there);
}

PyDoc_STRVAR(settle_doc, "settle()\n--\n\n"
                         "Have whoever writes next say that the file has changed, and note how far each\n"
                         "thread has come. Returns the memory of the file, or None: not all is sealed.");

static PyObject *
store_settle(Store *self, PyObject *Py_UNUSED(none))
{
    KIT_LOCK(&self->lock);
    File *file = self->file;
    bool sealed = file != NULL && !is_cut(self);
    for (Buffer *buffer = self->buffers; sealed && buffer != NULL; buffer = buffer->next) {
        for (Block *block = buffer->oldest; sealed && block != NULL; block = block->next)
            sealed = *kit_used(block) == kit_file_summed(block->data);
    }
    for (Buffer *buffer = self->buffers; sealed && buffer != NULL; buffer = buffer->next) {
        note_end(file, buffer);
        /* No room is left, so the writer comes to kit_make_room(), and the fast way asks nothing. */
        if (buffer->current != NULL)
            buffer->current->room = *kit_used(buffer->current);
    }
    if (sealed)
        file->settled = true;
    PyObject *memory = Py_NewRef(sealed ? file->view.obj : Py_None);
    KIT_UNLOCK(&self->lock);
    return memory;
}

PyDoc_STRVAR(close_doc, "close(memory, value)\n--\n\n"
                        "Say in the file that it is whole; whether nobody has written since settle().");

static PyObject *
store_close(Store *self, PyObject *args)
{
    PyObject *memory;
    unsigned long long value;
    if (!PyArg_ParseTuple(args, "OK", &memory, &value))
        return NULL;
    KIT_LOCK(&self->lock);
    bool same = self->file != NULL && self->file->view.obj == memory && self->file->settled;
    if (same)
        atomic_store_explicit(&self->file->live->closed, value, memory_order_release);
    KIT_UNLOCK(&self->lock);
    return PyBool_FromLong(same);
}

PyDoc_STRVAR(limit_doc, "limit(capacity, sub_buffer)\n--\n\n"
                        "Keep so many from now on; with 0 and 0 whatever comes is lost.");

static PyObject *
store_limit(Store *self, PyObject *args)
{
    long long capacity;
    Py_ssize_t sub_buffer;
    if (!PyArg_ParseTuple(args, "Ln", &capacity, &sub_buffer))
        return NULL;
    KIT_LOCK(&self->lock);
    self->capacity = capacity;
    self->sub_buffer = sub_buffer;
    self->overwrite = sub_buffer > 0;
    KIT_UNLOCK(&self->lock);
    Py_RETURN_NONE;
}

PyDoc_STRVAR(describe_doc, "describe(code, kinds)\n--\n\nSay which columns the records of a code have.");

static int
describe(Store *self, int code, PyObject *kinds)
{
    if (code >= 0 && code < PyList_GET_SIZE(self->kinds))
        return 0; /* it has been described */
    if (code != PyList_GET_SIZE(self->kinds) || code > UINT16_MAX ||
        PyBytes_GET_SIZE(kinds) > MOST_COLUMNS) {
        PyErr_SetString(PyExc_ValueError, "codes are numbered from 0, with at most 1000 columns each");
        return -1;
    }
    /* Here, where it may fail: what is lost later is counted without asking for memory. */
    for (Buffer *buffer = self->buffers; buffer != NULL; buffer = buffer->next) {
        if (count_codes(buffer, (size_t)code + 1) < 0)
            return -1;
    }
    return PyList_Append(self->kinds, kinds);
}

static PyObject *
store_describe(Store *self, PyObject *args)
{
    int code;
    PyObject *kinds;
    if (!PyArg_ParseTuple(args, "iS", &code, &kinds))
        return NULL;
    KIT_LOCK(&self->lock);
    int status = describe(self, code, kinds);
    KIT_UNLOCK(&self->lock);
    if (status < 0)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *
store_kinds(Store *self, void *Py_UNUSED(closure))
{
    return PyList_AsTuple(self->kinds);
}

static PyMethodDef store_methods[] = {
    {"clear", (PyCFunction)store_clear, METH_NOARGS, clear_doc},
    {"copy", (PyCFunction)store_copy, METH_O, copy_doc},
    {"fail", (PyCFunction)store_fail, METH_NOARGS, fail_doc},
    {"take", (PyCFunction)store_take, METH_NOARGS, take_doc},
    {"rotate", (PyCFunction)store_rotate, METH_O, rotate_doc},
    {"to_seal", (PyCFunction)store_to_seal, METH_O, to_seal_doc},
    {"seal", (PyCFunction)store_seal, METH_VARARGS, seal_doc},
    {"settle", (PyCFunction)store_settle, METH_NOARGS, settle_doc},
    {"close", (PyCFunction)store_close, METH_VARARGS, close_doc},
    {"describe", (PyCFunction)store_describe, METH_VARARGS, describe_doc},
    {"limit", (PyCFunction)store_limit, METH_VARARGS, limit_doc},
    {NULL},
};

static PyGetSetDef store_getset[] = {
    {"lost", (getter)store_lost, NULL, "How many events found no room.", NULL},
    {"cut", (getter)store_cut, NULL, "How many of the lost were in a part of the file that has gone.", NULL},
    {"overwritten", (getter)store_overwritten, NULL, "How many events gave way to newer ones.", NULL},
    {"kinds", (getter)store_kinds, NULL, "The columns of each code.", NULL},
    {NULL},
};

static PyMemberDef store_members[] = {
    {"buffers", T_PYSSIZET, offsetof(Store, others), READONLY,
     "For how many threads there is memory; for tests."},
    {NULL},
};

static PyType_Slot store_slots[] = {
    {Py_tp_doc, "The events of a recorder, a buffer a thread."},
    {Py_tp_new, store_new},
    {Py_tp_dealloc, store_dealloc},
    {Py_tp_traverse, store_traverse}, /* nothing to clear: writers rely on what it holds */
    {Py_tp_methods, store_methods},
    {Py_tp_getset, store_getset},
    {Py_tp_members, store_members},
    {Py_sq_length, store_length},
    {0, NULL},
};

static PyType_Spec store_spec = {
    .name = "kit._c.Store",
    .basicsize = sizeof(Store),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = store_slots,
};

int
kit_init_store(PyObject *module)
{
    kit_Block = kit_add_type(module, &block_spec, NULL);
    kit_Store = kit_Block == NULL ? NULL : kit_add_type(module, &store_spec, NULL);
    return kit_Store == NULL ? -1 : 0;
}
