"""Rule 31 of the contract: values that do not fit, and text of every kind."""

import enum

import pytest

import kit
from kit.testing import strict

frames = pytest.importorskip("kit.frames", reason="frames need pandas", exc_type=ImportError)


class Hostile(int):
    """Whoever asks it for anything runs the program's code."""

    def __index__(self) -> int:
        raise AssertionError

    __int__ = __float__ = __pos__ = __eq__ = __index__
    __hash__ = None


class Side(enum.IntEnum):
    BUY = 1


MISFITS = {
    int: [2**63, -(2**63) - 1, True, 1.0, "1", b"1", object(), [1]],
    float: ["1.5", True, 10**400, 1j, object()],
    bool: [0, 1, "yes", object()],
    str: [1, b"bytes", object(), ["a"]],
    kit.Label: [1, b"bytes", object()],
}
FITS = {
    int: [0, 2**63 - 1, -(2**63), None, Hostile(7), Side.BUY],
    float: [0.5, 1, 2**70, float("nan"), float("-inf"), None, Hostile(7)],
    bool: [True, False, None],
    str: ["", "text", "a\0b", "\udc80", "\\udc80", "é€😀", None],
    kit.Label: ["ACME", "", "a\0b", "\udc80", None],
}


def record(unique, kind, values, mode="discard"):
    m = kit.marker(unique("m"), value=kind, after=int)
    with kit.record(m.name, capacity=1000, mode=mode) as recorder:
        for n, value in enumerate(values):
            m(value, n)
    assert recorder.handles == ()
    return recorder


@pytest.mark.parametrize("mode", ["discard", "overwrite"])
@pytest.mark.parametrize("kind", MISFITS, ids=lambda kind: kind.__name__)
def test_rule_31_what_does_not_fit_is_missing_and_counted(unique, tmp_path, kind, mode):
    """By marker and field; the events are there, with their other values. Saved and opened, too.

    Seen to fail when a misfit is converted (``int(1.0)``), and when missing values are counted as
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
            assert [frames.unescape(text) for text in frame["value"]] == some
            assert frame.attrs["misfits"] == frame.attrs["cut"] == {}


def test_rule_31_long_text_is_cut_and_counted(unique):
    """At the stated limit, in characters.

    Seen to fail when the limit is one more or less, and when cuts are not counted.
    """
    limit = frames.TEXT_LIMIT
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
    recorder.stop()
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
        for misfit in (numpy.uint64(2**63), numpy.float64(1.0), numpy.array(1), numpy.bool_(True)):
            with pytest.raises(TypeError, match="field 'i'"):
                m(misfit, 0.0, False, "")
    frame = recorder.frame(m.name)
    assert frame["i"].tolist() == [-3, 7]
    assert frame["f"].tolist() == [0.5, 7.0]
    assert frame["b"].tolist() == [True, pandas.NA]
    assert frame.attrs["misfits"] == {}
