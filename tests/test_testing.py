"""The helpers for other programs' tests."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import kit
import kit.testing
from kit.core._runtime import mode
from kit.testing import Event, Events, capture, isolated, strict

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def _lenient_and_isolated(monkeypatch):
    monkeypatch.setattr(mode, "strict", False)
    with isolated():
        yield


# strict


def test_strict_lets_errors_reach_the_program_and_ends():
    fill = kit.marker("testing.fill", qty=int)
    fill.connect(lambda qty: 1 / qty)
    fill(0)
    with strict():
        with pytest.raises(ZeroDivisionError):
            fill(0)
        with pytest.raises(TypeError, match=r"testing\.fill"):
            fill()
        with strict(False):
            fill(0)
            fill()
        with pytest.raises(ZeroDivisionError):
            fill(0)
    fill(0)
    assert (fill.probes[0].errors, fill.skipped) == (5, 1)


def test_strict_ends_with_an_exception_too():
    with pytest.raises(OSError, match="x"), strict():
        raise OSError("x")
    assert mode.strict is False


# capture


def test_capture_collects_events_of_markers_and_spans():
    fill = kit.marker("testing.fill", qty=int, sym=str)
    query = kit.span("testing.query", sql=str)
    fill(0, "before")
    with capture("testing.*") as events:
        fill(1, "ACME")
        with pytest.raises(ValueError, match="x"), query("select 1"):
            raise ValueError("x")
        kit.marker("testing.later")()
    fill(2, "after")
    assert events.names == ["testing.fill", "testing.query", "testing.later"]
    first, second, third = events
    assert first == Event("testing.fill", {"qty": 1, "sym": "ACME"})
    assert (first["qty"], first.dur, first.error) == (1, None, None)
    assert (second.values, second.error, second.dur > 0) == (
        {"sql": "select 1"},
        "ValueError",
        True,
    )
    assert third.values == {}
    assert (fill.fanout, kit.marker("testing.new").fanout) == (0, 0)


def test_capture_by_name_of_what_is_not_declared_yet():
    with capture("testing.fill") as events, capture("nothing.*") as nothing:
        kit.marker("testing.fill", n=int)(1)
        kit.marker("testing.fill.more", n=int)(2)
    assert (events.names, nothing) == (["testing.fill"], [])


def test_capture_ends_where_the_block_took_its_connection_out():
    kit.marker("testing.fill")
    for pattern in ("testing.fill", "testing.*"):
        with capture(pattern):
            for connection in kit.marker("testing.fill").probes:
                kit.disconnect(pattern, connection.probe)


def test_capture_from_other_threads():
    import threading

    fill = kit.marker("testing.fill", n=int)
    with capture("testing.fill") as events:
        threads = [threading.Thread(target=fill, args=(n,)) for n in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(event["n"] for event in events) == [0, 1, 2, 3, 4]


def test_fields_may_be_called_like_anything():
    odd = kit.marker("testing.odd", self=int, pattern=int, values=int, marker=int)
    with capture() as events:
        odd(1, 2, 3, 4)
    assert events.one("testing.odd", self=1, pattern=2, values=3, marker=4)["values"] == 3
    assert events.of("*", pattern=5) == []


@pytest.fixture
def events():
    return Events(
        [
            Event("orders.fill", {"qty": 1, "sym": "A"}),
            Event("orders.fill", {"qty": 2, "sym": "A"}),
            Event("db.query", {"sql": "select 1"}, 1234567, "ValueError"),
        ]
    )


def test_events_are_chosen_by_name_pattern_and_values(events):
    assert len(events.of("orders.fill")) == 2
    assert events.of("orders.*", qty=2) == [events[1]]
    assert events.of("*", qty=1, sym="B") == events.of("nope") == []
    assert isinstance(events.of("*"), Events)
    assert events.one("db.*") is events[2]
    assert events.one("orders.fill", qty=2) is events[1]
    assert events.one(sql="select 1") is events[2]
    events.none("orders.reject")
    events.none("orders.fill", qty=3)


def test_a_failing_assertion_shows_what_was_fired(events):
    with pytest.raises(AssertionError) as caught:
        events.one("orders.fill", sym="A")
    assert str(caught.value).startswith(
        "expected one orders.fill(sym='A'), found 2 among 3 events:\n"
        "  orders.fill(qty=1, sym='A')\n"
    )
    with pytest.raises(AssertionError, match=r"expected no orders.fill\(\), found 2 events:\n  "):
        events.none("orders.fill")
    with pytest.raises(AssertionError, match="found none among no events"):
        Events().one("orders.fill")


def test_a_failing_assertion_says_when_there_is_no_such_marker(events):
    kit.marker("orders.fill", qty=int, sym=str)
    with pytest.raises(
        AssertionError, match=r"no marker matches 'orders.fil'; there is 'orders.fill'"
    ):
        events.one("orders.fil")
    with pytest.raises(AssertionError) as caught:
        events.one("orders.fill", qty=3)
    assert "no marker" not in str(caught.value)


def test_events_show_themselves(events):
    assert repr(events) == (
        "3 events:\n"
        "  orders.fill(qty=1, sym='A')\n"
        "  orders.fill(qty=2, sym='A')\n"
        "  db.query(sql='select 1') 1,234,567 ns ValueError"
    )
    assert repr(Events()) == "no events"
    assert repr(Events(events[:1])).startswith("1 event:\n")
    assert repr(Events(events * 100)).endswith("\n  and 280 more")


def test_an_event_without_such_a_field_names_those_it_has(events):
    with pytest.raises(KeyError, match=r"orders\.fill has no field 'px'; its fields: qty, sym"):
        events[0]["px"]


# isolated


def test_isolated_leaves_the_registry_as_it_was():
    """Connections, order, formats, hooks and patterns: what was there is there again."""
    fill, kind = kit.marker("testing.fill", qty=int), kit.marker("testing.kind", n=int)
    called = []
    first = fill.connect(lambda qty: called.append("first"), name="first")
    second = fill.connect(lambda qty: called.append("second"))
    pattern = kit.connect("testing.*", lambda *_: called.append("pattern"))
    fill.hooks(on_last=lambda: called.append("old last"))
    before = kit.markers(), fill.probes, fill.format, fill.module, fill.line
    with isolated():
        first.disconnect()
        pattern.disconnect()
        fill.connect(lambda qty: called.append("replaced"), name="first")
        second.disconnect()
        kit.disconnect("testing.fill", fill.probes[0].probe)
        fill.hooks(on_first=lambda: called.append("new first"))
        exec("kit.marker('testing.fill', a=int, b=int)", {"__name__": "__main__", "kit": kit})
        kit.span("testing.kind", n=int)
        kit.connect("testing.*", print)
        kit.connect("testing.waited", print)
        new = kit.marker("testing.new")
        kit.span("testing.waited", sql=str)
        assert new.fanout == 1
    assert (kit.markers(), fill.probes, fill.format, fill.module, fill.line) == before
    assert all(c.connected for c in (first, second, pattern))
    assert (new.fanout, len(kit.markers("testing.*")), type(kind)) == (0, 2, kit.Marker)
    called.clear()
    fill(1)
    kind(1)
    assert called == ["first", "second", "pattern", "pattern"]
    assert (first.calls, len(pattern)) == (1, 2)
    later = kit.marker("testing.later")
    assert later.fanout == 1
    called.clear()
    for connection in (first, second, pattern):
        connection.disconnect()
    assert called == ["old last"]


def test_isolated_restores_what_is_off():
    connection = kit.connect("testing.fill", print, format="px %f")
    with pytest.warns(kit.errors.FormatMismatchWarning):
        fill = kit.marker("testing.fill", qty=int)
    state = connection.state
    with isolated():
        kit.marker("testing.fill", px=float)
        assert connection.connected
        early = kit.connect("testing.other", print, format="px %f")
        with pytest.warns(kit.errors.FormatMismatchWarning):
            kit.marker("testing.other", qty=int)
    assert (connection.connected, connection.state, fill.fanout) == (False, state, 0)
    assert early.state == "disconnected"
    connection.disconnect()


def test_isolated_restores_after_an_exception_and_within_each_other():
    fill = kit.marker("testing.fill")

    def fail():
        with isolated():
            fill.connect(print)
            raise OSError("x")

    with pytest.raises(OSError, match="x"):
        fail()
    assert fill.fanout == 0
    with isolated():
        one = fill.connect(print)
        with isolated():
            one.disconnect()
            fill.connect(repr)
        assert fill.probes == (one,)
    assert fill.fanout == 0


def test_isolated_keeps_the_markers_of_modules_imported_in_it(tmp_path, monkeypatch):
    """The module stays imported, so its markers will not be declared again."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "testing_library.py").write_text(
        "import kit\nfill = kit.marker('library.fill', n=int)\n"
    )
    with isolated():
        import testing_library

        kit.marker("library.mine")
        testing_library.fill.connect(print)
    assert [marker.name for marker in kit.markers("library.*")] == ["library.fill"]
    assert testing_library.fill.fanout == 0
    with capture("library.*") as events:
        testing_library.fill(1)
    assert events.one("library.fill", n=1)
    del sys.modules["testing_library"]


# The fixture


def run_pytest(folder: Path, source: str) -> str:
    (folder / "test_it.py").write_text(textwrap.dedent(source))
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-W",
            "error",
            str(folder),
        ],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


TESTS = """
    import kit
    import pytest

    fill = kit.marker("library.fill", qty=int)

    def test_events(markers):
        fill(100)
        assert markers.one("library.fill", qty=100)

    def test_strict_and_isolated(markers):
        assert markers == []
        kit.marker("library.mine")
        fill.connect(print)
        with pytest.raises(TypeError):
            fill("too", "many")

    def test_nothing_is_left():
        assert (fill.fanout, len(kit.markers("library.*"))) == (0, 1)
        fill("too", "many")

    def test_failing(markers):
        markers.one("library.fil")
"""


@pytest.mark.parametrize("imported", [False, True], ids=["plain", "imported before"])
def test_the_plugin_brings_a_fixture(tmp_path, imported):
    """Also where the conftest has imported the module before pytest does."""
    first = "from kit.testing import strict\n" if imported else ""
    (tmp_path / "conftest.py").write_text(f'{first}pytest_plugins = ["kit.testing"]\n')
    output = run_pytest(tmp_path, TESTS)
    assert "1 failed, 3 passed" in output
    assert "there is 'library.fill'" in output
    assert "def one(" not in output  # the traceback ends in the test


def test_without_pytest_the_module_needs_the_standard_library_alone():
    program = (
        "import sys, kit.testing\n"
        "m = kit.marker('a.b', n=int)\n"
        "with kit.testing.isolated(), kit.testing.strict(), kit.testing.capture() as events:\n"
        "    m(1)\n"
        "print(events, 'pytest' in sys.modules, hasattr(kit.testing, 'markers'))\n"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("1 event:\n  a.b(n=1) False False\n", "")
