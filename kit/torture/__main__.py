"""``python -m kit.torture``: churn, or everything at once, for as long as one asks."""

from __future__ import annotations

import argparse
import faulthandler
import secrets
import sys
import time
from typing import TYPE_CHECKING, Any, Final

from kit.core._runtime import dispatcher
from kit.torture.churn import torture
from kit.torture.disturbances import DISTURBANCES
from kit.torture.everything import PATIENCE, STDERR, everything

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["main"]

_LINE_EVERY: Final = 30.0
"""Seconds between lines of progress where they cannot replace one another."""


def _show(share: float, dispatches: int) -> None:
    _bar(share, f"{dispatches:,} dispatches")


def _bar(share: float, text: str) -> None:
    filled = round(30 * share)
    sys.stderr.write(f"\r[{'#' * filled:<30}] {share:4.0%}  {text} ")
    if share >= 1:
        sys.stderr.write("\n")
    sys.stderr.flush()


def _lines() -> Callable[[float, str], None]:
    """Return what writes a line now and then, for a log."""
    last = time.monotonic()

    def line(share: float, text: str) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= _LINE_EVERY or share >= 1:
            last = now
            sys.stderr.write(f"{share:4.0%}  {text}\n")
            sys.stderr.flush()

    return line


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    arguments : sequence of str, optional
        Without the program's name; from the command line where None.

    Returns
    -------
    int
        0, or 1 when a promise was broken. Where something hangs, the process ends with 2.
    """
    names = ", ".join(DISTURBANCES)
    parser = argparse.ArgumentParser(
        prog="python -m kit.torture",
        description="Churn the markers and check what they promise. Exits with 1 when a promise "
        "was broken, with 2 when something hung.",
    )
    parser.add_argument("--seconds", type=float, default=10.0, help="how long (10)")
    parser.add_argument("--threads", type=int, default=4, help="how many fire (4)")
    parser.add_argument("--updaters", type=int, default=2, help="how many connect (2), in a churn")
    parser.add_argument("--seed", type=int, help="of what is chosen (0; with --everything, any)")
    parser.add_argument("--everything", action="store_true", help=f"all at once: {names}")
    parser.add_argument(
        "--without", default="", metavar="NAMES", help="leave these out, such as forks,rotate"
    )
    parser.add_argument(
        "--patience", type=float, default=PATIENCE, help="seconds that are a hang (%(default)g)"
    )
    parser.add_argument("--only", default="", metavar="NAMES", help="leave all others out")
    options = parser.parse_args(arguments)
    if options.seconds <= 0 or options.threads < 1 or options.updaters < 1:
        parser.error("--seconds must be above 0, --threads and --updaters at least 1")
    without = set(filter(None, options.without.split(",")))
    if options.only:
        without |= DISTURBANCES.keys() - set(options.only.split(","))
    unknown = (without | set(filter(None, options.only.split(",")))) - DISTURBANCES.keys()
    if unknown:
        parser.error(f"there is no {min(unknown)!r}; there are: {names}")
    seen = sys.stderr.isatty()
    result: Any
    head = ""
    if options.everything:
        faulthandler.enable(STDERR)
        seed = secrets.randbelow(1 << 32) if options.seed is None else options.seed
        left_out = f", without {', '.join(sorted(without))}" if without else ""
        head = (
            f"everything on the {dispatcher} dispatcher, Python {sys.version.split()[0]}: "
            f"{options.seconds:g} s, {options.threads} threads, seed {seed}{left_out}\n"
        )
        sys.stdout.write(head)
        sys.stdout.flush()
        result = everything(
            options.seconds,
            threads=options.threads,
            seed=seed,
            without=without,
            patience=options.patience,
            progress=_bar if seen else _lines(),
        )
    else:
        result = torture(
            options.seconds,
            readers=options.threads,
            updaters=options.updaters,
            seed=options.seed or 0,
            progress=_show if seen else None,
        )
    # In one piece, for two that write to one place; the seed is wanted where the result is.
    sys.stdout.write(f"{head}{result}\n")
    return 1 if result.violations else 0


if __name__ == "__main__":
    sys.exit(main())
