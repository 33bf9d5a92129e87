"""The C extension against those who use its types in any order and with anything.

Seen to fail: each of the refusals was a crash before it was one.
"""

import gc

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
