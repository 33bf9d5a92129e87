/* An aggregate's cells: counts by bucket, tables of threads, and how they are read. */
#include "cells.h"

#include <math.h>

#ifdef KIT_CELLS

PyTypeObject *kit_Tables, *kit_Cell;

static uint64_t ids;

/* Counts. */

COLD int
kit_counts_grow(Counts *counts)
{
    size_t size = counts->slots == NULL ? 16 : 2 * (counts->mask + 1);
    Slot *slots = PyMem_RawCalloc(size, sizeof(Slot));
    if (slots == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    Counts grown = {slots, size - 1, 0};
    for (size_t at = 0; counts->slots != NULL && at <= counts->mask; at++) {
        if (counts->slots[at].n != 0)
            kit_counts_add(&grown, counts->slots[at].key, counts->slots[at].n);
    }
    PyMem_RawFree(counts->slots);
    *counts = grown;
    return 0;
}

/* Take a bucket out; those that had to make way for it move up. */
static void
take_out(Counts *counts, Slot *slot)
{
    size_t gap = slot - counts->slots;
    for (size_t at = (gap + 1) & counts->mask; counts->slots[at].n != 0; at = (at + 1) & counts->mask) {
        size_t home = kit_counts_home(counts, counts->slots[at].key);
        bool may_stay = gap <= at ? (gap < home && home <= at) : (gap < home || home <= at);
        if (may_stay)
            continue;
        counts->slots[gap] = counts->slots[at];
        gap = at;
    }
    counts->slots[gap].n = 0;
    counts->used--;
}

static Slot *
lowest(const Counts *counts)
{
    Slot *found = NULL;
    for (size_t at = 0; at <= counts->mask; at++) {
        Slot *slot = &counts->slots[at];
        if (slot->n != 0 && (found == NULL || slot->key < found->key))
            found = slot;
    }
    return found;
}

void
kit_counts_sketch(Counts *counts, int64_t key)
{
    Slot *slot = kit_counts_find(counts, key);
    if (LIKELY(slot->n != 0)) {
        slot->n++;
        return;
    }
    if (UNLIKELY(counts->used >= MOST_SKETCHED)) {
        /* The values nearest to zero share a bucket, see grow() in sketch.py. */
        Slot *first = lowest(counts);
        if (key < first->key) {
            first->n++;
            return;
        }
        int64_t n = first->n;
        take_out(counts, first);
        first = lowest(counts);
        kit_counts_add(counts, key < first->key ? key : first->key, n);
    }
    kit_counts_add(counts, key, 1);
}

static int
copy_counts(Counts *to, const Counts *from)
{
    if (from->slots == NULL)
        return 0;
    to->slots = PyMem_RawMalloc((from->mask + 1) * sizeof(Slot));
    if (to->slots == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    memcpy(to->slots, from->slots, (from->mask + 1) * sizeof(Slot));
    to->mask = from->mask;
    to->used = from->used;
    return 0;
}

static PyObject *
counts_dict(const Counts *counts)
{
    PyObject *dict = PyDict_New();
    for (size_t at = 0; dict != NULL && counts->slots != NULL && at <= counts->mask; at++) {
        if (counts->slots[at].n == 0)
            continue;
        PyObject *key = PyLong_FromLongLong(counts->slots[at].key);
        PyObject *n = PyLong_FromLongLong(counts->slots[at].n);
        if (key == NULL || n == NULL || PyDict_SetItem(dict, key, n) < 0)
            Py_CLEAR(dict);
        Py_XDECREF(key);
        Py_XDECREF(n);
    }
    return dict;
}

/* Cells. */

static Cell *
make_cell(void)
{
    Cell *cell = (Cell *)kit_Cell->tp_alloc(kit_Cell, 0);
    if (cell != NULL) {
        cell->min_int = INT64_MAX;
        cell->max_int = INT64_MIN;
        cell->min_float = Py_HUGE_VAL;
        cell->max_float = -Py_HUGE_VAL;
    }
    return cell;
}

static void
cell_dealloc(Cell *self)
{
    PyTypeObject *type = Py_TYPE(self);
    Py_XDECREF(self->more_total);
    Py_XDECREF(self->more_squares);
    Py_XDECREF(self->far);
    Py_XDECREF(self->spread);
    Py_XDECREF(self->min_big);
    Py_XDECREF(self->max_big);
    PyMem_RawFree(self->buckets.slots);
    PyMem_RawFree(self->positive.slots);
    PyMem_RawFree(self->negative.slots);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyType_Slot cell_slots[] = {
    {Py_tp_doc, "What one thread has counted for one key."},
    {Py_tp_dealloc, cell_dealloc},
    {0, NULL},
};

static PyType_Spec cell_spec = {
    .name = "kit._c.Cell",
    .basicsize = sizeof(Cell),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = cell_slots,
};

/* A copy to take one's time with: whoever writes the cell goes on. */
static Cell *
copy_cell(Cell *cell)
{
    Cell *twin = make_cell();
    if (twin == NULL)
        return NULL;
    /* From here on nobody else runs. */
    PyObject head = *(PyObject *)twin;
    memcpy(twin, cell, sizeof(Cell));
    *(PyObject *)twin = head;
    Py_XINCREF(twin->more_total);
    Py_XINCREF(twin->more_squares);
    Py_XINCREF(twin->far);
    Py_XINCREF(twin->spread);
    Py_XINCREF(twin->min_big);
    Py_XINCREF(twin->max_big);
    memset(&twin->buckets, 0, sizeof(Counts));
    memset(&twin->positive, 0, sizeof(Counts));
    memset(&twin->negative, 0, sizeof(Counts));
    if (copy_counts(&twin->buckets, &cell->buckets) < 0 ||
        copy_counts(&twin->positive, &cell->positive) < 0 ||
        copy_counts(&twin->negative, &cell->negative) < 0)
        Py_CLEAR(twin);
    return twin;
}

/* The int that a wide number and what did not fit into it are together. */
static PyObject *
as_int(Wide wide, PyObject *more)
{
    PyObject *high = PyLong_FromLongLong((long long)(wide >> 64));
    PyObject *low = PyLong_FromUnsignedLongLong((unsigned long long)wide);
    PyObject *shift = PyLong_FromLong(64), *sum = NULL;
    PyObject *shifted = high == NULL || shift == NULL ? NULL : PyNumber_Lshift(high, shift);
    if (shifted != NULL && low != NULL)
        sum = PyNumber_Add(shifted, low);
    if (sum != NULL && more != NULL)
        Py_SETREF(sum, PyNumber_Add(sum, more));
    Py_XDECREF(high);
    Py_XDECREF(low);
    Py_XDECREF(shift);
    Py_XDECREF(shifted);
    return sum;
}

/* The smallest, or the largest, of the numbers of all three kinds; infinite where there is none. */
static PyObject *
extreme(int64_t whole, bool some_whole, double real, PyObject *big, int less)
{
    PyObject *found = PyFloat_FromDouble(real);
    PyObject *others[2] = {some_whole ? PyLong_FromLongLong(whole) : NULL, Py_XNewRef(big)};
    if (some_whole && others[0] == NULL)
        Py_CLEAR(found);
    for (int i = 0; i < 2; i++) {
        if (found != NULL && others[i] != NULL) {
            int better = PyObject_RichCompareBool(others[i], found, less);
            if (better < 0)
                Py_CLEAR(found);
            else if (better)
                Py_SETREF(found, Py_NewRef(others[i]));
        }
        Py_XDECREF(others[i]);
    }
    return found;
}

static PyObject *
describe(Cell *cell)
{
    bool whole = cell->min_int <= cell->max_int;
    PyObject *total = as_int(cell->total, cell->more_total);
    PyObject *squares = as_int(cell->squares, cell->more_squares);
    PyObject *far = as_int(0, cell->far), *spread = as_int(0, cell->spread);
    PyObject *min = extreme(cell->min_int, whole, cell->min_float, cell->min_big, Py_LE);
    PyObject *max = extreme(cell->max_int, whole, cell->max_float, cell->max_big, Py_GE);
    PyObject *buckets = counts_dict(&cell->buckets);
    PyObject *positive = counts_dict(&cell->positive), *negative = counts_dict(&cell->negative);
    PyObject *found = NULL;
    if (total != NULL && squares != NULL && far != NULL && spread != NULL && min != NULL && max != NULL && buckets != NULL &&
        positive != NULL && negative != NULL)
        found = Py_BuildValue("LLLLOOddddOOOOOOO", cell->count, cell->missing, cell->wholes, cell->zero,
                              total, squares, cell->high, cell->low, cell->mean, cell->deviations,
                              far, spread, min, max, buckets, positive, negative);
    Py_XDECREF(total);
    Py_XDECREF(squares);
    Py_XDECREF(far);
    Py_XDECREF(spread);
    Py_XDECREF(min);
    Py_XDECREF(max);
    Py_XDECREF(buckets);
    Py_XDECREF(positive);
    Py_XDECREF(negative);
    return found;
}

/* Tables. */

static Table *
find_table(Tables *tables, Reader *reader)
{
    for (Table *table = tables->tables; table != NULL; table = table->next) {
        if (table->reader == reader)
            return table;
    }
    return NULL;
}

COLD Table *
kit_table(Tables *tables, Reader *reader)
{
    Table *table = find_table(tables, reader);
    if (table == NULL) {
        table = PyMem_RawCalloc(1, sizeof(Table));
        if (table == NULL) {
            PyErr_NoMemory();
            return NULL;
        }
        table->reader = reader;
        table->next = tables->tables;
        tables->tables = table;
    }
    reader->tables[tables->id % CACHED].id = tables->id;
    reader->tables[tables->id % CACHED].table = table;
    return table;
}

/* Whether there is a place for a key, which it then has: 1, 0, or -1 with an error set. */
static int
take_place(Tables *tables, PyObject *key)
{
    PyObject *known = Py_XNewRef(tables->known); /* a comparison of keys may run anything */
    if (known == NULL)
        return 0; /* the garbage collector has been here */
    int found = PyDict_Contains(known, key);
    if (found == 0) {
        if (tables->taken >= tables->capacity)
            found = 0;
        else {
            tables->taken++;
            Py_ssize_t before = PyDict_GET_SIZE(known);
            found = PyDict_SetDefault(known, key, Py_None) == NULL ? -1 : 1;
            /* Another thread may have brought the same key meanwhile, or begun again at nothing. */
            if (known == tables->known && (found < 0 || PyDict_GET_SIZE(known) == before))
                tables->taken--;
        }
    }
    Py_DECREF(known);
    return found;
}

/* Whether a value is a key as it is; others are not to be hashed, or not equal to themselves. */
static bool
is_ordinary(PyObject *part)
{
    return PyUnicode_CheckExact(part) || PyLong_CheckExact(part) || PyBool_Check(part) ||
           part == Py_None || (PyFloat_CheckExact(part) && !isnan(PyFloat_AS_DOUBLE(part)));
}

static bool
is_ordinary_key(PyObject *key)
{
    if (!PyTuple_CheckExact(key))
        return is_ordinary(key);
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(key); i++) {
        if (!is_ordinary(PyTuple_GET_ITEM(key, i)))
            return false;
    }
    return true;
}

COLD Cell *
kit_new_cell(Tables *tables, Table *table, PyObject *key, bool *full)
{
    *full = false;
    key = is_ordinary_key(key) ? Py_NewRef(key) : PyObject_CallOneArg(tables->as_key, key);
    if (key == NULL)
        return NULL;
    Cell *cell = NULL;
    PyObject *cells = table->cells;
    if (cells == NULL) {
        cells = PyDict_New();
        if (cells == NULL)
            goto out;
        if (table->cells == NULL)
            table->cells = cells;
        else /* made meanwhile, by a signal handler on this thread */
            Py_SETREF(cells, table->cells);
    }
    Py_INCREF(cells);
    cell = (Cell *)PyDict_GetItemWithError(cells, key);
    if (cell == NULL && !PyErr_Occurred()) {
        int room = take_place(tables, key);
        *full = room == 0;
        Cell *made = room == 1 ? make_cell() : NULL;
        if (made != NULL) {
            /* Whoever is first: there is one cell. */
            cell = (Cell *)PyDict_SetDefault(cells, key, (PyObject *)made);
            Py_XINCREF(cell);
            Py_DECREF(made);
        }
    }
    else
        Py_XINCREF(cell);
    Py_DECREF(cells);
out:
    Py_DECREF(key);
    return cell;
}

static void
empty(Tables *self)
{
    for (Table *table = self->tables; table != NULL; table = table->next) {
        table->only = NULL;
        Py_CLEAR(table->cells);
    }
}

static int
tables_fill(PyObject *made, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"capacity", "as_key", NULL};
    Tables *self = (Tables *)made;
    PyObject *as_key;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "nO", names, &self->capacity, &as_key))
        return -1;
    self->id = ++ids;
    self->as_key = Py_NewRef(as_key);
    self->known = PyDict_New();
    return self->known == NULL ? -1 : 0;
}

static PyObject *
tables_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    return kit_make(type, args, kwargs, tables_fill);
}

static int
tables_traverse(Tables *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->known);
    Py_VISIT(self->as_key);
    for (Table *table = self->tables; table != NULL; table = table->next)
        Py_VISIT(table->cells);
    return 0;
}

static int
tables_clear(Tables *self)
{
    empty(self);
    Py_CLEAR(self->known);
    Py_CLEAR(self->as_key);
    return 0;
}

static void
tables_dealloc(Tables *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    tables_clear(self);
    for (Table *table = self->tables, *next; table != NULL; table = next) {
        next = table->next;
        PyMem_RawFree(table);
    }
    type->tp_free(self);
    Py_DECREF(type);
}

PyDoc_STRVAR(forget_doc, "forget()\n--\n\nBegin again at nothing.");

static PyObject *
tables_forget(Tables *self, PyObject *Py_UNUSED(none))
{
    PyObject *known = PyDict_New();
    if (known == NULL)
        return NULL;
    PyObject *old = self->known;
    self->known = known;
    self->taken = 0;
    empty(self);
    Py_XDECREF(old);
    Py_RETURN_NONE;
}

PyDoc_STRVAR(cells_doc, "cells()\n--\n\nCopies of all threads' cells, as (key, numbers).");

static PyObject *
tables_cells(Tables *self, PyObject *Py_UNUSED(none))
{
    PyObject *found = PyList_New(0);
    for (Table *table = self->tables; found != NULL && table != NULL; table = table->next) {
        if (table->cells == NULL)
            continue;
        PyObject *cells = Py_NewRef(table->cells);
        Py_SETREF(cells, PyDict_Copy(cells));
        if (cells == NULL) {
            Py_CLEAR(found);
            break;
        }
        PyObject *key, *cell;
        for (Py_ssize_t at = 0; found != NULL && PyDict_Next(cells, &at, &key, &cell);) {
            Cell *twin = copy_cell((Cell *)cell);
            PyObject *numbers = twin == NULL ? NULL : describe(twin);
            PyObject *pair = numbers == NULL ? NULL : PyTuple_Pack(2, key, numbers);
            if (pair == NULL || PyList_Append(found, pair) < 0)
                Py_CLEAR(found);
            Py_XDECREF(twin);
            Py_XDECREF(numbers);
            Py_XDECREF(pair);
        }
        Py_DECREF(cells);
    }
    return found;
}

static PyObject *
tables_count(Tables *self, void *Py_UNUSED(closure))
{
    long long count = 0;
    for (Table *table = self->tables; table != NULL; table = table->next) {
        PyObject *key, *cell;
        for (Py_ssize_t at = 0; table->cells != NULL && PyDict_Next(table->cells, &at, &key, &cell);)
            count += ((Cell *)cell)->count;
    }
    return PyLong_FromLongLong(count);
}

static PyMethodDef tables_methods[] = {
    {"cells", (PyCFunction)tables_cells, METH_NOARGS, cells_doc},
    {"forget", (PyCFunction)tables_forget, METH_NOARGS, forget_doc},
    {NULL},
};

static PyGetSetDef tables_getset[] = {
    {"count", (getter)tables_count, NULL, "How many events are in all cells.", NULL},
    {NULL},
};

static PyType_Slot tables_slots[] = {
    {Py_tp_doc, "What all threads have counted for one aggregate, apart."},
    {Py_tp_new, tables_new},
    {Py_tp_dealloc, tables_dealloc},
    {Py_tp_traverse, tables_traverse},
    {Py_tp_clear, tables_clear},
    {Py_tp_methods, tables_methods},
    {Py_tp_getset, tables_getset},
    {0, NULL},
};

static PyType_Spec tables_spec = {
    .name = "kit._c.Tables",
    .basicsize = sizeof(Tables),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = tables_slots,
};

int
kit_init_cells(PyObject *module)
{
    kit_Cell = kit_add_type(module, &cell_spec, NULL);
    kit_Tables = kit_add_type(module, &tables_spec, NULL);
    return kit_Cell == NULL || kit_Tables == NULL ? -1 : 0;
}

#else

int
kit_init_cells(PyObject *module)
{
    return 0;
}

#endif
