r"""Text that Arrow refuses, written so that it can be read back.

Arrow strings are UTF-8, and UTF-8 has no lone surrogates; Python text may (file names decoded with
``surrogateescape``, broken input). In a frame a lone surrogate is written as a backslash, ``u`` and
its four hex digits: ``'\udc80'`` becomes the six characters ``\udc80``. Where the text itself
holds such a sequence, or backslashes stand before a lone surrogate, those backslashes are doubled,
so that `unescape` gives back exactly what was recorded. All other text, embedded NULs and other
backslashes included, is stored as it is.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from kit.probes.captures._capture import TEXT_LIMIT

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["MARK", "TEXT_LIMIT", "escape", "name_text", "unescape"]

MARK: Final = "\\ud"
"""What any escape contains: text without it, and without lone surrogates, is stored as it is."""

# A run of backslashes is taken whole or not at all; otherwise a long one costs quadratic time.
_PLAIN: Final = re.compile(r"(?<!\\)(?:(\\*+)([\ud800-\udfff])|(\\++)(?=ud[89a-f][0-9a-f]{2}))")
_ESCAPED: Final = re.compile(r"(?<!\\)(\\++)(ud[89a-f][0-9a-f]{2})")


def escape(text: str) -> str:
    r"""Write text so that Arrow can hold it.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    str
        The same text, with lone surrogates written as backslash escapes.

    Examples
    --------
    >>> escape("a\udc80")
    'a\\udc80'
    >>> escape("C:\\users")
    'C:\\users'
    """
    return _PLAIN.sub(_write, text)


def unescape(text: str) -> str:
    r"""Give back the text that `escape` was given.

    Parameters
    ----------
    text : str
        Text from a frame.

    Returns
    -------
    str
        The text as it was recorded, lone surrogates and all.

    Examples
    --------
    >>> unescape(escape("a\udc80")) == "a\udc80"
    True
    """
    return _ESCAPED.sub(_read, text)


def name_text(names: Iterable[str]) -> list[str]:
    """Escape and limit the names of things: markers, probes, threads.

    Parameters
    ----------
    names : iterable of str

    Returns
    -------
    list of str
        As a frame shows them.
    """
    return [escape(name[:TEXT_LIMIT]) for name in names]


def _write(match: re.Match[str]) -> str:
    before, surrogate, literal = match.groups()
    if literal is not None:
        return str(literal) * 2
    return f"{before}{before}\\u{ord(surrogate):04x}"


def _read(match: re.Match[str]) -> str:
    backslashes, digits = match.groups()
    half = "\\" * (len(backslashes) // 2)
    return half + (chr(int(digits[1:], 16)) if len(backslashes) % 2 else digits)
