"""What a cell leaves behind that runs again and again."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import ipywidgets
import numpy as np
import pandas as pd
import pytest

import kit
from kit import plots
from kit.plots import _plot as base
from kit.widgets import Pane, _kernel, _made
from kit.widgets._bundle import bokehjs

EVENTS = 100_000

Run = Callable[[str, Callable[[], Any]], Any]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Run cells as a kernel does; what the last line gives is shown and kept in ``Out``."""
    parent: dict[str, Any] = {}
    names: dict[str, Any] = {"Out": {}}
    shell = SimpleNamespace(
        kernel=SimpleNamespace(get_parent=lambda: parent),
        events=SimpleNamespace(register=lambda *_: None),
        user_ns=names,
    )
    monkeypatch.setattr(_kernel, "_shell", lambda: shell)
    for name, value in (("_made", {}), ("_running", False), ("_watched", None)):
        monkeypatch.setattr(_kernel, name, value)
    base.display_with(Pane, _made)
    number = 0

    def once(cell: str, code: Callable[[], Any]) -> Any:
        nonlocal number
        number += 1
        parent.update(metadata={"cellId": cell}, header={"msg_id": str(number)})
        shown = code()
        shown._repr_mimebundle_()
        names["Out"][number] = names[f"_{number}"] = shown
        return shown

    once.names = names  # type: ignore[attr-defined]
    yield once
    base.display_with(Pane, _made)


def frame(rows: int = EVENTS) -> pd.DataFrame:
    rng = np.random.default_rng(8)
    return pd.DataFrame(
        {
            "ts": np.arange(rows) * 1_000,
            "dur": rng.integers(100, 1_000_000, rows),
            "marker": pd.Categorical.from_codes(np.zeros(rows, np.int8), ["db.query"]),
        }
    )


def comms() -> int:
    return len(ipywidgets.widgets.widget._instances)


def test_forty_runs_of_a_cell_leave_one_frame_and_no_more_widgets_than_one(run: Run) -> None:
    """Seen to fail with closed plots that kept their frames, and with panes' layouts left open."""
    made: list[weakref.ref[pd.DataFrame]] = []

    def cell() -> Any:
        events = frame()
        made.append(weakref.ref(events))
        return plots.latency(events)

    run("one", cell)
    after_one = comms()
    for _ in range(39):
        run("one", cell)
    assert sum(each() is not None for each in made) == 1
    assert comms() == after_one
    assert len(run.names["Out"]) == 1  # type: ignore[attr-defined]


def test_forty_runs_of_a_panel_leave_one(run: Run) -> None:
    kit.marker("cells.one", n=int)
    first = run("one", lambda: kit.panel("cells.*"))
    after_one = comms()
    for _ in range(39):
        last = run("one", lambda: kit.panel("cells.*"))
    assert comms() == after_one
    assert (first.state.closed, last.state.closed) == (True, False)
    last.close()


def test_a_cell_that_shows_what_another_made_closes_nothing(run: Run) -> None:
    one = run("made", lambda: plots.latency(frame(10)))
    for _ in range(3):
        run("shown", lambda: one)
    other = run("shown", lambda: plots.latency(frame(10)))
    assert (one.closed, other.closed) == (False, False)
    run("made", lambda: plots.latency(frame(10)))
    assert (one.closed, other.closed) == (True, False)


def test_a_closed_plot_keeps_its_picture_on_the_page_and_forgets_its_events(run: Run) -> None:
    bokehjs()  # one for all
    before = comms()
    known = []

    def cell() -> Any:
        events = frame(1_000)
        known.append(weakref.ref(events))
        return plots.rate(events)

    with run("one", cell) as plot:
        [pane] = [
            each for each in ipywidgets.widgets.widget._instances.values() if isinstance(each, Pane)
        ]
        comm = pane.comm
    assert plot.closed
    assert known[0]() is None
    assert comms() == before
    # The page was told, and not to take the picture away.
    assert comm.custom()[-1][0] == {"type": "closed"}
    assert "comm_close" not in [kind for kind, *_ in comm.sent]
    assert "1,000 events" in repr(plot)
    assert "<html" in plot.to_html()
    with pytest.raises(ValueError, match="closed: make another"):
        plot.update(frame(10))
    plot.close()
    plot._repr_mimebundle_()


def test_a_closed_panel_frees_its_comms_and_stays_to_be_read(run: Run) -> None:
    commit = kit.span("cells.commit", n=int)
    bokehjs()  # one for all
    before = comms()
    with run("one", lambda: kit.panel("cells.*")) as shown:
        shown.start()
        with commit(1):
            pass
        shown._drawing.stop()
        shown._tabs.choose("latency")
        shown._draw()
        sent = [shown.widget.comm, *(pane.comm for _, pane in shown._tabs.current.shown)]
    assert len(sent) > 1
    assert comms() == before
    assert not [kind for comm in sent for kind, *_ in comm.sent if kind == "comm_close"]
    assert '"closed": true' in shown.widget.shown
    assert len(shown.frame()) == 1
    assert "widget-view" not in str(shown._repr_mimebundle_())
