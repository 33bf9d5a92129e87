"""Rules 4 and 6 of the contract: probes before markers, modules and cells that come and go."""

import importlib
import itertools
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

import kit
from kit.testing import capture

_numbers = itertools.count()


class Module:
    """A module in a file that can be edited, imported, reloaded and removed."""

    def __init__(self, folder: Path) -> None:
        self.name = f"contract_module{next(_numbers)}"
        self.path = folder / f"{self.name}.py"

    def write(self, source: str) -> None:
        self.path.write_text(source)
        importlib.invalidate_caches()

    def load(self) -> ModuleType:
        return importlib.import_module(self.name)

    def remove(self) -> None:
        del sys.modules[self.name]


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    # Without byte code, as its time stamp is too coarse for edits of the same second.
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.syspath_prepend(tmp_path)
    module = Module(tmp_path)
    yield module
    sys.modules.pop(module.name, None)


# Rule 4


def test_rule_04_a_probe_may_be_connected_before_its_marker_is_declared(unique):
    """By name, and silently: it is called from the first event on, with whatever fields there are.

    Seen to fail when `Declare` makes a marker of its own instead of the one that is waited for.
    """
    seen = []
    connection = kit.connect(unique("fill"), lambda *values: seen.append(values))
    assert kit.markers(unique("*")) == []
    fill = kit.marker(unique("fill"), qty=int, px=float)
    assert connection.marker is fill
    assert (fill.probes, fill.fanout, bool(fill)) == ((connection,), 1, True)
    fill(1, 2.5)
    assert (seen, connection.calls) == ([(1, 2.5)], 1)


def test_rule_04_spans_native_probes_order_and_private_data_as_usual(unique):
    """What comes early is connected like anything else.

    Seen to fail when nothing is published because the connections are the same.
    """
    name, seen = unique("query"), []
    kit.connect(name, lambda dur, error, sql: seen.append("default"))
    kit.connect(name, lambda who, dur, error, sql: seen.append(who), "private")
    first = kit.connect(name, lambda dur, error, sql: seen.append("first"), priority=20)
    with pytest.raises(kit.errors.AlreadyConnectedError):
        kit.connect(name, first.probe)
    with capture(name) as events:
        with kit.span(name, sql=str)("select 1"):
            pass
    assert seen == ["first", "default", "private"]
    assert events.one(sql="select 1").dur > 0


def test_rule_04_what_it_asked_for_is_checked_when_the_marker_is_declared(unique):
    """A format that fits connects; one that does not leaves the marker working, that connection
    off and visible as such, and gives one warning with both formats, at the declaration.

    Seen to fail when `_fits` is always true, and when the warning is left out.
    """
    name, seen = unique("fill"), []
    fits = kit.connect(name, seen.append, format="qty %d")
    wrong = kit.connect(name, lambda *values: seen.append("wrong"), format="qty %d px %f")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fill = kit.marker(name, qty=int)
        kit.marker(name, qty=int)
    (warning,) = caught
    assert warning.category is kit.errors.FormatMismatchWarning
    for shown in (name, "(qty %d)", "(qty %d px %f)"):
        assert shown in str(warning.message)
    assert warning.filename == __file__
    fill(1)
    assert (seen, fill.probes) == ([1], (fits,))
    assert (fits.connected, wrong.connected, wrong.calls) == (True, False, 0)
    assert wrong.state.startswith("off")
    assert "qty %d px %f" in wrong.state
    assert "off" in repr(wrong)
    assert f"{wrong.label} (off)" in repr(kit.markers(name))
    wrong.disconnect()
    assert "(off)" not in repr(kit.markers(name))
    with pytest.raises(kit.errors.NotConnectedError):
        wrong.disconnect()


def test_rule_04_a_format_that_fits_later_switches_it_on(unique):
    """Off is not gone: when the marker adopts the fields it asked for, it is called.

    Seen to fail when `Declare` does not look at what is off.
    """
    name, seen = unique("fill"), []
    connection = kit.connect(name, seen.append, format="px %f")
    with pytest.warns(kit.errors.FormatMismatchWarning):
        fill = kit.marker(name, qty=int)
    fill(1)
    assert kit.marker(name, px=float) is fill
    fill(2.5)
    assert (seen, connection.connected, connection.state) == ([2.5], True, "connected")
    assert fill.probes == (connection,)


def test_rule_04_what_is_off_keeps_its_place(unique):
    """Switched on, it stands where priority and order of connection put it.

    Seen to fail when what was off is put at the end.
    """
    name, seen = unique("fill"), []
    kit.connect(name, lambda *_: seen.append(1), format="px %f")
    with pytest.warns(kit.errors.FormatMismatchWarning):
        fill = run_as_main(name, "qty=int")
    fill.connect(lambda *_: seen.append(2))
    fill.connect(lambda *_: seen.append(0), priority=11)
    run_as_main(name, "px=float")
    fill(2.5)
    assert seen == [0, 1, 2]


def test_rule_04_a_closure_that_is_off_may_be_connected_again_and_is_called_once(unique):
    """Rule 7 holds through a change of format: what was connected meanwhile is not doubled.

    Seen to fail when `Declare` does not look for equal closures.
    """
    name, seen = unique("fill"), []
    probe = lambda *values: seen.append(values)  # noqa: E731
    early = kit.connect(name, probe, format="px %f")
    with pytest.warns(kit.errors.FormatMismatchWarning):
        fill = run_as_main(name, "qty=int")
    again = fill.connect(probe)
    run_as_main(name, "px=float")
    fill(2.5)
    assert (seen, fill.probes) == ([(2.5,)], (again,))
    assert not early.connected
    kit.disconnect(name, probe)
    assert fill.fanout == 0
    for gone in (early, again):
        with pytest.raises(kit.errors.NotConnectedError):
            gone.disconnect()


def test_rule_04_what_is_off_is_replaced_by_its_name(unique):
    """Rule 10 holds for what is off: its place is the new one's, and it never comes back.

    Seen to fail when a name is looked for among what is on only.
    """
    early = kit.connect(unique("m"), repr, format="px %f", name="mine")
    with pytest.warns(kit.errors.FormatMismatchWarning):
        m = kit.marker(unique("m"), qty=int)
    other = m.connect(print)
    new = m.connect(lambda qty: None, name="mine")
    assert (early.state, m.probes) == ("replaced", (new, other))
    m.connect(str, name="mine").disconnect()
    other.disconnect()
    kit.marker(m.name, px=float)
    assert m.probes == ()
    assert "off" not in repr(kit.markers(m.name))
    with pytest.raises(kit.errors.NotConnectedError):
        early.disconnect()


def test_rule_04_a_declared_marker_refuses_another_format_at_the_connect(unique):
    """Then there is somebody to tell: `FormatMismatchError`, and nothing is connected.

    Seen to fail when `Add` does not compare formats.
    """
    fill = kit.marker(unique("fill"), qty=int)
    with pytest.raises(kit.errors.FormatMismatchError) as caught:
        kit.connect(fill.name, lambda px: None, format="px %f")
    assert "(qty %d)" in str(caught.value)
    assert "(px %f)" in str(caught.value)
    with pytest.raises(kit.errors.FormatMismatchError):
        fill.connect(lambda px: None, format="px %f")
    with pytest.raises(kit.errors.FormatError, match="qty"):
        fill.connect(lambda px: None, format="qty %y")
    assert (fill.fanout, fill.generation) == (0, 0)


def run_as_main(name: str, fields: str) -> kit.Marker:
    """Declare a marker as a cell does."""
    namespace = {"__name__": "__main__", "kit": kit}
    exec(f"m = kit.marker({name!r}, {fields})", namespace)
    return namespace["m"]


# Rule 6

MODULE = """
import kit
fill = kit.marker("{name}", {fields})
def work(*values):
    fill(*values)
"""


@pytest.mark.parametrize("by_pattern", [True, False], ids=["pattern", "name"])
def test_rule_06_a_module_brings_its_markers_along(unique, module, by_pattern):
    """Imported late, reloaded, removed and imported again: what was connected once stays connected.

    Seen to fail when `Declare` does not follow patterns, and when it forgets what was there.
    """
    module.write(MODULE.format(name=unique("fill"), fields="qty=int"))
    seen = []
    if by_pattern:
        with pytest.warns(kit.errors.UnmatchedPatternWarning):
            handle = kit.connect(unique("*"), seen.append)
    else:
        handle = kit.connect(unique("fill"), seen.append)
    first = module.load()
    first.work(1)
    again = importlib.reload(first)
    again.work(2)
    module.remove()
    anew = module.load()
    assert anew is not first
    anew.work(3)
    first.fill(4)
    assert seen == [1, 2, 3, 4]
    assert anew.fill is first.fill
    assert (handle.calls, anew.fill.fanout) == (4, 1)
    handle.disconnect()
    anew.work(5)
    assert len(seen) == 4


def test_rule_06_a_reloaded_module_may_change_its_fields_while_nobody_listens(unique, module):
    """With a probe connected the reload is refused, as rule 3 says, and the marker works on.

    Seen to fail when `_refuse_change` refuses nothing.
    """
    module.write(MODULE.format(name=unique("fill"), fields="qty=int"))
    loaded = module.load()
    module.write(MODULE.format(name=unique("fill"), fields="qty=int, px=float"))
    with capture(unique("fill")) as events:
        with pytest.raises(kit.errors.FormatMismatchError, match=module.name):
            importlib.reload(loaded)
        loaded.work(1)
    importlib.reload(loaded)
    with capture(unique("fill")) as later:
        loaded.work(2, 2.5)
    assert [event.values for event in (*events, *later)] == [{"qty": 1}, {"qty": 2, "px": 2.5}]


def test_rule_06_a_pattern_reaches_what_comes_later_until_it_is_disconnected(unique):
    """Each later marker that matches, once; none that does not; none afterwards.

    Seen to fail when a disconnected pattern stays in the registry.
    """
    kit.marker(unique("a.one"))
    handle = kit.connect(unique("a.*"), lambda: None)
    two, other = kit.marker(unique("a.two")), kit.marker(unique("b.two"))
    kit.marker(unique("a.two"))
    two()
    other()
    assert [connection.marker.name for connection in handle] == [unique("a.one"), unique("a.two")]
    assert (handle.calls, two.fanout, other.fanout) == (1, 1, 0)
    handle.disconnect()
    assert kit.marker(unique("a.three")).fanout == two.fanout == 0


def test_rule_06_a_pattern_does_not_double_what_is_connected_by_name(unique):
    """Rule 7 holds for markers that come later: the closure is called once.

    Seen to fail when `_follow` does not look for equal closures.
    """
    seen = []
    kit.connect(unique("fill"), seen.append)
    with pytest.warns(kit.errors.UnmatchedPatternWarning):
        kit.connect(unique("*"), seen.append)
    fill = kit.marker(unique("fill"), n=int)
    fill(1)
    assert (seen, fill.fanout) == ([1], 1)


def test_rule_06_a_pattern_that_asks_for_a_format_is_checked_against_later_markers(unique):
    """As with a name: the marker works, that connection is off, one warning.

    Seen to fail when `_follow` does not look at what the pattern asked for.
    """
    with pytest.warns(kit.errors.UnmatchedPatternWarning):
        handle = kit.connect(unique("*"), lambda n: None, format="n %d")
    good = kit.marker(unique("good"), n=int)
    with pytest.warns(kit.errors.FormatMismatchWarning, match="px %f"):
        bad = kit.marker(unique("bad"), px=float)
    good(1)
    bad(2.5)
    assert [connection.connected for connection in handle] == [True, False]
    assert (handle.calls, bad.fanout, bad.skipped) == (1, 0, 0)
    assert kit.marker(bad.name, n=int) is bad
    bad(2)
    assert handle.calls == 2


CONNECT_BY: dict[str, Callable[[str], str]] = {
    "marker": lambda name: f"kit.marker({name!r}, n=int).connect(on_fill)",
    "name": lambda name: f"kit.connect({name!r}, on_fill)",
    "pattern": lambda name: f"kit.connect({name.replace('fill', '*')!r}, on_fill)",
    "decorator": lambda name: f"kit.marker({name!r}, n=int).probe(on_fill)",
}


@pytest.mark.parametrize("how", CONNECT_BY)
def test_rule_06_a_cell_that_is_run_again_leaves_one_connection(unique, cells, how):
    """Declaring, defining and connecting in one cell, three times: one call an event.

    Seen to fail when functions of `__main__` have no name by default.
    """
    cell = f"""
fill = kit.marker({unique("fill")!r}, n=int)
def on_fill(n):
    seen.append(("VERSION", n))
{CONNECT_BY[how](unique("fill"))}
"""
    for version in ("one", "two", "three"):
        cells.run(cell.replace("VERSION", version))
        cells.run("fill(1)")
        assert cells.seen() == [(version, 1)]
    assert kit.marker(unique("fill"), n=int).fanout == 1
