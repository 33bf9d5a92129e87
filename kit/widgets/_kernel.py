"""The few things that widgets need to know of the kernel they run in."""

from __future__ import annotations

import sys
import threading
import weakref
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from ipywidgets import DOMWidget, Widget

__all__ = [
    "after_cells",
    "answer_at_once",
    "busy",
    "free",
    "in_notebook",
    "namespace",
    "replace_in_cell",
    "watch",
]

_running = False
_watched: Any = None


def _shell() -> Any:
    """Return the running IPython shell, or None; never starts or imports one."""
    # One that another thread is importing has no shell yet.
    get_ipython = getattr(sys.modules.get("IPython"), "get_ipython", None)
    return None if get_ipython is None else get_ipython()


def _cell_begins(*_: object) -> None:
    global _running
    _running = True


def _cell_ended(*_: object) -> None:
    global _running
    _running = False


def watch() -> None:
    """Begin to note when cells run; once for each shell, however often it is called."""
    global _watched, _running
    shell = _shell()
    if shell is None or shell is _watched:
        return
    _watched = shell
    _running = True  # the cell that makes the first widget began before anyone could note it
    shell.events.register("pre_run_cell", _cell_begins)
    shell.events.register("post_run_cell", _cell_ended)


def busy() -> bool:
    """Tell whether a cell is running, so that messages from the browser may have to wait.

    Returns
    -------
    bool
        False outside IPython.

    Examples
    --------
    >>> busy()
    False
    """
    return _running


def namespace() -> dict[str, Any]:
    """Return the names that the user has defined, in a notebook or a script.

    Returns
    -------
    dict
        Live: from name to value.

    Examples
    --------
    >>> isinstance(namespace(), dict)
    True
    """
    shell = _shell()
    return vars(sys.modules["__main__"]) if shell is None else shell.user_ns


def answer_at_once(widget: Widget) -> None:
    """Let a widget's messages from the browser be handled while a cell runs.

    JupyterLab sends widget messages to a second thread of the kernel (a subshell), so that they
    need not wait for a running cell.  ipykernel 7.4 sends the answers of a widget that a cell
    created back to the queue behind that cell; for a panel, whose *stop* button matters most while
    a cell runs, the browser's choice is the better one.  Where the kernel or the front end has no
    subshells this changes nothing, and clicks are handled when the cell has ended.

    Parameters
    ----------
    widget : ipywidgets.Widget
        Its message handlers must be safe on any thread.
    """
    comm = widget.comm
    if hasattr(comm, "_reply_subshell_for"):
        comm._reply_subshell_for = lambda _data, default: default


def free(widget: DOMWidget, *, leave: bool = False) -> None:
    """Close a widget, with the comm of its layout too.

    Parameters
    ----------
    widget : ipywidgets.DOMWidget
    leave : bool
        Leave it on the page as it is: without a word to the page, which would take it away.
    """
    both = (widget, widget.layout)
    for each in both:
        if leave and each.comm is not None:
            each.comm.publish_msg = lambda *_, **__: None
    for each in both:
        each.close()


def _forget(value: object) -> None:
    """Take what a cell has shown out of ``Out``, where IPython would keep it for good."""
    names: dict[str, Any] = getattr(_shell(), "user_ns", {})
    outputs: dict[int, object] = names.get("Out", {})
    for number in [number for number, output in outputs.items() if output is value]:
        del outputs[number]
        names.pop(f"_{number}", None)


_made: dict[str, tuple[str, list[weakref.WeakMethod[Callable[[], None]]]]] = {}
"""By cell: the run that made them, and how to close each."""


def replace_in_cell(close: Callable[[], None]) -> None:
    """Close what earlier runs of this cell have made, so that running it again adds nothing.

    Parameters
    ----------
    close : bound method
        Closes what this run makes; its object is not kept alive.  Outside a notebook nothing is
        known of cells, and nothing is closed.
    """
    if threading.current_thread() is not threading.main_thread():
        return  # made by no cell: the plots of a panel, for example
    shell = _shell()
    parent: dict[str, Any] = getattr(getattr(shell, "kernel", None), "get_parent", dict)()
    cell = parent.get("metadata", {}).get("cellId")
    run = parent.get("header", {}).get("msg_id")
    if not cell or not run:
        return
    before, made = _made.get(cell, ("", []))
    if before != run:
        for reference in made:
            old = reference()
            if old is not None:
                old()
                _forget(old.__self__)  # type: ignore[attr-defined]
        made = []
    _made[cell] = (run, [*made, weakref.WeakMethod(close)])


_followed: dict[Callable[..., object], Any] = {}
"""By callback: the shell that calls it."""


def after_cells(callback: Callable[..., object]) -> None:
    """Have a function called whenever a cell has ended; once, however often it is asked for.

    Parameters
    ----------
    callback : callable
        Takes whatever IPython passes.
    """
    shell = _shell()
    if shell is not None and _followed.get(callback) is not shell:
        _followed[callback] = shell
        shell.events.register("post_run_cell", callback)


def in_notebook() -> bool:
    """Tell whether there is a kernel, so that outputs are kept and can be shown again.

    Returns
    -------
    bool
        False in a plain shell, IPython's too.

    Examples
    --------
    >>> in_notebook()
    False
    """
    return getattr(_shell(), "kernel", None) is not None
