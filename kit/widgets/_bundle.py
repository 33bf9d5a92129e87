"""The kit's own scripts and style sheets, and BokehJS from the installed Bokeh.

BokehJS travels to the page as the state of a widget.  Nothing is loaded from the internet, no
second server is needed, and a notebook does not grow by megabytes: the code goes to each page once,
however many panes are in it.
"""

from __future__ import annotations

import gzip
import threading
from importlib.resources import files
from pathlib import Path
from typing import Any

import anywidget
import bokeh
import traitlets

from kit.plots._theme import TWINS

__all__ = ["BokehJS", "bokehjs", "script"]


def script(*names: str) -> str:
    """Join files of this package into one text; scripts become one module.

    Parameters
    ----------
    *names : str
        In order; only the last script exports anything.

    Returns
    -------
    str

    Examples
    --------
    >>> "export default" in script("_pane/pane.js")
    True
    """
    return "\n".join(files(__package__).joinpath(name).read_text("utf-8") for name in names)


COMPONENTS = ("bokeh", "bokeh-gl", "bokeh-widgets")


class BokehJS(anywidget.AnyWidget):
    """Carries BokehJS to the page, and what colours are called in the dark.  It shows nothing."""

    _esm = "export default {}"
    version = traitlets.Unicode(bokeh.__version__, read_only=True).tag(sync=True)
    twins = traitlets.Dict(TWINS, read_only=True).tag(sync=True)
    code = traitlets.Bytes(read_only=True).tag(sync=True)

    @traitlets.default("code")
    def _code(self) -> bytes:
        folder = Path(bokeh.__file__).parent / "server" / "static" / "js"
        parts = [(folder / f"{name}.min.js").read_bytes() for name in COMPONENTS]
        return gzip.compress(b"\n;".join(parts), compresslevel=6, mtime=0)


_lock = threading.Lock()
_shared: BokehJS | None = None


def bokehjs() -> BokehJS:
    """Return the widget that carries BokehJS; one for the whole kernel.

    Returns
    -------
    BokehJS
        Made anew if the last one was closed, as ``ipywidgets.Widget.close_all()`` does.

    Examples
    --------
    >>> bokehjs() is bokehjs()
    True
    """
    global _shared
    with _lock:
        if _shared is None or _closed(_shared):
            _shared = BokehJS()
        return _shared


def _closed(widget: Any) -> bool:
    return widget.comm is None
