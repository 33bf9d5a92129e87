/* The probe of an aggregate: it adds one event to the calling thread's cell.
 *
 * kit/probes/aggregates/_writer.py writes the same function in Python, for what is asked; the numbers
 * are the same to the last bit.  What is unusual (integers beyond 64 bits, numbers of other types,
 * keys that cannot be keys) is made plain in Python first.  Then everything that can fail is done,
 * and only then is anything changed.
 */
#include "cells.h"

#include <math.h>

#ifdef KIT_CELLS

#define EXACT ((int64_t)1 << 53) /* integers up to here are floats, too */

/* Where a value comes from: an argument, a constant, or a function that is asked. */
typedef struct {
    char kind;         /* a, c, f */
    Py_ssize_t at;
    PyObject *object;
} Place;

struct Adder {
    PyObject_HEAD
    vectorcallfunc call;
    Tables *tables;
    Place value;
    Place *keys;
    Py_ssize_t key_count;
    bool counts;           /* nothing but events */
    bool is_span;
    char histogram;        /* 0, 2 for log2, = for buckets of one width */
    bool even;             /* its numbers are floats, or integers that are floats, too */
    int lowest, highest;
    double from, to, step;
    int64_t last;
    double scale;          /* of the sketch; 0: none */
    PyObject *plain;       /* called for what a value of an unusual type stands for */
    PyObject *odd;         /* called for the buckets of an unusual number */
    PyObject *key_of;      /* called for what a key of unusual values stands for; or NULL */
    long long dropped;
    Tally *failed;         /* events that could not be added */
};

typedef struct {
    char kind;             /* i, f, b: beyond 64 bits; m: missing */
    int64_t whole;
    double real;
    PyObject *big;         /* owned */
    int64_t bucket, sketched;
    int sign;
} Number;

/* Values. */

/* The value of a place: a new reference, or NULL with an error set. */
static PyObject *
fetch(const Place *place, const Event *event)
{
    if (place->kind == 'c')
        return Py_NewRef(place->object);
    if (place->kind == 'f') {
        PyObject *value = PyObject_CallNoArgs(place->object);
        if (value == NULL && PyErr_ExceptionMatches(PyExc_Exception)) {
            PyErr_Clear(); /* it is this value that is missing, and not the event */
            return Py_NewRef(Py_None);
        }
        return value;
    }
    Py_ssize_t at = place->at;
    if (event->is_span) {
        if (at == 0)
            return PyLong_FromLongLong(event->dur);
        if (at == 1)
            return Py_NewRef(event->error);
        at -= 2;
    }
    /* The marker may have been declared anew, with other fields. */
    return Py_NewRef(at < event->count ? event->fields[at] : Py_None);
}

/* Read an exact int or float; 1, 0 for anything else, or -1 with an error set. */
static inline int
read_number(PyObject *value, Number *number)
{
    if (PyFloat_CheckExact(value)) {
        number->real = PyFloat_AS_DOUBLE(value);
        number->kind = isfinite(number->real) ? 'f' : 'm';
        return 1;
    }
    if (PyLong_CheckExact(value)) {
        int overflow;
        number->whole = PyLong_AsLongLongAndOverflow(value, &overflow);
        number->kind = 'i';
        if (UNLIKELY(overflow != 0)) {
            number->kind = 'b';
            number->sign = overflow;
            number->big = Py_NewRef(value);
        }
        return 1;
    }
    return 0;
}

static COLD int
make_plain(Adder *self, PyObject *value, Number *number)
{
    number->kind = 'm';
    if (value == Py_None)
        return 0;
    PyObject *plain = PyObject_CallOneArg(self->plain, value);
    if (plain == NULL)
        return -1;
    int status = plain == Py_None ? 1 : read_number(plain, number);
    Py_DECREF(plain);
    if (status == 0)
        PyErr_SetString(PyExc_TypeError, "a plain number is an int, a float, or None");
    return status == 1 ? 0 : -1;
}

/* Python's floor division of floats. */
static double
floor_divide(double left, double right)
{
    double rest = fmod(left, right), times = (left - rest) / right;
    if (rest != 0 && (right < 0) != (rest < 0))
        times -= 1;
    if (times == 0)
        return 0;
    double whole = floor(times);
    return times - whole > 0.5 ? whole + 1 : whole;
}

static int64_t
log2_bucket(const Adder *self, const Number *number)
{
    int exponent;
    if (number->kind == 'i') {
        if (number->whole <= 0)
            return number->whole == 0 ? self->lowest : UNDERFLOW_BUCKET;
        exponent = 64 - __builtin_clzll((unsigned long long)number->whole);
    }
    else {
        if (!(number->real > 0))
            return number->real == 0 ? self->lowest : UNDERFLOW_BUCKET;
        frexp(number->real, &exponent);
    }
    return exponent > self->highest ? OVERFLOW_BUCKET
           : exponent < self->lowest ? self->lowest
                                     : exponent;
}

static int64_t
even_bucket(const Adder *self, double value)
{
    if (value < self->from)
        return UNDERFLOW_BUCKET;
    if (value >= self->to)
        return OVERFLOW_BUCKET;
    double bucket = floor_divide(value - self->from, self->step);
    /* What rounding lifts over the edge. */
    return bucket > (double)self->last ? self->last : (int64_t)bucket;
}

/* The buckets of a number that C's own do not do justice to. */
static COLD int
ask_odd(Adder *self, Number *number)
{
    PyObject *value = number->kind == 'b'   ? Py_NewRef(number->big)
                      : number->kind == 'i' ? PyLong_FromLongLong(number->whole)
                                            : PyFloat_FromDouble(number->real);
    PyObject *pair = value == NULL ? NULL : PyObject_CallOneArg(self->odd, value);
    long long bucket, sketched;
    Py_XDECREF(value);
    if (pair == NULL)
        return -1;
    int ok = PyTuple_Check(pair) && PyArg_ParseTuple(pair, "LL", &bucket, &sketched);
    if (!ok && !PyErr_Occurred())
        PyErr_SetString(PyExc_TypeError, "the buckets of a number are two");
    Py_DECREF(pair);
    number->bucket = bucket;
    number->sketched = sketched;
    return ok ? 0 : -1;
}

static inline int
find_buckets(Adder *self, Number *number)
{
    bool odd = number->kind == 'b';
    if (number->kind != 'b')
        number->sign = number->kind == 'i' ? (number->whole > 0) - (number->whole < 0)
                                           : (number->real > 0) - (number->real < 0);
    if (self->histogram == '2' && !odd)
        number->bucket = log2_bucket(self, number);
    else if (self->histogram == '=') {
        odd = odd || !self->even ||
              (number->kind == 'i' && (number->whole > EXACT || number->whole < -EXACT));
        if (!odd)
            number->bucket = even_bucket(self, number->kind == 'i' ? (double)number->whole : number->real);
    }
    if (UNLIKELY(odd))
        return self->histogram == 0 && self->scale == 0 ? 0 : ask_odd(self, number);
    if (self->scale != 0 && number->sign != 0) {
        double value = number->kind == 'i' ? (double)number->whole : number->real;
        number->sketched = (int64_t)floor(log(fabs(value)) * self->scale);
    }
    return 0;
}

static int
take_number(Adder *self, const Event *event, Number *number)
{
    const Place *place = &self->value;
    Py_ssize_t at = event->is_span ? place->at - 2 : place->at;
    int status;
    if (LIKELY(place->kind == 'a' && at >= 0 && at < event->count)) {
        PyObject *value = event->fields[at];
        status = read_number(value, number);
        if (UNLIKELY(status == 0 && make_plain(self, value, number) < 0))
            return -1;
    }
    else if (place->kind == 'a' && event->is_span && place->at == 0) {
        number->kind = 'i';
        number->whole = event->dur;
    }
    else {
        PyObject *value = fetch(place, event);
        if (value == NULL)
            return -1;
        status = read_number(value, number);
        if (status == 0)
            status = make_plain(self, value, number);
        Py_DECREF(value);
        if (status < 0)
            return -1;
    }
    return number->kind == 'm' ? 0 : find_buckets(self, number);
}

/* Cells. */

static PyObject *
make_key(const Adder *self, const Event *event)
{
    if (self->key_count == 1)
        return fetch(&self->keys[0], event);
    PyObject *key = PyTuple_New(self->key_count);
    for (Py_ssize_t i = 0; key != NULL && i < self->key_count; i++) {
        PyObject *part = fetch(&self->keys[i], event);
        if (part == NULL)
            Py_CLEAR(key);
        else
            PyTuple_SET_ITEM(key, i, part);
    }
    return key;
}

/* The cell of an event; NULL: dropped, or an error is set. */
static inline Cell *
find_cell(Adder *self, Reader *reader, const Event *event)
{
    Tables *tables = self->tables;
    Table *table = reader->tables[tables->id % CACHED].table;
    if (UNLIKELY(reader->tables[tables->id % CACHED].id != tables->id)) {
        table = kit_table(tables, reader);
        if (table == NULL)
            return NULL;
    }
    if (table->only != NULL && self->key_count == 0)
        return (Cell *)Py_NewRef((PyObject *)table->only);
    PyObject *key = make_key(self, event);
    if (key == NULL)
        return NULL;
    Cell *cell = NULL;
    PyObject *cells = table->cells;
    if (LIKELY(cells != NULL)) {
        /* Held: a comparison of keys may run Python code, which may begin again at nothing. */
        Py_INCREF(cells);
        cell = (Cell *)PyDict_GetItemWithError(cells, key);
        Py_XINCREF((PyObject *)cell);
        Py_DECREF(cells);
        if (UNLIKELY(cell == NULL && PyErr_Occurred())) {
            if (!PyErr_ExceptionMatches(PyExc_TypeError)) {
                Py_DECREF(key);
                return NULL;
            }
            PyErr_Clear();
        }
    }
    if (UNLIKELY(cell == NULL) && self->key_of != NULL && self->key_count > 0) {
        /* A new one, or it holds what is recorded as something else. */
        PyObject *made = PyObject_CallOneArg(self->key_of, key);
        Py_DECREF(key);
        if (made == NULL)
            return NULL;
        key = made;
    }
    if (UNLIKELY(cell == NULL)) {
        bool full;
        cell = kit_new_cell(tables, table, key, &full);
        if (full)
            self->dropped++;
        if (cell != NULL && self->key_count == 0)
            table->only = cell;
    }
    Py_DECREF(key);
    return cell;
}

/* Adding. */

/* Add to a sum of ints; -1 with an error set, and nothing changed. */
static int
add_more(PyObject **sum, PyObject *value)
{
    PyObject *new = *sum == NULL ? Py_NewRef(value) : PyNumber_Add(*sum, value);
    if (new == NULL)
        return -1;
    Py_XSETREF(*sum, new);
    return 0;
}

/* An int beyond 64 bits, or one whose square makes the sum of squares overflow. */
static COLD int
add_big(Cell *cell, Number *number)
{
    PyObject *value = number->kind == 'b' ? Py_NewRef(number->big) : PyLong_FromLongLong(number->whole);
    PyObject *square = value == NULL ? NULL : PyNumber_Multiply(value, value);
    PyObject *total = NULL;
    int status = -1;
    if (square == NULL)
        goto out;
    total = cell->more_total == NULL ? Py_NewRef(value) : PyNumber_Add(cell->more_total, value);
    if (total == NULL || add_more(&cell->more_squares, square) < 0)
        goto out;
    Py_XSETREF(cell->more_total, Py_NewRef(total));
    if (number->kind == 'b') {
        /* Two exact ints: comparing them cannot fail. */
        if (cell->min_big == NULL || PyObject_RichCompareBool(value, cell->min_big, Py_LT) == 1)
            Py_XSETREF(cell->min_big, Py_NewRef(value));
        if (cell->max_big == NULL || PyObject_RichCompareBool(value, cell->max_big, Py_GT) == 1)
            Py_XSETREF(cell->max_big, Py_NewRef(value));
    }
    status = 0;
out:
    Py_XDECREF(value);
    Py_XDECREF(square);
    Py_XDECREF(total);
    return status;
}

/* A float, where a sum on the way may be too large for one; as beyond() in cells.py.  On entry the
 * new values are what they would be, on return what they are. */
static COLD int
add_far(Cell *cell, double x, double *high, double *low, double *mean, double *deviations)
{
    double n = (double)(cell->count + 1 - cell->missing - cell->wholes);
    PyObject *far = NULL, *spread = NULL, *whole = NULL, *old = NULL, *new = NULL;
    if (!isfinite(*high)) {
        bool larger = fabs(x) > fabs(cell->high);
        far = PyLong_FromDouble(larger ? x : cell->high);
        if (far == NULL || (cell->far != NULL && add_more(&far, cell->far) < 0))
            goto failed;
        *high = larger ? cell->high : x;
        *low = cell->low;
    }
    double away = x - cell->mean;
    *mean = cell->mean + (isfinite(away) ? away / n : x / n - cell->mean / n);
    double more = away * (x - *mean);
    *deviations = cell->deviations + more;
    if (!isfinite(*deviations)) {
        if (isfinite(more)) {
            spread = PyLong_FromDouble(more > cell->deviations ? more : cell->deviations);
            *deviations = more > cell->deviations ? cell->deviations : more;
        }
        else {
            whole = PyLong_FromDouble(x);
            old = PyLong_FromDouble(cell->mean);
            new = PyLong_FromDouble(*mean);
            if (whole == NULL || old == NULL || new == NULL)
                goto failed;
            Py_SETREF(old, PyNumber_Subtract(whole, old));
            if (old != NULL)
                Py_SETREF(new, PyNumber_Subtract(whole, new));
            spread = old == NULL || new == NULL ? NULL : PyNumber_Multiply(old, new);
            *deviations = cell->deviations;
        }
        if (spread == NULL || (cell->spread != NULL && add_more(&spread, cell->spread) < 0))
            goto failed;
    }
    /* Nothing is made from here on. */
    if (far != NULL)
        Py_XSETREF(cell->far, far);
    if (spread != NULL)
        Py_XSETREF(cell->spread, spread);
    Py_XDECREF(whole);
    Py_XDECREF(old);
    Py_XDECREF(new);
    return 0;
failed:
    Py_XDECREF(far);
    Py_XDECREF(spread);
    Py_XDECREF(whole);
    Py_XDECREF(old);
    Py_XDECREF(new);
    return -1;
}

static inline int
add_number(Adder *self, Cell *cell, Number *number)
{
    if (UNLIKELY(number->kind == 'm')) {
        cell->missing++;
        cell->count++;
        return 0;
    }
    Counts *sketch = number->sign > 0 ? &cell->positive : &cell->negative;
    if (self->histogram != 0 && kit_counts_reserve(&cell->buckets) < 0)
        return -1;
    if (self->scale != 0 && number->sign != 0 && kit_counts_reserve(sketch) < 0)
        return -1;
    if (number->kind == 'f') {
        double x = number->real, old = cell->high, high = old + x, part = high - old;
        double low = cell->low + ((old - (high - part)) + (x - part)), away = x - cell->mean;
        double mean = cell->mean + away / (double)(cell->count + 1 - cell->missing - cell->wholes);
        double deviations = cell->deviations + away * (x - mean);
        if (UNLIKELY(!isfinite(high + deviations)) &&
            add_far(cell, x, &high, &low, &mean, &deviations) < 0)
            return -1;
        if (x < cell->min_float)
            cell->min_float = x;
        if (x > cell->max_float)
            cell->max_float = x;
        cell->low = low;
        cell->high = high;
        cell->mean = mean;
        cell->deviations = deviations;
        cell->count++;
    }
    else {
        int64_t x = number->whole;
        Wide squares, square = (Wide)x * x;
        if (UNLIKELY(number->kind == 'b' || __builtin_add_overflow(cell->squares, square, &squares))) {
            if (add_big(cell, number) < 0)
                return -1;
        }
        else {
            cell->squares = squares;
            cell->total += x; /* 2**63 of them fit */
        }
        if (number->kind == 'i') {
            if (x < cell->min_int)
                cell->min_int = x;
            if (x > cell->max_int)
                cell->max_int = x;
        }
        cell->wholes++;
        cell->count++;
    }
    if (self->histogram != 0)
        kit_counts_add(&cell->buckets, number->bucket, 1);
    if (self->scale != 0) {
        if (number->sign == 0)
            cell->zero++;
        else
            kit_counts_sketch(sketch, number->sketched);
    }
    return 0;
}

/* What fails fails before anything is changed; needs no memory. */
static COLD int
fail(Adder *self)
{
    kit_count(&self->failed->n);
    return -1;
}

int
kit_add(Adder *self, Reader *reader, const Event *event)
{
    Number number;
    number.big = NULL;
    if (!self->counts && UNLIKELY(take_number(self, event, &number) < 0)) {
        Py_XDECREF(number.big);
        return fail(self);
    }
    int status = 0;
    Cell *cell = find_cell(self, reader, event);
    if (UNLIKELY(cell == NULL))
        status = PyErr_Occurred() ? -1 : 0;
    else if (self->counts)
        cell->count++;
    else
        status = add_number(self, cell, &number);
    Py_XDECREF((PyObject *)cell);
    Py_XDECREF(number.big);
    return UNLIKELY(status < 0) ? fail(self) : 0;
}

/* The type. */

static PyObject *
adder_call(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *kwnames)
{
    Event event;
    Reader *reader = kit_event_of(args, PyVectorcall_NARGS(nargsf), kwnames,
                                  ((Adder *)self)->is_span, &event);
    if (reader == NULL) {
        fail((Adder *)self);
        return NULL;
    }
    if (kit_add((Adder *)self, reader, &event) < 0)
        return NULL;
    Py_RETURN_NONE;
}

/* Read a place: ("a", which argument), ("c", constant) or ("f", function). */
static int
read_place(PyObject *pair, Place *place)
{
    const char *kind;
    PyObject *what;
    if (!PyTuple_Check(pair)) {
        PyErr_SetString(PyExc_TypeError, "a place is a tuple");
        return -1;
    }
    if (!PyArg_ParseTuple(pair, "sO", &kind, &what))
        return -1;
    place->kind = kind[0];
    place->at = 0;
    if (kind[0] == 'a') {
        place->at = PyLong_AsSsize_t(what);
        if (place->at < 0) {
            if (!PyErr_Occurred())
                PyErr_SetString(PyExc_ValueError, "arguments are numbered from 0");
            return -1;
        }
    }
    else if (kind[0] != 'c' && kind[0] != 'f') {
        PyErr_SetString(PyExc_ValueError, "a place is an argument, a constant or a function");
        return -1;
    }
    place->object = Py_NewRef(what);
    return 0;
}

static int
adder_fill(PyObject *made, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"tables", "value",   "keys", "is_span", "log2",
                            "even",   "scale",   "plain", "odd",    "failed",
                            "key_of", NULL};
    Adder *self = (Adder *)made;
    PyObject *tables, *value, *keys, *log2, *even, *plain, *odd, *failed = NULL, *key_of = NULL;
    int is_span;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!OO!pOOdOO|O!O", names, kit_Tables, &tables, &value,
                                     &PyTuple_Type, &keys, &is_span, &log2, &even, &self->scale,
                                     &plain, &odd, kit_Tally, &failed, &key_of))
        return -1;
    self->call = adder_call;
    self->is_span = is_span;
    self->counts = value == Py_None;
    self->value.kind = 'c';
    if (!self->counts && read_place(value, &self->value) < 0)
        return -1;
    self->keys = PyMem_RawCalloc(PyTuple_GET_SIZE(keys) + 1, sizeof(Place));
    if (self->keys == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(keys); i++) {
        if (read_place(PyTuple_GET_ITEM(keys, i), &self->keys[i]) < 0)
            return -1;
        self->key_count++;
    }
    if (log2 != Py_None) {
        if (!PyTuple_Check(log2) || !PyArg_ParseTuple(log2, "ii", &self->lowest, &self->highest))
            goto wrong;
        self->histogram = '2';
    }
    else if (even != Py_None) {
        long long last;
        int exact;
        if (!PyTuple_Check(even) ||
            !PyArg_ParseTuple(even, "dddLp", &self->from, &self->to, &self->step, &last, &exact))
            goto wrong;
        if (!(self->step > 0))
            goto wrong;
        self->histogram = '=';
        self->last = last;
        self->even = exact;
    }
    self->tables = (Tables *)Py_NewRef(tables);
    self->plain = Py_NewRef(plain);
    self->odd = Py_NewRef(odd);
    self->key_of = Py_XNewRef(key_of);
    self->failed = failed != NULL ? (Tally *)Py_NewRef(failed)
                                  : (Tally *)PyObject_CallNoArgs((PyObject *)kit_Tally);
    return self->failed == NULL ? -1 : 0;
wrong:
    if (!PyErr_Occurred())
        PyErr_SetString(PyExc_ValueError, "a histogram has a lowest, a highest and a step");
    return -1;
}

static PyObject *
adder_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    return kit_make(type, args, kwargs, adder_fill);
}

static int
adder_traverse(Adder *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->tables);
    Py_VISIT(self->value.object);
    for (Py_ssize_t i = 0; i < self->key_count; i++)
        Py_VISIT(self->keys[i].object);
    Py_VISIT(self->plain);
    Py_VISIT(self->odd);
    Py_VISIT(self->key_of);
    return 0;
}

static void
adder_dealloc(Adder *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    Py_XDECREF(self->tables);
    Py_XDECREF(self->value.object);
    for (Py_ssize_t i = 0; i < self->key_count; i++)
        Py_XDECREF(self->keys[i].object);
    PyMem_RawFree(self->keys);
    Py_XDECREF(self->plain);
    Py_XDECREF(self->odd);
    Py_XDECREF(self->key_of);
    Py_XDECREF(self->failed);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMemberDef adder_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(Adder, call), READONLY, NULL},
    {"dropped", T_LONGLONG, offsetof(Adder, dropped), 0, "Events with keys for which there was no room."},
    {NULL},
};

static PyType_Slot adder_slots[] = {
    {Py_tp_doc, "Adds the events of one marker to an aggregate."},
    {Py_tp_new, adder_new},
    {Py_tp_call, PyVectorcall_Call},
    {Py_tp_dealloc, adder_dealloc},
    {Py_tp_traverse, adder_traverse}, /* nothing to clear: what it holds does not change */
    {Py_tp_members, adder_members},
    {0, NULL},
};

static PyType_Spec adder_spec = {
    .name = "kit._c.Adder",
    .basicsize = sizeof(Adder),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL |
             Py_TPFLAGS_IMMUTABLETYPE,
    .slots = adder_slots,
};

int
kit_init_adder(PyObject *module)
{
    kit_Adder = kit_add_type(module, &adder_spec, NULL);
    return kit_Adder == NULL ? -1 : 0;
}

#else

int
kit_add(Adder *Py_UNUSED(self), Reader *Py_UNUSED(reader), const Event *Py_UNUSED(event))
{
    return 0;
}

int
kit_init_adder(PyObject *Py_UNUSED(module))
{
    return 0;
}

#endif
