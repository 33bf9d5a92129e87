"""What a stepper shows, as plain data: threads with their code, memory, and the steps taken."""

from __future__ import annotations

import textwrap
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from kit.rcu.steps.bad import BAD
from kit.rcu.steps.programs import lines_of
from kit.rcu.steps.state_view import STATUS

if TYPE_CHECKING:
    from kit.rcu.steps.explore import Exploration
    from kit.rcu.steps.machine import Machine, Move
    from kit.rcu.steps.programs import Frame
    from kit.rcu.steps.state_view import Where

__all__ = ["describe", "text_of"]

LATEST = 400
"""How many steps of the past are listed."""


@lru_cache(maxsize=256)
def _cleaned(lines: tuple[str, ...]) -> tuple[tuple[str, ...], int]:
    """Source without its common indentation and its doc string, and where that one stood.

    Whoever steps through a program has read what it is for.
    """
    shown = textwrap.dedent("\n".join(lines)).expandtabs(4).split("\n")
    for n, line in enumerate(shown[1:], 1):
        one = line.strip()
        if shown[n - 1].startswith("def ") and len(one) > 5 and one[:3] == one[-3:] == '"""':
            return (*shown[:n], *shown[n + 1 :]), n
    return tuple(shown), len(shown)


def text_of(frame: Frame) -> dict[str, Any]:
    """The text of a function, with the line that comes next.

    Parameters
    ----------
    frame : Frame
        Where a program stands.

    Returns
    -------
    dict
        ``title``, ``lines``, the index of the ``current`` one (-1 for none), and what it ``held``.

    Examples
    --------
    >>> from kit import rcu
    >>> machine = rcu.machine("0→1", "kit")
    >>> text = text_of(machine.state.threads[0].frames[0])
    >>> text["lines"][text["current"]]
    '    yield self.read_lock()'
    """
    lines, first = lines_of(frame)
    shown, without = _cleaned(lines)
    current = frame.line - first if frame.line else -1
    current -= current > without
    return {
        "title": frame.name,
        "lines": list(shown),
        "current": current if current < len(shown) else -1,
        "held": [{"name": name, "value": value} for name, value in frame.held],
    }


def _thread(thread: Where) -> dict[str, Any]:
    texts = [text_of(frame) for frame in thread.frames]
    # The innermost function in full; of the others only where they wait.
    outer = [
        {"title": text["title"], "line": text["lines"][text["current"]].strip()}
        for text in texts[:-1]
        if text["current"] >= 0
    ]
    blocked = "" if thread.over else thread.blocked
    return {
        "name": thread.name,
        "role": thread.role,
        "next": thread.next,
        "blocked": blocked,
        "over": thread.over,
        "crashed": thread.blocked == "it has crashed",
        "inside": list(thread.inside),
        "called": list(thread.called),
        "outer": outer,
        "text": texts[-1] if texts else None,
    }


def _move(step: Move, taken: bool) -> dict[str, Any]:
    return {
        "number": step.number,
        "thread": step.thread,
        "text": step.text,
        "taken": taken,
        "bad": [{"name": each.name, "sentence": each.sentence} for each in step.bad],
    }


def _explored(found: Exploration | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "states": f"{found.states:,}",
        "interleavings": f"{found.interleavings:,}",
        "longest": found.longest,
        "bad": [
            {
                "name": name,
                "words": BAD[name],
                "sentence": trace.bad.sentence,
                "count": f"{trace.interleavings:,}",
                "share": _share(trace.interleavings, found.interleavings),
                "steps": len(trace.schedule),
            }
            for name, trace in found.bad.items()
        ],
    }


def _share(part: int, whole: int) -> str:
    """How many of all, for reading.

    Examples
    --------
    >>> [_share(part, 2000) for part in (2000, 1999, 500, 1)]
    ['all', '99.9 %', '25.0 %', '1 in 2,000']
    """
    if part == whole:
        return "all"
    if 100 * part < whole:
        return f"1 in {whole // part:,}"
    return f"{1000 * part // whole / 10:.1f} %"


def describe(machine: Machine, found: Exploration | None) -> dict[str, Any]:
    """Everything that a stepper shows.

    Parameters
    ----------
    machine : Machine
        Where it stands.
    found : Exploration or None
        What exploring gave, if it was done.

    Returns
    -------
    dict
        Plain data; the drawing is a kit's own SVG, in which every text is escaped.

    Examples
    --------
    >>> from kit import rcu
    >>> shown = describe(rcu.machine("0→1"), None)
    >>> [thread["name"] for thread in shown["threads"]]
    ['reader', 'updater']
    """
    state = machine.state
    trace = machine.trace
    return {
        "title": machine.title or ", ".join(machine.threads),
        "taken": len(trace),
        "ahead": machine.ahead,
        "done": machine.done,
        "threads": [_thread(thread) for thread in state.threads],
        "memory": state.svg(machine.before),
        "locks": [f"{owner} has the {name}" for name, owner in state.locks.items()],
        "connected": list(state.connected),
        "trace": [_move(step, True) for step in trace[-LATEST:]]
        + [_move(step, False) for step in machine.future],
        "bad": [{"name": each.name, "sentence": each.sentence} for each in machine.bad],
        "found": _explored(found),
        "legend": [{"status": name, "words": words} for name, words in STATUS.items()],
    }
