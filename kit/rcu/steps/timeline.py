"""The steps of a simulation as lanes over time, drawn like the publication plot of live markers."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kit.rcu.steps.machine import Machine, Move
    from kit.rcu.steps.state_view import State

__all__ = ["Bar", "Timeline", "draw_timeline", "timeline_of"]

LANE, NAMES, TOP, WIDTH = 30, 86, 30, 620
"""Height of a lane, where time begins, where lanes begin, and how wide time is."""

STYLE: Final = (
    ".kit-time{--n:#D55E00;--a:#6C8EAD;--b:#B9AD8A}"
    'body[data-jp-theme-light="false"] .kit-time{--n:#FF8B3D;--a:#7396B8;--b:#A3966F}'
    ".kit-time text{font:12px system-ui,sans-serif;fill:currentColor}"
    ".kit-time .quiet{opacity:.7;font-size:11px}"
    ".kit-time .lane{stroke:currentColor;stroke-opacity:.18}"
    ".kit-time .store{stroke:currentColor;stroke-width:1.2}"
    ".kit-time .wait{fill:url(#kit-time-hatch);stroke:currentColor;stroke-opacity:.3}"
    ".kit-time .hatch{stroke:currentColor;stroke-opacity:.4}"
    ".kit-time .step{fill:currentColor;fill-opacity:.55}"
    ".kit-time .freed{stroke:currentColor;stroke-width:1.8;fill:none}"
    ".kit-time .newest{fill:var(--n)}.kit-time .even{fill:var(--a)}.kit-time .odd{fill:var(--b)}"
    ".kit-time .bad{fill:var(--jp-error-color1,#D32F2F);font-weight:600}"
)


@dataclass(frozen=True, slots=True)
class Bar:
    """Something that lasts, in one lane.

    Attributes
    ----------
    thread : str
        The lane.
    kind : str
        ``dispatch``, or ``grace`` for a grace period that is waited for.
    first, last : int
        Numbers of the steps that it begins and ends with.
    generation : int
        For a dispatch: how many publications it had seen when it first looked.
    """

    thread: str
    kind: str
    first: int
    last: int
    generation: int = 0


@dataclass(frozen=True, slots=True)
class Timeline:
    """What happened when.

    Attributes
    ----------
    threads : tuple of str
        The lanes.
    steps : int
        How long it is.
    bars : tuple of Bar
        Dispatches and grace periods.
    publications : tuple of int
        The steps that changed what readers can get at.
    trace : tuple of Move
        All steps.
    """

    threads: tuple[str, ...]
    steps: int
    bars: tuple[Bar, ...]
    publications: tuple[int, ...]
    trace: tuple[Move, ...]


def timeline_of(machine: Machine) -> Timeline:
    """What happened when, from the steps that a machine has taken.

    Examples
    --------
    >>> from kit import rcu
    >>> machine = rcu.machine("0→1", "kit").run(*["updater"] * 7, *["reader"] * 5)
    >>> line = timeline_of(machine)
    >>> line.publications, [(bar.kind, bar.first, bar.last) for bar in line.bars]
    ((4,), [('grace', 6, 7), ('dispatch', 8, 12)])
    """
    states = machine.history
    trace = machine.trace
    publications = tuple(
        step.number
        for step, before, after in zip(trace, states, states[1:], strict=False)
        if _seen(before) != _seen(after)
    )
    bars: list[Bar] = []
    for thread in machine.threads:
        bars += _bars(thread, trace, states, publications)
    return Timeline(
        machine.threads,
        len(trace),
        tuple(sorted(bars, key=lambda bar: bar.first)),
        publications,
        trace,
    )


def _seen(state: State) -> frozenset[str]:
    """What a reader that begins now can get at."""
    things = (*state.objects, *state.private)
    return frozenset(thing.name for thing in things if thing.status == "published")


def _bars(
    thread: str, trace: Sequence[Move], states: Sequence[State], publications: Sequence[int]
) -> Iterator[Bar]:
    """The dispatch of a reader; the grace periods of an updater or a deferred program."""
    mine = [step for step in trace if step.thread == thread]
    waits = [
        (number, where.blocked or where.next)
        for number, state in enumerate(states)
        for where in state.threads
        if where.name == thread and where.next.startswith("grace period ends")
    ]
    if waits:
        # A wait ends with the step that ends it; until then every state says so.
        first = waits[0][0]
        for (number, _), following in zip(waits, [*waits[1:], (0, "")], strict=True):
            if following[0] != number + 1:
                yield Bar(thread, "grace", first, min(number + 1, len(trace)))
                first = following[0]
    role = next(where.role for where in states[-1].threads if where.name == thread)
    if role == "reader" and mine:
        looks = next((s.number for s in mine if s.text.startswith("load")), mine[0].number)
        seen = sum(publication < looks for publication in publications)
        yield Bar(thread, "dispatch", mine[0].number, mine[-1].number, seen)


def draw_timeline(machine: Machine) -> str:
    """A machine's steps as an SVG element: self-contained, with its texts escaped.

    Examples
    --------
    >>> from kit import rcu
    >>> machine = rcu.machine("0→1", "kit").run(*["updater"] * 6, *["reader"] * 5)
    >>> draw_timeline(machine).count('class="newest"')
    1
    """
    return _Lanes(machine).svg()


class _Lanes:
    """Places in the drawing, and the elements of each lane."""

    def __init__(self, machine: Machine) -> None:
        self.title = machine.title
        self.line = timeline_of(machine)
        self.unit = WIDTH / max(self.line.steps, 1)
        self.height = TOP + LANE * len(self.line.threads) + 8

    def x(self, step: float) -> float:
        return NAMES + (step - 1) * self.unit

    def bar(self, bar: Bar, y: float) -> str:
        wide = max(self.x(bar.last + 1) - self.x(bar.first), 3)
        box = f'x="{self.x(bar.first):g}" y="{y + 6:g}" width="{wide:g}" height="{LANE - 12}"'
        if bar.kind == "grace":
            return f'<rect class="wait" {box}><title>grace period</title></rect>'
        every = len(self.line.publications)
        style = "odd" if bar.generation % 2 else "even"
        style = "newest" if bar.generation == every else style
        title = f"a dispatch that saw {bar.generation} of {every} publications"
        return f'<rect class="{style}" {box}><title>{title}</title></rect>'

    def step(self, step: Move, y: float) -> Iterator[str]:
        x, text = self.x(step.number + 0.5), escape(f"{step.number} {step.text}")
        middle = y + LANE / 2
        if step.text.startswith("free "):
            cross = f"M{x - 4:g} {middle - 4:g}l8 8m0 -8l-8 8"
            yield f'<path class="freed" d="{cross}"><title>{text}</title></path>'
        else:
            dot = f'<circle class="step" cx="{x:g}" cy="{middle:g}" r="2">'
            yield f"{dot}<title>{text}</title></circle>"
        for each in step.bad:
            yield (
                f'<text class="bad" x="{x + 4:g}" y="{y + 4:g}" text-anchor="end">'
                f"✗ {escape(each.name)}</text>"
            )

    def lane(self, number: int, thread: str) -> Iterator[str]:
        y = TOP + LANE * number
        middle = y + LANE / 2
        yield (
            f'<text x="4" y="{middle + 4:g}">{escape(thread[:12])}</text>'
            f'<line class="lane" x1="{NAMES}" x2="{NAMES + WIDTH}" y1="{middle:g}" '
            f'y2="{middle:g}"/>'
        )
        yield from (self.bar(bar, y) for bar in self.line.bars if bar.thread == thread)
        for step in self.line.trace:
            if step.thread == thread:
                yield from self.step(step, y)

    def publications(self) -> Iterator[str]:
        room = 0.0
        for number, step in enumerate(self.line.publications, 1):
            x = self.x(step + 0.5)
            yield (
                f'<line class="store" x1="{x:g}" x2="{x:g}" y1="{TOP - 8}" y2="{self.height - 8}">'
                f"<title>publication {number}</title></line>"
            )
            if x > room:
                yield (
                    f'<text class="quiet" x="{x:g}" y="{TOP - 13}" text-anchor="middle">'
                    f"publication {number}</text>"
                )
                room = x + 80

    def svg(self) -> str:
        lanes = "".join("".join(self.lane(*each)) for each in enumerate(self.line.threads))
        width = NAMES + WIDTH + 8
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="kit-time" role="img" '
            f'viewBox="0 0 {width} {self.height}" width="{width}" '
            f'style="max-width:100%;height:auto"><title>{escape(self.title)}: '
            f"{self.line.steps} steps</title><style>{STYLE}</style><defs>"
            '<pattern id="kit-time-hatch" width="6" height="6" patternUnits="userSpaceOnUse" '
            'patternTransform="rotate(45)"><line class="hatch" x1="0" x2="0" y1="0" y2="6"/>'
            f"</pattern></defs>{lanes}{''.join(self.publications())}</svg>"
        )
