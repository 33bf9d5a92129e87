"""Keys: what can be one, and one for each NaN."""

from __future__ import annotations

import math
from typing import Any, Final

from kit.probes.checks import number

__all__ = ["NAN", "as_key"]

NAN: Final = math.nan
"""The one that stands for all of them in a key: each is equal to itself only as an object."""
_ORDINARY: Final = frozenset({str, int, bool, type(None)})


def as_key(key: Any) -> Any:
    """Return what stands for a key that is not known yet.

    Parameters
    ----------
    key : object
        The value of a field, or a tuple of those of several.

    Returns
    -------
    object
        The same, with None in the place of what cannot be a key, such as a list, and one NaN for
        all: as they are equal to nothing, each would be another key.

    Examples
    --------
    >>> as_key(("ACME", [1, 2], 2.5)), as_key(float("nan")) is as_key(float("nan"))
    (('ACME', None, 2.5), True)
    """
    if type(key) is tuple:
        return tuple([as_key(part) for part in key])
    if type(key) in _ORDINARY:
        return key
    try:
        hash(key)
    except TypeError:
        return None
    if not _is_unequal_to_itself(key):
        return key
    found = number(key)
    return NAN if found is not None and found != found else None


def _is_unequal_to_itself(key: Any) -> bool:
    try:
        return bool(key != key)
    except (MemoryError, RecursionError):
        raise
    except Exception:  # noqa: BLE001 - whatever a type of the program's does when it is compared
        return False
