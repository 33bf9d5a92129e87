"""The case study: the marker's transitions as litmus tests with switches.

>>> from kit import rcu
>>> rcu.case("N→1").judge("fixed", "freed").verdict
'Never'
>>> rcu.case("N→1").judge({"grace-period": "smp_mb"}, "freed", "sc").verdict
'Sometimes'
"""

from __future__ import annotations

from typing import Final

from kit.errors import LitmusError
from kit.rcu.cases._case import Case, Choices
from kit.rcu.cases.parts import Line, Option, Question, Switch
from kit.rcu.cases.study import CASES

__all__ = ["NAMES", "Case", "Choices", "Line", "Option", "Question", "Switch", "case"]

NAMES: Final = tuple(each.name for each in CASES)
"""The names of the cases."""


def case(name: str | Case) -> Case:
    """One case of the study; a case is returned as it is.

    Parameters
    ----------
    name : str or Case
        One of `NAMES`; ``->`` and ``-`` may stand for the arrow.

    Returns
    -------
    Case
        The case.

    Raises
    ------
    kit.errors.LitmusError
        When there is none of that name.

    Examples
    --------
    >>> case("0->1")
    <case 0→1: the first probe is connected, 8 switches>
    """
    if isinstance(name, Case):
        return name
    arrows = name.replace("->", "→")
    for each in CASES:
        if each.name in (name, arrows, arrows.replace("-", "→")):
            return each
    raise LitmusError(f"there is no case {name!r}; there are {', '.join(NAMES)}")
