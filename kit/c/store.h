/* The recorder's memory: blocks of whole records, written by one thread, read by anybody.
 *
 * A record, in the machine's byte order, begins at a multiple of 8 and is as long as `size` says:
 *
 *   u32 size | u16 code | u16 flags      code: which marker and format; flags: see below
 *   i64 ts                               nanoseconds on the monotonic clock
 *   slot a column, 8 bytes each          of a span first dur and error, then the fields, the context
 *   u8 note a column, padded to 8        only with NOTED in flags: why a slot holds no value
 *   text                                 what does not fit into its slot, padded to 8
 *
 * A slot is an int64, a double, or text: u32 length in bytes, u32 place in the record; up to four
 * bytes of text stand where the place would be.
 */
#ifndef KIT_STORE_H
#define KIT_STORE_H

#include "file.h"

enum { NOTED = 1 };
enum { NOTE_VALUE = 0, NOTE_MISSING = 1, NOTE_MISFIT = 2, NOTE_CUT = 3, NOTE_ODD = 4 };
/* NOTE_CUT: the text was longer than the limit.  NOTE_ODD: it holds a lone surrogate. */

#define RECORD_HEAD 16
#define INLINE_TEXT 4
#define MOST_COLUMNS 1000

typedef struct {
    uint32_t size;
    uint16_t code;
    uint16_t flags;
    int64_t ts;
} Head;

typedef struct Block {
    PyObject_HEAD
    char *data;             /* behind the number of bytes in use, see kit_used() */
    size_t room;            /* bytes */
    size_t taken;           /* bytes of the records that a reader has taken away */
    Py_ssize_t events;
    Py_ssize_t events_taken;
    long long first;        /* the number of its first record in the thread's order */
    struct Buffer *buffer;
    struct Block *next;     /* of the same thread */
    struct Block *next_full;/* of any thread, in the order in which they were filled */
    File *file;             /* who provides the memory, where that is not the heap */
} Block;

/* What one thread writes. */
typedef struct Buffer {
    struct Buffer *next, **place; /* of the store's, in the order in which they began */
    struct Buffer *next_live;
    bool ended;             /* its thread writes no more, and it is not among the live ones */
    Reader *reader;
    uint64_t serial;        /* of the reader, when it was this thread's */
    unsigned long tid;
    PyObject *name;
    Block *oldest, *current;
    long long events;       /* ever written */
    long long *lost;        /* by code */
    long long *overwritten; /* by code; without those that were taken away */
    size_t codes;           /* how long these are */
    int64_t slot;           /* of the thread in the file, or -1 */
    long long *gone;        /* by code: what gave way in the file */
    int64_t *slots;         /* by code: of the count in the file, or -1 */
    int64_t *lost_slots;    /* the same, of what ended threads have lost */
} Buffer;

/* A store's buffers, blocks and counts are changed and read under its lock; see KIT_LOCK.  Python
 * code that a writer needs runs before, never under it.  What is in a block up to `used` never
 * changes, and may be read without. */
typedef struct Store {
    PyObject_HEAD
#ifdef Py_GIL_DISABLED
    PyMutex lock;
#endif
    uint64_t id;            /* no other store has had it */
    bool overwrite;
    long long capacity;
    long long held;         /* discard: events kept; overwrite: events in full blocks */
    Py_ssize_t sub_buffer;  /* events a block, when overwriting */
    PyObject *name_of;      /* called for the name of a thread that writes for the first time */
    PyObject *plain;        /* called for what a value of an unusual type stands for */
    PyObject *kinds;        /* list of bytes: the columns of each code */
    File *file;             /* where blocks are, or NULL: on the heap */
    Buffer *buffers, **last;
    Buffer *ended;          /* the first: counts of ended threads of which nothing else is left */
    Buffer *live;           /* those whose threads were there when this was last looked at */
    Py_ssize_t to_give_back;/* slots of the file that ended threads have until their events are gone */
    Py_ssize_t others;      /* how many buffers there are besides `ended` */
    Block *oldest_full, *newest_full;
} Store;

/* The calling thread's buffer where it is at hand, else NULL.  With the store's lock held: who
 * clears the store gives it another number, so what the cache holds for this one is there. */
static inline Buffer *
kit_cached_buffer(Store *store, Reader *reader)
{
    return LIKELY(reader->cache[store->id % CACHED].store == store->id)
               ? reader->cache[store->id % CACHED].buffer
               : NULL;
}

/* The same, looked up or made, which may run Python code, without the lock.  The lock is held when
 * it returns; or NULL with an error set, and the lock is not held. */
HIDDEN Buffer *kit_buffer(Store *store, Reader *reader);

/* Make room for a record of so many bytes in the current block. */
HIDDEN int kit_make_room(Store *store, Buffer *buffer, size_t size);

/* Count one event as lost. */
HIDDEN int kit_count_lost(Store *store, Buffer *buffer, uint16_t code);

/* A full block gives the oldest one of all up. */
HIDDEN int kit_seal(Store *store, Buffer *buffer);

HIDDEN Block *kit_new_block(Store *store, Buffer *buffer, size_t room);

/* Copy a few bytes: the usual text is too short for a call of memcpy to be worth its while. */
static inline void
copy_text(char *to, const char *from, size_t length)
{
    if (length > 16)
        memcpy(to, from, length);
    else if (length >= 8) {
        memcpy(to, from, 8);
        memcpy(to + length - 8, from + length - 8, 8);
    }
    else if (length >= 4) {
        memcpy(to, from, 4);
        memcpy(to + length - 4, from + length - 4, 4);
    }
    else if (length > 0) {
        to[0] = from[0];
        to[length / 2] = from[length / 2];
        to[length - 1] = from[length - 1];
    }
}

/* How many bytes of a block are in use; raised once a record is whole.  It lies before the records, in
 * memory as in a file. */
static inline _Atomic uint64_t *
kit_used(const Block *block)
{
    return (_Atomic uint64_t *)block->data - 1;
}

/* A record is whole: from here on readers see it. */
static inline int
kit_commit(Store *store, Buffer *buffer, Block *block, size_t size)
{
    /* Everything in the record is stored before this, so that a reader that sees the new length,
     * also one that finds the memory of a program that was killed, sees a whole record. */
    atomic_store_explicit(kit_used(block),
                          atomic_load_explicit(kit_used(block), memory_order_relaxed) + size,
                          memory_order_release);
    block->events++;
    buffer->events++;
    if (!store->overwrite) {
        store->held++;
        return 0;
    }
    return UNLIKELY(block->events >= store->sub_buffer) ? kit_seal(store, buffer) : 0;
}

#endif
