"""Rule 31 of the contract: values that do not fit, and text of every kind."""

import enum
import threading
import warnings
from decimal import Decimal
from fractions import Fraction

import pytest

import kit
from kit.testing import strict
from tests.contract.interrupting import Interrupt, at_each_place
from tests.marked import between

frames = pytest.importorskip("kit.frames", reason="frames need pandas", exc_type=ImportError)


class Hostile(int):
    """Whoever asks it for anything runs the program's code."""

    def __index__(self) -> int:
        raise AssertionError

    __int__ = __float__ = __pos__ = __eq__ = __index__
    __hash__ = None


class Side(enum.IntEnum):
    BUY = 1


class Raising:
    """It cannot be looked at."""

    def __float__(self) -> float:
        raise ValueError

    __index__ = __fspath__ = __float__


MISFITS = {
    int: [2**63, -(2**63) - 1, 1.5, float("nan"), "1", b"1", object(), [1], Raising()],
    float: ["1.5", 10**400, 1j, object(), Decimal("1e400"), Raising()],
    bool: [2, -1, 0.5, "yes", object(), Raising()],
    str: [1, b"bytes", object(), ["a"], Raising()],
    kit.Label: [1, b"bytes", object()],
}
FITS = {
    int: [0, 2**63 - 1, -(2**63), None, Hostile(7), Side.BUY, True, 1.0, Decimal(3)],
    float: [0.5, 1, 2**70, float("nan"), float("-inf"), None, Hostile(7), True, Fraction(1, 3)],
    bool: [True, False, None, 0, 1, 1.0],
    str: ["", "text", "a\0b", "\udc80", "\\udc80", "é€😀", None],
    kit.Label: ["ACME", "", "a\0b", "\udc80", None],
}


def record(unique, kind, values, mode="discard"):
    m = kit.marker(unique("m"), value=kind, after=int)
    with kit.record(m.name, capacity=1000, mode=mode) as recorder:
        for n, value in enumerate(values):
            m(value, n)
        recorder._end()  # it does not warn, as `stop` does
        recorder._tell = lambda: None
    assert recorder.handles == ()
    return recorder


@pytest.mark.parametrize("mode", ["discard", "overwrite"])
@pytest.mark.parametrize("kind", MISFITS, ids=lambda kind: kind.__name__)
def test_rule_31_what_does_not_fit_is_missing_and_counted(unique, tmp_path, kind, mode):
    """By marker and field; the events are there, with their other values. Saved and opened, too.

    Seen to fail when a misfit is converted (``int(1.5)``), and when missing values are counted as
    misfits.
    """
    recorder = record(unique, kind, [*MISFITS[kind], *FITS[kind]], mode)
    name = unique("m")
    for frame in (
        recorder.frame(name),
        recorder.frame(),
        kit.open(frames.save(recorder, tmp_path / "x")).events(name),
    ):
        missing = len(MISFITS[kind])
        assert frame.attrs["misfits"] == {name: {"value": missing}}
        assert frame["after"].tolist() == list(range(missing + len(FITS[kind])))
        assert frame["value"].isna().tolist()[:missing] == [True] * missing
        gone = sum(value is None for value in FITS[kind])
        # A NaN was recorded; it is a value and not a missing one.
        assert frame["value"].isna().sum() == missing + gone
    assert (len(recorder), recorder.lost) == (missing + len(FITS[kind]), 0)


@pytest.mark.parametrize("kind", [int, float])
def test_rule_31_one_number_that_is_too_large(unique, kind):
    """Among others of its own type, where no value has to be looked at by itself.

    Seen to fail when an overflow ends the building of the frame.
    """
    recorder = record(unique, kind, [1, 10**400, 3])
    frame = recorder.frame(unique("m"))
    assert frame["value"].isna().tolist() == [False, True, False]
    assert frame.attrs["misfits"] == {unique("m"): {"value": 1}}


@pytest.mark.parametrize("kind", [str, kit.Label])
def test_rule_31_text_comes_back_whatever_is_in_it(unique, tmp_path, kind):
    """Embedded NULs, lone surrogates, and what looks like the way those are written.

    Seen to fail when lone surrogates are replaced, and when text ends at a NUL.
    """
    texts = ["a\0b", "\0", "\udc80", "x\udfff\ud800y", "\\udc80", "\\\\udc80", "é€😀", ""]
    for some in (texts, ["a\0b", "\0", "c"]):
        recorder = record(unique, kind, some)
        opened = kit.open(frames.save(recorder, tmp_path / "x"))
        for frame in (recorder.frame(unique("m")), opened.events(unique("m"))):
            assert [frames._values.unescape(text) for text in frame["value"]] == some
            assert frame.attrs["misfits"] == frame.attrs["cut"] == {}


def test_rule_31_long_text_is_cut_and_counted(unique):
    """At the stated limit, in characters.

    Seen to fail when the limit is one more or less, and when cuts are not counted.
    """
    limit = frames._values.TEXT_LIMIT
    recorder = record(unique, str, ["é" * limit, "é" * (limit + 1), "x" * (3 * limit)])
    frame = recorder.frame(unique("m"))
    assert [len(text) for text in frame["value"]] == [limit] * 3
    assert frame.attrs["cut"] == {unique("m"): {"value": 2}}
    assert frame.attrs["misfits"] == {}


@pytest.mark.parametrize("mode", ["discard", "overwrite"])
@pytest.mark.parametrize("kind", MISFITS, ids=lambda kind: kind.__name__)
def test_rule_31_in_strict_mode_it_raises_at_the_site(unique, kind, mode):
    """And names marker, field and value; what fits, is missing or too long is recorded.

    Seen to fail when strict mode is not asked, when the check is `isinstance` alone, and when the
    duration of a span is taken for its first field.
    """
    m = kit.marker(unique("m"), value=kind, after=int)
    span = kit.span(unique("span"), value=kind)
    with strict(), kit.record([m.name, span.name], mode=mode) as recorder:
        for value in MISFITS[kind]:
            with pytest.raises(TypeError, match=f"'{m.name}': field 'value' is {kind.__name__}"):
                m(value, 0)
        assert len(recorder) == 0
        for value in FITS[kind]:
            m(value, 0)
            with span(value):
                pass
        with pytest.raises(TypeError, match=f"'{span.name}': field 'value'"), span(object()):
            pass
        if kind is str:
            m("x" * 100_000, 0)
    assert len(recorder) == 2 * len(FITS[kind]) + (kind is str)


def test_rule_31_outside_strict_mode_nothing_raises(unique):
    """Also where the recorder was started in strict mode.

    Seen to fail when strict mode is asked when the recorder is connected, and never again.
    """
    m = kit.marker(unique("m"), value=int)
    with strict():
        recorder = kit.record(m.name)
    m("text")
    recorder._end()
    assert len(recorder) == 1


def test_rule_31_numbers_of_numpy_fit_as_python_s_do(unique):
    """In strict mode as in frames: the two must agree on what fits.

    Seen to fail when the check knows Python's own types only.
    """
    numpy = pytest.importorskip("numpy")
    pandas = pytest.importorskip("pandas")
    m = kit.marker(unique("m"), i=int, f=float, b=bool, s=str)
    fitting = (numpy.int16(-3), numpy.float32(0.5), numpy.bool_(True), numpy.str_("x"))
    with strict(), kit.record(m.name) as recorder:
        m(*fitting)
        m(numpy.uint64(7), numpy.int64(7), pandas.NA, pandas.NA)
        m(numpy.float64(1.0), numpy.int8(2), numpy.int8(1), "")
        m(numpy.bool_(True), numpy.bool_(True), numpy.float32(0), "")
        for misfit in (numpy.uint64(2**63), numpy.float64(1.5), numpy.array([1]), numpy.bytes_(1)):
            with pytest.raises(TypeError, match="field 'i'"):
                m(misfit, 0.0, False, "")
    frame = recorder.frame(m.name)
    assert frame["i"].tolist() == [-3, 7, 1, 1]
    assert frame["f"].tolist() == [0.5, 7.0, 2.0, 1.0]
    assert frame["b"].tolist() == [True, pandas.NA, True, False]
    assert frame.attrs["misfits"] == {}


@pytest.mark.parametrize("where", ["discard", "overwrite", "file", "context"])
def test_rule_31_ordinary_values_are_what_the_page_says(unique, tmp_path, where):
    """Every value in every type of field; `python -m tests.contract.ordinary_values` writes it.

    Seen to fail when a value is left out of the page, and when a dispatcher takes one that the
    other does not.
    """
    pytest.importorskip("pandas")
    from tests.contract.ordinary_values import BEGIN, END, PAGE, found, table

    if not PAGE.exists():
        pytest.skip("the documents are not here")

    options = {"mode": where} if where in ("discard", "overwrite") else {}
    options |= {"path": tmp_path / "x.kit"} if where == "file" else {}
    options |= {"context": ("thread",)} if where == "context" else {}
    assert between(PAGE.read_text(), BEGIN, END).strip() == table(found(unique("m"), **options))


def test_rule_31_what_does_not_fit_is_said_once_a_field_and_not_at_the_site(unique):
    """By `stop`, `snapshot` and `frame`, also where warnings are errors, which they are here.

    Seen to fail when only a frame says how many there are, when the site warns, when a field is
    told of twice, and when a second field is not told of.
    """
    m = kit.marker(unique("m"), qty=int, px=float, sym=str)
    with kit.record(m.name) as recorder:
        m(1, 2.0, "x")
        assert recorder.misfits == {}
        assert "fit" not in repr(recorder) + recorder._repr_html_()
        for _ in range(3):
            m("one", Decimal("1.5"), b"x")
        with pytest.warns(kit.errors.MisfitWarning) as said:
            recorder.snapshot()
        qty, sym = [str(each.message) for each in said]
        assert f"'{m.name}': field 'qty' is int, and 3 values did not fit" in qty
        assert "first is of type str" in qty
        assert "int(value)" in qty
        assert "'sym' is str" in sym
        assert "first is of type bytes" in sym
        m("one", Decimal("1.5"), b"x")
    recorder.snapshot()
    recorder.frame()
    assert recorder.misfits == {m.name: {"qty": 4, "sym": 4}}
    assert recorder.misfits == recorder.frame().attrs["misfits"]
    assert ", 8 values that did not fit" in repr(recorder)
    html = recorder._repr_html_()
    assert f"{m.name}: qty, 4, first of type str; {m.name}: sym, 4, first of type bytes" in html
    assert ">none<" not in html
    recorder.clear()
    assert recorder.misfits == {}


def test_rule_31_leaving_a_recorder_says_it_when_all_is_done(unique):
    """Seen to fail when the warning comes before the connections are gone."""
    m = kit.marker(unique("m"), qty=int)
    with pytest.raises(kit.errors.MisfitWarning), kit.record(m.name) as recorder:
        m("one")
    assert not m
    assert not recorder.running


def test_rule_31_a_trigger_that_stops_says_nothing_at_the_site(unique):
    """Whoever reads the recorder afterwards is told. Seen to fail when `stop` warns everywhere."""
    m = kit.marker(unique("m"), qty=int, last=bool)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        recorder = kit.record(m.name)
        with kit.trigger(m.name, recorder.stop, when="last"):
            m("one", False)
            m("one", True)
        assert not recorder.running
    assert said == []
    with pytest.warns(kit.errors.MisfitWarning, match="2 values"):
        recorder.frame()


@pytest.mark.parametrize("mode", ["discard", "overwrite"])
def test_rule_31_misfits_are_counted_where_the_event_is_kept(unique, mode):
    """Each of several threads; those of lost events are not. Context fields have no marker.

    Seen to fail when those of lost events are counted.
    """
    m = kit.marker(unique("m"), qty=int)
    kit.context("strange", lambda: "text", type=float)
    recorder = kit.record(m.name, capacity=1000, mode=mode, context=("strange",))

    def fire():
        for _ in range(400):
            m("one")

    threads = [threading.Thread(target=fire) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    recorder._end()
    there = 1000 if mode == "discard" else 1600
    assert recorder.misfits == {m.name: {"qty": there}, "*": {"strange": there}}


def test_rule_31_a_value_s_own_code_runs_before_anything_is_reserved(unique):
    """It may fire, read and connect; what it raises beyond an `Exception` leaves the event out.

    Seen to fail when the conversion runs where a place is taken, and when it holds a lock.
    """
    m = kit.marker(unique("m"), value=float, n=int)
    other = kit.marker(unique("other"), n=int)

    class Busy:
        def __float__(self) -> float:
            assert len(recorder) == before
            assert len(recorder.frame(m.name)) == before
            with other.connect(lambda n: None):
                other(1)
            return 0.5

    class Ending:
        def __float__(self) -> float:
            raise Interrupt

    with kit.record(m.name, capacity=10) as recorder:
        for before in range(2):
            m(Busy(), before)
        with pytest.raises(Interrupt):
            m(Ending(), 2)
    assert recorder.frame(m.name)["value"].tolist() == [0.5, 0.5]
    assert (len(recorder), recorder.failed) == (2, 1)


@pytest.mark.parametrize("mode", ["discard", "overwrite"])
def test_rule_31_an_exception_while_values_are_made_plain_leaves_no_trace(unique, mode):
    """A signal handler's, at each place: the event is there or in one count, see `adding_up`.

    Seen to fail when nobody counts an event whose values were about to be looked at.
    """
    m = kit.marker(unique("m"), value=int)
    recorder = kit.record(m.name, mode=mode)
    assert at_each_place(lambda: m(Decimal(1)), lambda place, came: None) > 0
    recorder.stop()
    assert set(recorder.frame()["value"]) == {1}
