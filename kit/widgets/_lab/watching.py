"""A transition of a live marker under real threads, next to the model's picture of the same one."""

from __future__ import annotations

import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import ipywidgets

from kit.core import barrier, marker
from kit.errors import SimulationError
from kit.plots import publication
from kit.probes import record
from kit.rcu.steps.catalogue import ALIASES, TRANSITIONS, machine
from kit.widgets._pane.pane import Pane
from kit.widgets._still import Still, pictures

if TYPE_CHECKING:
    import pandas as pd

    from kit.core import Connection, Marker
    from kit.plots.figures.publication import Publication
    from kit.rcu.steps.machine import Machine

__all__ = ["Watch"]

NAME: Final = "lab.watched"
GAP: Final = 0.0004
"""Seconds between dispatches, so that each can be seen."""
PATIENCE: Final = 60.0
"""Seconds until a thread is taken to be lost."""

_one_at_a_time = threading.Lock()


_WORDS = (
    "<p>the model of the same transition: a reader that began before the publication "
    "keeps the old array, and the grace period waits for it</p>"
)


class _Gate:
    """Keeps one dispatch inside a probe until it is opened."""

    def __init__(self) -> None:
        self.held: int | None = None
        self.arrived = threading.Event()
        self.opened = threading.Event()

    def probe(self, number: int) -> None:
        """Stay, if this is the thread that is to be held."""
        if number < 0 and threading.get_ident() == self.held:
            self.arrived.set()
            self.opened.wait(PATIENCE)


class Watch:
    """What really happened in a transition, and what the model says; see `kit.rcu.watch`.

    Parameters
    ----------
    transition : str
        As for `kit.rcu.machine`.
    dispatches : int
        How often each of the other readers dispatches before, during and after each change.

    Attributes
    ----------
    dispatches, publications : pandas.DataFrame
        What was recorded.
    plot : Publication
        The publication plot of it.
    machine : Machine
        The model, after the same order of steps.
    widget : ipywidgets.DOMWidget
        Both pictures.
    """

    def __init__(self, transition: str, dispatches: int = 12) -> None:
        name = transition.replace("->", "→").replace(" ", "")
        self.transition = ALIASES.get(name, name)
        if self.transition == "bit-fields":
            raise SimulationError("a live marker has no bit-fields; watch one of its transitions")
        changes = 2 if self.transition.count("→") == 2 else 1
        self.machine = _straddled(machine(self.transition, "kit", readers=2 * changes), changes)
        if not 1 <= dispatches <= 1000:
            raise SimulationError(f"{dispatches!r:.40} dispatches; between 1 and 1000")
        with _one_at_a_time:
            self.dispatches, self.publications = _run(self.transition, dispatches)
        self._plot: Publication | None = None
        self._widget: Any = None

    @property
    def plot(self) -> Publication:
        """The publication plot of the recorded dispatches."""
        if self._plot is None:
            self._plot = publication(self.dispatches, self.publications)
        return self._plot

    @property
    def model(self) -> str:
        """The model's picture of the same transition, as an SVG element."""
        return self.machine.timeline()

    @property
    def widget(self) -> Any:
        """Both pictures, one above the other."""
        if self._widget is None:
            pane = Pane(self.plot)
            self._still = Still(pane.still, self._picture, self.__repr__)
            self._widget = ipywidgets.VBox([pane, ipywidgets.HTML(_WORDS + self.model)])
        return self._widget

    @property
    def counts(self) -> dict[int, int]:
        """How many dispatches used each generation of the probe array."""
        return dict(sorted(Counter(self.dispatches["generation"].tolist()).items()))

    @property
    def late(self) -> int:
        """How many dispatches used an old array when its grace period had ended: none, always."""
        starts = self.dispatches["ts"].to_numpy()
        ends = starts + self.dispatches["dur"].to_numpy()
        used = self.dispatches["generation"].to_numpy()
        late = 0
        ended = self.publications.dropna(subset=["grace"])
        for ts, grace, generation in zip(
            ended["ts"].to_numpy(),
            ended["grace"].to_numpy(dtype="int64"),
            ended["generation"].to_numpy(),
            strict=True,
        ):
            late += int(((used < generation) & (ends > ts + grace)).sum())
        return late

    def __repr__(self) -> str:
        used = ", ".join(f"g{generation}: {count:,}" for generation, count in self.counts.items())
        return (
            f"<Watch of {self.transition}: {len(self.dispatches):,} dispatches ({used}), "
            f"{len(self.publications)} publications, {self.late} late>"
        )

    def _repr_html_(self) -> str:
        """The model's picture, where there are no widgets."""
        return self.model

    def _ipython_display_(self) -> None:
        live = self.widget._repr_mimebundle_()  # makes the picture, too
        self._still.display(live, {})

    def _picture(self) -> dict[str, Any]:
        page = f"{pictures([self.plot])['text/html']}{_WORDS}{self.model}"
        return {"text/plain": repr(self), "text/html": page}

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        data = self.widget._repr_mimebundle_()
        return {**data, "text/plain": repr(self), "text/html": self._repr_html_()}


def _straddled(model: Machine, changes: int) -> Machine:
    """The order of steps that the real threads are put in: one reader on both sides."""

    def go(thread: str, *, until: str = "") -> None:
        at = model.threads.index(thread)
        while thread in model.enabled:
            if until and model.state.threads[at].next == until:
                return
            model.step(thread)

    for change in range(changes):
        inside, other = f"reader {2 * change + 1}", f"reader {2 * change + 2}"
        model.run(inside, inside)
        go("updater")
        go(other)
        go(inside)
        go("updater", until="lock updates")
    return model


def _run(transition: str, count: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Make the transition with real threads, and give back what was recorded."""
    first, changes = TRANSITIONS[transition]
    watched = marker(NAME, number=int)
    gate = _Gate()
    probes = {func: _probe(func, gate) for func in "ABC"}
    connections = {func: watched.connect(probes[func], name=func) for func in first}
    with record(NAME, dispatches=True) as recorder:
        try:
            for number, change in enumerate(changes.split()):
                names = (f"reader {2 * number + 1}", f"reader {2 * number + 2}")
                _change(watched, change, names, connections, probes, gate, count)
            barrier(PATIENCE)
            recorder.stop()
        finally:
            for connection in connections.values():
                connection.disconnect()
        dispatches, publications = recorder.dispatches(), recorder.publications()
    own = publications.probe.isin(list(probes))
    return dispatches, publications[own].reset_index(drop=True)


def _probe(func: str, gate: _Gate) -> Any:
    def probe(number: int) -> None:
        gate.probe(number)

    probe.__name__ = probe.__qualname__ = func
    return probe


def _change(
    watched: Marker,
    change: str,
    names: tuple[str, str],
    connections: dict[str, Connection],
    probes: dict[str, Any],
    gate: _Gate,
    count: int,
) -> None:
    """One change: a reader is under way before it and ends after it, others come all the time."""
    gate.arrived.clear()
    gate.opened.clear()
    ready, published = threading.Barrier(3), threading.Event()

    def fire() -> None:
        for number in range(count):
            watched(number)
            time.sleep(GAP)

    def straddle() -> None:
        gate.held = threading.get_ident()
        fire()
        ready.wait(PATIENCE)
        watched(-1)
        gate.arrived.set()  # where nothing was connected, nobody was held

    def stream() -> None:
        fire()
        ready.wait(PATIENCE)
        fire()
        published.wait(PATIENCE)
        fire()

    threads = [
        threading.Thread(target=straddle, name=names[0]),
        threading.Thread(target=stream, name=names[1]),
    ]
    for thread in threads:
        thread.start()
    try:
        ready.wait(PATIENCE)
        gate.arrived.wait(PATIENCE)
        func = change[1]
        if change[0] == "+":
            connections[func] = watched.connect(probes[func], name=func)
        else:
            connections.pop(func).disconnect()
        published.set()
        threads[1].join(PATIENCE)
    finally:
        published.set()
        gate.opened.set()
        threads[0].join(PATIENCE)
