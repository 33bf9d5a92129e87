"""What a notebook shows of a widget when its kernel is gone: a static picture beside the live view.

A front end that knows widgets shows nothing else of an output that has one, be it dead.  So the
picture is an output of its own, after that of the view: the view hides it while it is alive (see
``still.js``), and the picture hides what is said of a view that is gone.  It is drawn again when
a cell has ended or when its owner says so, and only if it differs.
"""

from __future__ import annotations

import html
import time
import uuid
import weakref
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Any, Final

from kit.widgets import _kernel as kernel

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kit.plots._plot import Plot

__all__ = ["Still", "key", "pictures"]

PATIENCE: Final = 0.5
"""Seconds at the end of a cell for drawing pictures again; what is left waits for the next."""

# What JupyterLab writes in place of a view whose model is gone is bare text, in no element.
_GONE: Final = (
    '<style>.jp-OutputArea-child:has(+ .jp-OutputArea-child [data-kit-still="{key}"])'
    " > .jp-OutputArea-output:not(:has(*)) {{ display: none; }}</style>"
)

_shown: weakref.WeakSet[Still] = weakref.WeakSet()


def key() -> str:
    """Make a name by which a live view finds its picture.

    Examples
    --------
    >>> key() != key()
    True
    """
    return uuid.uuid4().hex


class Still:
    """The static picture of a widget.

    Parameters
    ----------
    key : str
        The widget's trait ``still``.
    make : callable
        Returns what to show, by mime type: ``text/html``, ``text/plain`` and what else there is.
    state : callable
        Returns what the picture depends on; nothing is drawn again while it stays equal.
    """

    def __init__(
        self,
        key: str,
        make: Callable[[], dict[str, Any]],
        state: Callable[[], object],
    ) -> None:
        self.key, self._make, self._state = key, make, state
        self._drawn: object = None
        self._sent: object = None

    def bundle(self) -> dict[str, Any]:
        """Draw it now: what an output shows of it, by mime type."""
        made = self._make()
        page = made["text/html"]
        marked = f'<div data-kit-still="{self.key}">{page}</div>{_GONE.format(key=self.key)}'
        return {**made, "text/html": marked}

    def display(self, data: dict[str, Any], metadata: dict[str, Any]) -> None:
        """Show a live view and, as an output after it, the picture.

        Parameters
        ----------
        data, metadata : dict
            The live view's own bundle.

        Raises
        ------
        NotImplementedError
            Outside a notebook: there IPython goes on to the object's other representations.
        """
        if not kernel.in_notebook():
            raise NotImplementedError
        from IPython.display import display

        # The words are with the picture, which is kept up to date.
        display({**data, "text/plain": ""}, metadata=metadata, raw=True)
        self._drawn = self._state()
        self._sent = bundle = self.bundle()
        display(bundle, metadata=_sizes(bundle), raw=True, display_id=self.key)
        _shown.add(self)
        kernel.after_cells(_cell_ended)

    def refresh(self) -> None:
        """Draw the picture again, in place, if it was shown and has changed since."""
        if self._sent is None or not kernel.in_notebook():
            return
        state = self._state()
        if state == self._drawn:
            return
        self._drawn = state
        bundle = self.bundle()
        if bundle != self._sent:
            from IPython.display import update_display

            self._sent = bundle
            update_display(bundle, metadata=_sizes(bundle), raw=True, display_id=self.key)

    def close(self) -> None:
        """Leave the picture as it is from now on."""
        self._sent = None
        _shown.discard(self)


def pictures(plots: Sequence[Plot]) -> dict[str, Any]:
    """Draw plots, one below the other.

    Parameters
    ----------
    plots : sequence of Plot

    Returns
    -------
    dict
        By mime type; ``image/png`` only of one plot, for an output can have one.

    Examples
    --------
    >>> import pandas as pd
    >>> from kit import plots
    >>> plot = plots.rate(pd.DataFrame({"ts": [0, 10], "marker": "db.query"}))
    >>> sorted(pictures([plot]))
    ['image/png', 'text/html']
    """
    parts, last = [], ""
    for plot in plots:
        last = b64encode(plot.to_png()).decode("ascii")
        # What a sanitizer takes away, style and class, is not missed.
        parts.append(
            f'<img alt="{html.escape(repr(plot)[1:-1])}" width="{_width(last)}" '
            f'src="data:image/png;base64,{last}"/>'
        )
    found = {"text/html": "<br/>".join(parts)}
    return {**found, "image/png": last} if len(parts) == 1 else found


def _width(png: str) -> int:
    """Width in px of a picture in base 64, which has two pixels to each."""
    return int.from_bytes(b64decode(png[:32])[16:20]) // 2


def _sizes(bundle: dict[str, Any]) -> dict[str, Any]:
    if "image/png" not in bundle:
        return {}
    return {"image/png": {"width": _width(bundle["image/png"])}}


def _cell_ended(*_: object) -> None:
    end = time.monotonic() + PATIENCE
    for still in list(_shown):
        if time.monotonic() > end:
            return
        still.refresh()
