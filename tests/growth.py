"""How a step grows with its work."""

import gc
import sys
import time
from collections.abc import Callable

TIMES = 8
"""How much more work the larger run does."""

LINEAR = 2 * TIMES
"""Above this ratio a step grows faster than its work; quadratic growth is the square of `TIMES`."""

Prepare = Callable[[int], Callable[[], object]]
"""Given a size, returns the step; called for each measurement, and not measured itself."""


def calls(prepare: Prepare, size: int) -> float:
    """Return by which factor a step makes more calls when it has `TIMES` as much to do."""

    def once(size: int) -> int:
        made = 0

        def note(_frame: object, event: str, _arg: object) -> None:
            nonlocal made
            made += event in ("call", "c_call")

        step = prepare(size)
        sys.setprofile(note)
        try:
            step()
        finally:
            sys.setprofile(None)
        return made

    once(1)  # what is imported
    few = once(size)  # first: what it leaves behind is small
    return once(TIMES * size) / few


def seconds(prepare: Prepare, size: int) -> float:
    """Return by which factor a step takes longer; of processor time, of the fastest of two."""

    def once(size: int) -> float:
        step = prepare(size)
        gc.collect()
        begin = time.process_time()
        step()
        return time.process_time() - begin

    once(1)
    few = min(once(size) for _ in range(2))
    return min(once(TIMES * size) for _ in range(2)) / few
