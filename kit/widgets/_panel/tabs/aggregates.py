"""The tab Aggregates: a plot for each aggregate, as it grows."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from kit.widgets._pane.pane import Pane
from kit.widgets._panel.tabs.tab import LINGER, PAUSE, Tab

if TYPE_CHECKING:
    from kit.plots._plot import Plot
    from kit.probes.aggregates import Aggregate, Table
    from kit.widgets._panel.state import PanelState

__all__ = ["MOST", "AggregatesTab"]

MOST: Final = 8
"""How many aggregates are drawn at once; the filter finds the others."""


class AggregatesTab(Tab):
    """A plot for each aggregate that is shown."""

    key, title = "aggregates", "Aggregates"
    hint = "counts, averages and histograms, as they grow"
    parts = ("aggregates",)
    missing = "no aggregates in it"

    def __init__(self, state: PanelState) -> None:
        super().__init__(state)
        # The aggregate is held, so that no other one can have its identity.
        self._made: dict[int, tuple[Aggregate | Table, Plot, Pane]] = {}
        self._drawn: dict[int, object] = {}

    def _note(self) -> str:
        found = len(self._wanted())
        if not found:
            return (
                "Nothing aggregated yet: connect aggregate to a marker; "
                "the triangle before its name shows of which field, and by what."
            )
        return f"{found - MOST:,} more: filter to see them." if found > MOST else ""

    def refresh(self) -> bool | None:
        """Bring the plots up to date; return whether there are others than before."""
        self._close_gone(time.monotonic() - LINGER)
        wanted = {id(each): each for each in self._wanted()[:MOST]}
        before = list(self._made)
        for key in [key for key in before if key not in wanted]:
            self._retire([self._made.pop(key)[2]])
            self._drawn.pop(key, None)
        for key, aggregate in wanted.items():
            version = _version(aggregate)
            if key not in self._made:
                self._make(key, aggregate)
            elif self._drawn[key] != version and self._made[key][2].visible:
                _, plot, pane = self._made[key]
                with pane.changes():
                    plot.update(aggregate)
                time.sleep(PAUSE)
            self._drawn[key] = version
        self._made = {key: self._made[key] for key in wanted}
        self.shown = [(plot, pane) for _, plot, pane in self._made.values()]
        return list(self._made) != before

    def _wanted(self) -> list[Aggregate | Table]:
        opened = self._state.sessions.opened
        return [*self._state.aggregates()] if opened is None else [*opened.aggregates]

    def _make(self, key: int, aggregate: Aggregate | Table) -> None:
        from kit import plots

        plot = plots.aggregate(aggregate)
        self._made[key] = (aggregate, plot, Pane(plot))

    def close(self) -> None:
        """Free all plots."""
        self._made.clear()
        super().close()


def _version(numbers: Aggregate | Table) -> object:
    """Tell apart what would be drawn; what was saved stays what it is."""
    running = getattr(numbers, "running", False)
    return (numbers.count, numbers.dropped, running, getattr(numbers, "state", ""))
