"""Rules 1, 2, 3 and 5 of the contract: markers and their formats."""

import string
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

import kit
from kit.core._dispatch import python as python_dispatch
from kit.core._dispatch.tally import Dispatches
from kit.testing import capture, isolated, strict

TYPES = {int: "%d", float: "%f", str: "%s", bool: "%b", kit.Label: "%k"}


def run(code: str, module: str = "__main__", filename: str = "<cell>", **names: object) -> dict:
    """Run code as a module of some name does, and return its names."""
    namespace = {"__name__": module, "kit": kit, **names}
    exec(compile(code, filename, "exec"), namespace)
    return namespace


# Rule 1


def test_rule_01_a_name_is_one_marker(unique):
    """The same name gives the same marker, from any module, however it is declared.

    Seen to fail when neither `declare` nor `Declare` looks for the name.
    """
    name = unique("fill")
    here = kit.marker(name, qty=int)
    there = run(f"m = kit.marker({name!r}, 'qty %d')", "another.module")["m"]
    assert here is there
    assert kit.span(unique("query")) is kit.span(unique("query"))


def test_rule_01_a_name_alone_finds_the_marker(unique):
    """As with `logging.getLogger`, the name alone is enough for what is declared already.

    Seen to fail when a declaration without fields is compared like any other.
    """
    fill = kit.marker(unique("fill"), qty=int)
    query = kit.span(unique("query"), sql=str)
    with fill.connect(lambda qty: None):
        assert kit.marker(fill.name) is fill
        assert run(f"m = kit.marker({fill.name!r})")["m"] is fill
    assert kit.marker(fill.name) is fill
    assert kit.span(query.name) is query
    assert (str(fill.format), str(query.format)) == ("qty %d", "sql %s")


def test_rule_01_many_sites_share_a_marker(unique):
    """Sites in several modules fire the one marker.

    Seen to fail when neither `declare` nor `Declare` looks for the name.
    """
    name = unique("fill")
    sites = [run(f"m = kit.marker({name!r}, n=int)", f"module{i}")["m"] for i in range(3)]
    with capture(name) as events:
        for number, site in enumerate(sites):
            site(number)
    assert [event["n"] for event in events] == [0, 1, 2]


def test_rule_01_threads_that_declare_at_once_get_one_marker(unique, background):
    """Also when it is declared on several threads for the first time at the same time.

    Seen to fail when `Declare` makes a marker without looking for the name under the lock.
    """
    start = threading.Barrier(4)
    found: list[list[kit.Marker]] = []

    def declare() -> None:
        start.wait()
        found.append([kit.marker(unique(f"n{i}"), n=int) for i in range(200)])

    for _ in range(4):
        background(declare)
    background.join()
    assert all(list(map(id, each)) == list(map(id, found[0])) for each in found)
    assert all(kit.marker(unique(f"n{i}"), n=int) is found[0][i] for i in range(200))


def test_rule_01_firing_returns_none(unique):
    """On or off, by position or by keyword, inside another dispatch, and whatever a probe returns.

    Seen to fail when a dispatch returns what the last probe returned.
    """
    fill = kit.marker(unique("fill"), n=int)
    assert fill(1) is None
    nested = []
    with fill.connect(lambda n: "value"):
        assert fill(1) is None
        assert fill(n=1) is None
        assert fill("wrong", "count") is None
        with fill.connect(lambda n: nested.append(fill(2))):
            assert fill(1) is None
        with fill.connect(lambda n: 1 / 0, priority=20):
            assert fill(1) is None
    assert nested == [None]


# Rule 2

fields = st.dictionaries(
    st.text(string.ascii_letters + "_", min_size=1, max_size=8),
    st.sampled_from(list(TYPES)),
    max_size=6,
)


@given(fields)
def test_rule_02_keywords_and_format_string_make_the_same_format(declared):
    """Both notations make one format, whose text declares it once more.

    Seen to fail when %k is read as str.
    """
    text = "  ".join(f"{name} {TYPES[kind]}" for name, kind in declared.items())
    with isolated():
        by_text = kit.marker("contract.notation", text)
        wanted = by_text.format
        assert kit.marker("contract.notation", **declared).format == wanted
        assert [(field.name, field.type) for field in wanted.fields] == list(declared.items())
        assert kit.marker("contract.notation", str(wanted)).format == wanted


@pytest.mark.parametrize(
    ("specifier", "kind"),
    [
        ("%d", int), ("%u", int), ("%lu", int), ("%llu", int), ("%08x", int), ("%#X", int),
        ("%p", int), ("%zu", int), ("%hhd", int), ("%-5i", int), ("%f", float), ("%5.2f", float),
        ("%g", float), ("%e", float), ("%s", str), ("%.10s", str), ("%c", str), ("%b", bool),
        ("%k", kit.Label),
    ],
)  # fmt: skip
def test_rule_02_the_kernel_s_specifiers_are_understood(unique, specifier, kind):
    """Width, precision and length are read over: a field is one of five types.

    Seen to fail when lengths are not read over.
    """
    marker = kit.marker(unique("fill"), f"x {specifier}")
    assert marker.format.fields == (("x", kind),)


@pytest.mark.parametrize(
    ("text", "declared", "culprit"),
    [
        ("qty %d px", {}, "'px'"),
        ("%d", {}, "'%d'"),
        ("qty %d %d", {}, "'%d'"),
        ("qty %y", {}, "'qty'"),
        ("qty d", {}, "'qty'"),
        ("qty %d qty %d", {}, "'qty'"),
        ("2nd %d", {}, "'2nd'"),
        ("a-b %d", {}, "'a-b'"),
        (5, {}, "5"),
        (None, {"qty": list}, "'qty'"),
        (None, {"ok": int, "qty": "int"}, "'qty'"),
        (None, {"qty": None}, "'qty'"),
        (None, {"qty": int | None}, "'qty'"),
        (None, {"qty": [1]}, "'qty'"),
        (None, {"no good": int}, "'no good'"),
        ("qty %d", {"px": float}, "not both"),
    ],
)
def test_rule_02_a_bad_declaration_is_refused_at_the_declaration(unique, text, declared, culprit):
    """`FormatError` names the marker and the field, and nothing is declared.

    Seen to fail when `declare_format` takes any type, or does not look for names given twice.
    """
    for declare in (kit.marker, kit.span):
        with pytest.raises(kit.errors.FormatError) as caught:
            declare(unique("fill"), text, **declared)
        assert culprit in str(caught.value)
        assert unique("fill") in str(caught.value)
        assert isinstance(caught.value, ValueError)
    assert kit.markers(unique("*")) == []


@pytest.mark.parametrize("name", ["", "a b", "a*", "a?", "[a]", "a\n", None, 5, b"a"])
def test_rule_02_a_bad_name_is_refused(name):
    """What could be taken for a pattern, or for two names, cannot be a marker's name.

    Seen to fail when `check_name` lets white space or wildcards pass.
    """
    with pytest.raises(kit.errors.FormatError, match="name"):
        kit.marker(name)


def test_rule_02_fields_may_be_called_anything(unique):
    """`name` and `format` are positional only, and so are a site's own parameters.

    Seen to fail when `Dispatcher.__call__` takes `self` by name.
    """
    names = ["name", "format", "self", "probe", "private", "args", "kwargs", "fields", "marker"]
    marker = kit.marker(unique("odd"), **dict.fromkeys(names, int))
    span = kit.span(unique("span"), **dict.fromkeys(names, int))
    values = dict(zip(names, range(len(names)), strict=True))
    with capture(unique("*")) as events:
        marker(**values)
        with span(**values):
            pass
    assert [event.values for event in events] == [values, values]


# Rule 3


def test_rule_03_the_same_format_again_changes_nothing(unique):
    """The same fields, in either notation and from any module: the same marker, as it was.

    Seen to fail when neither `declare` nor `Declare` compares the formats.
    """
    fill = kit.marker(unique("fill"), qty=int)
    with fill.connect(lambda qty: None) as connection:
        before = fill.generation, fill.module, fill.line
        assert run(f"m = kit.marker({fill.name!r}, 'qty %d')", "elsewhere")["m"] is fill
        assert (fill.generation, fill.module, fill.line) == before
        assert fill.probes == (connection,)


def test_rule_03_another_format_is_refused_while_probes_are_connected(unique):
    """`FormatMismatchError` shows both formats and where the first was declared; nothing changes.

    Seen to fail when `_refuse_change` refuses nothing.
    """
    fill = kit.marker(unique("fill"), qty=int)
    seen = []
    with fill.connect(seen.append) as connection:
        before = fill.generation
        for change in ("qty=float", "px=int", "qty=int, px=int"):
            with pytest.raises(kit.errors.FormatMismatchError) as caught:
                run(f"kit.marker({fill.name!r}, {change})", "elsewhere")
            for shown in (fill.name, "(qty %d)", f"{fill.module}:{fill.line}"):
                assert shown in str(caught.value)
        assert "(qty %d px %d)" in str(caught.value)
        with pytest.raises(kit.errors.FormatMismatchError, match="as span"):
            run(f"kit.span({fill.name!r}, qty=int)", "elsewhere")
        fill(7)
        assert (fill.generation, fill.probes, seen) == (before, (connection,), [7])


def test_rule_03_another_format_is_adopted_while_nothing_is_connected(unique):
    """From any module: the same marker object then has the new fields, as a span if it says so.

    Seen to fail when `_refuse_change` refuses whatever was declared before.
    """
    fill = kit.marker(unique("fill"), qty=int)
    assert run(f"m = kit.marker({fill.name!r}, px=float)", "elsewhere")["m"] is fill
    assert (str(fill.format), fill.module, fill.line) == ("px %f", "elsewhere", 1)
    assert kit.span(fill.name, sql=str) is fill
    with capture(fill.name) as events:
        with fill("select 1"):
            pass
    assert events.one(sql="select 1").dur > 0


def test_rule_03_an_edited_cell_is_adopted_and_what_is_connected_follows(unique):
    """From `__main__`, the fields change under probes that asked for none, in one publication.

    Seen to fail when declarations from `__main__` are refused, and when the old array stays.
    """
    name = unique("fill")
    fill = run(f"m = kit.marker({name!r}, qty=int)")["m"]
    seen = []
    connection = fill.connect(lambda *values: seen.append(values))
    with capture(name) as events:
        fill(1)
        before = fill.generation
        assert run(f"m = kit.marker({name!r}, qty=int, px=float)")["m"] is fill
        assert fill.generation == before + 1
        fill(2, 2.5)
        fill(3)
    assert seen == [(1,), (2, 2.5)]
    assert [event.values for event in events] == [{"qty": 1}, {"qty": 2, "px": 2.5}]
    assert (fill.skipped, connection.connected, connection.calls) == (1, True, 2)


def test_rule_03_an_edited_cell_is_refused_where_a_probe_asked_for_the_old_format(unique):
    """A probe that was written for some fields is not called with others, from `__main__` either.

    Seen to fail when what a connection asked for is not looked at.
    """
    fill = run(f"m = kit.marker({unique('fill')!r}, qty=int)")["m"]
    with kit.connect(fill.name, lambda qty: None, format="qty %d"):
        with pytest.raises(kit.errors.FormatMismatchError):
            run(f"kit.marker({fill.name!r}, px=float)")
        assert str(fill.format) == "qty %d"
    run(f"kit.marker({fill.name!r}, px=float)")
    assert str(fill.format) == "px %f"


def test_rule_03_a_span_that_is_open_while_its_fields_change_loses_its_event(unique):
    """Its values are of the old format: skipped and counted, never handed to a probe.

    Seen to fail when neither `_end` nor `_fire_at` compares the number of values.
    """
    query = run(f"m = kit.span({unique('query')!r}, sql=str)")["m"]
    seen = []
    query.connect(lambda *values: seen.append(values))
    with query("select 1"):
        run(f"kit.span({query.name!r}, sql=str, rows=int)")
    assert (seen, query.skipped) == ([], 1)


def test_rule_03_fields_and_array_change_together(unique, monkeypatch):
    """As soon as the new array is published, a span of the new fields reaches the probes.

    Seen to fail when the fields are changed after everything has been published.
    """
    query = run(f"m = kit.span({unique('query')!r}, sql=str)")["m"]
    seen = []
    query.connect(lambda dur, error, *values: seen.append(values))
    settle = Dispatches.settle

    def settling(dispatches: Dispatches) -> None:
        monkeypatch.setattr(Dispatches, "settle", settle)
        with query("select 1", 2):  # the array is published, and nothing else has happened
            pass
        settle(dispatches)

    monkeypatch.setattr(Dispatches, "settle", settling)
    run(f"kit.span({query.name!r}, sql=str, rows=int)")
    assert (seen, query.skipped) == ([("select 1", 2)], 0)


@pytest.mark.parametrize("inside", [False, True], ids=["by itself", "inside a dispatch"])
def test_rule_03_also_when_they_change_at_the_very_end(unique, monkeypatch, dispatcher, inside):
    """After the span has compared its values with its fields, before it reads the array.

    Seen to fail, by itself and inside another dispatch, when only `_end` compares them, and when
    what is left out is not counted.
    """
    if dispatcher != "python":
        pytest.skip("the other dispatchers are not interrupted there")
    query = run(f"m = kit.span({unique('query')!r}, sql=str)")["m"]
    seen = []
    query.connect(lambda *values: seen.append(values))
    fire_at = python_dispatch.Dispatcher._fire_at

    def late(*args) -> None:
        monkeypatch.setattr(python_dispatch.Dispatcher, "_fire_at", fire_at)
        run(f"kit.span({query.name!r}, sql=str, rows=int)")
        fire_at(*args)

    def passing() -> None:
        monkeypatch.setattr(python_dispatch.Dispatcher, "_fire_at", late)
        with query("select 1"):
            pass

    if inside:
        outer = kit.marker(unique("outer"))
        outer.connect(passing)
        outer()
    else:
        passing()
    assert (seen, query.skipped, query.fired) == ([], 1, 0)


# Rule 5

WRONG = [
    ((), {}, "qty"),
    ((1, 2, 3), {}, "3"),
    ((1,), {}, "px"),
    ((1,), {"nope": 2}, "nope"),
    ((1,), {"qty": 2}, "qty"),
    ((), {"qty": 1, "px": 2, "sym": 3}, "sym"),
]


@pytest.mark.parametrize("native", [False, True], ids=["plain", "native"])
@pytest.mark.parametrize(("args", "kwargs", "culprit"), WRONG)
def test_rule_05_wrong_arguments_are_skipped_and_counted(unique, args, kwargs, culprit, native):
    """A site with a wrong count or an unknown keyword disturbs nobody: counted on the marker.

    In strict mode it is a `TypeError` that names the marker and the field.
    Seen to fail when the number of values is not compared, and when `_bind` always raises.
    """
    fill = kit.marker(unique("fill"), qty=int, px=float)
    seen = []
    fill.connect(lambda *values: seen.append(values))
    with capture(fill.name if native else unique("other")) as events:
        fill(*args, **kwargs)
        assert (seen, list(events), fill.skipped, fill.fired) == ([], [], 1, 0)
        with strict(), pytest.raises(TypeError) as caught:
            fill(*args, **kwargs)
        assert fill.name in str(caught.value)
        assert culprit in str(caught.value)
        fill(1, px=2.5)
    assert (seen, fill.skipped, fill.fired) == ([(1, 2.5)], 1, 1)


def test_rule_05_also_inside_another_dispatch_and_at_the_end_of_a_span(unique):
    """Nested and span events are checked like any other; a span's body is not disturbed.

    Seen to fail when `_nested` does not bind keywords, or values that are too many (strict mode is
    silent then), and when neither `_end` nor `_fire_at` compares the number of values.
    """
    outer, inner = kit.marker(unique("outer")), kit.marker(unique("inner"), n=int)
    query = kit.span(unique("query"), sql=str)
    with capture(unique("*")) as events, outer.connect(lambda: inner(1, 2)):
        with outer.connect(lambda: inner(n=3), priority=20):
            outer()
        with query():
            pass
        with pytest.raises(ZeroDivisionError):
            with query("too", "many"):
                _ = 1 / 0
        assert events.one(inner.name)["n"] == 3
        assert events.names == [inner.name, outer.name]
        assert (inner.skipped, query.skipped) == (1, 2)
        with strict(), pytest.raises(TypeError, match="sql"):
            with query():
                pass
        with strict(), pytest.raises(TypeError, match="takes 1 values"):
            outer()


def test_rule_05_off_a_marker_looks_at_nothing(unique):
    """Anything goes at a site that nobody listens to, in strict mode too, and is not counted.

    Seen to fail when arguments are bound before the array is read.
    """
    fill = kit.marker(unique("fill"), qty=int)
    query = kit.span(unique("query"), sql=str)
    with strict():
        assert fill(1, 2, 3, nonsense=4) is None
        with query(1, 2, nonsense=3):
            pass
    assert (fill.skipped, fill.fired, query.skipped, query.fired) == (0, 0, 0, 0)
    assert not fill
    assert not query
