"""The board: the marker's code with a switch for every barrier, and verdicts beside it."""

from __future__ import annotations

import html
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import anywidget
import traitlets

from kit.core._runtime import stays
from kit.errors import LitmusError
from kit.rcu import models as known
from kit.rcu.cases import Case, case
from kit.widgets import _kernel as kernel
from kit.widgets._bundle import script
from kit.widgets._lab.board_view import KIT, View, describe, table_of
from kit.widgets._messages import WORDS, understood
from kit.widgets._still import Still, key

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kit.rcu import Matrix
    from kit.rcu.cases import Choices
    from kit.rcu.models import Model

__all__ = ["Board"]

_MESSAGES: Final[dict[str, Any]] = {
    "set": {"switch": WORDS, "option": WORDS},
    "reset": {"preset": WORDS},
    "look": {"question": WORDS, "model": WORDS},
}


class _Page(anywidget.AnyWidget):
    """The board's widget: carries text to the page and clicks back."""

    _esm = script("dom.js", "still.js", "_lab/board.js")
    _css = script("base.css", "_lab/board.css")
    still = traitlets.Unicode(help="The name of its static picture.").tag(sync=True)
    shown = traitlets.Unicode("{}", help="What to draw, as JSON.").tag(sync=True)


class Board:
    """A case with its switches under the hand; see `kit.rcu.board`.

    Parameters
    ----------
    transition : str or Case
        The case.
    start : str or mapping
        A preset, or options by switch.
    models : iterable of str or Model
        The columns of the table of verdicts.

    Attributes
    ----------
    widget : ipywidgets.DOMWidget
        To put into layouts of your own.

    Examples
    --------
    >>> board = Board("N→1")
    >>> board.set("grace-period", "smp_mb")
    >>> board.matrix["freed", "sc"].verdict
    'Sometimes'
    >>> board.choices["grace-period"]
    'smp_mb'
    """

    def __init__(
        self,
        transition: str | Case,
        start: str | Choices = "posted",
        models: Iterable[str | Model] = known.NAMES,
    ) -> None:
        kernel.replace_in_cell(self.close)
        chosen = case(transition)
        columns = tuple(known.get(each) for each in models)
        if not columns:
            raise LitmusError("a board needs a model")
        if start == "posted" and "posted" not in chosen.presets:
            start = "fixed"
        self._view = View(
            chosen,
            chosen,
            chosen.choices(start),
            columns,
            chosen.questions[0].name,
            columns[-1].name,
        )
        self._before: Matrix | None = None
        self.closed = False
        self.widget = _Page(still=key())
        self._still = Still(self.widget.still, self._picture, self.__repr__)
        self.widget.on_msg(self._on_message)
        self._look_at_the_worst()
        self._push("")

    @property
    def case(self) -> Case:
        """The code that is shown."""
        return self._view.case

    @property
    def choices(self) -> dict[str, str]:
        """The option of every switch."""
        return dict(self._view.choices)

    @property
    def matrix(self) -> Matrix:
        """The verdicts."""
        return table_of(self._view)

    @property
    def text(self) -> str:
        """The litmus test that the board shows."""
        return self.case.text(self.choices, self._view.question)

    def set(self, switch: str, option: str) -> None:
        """Put a switch into a position.

        Parameters
        ----------
        switch, option : str
            Names, as in ``board.case.switches``.

        Raises
        ------
        kit.errors.LitmusError
            When there is no such switch or option.
        """
        chosen = self.case.choices({**self.choices, self.case.switch(switch).name: option})
        self._change(replace(self._view, choices=chosen), f"{switch}: {option}.")

    def reset(self, preset: str = "posted") -> None:
        """Put all switches as in a preset; ``kit`` shows the kit's own code.

        Parameters
        ----------
        preset : str
            Its name.

        Raises
        ------
        kit.errors.LitmusError
            When there is none of that name.
        """
        shown = case(KIT) if preset == "kit" else self._view.origin
        view = replace(self._view, case=shown, choices=shown.choices(preset))
        if view.question not in [each.name for each in shown.questions]:
            view = replace(view, question=shown.questions[0].name)
        self._change(view, f"{preset}.")

    def look(self, question: str, model: str) -> None:
        """Look at one verdict: a witness, or why there is none.

        Parameters
        ----------
        question, model : str
            A row and a column.

        Raises
        ------
        kit.errors.LitmusError
            When there is no such row or column.
        """
        self.case.question(question)
        if model not in [each.name for each in self._view.models]:
            raise LitmusError(f"this board has no model {model!r}")
        self._view = replace(self._view, question=question, model=model)
        self._push(f"{question} under {model}.")

    def close(self) -> None:
        """Take the board off the page."""
        self.closed = True
        kernel.free(self.widget)

    def _change(self, view: View, words: str) -> None:
        self._before = table_of(self._view) if view.case is self._view.case else None
        self._view = view
        self._push(words)

    def _look_at_the_worst(self) -> None:
        for row in self.matrix.rows:
            if row.verdicts[-1].verdict != "Never":
                self._view = replace(self._view, question=row.test)
                return

    def _push(self, words: str, *, bad: bool = False) -> None:
        shown = describe(self._view, self._before)
        changed = [
            f"{row['name']} under {cell['model']} is now {cell['verdict']}"
            for row in shown["rows"]
            for cell in row["cells"]
            if cell["was"]
        ]
        news = ", ".join(changed) + "." if changed else ""
        self.widget.shown = json.dumps({**shown, "message": f"{words} {news}".strip(), "bad": bad})

    def _on_message(self, _widget: object, sent: object, _buffers: object) -> None:
        content = None if self.closed else understood(sent, _MESSAGES)
        if content is None:
            return
        try:
            match content:
                case {"type": "set", "switch": switch, "option": option}:
                    self.set(switch, option)
                case {"type": "reset", "preset": preset}:
                    self.reset(preset)
                case {"type": "look", "question": question, "model": model}:
                    self.look(question, model)
        except LitmusError as error:  # the reader sees it, and goes on
            self._push(str(error), bad=True)

    __reduce__ = stays("make another one of its case and choices")

    def __repr__(self) -> str:
        return f"<Board of {self.case.name}>\n{self.matrix!r}"

    def _repr_html_(self) -> str:
        """The verdicts and the code, where there are no widgets."""
        return f"{self.matrix._repr_html_()}<pre>{html.escape(self.text)}</pre>"

    def _ipython_display_(self) -> None:
        self._still.display(*(self.widget._repr_mimebundle_() or ({}, {})))

    def _picture(self) -> dict[str, Any]:
        return {"text/plain": repr(self), "text/html": self._repr_html_()}

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        data, metadata = self.widget._repr_mimebundle_() or ({}, {})
        return {**data, "text/plain": repr(self), "text/html": self._repr_html_()}, metadata
