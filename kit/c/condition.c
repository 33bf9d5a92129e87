/* Conditions, evaluated without calling Python.
 *
 * A value is an int of 64 bits, a float, a text, or missing; a truth value is an int, as in Python.
 * Whatever is anything else, overflows or would raise an error is left to Python, which then
 * evaluates the whole condition again: it has no effects.  So this says the same as Python or
 * nothing.
 */
#include "condition.h"

#include <math.h>

#define MOST_NODES 1000
#define EXACT ((int64_t)1 << 53) /* integers up to here are floats, too */

typedef struct {
    char kind;             /* i, f, s, or - for missing */
    int64_t whole;
    double real;
    PyObject *text;        /* borrowed */
} Value;

/* Values. */

static inline bool
read_value(PyObject *object, Value *value)
{
    if (PyLong_CheckExact(object) || PyBool_Check(object)) {
        int overflow;
        value->kind = 'i';
        value->whole = PyLong_AsLongLongAndOverflow(object, &overflow);
        return overflow == 0;
    }
    if (PyFloat_CheckExact(object)) {
        value->kind = 'f';
        value->real = PyFloat_AS_DOUBLE(object);
        return true;
    }
    if (PyUnicode_CheckExact(object)) {
        value->kind = 's';
        value->text = object;
#if PY_VERSION_HEX < 0x030C0000
        return PyUnicode_IS_READY(object);
#else
        return true;
#endif
    }
    value->kind = '-';
    return object == Py_None;
}

static inline void
truth(Value *value, bool is_true)
{
    value->kind = 'i';
    value->whole = is_true;
}

/* Of a value that is not missing. */
static inline bool
is_true(const Value *value)
{
    switch (value->kind) {
    case 'i':
        return value->whole != 0;
    case 'f':
        return value->real != 0;
    default:
        return PyUnicode_GET_LENGTH(value->text) != 0;
    }
}

/* As a float, where that is the same number. */
static inline bool
as_float(const Value *value, double *real)
{
    if (value->kind == 'f') {
        *real = value->real;
        return true;
    }
    *real = (double)value->whole;
    return value->kind == 'i' && value->whole <= EXACT && value->whole >= -EXACT;
}

/* Arithmetic. */

static bool
compute_whole(char op, int64_t left, int64_t right, Value *value)
{
    long long result;
    value->kind = 'i';
    switch (op) {
    case '+':
        if (__builtin_add_overflow((long long)left, (long long)right, &result))
            return false;
        break;
    case '-':
        if (__builtin_sub_overflow((long long)left, (long long)right, &result))
            return false;
        break;
    case '*':
        if (__builtin_mul_overflow((long long)left, (long long)right, &result))
            return false;
        break;
    case '/':
        if (right == 0 || left > EXACT || left < -EXACT || right > EXACT || right < -EXACT)
            return false;
        value->kind = 'f';
        value->real = (double)left / (double)right;
        return true;
    default: /* // or % */
        if (right == 0 || (right == -1 && left == INT64_MIN))
            return false;
        result = op == 'd' ? left / right : left % right;
        if (left % right != 0 && (left < 0) != (right < 0))
            result += op == 'd' ? -1 : right;
    }
    value->whole = result;
    return true;
}

static bool
compute(char op, const Value *left, const Value *right, Value *value)
{
    if (left->kind == '-' || right->kind == '-') {
        value->kind = '-';
        return true;
    }
    if (left->kind == 'i' && right->kind == 'i')
        return compute_whole(op, left->whole, right->whole, value);
    double a, b;
    if (left->kind == 's' || right->kind == 's' || !as_float(left, &a) || !as_float(right, &b))
        return false;
    value->kind = 'f';
    switch (op) {
    case '+':
        value->real = a + b;
        return true;
    case '-':
        value->real = a - b;
        return true;
    case '*':
        value->real = a * b;
        return true;
    case '/':
        value->real = a / b;
        return b != 0;
    default:
        return false;
    }
}

/* Comparisons. */

/* Whether left is below, equal to or above right: -1, 0, 1; 2: not comparable, for a NaN; or -2. */
static inline int
compare(const Value *left, const Value *right)
{
    if (left->kind == 'i' && right->kind == 'i')
        return (left->whole > right->whole) - (left->whole < right->whole);
    if (left->kind == 's' || right->kind == 's') {
        if (left->kind != right->kind)
            return -2;
        return left->text == right->text ? 0 : PyUnicode_Compare(left->text, right->text);
    }
    double a, b;
    if (!as_float(left, &a) || !as_float(right, &b))
        return -2;
    return a < b ? -1 : a > b ? 1 : a == b ? 0 : 2;
}

/* 1, 0, or -1 where Python has to say. */
static inline int
equal(const Value *left, const Value *right)
{
    if ((left->kind == 's') != (right->kind == 's'))
        return 0;
    int order = compare(left, right);
    return order == -2 ? -1 : order == 0;
}

/* The whole of a text, with * for any part and ? for one character. */
static bool
matches(PyObject *text, PyObject *pattern)
{
    int text_kind = PyUnicode_KIND(text), pattern_kind = PyUnicode_KIND(pattern);
    const void *in = PyUnicode_DATA(text), *wanted = PyUnicode_DATA(pattern);
    Py_ssize_t length = PyUnicode_GET_LENGTH(text), most = PyUnicode_GET_LENGTH(pattern);
    Py_ssize_t at = 0, place = 0, star = -1, from = 0;
    while (at < length) {
        Py_UCS4 want = place < most ? PyUnicode_READ(pattern_kind, wanted, place) : 0;
        if (place < most && want == '*') {
            star = place++;
            from = at;
        }
        else if (place < most && (want == '?' || want == PyUnicode_READ(text_kind, in, at))) {
            place++;
            at++;
        }
        else if (star >= 0) { /* the last star takes one character more */
            place = star + 1;
            at = ++from;
        }
        else
            return false;
    }
    while (place < most && PyUnicode_READ(pattern_kind, wanted, place) == '*')
        place++;
    return place == most;
}

static bool run(const Program *program, Py_ssize_t number, const Event *event, Value *value);

/* `left in (a, b)`: 1, 0, -1 where Python has to say, or 2 for unknown. */
static int
contained(const Program *program, const Node *items, const Value *left, const Event *event)
{
    bool found = false, unknown = false;
    if (left->kind == 'f' && left->real != left->real)
        return -1; /* the same object is in it, although it is not equal to itself */
    for (Py_ssize_t i = 0; i < items->count; i++) {
        Value item;
        if (!run(program, items->children[i], event, &item))
            return -1;
        if (item.kind == '-') {
            unknown = true;
            continue;
        }
        if (left->kind == '-')
            continue;
        int same = equal(left, &item);
        if (same < 0)
            return -1;
        found = found || same;
    }
    return left->kind == '-' ? 2 : found ? 1 : unknown ? 2 : 0;
}

/* One link of a chain: 1, 0, -1 where Python has to say, or 2 for unknown. */
static int
link_holds(const Program *program, char op, const Value *left, const Node *right_node,
           const Value *right, const Event *event)
{
    int order;
    switch (op) {
    case '0':
        return left->kind == '-';
    case '1':
        return left->kind != '-';
    case 'i':
    case 'n': {
        int found;
        if (right_node->op == 'I')
            found = contained(program, right_node, left, event);
        else if (left->kind == '-' || right->kind == '-')
            found = 2;
        else if (left->kind != 's' || right->kind != 's')
            found = -1;
        else {
            found = PyUnicode_Contains(right->text, left->text);
            if (found < 0)
                PyErr_Clear();
        }
        return op == 'i' || found < 0 || found == 2 ? found : !found;
    }
    }
    if (left->kind == '-' || right->kind == '-')
        return 2;
    switch (op) {
    case 'l':
    case 'k':
        if (left->kind != 's' || right->kind != 's' || !right_node->simple)
            return -1;
        return matches(left->text, right->text) == (op == 'l');
    case '=':
    case '!':
        order = equal(left, right);
        return order < 0 ? -1 : order == (op == '=');
    }
    order = compare(left, right);
    if (order == -2)
        return -1;
    switch (op) {
    case '<':
        return order == -1;
    case ',':
        return order == -1 || order == 0;
    case '>':
        return order == 1;
    default: /* . */
        return order == 1 || order == 0;
    }
}

static bool
chain(const Program *program, const Node *node, const Event *event, Value *value)
{
    const char *ops = PyUnicode_DATA(node->object);
    Value left, right = {.kind = '-'};
    bool unknown = false;
    if (!run(program, node->children[0], event, &left))
        return false;
    Py_ssize_t child = 1;
    for (; *ops != 0; ops++) {
        const Node *right_node = NULL;
        right.kind = '-';
        if (*ops != '0' && *ops != '1') {
            Py_ssize_t number = node->children[child++];
            right_node = &program->nodes[number];
            if (right_node->op == 'I' && ops[1] != 0)
                return false; /* the chain goes on with the items */
            if (right_node->op != 'I' && !run(program, number, event, &right))
                return false;
        }
        int holds = link_holds(program, *ops, &left, right_node, &right, event);
        if (holds < 0)
            return false;
        if (holds == 0) {
            truth(value, false);
            return true;
        }
        unknown = unknown || holds == 2;
        left = right;
    }
    truth(value, true);
    if (unknown)
        value->kind = '-';
    return true;
}

static bool
logic(const Program *program, const Node *node, const Event *event, Value *value)
{
    bool settles = node->op == '|', unknown = false;
    for (Py_ssize_t i = 0; i < node->count; i++) {
        Value part;
        if (!run(program, node->children[i], event, &part))
            return false;
        if (part.kind == '-')
            unknown = true;
        else if (is_true(&part) == settles) {
            truth(value, settles);
            return true;
        }
    }
    truth(value, !settles);
    if (unknown)
        value->kind = '-';
    return true;
}

/* Evaluate a node; false: Python has to. */
static bool
run(const Program *program, Py_ssize_t number, const Event *event, Value *value)
{
    const Node *node = &program->nodes[number];
    switch (node->op) {
    case 'c':
        return read_value(node->object, value);
    case 'a': {
        Py_ssize_t at = node->at;
        if (event->is_span) {
            if (at == 0) {
                value->kind = 'i';
                value->whole = event->dur;
                return true;
            }
            if (at == 1)
                return read_value(event->error, value);
            at -= 2;
        }
        return at < event->count && read_value(event->fields[at], value);
    }
    case 'C':
        return chain(program, node, event, value);
    case '&':
    case '|':
        return logic(program, node, event, value);
    case '~':
        if (!run(program, node->children[0], event, value))
            return false;
        if (value->kind != '-')
            truth(value, !is_true(value));
        return true;
    case 'm':
        if (!run(program, node->children[0], event, value) || value->kind == 's' ||
            (value->kind == 'i' && value->whole == INT64_MIN))
            return false;
        value->whole = value->kind == 'i' ? -value->whole : 0;
        value->real = value->kind == 'f' ? -value->real : 0;
        return true;
    case 'I':
        return false;
    default: {
        Value left, right;
        return run(program, node->children[0], event, &left) &&
               run(program, node->children[1], event, &right) &&
               compute(node->op, &left, &right, value);
    }
    }
}

int
kit_program_met(Program *program, const Event *event)
{
    Value value;
    if (!run(program, program->count - 1, event, &value))
        return -1;
    return value.kind != '-' && is_true(&value);
}

/* What can be decided at once. */

static bool
read_simple(const Program *self, const Node *node, Simple *simple)
{
    if (node->op != 'C' || node->count != 2 || PyUnicode_GET_LENGTH(node->object) != 1)
        return false;
    const Node *left = &self->nodes[node->children[0]], *right = &self->nodes[node->children[1]];
    const char *op = PyUnicode_DATA(node->object);
    bool turned = left->op == 'c';
    const Node *argument = turned ? right : left, *constant = turned ? left : right;
    Value value = {.kind = '-'};
    if (argument->op != 'a' || constant->op != 'c' || !read_value(constant->object, &value))
        return false;
    simple->at = argument->at;
    switch (*op) {
    case '=':
        simple->accept = EQUAL;
        break;
    case '!':
        simple->accept = BELOW | ABOVE | UNORDERED;
        break;
    case '<':
        simple->accept = turned ? ABOVE : BELOW;
        break;
    case ',':
        simple->accept = EQUAL | (turned ? ABOVE : BELOW);
        break;
    case '>':
        simple->accept = turned ? BELOW : ABOVE;
        break;
    case '.':
        simple->accept = EQUAL | (turned ? BELOW : ABOVE);
        break;
    default:
        return false;
    }
    simple->text = NULL;
    simple->whole = value.kind == 'i';
    simple->as_whole = value.whole;
    simple->real = value.kind != 's' && value.kind != '-' && as_float(&value, &simple->as_real);
    if (value.kind == 's') {
        simple->text = value.text;
        return (*op == '=' || *op == '!') && PyUnicode_IS_COMPACT_ASCII(value.text);
    }
    return simple->real || simple->whole;
}

static int
find_simple(Program *self)
{
    const Node *last = &self->nodes[self->count - 1];
    Py_ssize_t most = last->op == '&' ? last->count : 1;
    self->simple = PyMem_RawCalloc(most + 1, sizeof(Simple));
    if (self->simple == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    while (self->simple_count < most) {
        const Node *part =
            last->op == '&' ? &self->nodes[last->children[self->simple_count]] : last;
        if (!read_simple(self, part, &self->simple[self->simple_count]))
            break;
        self->simple_count++;
    }
    self->all_simple = self->simple_count == most && most > 0;
    return 0;
}

/* The type: nodes as (operation, what belongs to it, children), each after its children. */

static bool
right_children(const Node *node)
{
    if (node->op == 'c' || node->op == 'a')
        return node->count == 0;
    if (node->op == 'C') {
        Py_ssize_t wanted = 1;
        for (const char *op = PyUnicode_DATA(node->object); *op != 0; op++) {
            if (strchr("<,>.=!inlk01", *op) == NULL)
                return false;
            wanted += *op != '0' && *op != '1';
        }
        return node->count == wanted;
    }
    if (node->op == '~' || node->op == 'm')
        return node->count == 1;
    if (node->op == '&' || node->op == '|' || node->op == 'I')
        return true;
    return node->count == 2 && strchr("+-*/d%", node->op) != NULL;
}

static int
fill_node(Program *self, Py_ssize_t number, PyObject *described)
{
    Node *node = &self->nodes[number];
    const char *op;
    PyObject *what, *children;
    if (!PyTuple_Check(described)) {
        PyErr_SetString(PyExc_TypeError, "a node is a tuple");
        return -1;
    }
    if (!PyArg_ParseTuple(described, "sOO!", &op, &what, &PyTuple_Type, &children))
        return -1;
    node->op = op[0];
    node->object = Py_NewRef(what);
    if (node->op == 'a') {
        node->at = PyLong_AsSsize_t(what);
        if (node->at < 0 && PyErr_Occurred())
            return -1;
    }
    if (node->op == 'c' && PyUnicode_CheckExact(what)) {
        Py_ssize_t length = PyUnicode_GET_LENGTH(what);
        node->simple = PyUnicode_FindChar(what, '[', 0, length, 1) == -1;
    }
    Py_ssize_t count = PyTuple_GET_SIZE(children);
    node->children = PyMem_RawCalloc(count + 1, sizeof(Py_ssize_t));
    if (node->children == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (node->count = 0; node->count < count; node->count++) {
        Py_ssize_t child = PyLong_AsSsize_t(PyTuple_GET_ITEM(children, node->count));
        if (child < 0 || child >= number) {
            if (!PyErr_Occurred())
                PyErr_SetString(PyExc_ValueError, "a node comes after its children");
            return -1;
        }
        node->children[node->count] = child;
    }
    if (node->at < 0 || node->op == 0 ||
        (node->op == 'C' && (!PyUnicode_CheckExact(what) || !PyUnicode_IS_ASCII(what))) ||
        !right_children(node)) {
        PyErr_SetString(PyExc_ValueError, "there is no such node in a condition");
        return -1;
    }
    return 0;
}

static int
program_fill(PyObject *made, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"nodes", NULL};
    Program *self = (Program *)made;
    PyObject *nodes;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!", names, &PyTuple_Type, &nodes))
        return -1;
    Py_ssize_t count = PyTuple_GET_SIZE(nodes);
    /* So that what is nested does not need more of the stack than there is. */
    if (count < 1 || count > MOST_NODES) {
        PyErr_SetString(PyExc_ValueError, "a condition has 1 to 1000 nodes");
        return -1;
    }
    self->nodes = PyMem_RawCalloc(count, sizeof(Node));
    if (self->nodes == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    self->count = count;
    for (Py_ssize_t number = 0; number < count; number++) {
        if (fill_node(self, number, PyTuple_GET_ITEM(nodes, number)) < 0)
            return -1;
    }
    return find_simple(self);
}

static PyObject *
program_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    return kit_make(type, args, kwargs, program_fill);
}

static void
program_dealloc(Program *self)
{
    PyTypeObject *type = Py_TYPE(self);
    for (Py_ssize_t number = 0; number < self->count; number++) {
        Py_XDECREF(self->nodes[number].object);
        PyMem_RawFree(self->nodes[number].children);
    }
    PyMem_RawFree(self->nodes);
    PyMem_RawFree(self->simple);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyType_Slot program_slots[] = {
    {Py_tp_doc, "A condition, as nodes (operation, what belongs to it, children)."},
    {Py_tp_new, program_new},
    {Py_tp_dealloc, program_dealloc},
    {0, NULL},
};

static PyType_Spec program_spec = {
    .name = "kit._c.Program",
    .basicsize = sizeof(Program),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = program_slots,
};

int
kit_init_program(PyObject *module)
{
    kit_Program = kit_add_type(module, &program_spec, NULL);
    return kit_Program == NULL ? -1 : 0;
}
