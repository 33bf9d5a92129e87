"""Many tests under many models, as a table of verdicts."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from kit.rcu import models as known
from kit.rcu._checker.judge import Verdict, judge
from kit.rcu._litmus.building import Litmus
from kit.rcu._litmus.parser import parse
from kit.rcu._litmus.syntax import Test
from kit.rcu.limits import DEFAULT, Limits
from kit.rcu.models import Model

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd

__all__ = ["Matrix", "Row", "matrix"]


def aligned(lines: Sequence[Sequence[str]]) -> str:
    """Lines of cells as text, with each column as wide as its widest cell."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


@dataclass(frozen=True, slots=True)
class Row:
    """One test with its verdict under each model, in the order of `Matrix.models`."""

    test: str
    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True, slots=True)
class Matrix:
    """A table of verdicts.

    Attributes
    ----------
    models : tuple of str
        The columns.
    rows : tuple of Row
        One a test.

    Examples
    --------
    >>> matrix("C a {} P0(int *x) { *x = 1; } exists (x=1)", ["sc", "lkmm"])
    test  sc      lkmm
    a     Always  Always
    """

    models: tuple[str, ...]
    rows: tuple[Row, ...]

    def __getitem__(self, key: tuple[str, str]) -> Verdict:
        """The verdict for a test and a model, by name."""
        test, model = key
        for row in self.rows:
            if row.test == test and model in self.models:
                return row.verdicts[self.models.index(model)]
        raise KeyError(key)

    def __repr__(self) -> str:
        lines = [["test", *self.models]]
        lines += [[row.test, *(each.verdict for each in row.verdicts)] for row in self.rows]
        return aligned(lines)

    def _repr_html_(self) -> str:
        """The table; a verdict has a mark besides its word."""
        head = "".join(f'<th scope="col">{escape(name)}</th>' for name in ("test", *self.models))
        body = "".join(
            f'<tr><th scope="row">{escape(row.test)}</th>'
            + "".join(
                f'<td><span style="white-space:nowrap">{each.mark} {each.verdict}</span>'
                + (f" ({escape(', '.join(each.flags))})" if each.flags else "")
                + "</td>"
                for each in row.verdicts
            )
            + "</tr>"
            for row in self.rows
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"

    def frame(self) -> pd.DataFrame:
        """The verdicts as a frame: an index of test names, a column a model.

        Returns
        -------
        pandas.DataFrame
            Verdicts as text.
        """
        import pandas as pd

        return pd.DataFrame(
            [[each.verdict for each in row.verdicts] for row in self.rows],
            index=pd.Index([row.test for row in self.rows], name="test"),
            columns=list(self.models),
        )


def matrix(
    tests: Test | Litmus | str | Iterable[Test | Litmus | str],
    models: str | Model | Iterable[str | Model] = known.NAMES,
    *,
    states: bool = False,
    limits: Limits = DEFAULT,
) -> Matrix:
    r"""Judge tests under models.

    Parameters
    ----------
    tests : Test, Litmus, str, or several of them
        Tests, or their texts or paths.
    models : str, Model, or several of them
        The kit's own four if left out.
    states : bool
        Whether each verdict has all final states and flags; without, judging is faster.
    limits : Limits
        Bounds on each judgement.

    Returns
    -------
    Matrix
        The table.

    Raises
    ------
    kit.errors.LitmusError
        When a test or a model cannot be read.

    Examples
    --------
    >>> stale = "C sb {} P0(int *x, int *y) { int r; WRITE_ONCE(*x, 1); r = READ_ONCE(*y); }" \
    ...     "P1(int *x, int *y) { int r; WRITE_ONCE(*y, 1); r = READ_ONCE(*x); }" \
    ...     "exists (0:r=0 /\\ 1:r=0)"
    >>> matrix(stale, ["sc", "tso"])
    test  sc     tso
    sb    Never  Sometimes
    """
    several = [tests] if isinstance(tests, Test | Litmus | str) else list(tests)
    chosen = [known.get(each) for each in ([models] if isinstance(models, str | Model) else models)]
    rows: list[Row] = []
    for each in several:
        test = each.test if isinstance(each, Litmus) else each
        test = parse(test, limits) if isinstance(test, str) else test
        verdicts = tuple(judge(test, model, states=states, limits=limits) for model in chosen)
        rows.append(Row(test.name, verdicts))
    return Matrix(tuple(model.name for model in chosen), tuple(rows))
