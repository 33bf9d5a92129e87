"""What a page sends, checked before anything is done about it.

A page is not this process: it may be older than the kernel, or somebody else may speak in its
place. What is missing something, or has too much of it, is refused as a whole, with a sentence in
the log.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from kit.errors import KitError
from kit.probes._validation import COUNT, FLAG, Kind, conform

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "EVENTS",
    "LONGEST",
    "NAMES",
    "VIEW",
    "VIEWS",
    "WORDS",
    "sentence",
    "understood",
]

log = logging.getLogger(__name__)

LONGEST: Final = 10_000
"""How many characters a text from a page may have."""

_MOST_EVENTS: Final = 10_000

WORDS: Final = Kind(
    f"text of at most {LONGEST:,} characters",
    lambda value: type(value) is str and len(value) <= LONGEST,
)
NAMES: Final = Kind(
    "a list of at most 1,000 texts",
    lambda value: (
        type(value) is list and len(value) <= 1_000 and all(WORDS.fits(each) for each in value)
    ),
)
EVENTS: Final = Kind(
    f"a list of at most {_MOST_EVENTS:,} mappings",
    lambda value: (
        type(value) is list
        and len(value) <= _MOST_EVENTS
        and all(type(each) is dict for each in value)
    ),
)
VIEW: Final = Kind(
    "the name of a view, of 1 to 100 characters",
    lambda value: type(value) is str and 0 < len(value) <= 100,
)

VIEWS: Final[dict[str, Any]] = {
    "joined": {"view": VIEW, "number": COUNT, "visible": FLAG},
    "painted": {"view": VIEW, "number": COUNT},
    "shown": {"view": VIEW, "visible": FLAG},
    "left": {"view": VIEW},
}
"""What views say of themselves, see `kit.widgets._pane.flow_control`."""


def understood(
    content: object, schemas: Mapping[str, Any], name: str = "type"
) -> dict[str, Any] | None:
    """Return what a message says, as far as its schema names it; None where it is refused.

    Parameters
    ----------
    content : object
        From the page.
    schemas : mapping
        By kind of message, see `kit.probes._validation`.
    name : str
        Under which key a message says of which kind it is.

    Returns
    -------
    dict or None

    Examples
    --------
    >>> understood({"type": "left", "view": "a", "more": 1}, VIEWS)
    {'type': 'left', 'view': 'a'}
    """
    try:
        kinds = Kind(f"one of {', '.join(schemas)}", lambda value: _is_key(value, schemas))
        kind = conform(content, {name: kinds})[name]
        return {name: kind, **conform(content, schemas[kind])}
    except ValueError as error:
        log.warning("A message from a page was refused: %s", error)
        return None


def sentence(error: Exception) -> str:
    """Say what went wrong, for a reader who does not know the numbers of an operating system.

    Examples
    --------
    >>> sentence(FileNotFoundError(2, "No such file or directory", "runs/monday"))
    'There is no file or folder runs/monday.'
    >>> sentence(PermissionError(13, "Permission denied", "/srv/run"))
    '/srv/run: permission denied.'
    >>> sentence(OSError(28, "No space left on device"))
    'No space left on device.'
    >>> sentence(KeyError("qty"))
    "KeyError: 'qty'"
    """
    if isinstance(error, OSError) and error.strerror:
        if error.filename is None:
            return f"{error.strerror}."
        if isinstance(error, FileNotFoundError):
            return f"There is no file or folder {error.filename}."
        return f"{error.filename}: {error.strerror[:1].lower()}{error.strerror[1:]}."
    if isinstance(error, (KitError, OSError, ImportError)) or type(error) in (
        TypeError,
        ValueError,
    ):
        return str(error)
    return f"{type(error).__name__}: {error}"


def _is_key(value: object, schemas: Mapping[str, Any]) -> bool:
    return type(value) is str and value in schemas
