"""The way from the engine to its widgets, which are imported when they are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kit.rcu import models as known
from kit.rcu._litmus.syntax import Test
from kit.rcu.steps.catalogue import machine
from kit.rcu.steps.litmus import interleave

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kit.rcu.cases import Case, Choices
    from kit.rcu.models import Model
    from kit.rcu.steps.machine import Machine
    from kit.widgets._lab.board import Board
    from kit.widgets._lab.stepper import Stepper
    from kit.widgets._lab.watching import Watch

__all__ = ["board", "stepper", "watch"]


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
    kit.widgets._lab.board.Board
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
    from kit.widgets._lab.board import Board

    return Board(transition, start, models)


def stepper(
    transition: str | Machine | Test,
    algorithm: str = "posted",
    *,
    readers: int = 1,
    updaters: int = 1,
    faults: Iterable[str] = (),
) -> Stepper:
    """Show a simulation that moves when you say who moves.

    Threads stand side by side with their code and the line that comes next; memory is drawn below,
    with what is private, published, retired and freed. Steps can be taken back, every interleaving
    can be explored, and each bad state that is found can be run to.

    Parameters
    ----------
    transition : str, Machine or Test
        As for `kit.rcu.machine`; or a machine of your own; or a litmus test.
    algorithm, readers, updaters, faults
        As for `kit.rcu.machine`; used with a transition only.

    Returns
    -------
    kit.widgets._lab.stepper.Stepper
        A notebook shows it. Its ``machine`` can be moved from other cells too.

    Raises
    ------
    kit.errors.SimulationError
        When there is no such transition, algorithm or fault.

    Examples
    --------
    >>> shown = stepper("1→0→1", "posted", updaters=2)
    >>> shown.step("updater 1")
    >>> shown.machine.state.locks["mutex"]
    'updater 1'
    """
    from kit.widgets._lab.stepper import Stepper

    if isinstance(transition, str):
        transition = machine(
            transition, algorithm, readers=readers, updaters=updaters, faults=faults
        )
    elif isinstance(transition, Test):
        transition = interleave(transition)
    return Stepper(transition)


def watch(transition: str, dispatches: int = 12) -> Watch:
    """Make a transition of a live marker under real threads, and show it beside the model's.

    One reader is inside a probe from before each publication until after it; another one
    dispatches all the while. What is shown is the kit's own recording of it: which dispatch used
    which generation of the probe array, and how long the grace period was. Below stands the same
    order of steps, taken by the simulator.

    Parameters
    ----------
    transition : str
        As for `kit.rcu.machine`.
    dispatches : int
        How often a reader dispatches before, during and after each change.

    Returns
    -------
    kit.widgets._lab.watching.Watch
        A notebook shows it; its ``dispatches`` and ``publications`` are frames.

    Raises
    ------
    kit.errors.SimulationError
        When there is no such transition.

    Examples
    --------
    >>> seen = watch("2→1", 4)
    >>> len(seen.counts), seen.late
    (2, 0)
    >>> seen.publications[["action", "probe"]].to_dict("list")
    {'action': ['disconnect'], 'probe': ['A']}
    """
    from kit.widgets._lab.watching import Watch

    return Watch(transition, dispatches)
