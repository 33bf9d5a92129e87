"""Rows in a process of their own, timed when the parent says so.

The kit has two dispatchers, and a process has one of them; peers would be in each other's way. So
each runs in a worker, and the parent has them take turns: a line on standard input is one round.
"""

from __future__ import annotations

import importlib.metadata
import json
import sys
from pathlib import Path
from typing import Any, NoReturn

from tests.benchmarks.timing import Rounds, Row


def rows(role: str, folder: Path) -> tuple[list[Row], dict[str, str]]:
    """Return the rows of a role, and what there is to say: versions, and what is absent."""
    if role == "kit":
        return _kit(folder)
    if role == "lttng":
        from tests.benchmarks import lttng

        try:
            return lttng.rows(), {"LTTng's Python agent": lttng.version()}
        except (ImportError, OSError, lttng.AbsentError) as error:
            return [], {"LTTng's Python agent": f"absent: {error}"}
    return _peers()


def _kit(folder: Path) -> tuple[list[Row], dict[str, str]]:
    import kit
    from tests.benchmarks import bare, subjects

    made = subjects.kit_rows()
    says = {"kit": kit.__version__}
    try:
        made += bare.rows(bare.load(folder))
    except ImportError as error:
        says["bare object"] = f"absent: {error}"
    return made, says


def _peers() -> tuple[list[Row], dict[str, str]]:
    from tests.benchmarks.peers import PEERS

    made: list[Row] = []
    says = {}
    for name, build in PEERS.items():
        try:
            made += build()
        except ImportError as error:
            says[name] = f"absent: {error}"
            continue
        try:
            says[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            pass  # the standard library's
    return made, says


def answer(value: Any) -> None:
    """Answer the parent, in one line."""
    print(json.dumps(value), flush=True)


def main(role: str, folder: str, seconds: float) -> NoReturn:
    """Build the rows, then time them at each line, until there is none."""
    sys.setswitchinterval(1)
    made, says = rows(role, Path(folder))
    turns = Rounds(made, seconds)
    answer(says)
    for _ in sys.stdin:
        turns.round()
        answer(
            {
                "loop": turns.loop,
                "call": turns.call,
                "rows": [[row.figure, row.subject, row.best - turns.loop] for row in made],
            }
        )
    sys.exit()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]))
