"""Two attributes or one tuple: count what real threads see of a change."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kit.errors import SimulationError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Seen", "Tearing", "tearing"]

PAIRS = (("A", "a"), ("B", "b"))


@dataclass(frozen=True, slots=True)
class Seen:
    """What the readers of one way to publish have seen.

    Attributes
    ----------
    reads : int
        How often they looked.
    torn : int
        How often the function and the private data did not belong together.
    writes : int
        How often the writer changed them meanwhile.
    """

    reads: int
    torn: int
    writes: int


@dataclass(frozen=True, slots=True)
class Tearing:
    """Both ways side by side.

    Attributes
    ----------
    two_attributes : Seen
        Function and private data stored one after the other.
    one_tuple : Seen
        Both in a tuple, stored at once.
    """

    two_attributes: Seen
    one_tuple: Seen

    def __repr__(self) -> str:
        rows = (("two attributes", self.two_attributes), ("one tuple", self.one_tuple))
        lines = [f"{'':<15}{'reads':>8}{'torn':>8}"]
        lines += [f"{name:<15}{seen.reads:>8,}{seen.torn:>8,}" for name, seen in rows]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{name}</td><td>{seen.reads:,}</td><td>{seen.torn:,}</td></tr>"
            for name, seen in (
                ("two attributes, one after the other", self.two_attributes),
                ("one tuple, at once", self.one_tuple),
            )
        )
        head = "".join(f'<th scope="col">{name}</th>' for name in ("published as", "reads", "torn"))
        return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


class _Marker:
    """What readers look at."""

    def __init__(self) -> None:
        self.func, self.private = PAIRS[0]
        self.pair = PAIRS[0]


def _pause() -> None:
    """A call that lets another thread run, as any call may that waits or takes long."""
    time.sleep(0)


def _write_two(marker: _Marker, func: str, private: str) -> None:
    marker.func = func
    _pause()
    marker.private = private


def _write_one(marker: _Marker, func: str, private: str) -> None:
    _pause()
    marker.pair = (func, private)


def _read_two(marker: _Marker) -> tuple[str, str]:
    func = marker.func
    _pause()
    return func, marker.private


def _read_one(marker: _Marker) -> tuple[str, str]:
    pair = marker.pair
    _pause()
    return pair


def tearing(reads: int = 2_000) -> Tearing:
    """Let a thread change a closure while this one reads it, published in two ways.

    Between two loads, and between two stores, a call gives other threads a chance. What is counted
    is not a matter of speed: two attributes are seen torn, a tuple never.

    Parameters
    ----------
    reads : int
        How often each is read.

    Returns
    -------
    Tearing
        The counts; it prints as a table.

    Raises
    ------
    kit.errors.SimulationError
        Where Python has no threads, as in a browser.

    Examples
    --------
    >>> seen = tearing(500)
    >>> seen.one_tuple.torn
    0
    >>> seen.two_attributes.reads
    500
    """
    if reads < 1:
        raise SimulationError(f"tearing() reads at least once, not {reads!r:.40} times")
    return Tearing(_count(reads, _write_two, _read_two), _count(reads, _write_one, _read_one))


def _count(
    reads: int,
    write: Callable[[_Marker, str, str], None],
    read: Callable[[_Marker], tuple[str, str]],
) -> Seen:
    marker, stop, begun = _Marker(), threading.Event(), threading.Event()
    writes = 0

    def change() -> None:
        nonlocal writes
        while not stop.is_set():
            writes += 1
            write(marker, *PAIRS[writes % 2])
            begun.set()

    writer = threading.Thread(target=change, name="writer", daemon=True)
    try:
        writer.start()
    except RuntimeError:
        raise SimulationError(
            "this Python cannot start threads; the simulator shows the same: rcu.machine(...)"
        ) from None
    begun.wait()
    try:
        torn = sum(read(marker) not in PAIRS for _ in range(reads))
    finally:
        stop.set()
        writer.join()
    return Seen(reads, torn, writes)
