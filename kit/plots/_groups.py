"""Events by what they belong to: a few groups, busiest first, and the others together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from kit.plots._events import Events, Ints

__all__ = ["MOST", "OTHERS", "Group", "groups"]

MOST: Final = 6
"""More groups than this are drawn as one, the last."""

OTHERS: Final = "others"


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Events that belong together.

    Attributes
    ----------
    name : str
        A marker, or another value of the column; or `OTHERS`.
    values : int
        How many values it stands for.
    at : array of int64
        Positions in the table, ascending.
    """

    name: str
    values: int
    at: Ints

    @property
    def label(self) -> str:
        """str : the name for a reader."""
        return f"{self.values} {OTHERS}" if self.name == OTHERS else self.name


def groups(table: Events) -> tuple[Group, ...]:
    """Split events by the column that has the names, busiest first.

    Parameters
    ----------
    table : Events

    Returns
    -------
    tuple of Group
        At most `MOST`, and one for the others.

    Examples
    --------
    >>> import pandas as pd
    >>> from kit.plots._events import events
    >>> table = events(pd.DataFrame({"ts": [1, 2, 3], "sym": ["B", "A", "B"]}), by="sym")
    >>> [(group.name, group.at.tolist()) for group in groups(table)]
    [('B', [0, 2]), ('A', [1])]
    """
    numbers = np.bincount(table.code, minlength=len(table.names))
    busiest = [int(code) for code in np.argsort(-numbers, kind="stable") if numbers[code]]
    if len(busiest) == 1:
        return (Group(table.names[busiest[0]], 1, np.arange(len(table))),)
    alone = busiest if len(busiest) <= MOST + 1 else busiest[:MOST]
    found = [Group(table.names[code], 1, np.flatnonzero(table.code == code)) for code in alone]
    rest = busiest[len(alone) :]
    if rest:
        found.append(Group(OTHERS, len(rest), np.flatnonzero(np.isin(table.code, rest))))
    return tuple(found)
