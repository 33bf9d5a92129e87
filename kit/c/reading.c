/* What a reader found in one thread's blocks: rows as Python sees them, or columns without them. */
#include "store.h"

#ifdef __linux__
#include <sys/mman.h>
#endif

#define LARGE (4 << 20)

typedef struct {
    PyObject *owner; /* a block, or the bytes that a file held */
    const char *data;
    size_t begin, end;
} Part;

typedef struct {
    PyObject_HEAD
    PyObject *kinds; /* tuple of bytes: the columns of each code */
    Py_ssize_t events, count;
    Part *parts;
} Rows;

static inline Head
head_at(const Part *part, size_t at)
{
    Head head;
    memcpy(&head, part->data + at, sizeof(head));
    return head;
}

/* Text: its length, its place, and whether it is missing. */
static inline bool
text_at(const char *record, const char *slot, const char **text, size_t *length)
{
    uint32_t pair[2];
    memcpy(pair, slot, sizeof(pair));
    if (pair[0] == UINT32_MAX)
        return false;
    *length = pair[0];
    *text = pair[0] <= INLINE_TEXT ? slot + 4 : record + pair[1];
    return true;
}

static inline bool
is_text(char kind)
{
    return kind == 's' || kind == 'k';
}

/* Foreign bytes are looked through before anything in them is believed: how many of them are whole
 * records, how many these are, and what is wrong with the next one, or NULL. */
static const char *
look(PyObject *all_kinds, const Part *part, size_t *end, Py_ssize_t *events)
{
    Py_ssize_t codes = PyTuple_GET_SIZE(all_kinds), found = 0;
    const char *wrong = NULL;
    size_t at = part->begin;
    while (at < part->end && wrong == NULL) {
        if (part->end - at < RECORD_HEAD) {
            wrong = "is cut short";
            break;
        }
        Head head = head_at(part, at);
        if (head.code >= codes)
            wrong = "has an unknown code";
        else if (head.size % 8 != 0 || head.size < RECORD_HEAD || head.size > part->end - at)
            wrong = "has an impossible size";
        else if (head.flags & ~NOTED)
            wrong = "has unknown flags";
        else {
            PyObject *kinds = PyTuple_GET_ITEM(all_kinds, head.code);
            size_t columns = PyBytes_GET_SIZE(kinds), fixed = RECORD_HEAD + 8 * columns;
            size_t notes = head.flags & NOTED ? (columns + 7) / 8 * 8 : 0;
            if (fixed + notes > head.size)
                wrong = "is shorter than its columns";
            for (size_t i = 0; wrong == NULL && i < columns; i++) {
                const char *record = part->data + at, *slot = record + RECORD_HEAD + 8 * i, *text;
                if (notes > 0 && (uint8_t)record[fixed + i] > NOTE_ODD)
                    wrong = "has an unknown note";
                if (!is_text(PyBytes_AS_STRING(kinds)[i]))
                    continue;
                uint32_t pair[2];
                memcpy(pair, slot, sizeof(pair));
                size_t length;
                if (!text_at(record, slot, &text, &length))
                    continue;
                if (length > INLINE_TEXT &&
                    (pair[1] < fixed + notes || pair[1] > head.size || length > head.size - pair[1]))
                    wrong = "has text outside of it";
                else {
                    /* Lone surrogates may be there, as they were recorded; anything else is damage. */
                    PyObject *decoded = PyUnicode_DecodeUTF8(text, length, "surrogatepass");
                    if (decoded == NULL) {
                        PyErr_Clear();
                        wrong = "has text that is none";
                    }
                    Py_XDECREF(decoded);
                }
            }
            at += wrong == NULL ? head.size : 0;
            found += wrong == NULL;
        }
    }
    *end = at;
    *events = found;
    return wrong;
}

static int
check(Rows *self, const Part *part, Py_ssize_t *events)
{
    size_t at;
    const char *wrong = look(self->kinds, part, &at, events);
    if (wrong != NULL)
        PyErr_Format(PyExc_ValueError, "the record at byte %zu %s", at, wrong);
    return wrong == NULL ? 0 : -1;
}

/* whole(kinds, data): how many bytes of foreign data are whole records, and how many records. */
static PyObject *
rows_whole(PyObject *Py_UNUSED(type), PyObject *args)
{
    PyObject *kinds, *data;
    if (!PyArg_ParseTuple(args, "O!S", &PyTuple_Type, &kinds, &data))
        return NULL;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(kinds); i++) {
        if (!PyBytes_Check(PyTuple_GET_ITEM(kinds, i))) {
            PyErr_SetString(PyExc_TypeError, "the columns of a code are bytes");
            return NULL;
        }
    }
    Part part = {data, PyBytes_AS_STRING(data), 0, PyBytes_GET_SIZE(data)};
    size_t end;
    Py_ssize_t events;
    (void)look(kinds, &part, &end, &events);
    return Py_BuildValue("nn", (Py_ssize_t)end, events);
}

static int
rows_fill(PyObject *made, PyObject *args, PyObject *Py_UNUSED(kwargs))
{
    Rows *self = (Rows *)made;
    PyObject *kinds, *parts;
    if (!PyArg_ParseTuple(args, "O!O!", &PyList_Type, &kinds, &PyList_Type, &parts))
        return -1;
    self->kinds = PyList_AsTuple(kinds);
    if (self->kinds == NULL)
        return -1;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(self->kinds); i++) {
        if (!PyBytes_Check(PyTuple_GET_ITEM(self->kinds, i))) {
            PyErr_SetString(PyExc_TypeError, "the columns of a code are bytes");
            return -1;
        }
    }
    self->parts = PyMem_Calloc(PyList_GET_SIZE(parts) + 1, sizeof(Part));
    if (self->parts == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(parts); i++) {
        PyObject *owner;
        Py_ssize_t begin, end, events;
        if (!PyTuple_Check(PyList_GET_ITEM(parts, i))) {
            PyErr_SetString(PyExc_TypeError, "a part of rows is (owner, begin, end, events)");
            return -1;
        }
        if (!PyArg_ParseTuple(PyList_GET_ITEM(parts, i), "Onnn", &owner, &begin, &end, &events))
            return -1;
        Part *part = &self->parts[i];
        part->begin = begin;
        part->end = end;
        if (Py_TYPE(owner) == kit_Block && begin >= 0 && begin <= end &&
            (uint64_t)end <= *kit_used((Block *)owner))
            part->data = ((Block *)owner)->data;
        else if (PyBytes_CheckExact(owner) && begin >= 0 && begin <= end &&
                 end <= PyBytes_GET_SIZE(owner)) {
            part->data = PyBytes_AS_STRING(owner);
            if (check(self, part, &events) < 0)
                return -1;
        }
        else {
            PyErr_SetString(PyExc_TypeError, "rows are in blocks, or in bytes");
            return -1;
        }
        part->owner = Py_NewRef(owner);
        self->count++;
        self->events += events;
    }
    return 0;
}

static PyObject *
rows_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    return kit_make(type, args, kwargs, rows_fill);
}

static int
rows_traverse(Rows *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->kinds);
    return 0;
}

static void
rows_dealloc(Rows *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    for (Py_ssize_t i = 0; i < self->count; i++)
        Py_DECREF(self->parts[i].owner);
    PyMem_Free(self->parts);
    Py_XDECREF(self->kinds);
    type->tp_free(self);
    Py_DECREF(type);
}

/* As Python objects. */

static PyObject *
value_at(const char *record, Py_ssize_t column, char kind, uint8_t note)
{
    const char *slot = record + RECORD_HEAD + 8 * column, *text;
    size_t length;
    if (note == NOTE_MISSING)
        Py_RETURN_NONE;
    if (note == NOTE_MISFIT)
        return Py_NewRef(Py_Ellipsis); /* fits no field, as the value did not */
    if (is_text(kind)) {
        if (!text_at(record, slot, &text, &length))
            Py_RETURN_NONE;
        return PyUnicode_DecodeUTF8(text, length, "surrogatepass");
    }
    if (kind == 'f') {
        double number;
        memcpy(&number, slot, 8);
        return PyFloat_FromDouble(number);
    }
    int64_t number;
    memcpy(&number, slot, 8);
    return kind == 'b' ? PyBool_FromLong(number != 0) : PyLong_FromLongLong(number);
}

/* (ts, code, args) or (ts, code, args, context) of one record. */
static PyObject *
row_at(Rows *self, const Part *part, size_t at, Py_ssize_t context)
{
    Head head = head_at(part, at);
    PyObject *kinds = PyTuple_GET_ITEM(self->kinds, head.code);
    Py_ssize_t columns = PyBytes_GET_SIZE(kinds), values = columns - context;
    const char *record = part->data + at;
    const uint8_t *notes =
        head.flags & NOTED ? (const uint8_t *)record + RECORD_HEAD + 8 * columns : NULL;
    PyObject *args = PyTuple_New(values), *more = context > 0 ? PyTuple_New(context) : NULL;
    if (args == NULL || (context > 0 && more == NULL))
        goto fail;
    for (Py_ssize_t i = 0; i < columns; i++) {
        PyObject *value =
            value_at(record, i, PyBytes_AS_STRING(kinds)[i], notes == NULL ? 0 : notes[i]);
        if (value == NULL)
            goto fail;
        if (i < values)
            PyTuple_SET_ITEM(args, i, value);
        else
            PyTuple_SET_ITEM(more, i - values, value);
    }
    if (context > 0)
        return Py_BuildValue("LiNN", (long long)head.ts, (int)head.code, args, more);
    return Py_BuildValue("LiN", (long long)head.ts, (int)head.code, args);
fail:
    Py_XDECREF(args);
    Py_XDECREF(more);
    return NULL;
}

PyDoc_STRVAR(tolist_doc, "tolist(context)\n--\n\n"
                         "The rows as tuples; the last so many columns are their context.");

static PyObject *
rows_tolist(Rows *self, PyObject *number)
{
    Py_ssize_t context = PyLong_AsSsize_t(number);
    if (context == -1 && PyErr_Occurred())
        return NULL;
    for (Py_ssize_t code = 0; code < PyTuple_GET_SIZE(self->kinds); code++) {
        if (context < 0 || context > PyBytes_GET_SIZE(PyTuple_GET_ITEM(self->kinds, code))) {
            PyErr_SetString(PyExc_ValueError, "there are not as many columns");
            return NULL;
        }
    }
    PyObject *list = PyList_New(0);
    for (Py_ssize_t i = 0; list != NULL && i < self->count; i++) {
        const Part *part = &self->parts[i];
        for (size_t at = part->begin; at < part->end; at += head_at(part, at).size) {
            PyObject *row = row_at(self, part, at, context);
            if (row == NULL || PyList_Append(list, row) < 0) {
                Py_XDECREF(row);
                Py_CLEAR(list);
                break;
            }
            Py_DECREF(row);
        }
    }
    return list;
}

/* As columns. */

/* An array that is filled from its beginning to its end.  A large one is touched page by page for
 * the first time, which takes longer than filling it where the pages are small. */
static PyObject *
new_array(Py_ssize_t size)
{
    PyObject *made = PyByteArray_FromStringAndSize(NULL, size);
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    if (made != NULL && size >= LARGE) {
        const uintptr_t page = 4096, begin = (uintptr_t)PyByteArray_AS_STRING(made);
        uintptr_t first = (begin + page - 1) & ~(page - 1), last = (begin + size) & ~(page - 1);
        (void)madvise((void *)first, last - first, MADV_HUGEPAGE); /* a wish; nothing if unheard */
    }
#endif
    return made;
}

PyDoc_STRVAR(stamps_doc, "stamps()\n--\n\nThe time stamps and codes of all rows, as int64 each.");

static PyObject *
rows_stamps(Rows *self, PyObject *Py_UNUSED(none))
{
    PyObject *ts = new_array(8 * self->events), *codes = new_array(8 * self->events);
    if (ts != NULL && codes != NULL) {
        int64_t *to_ts = (int64_t *)PyByteArray_AS_STRING(ts);
        int64_t *to_code = (int64_t *)PyByteArray_AS_STRING(codes);
        for (Py_ssize_t i = 0; i < self->count; i++) {
            const Part *part = &self->parts[i];
            for (size_t at = part->begin; at < part->end;) {
                Head head = head_at(part, at);
                *to_ts++ = head.ts;
                *to_code++ = head.code;
                at += head.size;
            }
        }
        return Py_BuildValue("NN", ts, codes);
    }
    Py_XDECREF(ts);
    Py_XDECREF(codes);
    return NULL;
}

static PyObject *
rows_first(Rows *self, void *Py_UNUSED(closure))
{
    for (Py_ssize_t i = 0; i < self->count; i++) {
        const Part *part = &self->parts[i];
        if (part->begin < part->end)
            return PyLong_FromLongLong(head_at(part, part->begin).ts);
    }
    Py_RETURN_NONE;
}

/* The labels of a column: each text once, found by a key.
 *
 * A key is the length and, of a short text, the text itself; of a longer one a hash.  So labels of
 * one key and length are the same where they are short, and are compared where they are long. */
typedef struct {
    uint32_t *table; /* by key: the number of a label and one, or 0 */
    uint64_t *keys;  /* of each label */
    int64_t *ends;   /* where its text ends, behind that of the one before */
    size_t mask;     /* places in the table, less one */
    size_t count;
} Labels;

typedef struct {
    PyObject *data;    /* bytearray: int64 or double a row; of text the offsets, one more than rows;
                        * of labels the number of each, as int32 */
    PyObject *text;    /* bytearray of UTF-8, or NULL */
    PyObject *notes;   /* bytearray, or NULL while every value is there */
    char *to;          /* where the next row's value goes, in data */
    char *chars;       /* of text */
    size_t bytes, room;/* of text: used, and in all */
    bool labelled;
    Labels labels;
} Column;

static int
note_at(Column *column, Py_ssize_t row, Py_ssize_t rows, uint8_t note)
{
    if (column->notes == NULL) {
        column->notes = PyByteArray_FromStringAndSize(NULL, rows);
        if (column->notes == NULL)
            return -1;
        memset(PyByteArray_AS_STRING(column->notes), 0, rows);
    }
    PyByteArray_AS_STRING(column->notes)[row] = (char)note;
    return 0;
}

/* Room for more text at the end of a column. */
static COLD int
text_room(Column *column, size_t length)
{
    size_t room = column->room + column->room / 2 + length + 64;
    if (PyByteArray_Resize(column->text, room) < 0)
        return -1;
    column->chars = PyByteArray_AS_STRING(column->text);
    column->room = room;
    return 0;
}

/* Text of up to so many bytes is its key. */
#define WHOLE (PY_LITTLE_ENDIAN ? 7 : -1)

static inline uint64_t
key_of(const char *text, Py_ssize_t length)
{
    /* Loads as wide as the bytes are known to be there, which is what takes the least time: those of
     * a text in its slot are four. */
    if (length <= WHOLE) {
        uint32_t first, last;
        memcpy(&first, text, 4);
        if (length <= INLINE_TEXT)
            return (uint64_t)length << 56 | (first & (((uint64_t)1 << 8 * length) - 1));
        memcpy(&last, text + length - 4, 4);
        return (uint64_t)length << 56 | first | (uint64_t)last << 8 * (length - 4);
    }
    uint64_t part, hash = (uint64_t)length;
    for (; length >= 8; length -= 8, text += 8) {
        memcpy(&part, text, 8);
        hash = (hash ^ part) * 0x9E3779B97F4A7C15u;
        hash ^= hash >> 32;
    }
    for (; length > 0; length--, text++)
        hash = (hash ^ (unsigned char)*text) * 0x9E3779B97F4A7C15u;
    return hash ^ hash >> 32;
}

static inline bool
same_text(const char *one, const char *other, size_t length)
{
    if (length < 8 || length > 16)
        return memcmp(one, other, length) == 0;
    /* As copy_text: a call would take longer. */
    uint64_t a, b, c, d;
    memcpy(&a, one, 8);
    memcpy(&b, other, 8);
    memcpy(&c, one + length - 8, 8);
    memcpy(&d, other + length - 8, 8);
    return a == b && c == d;
}

static inline size_t
place_of(const Labels *labels, uint64_t key)
{
    return (key * 0x9E3779B97F4A7C15u >> 32) & labels->mask;
}

/* Room for twice as many labels, and for some to begin with. */
static COLD int
more_labels(Labels *labels)
{
    size_t places = labels->table == NULL ? 256 : 2 * (labels->mask + 1);
    uint64_t *keys = PyMem_Realloc(labels->keys, sizeof(uint64_t) * places / 2);
    if (keys != NULL)
        labels->keys = keys;
    int64_t *ends = PyMem_Realloc(labels->ends, sizeof(int64_t) * places / 2);
    if (ends != NULL)
        labels->ends = ends;
    uint32_t *table = PyMem_Calloc(places, sizeof(uint32_t));
    if (keys == NULL || ends == NULL || table == NULL || places / 2 > INT32_MAX) {
        PyMem_Free(table);
        PyErr_NoMemory();
        return -1;
    }
    PyMem_Free(labels->table);
    labels->table = table;
    labels->mask = places - 1;
    for (size_t i = 0; i < labels->count; i++) {
        size_t place = place_of(labels, keys[i]);
        while (table[place] != 0)
            place = (place + 1) & labels->mask;
        table[place] = (uint32_t)i + 1;
    }
    return 0;
}

/* The number of a label that is not where its key is looked for first. */
static COLD int64_t
new_label(Column *column, const char *text, size_t length, uint64_t key)
{
    Labels *labels = &column->labels;
    if (labels->table == NULL || labels->count >= (labels->mask + 1) / 2) {
        if (more_labels(labels) < 0)
            return -1;
    }
    if (column->room - column->bytes < length && text_room(column, length) < 0)
        return -1;
    copy_text(column->chars + column->bytes, text, length);
    column->bytes += length;
    size_t place = place_of(labels, key), number = labels->count++;
    while (labels->table[place] != 0)
        place = (place + 1) & labels->mask;
    labels->table[place] = (uint32_t)number + 1;
    labels->keys[number] = key;
    labels->ends[number] = (int64_t)column->bytes;
    return number;
}

/* The number of a label, a new one where it is seen for the first time; -1 with an error set. */
static inline int64_t
label_of(Column *column, const char *text, size_t length)
{
    Labels *labels = &column->labels;
    uint64_t key = key_of(text, length);
    if (UNLIKELY(labels->table == NULL))
        return new_label(column, text, length, key);
    uint32_t found;
    for (size_t place = place_of(labels, key); (found = labels->table[place]) != 0;
         place = (place + 1) & labels->mask) {
        size_t number = found - 1;
        if (labels->keys[number] != key)
            continue;
        size_t begin = number == 0 ? 0 : labels->ends[number - 1];
        if ((size_t)labels->ends[number] - begin == length &&
            ((Py_ssize_t)length <= WHOLE || same_text(column->chars + begin, text, length)))
            return number;
    }
    return new_label(column, text, length, key);
}

static int
new_column(Column *column, char kind, Py_ssize_t rows)
{
    bool text = is_text(kind);
    column->labelled = kind == 'k';
    column->data = new_array(column->labelled ? 4 * rows : 8 * (rows + text));
    if (column->data == NULL)
        return -1;
    column->to = PyByteArray_AS_STRING(column->data);
    if (column->labelled) {
        column->text = PyByteArray_FromStringAndSize(NULL, 0);
        return column->text == NULL ? -1 : 0;
    }
    if (text) {
        column->room = 8 * rows;
        column->text = new_array(column->room);
        if (column->text == NULL)
            return -1;
        column->chars = PyByteArray_AS_STRING(column->text);
        memset(column->to, 0, 8);
        column->to += 8;
    }
    return 0;
}

/* Take a record's values into the columns. */
static inline int
take_record(Column *column, Py_ssize_t columns, Py_ssize_t row, Py_ssize_t rows,
            const char *record, Head head)
{
    const char *slot = record + RECORD_HEAD;
    const uint8_t *notes = head.flags & NOTED ? (const uint8_t *)slot + 8 * columns : NULL;
    for (Py_ssize_t c = 0; c < columns; c++, slot += 8) {
        Column *each = &column[c];
        uint8_t note = notes == NULL ? NOTE_VALUE : notes[c];
        if (each->labelled) {
            const char *text;
            size_t length;
            int64_t number = 0;
            if (!text_at(record, slot, &text, &length))
                note = NOTE_MISSING;
            /* What is in the place of a value that is not there is no label. */
            else if (LIKELY(note != NOTE_MISSING && note != NOTE_MISFIT)) {
                number = label_of(each, text, length);
                if (UNLIKELY(number < 0))
                    return -1;
            }
            int32_t stored = (int32_t)number;
            memcpy(each->to, &stored, 4);
            each->to += 4;
            if (UNLIKELY(note != NOTE_VALUE) && note_at(each, row, rows, note) < 0)
                return -1;
            continue;
        }
        if (each->text != NULL) {
            const char *text;
            size_t length = 0;
            if (!text_at(record, slot, &text, &length))
                note = NOTE_MISSING;
            else {
                if (UNLIKELY(each->room - each->bytes < length) && text_room(each, length) < 0)
                    return -1;
                copy_text(each->chars + each->bytes, text, length);
                each->bytes += length;
            }
            int64_t end = (int64_t)each->bytes;
            memcpy(each->to, &end, 8);
        }
        else
            memcpy(each->to, slot, 8);
        each->to += 8;
        if (UNLIKELY(note != NOTE_VALUE) && note_at(each, row, rows, note) < 0)
            return -1;
    }
    return 0;
}

/* A column as Python sees it. */
static PyObject *
pack(const Column *column)
{
    PyObject *text = column->text == NULL ? Py_None : column->text;
    PyObject *notes = column->notes == NULL ? Py_None : column->notes;
    if (!column->labelled)
        return PyTuple_Pack(3, column->data, text, notes);
    size_t size = sizeof(int64_t) * column->labels.count;
    PyObject *offsets = PyByteArray_FromStringAndSize(NULL, size + 8);
    if (offsets == NULL)
        return NULL;
    memset(PyByteArray_AS_STRING(offsets), 0, 8);
    if (size > 0)
        memcpy(PyByteArray_AS_STRING(offsets) + 8, column->labels.ends, size);
    PyObject *parts = PyTuple_Pack(4, column->data, text, notes, offsets);
    Py_DECREF(offsets);
    return parts;
}

PyDoc_STRVAR(columns_doc,
             "columns(code)\n--\n\n"
             "The columns of one code: (ts, positions, columns).\n\n"
             "ts and positions are int64; positions is None where all rows have this code.\n"
             "A column is (data, text, notes): int64 or float64; of text the offsets into UTF-8.\n"
             "Of labels it is (data, text, notes, offsets): the number of each as int32, and where\n"
             "the text of each number is; a number is nothing where a note says that it is missing.\n"
             "notes is None where every value is there, else a byte a row: 0 a value, 1 missing,\n"
             "2 a misfit, 3 text that was cut, 4 text with a lone surrogate.");

static PyObject *
rows_columns(Rows *self, PyObject *number)
{
    long code = PyLong_AsLong(number);
    if (code == -1 && PyErr_Occurred())
        return NULL;
    if (code < 0 || code >= PyTuple_GET_SIZE(self->kinds)) {
        PyErr_SetString(PyExc_IndexError, "there is no such code");
        return NULL;
    }
    PyObject *kinds = PyTuple_GET_ITEM(self->kinds, code);
    const char *kind = PyBytes_AS_STRING(kinds);
    Py_ssize_t columns = PyBytes_GET_SIZE(kinds), rows = self->events, row = 0;
    Column *column = PyMem_Calloc(columns + 1, sizeof(Column));
    PyObject *ts = NULL, *positions = NULL, *list = NULL, *found = NULL;
    if (column == NULL)
        return PyErr_NoMemory();
    if (PyTuple_GET_SIZE(self->kinds) > 1) {
        /* First how many there are. */
        rows = 0;
        for (Py_ssize_t i = 0; i < self->count; i++) {
            const Part *part = &self->parts[i];
            for (size_t at = part->begin; at < part->end;) {
                Head head = head_at(part, at);
                rows += head.code == code;
                at += head.size;
            }
        }
    }
    ts = new_array(8 * rows);
    positions = rows == self->events ? Py_NewRef(Py_None) : new_array(8 * rows);
    if (ts == NULL || positions == NULL)
        goto out;
    for (Py_ssize_t c = 0; c < columns; c++) {
        if (new_column(&column[c], kind[c], rows) < 0)
            goto out;
    }
    int64_t *to_ts = (int64_t *)PyByteArray_AS_STRING(ts);
    int64_t *to = positions == Py_None ? NULL : (int64_t *)PyByteArray_AS_STRING(positions);
    int64_t position = 0;
    for (Py_ssize_t i = 0; i < self->count; i++) {
        const Part *part = &self->parts[i];
        for (size_t at = part->begin; at < part->end; position++) {
            Head head = head_at(part, at);
            if (head.code == code && row < rows) {
                if (to != NULL)
                    to[row] = position;
                to_ts[row] = head.ts;
                if (take_record(column, columns, row, rows, part->data + at, head) < 0)
                    goto out;
                row++;
            }
            at += head.size;
        }
    }
    list = PyList_New(columns);
    if (list == NULL)
        goto out;
    for (Py_ssize_t c = 0; c < columns; c++) {
        if (column[c].text != NULL && PyByteArray_Resize(column[c].text, column[c].bytes) < 0)
            goto out;
        PyObject *parts = pack(&column[c]);
        if (parts == NULL)
            goto out;
        PyList_SET_ITEM(list, c, parts);
    }
    found = PyTuple_Pack(3, ts, positions, list);
out:
    for (Py_ssize_t c = 0; c < columns; c++) {
        Py_XDECREF(column[c].data);
        Py_XDECREF(column[c].text);
        Py_XDECREF(column[c].notes);
        PyMem_Free(column[c].labels.table);
        PyMem_Free(column[c].labels.keys);
        PyMem_Free(column[c].labels.ends);
    }
    PyMem_Free(column);
    Py_XDECREF(ts);
    Py_XDECREF(positions);
    Py_XDECREF(list);
    return found;
}

static Py_ssize_t
rows_length(Rows *self)
{
    return self->events;
}

static PyMethodDef rows_methods[] = {
    {"tolist", (PyCFunction)rows_tolist, METH_O, tolist_doc},
    {"stamps", (PyCFunction)rows_stamps, METH_NOARGS, stamps_doc},
    {"columns", (PyCFunction)rows_columns, METH_O, columns_doc},
    {"whole", rows_whole, METH_VARARGS | METH_STATIC,
     "whole(kinds, data)\n--\n\nHow many bytes of some data are whole records, and how many records."},
    {NULL},
};

static PyMemberDef rows_members[] = {
    {"kinds", T_OBJECT_EX, offsetof(Rows, kinds), READONLY, "The columns of each code."},
    {NULL},
};

static PyGetSetDef rows_getset[] = {
    {"first", (getter)rows_first, NULL, "The time stamp of the first row; None where there is none.", NULL},
    {NULL},
};

static PyType_Slot rows_slots[] = {
    {Py_tp_doc, "The records of one thread, as a reader found them."},
    {Py_tp_new, rows_new},
    {Py_tp_dealloc, rows_dealloc},
    {Py_tp_traverse, rows_traverse},
    {Py_tp_methods, rows_methods},
    {Py_tp_members, rows_members},
    {Py_tp_getset, rows_getset},
    {Py_sq_length, rows_length},
    {0, NULL},
};

static PyType_Spec rows_spec = {
    .name = "kit._c.Rows",
    .basicsize = sizeof(Rows),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = rows_slots,
};

int
kit_init_rows(PyObject *module)
{
    kit_Rows = kit_add_type(module, &rows_spec, NULL);
    return kit_Rows == NULL ? -1 : 0;
}
