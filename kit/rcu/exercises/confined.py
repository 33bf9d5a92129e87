"""Bounds that the system keeps for the process in which an answer is judged.

What a student's function asks for is bounded in lines and steps, but one line may ask for all the
memory there is, or never end. The system's own limits hold there, too: they are set once, for good,
before the answer is read.
"""

from __future__ import annotations

from typing import Final

__all__ = ["MEGABYTES", "PROCESSOR", "confine"]

PROCESSOR: Final = 60
"""Seconds of processor time for one answer; the slowest right one takes about three."""

MEGABYTES: Final = 700
"""Address space of the process; the greediest right answer takes about a tenth."""


def confine(processor: int = PROCESSOR, megabytes: int = MEGABYTES) -> None:
    """Bound this process for the rest of its life: memory, processor time, files.

    It cannot be undone from within. Where the system has no such limits, as on Windows, the time
    that `judge_afresh` waits is the only bound.

    Parameters
    ----------
    processor : int
        Seconds of processor time; beyond them the system ends the process.
    megabytes : int
        Address space; beyond it an allocation fails.
    """
    try:
        import resource
    except ImportError:
        return
    wanted = {
        resource.RLIMIT_AS: (megabytes * 1_000_000,) * 2,
        # The signal first, which says why; five seconds later the end.
        resource.RLIMIT_CPU: (processor, processor + 5),
        resource.RLIMIT_FSIZE: (0, 0),
        resource.RLIMIT_CORE: (0, 0),
    }
    for kind, most in wanted.items():
        _, hard = resource.getrlimit(kind)
        bounds = [each if hard == resource.RLIM_INFINITY else min(each, hard) for each in most]
        try:
            resource.setrlimit(kind, (bounds[0], bounds[1]))
        except (ValueError, OSError):
            continue  # this system does not know this limit
