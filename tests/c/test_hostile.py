"""The C extension against those who use its types in any order and with anything.

Seen to fail: each of the refusals was a crash before it was one.
"""

import gc
import struct

import pytest

import kit

_c = pytest.importorskip("kit._c")


def store(capacity=10, sub_buffer=0, kinds=(b"d",)):
    made = _c.Store(capacity, sub_buffer, str, lambda kind, value: ...)
    for code, each in enumerate(kinds):
        made.describe(code, each)
    return made


@pytest.mark.parametrize("name", ["Store", "Writer", "Rows"])
def test_nobody_gets_an_empty_one(name):
    kind = getattr(_c, name)
    with pytest.raises(TypeError, match="argument"):
        kind.__new__(kind)
    with pytest.raises(TypeError, match="argument"):
        kind()


def test_an_array_that_is_not_filled_is_not_published_and_takes_no_stub():
    empty, marker = _c.Array.__new__(_c.Array), _c.Dispatcher()
    with pytest.raises(TypeError, match="probe array"):
        marker._array = empty
    with pytest.raises(IndexError):
        empty.put_stub(0, _c.Stub())
    assert empty.calls == []
    assert not marker


def test_an_array_whose_filling_failed_is_not_filled_later():
    array = _c.Array.__new__(_c.Array)
    for _ in range(3):
        with pytest.raises(ValueError, match="one call a connection"):
            array.__init__((1,), [], (), (), 0, 1)
    array.__init__((), [], (), (), 0, 1)
    with pytest.raises(TypeError, match="never changes"):
        array.__init__((), [], (), (), 0, 1)


def test_the_calls_of_an_array_are_its_own():
    seen, calls = [], []

    def probe(*args):
        calls.clear()
        array.calls.clear()
        gc.collect()
        seen.append(args)

    calls += [probe, probe, seen.append]
    array = _c.Array((1, 2, 3), calls, (False,) * 3, (), 1, 1)
    marker = _c.Dispatcher()
    marker._array = array
    marker(7)
    assert seen == [(7,), (7,), 7]


@pytest.mark.parametrize("arguments", [(), (0,), (0, None), ("0", _c.Stub()), (2**80, _c.Stub())])
def test_put_stub_looks_at_what_it_gets(arguments):
    array = _c.Array((1,), [print], (False,), (), 0, 1)
    with pytest.raises((TypeError, OverflowError)):
        array.put_stub(*arguments)
    assert array.calls == [print]


def test_a_writer_writes_the_columns_that_were_described():
    blocks = store(kinds=(b"d", b"sd"))
    for code, kinds in ((2, b"d"), (0, b"sd"), (1, b"d"), (-1, b"d")):
        with pytest.raises(ValueError):
            _c.Writer(blocks, code, kinds, False, (), 10)
    _c.Writer(blocks, 1, b"sd", False, (), 10)(1, 2, ("x", 3))
    (piece,) = blocks.copy(-1)
    assert piece[3].tolist(0) == [(2, 1, ("x", 3))]


def test_what_is_described_stays():
    blocks = store()
    _c.Writer(blocks, 0, b"d", False, (), 10)(1, 2, (3,))
    (piece,) = blocks.copy(-1)
    for kinds in (blocks.kinds, piece[3].kinds):
        assert kinds == (b"d",)  # a tuple: nobody takes from it
    blocks.describe(1, b"ssss")
    assert piece[3].kinds == (b"d",)
    assert piece[3].columns(0)[2]


@pytest.mark.parametrize(
    "part", [5, (), (b"", 0, 0), (b"x" * 16, -8, 16, 1), (b"", 0, 8, 1), ([],) * 4]
)
def test_rows_look_at_their_parts(part):
    with pytest.raises((TypeError, ValueError)):
        _c.Rows([b"d"], [part])


def test_passages_inside_each_other_end_without_a_deep_stack(unique):
    span = kit.span(unique("deep"), value=int)
    passage = None
    for _ in range(300_000):
        passage = span(passage)
    del passage


def test_a_passage_lets_its_values_go_when_it_goes(unique):
    """Seen to fail where the end of a passage left the interpreter's count of depth behind."""
    span, gone = kit.span(unique("short"), value=int), []

    class Value(list):
        def __del__(self):
            gone.append(1)

    for number in range(200):
        with span([Value()]):
            pass
        assert len(gone) == number + 1


def test_what_counts_may_be_anything(unique):
    """A connection's own counter is replaced by something else: nothing is written over it."""
    marker = kit.marker(unique("m"), n=int)
    connection = marker.connect(lambda n: marker(n + 1) if n < 3 else None)
    connection._left_out = left_out = 12345678901234567890
    marker(1)
    assert connection._left_out is left_out == 12345678901234567890


def test_a_store_in_a_cycle_is_collected_and_its_writers_work_until_then():
    freed = []

    class Namer:
        def __call__(self, ident):
            return "name"

        def __del__(self):
            self.writer(1, 2, (4,))
            freed.append(len(self.store))

    namer = Namer()
    namer.store = _c.Store(10, 0, namer, print)
    namer.store.describe(0, b"d")
    namer.writer = _c.Writer(namer.store, 0, b"d", False, (), 10)
    namer.writer(1, 2, (3,))
    del namer
    gc.collect()
    assert freed == [2]


def test_a_closure_that_takes_itself_out_while_it_runs_is_there_to_the_end():
    """Seen to crash where the array gave up what stood in the place of the stub."""

    class Probe:
        def __init__(self):
            self.values = list(range(1000))

        def __call__(self, n):
            array.put_stub(0, stub)
            gc.collect()
            seen.append(sum(self.values) + n)

    seen, stub = [], _c.Stub()
    array = _c.Array((1, 2), [Probe(), Probe()], (False, False), (), 1, 1)
    marker = _c.Dispatcher()
    marker._array = array
    marker(1)
    marker(2)
    assert seen == [499501, 499501, 499502]
    assert stub.n == 1


def test_only_the_first_stub_stands_in_a_place():
    first, second = _c.Stub(), _c.Stub()
    array = _c.Array((1,), [print], (False,), (), 0, 1)
    for stub in (first, first, second):
        array.put_stub(0, stub)
    marker = _c.Dispatcher()
    marker._array = array
    marker()
    assert (first.n, second.n) == (1, 0)
    assert array.calls == [first]


@pytest.mark.parametrize("observed", [False, True])
def test_an_array_replaced_while_it_is_read_is_there_to_the_end(observed):
    class Observer:
        def dispatched(self, *told):
            marker._array = None
            gc.collect()
            seen.append(len(told))

    def probe(n):
        marker._array = None
        gc.collect()
        seen.append(n)

    seen, marker = [], _c.Dispatcher()
    observers = (Observer(), Observer()) if observed else ()
    marker._array = _c.Array((1, 2), [probe, probe], (False, True), observers, 1, 1)
    with pytest.raises(AttributeError, match="_account"):
        marker(7)  # the second one is called as (ident, ts, args), and raises
    marker._array = _c.Array((1, 2), [probe, probe], (False, False), observers, 1, 1)
    marker(7)
    assert seen == ([7, 8, 8, 7, 7, 8, 8] if observed else [7, 7, 7])
    assert not marker


def test_a_writer_for_spans_takes_a_marker_s_event_and_the_other_way_round():
    """Seen to crash where an event of a marker had no error, not even None."""
    blocks = store(kinds=(b"dkd", b"d"))
    of_span = _c.Writer(blocks, 0, b"dkd", True, (), 10)
    of_marker = _c.Writer(blocks, 1, b"d", False, (), 10)
    marker = _c.Dispatcher()
    for calls in ([of_span], [of_marker], [of_span, of_marker, len]):
        marker._array = _c.Array(tuple(calls), calls, (True,) * len(calls), (), 1, 1)
        try:
            marker(5)
        except AttributeError:
            pass  # a bare dispatcher accounts for nothing
    (piece,) = blocks.copy(-1)
    assert [row[1:] for row in piece[3].tolist(0)] == [
        (0, (0, None, 5)),
        (1, (5,)),
        (0, (0, None, 5)),
        (1, (5,)),
    ]


def test_what_makes_values_plain_may_do_anything_to_the_store():
    def plain(kind, value):
        blocks.clear()
        blocks.describe(len(blocks.kinds), b"d")
        writer(1, 3, (4,))
        blocks.take()
        writer(1, 4, (5,))
        return 7

    def name_of(ident):
        blocks.clear()
        if len(names) < 3:
            names.append(ident)
            writer(1, 9, (9,))
        return "name"

    names = []
    blocks = _c.Store(10, 0, name_of, plain)
    blocks.describe(0, b"d")
    writer = _c.Writer(blocks, 0, b"d", False, (), 10)
    for _ in range(100):
        writer(1, 2, ("no int",))
    (piece,) = blocks.copy(-1)
    assert piece[3].tolist(0) == [(4, 0, (5,)), (2, 0, (7,))]


@pytest.mark.parametrize("made", ["x", 1.5, None, True, b"", [], 2**70])
def test_what_a_value_is_made_into_has_to_fit(made):
    blocks = _c.Store(10, 0, str, lambda kind, value: made)
    blocks.describe(0, b"d")
    _c.Writer(blocks, 0, b"d", False, (), 10)(1, 2, ("no int",))
    (piece,) = blocks.copy(-1)
    assert piece[3].tolist(0) == [(2, 0, (None if made is None else ...,))]


def test_the_name_of_a_thread_is_text():
    blocks = _c.Store(10, 0, lambda ident: blocks, print)
    blocks.describe(0, b"d")
    writer = _c.Writer(blocks, 0, b"d", False, (), 10)
    for _ in range(2):
        with pytest.raises(TypeError, match="is text"):
            writer(1, 2, (3,))
    assert blocks.copy(-1) == []


@pytest.mark.parametrize(
    "arguments",
    [
        (0, 0),
        (-1, 0),
        (1, -1),
        (2**63, 0),
        (-(2**63) - 1, 0),
        (1, 2**63),
        ("1", 0),
        (1.5, 0),
    ],
)
def test_a_store_of_no_size_is_refused(arguments):
    with pytest.raises((ValueError, OverflowError, TypeError)):
        _c.Store(*arguments, str, print)


def test_a_store_of_any_size_asks_for_what_it_needs():
    for capacity, sub_buffer in ((2**63 - 1, 0), (2**63 - 1, 2**63 - 1), (1, 2**63 - 1), (1, 1)):
        blocks = store(capacity, sub_buffer)
        writer = _c.Writer(blocks, 0, b"d", False, (), 10)
        for number in range(1000):
            writer(1, number, (number,))
        assert len(blocks) + blocks.lost + blocks.overwritten == 1000
        (piece,) = blocks.copy(3)
        assert piece[3].tolist(0)[-1][0] == (999 if sub_buffer or capacity > 1 else 0)
        assert blocks.copy(0)[0][3].tolist(0) == []


@pytest.mark.parametrize(
    "arguments",
    [
        (0, b"d", False, (), -1),
        (0, b"d", False, (), (1 << 24) + 1),
        (0, b"d", False, (len, len), 1),
        (0, b"d", True, (), 1),
        (0, b"", False, (), 1),
        (65536, b"d", False, (), 1),
        (2**40, b"d", False, (), 1),
        (0, b"x", False, (), 1),
        (0, "d", False, (), 1),
        (0, b"d", False, [], 1),
    ],
)
def test_a_writer_looks_at_its_arguments(arguments):
    with pytest.raises((ValueError, TypeError, OverflowError)):
        _c.Writer(store(), *arguments)


def test_what_describes_is_no_longer_than_a_record():
    blocks = store(kinds=())
    with pytest.raises(ValueError):
        blocks.describe(0, b"d" * 1001)
    blocks.describe(0, b"s" * 1000)
    writer = _c.Writer(blocks, 0, b"s" * 1000, False, (), 1 << 24)
    text = "\U0001f600" * 1000
    writer(1, 2, (text,) * 1000)  # 4 MB in one record
    writer(1, 3, ("x",) * 999)
    (piece,) = blocks.copy(-1)
    assert [row[2][0] for row in piece[3].tolist(0)] == [text, "x"]
    assert len(piece[3].columns(0)[2]) == 1000


@pytest.mark.parametrize("call", [(), (1,), (1, 2), (1, 2, [3]), (1, "2", (3,)), (1, 2**70, (3,))])
def test_a_writer_looks_at_what_it_is_called_with(call):
    blocks = store()
    writer = _c.Writer(blocks, 0, b"d", False, (), 10)
    with pytest.raises((TypeError, OverflowError)):
        writer(*call)
    with pytest.raises(TypeError):
        writer(1, 2, args=(3,))
    assert len(blocks) == 0


@pytest.mark.parametrize("values", [(), (1,), (None, 5, 1), ("x", None, 1), (2**70, None, 1)])
def test_a_writer_for_spans_looks_at_duration_and_error(values):
    blocks = store(kinds=(b"dkd",))
    with pytest.raises((TypeError, OverflowError)):
        _c.Writer(blocks, 0, b"dkd", True, (), 10)(1, 2, values)
    assert len(blocks) == 0


def test_rows_outlive_what_they_were_read_from():
    blocks = store(4, 2, kinds=(b"ds",))
    writer = _c.Writer(blocks, 0, b"ds", False, (), 100)
    found = []
    for number in range(200):
        writer(1, number, (number, "a text that is longer than a slot"))
        found.append(blocks.copy(-1)[0][3])
    blocks.clear()
    del blocks, writer
    gc.collect()
    assert [rows.tolist(0)[-1][0] for rows in found] == list(range(200))
    assert all(rows.columns(0) and rows.stamps() for rows in found)


@pytest.mark.parametrize("asked", [-1, 2, 2**70, "0", None])
def test_rows_have_the_columns_they_have(asked):
    blocks = store()
    _c.Writer(blocks, 0, b"d", False, (), 10)(1, 2, (3,))
    (piece,) = blocks.copy(-1)
    for method in (piece[3].columns, piece[3].tolist):
        with pytest.raises((IndexError, ValueError, TypeError, OverflowError)):
            method(asked)


def test_a_probe_that_cannot_be_compared_is_another_one(unique):
    class Wild:
        def __eq__(self, other):
            marker._array.neutralise(marker.probes[-1])
            gc.collect()
            raise RuntimeError("no comparison")

        __hash__ = object.__hash__

        def __call__(self, n):
            if n:
                marker(n - 1)

    marker = kit.marker(unique("m"), n=int)
    for _ in range(3):
        try:
            marker.connect(Wild())
        except RuntimeError:
            pass
    marker(3)
    assert marker.fired >= 1


def test_a_tally_is_counted_up_by_anybody():
    tally = _c.Tally()
    assert [tally.up(), tally.up(), tally.n] == [1, 2, 2]
    tally.n = 2**63 - 2
    assert tally.up() == 2**63 - 1
    with pytest.raises((TypeError, OverflowError)):
        tally.n = 2**63
    with pytest.raises(TypeError):
        del tally.n


def test_passages_are_not_confused_by_who_calls_them(unique):
    span = kit.span(unique("s"), n=int)
    passage = span(1)
    enter, leave = type(passage).__enter__, type(passage).__exit__
    for wrong in ((), (1,), (passage, 1)):
        with pytest.raises(TypeError):
            enter(*wrong)
    for wrong in ((passage,), (passage, None), (1, None, None, None)):
        with pytest.raises(TypeError):
            leave(*wrong)
    assert leave(passage, None, None, None) is None  # it has not begun: nothing ends
    with kit.record(span.name) as events:
        enter(passage)
        with pytest.raises(AttributeError):
            leave(passage, object(), None, None)
        leave(passage, KeyError, None, None)
        leave(passage, None, None, None)
    assert len(events) == 0
    with pytest.raises((TypeError, AttributeError)):
        type(passage).__enter__ = None


def test_a_passage_made_by_hand_looks_at_its_arguments(unique):
    span = kit.span(unique("s"), n=int)
    for wrong in ((), (span,), (span, [1], {}), (1, (1,), {}), (span, (1,), {"n": 1})):
        with pytest.raises(TypeError):
            type(span(1))(*wrong)
    with kit.record(span.name) as events, type(span(1))(span, (1,), {}):
        pass
    assert len(events) == 1


@pytest.mark.parametrize("name", ["Reader", "Block", "Step"])
def test_some_are_made_by_nobody(name):
    kind = getattr(_c, name)
    with pytest.raises(TypeError, match="cannot create"):
        kind()


def test_what_is_published_is_an_array_or_nothing():
    marker = _c.Dispatcher()
    for wrong in (1, [], "x", _c.Tally()):
        with pytest.raises(TypeError, match="probe array"):
            marker._array = wrong
    with pytest.raises(TypeError, match="probe array"):
        del marker._array
    with pytest.raises(AttributeError):
        del marker.format
    with pytest.raises(AttributeError):
        marker.format = 5
    with pytest.raises(AttributeError):
        _ = marker.name
    assert marker() is None


def test_observers_that_are_none_reach_the_program_and_leave_nothing_behind():
    marker = _c.Dispatcher()
    marker._array = _c.Array((1,), [len], (False,), (object(),), 1, 1)
    for _ in range(3):
        with pytest.raises(AttributeError, match="dispatched"):
            marker([])
        assert not _c.inside()


def test_a_module_is_loaded_once_and_its_types_stay():
    import importlib.util

    spec = importlib.util.find_spec("kit._c")
    with pytest.raises(ImportError, match="once in a process"):
        importlib.util.module_from_spec(spec).__loader__.exec_module(
            importlib.util.module_from_spec(spec)
        )
    marker = _c.Dispatcher()
    assert not marker


def test_labels_in_foreign_bytes_are_told_apart_by_their_text_alone():
    """Anything may stand behind a short label in its place.

    Seen to fail when the whole place is the key.
    """
    places = [(2, b"abXY"), (2, b"ab\0\0"), (3, b"abXY"), (0, b"zzzz"), (0, b"\0\0\0\0")]
    records = [struct.pack("=IHHqI4s", 24, 0, 0, 7, *place) for place in places]
    data = b"".join(records)
    rows = _c.Rows([b"k"], [(data, 0, len(data), 0)])
    ((numbers, text, notes, offsets),) = rows.columns(0)[2]
    assert struct.unpack("=5i", numbers) == (0, 0, 1, 2, 2)
    assert (bytes(text), notes) == (b"ababX", None)
    assert struct.unpack("=4q", offsets) == (0, 2, 5, 5)
