/* The file of a recorder, mapped into memory: docs/capture-format.md says what is where.
 *
 * The header and the declarations of markers are written by Python; this is what a recording thread
 * changes.  All of it is done with the store's lock held, and no Python code runs.  A program may be
 * killed between any two stores, so whatever a reader must find together is published by one.
 */
#ifndef KIT_FILE_H
#define KIT_FILE_H

#include "kit.h"

#define PIECE_MAGIC 0x5049544Bu /* "KTIP" as it lies in a little-endian file, read "KITP" */
#define PIECE_HEAD 64
#define THREAD_NAME 72

typedef struct {
    _Atomic uint64_t epoch;   /* odd while everything is being forgotten */
    _Atomic uint64_t names;   /* bytes of declarations */
    _Atomic uint64_t threads; /* slots in use */
    _Atomic uint64_t counts;  /* slots in use */
    _Atomic uint64_t lost;    /* events lost that found no slot for their count */
    uint64_t undeclared, started, stopped, left; /* Python's */
    _Atomic uint64_t failed;  /* events that the recorder failed to write */
    _Atomic uint64_t closed;  /* not 0: all of it is sealed, and nobody has written since */
    _Atomic uint64_t serial;  /* of the piece that was begun last */
    _Atomic uint64_t ended;   /* which counts of the ended threads hold: twice the number of threads
                               * whose counts went there, and which of two */
} Live;

typedef struct {
    _Atomic uint64_t gone; /* twice the number of the first event that is still there, and which of
                            * two counts of what gave way holds */
    int64_t base;          /* the number of the thread's first event in this file */
    int64_t tid;
    uint32_t sum, length;  /* CRC of base, tid, generation and name; bytes of the name */
    uint64_t end;          /* the number of its next event, when the file was closed */
    uint64_t generation;   /* how many threads have had this slot before */
    _Atomic uint64_t retired; /* not 0 and at most half of Live.ended: its counts went to slot 0 */
    char name[THREAD_NAME];
} ThreadSlot;

/* Slot 0 stands for all threads that have ended and whose slot was used again. */
enum { ENDED_THREADS = 0 };

typedef struct {
    uint32_t thread, code;
    _Atomic uint64_t lost;
    _Atomic uint64_t gone[2]; /* events that gave way; see ThreadSlot.gone */
} CountSlot;

typedef struct {
    _Atomic uint32_t magic; /* 0: free, or about to be something else */
    uint32_t sum;           /* CRC of the next five, begun with the file's key */
    uint32_t cells, thread;
    int64_t first;          /* the number of its first event */
    uint64_t serial;        /* no other piece of this file has had it */
    uint64_t generation;    /* of the thread's slot */
    _Atomic uint64_t seal;  /* u32 CRC of records, begun with the key; u32 over how many bytes */
    char zero[8];
    _Atomic uint64_t used;  /* right before the records, see kit_used() */
} PieceHead;

typedef struct File {
    PyObject_HEAD
    Py_buffer view;
    char *base;
    Live *live;
    ThreadSlot *threads;
    CountSlot *counts;
    char *arena;
    uint64_t most_threads, most_counts;
    size_t cell, cells, free, next; /* bytes of a cell; how many; how many free; where to look */
    char *taken;                    /* a byte a cell */
    long long events;               /* when the store went on in another one */
    size_t used;                    /* cells, then: all behind them are free */
    uint32_t *spare_threads, *spare_counts; /* slots to be used again, the last one first */
    size_t spare_thread_count, spare_count_count;
    uint32_t key;
    uint64_t serial;
    bool settled;                   /* all of it is sealed; nobody may write before it says so */
    struct File *following;         /* of all files, for the child of a fork */
    struct File **place;
} File;

/* A piece with room for so many bytes of records, whose room it says; NULL: there is none. */
HIDDEN char *kit_file_piece(File *file, uint32_t thread, int64_t first, size_t size, size_t *room);

/* A piece is free again; what was in it is not to be found any more. */
HIDDEN void kit_file_release(File *file, char *data);

/* The number of a slot for a thread, or -1. */
HIDDEN int64_t kit_file_thread(File *file, unsigned long tid, PyObject *name, int64_t base);

/* The number of a slot for a count, or -1. */
HIDDEN int64_t kit_file_count(File *file, uint32_t thread, uint32_t code);

/* A thread has ended, and none of its pieces is left: its counts go to those of all ended threads,
 * and its slots may be used again.  `counts` are the thread's, by code; `gone` and `lost` those of the
 * ended, which grow.  False: there is no room for one of these, and nothing has changed. */
HIDDEN bool kit_file_retire(File *file, uint32_t thread, const int64_t *counts, int64_t *gone,
                            int64_t *lost, size_t codes);

/* The count of what ended threads have lost, of the marker with a code, has this one added. */
enum { LOST_OF_ENDED = 1 << 16 };

/* Where the ended threads' counts that hold are. */
static inline int
kit_file_ended(const File *file)
{
    return atomic_load_explicit(&file->live->ended, memory_order_relaxed) & 1;
}

/* How many bytes of records the piece has room for. */
HIDDEN size_t kit_file_room(const File *file, char *data);

/* Over how many bytes of records the piece has a checksum. */
HIDDEN size_t kit_file_summed(char *data);

/* Seal a piece: the checksum of so many bytes, and how many these are, in one store. */
HIDDEN void kit_file_seal(char *data, uint32_t sum, uint32_t summed);

/* Something in the file is about to change, or has: it is not closed.  Whoever finds the file after
 * the program was killed must not find the change in one that says that it is whole. */
static inline void
kit_file_changes(File *file)
{
    if (UNLIKELY(file->settled)) {
        file->settled = false;
        atomic_store_explicit(&file->live->closed, 0, memory_order_relaxed);
        atomic_thread_fence(memory_order_release);
    }
}

/* Everything is free. */
HIDDEN void kit_file_clear(File *file);

#endif
