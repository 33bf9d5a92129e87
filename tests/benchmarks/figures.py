"""The rows of the table: what each measures, and how fast it is meant to be."""

from __future__ import annotations

from dataclasses import dataclass

SLACK = 1.15
"""A row is also reached within this many times the bare object: timings differ by 10 %."""


@dataclass(frozen=True)
class Figure:
    """One row of the table.

    ``reach`` is for the C dispatcher, ``within`` for the one in Python, which is made to be read.
    """

    key: str
    label: str
    unit: str  # x: in calls of an empty function
    reach: float
    within: float | None = None

    def reached(self, value: float, bare: float | None) -> bool:
        """Whether the C dispatcher's figure is within its reach, or near enough to the floor."""
        return value <= max(self.reach, SLACK * (bare or 0))


FIGURES = (
    Figure("off", "fire, nothing connected", "x", 0.65, 4.5),
    Figure("guard", "guard `if m:`", "x", 0.2, 1.7),
    Figure("one", "one Python probe", "x", 2.0, 11),
    Figure("eight", "8 probes", "x", 10),
    Figure("sixty-four", "64 probes", "x", 75, 125),
    Figure("record", "record time, int, float, str", "x", 2.2, 14),
    Figure("span", "span with one field, recorded", "x", 4),
    Figure("memory", "memory of a recorded event", "bytes", 32),
    Figure("frame", "1 M recorded events to a frame", "ms", 20),
    Figure("update", "connect + disconnect with 64 connected", "µs", 10),
    Figure("grace", "grace period, nobody dispatching", "µs", 5),
    Figure("import", "`import kit`, over bare Python", "ms", 15),
)

BY_KEY = {figure.key: figure for figure in FIGURES}


def written(value: float, unit: str) -> str:
    """Write a figure with as many digits as it deserves."""
    digits = f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:,.0f}"
    return f"{digits}x" if unit == "x" else f"{digits} {unit}"
