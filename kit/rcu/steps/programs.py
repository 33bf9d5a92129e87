"""Programs of simulated threads: Python generators that can be run to the same point again.

A generator cannot be copied, and exploring all interleavings needs thousands of copies. But what a
program does depends on nothing but what its steps have returned. So it is kept as a tree: a node is
a point in the program, and for each value that the next step returns there is one branch. A node is
made once, by running the generator, and found ever after.
"""

from __future__ import annotations

import inspect
import linecache
import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import replace
from types import CellType, FunctionType
from typing import TYPE_CHECKING, Any, NamedTuple

from kit.errors import KitError, SimulationError
from kit.rcu.steps.values import checked, shown
from kit.rcu.steps.vocabulary import NOTES, Step

if TYPE_CHECKING:
    from types import CodeType, FrameType

    from kit.rcu.limits import Bounds

__all__ = ["Frame", "Node", "Program", "guarded", "root"]

Steps = Generator[Step, Any, Any]
Program = Callable[[], Steps] | Sequence[Step] | Step


class Frame(NamedTuple):
    """Where a program stands: one function of it.

    Attributes
    ----------
    name : str
        The function, or the thread where the program is a list.
    code : code object or tuple of str
        What `lines_of` finds the text by, or the text.
    line : int
        The number of the current line; 0 when the program is over.
    held : tuple of (str, str)
        Its variables, as they are read.
    """

    name: str
    code: CodeType | tuple[str, ...]
    line: int
    held: tuple[tuple[str, str], ...] = ()


class _TooLongError(BaseException):
    """Ends a program that runs on; not an Exception, so that programs do not catch it by habit."""


def guarded(who: str, lines: int, function: Callable[..., Any], *arguments: object) -> Any:
    """Call a function that runs somebody's Python; if it fails, the error names the program.

    Raises
    ------
    kit.errors.SimulationError
        When it raises, or runs for more lines than that.
    """
    try:
        return _bounded(lines, function, *arguments)
    except (StopIteration, KitError):
        raise
    except _TooLongError:
        text = f"runs for more than {lines:,} lines without a step (Bounds.lines)"
        raise SimulationError(f"{who}: {text}") from None
    except (RecursionError, MemoryError) as error:
        raise SimulationError(f"{who}: asks for too much: {type(error).__name__}") from None
    except Exception as error:
        place = error.__traceback__
        while place is not None and place.tb_next is not None:
            place = place.tb_next
        line = place.tb_lineno if place is not None else 0
        raise SimulationError(
            f"{who}, line {line}: raised {type(error).__name__}: {error!s:.200}{_hint(error)}"
        ) from error


def _bounded(lines: int, function: Callable[..., Any], *arguments: object) -> Any:
    left = lines

    def trace(_frame: FrameType, event: str, _argument: object) -> Any:
        nonlocal left
        if event == "line":
            left -= 1
            if left < 0:
                raise _TooLongError
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        return function(*arguments)
    finally:
        sys.settrace(before)


class _Source:
    """Starts a program afresh."""

    def __init__(self, program: Program, name: str, bounds: Bounds) -> None:
        self.name = name
        self.bounds = bounds
        self.listing: tuple[str, ...] = ()
        if isinstance(program, Step):
            program = [program]
        if callable(program):
            self.start: Callable[[], Any] = program
            self.listing = getattr(program, "listing", ())
            return
        steps = _listed(program, name)
        self.listing = tuple(str(step) for step in steps)
        self.start = lambda: (step for step in steps)

    def error(self, text: str, node: Node | None = None) -> SimulationError:
        where = f", line {node.frames[-1][2]}" if node is not None and node.frames else ""
        return SimulationError(f"{self.name}{where}: {text}")


def _listed(program: object, name: str) -> tuple[Step, ...]:
    if not isinstance(program, Iterable) or isinstance(program, str | bytes):
        raise SimulationError(
            f"{name}: a program is a generator function or a list of steps, not {program!r:.60}"
        )
    steps = tuple(program)
    for step in steps:
        if not isinstance(step, Step):
            raise SimulationError(f"{name}: {step!r:.60} is no step; steps are load(...) and such")
    return steps


class Node:
    """A point in a program: what it has been told, and the step that it takes next.

    Attributes
    ----------
    step : Step or None
        What comes next; None at the end.
    before : tuple of Step
        Notes that hold from the next step on.
    arrived : tuple of Step
        Notes that hold from this point on.
    frames : tuple of Frame
        Where the program stands, outermost function first.
    result : object
        What the program has returned, at its end.
    depth : int
        How many steps it has taken.
    """

    __slots__ = (
        "_branches",
        "_generator",
        "_spawned",
        "_told",
        "arrived",
        "before",
        "depth",
        "frames",
        "result",
        "source",
        "step",
        "up",
    )

    def __init__(self, source: _Source, up: Node | None, told: object) -> None:
        self.source = source
        self.up = up
        self.depth: int = 0 if up is None else up.depth + 1
        self.step: Step | None = None
        self.before: tuple[Step, ...] = ()
        self.arrived: tuple[Step, ...] = ()
        self.frames: tuple[Frame, ...] = ()
        self.result: object = None
        self._told = told
        self._branches: dict[tuple[type, object], Node] = {}
        self._generator: Steps | None = None
        self._spawned: Node | None = None

    def after(self, value: object) -> Node:
        """The point that follows when the next step has returned a value."""
        key = (type(value), value)
        found = self._branches.get(key)
        if found is None:
            if self.depth >= self.source.bounds.steps:
                raise self.source.error(
                    f"has taken {self.depth} steps and goes on (Bounds.steps); a program that "
                    "waits does so by `until`, not in a loop of loads",
                    self,
                )
            found = Node(self.source, self, value)
            found._reach()
            self._branches[key] = found
        return found

    def spawned(self, name: str) -> Node:
        """The first point of the program that the next step defers."""
        if self._spawned is None:
            step = self.step
            assert step is not None
            assert step.program is not None
            self._spawned = root(step.program, name, self.source.bounds)
        return self._spawned

    def check(self) -> None:
        """Run the program to this point once more: it must come the same way.

        Raises
        ------
        kit.errors.SimulationError
            When it does not.
        """
        self._again(self)

    # How a node is made.

    def _reach(self) -> None:
        """Run the generator to this point; from the start, unless it stands just before."""
        up = self.up
        if up is None:
            self._advance(self.source.start, None, first=True)
            return
        generator = up._generator
        up._generator = None
        if generator is None:
            generator = self._again(up)
        self._advance(generator.send, self._told, generator=generator)

    def _again(self, up: Node) -> Steps:
        """A generator that stands at a node above, made by replaying what it was told."""
        path = [up]
        while path[-1].up is not None:
            path.append(path[-1].up)
        generator = self._generator_of(self._guarded(self.source.start))
        for node in reversed(path):
            shadow = Node(self.source, node.up, node._told)
            shadow._advance(generator.send, node._told, generator=generator)
            if str(shadow.step) != str(node.step):
                raise self.source.error(
                    f"took the step '{node.step}' once and '{shadow.step}' another time; a program "
                    "must know nothing but what its steps return: no random numbers, no variables "
                    "shared with other programs",
                    node,
                )
        return generator

    def _advance(
        self,
        move: Callable[..., Any],
        value: object,
        *,
        generator: Steps | None = None,
        first: bool = False,
    ) -> None:
        if first:
            generator = self._generator_of(self._guarded(move))
            move = generator.send
        assert generator is not None
        notes: list[Step] = []
        for _ in range(self.source.bounds.steps):
            try:
                step = self._guarded(move, value)
            except StopIteration as end:
                self.result = checked(end.value, f"the result of {self.source.name}")
                self.arrived = tuple(notes)
                return
            value = None
            if not isinstance(step, Step):
                self.frames = self._where(generator, Step("", ""))
                raise self.source.error(
                    f"yields {step!r:.60}, which is no step; write `yield load(...)` and such, and "
                    "`yield from` before a function of steps",
                    self,
                )
            self.frames = self._where(generator, step)
            if isinstance(step.value, FunctionType):
                step = replace(step, value=_as_now(step.value))
            if step.kind in NOTES:
                notes.append(step)
                continue
            self.step = step
            self.arrived = tuple(note for note in notes if note.kind == "connected")
            self.before = tuple(note for note in notes if note.kind == "disconnecting")
            self._generator = generator
            return
        raise self.source.error("yields notes without end", self)

    def _guarded(self, function: Callable[..., Any], *arguments: object) -> Any:
        return guarded(self.source.name, self.source.bounds.lines, function, *arguments)

    def _generator_of(self, made: object) -> Steps:
        if isinstance(made, Generator):
            return made
        raise self.source.error(
            f"is no generator: calling it gives {made!r:.60}; its function needs a `yield`"
        )

    def _where(self, generator: Steps, step: Step) -> tuple[Frame, ...]:
        if self.source.listing:
            line = step.line or self.depth + 1
            return (Frame(self.source.name, self.source.listing, line, step.held),)
        frames: list[Frame] = []
        inner: Any = generator
        while inspect.isgenerator(inner) and inner.gi_frame:
            held = tuple(_held(inner.gi_frame.f_locals))
            frames.append(
                Frame(inner.gi_code.co_name, inner.gi_code, inner.gi_frame.f_lineno, held)
            )
            inner = inner.gi_yieldfrom
        return tuple(frames)


def _as_now(function: FunctionType, depth: int = 0) -> FunctionType:
    """The same function, with the variables around it as they are now.

    A condition of `until` is asked again and again, and on every way from here. Meanwhile its
    program has gone on along one of them, and the variables that it shares with the condition have
    other values.
    """
    if not function.__closure__ or depth > 8:
        return function
    cells = []
    for cell in function.__closure__:
        try:
            value = cell.cell_contents
        except ValueError:  # not set yet: asking will fail, as it should
            cells.append(CellType())
            continue
        if type(value) in (list, dict, set):
            value = copy(value)
        elif isinstance(value, FunctionType) and value is not function:
            value = _as_now(value, depth + 1)
        cells.append(CellType(value))
    now = FunctionType(
        function.__code__, function.__globals__, function.__name__, function.__defaults__,
        tuple(cells),
    )  # fmt: skip
    now.__kwdefaults__ = function.__kwdefaults__
    return now


def _held(variables: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """The variables that hold what memory could hold, or a short list of such."""
    for name, value in variables.items():
        several = value if isinstance(value, list) else [value]
        if len(several) > 16:
            continue
        try:
            text = ", ".join(shown(checked(each, name)) for each in several)
        except SimulationError:
            continue
        yield name, f"[{text}]"[:60] if isinstance(value, list) else text[:60]


def _hint(error: Exception) -> str:
    if isinstance(error, TypeError) and "NoneType" in str(error):
        return "; a pointer that points nowhere is NULL, not None"
    if isinstance(error, TypeError) and "argument" in str(error):
        return "; a program is called without arguments"
    return ""


def root(program: Program, name: str, bounds: Bounds) -> Node:
    """The first point of a program, before its first step; ``name`` is its thread, for messages.

    Raises
    ------
    kit.errors.SimulationError
        When it is no program, or fails before its first step.

    Examples
    --------
    >>> from kit.rcu import Bounds
    >>> from kit.rcu.steps import load
    >>> first = root([load("x")], "reader", Bounds())
    >>> first.step, first.after(0).step
    (load x, None)
    """
    node = Node(_Source(program, name, bounds), None, None)
    node._reach()
    return node


def lines_of(frame: Frame) -> tuple[tuple[str, ...], int]:
    """The text around a frame: its lines, and the number of the first.

    Examples
    --------
    >>> lines_of(Frame("reader", ("load x", "load y"), 2))
    (('load x', 'load y'), 1)
    """
    code = frame.code
    if isinstance(code, tuple):
        return code, 1
    linecache.checkcache(code.co_filename)
    try:
        lines, first = inspect.getsourcelines(code)
    except (OSError, IndexError, SyntaxError):
        return (), 1
    return tuple(line.rstrip("\n") for line in lines), max(first, 1)
