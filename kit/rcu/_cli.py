"""What the commands of this room share."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["clear", "progress", "run"]

WIDTH = 30


def progress(done: int, total: int, words: str = "") -> None:
    """Draw a bar, and words behind it, where the errors go to a terminal."""
    if sys.stderr.isatty() and total:
        filled = WIDTH * done // total
        bar = "█" * filled + "░" * (WIDTH - filled)
        sys.stderr.write(f"\r\033[K{bar} {done}/{total}{words}")
        sys.stderr.flush()


def clear() -> None:
    """Make way for lines in the place of the bar."""
    if sys.stderr.isatty():
        sys.stderr.write("\r\033[K")
        sys.stderr.flush()


def run(main: Callable[[], int], broken: int) -> NoReturn:
    """Run a command; its status is ``broken`` when whoever reads its output goes away."""
    try:
        code = main()
        sys.stdout.flush()
    except BrokenPipeError:
        # Python would complain once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = broken
    sys.exit(code)
