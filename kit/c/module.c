/* kit._c: the hot path in C.  The same contract and the same names as in Python. */
#include "kit.h"

PyTypeObject *kit_Tally, *kit_Stub, *kit_Array, *kit_Dispatcher, *kit_Timing, *kit_Reader,
    *kit_File, *kit_Block, *kit_Store, *kit_Writer, *kit_Rows, *kit_Adder, *kit_Program, *kit_EventFilter;

PyObject *kit_str_bind, *kit_str_account, *kit_str_missed, *kit_str_wrap, *kit_str_probe, *kit_str_private,
    *kit_str_left_out, *kit_str_name, *kit_str_fields, *kit_str_is_span, *kit_str_not_begun,
    *kit_str_note_returned, *kit_str_same_closure, *kit_str_decorate;

static const struct {
    PyObject **name;
    const char *text;
} names[] = {
    {&kit_str_bind, "_bind"},         {&kit_str_account, "_account"},
    {&kit_str_wrap, "wrap"},          {&kit_str_probe, "probe"},
    {&kit_str_private, "private"},    {&kit_str_left_out, "_left_out"},
    {&kit_str_name, "__name__"},      {&kit_str_fields, "fields"},
    {&kit_str_is_span, "is_span"},    {&kit_str_missed, "_missed"},
    {&kit_str_not_begun, "_not_begun"},
    {&kit_str_note_returned, "_note_returned"},
    {&kit_str_same_closure, "_same_closure"},
    {&kit_str_decorate, "_decorate"},
};

PyTypeObject *
kit_add_type(PyObject *module, PyType_Spec *spec, PyTypeObject *base)
{
    PyTypeObject *type =
        (PyTypeObject *)PyType_FromModuleAndSpec(module, spec, (PyObject *)base);
    if (type != NULL && PyModule_AddType(module, type) < 0)
        Py_CLEAR(type);
    return type;
}

static int
execute(PyObject *module)
{
    static _Atomic bool loaded;
    /* Readers are found by thread, and threads belong to the process: the main interpreter has them.
     * A sub-interpreter that comes first does not take them away from it. */
    if (PyInterpreterState_Get() != PyInterpreterState_Main()) {
        PyErr_SetString(PyExc_ImportError, "kit._c is for the main interpreter of a process");
        return -1;
    }
    if (atomic_exchange(&loaded, true)) {
        PyErr_SetString(PyExc_ImportError, "kit._c is loaded once in a process");
        return -1;
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        *names[i].name = PyUnicode_InternFromString(names[i].text);
        if (*names[i].name == NULL)
            return -1;
    }
    if (kit_init_clock(module) < 0 || kit_init_readers(module) < 0 ||
        kit_init_bus(module) < 0 || kit_init_file(module) < 0 || kit_init_store(module) < 0 || kit_init_rows(module) < 0 ||
        kit_init_writer(module) < 0 || kit_init_cells(module) < 0 || kit_init_adder(module) < 0 ||
        kit_init_program(module) < 0 || kit_init_arrays(module) < 0 || kit_init_filter(module) < 0 ||
        kit_init_dispatch(module) < 0 || kit_init_spans(module) < 0)
        return -1;
    return 0;
}

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, execute},
#if PY_VERSION_HEX >= 0x030C0000
    {Py_mod_multiple_interpreters, Py_MOD_MULTIPLE_INTERPRETERS_NOT_SUPPORTED},
#endif
#if PY_VERSION_HEX >= 0x030D0000
    {Py_mod_gil, Py_MOD_GIL_NOT_USED}, /* see KIT_LOCK in kit.h for what takes its place */
#endif
    {0, NULL},
};

static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "kit._c",
    .m_doc = "The hot path in C: readers, probe arrays, the dispatch, spans and the recorder.",
    .m_size = 0,
    .m_slots = slots,
};

PyMODINIT_FUNC
PyInit__c(void)
{
    return PyModuleDef_Init(&definition);
}
