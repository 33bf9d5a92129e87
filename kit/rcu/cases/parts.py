"""What a case is made of: switches with options, lines of code, and questions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["KINDS", "Line", "Option", "Question", "Switch"]

KINDS: Final = {
    "barrier": "barriers",
    "access": "access marks",
    "wait": "grace periods and readers' sections",
    "lock": "locks",
}
"""The kinds of switches, in the order in which they are listed."""


@dataclass(frozen=True, slots=True)
class Option:
    """One position of a switch.

    Attributes
    ----------
    name : str
        What it is chosen by, mostly the primitive itself; ``none`` leaves the line out.
    codes : tuple of str
        The code that it stands for, one text for each line that the switch governs.
    """

    name: str
    codes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Switch:
    """A barrier, access mark, grace period or lock that can be exchanged or left out.

    Attributes
    ----------
    name : str
        Unique in its case, for example ``write-barrier``.
    kind : str
        One of `KINDS`.
    words : str
        What it is there for.
    options : tuple of Option
        Its positions; the first is the right one.
    """

    name: str
    kind: str
    words: str
    options: tuple[Option, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its options."""
        return tuple(option.name for option in self.options)

    def option(self, name: str) -> Option:
        """The option of a name."""
        return self.options[self.names.index(name)]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a thread.

    Attributes
    ----------
    thread : int
        Whose line it is.
    code : str
        Its text, where no switch governs it.
    switch : str
        The switch that governs it; ``""`` for none.
    part : int
        Which of the option's codes stands here.
    note : str
        What the original did here, as a comment.
    only : tuple of str
        ``switch, option, option ...``: it is there only with one of these options.
    """

    thread: int
    code: str = ""
    switch: str = ""
    part: int = 0
    note: str = ""
    only: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Question:
    """A bad state that a case may end in.

    Attributes
    ----------
    name : str
        One word, for example ``torn``.
    words : str
        The bad state in a sentence.
    condition : str
        The same about final values.
    initial : dict
        Initial values that differ from those of the case.
    """

    name: str
    words: str
    condition: str
    initial: tuple[tuple[str, str], ...] = ()


def barrier(name: str, words: str, *options: str) -> Switch:
    """A barrier and its alternatives, the right one first; ``none`` comes last.

    Examples
    --------
    >>> barrier("write-barrier", "order", "smp_wmb").names
    ('smp_wmb', 'none')
    """
    chosen = [Option(each, ("",) if each == "none" else (f"{each}();",)) for each in options]
    if "none" not in options:
        chosen.append(Option("none", ("",)))
    return Switch(name, "barrier", words, tuple(chosen))


def write(name: str, location: str, value: str, *more: str) -> Switch:
    """A store with its access marks: ``more``, then ``WRITE_ONCE``, ``plain`` and perhaps ``none``.

    Examples
    --------
    >>> [option.codes[0] for option in write("write-x", "x", "1").options]
    ['WRITE_ONCE(*x, 1);', '*x = 1;']
    """
    codes = {
        "WRITE_ONCE": f"WRITE_ONCE(*{location}, {value});",
        "plain": f"*{location} = {value};",
        "rcu_assign_pointer": f"rcu_assign_pointer(*{location}, {value});",
        "smp_store_release": f"smp_store_release({location}, {value});",
        "none": "",
    }
    names = dict.fromkeys((*(each for each in more if each != "none"), "WRITE_ONCE", "plain"))
    if "none" in more:
        names["none"] = None
    options = tuple(Option(each, (codes[each],)) for each in names)
    return Switch(name, "access", f"the store to {location}", options)


def read(name: str, register: str, location: str, *more: str) -> Switch:
    """A load with its access marks: ``more``, then ``READ_ONCE`` and ``plain``.

    Examples
    --------
    >>> [option.codes[0] for option in read("read-x", "r", "x").options]
    ['r = READ_ONCE(*x);', 'r = *x;']
    """
    codes = {
        "READ_ONCE": f"{register} = READ_ONCE(*{location});",
        "plain": f"{register} = *{location};",
        "rcu_dereference": f"{register} = rcu_dereference(*{location});",
        "smp_load_acquire": f"{register} = smp_load_acquire({location});",
    }
    names = dict.fromkeys((*more, "READ_ONCE", "plain"))
    options = tuple(Option(each, (codes[each],)) for each in names)
    return Switch(name, "access", f"the load of {location}", options)


def section() -> Switch:
    """The reader's critical section; it governs two lines.

    It is of the flavour that is waited for, of another one, or none.

    Examples
    --------
    >>> section().names
    ('rcu_read_lock', 'srcu_read_lock', 'none')
    """
    options = (
        Option("rcu_read_lock", ("rcu_read_lock();", "rcu_read_unlock();")),
        Option("srcu_read_lock", ("i = srcu_read_lock(other);", "srcu_read_unlock(other, i);")),
        Option("none", ("", "")),
    )
    return Switch("section", "wait", "says that a reader is here; a grace period waits", options)


def grace(words: str, *more: Option) -> Switch:
    """A wait for readers, with what is mistaken for it; ``more`` comes before ``none``.

    Examples
    --------
    >>> grace("before the free").names
    ('synchronize_rcu', 'smp_mb', 'none')
    """
    first = Option("synchronize_rcu", ("synchronize_rcu();",))
    rest = (Option("smp_mb", ("smp_mb();",)), *more, Option("none", ("",)))
    return Switch("grace-period", "wait", words, (first, *rest))


def lines(thread: int, *texts: str) -> tuple[Line, ...]:
    """Lines of a thread, each given by its code or by the switch that governs it.

    A switch that comes twice governs both lines: one that opens, and one that closes.

    Examples
    --------
    >>> [line.switch or line.code for line in lines(0, "write-x", "smp_mb();")]
    ['write-x', 'smp_mb();']
    """
    return tuple(
        Line(thread, code=text)
        if text.endswith((";", "{", "}"))
        else Line(thread, switch=text, part=texts[:at].count(text))
        for at, text in enumerate(texts)
    )
