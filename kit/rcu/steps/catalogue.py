"""Machines that are there to be stepped: the marker's transitions, under three algorithms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from kit.errors import SimulationError
from kit.rcu.limits import BOUNDS, Bounds
from kit.rcu.steps.machine import Machine
from kit.rcu.steps.one_pointer import OnePointer
from kit.rcu.steps.two_fields import TwoFields
from kit.rcu.steps.vocabulary import store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from kit.rcu.steps.programs import Program, Steps

__all__ = ["ALGORITHMS", "TRANSITIONS", "faults", "machine"]

TRANSITIONS: Final = {
    "0→1": ("", "+A"),
    "1→2": ("A", "+B"),
    "2→3": ("AB", "+C"),
    "3→2": ("ABC", "-A"),
    "2→1": ("AB", "-A"),
    "1→0": ("A", "-A"),
    "1→0→1": ("A", "-A +B"),
    "1→2→1": ("A", "+B -A"),
    "2→1→2": ("AB", "-A +C"),
}
"""What is connected at first, and what is done: ``+B`` connects B, ``-A`` disconnects A."""

ALIASES: Final = {"N→N+1": "2→3", "N→N-1": "3→2", "N→1": "2→1", "A→0→B": "1→0→1"}

ALGORITHMS: Final = {
    "posted": "as it was posted in 2007: two fields and a type, the mutex dropped early",
    "fixed": "the same with the mutex held, flags in words of their own, and barriers in order",
    "kit": "one pointer to an immutable array, replaced by one store",
}
"""How the transitions are made."""


def faults(algorithm: str = "posted") -> dict[str, str]:
    """The faults that an algorithm can be given, and what each means.

    Parameters
    ----------
    algorithm : str
        ``posted``, ``fixed`` or ``kit``.

    Returns
    -------
    dict
        Explanations by name.

    Examples
    --------
    >>> sorted(faults("kit"))
    ['early free', 'in place', 'no grace period', 'no lock', 'no read lock', 'wrong flavour']
    """
    _known(algorithm, ALGORITHMS, "algorithm")
    return dict(OnePointer.FAULTS if algorithm == "kit" else TwoFields.FAULTS)


def machine(
    transition: str,
    algorithm: str = "posted",
    *,
    readers: int = 1,
    updaters: int = 1,
    faults: Iterable[str] = (),
    bounds: Bounds = BOUNDS,
) -> Machine:
    """A simulation of one of the marker's transitions.

    Parameters
    ----------
    transition : str
        How many probes are connected before and after, for example ``"1→2"`` (``"1->2"`` will do,
        and so will ``"N→N+1"``, ``"N→1"``, ``"A→0→B"``); or ``"bit-fields"``, where a callback
        clears one flag while an updater sets its neighbour.
    algorithm : str
        ``posted`` (as in 2007), ``fixed`` or ``kit``.
    readers : int
        How many readers dispatch.
    updaters : int
        Whether two changes are made one after the other (1), or by an updater each.
    faults : iterable of str
        What the algorithm is to do wrong besides; see `faults`.
    bounds : Bounds
        How far it may go.

    Returns
    -------
    Machine
        At its start.

    Raises
    ------
    kit.errors.SimulationError
        When there is no such transition, algorithm or fault.

    Examples
    --------
    >>> machine("0→1", "kit").explore()
    84 states, 189 interleavings: no bad state
    >>> print(*machine("2→1", "kit", faults=["no grace period"]).explore().bad)
    use after free
    """
    chosen = _known(algorithm, ALGORITHMS, "algorithm")
    given = [faults] if isinstance(faults, str) else list(faults)
    known = OnePointer.FAULTS if chosen == "kit" else TwoFields.FAULTS
    for fault in given:
        _known(fault, known, f"fault of the {chosen} algorithm")
    if transition == "bit-fields":
        return _bit_fields(chosen, bounds)
    name = transition.replace("->", "→").replace(" ", "")
    name = _known(ALIASES.get(name, name), TRANSITIONS, "transition")
    first, changes = TRANSITIONS[name]
    algorithm_: Any
    if chosen == "kit":
        algorithm_ = OnePointer(given)
    else:
        own = TwoFields.POSTED if chosen == "posted" else TwoFields.FIXED
        algorithm_ = TwoFields([*own, *given], posted=chosen == "posted")
    work = [_change(algorithm_, each) for each in changes.split()]
    if updaters not in (1, 2):
        raise SimulationError(f"{updaters!r:.20} updaters; one or two make the changes")
    if not 0 <= readers <= 8:
        raise SimulationError(f"{readers!r:.20} readers; up to 8 can dispatch")
    groups = [work] if updaters == 1 else [[each] for each in work]
    return Machine(
        readers=dict.fromkeys(_numbered("reader", readers), algorithm_.reader),
        updaters=dict(zip(_numbered("updater", len(groups)), map(_all, groups), strict=True)),
        memory=algorithm_.memory(first),
        connected=first,
        title=_title(name, chosen, updaters, given),
        bounds=bounds,
        **algorithm_.options,
    )


def _title(name: str, algorithm: str, updaters: int, faults: Iterable[str]) -> str:
    words = [f"{name}, {'as the kit does it' if algorithm == 'kit' else f'as {algorithm}'}"]
    return "; ".join([*words, *(["two updaters"] if updaters == 2 else []), *faults])


def _known(name: object, known: Iterable[str], what: str) -> str:
    if isinstance(name, str) and name in known:
        return name
    raise SimulationError(f"there is no {what} {name!r:.60}; there are {', '.join(known)}")


def _numbered(name: str, count: int) -> list[str]:
    return [name] if count == 1 else [f"{name} {number}" for number in range(1, count + 1)]


def _change(algorithm: Any, change: str) -> Callable[[], Steps]:
    act = algorithm.connect if change[0] == "+" else algorithm.disconnect
    return lambda: act(change[1])


def _all(work: Sequence[Callable[[], Steps]]) -> Program:
    if len(work) == 1:
        return work[0]

    def one_after_the_other() -> Steps:
        for change in work:
            yield from change()

    return one_after_the_other


def _bit_fields(algorithm: str, bounds: Bounds) -> Machine:
    """A callback clears the pending flag, without the mutex, while an updater sets the type."""
    shared = {"flags": ("rcu_pending", "ptype")} if algorithm == "posted" else {}
    return Machine(
        updaters={"callback": [store("rcu_pending", 0)], "updater": [store("ptype", 1)]},
        memory={"rcu_pending": 1, "ptype": 0},
        words=shared,
        title=_title("bit-fields", algorithm, 2, []),
        bounds=bounds,
    )
