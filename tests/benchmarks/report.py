"""Results as text: the table, and how costs grow."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.benchmarks.figures import FIGURES, Figure, written
from tests.benchmarks.place import machine, today

DASH = "–"


@dataclass
class Results:
    """Everything that one run has measured.

    ``values`` holds figures by row and subject: of the kit (``c``, ``python``), of the bare object,
    and of peers. ``growth`` holds, by dispatcher, what `tests.benchmarks.scaling` found;
    ``machine`` and ``day`` say where and when.
    """

    values: dict[str, dict[str, float]] = field(default_factory=dict)
    growth: dict[str, dict[str, Any]] = field(default_factory=dict)
    frames: dict[str, dict[str, float]] = field(default_factory=dict)
    first: dict[str, float] = field(default_factory=dict)
    says: dict[str, str] = field(default_factory=dict)
    call: dict[str, float] = field(default_factory=dict)
    quick: bool = False
    machine: str = field(default_factory=machine)
    day: str = field(default_factory=today)

    def save(self, path: Path) -> None:
        """Keep everything in a file."""
        path.write_text(json.dumps(asdict(self), indent=1))

    @classmethod
    def load(cls, path: Path) -> Results:
        """Return what was kept in a file."""
        return cls(**json.loads(path.read_text()))

    def put(self, figure: str, subject: str, value: float) -> None:
        """Keep a figure."""
        self.values.setdefault(figure, {})[subject] = value

    def of(self, figure: str) -> tuple[float | None, float | None, float | None]:
        """Return what the C dispatcher, the bare object and the Python dispatcher take."""
        values = self.values.get(figure, {})
        return values.get("c"), values.get("bare"), values.get("python")

    def peers(self, figure: str) -> list[tuple[str, float]]:
        """Return the peers of a row, the best one first."""
        values = self.values.get(figure, {})
        own = ("c", "bare", "python")
        return sorted(
            ((name, value) for name, value in values.items() if name not in own),
            key=lambda each: each[1],
        )

    def versions(self) -> str:
        """Say what was measured, and what was not."""
        there = {name: what for name, what in self.says.items() if "absent" not in what}
        return ", ".join(f"{name} {what}" for name, what in there.items())

    def absent(self) -> list[str]:
        """Say what is not in the table, and why."""
        return [
            f"{name} {what.replace('absent: ', 'is not in the table: ')}"
            for name, what in self.says.items()
            if "absent" in what
        ]


def verdict(results: Results, figure: Figure) -> str:
    """Say whether a row is reached."""
    fast, bare, _ = results.of(figure.key)
    if fast is None:
        return DASH
    return "yes" if figure.reached(fast, bare) else "NO"


def cells(results: Results, figure: Figure) -> list[str]:
    """Return a row of the table."""

    def cell(value: float | None) -> str:
        return DASH if value is None else written(value, figure.unit)

    fast, bare, slow = results.of(figure.key)
    within = "" if figure.within is None else f" (≤ {figure.within:g}x)"
    peers = [f"{name} {written(value, figure.unit)}" for name, value in results.peers(figure.key)]
    return [
        figure.label,
        f"≤ {written(figure.reach, figure.unit).replace('.00', '')}",
        cell(fast),
        cell(bare),
        cell(slow) + within,
        peers[0] if peers else DASH,
        ", ".join(peers[1:]) or DASH,
    ]


HEADS = ["", "reach", "C", "bare C object", "Python", "best peer", "others"]
SHORT = ["", "C", "Python", "bare C object", "best peer"]


def markdown(results: Results, heads: list[str] = HEADS) -> str:
    """Return the table in Markdown, with what it came from."""
    lines = [f"| {' | '.join(heads)} |", "|---|" + "---:|" * (len(heads) - 1)]
    for figure in FIGURES:
        row = dict(zip(HEADS, cells(results, figure), strict=True))
        if heads is SHORT:
            row["Python"] = row["Python"].partition(" (")[0]
        lines.append(f"| {' | '.join(row[head] for head in heads)} |")
    lines += ["", source(results)]
    return "\n".join(lines)


def source(results: Results) -> str:
    """Say where the figures come from."""
    quick = ", with few repeats" if results.quick else ""
    said = f"Measured on {results.day}{quick}: {results.machine}; {results.versions()}."
    return " ".join([said, *(f"{line}." for line in results.absent())])


def aligned(rows: Iterable[list[str]]) -> list[str]:
    """Return rows as lines, their columns under each other."""
    rows = list(rows)
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    return [
        "  ".join(
            cell.ljust(width) if place in (0, len(row) - 1) else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def text(results: Results) -> str:
    """Return everything as text for a terminal."""
    calls = ", ".join(f"{name} {ns:.1f} ns" for name, ns in results.call.items())
    lines = [results.machine, results.versions(), *results.absent()]
    lines += [f"x: in calls of an empty function, net of an empty loop (here: {calls})", ""]
    head = ["", "reach", "C", "ok", "bare", "Python", "peers"]
    table = [head]
    for figure in FIGURES:
        label, reach, fast, bare, slow, best, others = cells(results, figure)
        peers = best if others == DASH else f"{best}, {others}"
        table.append([label, reach, fast, verdict(results, figure), bare, slow, peers])
    lines += aligned(table)
    for title, heads, rows in growth(results):
        lines += ["", title, *aligned([heads, *rows])]
    return "\n".join(lines)


def growth(results: Results) -> list[tuple[str, list[str], list[list[str]]]]:
    """Return the smaller tables: title, heads, rows."""
    found = []
    titles = {
        "fan-out": ("dispatch by fan-out, in empty calls", ".2f"),
        "fields": ("record by number of fields, in empty calls", ".2f"),
        "kinds": ("record one field by its kind, in empty calls", ".2f"),
        "connected": ("connect + disconnect by what is connected, in empty calls", ".0f"),
        "threads": ("threads that fire, ns of the machine an event", ".0f"),
        "grace": ("a grace period, µs", ".1f"),
    }
    for key, (title, digits) in titles.items():
        series: dict[str, dict[str, float]] = {}
        for dispatcher, tables in results.growth.items():
            table = tables.get(key, {})
            if key == "grace":
                table = {"synchronize": table}
            for name, points in table.items():
                if name == "bare" and dispatcher != "c":
                    continue
                label = "bare C object" if name == "bare" else f"{name}, {dispatcher}"
                series[label] = points
        if not series:
            continue
        places = list(dict.fromkeys(place for points in series.values() for place in points))
        rows = [
            [
                label,
                *(format(points[place], digits) if place in points else DASH for place in places),
            ]
            for label, points in series.items()
        ]
        found.append((title, ["", *places], rows))
    if results.frames:
        heads = ["", "bytes an event", "1 M events to a frame", "10 M events to a frame"]
        rows = []
        for name, got in results.frames.items():
            cells_ = [f"{got['bytes']:.0f}"]
            for count in ("frame", "frame of 10 M"):
                cells_.append(f"{got[count]:,.0f} ms" if count in got else DASH)
            rows.append([name, *cells_])
        found.append(("recorded events in memory and as a frame", heads, rows))
    if results.first:
        rows = [[name, f"{took:,.0f} ms"] for name, took in results.first.items()]
        found.append(("from the start of Python, over bare Python", ["", "takes"], rows))
    return found
