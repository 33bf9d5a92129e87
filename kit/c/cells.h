/* What an aggregate keeps in C: for each thread a table of cells by key, and in a cell what
 * kit/probes/aggregates/_cells.py says, the same numbers by the same steps.
 *
 * A thread writes its own cells only, and between the first and the last change that one event
 * makes nothing else runs on it: whoever holds the global lock reads whole events.
 */
#ifndef KIT_CELLS_H
#define KIT_CELLS_H

#include "kit.h"

#if defined(__SIZEOF_INT128__) && !defined(Py_GIL_DISABLED)
/* Where sums of squares have a type of their own, and a lock keeps cells whole; elsewhere
 * aggregates are written in Python. */
#define KIT_CELLS

/* As objects are: on some machines at multiples of 8 only. */
typedef __int128 Wide __attribute__((aligned(8)));

enum { UNDERFLOW_BUCKET = -1000000, OVERFLOW_BUCKET = 1000000, MOST_SKETCHED = 4096 };

/* Counts by the number of a bucket: a table with open addressing, at most three quarters full. */
typedef struct {
    int64_t key;
    int64_t n;             /* 0: nobody is here */
} Slot;

typedef struct {
    Slot *slots;           /* NULL while nothing was counted */
    size_t mask;
    size_t used;
} Counts;

HIDDEN int kit_counts_grow(Counts *counts);

/* Make sure that one more can be counted; -1 with an error set where there is no memory. */
static inline int
kit_counts_reserve(Counts *counts)
{
    if (LIKELY(counts->slots != NULL && 4 * (counts->used + 1) <= 3 * (counts->mask + 1)))
        return 0;
    return kit_counts_grow(counts);
}

static inline size_t
kit_counts_home(const Counts *counts, int64_t key)
{
    return (size_t)(((uint64_t)key * 0x9E3779B97F4A7C15u) >> 32) & counts->mask;
}

/* Where a bucket is, or would be; there is a table. */
static inline Slot *
kit_counts_find(const Counts *counts, int64_t key)
{
    size_t at = kit_counts_home(counts, key);
    while (counts->slots[at].n != 0 && counts->slots[at].key != key)
        at = (at + 1) & counts->mask;
    return &counts->slots[at];
}

/* Count; room was reserved. */
static inline void
kit_counts_add(Counts *counts, int64_t key, int64_t n)
{
    Slot *slot = kit_counts_find(counts, key);
    if (slot->n == 0) {
        slot->key = key;
        counts->used++;
    }
    slot->n += n;
}

/* Count in a sketch, which has so many buckets at most; room was reserved. */
HIDDEN void kit_counts_sketch(Counts *counts, int64_t key);

typedef struct {
    PyObject_HEAD
    long long count, missing, wholes, zero;
    Wide total, squares;   /* of the whole numbers, as far as they fit */
    PyObject *more_total, *more_squares; /* ints: what did not fit; or NULL */
    int64_t min_int, max_int;
    double min_float, max_float;
    PyObject *min_big, *max_big; /* ints beyond 64 bits, or NULL */
    double high, low;      /* the sum of the floats, and what rounding took from it */
    double mean, deviations;
    PyObject *far, *spread; /* ints: what the sum, and the deviations, have besides; or NULL */
    Counts buckets, positive, negative;
} Cell;

/* What one thread has. */
typedef struct Table {
    struct Table *next;
    Reader *reader;        /* whoever has the record writes here; readers' records stay */
    PyObject *cells;       /* dict of Cell by key, or NULL */
    Cell *only;            /* borrowed: that of the one key where there is one only; or NULL */
} Table;

typedef struct {
    PyObject_HEAD
    uint64_t id;           /* no others have had it */
    Py_ssize_t capacity;
    Py_ssize_t taken;      /* of the capacity */
    PyObject *known;       /* dict: keys that have a place, in any thread */
    PyObject *as_key;      /* called for what stands for an unusual key */
    Table *tables;
} Tables;

extern HIDDEN PyTypeObject *kit_Tables, *kit_Cell;

/* The calling thread's table; NULL with an error set. */
HIDDEN Table *kit_table(Tables *tables, Reader *reader);

/* The cell of a key that the table has not: a new reference. NULL: no room, or an error is set. */
HIDDEN Cell *kit_new_cell(Tables *tables, Table *table, PyObject *key, bool *full);

#endif
#endif
