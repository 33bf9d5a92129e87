"""What the environment says, checked: a word that is none of those there are is an error.

A variable that is misspelt would otherwise be one that is not set.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

__all__ = ["flag", "one_of"]

_ON: Final = ("1", "yes", "on", "true")
_OFF: Final = ("", "0", "no", "off", "false")


def one_of(name: str, *allowed: str) -> str:
    """Return what a variable says.

    Parameters
    ----------
    name : str
    *allowed : str
        What it may say; an empty text stands for one that is not set.

    Returns
    -------
    str

    Raises
    ------
    ImportError
        Names the words there are. The kit reads its environment while it is imported.

    Examples
    --------
    >>> one_of("KIT_DOC", "", "c", "python")
    ''
    """
    said = os.environ.get(name, "")
    if said not in allowed:
        words = " or ".join(map(repr, filter(None, allowed)))
        raise ImportError(f"{name} in the environment is {words}, or not set; got {said!r}")
    return said


def flag(name: str) -> bool:
    """Tell whether a variable says yes; upper and lower case are the same here.

    Parameters
    ----------
    name : str

    Returns
    -------
    bool

    Raises
    ------
    ImportError
        Names the words there are.

    Examples
    --------
    >>> flag("KIT_DOC")
    False
    """
    said = os.environ.get(name, "")
    if said.lower() in _ON:
        return True
    if said.lower() not in _OFF:
        words = ", ".join([*_ON, *_OFF[1:]])
        raise ImportError(f"{name} in the environment is one of {words}, or not set; got {said!r}")
    return False
