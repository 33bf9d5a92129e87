"""Markers and probes for Python, from shipped code to a notebook.

A site fires a marker; the marker reads one published probe array and calls what is in it; some
probes record; what was recorded becomes frames; frames become pictures; widgets connect,
disconnect and show.

``import kit`` imports nothing outside the standard library. What needs pandas, Bokeh or ipywidgets
is imported when it is first used.
"""

from __future__ import annotations

from kit import errors
from kit.core import (
    Connection,
    Format,
    Label,
    Marker,
    PatternConnection,
    Span,
    barrier,
    batch,
    connect,
    defer,
    disconnect,
    marker,
    markers,
    span,
    synchronize,
)
from kit.core._publication.fork import import_room
from kit.core._registry import registry
from kit.core._runtime import dispatcher

# A type checker takes this name for true. It is not imported from `typing`, which takes as long to
# import as all that firing a marker needs; the same line stands in each module that this one loads.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

    from kit import analysis, demo, frames, plots, probes, rcu, testing, widgets
    from kit.frames import open
    from kit.probes import aggregate, record
    from kit.probes._context import context
    from kit.probes._trigger import trigger
    from kit.probes.filters._budget import budget
    from kit.probes.sessions._making import session
    from kit.widgets._panel.widget import panel

__version__ = "0.1.0"


def _make_filter(*args: Any, **options: Any) -> Any:
    """Make what ``when=`` and its kin ask for; imported when somebody asks."""
    import_room("kit.probes.filters._filter")
    from kit.probes.filters._filter import make_filter

    return make_filter(*args, **options)


registry.make_filter = _make_filter

__all__ = [
    "Connection",
    "Format",
    "Label",
    "Marker",
    "PatternConnection",
    "Span",
    "aggregate",
    "analysis",
    "barrier",
    "batch",
    "budget",
    "connect",
    "context",
    "defer",
    "demo",
    "disconnect",
    "dispatcher",
    "errors",
    "frames",
    "marker",
    "markers",
    "open",
    "panel",
    "plots",
    "probes",
    "rcu",
    "record",
    "session",
    "span",
    "synchronize",
    "testing",
    "trigger",
    "widgets",
]

_ROOMS: Final = frozenset(
    ("analysis", "demo", "frames", "plots", "probes", "rcu", "testing", "widgets")
)
_LAZY: Final = {
    "aggregate": "kit.probes",
    "budget": "kit.probes.filters._budget",
    "context": "kit.probes._context",
    "open": "kit.frames",
    "panel": "kit.widgets",
    "record": "kit.probes",
    "session": "kit.probes.sessions._making",
    "trigger": "kit.probes._trigger",
}
# Where else a name was found before it had one home; these spellings go on working until 1.0.
_BEFORE: Final = {
    **dict.fromkeys(("disconnect_private", "private_data"), "kit.core"),
    **dict.fromkeys(errors.__all__, "kit.errors"),
}
_EXTRAS: Final = {
    "kit.analysis": "frames",
    "kit.frames": "frames",
    "kit.plots": "lab",
    "kit.widgets": "lab",
}


def _late(name: str) -> Any:
    """Import what is asked for when it is first asked for."""
    home = f"kit.{name}" if name in _ROOMS else _LAZY.get(name) or _BEFORE.get(name)
    if home is None:
        raise AttributeError(f"module 'kit' has no attribute {name!r}")
    try:
        module = import_room(home)
    except ModuleNotFoundError as error:
        extra = _EXTRAS.get(home)
        if extra is None or error.name is None or error.name.startswith("kit"):
            raise
        raise ModuleNotFoundError(
            f"kit.{name} needs {error.name}: pip install 'markers-kit[{extra}]'", name=error.name
        ) from error
    if name == "plots":
        _install_display()
    value = module if name in _ROOMS else getattr(module, name)
    globals()[name] = value
    return value


def _install_display() -> None:
    """Let plots show themselves through the widgets, which they know nothing of."""
    try:
        import kit.widgets  # noqa: F401 - it installs itself
    except ModuleNotFoundError:
        pass  # no ipywidgets here: plots show as static pages


if not TYPE_CHECKING:  # else each name that is misspelt would be something to a type checker
    __getattr__ = _late


def __dir__() -> list[str]:
    return sorted((*__all__, "__version__"))
