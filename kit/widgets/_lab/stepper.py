"""The stepper: a simulation under the hand, one small step at a time."""

from __future__ import annotations

import html
import json
import threading
from typing import TYPE_CHECKING, Any, Final

import anywidget
import traitlets

from kit.core._runtime import stays
from kit.errors import SimulationError
from kit.probes._validation import COUNT
from kit.widgets import _kernel as kernel
from kit.widgets._bundle import script
from kit.widgets._lab.stepper_view import describe
from kit.widgets._messages import WORDS, understood
from kit.widgets._still import Still, key

if TYPE_CHECKING:
    from kit.rcu.steps.explore import Exploration
    from kit.rcu.steps.machine import Machine

__all__ = ["Stepper"]

_MESSAGES: Final[dict[str, Any]] = {
    "step": {"thread": WORDS},
    "back": {},
    "forward": {},
    "goto": {"step": COUNT},
    "run-to": {"bad": WORDS},
    "nearest": {},
    "explore": {},
}


class _Page(anywidget.AnyWidget):
    """The stepper's widget: carries text to the page and clicks back."""

    _esm = script("dom.js", "still.js", "_lab/stepper.js")
    _css = script("base.css", "_lab/stepper.css")
    still = traitlets.Unicode(help="The name of its static picture.").tag(sync=True)
    shown = traitlets.Unicode("{}", help="What to draw, as JSON.").tag(sync=True)


class Stepper:
    """A machine with its steps under the hand; see `kit.rcu.stepper`.

    Parameters
    ----------
    machine : Machine
        What is stepped. Whoever moves it elsewhere moves the stepper too.

    Attributes
    ----------
    machine : Machine
        The same.
    found : Exploration or None
        What exploring gave, once it was done.
    widget : ipywidgets.DOMWidget
        To put into layouts of your own.

    Examples
    --------
    >>> from kit import rcu
    >>> stepper = rcu.stepper(rcu.machine("2→1", "kit", faults=["no grace period"]))
    >>> stepper.run_to("use after free")
    >>> stepper.machine.bad[0].sentence
    'reader looked at array 1 after it was freed'
    >>> stepper.explore().verdict("use after free")
    'Sometimes'
    """

    def __init__(self, machine: Machine) -> None:
        kernel.replace_in_cell(self.close)
        self.machine = machine
        self.found: Exploration | None = None
        self.closed = False
        self._lock = threading.RLock()
        self._quiet = False
        self.widget = _Page(still=key())
        self._still = Still(self.widget.still, self._picture, self.__repr__)
        self.widget.on_msg(self._on_message)
        machine.watch(self._moved)
        self._push("")

    # What the buttons do.

    def step(self, thread: str) -> None:
        """Let a thread take its next step."""
        self.machine.step(thread)

    def back(self, steps: int = 1) -> None:
        """Take steps back."""
        self.machine.back(steps)

    def forward(self, steps: int = 1) -> None:
        """Take steps again that were taken back."""
        self.machine.forward(steps)

    def reset(self) -> None:
        """Go back to the start."""
        self.machine.reset()

    def run_to(self, bad: str | None = None, *, restart: bool = False) -> None:
        """Take the shortest way to a bad state.

        Parameters
        ----------
        bad : str, optional
            Its name; the nearest one if left out.
        restart : bool
            From the start rather than from here.

        Raises
        ------
        kit.errors.SimulationError
            When no way leads there.
        """
        with self._lock:
            self._quiet = True
            try:
                if restart:
                    self.machine.reset()
                self.machine.run_to(bad)
            finally:
                self._quiet = False
        self._moved()

    def explore(self) -> Exploration:
        """Take every interleaving, and show how many there are and what they come to.

        Returns
        -------
        Exploration
            The same as ``machine.explore()``.
        """
        self.found = self.machine.explore()
        end = "no bad state" if self.found.safe else f"bad: {', '.join(self.found.bad)}"
        self._push(
            f"{self.found.states:,} states, {self.found.interleavings:,} interleavings: {end}."
        )
        return self.found

    def close(self) -> None:
        """Take the stepper off the page."""
        if self.closed:
            return
        self.closed = True
        self.machine.unwatch(self._moved)
        kernel.free(self.widget)

    # To the page and from it.

    def _moved(self) -> None:
        if self._quiet:
            return
        trace = self.machine.trace
        words = f"{trace[-1].thread}: {trace[-1].text}." if trace else "At the start."
        # A deadlock is nobody's step: it is in `bad`, and in no step of the trace.
        known = {each for step in trace for each in step.bad}
        wrong = [*(trace[-1].bad if trace else ())]
        wrong += [each for each in self.machine.bad if each not in known]
        if wrong:
            self._push(f"{words} {'; '.join(map(str, wrong))}.", bad=True)
        else:
            self._push(words)

    def _push(self, words: str, *, bad: bool = False) -> None:
        with self._lock:
            shown = describe(self.machine, self.found)
            self.widget.shown = json.dumps({**shown, "message": words, "wrong": bad})

    def _on_message(self, _widget: object, sent: object, _buffers: object) -> None:
        content = None if self.closed else understood(sent, _MESSAGES)
        if content is None:
            return
        try:
            with self._lock:
                self._act(content)
        except SimulationError as error:  # the reader sees it, and goes on
            self._push(str(error), bad=True)

    def _act(self, content: dict[str, Any]) -> None:
        match content:
            case {"type": "step", "thread": thread}:
                self.step(thread)
            case {"type": "back"}:
                self.back()
            case {"type": "forward"}:
                self.forward()
            case {"type": "goto", "step": step}:
                taken = len(self.machine.trace)
                self.back(taken - step) if step < taken else self.forward(step - taken)
            case {"type": "run-to", "bad": bad}:
                self.run_to(bad, restart=True)
            case {"type": "nearest"}:
                self.run_to()
            case {"type": "explore"}:
                self.explore()

    __reduce__ = stays("make another one of its machine")

    def __repr__(self) -> str:
        return f"<Stepper of {self.machine!r}>\n{self.machine}"

    def _repr_html_(self) -> str:
        """The state, where there are no widgets."""
        return f"{self.machine.state.svg()}<pre>{html.escape(str(self.machine))}</pre>"

    def _ipython_display_(self) -> None:
        self._still.display(*(self.widget._repr_mimebundle_() or ({}, {})))

    def _picture(self) -> dict[str, Any]:
        return {"text/plain": repr(self), "text/html": self._repr_html_()}

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        data, metadata = self.widget._repr_mimebundle_() or ({}, {})
        return {**data, "text/plain": repr(self), "text/html": self._repr_html_()}, metadata
