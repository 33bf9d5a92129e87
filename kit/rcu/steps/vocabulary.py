"""The small steps that programs are made of.

A program is a Python generator that yields steps and is sent what they return, or a list of steps.
Each step is one thing that happens at once; between two steps any other thread may move.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kit.errors import SimulationError
from kit.rcu.steps.values import Null, Ref, Slot, checked, shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from kit.rcu.steps.programs import Program

__all__ = [
    "Step",
    "barrier",
    "call",
    "call_rcu",
    "connected",
    "disconnecting",
    "exchange",
    "free",
    "increment",
    "load",
    "lock",
    "new",
    "rcu_barrier",
    "read_lock",
    "read_unlock",
    "store",
    "synchronize",
    "unlock",
    "until",
]

Place = str | Slot

NOTES = frozenset({"barrier", "connected", "disconnecting"})
"""Steps that change nothing readers can see, and take no turn of their own."""


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One small step; made by the functions of this module.

    Attributes
    ----------
    kind : str
        What it does, for example ``load``.
    text : str
        How it reads.

    Examples
    --------
    >>> store("ptype", 1)
    store ptype = 1
    """

    kind: str
    text: str
    place: Place = ""
    value: Any = None
    program: Program | None = None
    line: int = 0
    """Where it stands in a program that brings its own text."""
    held: tuple[tuple[str, str], ...] = ()
    """That program's variables."""

    def __repr__(self) -> str:
        return self.text

    __str__ = __repr__


def _place(place: object, what: str) -> Place:
    if isinstance(place, str | Slot):
        return place
    hint = "; write array[0] for its first item" if isinstance(place, Ref | Null) else ""
    raise SimulationError(f"{what} takes the name of a field or a slot, not {place!r:.60}{hint}")


def load(place: Place) -> Step:
    """Read a field of memory, or an item of an object.

    Parameters
    ----------
    place : str or Slot
        ``"ptype"``, ``array[0]``, ``array[0].func`` or ``array[0].private``.

    Returns
    -------
    Step
        ``value = yield load(place)`` gives what is there; None behind the last item.

    Examples
    --------
    >>> load("multi")
    load multi
    """
    return Step("load", f"load {place}", _place(place, "load"))


def store(place: Place, value: object) -> Step:
    """Write a field of memory, or an item of an object.

    Parameters
    ----------
    place : str or Slot
        Where, as for `load`. A bit-field takes two steps: its word is loaded, then stored.
    value : object
        A number, a name, a closure ``("A", "a")``, `NULL` or a reference.

    Returns
    -------
    Step
        To yield.
    """
    value = checked(value, f"store to {place}")
    return Step("store", f"store {place} = {shown(value)}", _place(place, "store"), value)


def exchange(place: Place, value: object) -> Step:
    """Write a place and return what was there, in one step.

    Parameters
    ----------
    place : str or Slot
        Where.
    value : object
        What.

    Returns
    -------
    Step
        ``old = yield exchange(place, new)``.
    """
    value = checked(value, f"exchange of {place}")
    return Step("exchange", f"exchange {place}, {shown(value)}", _place(place, "exchange"), value)


def increment(place: Place, by: int = 1) -> Step:
    """Add to a number in one step; gives the new number.

    Parameters
    ----------
    place : str or Slot
        Where.
    by : int
        How much, perhaps negative.

    Returns
    -------
    Step
        ``now = yield increment(place)``.
    """
    if not isinstance(by, int):
        raise SimulationError(f"increment of {place}: {by!r:.60} is no number")
    sign = "-" if by < 0 else "+"
    return Step("increment", f"{place} {sign}= {abs(by)}", _place(place, "increment"), by)


def until(place: Place, value: object | Callable[[Any], bool] = 0) -> Step:
    """Wait until a place holds a value; the thread cannot move before.

    Parameters
    ----------
    place : str or Slot
        What to watch.
    value : object or callable
        The value, or a function that tells from the value whether the wait is over.

    Returns
    -------
    Step
        ``value = yield until(place, 0)`` gives what was there when it ended.

    Examples
    --------
    >>> until("inside", 0)
    until inside = 0
    """
    if callable(value):
        return Step("until", f"until {place} is as wanted", _place(place, "until"), value)
    value = checked(value, f"until {place}")
    return Step("until", f"until {place} = {shown(value)}", _place(place, "until"), value)


def new(*items: object, kind: str = "array") -> Step:
    """Make an object that nobody else can see yet.

    Parameters
    ----------
    *items : object
        What it holds: closures ``("A", "a")``, or None for what is filled in later.
    kind : str
        What it is called.

    Returns
    -------
    Step
        ``array = yield new(...)`` gives a `Ref`.
    """
    values = tuple(checked(item, "new") for item in items)
    return Step("new", f"new {kind} [{', '.join(map(shown, values))}]", kind, values)


def free(what: Ref | Null | str) -> Step:
    """Give memory back; whoever looks at it later is a bad state.

    Parameters
    ----------
    what : Ref, Null or str
        An object, or the name of private data; freeing `NULL` does nothing.

    Returns
    -------
    Step
        To yield.
    """
    if not isinstance(what, Ref | Null | str):
        raise SimulationError(f"free takes an object or the name of private data, not {what!r:.60}")
    return Step("free", f"free {what}", value=what)


def call(func: str | None, private: object) -> Step:
    """Call a probe. The private data of probe ``"A"`` is ``"a"``; any other is a torn closure.

    Parameters
    ----------
    func : str or None
        The probe. `EMPTY` does nothing.
    private : object
        What it is given.

    Returns
    -------
    Step
        To yield.

    Examples
    --------
    >>> call("A", "b")
    call A(b)
    """
    text = f"call {shown((func, private))}"
    return Step("call", text, value=(checked(func, "call"), checked(private, "call")))


def read_lock(flavour: str = "rcu") -> Step:
    """Begin a read-side critical section; grace periods of its flavour wait for its end."""
    return Step("read_lock", "read_lock" + _of(flavour), value=checked(flavour, "read_lock"))


def read_unlock(flavour: str = "rcu") -> Step:
    """End a read-side critical section."""
    return Step("read_unlock", "read_unlock" + _of(flavour), value=checked(flavour, "read_unlock"))


def synchronize(flavour: str = "rcu") -> Step:
    """Wait for a grace period: two steps, it begins, and it ends when every reader has left that
    was inside when it began.
    """
    return Step("synchronize", "synchronize" + _of(flavour), value=checked(flavour, "synchronize"))


def call_rcu(program: Program, flavour: str = "rcu") -> Step:
    """Run a program on its own after a grace period that begins now.

    Parameters
    ----------
    program : generator function, step or list of steps
        What to do then, for example ``free(array)``.
    flavour : str
        Whose readers it waits for.

    Returns
    -------
    Step
        To yield; the caller goes on at once.

    Examples
    --------
    >>> call_rcu(free("a"))
    call_rcu(free a)
    """
    name = str(program) if isinstance(program, Step) else getattr(program, "__name__", "…")
    text = f"call_rcu({name[:60]})"
    return Step("call_rcu", text, value=checked(flavour, "call_rcu"), program=program)


def rcu_barrier() -> Step:
    """Wait until everything that was given to `call_rcu` before has been done."""
    return Step("rcu_barrier", "rcu_barrier")


def lock(name: str = "mutex") -> Step:
    """Take a lock; waits while another thread has it."""
    return Step("lock", f"lock {name}", value=checked(name, "lock"))


def unlock(name: str = "mutex") -> Step:
    """Give a lock back."""
    return Step("unlock", f"unlock {name}", value=checked(name, "unlock"))


def barrier(name: str = "smp_mb") -> Step:
    """A memory barrier. Steps happen in order here anyway, so it changes nothing; it stands where
    a weaker machine needs it.
    """
    return Step("barrier", f"{name}()")


def connected(*funcs: str) -> Step:
    """Say that connecting is done: a dispatch that begins from now on must call these probes."""
    return Step("connected", f"connected {', '.join(funcs)}", value=_names(funcs, "connected"))


def disconnecting(*funcs: str) -> Step:
    """Say that disconnecting begins with the next step: dispatches may miss these probes."""
    text = f"disconnecting {', '.join(funcs)}"
    return Step("disconnecting", text, value=_names(funcs, "disconnecting"))


def _of(flavour: str) -> str:
    return "" if flavour == "rcu" else f" {flavour}"


def _names(funcs: tuple[str, ...], what: str) -> tuple[object, ...]:
    return tuple(checked(func, what) for func in funcs)
