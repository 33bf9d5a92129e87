/* The probe of a recorder: it writes what it is called with, whole or not at all.
 *
 * Ordinary values (exactly int, float, bool, str in ASCII) are written straight into the block.
 * For anything else the values are first made plain, which may run Python code, and only then is
 * the record begun: between its first byte and its last nothing else runs on this thread.
 */
#include "store.h"

struct Writer {
    PyObject_HEAD
    vectorcallfunc call;
    Store *store;
    PyObject *kinds;     /* bytes: int d, float f, bool b, text s, label k; a span's first two are d k */
    PyObject *context;   /* tuple of functions, called for each event; or NULL */
    Py_ssize_t fields;   /* columns that a site passes; or LOST */
    Py_ssize_t columns;
    Py_ssize_t limit;    /* characters of text */
    size_t fixed;        /* bytes of a record without text */
    Tally *failed;       /* events that could not be written */
    PyObject *misfits;   /* tuple: for each column a Tally; or NULL */
    PyObject *types;     /* list: for each column of what type the first misfit was, or None */
    uint16_t code;
    bool is_span;
};

/* In the place of the number of fields: no event has so many, so the fast way asks nothing more. */
enum { LOST = -1 };

/* Text. */

#define ASCII_DATA(text) ((const char *)((PyASCIIObject *)(text) + 1))

static inline bool
is_simple(PyObject *text)
{
    return PyUnicode_CheckExact(text) && PyUnicode_IS_COMPACT_ASCII(text);
}

/* How many bytes a text takes at most. */
static inline size_t
most_bytes(PyObject *text, Py_ssize_t length)
{
    switch (PyUnicode_KIND(text)) {
    case PyUnicode_1BYTE_KIND:
        return PyUnicode_IS_ASCII(text) ? length : 2 * length;
    case PyUnicode_2BYTE_KIND:
        return 3 * length;
    default:
        return 4 * length;
    }
}

/* UTF-8, lone surrogates included; returns the length, and whether there was one. */
static size_t
encode(PyObject *text, Py_ssize_t length, char *to, bool *odd)
{
    if (PyUnicode_IS_ASCII(text)) {
        memcpy(to, PyUnicode_DATA(text), length);
        return length;
    }
    int kind = PyUnicode_KIND(text);
    const void *data = PyUnicode_DATA(text);
    char *begin = to;
    for (Py_ssize_t i = 0; i < length; i++) {
        Py_UCS4 c = PyUnicode_READ(kind, data, i);
        if (c < 0x80)
            *to++ = c;
        else if (c < 0x800) {
            *to++ = 0xC0 | c >> 6;
            *to++ = 0x80 | (c & 0x3F);
        }
        else if (c < 0x10000) {
            *odd = *odd || (c >= 0xD800 && c < 0xE000);
            *to++ = 0xE0 | c >> 12;
            *to++ = 0x80 | (c >> 6 & 0x3F);
            *to++ = 0x80 | (c & 0x3F);
        }
        else {
            *to++ = 0xF0 | c >> 18;
            *to++ = 0x80 | (c >> 12 & 0x3F);
            *to++ = 0x80 | (c >> 6 & 0x3F);
            *to++ = 0x80 | (c & 0x3F);
        }
    }
    return to - begin;
}

static inline void
put_text(char *record, char *slot, size_t *end, size_t length)
{
    /* The text is at `end` already; short text moves into its slot. */
    uint32_t pair[2] = {(uint32_t)length, 0};
    if (length <= INLINE_TEXT)
        memcpy(&pair[1], record + *end, length);
    else {
        pair[1] = (uint32_t)*end;
        *end += length;
    }
    memcpy(slot, pair, sizeof(pair));
}

static inline size_t
finish(char *record, size_t end, uint16_t code, uint16_t flags, int64_t ts)
{
    size_t size = (end + 7) & ~(size_t)7;
    while (end < size)
        record[end++] = 0;
    Head head = {(uint32_t)size, code, flags, ts};
    memcpy(record, &head, sizeof(head));
    return size;
}

/* The slow way. */

/* An event is not there, and in no other count either; needs no memory. */
static COLD int
fail(Writer *self)
{
    kit_count(&self->failed->n);
    KIT_LOCK(&self->store->lock);
    kit_count_failed(self->store);
    KIT_UNLOCK(&self->store->lock);
    return -1;
}

/* With the store's lock held. */
static int
lose(Writer *self, Buffer *buffer)
{
    if (kit_count_lost(self->store, buffer, self->code) < 0) {
        PyErr_Clear(); /* no memory for a first count */
        kit_count(&self->failed->n);
        kit_count_failed(self->store);
    }
    return 0;
}

/* What a value stands for: of exactly the column's type, or NULL with a note, or -1 with an error. */
static int
make_plain(Writer *self, PyObject *value, char kind, PyObject **made, uint8_t *note)
{
    *made = NULL;
    *note = NOTE_VALUE;
    if (value == Py_None) {
        *note = NOTE_MISSING;
        return 0;
    }
    if (kind == 'f' && PyLong_CheckExact(value)) {
        *made = PyLong_AsDouble(value) == -1.0 && PyErr_Occurred() ? NULL : PyNumber_Float(value);
        if (*made == NULL && PyErr_ExceptionMatches(PyExc_OverflowError))
            PyErr_Clear(); /* a misfit, as below */
        else
            return *made == NULL ? -1 : 0;
    }
    if (PyUnicode_CheckExact(value) && PyUnicode_READY(value) < 0)
        return -1;
    if ((kind == 'd' && PyLong_CheckExact(value)) || (kind == 'f' && PyFloat_CheckExact(value)) ||
        (kind == 'b' && PyBool_Check(value)) ||
        ((kind == 's' || kind == 'k') && PyUnicode_CheckExact(value))) {
        int overflow = 0;
        if (kind == 'd')
            PyLong_AsLongLongAndOverflow(value, &overflow);
        if (!overflow) {
            *made = Py_NewRef(value);
            return 0;
        }
    }
    PyObject *plain = PyObject_CallFunction(self->store->plain, "CO", (int)kind, value);
    if (plain == NULL)
        return -1;
    if (plain == Py_None)
        *note = NOTE_MISSING;
    else if (plain == Py_Ellipsis)
        *note = NOTE_MISFIT;
    else {
        bool fits = kind == 'd'   ? PyLong_CheckExact(plain)
                    : kind == 'f' ? PyFloat_CheckExact(plain)
                    : kind == 'b' ? PyBool_Check(plain)
                                  : PyUnicode_CheckExact(plain);
        int overflow = 0;
        if (fits && kind == 'd')
            PyLong_AsLongLongAndOverflow(plain, &overflow);
        if (fits && !overflow) {
            *made = plain;
            return 0;
        }
        *note = NOTE_MISFIT;
    }
    Py_DECREF(plain);
    return 0;
}

/* Note of what type a column's first misfit is. */
static COLD int
note_type(Writer *self, Py_ssize_t at, PyObject *value)
{
    if (self->types == NULL || value == Py_Ellipsis || at >= PyList_GET_SIZE(self->types) ||
        PyList_GET_ITEM(self->types, at) != Py_None)
        return 0;
    PyObject *name = PyType_GetName(Py_TYPE(value));
    return name == NULL ? -1 : PyList_SetItem(self->types, at, name);
}

/* Count what does not fit of an event that is there; no Python code runs. */
static COLD void
count_misfits(Writer *self, const uint8_t *notes)
{
    for (Py_ssize_t i = 0; self->misfits != NULL && i < self->columns; i++) {
        if (notes[i] == NOTE_MISFIT)
            kit_count(&((Tally *)PyTuple_GET_ITEM(self->misfits, i))->n);
    }
}

static size_t
write_plain(Writer *self, char *record, int64_t ts, PyObject *const *made, const uint8_t *before)
{
    Py_ssize_t columns = self->columns;
    const char *kinds = PyBytes_AS_STRING(self->kinds);
    char *slot = record + RECORD_HEAD;
    uint8_t *notes = (uint8_t *)slot + 8 * columns;
    size_t end = RECORD_HEAD + 8 * columns + ((columns + 7) & ~(Py_ssize_t)7);
    memset(notes, 0, (columns + 7) & ~(Py_ssize_t)7);
    for (Py_ssize_t i = 0; i < columns; i++, slot += 8) {
        notes[i] = before[i];
        memset(slot, 0, 8);
        if (made[i] == NULL)
            continue;
        switch (kinds[i]) {
        case 'd': {
            int64_t number = PyLong_AsLongLong(made[i]);
            memcpy(slot, &number, 8);
            break;
        }
        case 'f': {
            double number = PyFloat_AS_DOUBLE(made[i]);
            memcpy(slot, &number, 8);
            break;
        }
        case 'b': {
            int64_t truth = made[i] == Py_True;
            memcpy(slot, &truth, 8);
            break;
        }
        default: {
            Py_ssize_t length = PyUnicode_GET_LENGTH(made[i]);
            bool odd = false;
            if (length > self->limit) {
                length = self->limit;
                notes[i] = NOTE_CUT;
            }
            size_t bytes = encode(made[i], length, record + end, &odd);
            put_text(record, slot, &end, bytes);
            if (odd && notes[i] == NOTE_VALUE)
                notes[i] = NOTE_ODD;
        }
        }
    }
    return finish(record, end, self->code, NOTED, ts);
}

/* The store's lock is held when it returns a buffer. */
static Buffer *
lock_buffer(Store *store, Reader *reader)
{
    KIT_LOCK(&store->lock);
    Buffer *buffer = kit_cached_buffer(store, reader);
    if (buffer != NULL)
        return buffer;
    KIT_UNLOCK(&store->lock);
    return kit_buffer(store, reader);
}

/* Of a marker that there is no room to describe. */
static COLD int
lose_one(Writer *self, Reader *reader)
{
    Buffer *buffer = lock_buffer(self->store, reader);
    if (buffer == NULL)
        return -1;
    lose(self, buffer);
    KIT_UNLOCK(&self->store->lock);
    return 0;
}

static COLD int
write_slowly(Writer *self, Reader *reader, const Event *event)
{
    if (self->fields == LOST)
        return lose_one(self, reader);
    Store *store = self->store;
    Py_ssize_t columns = self->columns, at = 0;
    const char *kinds = PyBytes_AS_STRING(self->kinds);
    PyObject *made[MOST_COLUMNS];
    uint8_t notes[MOST_COLUMNS];
    int status = -1;
    if (self->is_span) {
        made[0] = PyLong_FromLongLong(event->dur);
        made[1] = event->error == Py_None ? NULL : Py_NewRef(event->error);
        notes[0] = NOTE_VALUE;
        notes[1] = event->error == Py_None ? NOTE_MISSING : NOTE_VALUE;
        at = 2;
        if (made[0] == NULL) {
            Py_XDECREF(made[1]);
            return -1;
        }
    }
    for (Py_ssize_t i = 0; i < self->fields; i++, at++) {
        /* The marker may have been declared anew, with other fields. */
        made[at] = NULL;
        notes[at] = NOTE_MISFIT;
        if (i >= event->count)
            continue;
        if (make_plain(self, event->fields[i], kinds[at], &made[at], &notes[at]) < 0 ||
            (notes[at] == NOTE_MISFIT && note_type(self, at, event->fields[i]) < 0))
            goto out;
    }
    for (Py_ssize_t i = 0; at < columns; i++, at++) {
        PyObject *value = PyObject_CallNoArgs(PyTuple_GET_ITEM(self->context, i));
        made[at] = NULL;
        if (value == NULL) {
            if (!PyErr_ExceptionMatches(PyExc_Exception))
                goto out;
            PyErr_Clear(); /* it is this field that is missing, and not the event */
            notes[at] = NOTE_MISFIT;
            continue;
        }
        int result = make_plain(self, value, kinds[at], &made[at], &notes[at]);
        if (result == 0 && notes[at] == NOTE_MISFIT)
            result = note_type(self, at, value);
        Py_DECREF(value);
        if (result < 0)
            goto out;
    }
    size_t most = RECORD_HEAD + 8 * columns + columns + 16;
    for (Py_ssize_t i = 0; i < columns; i++) {
        if (made[i] != NULL && (kinds[i] == 's' || kinds[i] == 'k')) {
            Py_ssize_t length = PyUnicode_GET_LENGTH(made[i]);
            most += most_bytes(made[i], length < self->limit ? length : self->limit);
        }
    }
    Buffer *buffer = lock_buffer(store, reader);
    if (buffer == NULL)
        goto out;
    /* From here on no Python code runs. */
    status = 0;
    Block *block = buffer->current;
    if ((!store->overwrite && store->held >= store->capacity) || most > INT32_MAX)
        lose(self, buffer);
    else if ((block == NULL || block->room - *kit_used(block) < most) &&
             kit_make_room(store, buffer, most) < 0) {
        PyErr_Clear();
        lose(self, buffer);
    }
    else {
        block = buffer->current;
        size_t size = write_plain(self, block->data + *kit_used(block), event->ts, made, notes);
        count_misfits(self, notes);
        if (kit_commit(store, buffer, block, size) < 0)
            PyErr_Clear(); /* the event is kept; there was no memory for what comes after it */
    }
    KIT_UNLOCK(&store->lock);
out:
    while (at-- > 0)
        Py_XDECREF(made[at]);
    return status;
}

/* The fast way. */

enum { WRITTEN = 0, SLOWLY = 1 };

/* With the store's lock held; no Python code runs. */
static inline int
write_fast(Writer *self, Store *store, Reader *reader, const Event *event)
{
    Buffer *buffer = kit_cached_buffer(store, reader);
    if (UNLIKELY(buffer == NULL))
        return SLOWLY;
    if (UNLIKELY(!store->overwrite && store->held >= store->capacity))
        return lose(self, buffer);
    Block *block = buffer->current;
    size_t used = block == NULL ? 0 : atomic_load_explicit(kit_used(block), memory_order_relaxed);
    if (UNLIKELY(block == NULL || block->room - used < self->fixed))
        return SLOWLY;
    char *record = block->data + used;
    char *slot = record + RECORD_HEAD;
    size_t end = self->fixed, room = block->room - used - 8; /* 8: for padding */
    const char *kind = PyBytes_AS_STRING(self->kinds);
    if (self->is_span) {
        if (UNLIKELY(event->error != Py_None))
            return SLOWLY;
        memcpy(slot, &event->dur, 8);
        /* No error: text of no length, marked as missing by the one length that text cannot have. */
        memset(slot + 8, 0xFF, 8);
        slot += 16;
        kind += 2;
    }
    PyObject *const *value = event->fields;
    for (PyObject *const *stop = value + event->count; value < stop; value++, kind++, slot += 8) {
        PyObject *each = *value;
        switch (*kind) {
        case 'd': {
            if (UNLIKELY(!PyLong_CheckExact(each)))
                return SLOWLY;
            int64_t number;
            if (UNLIKELY(!kit_small_int(each, &number))) {
                int overflow;
                number = PyLong_AsLongLongAndOverflow(each, &overflow);
                if (UNLIKELY(overflow))
                    return SLOWLY;
            }
            memcpy(slot, &number, 8);
            break;
        }
        case 'f': {
            double number;
            if (LIKELY(PyFloat_CheckExact(each)))
                number = PyFloat_AS_DOUBLE(each);
            else if (PyLong_CheckExact(each)) {
                number = PyLong_AsDouble(each);
                if (UNLIKELY(number == -1.0 && PyErr_Occurred())) {
                    PyErr_Clear();
                    return SLOWLY;
                }
            }
            else
                return SLOWLY;
            memcpy(slot, &number, 8);
            break;
        }
        case 'b': {
            if (UNLIKELY(!PyBool_Check(each)))
                return SLOWLY;
            int64_t truth = each == Py_True;
            memcpy(slot, &truth, 8);
            break;
        }
        default: {
            if (UNLIKELY(!is_simple(each)))
                return SLOWLY;
            size_t length = PyUnicode_GET_LENGTH(each);
            uint32_t pair[2] = {(uint32_t)length, 0};
            if (length <= INLINE_TEXT)
                copy_text((char *)&pair[1], ASCII_DATA(each), length);
            else {
                if (UNLIKELY(length > (size_t)self->limit || end + length > room))
                    return SLOWLY;
                pair[1] = (uint32_t)end;
                copy_text(record + end, ASCII_DATA(each), length);
                end += length;
            }
            memcpy(slot, pair, 8);
        }
        }
    }
    size_t size = finish(record, end, self->code, 0, event->ts);
    if (UNLIKELY(kit_commit(store, buffer, block, size) < 0))
        PyErr_Clear(); /* the event is kept; there was no memory for what comes after it */
    return WRITTEN;
}

int
kit_write(Writer *self, Reader *reader, const Event *event)
{
    Store *store = self->store;
    int way = SLOWLY;
    if (LIKELY(self->context == NULL && event->count == self->fields)) {
        KIT_LOCK(&store->lock);
        way = write_fast(self, store, reader, event);
        KIT_UNLOCK(&store->lock);
    }
    if (LIKELY(way == WRITTEN))
        return 0;
    /* What fails there fails before the record is begun. */
    return write_slowly(self, reader, event) < 0 ? fail(self) : 0;
}

/* The type. */

/* Called from Python: write(ident, ts, args), as any of the kit's own probes. */
static PyObject *
writer_call(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *kwnames)
{
    Event event;
    Reader *reader = kit_event_of(args, PyVectorcall_NARGS(nargsf), kwnames,
                                  ((Writer *)self)->is_span, &event);
    if (reader == NULL) {
        fail((Writer *)self);
        return NULL;
    }
    if (kit_write((Writer *)self, reader, &event) < 0)
        return NULL;
    Py_RETURN_NONE;
}

static int
writer_fill(PyObject *made, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"store",   "code",  "kinds",  "is_span",
                            "context", "limit", "failed", "lost", "misfits", NULL};
    Writer *self = (Writer *)made;
    PyObject *store, *kinds, *context, *failed = NULL, *misfits = NULL, *types = NULL;
    int code, is_span, lost = 0;
    Py_ssize_t limit;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!iSpO!n|O!p(O!O!)", names, kit_Store, &store,
                                     &code, &kinds, &is_span, &PyTuple_Type, &context, &limit,
                                     kit_Tally, &failed, &lost, &PyTuple_Type, &misfits,
                                     &PyList_Type, &types))
        return -1;
    Py_ssize_t columns = PyBytes_GET_SIZE(kinds);
    Py_ssize_t fields = columns - PyTuple_GET_SIZE(context) - (is_span ? 2 : 0);
    if (code < 0 || code > UINT16_MAX || columns > MOST_COLUMNS ||
        fields < 0 || limit < 0 || limit > 1 << 24) {
        PyErr_SetString(PyExc_ValueError, "a writer has a store, a code and at most 1000 columns");
        return -1;
    }
    for (Py_ssize_t i = 0; i < columns; i++) {
        if (strchr("dfbsk", PyBytes_AS_STRING(kinds)[i]) == NULL || !PyBytes_AS_STRING(kinds)[i]) {
            PyErr_SetString(PyExc_ValueError, "a column's kind is one of d, f, b, s, k");
            return -1;
        }
    }
    for (Py_ssize_t i = 0; misfits != NULL && i < columns; i++) {
        if (PyTuple_GET_SIZE(misfits) != columns ||
            !Py_IS_TYPE(PyTuple_GET_ITEM(misfits, i), kit_Tally)) {
            PyErr_SetString(PyExc_ValueError, "misfits are counted by a tally for each column");
            return -1;
        }
    }
    PyObject *described = ((Store *)store)->kinds;
    if (code >= PyList_GET_SIZE(described) ||
        PyObject_RichCompareBool(PyList_GET_ITEM(described, code), kinds, Py_EQ) != 1) {
        PyErr_SetString(PyExc_ValueError, "a writer's columns are those described for its code");
        return -1;
    }
    self->call = writer_call;
    self->store = (Store *)Py_NewRef(store);
    self->code = (uint16_t)code;
    self->kinds = Py_NewRef(kinds);
    self->context = PyTuple_GET_SIZE(context) > 0 ? Py_NewRef(context) : NULL;
    self->misfits = Py_XNewRef(misfits);
    self->types = Py_XNewRef(types);
    self->fields = lost ? LOST : fields;
    self->columns = columns;
    self->limit = limit;
    self->failed = failed != NULL ? (Tally *)Py_NewRef(failed)
                                  : (Tally *)PyObject_CallNoArgs((PyObject *)kit_Tally);
    if (self->failed == NULL)
        return -1;
    self->is_span = is_span && !lost; /* then the arguments may be any */
    self->fixed = RECORD_HEAD + 8 * columns;
    return 0;
}

static PyObject *
writer_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    return kit_make(type, args, kwargs, writer_fill);
}

static int
writer_traverse(Writer *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->store);
    Py_VISIT(self->context);
    Py_VISIT(self->misfits);
    Py_VISIT(self->types);
    return 0;
}

static void
writer_dealloc(Writer *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    Py_XDECREF(self->store);
    Py_XDECREF(self->kinds);
    Py_XDECREF(self->context);
    Py_XDECREF(self->failed);
    Py_XDECREF(self->misfits);
    Py_XDECREF(self->types);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMemberDef writer_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(Writer, call), READONLY, NULL},
    {NULL},
};

static PyType_Slot writer_slots[] = {
    {Py_tp_doc, "Writes the events of one marker into a store."},
    {Py_tp_new, writer_new},
    {Py_tp_call, PyVectorcall_Call},
    {Py_tp_dealloc, writer_dealloc},
    {Py_tp_traverse, writer_traverse}, /* nothing to clear: what it holds does not change */
    {Py_tp_members, writer_members},
    {0, NULL},
};

static PyType_Spec writer_spec = {
    .name = "kit._c.Writer",
    .basicsize = sizeof(Writer),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL |
             Py_TPFLAGS_IMMUTABLETYPE,
    .slots = writer_slots,
};

int
kit_init_writer(PyObject *module)
{
    kit_Writer = kit_add_type(module, &writer_spec, NULL);
    return kit_Writer == NULL ? -1 : 0;
}
