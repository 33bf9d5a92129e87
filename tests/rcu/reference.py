"""What another checker says of litmus tests: herd7, where it is installed.

``HERD7`` is the program (or it is on the path), ``HERD7_MODEL`` the kernel's ``tools/memory-model``
folder with ``linux-kernel.cfg``, and ``HERD7_LIB`` the library folder if herd7 does not know it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kit import rcu

__all__ = ["Answer", "Herd", "answer_of"]

State = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a checker says: verdict, executions, states as sorted pairs, flags."""

    verdict: str
    positive: int
    negative: int
    states: frozenset[State]
    flags: frozenset[str]


def _state(pairs: list[tuple[str, str]]) -> State:
    """Names without brackets, numbers in base ten, values out of thin air by order."""
    symbols: dict[str, str] = {}
    out: list[tuple[str, str]] = []
    for name, value in sorted(pairs):
        if re.fullmatch(r"S\d+|thin-air:.*", value):
            value = symbols.setdefault(value, f"thin{len(symbols)}")
        elif value.startswith("0x"):
            value = str(int(value, 16))
        out.append((name, value.lstrip("&")))
    return tuple(out)


def answer_of(verdict: rcu.Verdict) -> Answer:
    """The kit's verdict in the same form."""
    names = verdict.test.observed
    return Answer(
        "Never" if verdict.verdict == "Deadlock" else verdict.verdict,
        verdict.positive,
        verdict.negative,
        frozenset(
            _state([(name, str(value)) for name, value in zip(names, state, strict=True)])
            for state in verdict.states
        ),
        frozenset(verdict.flags),
    )


class Herd:
    """The program and the model that it is given."""

    def __init__(self, program: str, model: Path, library: str = "") -> None:
        self.program = program
        self.model = model
        self.library = library

    @classmethod
    def found(cls) -> Herd | None:
        """The one that the environment names, if there is one."""
        program = os.environ.get("HERD7") or shutil.which("herd7")
        model = os.environ.get("HERD7_MODEL")
        if not program or not model:
            return None
        return cls(program, Path(model), os.environ.get("HERD7_LIB", ""))

    def judge(self, tests: Sequence[str], seconds: float = 10.0) -> list[Answer | None]:
        """Its answers; None where it has none in so many seconds of processor time."""
        with tempfile.TemporaryDirectory(prefix="herd") as folder:
            files = []
            for number, text in enumerate(tests):
                path = Path(folder, f"{number}.litmus")
                path.write_text(re.sub(r"^C \S+", f"C n{number}", text, count=1))
                files.append(str(path))
            library = ["-set-libdir", self.library] if self.library else []
            options = ["-I", ".", *library, "-conf", "linux-kernel.cfg", "-timeout", str(seconds)]
            done = subprocess.run(
                [self.program, *options, *files],
                cwd=self.model,
                capture_output=True,
                text=True,
                check=False,
                timeout=50 * seconds * len(tests),
            )
        answers: list[Answer | None] = [None] * len(tests)
        for block in re.split(r"^Test ", done.stdout, flags=re.MULTILINE)[1:]:
            number = int(re.match(r"n(\d+)", block)[1])  # type: ignore[index]
            answers[number] = _parsed(block)
        return answers


def _parsed(block: str) -> Answer | None:
    seen = re.search(r"^Observation \S+ (\w+) (\d+) (\d+)", block, re.MULTILINE)
    if seen is None:
        return None
    states: set[State] = set()
    body = block[: block.index("Witnesses")]
    for line in body.splitlines()[2:]:
        if line.rstrip().endswith(";"):
            pairs = re.findall(r"\[?([\w:\[\]]+?)\]?=(\S+?);", line)
            states.add(_state(pairs))
    flags = re.findall(r"^Flag (\S+)", block, re.MULTILINE)
    return Answer(seen[1], int(seen[2]), int(seen[3]), frozenset(states), frozenset(flags))
