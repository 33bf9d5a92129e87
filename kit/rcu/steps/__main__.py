"""``python -m kit.rcu.steps TRANSITION...``: explore all interleavings of the marker's changes."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from kit.errors import LitmusError, SimulationError
from kit.rcu._litmus.parser import parse
from kit.rcu.limits import BOUNDS
from kit.rcu.steps.catalogue import ALGORITHMS, TRANSITIONS, machine
from kit.rcu.steps.litmus import interleave

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kit.rcu.steps.machine import Machine

__all__ = ["main"]


def _machine(name: str, options: argparse.Namespace) -> Machine:
    bounds = replace(BOUNDS, seconds=options.seconds)
    if name.endswith(".litmus"):
        return interleave(parse(name), bounds=bounds)
    return machine(
        name,
        options.algorithm,
        readers=options.readers,
        updaters=options.updaters,
        faults=options.fault or [],
        bounds=bounds,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    arguments : sequence of str, optional
        Those of the command line if left out.

    Returns
    -------
    int
        0 when no interleaving comes to a bad state; 1 when one does; 2 when something cannot be
        explored.
    """
    parser = argparse.ArgumentParser(
        prog="python -m kit.rcu.steps",
        description="Explore all interleavings of a transition, or of a litmus test.",
    )
    parser.add_argument(
        "transitions",
        nargs="*",
        metavar="TRANSITION",
        default=list(TRANSITIONS),
        help="such as 1→0→1 or 1->0->1, or a .litmus file; every transition if left out",
    )
    parser.add_argument("--algorithm", choices=list(ALGORITHMS), default="posted")
    parser.add_argument("--readers", type=int, default=1, metavar="N")
    parser.add_argument("--updaters", type=int, default=1, choices=(1, 2))
    parser.add_argument("--fault", action="append", metavar="NAME", help="may be given again")
    parser.add_argument(
        "--steps", action="store_true", help="print the shortest way to each bad state"
    )
    parser.add_argument("--seconds", type=float, default=30.0, metavar="S")
    options = parser.parse_args(arguments)
    worst = 0
    for name in options.transitions:
        try:
            chosen = _machine(name, options)
            found = chosen.explore()
        except (SimulationError, LitmusError, OSError) as error:
            sys.stderr.write(f"{error}\n")
            worst = 2
            continue
        sys.stdout.write(f"{chosen.title}: {found}\n")
        worst = max(worst, 0 if found.safe else 1)
        if options.steps:
            for trace in found.bad.values():
                chosen.reset()
                steps = "\n".join(map(str, chosen.run(*trace.schedule).trace))
                sys.stdout.write(f"\n{trace}\n{steps}\n")
    return worst


if __name__ == "__main__":
    sys.exit(main())
