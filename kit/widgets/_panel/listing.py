"""Which markers a panel lists, and in what order."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from kit.core._connection import is_pattern
from kit.core._registry import registry

if TYPE_CHECKING:
    from kit.core import Marker

__all__ = ["Listing", "passes"]


class Listing:
    """The markers of a pattern, filtered.

    A marker that is declared later comes last, so that nothing moves under the pointer; a new
    filter puts all in order of name.

    Parameters
    ----------
    pattern : str
        Which markers there are at all.

    Attributes
    ----------
    filter : str
        What the reader looks for.

    Examples
    --------
    >>> import kit
    >>> _ = kit.marker("listing.b"), kit.marker("listing.c")
    >>> listing = Listing("listing.*")
    >>> [marker.name for marker in listing.shown()]
    ['listing.b', 'listing.c']
    >>> _ = kit.marker("listing.a")
    >>> [marker.name for marker in listing.shown()]
    ['listing.b', 'listing.c', 'listing.a']
    """

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.filter = ""
        self._order: list[str] = []
        self._seen: set[str] = set()

    def all(self) -> dict[str, Marker]:
        """Return every marker of the pattern, by name."""
        return {marker.name: marker for marker in registry.matching(self.pattern)}

    def shown(self) -> list[Marker]:
        """Return those that the filter lets through."""
        declared = self.all()
        known = [name for name in self._order if name in declared]
        self._order = known + sorted(declared.keys() - set(known))
        return [declared[name] for name in self._order if passes(name, self.filter)]

    def new(self) -> list[Marker]:
        """Return those that were declared since the last call."""
        new = [marker for name, marker in self.all().items() if name not in self._seen]
        self._seen.update(marker.name for marker in new)
        return new

    def find(self, text: str) -> None:
        """Look for something else."""
        self.filter = text
        self._order.sort()


def passes(name: str, wanted: str) -> bool:
    """Tell whether a filter lets a name through: a part of it, or a pattern for all of it.

    Parameters
    ----------
    name : str
    wanted : str

    Returns
    -------
    bool

    Examples
    --------
    >>> passes("orders.fill", "FILL"), passes("orders.fill", "*.f*"), passes("orders.fill", "f*")
    (True, True, False)
    """
    wanted = wanted.strip()
    if is_pattern(wanted):
        return fnmatchcase(name, wanted)
    return wanted.casefold() in name.casefold()
