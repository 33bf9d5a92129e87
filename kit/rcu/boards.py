"""The way from the engine to its widgets, which are imported when they are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kit.rcu import models as known

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kit.rcu.cases import Case, Choices
    from kit.rcu.models import Model
    from kit.widgets.board import Board

__all__ = ["board"]


def board(
    transition: str | Case,
    start: str | Choices = "posted",
    *,
    models: Iterable[str | Model] = known.NAMES,
) -> Board:
    """Show a transition's code beside a switch for every barrier, access mark and grace period.

    Verdicts under all models follow each switch. A click on a verdict shows an execution that ends
    so, or why there is none.

    Parameters
    ----------
    transition : str or Case
        As for `kit.rcu.case`.
    start : str or mapping
        A preset, ``posted``, ``fixed`` or ``bare``, or options by switch.
    models : iterable of str or Model
        The kit's own four if left out.

    Returns
    -------
    kit.widgets.board.Board
        A notebook shows it. Its ``choices``, ``matrix`` and ``text`` are what it shows.

    Raises
    ------
    kit.errors.LitmusError
        When there is no such case, preset, switch, option or model.

    Examples
    --------
    >>> shown = board("1→2", "fixed")
    >>> shown.set("read-barrier", "smp_read_barrier_depends")
    >>> shown.matrix["stale", "lkmm"].verdict
    'Sometimes'
    """
    from kit.widgets.board import Board

    return Board(transition, start, models)
