"""A ceiling on the memory of this process while somebody's programs run in it."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from kit.errors import SimulationError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["ceiling"]

STATM = Path("/proc/self/statm")


def _now() -> int:
    """Bytes of address space that this process has; 0 where that cannot be known."""
    try:
        import resource

        return int(STATM.read_text().split()[0]) * resource.getpagesize()
    except (ImportError, OSError):
        # Not on this platform: what a program asks for is bounded by its lines alone.
        return 0


@contextmanager
def ceiling(megabytes: int) -> Iterator[None]:
    """Let this process grow by so much and no more until the block ends.

    Beyond it an allocation fails, and is reported as the error of whoever asked for it.

    Parameters
    ----------
    megabytes : int
        How much more than now.

    Raises
    ------
    kit.errors.SimulationError
        When the block needed more.

    Examples
    --------
    >>> with ceiling(1000):
    ...     small = [0] * 10
    """
    begun = _now()
    if not begun:
        yield
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = begun + megabytes * 1_000_000
    for limit in (soft, hard):
        if limit != resource.RLIM_INFINITY:
            wanted = min(wanted, limit)
    resource.setrlimit(resource.RLIMIT_AS, (wanted, hard))
    try:
        yield
    except MemoryError:
        raise SimulationError(
            f"more than {megabytes:,} MB (Bounds.megabytes); fewer states, or less in variables"
        ) from None
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
