"""A state as an SVG element: fields, the objects that they refer to, and what became of these."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

from kit.rcu.steps.values import Ref, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kit.rcu.steps.state_view import State, Thing

__all__ = ["draw", "mark"]

ROW: Final = 25
"""Height of a field."""
NAMES, VALUES, OBJECTS, CELL = 118, 92, 300, 62
"""Where values begin and how wide they are, where objects begin, and how wide an item is."""

STYLE: Final = (
    ".kit-memory{--p:#0072B2;--r:#C77C00;--h:#D55E00}"
    'body[data-jp-theme-light="false"] .kit-memory{--p:#56B4E9;--r:#E69F00;--h:#FF8B3D}'
    ".kit-memory text{font:12px ui-monospace,'DejaVu Sans Mono',monospace;fill:currentColor}"
    ".kit-memory .head,.kit-memory .status{font:11px system-ui,sans-serif;opacity:.72}"
    ".kit-memory .value{text-anchor:middle}"
    ".kit-memory rect,.kit-memory path,.kit-memory circle,.kit-memory line"
    "{fill:none;stroke:currentColor}"
    ".kit-memory .box{stroke-opacity:.45}"
    ".kit-memory .changed rect,.kit-memory .changed .box"
    "{stroke:var(--h);stroke-width:2;stroke-opacity:1}"
    ".kit-memory .changed text{font-weight:bold}"
    ".kit-memory .arrow{stroke-width:1.3}"
    ".kit-memory .published .s{stroke:var(--p);stroke-width:1.6}"
    ".kit-memory .published .f{fill:var(--p)}"
    ".kit-memory .retired .s{stroke:var(--r);stroke-width:1.6}"
    ".kit-memory .retired .f{fill:var(--r);stroke:none}"
    ".kit-memory .private .s{stroke-dasharray:3 3;stroke-opacity:.8}"
    ".kit-memory .freed .s{stroke-opacity:.4;stroke-dasharray:1 3}"
    ".kit-memory .freed .x{stroke-width:1.8}"
    ".kit-memory .freed .item{opacity:.4;text-decoration:line-through}"
)


def mark(status: str, x: float, y: float) -> str:
    """The token of a status around a middle: a shape for each, besides its colour.

    Examples
    --------
    >>> mark("published", 5, 5).count("<circle")
    1
    """
    match status:
        case "private":
            return f'<rect class="s" x="{x - 5:g}" y="{y - 5:g}" width="10" height="10"/>'
        case "published":
            return f'<circle class="s f" cx="{x:g}" cy="{y:g}" r="5"/>'
        case "retired":
            half = f"M{x:g} {y - 5:g}A5 5 0 0 0 {x:g} {y + 5:g}Z"
            return f'<circle class="s" cx="{x:g}" cy="{y:g}" r="5"/><path class="f" d="{half}"/>'
    cross = f"M{x - 4:g} {y - 4:g}l8 8m0 -8l-8 8"
    return f'<path class="x" d="{cross}"/>'


class _Drawing:
    """Places of fields and objects, and the elements for each."""

    def __init__(self, state: State, before: State | None) -> None:
        self.state = state
        self.before = before
        self.height = 0.0
        self.parts: list[str] = []
        self.links: list[tuple[float, Ref]] = []
        self.doors: dict[int, float] = {}

    def fields(self) -> None:
        """The left column."""
        y = 4.0
        inner = [name for name in self.state.memory if name in self.state.hidden]
        seen = [name for name in self.state.memory if name not in self.state.hidden]
        for title, names in (("readers look at", seen), ("updaters keep", inner)):
            if not names:
                continue
            if inner:
                self.parts.append(f'<text class="head" x="4" y="{y + 12:g}">{title}</text>')
                y += 20
            for name in names:
                self.field(name, y)
                y += ROW
            y += 6
        self.height = y

    def field(self, name: str, y: float) -> None:
        """One field: its name, its value in a box."""
        value = self.state.memory[name]
        old = self.before.memory.get(name) if self.before is not None else value
        word = next((word for word, parts in self.state.words.items() if name in parts), "")
        words = f"a bit of {word}" if word else name
        dash = ' stroke-dasharray="5 2"' if word else ""
        changed = ' class="changed"' if (type(old), old) != (type(value), value) else ""
        self.parts.append(
            f"<g{changed}><title>{escape(f'{words} = {shown(value)}')}</title>"
            f'<text x="4" y="{y + 16:g}">{_cut(name, 15)}</text>'
            f'<rect class="box" x="{NAMES}" y="{y + 1:g}" width="{VALUES}" height="{ROW - 3}" '
            f'rx="2"{dash}/>'
            f'<text class="value" x="{NAMES + VALUES / 2:g}" y="{y + 16:g}">'
            f"{_cut(shown(value), 12)}</text></g>"
        )
        if isinstance(value, Ref):
            self.links.append((y + ROW / 2, value))

    def objects(self) -> float:
        """The right column; returns how far it reaches."""
        y, reach = 4.0, OBJECTS + 200.0
        for number, thing in enumerate(self.state.objects):
            width = max(CELL * len(thing.items), CELL) + 12
            reach = max(reach, OBJECTS + width + 80)
            self.doors[number] = y + 10
            self.parts.append("".join(self.thing(thing, y, self.was(thing))))
            y += 58
        if self.state.private:
            self.parts.append(
                f'<text class="head" x="{OBJECTS}" y="{y + 12:g}">private data</text>'
            )
            y += 22
            for n, thing in enumerate(self.state.private):
                x, top = OBJECTS + (n % 3) * 124, y + n // 3 * 22
                status = thing.status
                changed = " changed" if self.was(thing) != thing else ""
                self.parts.append(
                    f'<g class="{status}{changed}">{mark(status, x + 7, top + 6)}'
                    f'<text class="item" x="{x + 18}" y="{top + 10:g}">{_cut(thing.name, 5)}</text>'
                    f'<text class="status" x="{x + 24 + 7.3 * min(len(thing.name), 5):g}" '
                    f'y="{top + 10:g}">{status}</text></g>'
                )
                reach = max(reach, x + 124.0)
            y += (len(self.state.private) + 2) // 3 * 22
        self.height = max(self.height, y)
        return reach

    def was(self, thing: Thing) -> Thing | None:
        """The same thing before."""
        if self.before is None:
            return thing
        every = (*self.before.objects, *self.before.private)
        return next((each for each in every if each.name == thing.name), None)

    def thing(self, thing: Thing, y: float, was: Thing | None) -> Iterator[str]:
        """One object: its token, its name, its items."""
        changed = " changed" if was != thing else ""
        items = ", ".join(map(shown, thing.items))
        yield f'<g class="{thing.status}{changed}">'
        yield f"<title>{escape(f'{thing.name} [{items}], {thing.status}')}</title>"
        yield mark(thing.status, OBJECTS + 7, y + 10)
        yield f'<text x="{OBJECTS + 18}" y="{y + 14:g}">{_cut(thing.name, 14)}</text>'
        at = OBJECTS + 26 + 7.3 * min(len(thing.name), 14)
        yield f'<text class="status" x="{at:g}" y="{y + 14:g}">{thing.status}</text>'
        for n, item in enumerate(thing.items or (None,)):
            x = OBJECTS + n * CELL
            yield (
                f'<rect class="s" x="{x}" y="{y + 22:g}" width="{CELL}" height="24"/>'
                f'<text class="value item" x="{x + CELL / 2:g}" y="{y + 38:g}">'
                f"{_cut(shown(item), 8)}</text>"
            )
        yield "</g>"

    def arrows(self) -> Iterator[str]:
        """From fields to what they refer to."""
        start = NAMES + VALUES
        for y, ref in self.links:
            status = self.state.objects[ref.number].status
            end = self.doors[ref.number]
            bend = (OBJECTS - start) / 2
            yield (
                f'<g class="{status}"><path class="arrow s" '
                f'd="M{start} {y:g}c{bend:g} 0 {bend - 8:g} {end - y:g} {2 * bend - 8:g} '
                f'{end - y:g}"/><path class="s f" d="M{OBJECTS - 8} {end - 3.5:g}l6 3.5l-6 3.5z"/>'
                f"</g>"
            )

    def svg(self) -> str:
        """The whole."""
        self.fields()
        width = self.objects() if self.state.objects or self.state.private else NAMES + VALUES + 8
        arrows = "".join(self.arrows())
        title = escape(str(self.state).split("\n", 1)[0][9:])
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="kit-memory" role="img" '
            f'viewBox="0 0 {width:g} {self.height + 4:g}" width="{width:g}" '
            f'style="max-width:100%;height:auto"><title>{title}</title><style>{STYLE}</style>'
            f"{''.join(self.parts)}{arrows}</svg>"
        )


def _cut(text: str, length: int) -> str:
    return escape(text if len(text) <= length else f"{text[: length - 1]}…")


def draw(state: State, before: State | None = None) -> str:
    """A state as an SVG element: self-contained, every text in it escaped.

    What differs from the state ``before`` is drawn bold.

    Examples
    --------
    >>> from kit import rcu
    >>> machine = rcu.machine("1→0", "kit")
    >>> draw(machine.state).count('class="published"')
    3
    """
    return _Drawing(state, before).svg()
