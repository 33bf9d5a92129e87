"""``python -m tests.rcu.fuzz --count 5000``: random litmus tests, judged by two checkers.

The second one is herd7 where it is found (see `tests.rcu.reference`), else the verdicts that it
gave before (``fuzz_verdicts.csv.gz``, written with ``--record``). Verdict, states and flags must
be the same, and the numbers of executions. What is undecided is listed by cause.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import hashlib
import re
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Final, TypeVar

from kit import rcu
from kit.errors import LitmusError
from tests.rcu.reference import Answer, Herd, answer_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

RECORDED: Final = Path(__file__).with_name("fuzz_verdicts.csv.gz")
LIMITS: Final = rcu.Limits(seconds=20.0)
BATCH: Final = 50
PLACES: Final = ("x", "y", "q[0]", "q[1]")
OWN_FLAGS: Final = frozenset[str]()
T = TypeVar("T")


@dataclass(slots=True)
class _Thread:
    """One thread that is being written."""

    rng: Random
    number: int
    lines: list[str] = field(default_factory=list)
    registers: int = 0
    indices: int = 0

    def pick(self, values: Sequence[T]) -> T:
        # Only random() gives the same numbers under every Python.
        return values[int(self.rng.random() * len(values))]

    def chance(self, share: float) -> bool:
        return self.rng.random() < share

    def fresh(self) -> str:
        self.registers += 1
        return f"r{self.registers - 1}"

    def value(self) -> str:
        if self.registers and self.chance(0.35):
            known = f"r{int(self.rng.random() * self.registers)}"
            return self.pick((known, known, f"{known} + 1", f"({known} & 1)"))
        return self.pick(("1", "2"))

    def block(self, length: int, depth: int) -> None:
        before = len(self.lines)
        for _ in range(length):
            self.pick(self.KINDS)(self, depth)
        if len(self.lines) == before:
            self.lines.append("WRITE_ONCE(*x, 1);")

    def plain(self, _: int) -> None:
        place = self.pick(PLACES)
        if self.chance(0.5):
            value = self.value()
            self.lines.append(f"*{place} = {value};")
        else:
            self.lines.append(f"{self.fresh()} = *{place};")

    def marked(self, _: int) -> None:
        place = self.pick(PLACES)
        if self.chance(0.5):
            value = self.value()
            write = self.pick(
                (f"WRITE_ONCE(*{place}, {value});", f"smp_store_release({place}, {value});")
            )
            self.lines.append(write)
        else:
            read = self.pick((f"READ_ONCE(*{place})", f"smp_load_acquire({place})"))
            self.lines.append(f"{self.fresh()} = {read};")

    def fence(self, _: int) -> None:
        names = ("smp_mb", "smp_wmb", "smp_rmb", "barrier", "synchronize_rcu",
                 "smp_mb__before_atomic", "smp_mb__after_atomic")  # fmt: skip
        self.lines.append(f"{self.pick(names)}();")

    def update(self, _: int) -> None:
        place, value = self.pick(PLACES), self.pick(("1", "2"))
        order = self.pick(("", "_relaxed", "_acquire", "_release"))
        old = self.pick(("0", "1", "7"))
        call = self.pick(
            (
                f"xchg{order}({place}, {value})",
                f"cmpxchg{order}({place}, {old}, {value})",
                f"cmpxchg{order}({place}, {old}, {value})",
                f"atomic_add_return{order}({value}, {place})",
                f"atomic_fetch_or{order}({value}, {place})",
                f"atomic_add_unless({place}, 1, {old})",
                "",
            )
        )
        if call:
            self.lines.append(f"{self.fresh()} = {call};")
        else:
            self.lines.append(f"atomic_add({value}, {place});")

    def reader(self, depth: int) -> None:
        if self.chance(0.5):
            self.lines.append("rcu_read_lock();")
            self.block(1 + int(self.rng.random() * 2), depth + 1)
            self.lines.append("rcu_read_unlock();")
            return
        self.indices += 1
        index = f"i{self.indices - 1}"
        self.lines.append(f"{index} = srcu_read_lock(s);")
        self.block(1 + int(self.rng.random() * 2), depth + 1)
        self.lines.append(f"srcu_read_unlock(s, {index});")

    def grace(self, _: int) -> None:
        self.lines.append(
            self.pick(
                ("synchronize_srcu(s);", "synchronize_rcu();", "smp_mb__after_srcu_read_unlock();")
            )
        )

    def locked(self, depth: int) -> None:
        kind = self.rng.random()
        if kind < 0.2:
            self.lines.append(f"{self.fresh()} = spin_is_locked(l);")
        elif kind < 0.4:
            tried = self.fresh()
            self.lines.append(f"{tried} = spin_trylock(l);")
            self.lines.append(f"if ({tried}) {{")
            self.block(1, depth + 1)
            self.lines.append("spin_unlock(l); }")
        else:
            self.lines.append("spin_lock(l);")
            if self.chance(0.2):
                self.lines.append("smp_mb__after_spinlock();")
            self.block(1 + int(self.rng.random() * 2), depth + 2)
            if not self.chance(0.03):
                self.lines.append("spin_unlock(l);")

    def branch(self, depth: int) -> None:
        if not self.registers or depth > 1:
            return
        known = f"r{int(self.rng.random() * self.registers)}"
        self.lines.append(f"if ({known} {self.pick(('==', '!='))} {self.pick(('0', '1'))}) {{")
        self.block(1, depth + 1)
        if self.chance(0.3):
            self.lines.append("} else {")
            self.block(1, depth + 1)
        self.lines.append("}")

    KINDS: Final = (plain, plain, marked, marked, marked, fence, update, update, reader, grace,
                    locked, branch, branch)  # fmt: skip


def generate(seed: int) -> str:
    """A litmus test, the same one for the same seed."""
    rng = Random(seed)
    count = 2 if rng.random() < 0.8 else 3
    length = 3 if count == 2 else 2
    parameters = "int *x, int *y, int *q, spinlock_t *l, struct srcu_struct *s"
    threads: list[str] = []
    names: list[str] = []
    for number in range(count):
        thread = _Thread(rng, number)
        thread.block(length + int(rng.random() * 2), 0)
        declared = [f"r{i}" for i in range(thread.registers)]
        names += [f"{number}:{name}" for name in declared]
        declared += [f"i{i}" for i in range(thread.indices)]
        head = " ".join(f"int {name};" for name in declared)
        body = "\n\t".join((head, *thread.lines))
        threads.append(f"P{number}({parameters})\n{{\n\t{body}\n}}\n")
    asked = [*names, *PLACES]
    parts = [
        f"{asked[int(rng.random() * len(asked))]}={int(rng.random() * 3)}"
        for _ in range(1 + int(rng.random() * 2))
    ]
    question = " /\\ ".join(parts)
    listed = " ".join(f"{name};" for name in asked)
    text = "\n".join(threads) + f"\nlocations [{listed}]\nexists ({question})\n"
    # An element is not followed: q[1] is what it points to already.
    text = re.sub(r"\*(q\[\d\])", r"\1", text)
    text = re.sub(r"(smp_store_release|smp_load_acquire)\((q\[\d\])", r"\1(&\2", text)
    text = re.sub(r"(xchg\w*|unless)\((q\[\d\])", r"\1(&\2", text)
    text = re.sub(r"(atomic_\w+\(\d, )(q\[\d\])", r"\1&\2", text)
    return f"C fuzz{seed}\n\n{{ int q[2]; }}\n\n{text}"


def for_herd(text: str) -> str:
    """The same test for a checker whose C has no arrays."""
    text = re.sub(r"&q\[(\d)\]", r"q\1", text)
    head, _, rest = text.partition("locations")
    head = re.sub(r"q\[(\d)\]", r"*q\1", head.replace("{ int *q2; }", "{}").replace(
        "{ int q[2]; }", "{}"))  # fmt: skip
    head = head.replace("int *q,", "int *q0, int *q1,")
    asked = re.sub(r"q.(\d).", r"q\1", rest)
    return f"{head}locations{asked}"


def _compared(answer: Answer) -> tuple[str, int, int, str, str]:
    """An answer in a form that a table can hold."""
    states = sorted(
        tuple(
            sorted((name.replace("q[1]", "q1").replace("q0", "q"), value) for name, value in each)
        )
        for each in answer.states
    )
    digest = hashlib.sha256(repr(states).encode()).hexdigest()[:12]
    flags = " ".join(sorted(answer.flags))
    return answer.verdict, answer.positive, answer.negative, f"{len(states)}:{digest}", flags


def recorded(path: Path = RECORDED) -> dict[int, tuple[str, int, int, str, str]]:
    """By seed, what herd7 said."""
    with gzip.open(path, "rt", newline="", encoding="utf-8") as stream:
        return {
            int(seed): (verdict, int(positive), int(negative), states, flags)
            for seed, verdict, positive, negative, states, flags in csv.reader(stream)
        }


def _expected(
    seeds: Sequence[int], herd: Herd | None
) -> Iterator[tuple[int, tuple[str, int, int, str, str] | None]]:
    if herd is None:
        known = recorded()
        for seed in seeds:
            yield seed, known.get(seed)
        return
    for start in range(0, len(seeds), BATCH):
        some = seeds[start : start + BATCH]
        answers = herd.judge([for_herd(generate(seed)) for seed in some])
        for seed, answer in zip(some, answers, strict=True):
            yield seed, None if answer is None else _compared(answer)


def difference(seed: int, expected: tuple[str, int, int, str, str]) -> tuple[str, str]:
    """What came of a test (agree, differ, undecided), and how or why."""
    try:
        verdict = rcu.judge(rcu.parse(generate(seed)), limits=LIMITS)
    except LitmusError as error:
        return "undecided", str(error).splitlines()[0].partition(":")[2].strip()[:60]
    if verdict.verdict == "Undecided":
        return "undecided", "out of thin air"
    found = _compared(answer_of(verdict))
    names = ("verdict", "positive", "negative", "states", "flags")
    wrong = [
        f"{name} {mine} here, {other} there"
        for name, mine, other in zip(names, found, expected, strict=True)
        if mine != other
    ]
    return ("differ", "; ".join(wrong)) if wrong else ("agree", "")


def _keep(path: Path | None, rows: Sequence[Sequence[object]]) -> None:
    """Write what another checker said, so that it can be compared with where that is not."""
    if path is not None:
        with gzip.open(path, "wt", newline="", encoding="utf-8") as stream:
            csv.writer(stream).writerows(rows)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command: 1 when two checkers differ, or more than 2 % are undecided."""
    parser = argparse.ArgumentParser(prog="python -m tests.rcu.fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0, help="the first one")
    parser.add_argument("--record", type=Path, help="keep what herd7 says in this file")
    parser.add_argument("--show", type=int, help="print the test of this seed, and end")
    options = parser.parse_args(arguments)
    if options.show is not None:
        sys.stdout.write(generate(options.show))
        return 0
    herd = Herd.found()
    seeds = range(options.seed, options.seed + options.count)
    counts: Counter[str] = Counter()
    causes: Counter[str] = Counter()
    rows: list[tuple[object, ...]] = []
    for done, (seed, expected) in enumerate(_expected(seeds, herd)):
        if done and done % BATCH == 0:
            sys.stdout.write(f"{done} of {options.count}\n")
            sys.stdout.flush()
            _keep(options.record, rows)
        if expected is None:
            counts["without a second verdict"] += 1
            continue
        rows.append((seed, *expected))
        result, how = difference(seed, expected)
        counts[result] += 1
        if result == "differ":
            sys.stdout.write(f"seed {seed}: {how}\n")
        elif result == "undecided":
            causes[how] += 1
    _keep(options.record, rows)
    against = "herd7" if herd is not None else "recorded verdicts"
    sys.stdout.write(f"{options.count} tests against {against}\n")
    for name, number in [*sorted(counts.items()), *causes.most_common()]:
        sys.stdout.write(f"{number:7} {name}\n")
    judged = counts["agree"] + counts["differ"] + counts["undecided"]
    return int(counts["differ"] > 0 or not judged or counts["undecided"] > 0.02 * judged)


if __name__ == "__main__":
    sys.exit(main())
