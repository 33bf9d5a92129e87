"""Ordinary values against the five types of fields: the table in docs/values.md.

``python -m tests.contract.ordinary_values`` records each value, and puts what the frame shows into
the page. A test fails where the page says something else.
"""

from __future__ import annotations

import datetime as dt
import enum
from decimal import Decimal
from fractions import Fraction
from pathlib import Path, PurePosixPath
from typing import Any

import kit
from tests.marked import replaced

PAGE = Path(__file__).resolve().parents[2] / "docs/values.md"
BEGIN = "<!-- python -m tests.contract.ordinary_values -->"
END = "<!-- end of python -m tests.contract.ordinary_values -->"
FIELDS = {"int": int, "float": float, "bool": bool, "str": str, "kit.Label": kit.Label}
MISFIT, MISSING = "–", "missing"


class Word(enum.StrEnum):
    YES = "yes"


class Side(enum.IntEnum):
    BUY = 1


class Mixed(str, enum.Enum):  # noqa: UP042 - the older way, which is not the same
    RED = "red"


class Color(enum.Enum):
    RED = 1


class Access(enum.Flag):
    READ = 1
    WRITE = 2


class Mode(enum.IntFlag):
    READ = 1
    WRITE = 2


class Text(str):
    __slots__ = ()


class Whole(int):
    pass


class Real(float):
    pass


class HasFloat:
    def __float__(self) -> float:
        return 2.5


class HasIndex:
    def __index__(self) -> int:
        return 1


class HasText:
    def __str__(self) -> str:
        return "text"


def values() -> dict[str, Any]:
    """Return the values, as the page names them."""
    import numpy as np
    import pandas as pd

    return {
        "`None`": None,
        "`True`": True,
        "`0`": 0,
        "`1`": 1,
        "`2**53 + 1`": 2**53 + 1,
        "`2**63`": 2**63,
        "`10**400`": 10**400,
        "`0.0`": 0.0,
        "`1.0`": 1.0,
        "`1.5`": 1.5,
        "`float('nan')`": float("nan"),
        "`float('inf')`": float("inf"),
        "`1e300`": 1e300,
        "`1j`": 1j,
        "`Decimal('1')`": Decimal(1),
        "`Decimal('0.1')`": Decimal("0.1"),
        "`Decimal('1e400')`": Decimal("1e400"),
        "`Decimal('NaN')`": Decimal("NaN"),
        "`Fraction(4, 2)`": Fraction(4, 2),
        "`Fraction(1, 3)`": Fraction(1, 3),
        "`numpy.int8(7)`": np.int8(7),
        "`numpy.uint64(2**63)`": np.uint64(2**63),
        "`numpy.float16(1)`": np.float16(1),
        "`numpy.float32(0.1)`": np.float32(0.1),
        "`numpy.float64(1)`": np.float64(1),
        "`numpy.longdouble(2)`": np.longdouble(2),
        "`numpy.bool_(True)`": np.bool_(True),
        "`numpy.complex128(1)`": np.complex128(1),
        "`numpy.str_('x')`": np.str_("x"),
        "`numpy.bytes_(b'1')`": np.bytes_(b"1"),
        "`numpy.array(1)`, no dimension": np.array(1),
        "`numpy.array([1])`": np.array([1]),
        "`numpy.ma.masked`": np.ma.masked,
        "`numpy.datetime64('2020-01-01', 'ns')`": np.datetime64("2020-01-01", "ns"),
        "`numpy.timedelta64(5, 'ns')`": np.timedelta64(5, "ns"),
        "`pandas.NA`": pd.NA,
        "`pandas.NaT`": pd.NaT,
        "`pandas.Timestamp('2020-01-01')`": pd.Timestamp("2020-01-01"),
        "`pandas.Timedelta(5)`": pd.Timedelta(5),
        "`pandas.Series([1])`": pd.Series([1]),
        "`datetime.date(2020, 1, 1)`": dt.date(2020, 1, 1),
        "`datetime.datetime(2020, 1, 1)`": dt.datetime(2020, 1, 1),  # noqa: DTZ001
        "`datetime.timedelta(seconds=1)`": dt.timedelta(seconds=1),
        "`''`": "",
        "`'1'`": "1",
        "`b'1'`": b"1",
        "`bytearray(b'1')`": bytearray(b"1"),
        "`Path('a/b')`": PurePosixPath("a/b"),
        "a member of a `StrEnum`: `YES = 'yes'`": Word.YES,
        "of a `str, Enum`: `RED = 'red'`": Mixed.RED,
        "of an `IntEnum`: `BUY = 1`": Side.BUY,
        "of an `Enum`: `RED = 1`": Color.RED,
        "of a `Flag`: `READ`": Access.READ,
        "of a `Flag`: `READ | WRITE`": Access.READ | Access.WRITE,
        "of an `IntFlag`: `READ | WRITE`, 3": Mode.READ | Mode.WRITE,
        "of a `Flag`: none": Access(0),
        "a subclass of `str`: `'x'`": Text("x"),
        "a subclass of `int`: `7`": Whole(7),
        "a subclass of `float`: `2.0`": Real(2.0),
        "an object with `__float__`: `2.5`": HasFloat(),
        "an object with `__index__`: `1`": HasIndex(),
        "an object with `__str__`": HasText(),
        "`object()`": object(),
        "`[1]`": [1],
        "`...`": ...,
    }


def found(name: str, **options: Any) -> dict[str, list[str]]:
    """Record every value in every type of field; return what the frame shows, as text.

    Parameters
    ----------
    name : str
        The marker's.
    **options
        For `kit.record`.
    """
    fire = kit.marker(name, **{f"f{place}": kind for place, kind in enumerate(FIELDS.values())})
    ordinary = values()
    shown: dict[str, list[str]] = {}
    together = kit.record(name, **options)
    for text, value in ordinary.items():
        alone = kit.record(name)
        fire(*[value] * len(FIELDS))
        alone._end()
        misfits = alone.misfits.get(name, {})
        shown[text] = [
            MISFIT if f"f{place}" in misfits else MISSING for place in range(len(FIELDS))
        ]
    together._end()
    frame = together._frozen().frame(name)
    for place in range(len(FIELDS)):
        column = frame[f"f{place}"]
        # Objects of Python's own, so that the page does not depend on NumPy's version.
        listed = column.astype(object).tolist()
        for row, value, gone in zip(shown.values(), listed, column.isna(), strict=True):
            if not gone:
                assert row[place] == MISSING
                row[place] = _shown(value)
        count = sum(row[place] == MISFIT for row in shown.values())
        assert (
            frame.attrs["misfits"][name][f"f{place}"]
            == together.misfits[name][f"f{place}"]
            == count
        )
    return shown


def _shown(value: Any) -> str:
    assert type(value) in (bool, int, float, str)
    return f"`{value!r}`"


def table(shown: dict[str, list[str]]) -> str:
    """Return the table in the page's own words."""
    head = f"| value | {' | '.join(f'`{name}`' for name in FIELDS)} |"
    cells = [[text.replace("|", r"\|") for text in (name, *row)] for name, row in shown.items()]
    rows = [f"| {' | '.join(row)} |" for row in cells]
    return "\n".join([head, "|---" * (1 + len(FIELDS)) + "|", *rows])


if __name__ == "__main__":
    PAGE.write_text(replaced(PAGE.read_text(), table(found("values.ordinary")), BEGIN, END))
