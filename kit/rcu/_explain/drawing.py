"""An execution as SVG: a column a thread, time downwards.

Reads are round, writes square, fences bars without a frame. Edges differ by colour, by dash and by
name, so that neither colour alone nor shape alone carries meaning. Text, frames and program order
take the colour of the text around the drawing; a page may set ``--kit-rcu-rf`` and its kin.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kit.rcu._explain.execution import Event, Execution

__all__ = ["draw"]

WIDTH: Final = 210  # of a node
HEIGHT: Final = 40
ACROSS: Final = 300  # from one thread to the next
DOWN: Final = 72  # from one event to the next
TOP: Final = 40
MARGIN: Final = 90  # left and right, for edges along the outer threads
LONGEST: Final = 30  # characters of a statement

# Okabe-Ito, with a dash each; the names are those of the relations.
STYLES: Final = {
    "rf": ("#009E73", ""),
    "co": ("#D55E00", "7 3"),
    "fr": ("#E69F00", "2 3"),
    "addr": ("#CC79A7", "8 3 2 3"),
    "data": ("#CC79A7", "8 3 2 3"),
    "ctrl": ("#CC79A7", "8 3 2 3"),
    "rmw": ("#56B4E9", "1 2"),
}
WORDS: Final = {
    "rf": "reads from",
    "co": "overwritten by",
    "fr": "read before",
    "addr": "address",
    "data": "data",
    "ctrl": "control",
    "rmw": "atomic",
}
BASIC: Final = {"rfe": "rf", "rfi": "rf", "coe": "co", "coi": "co", "fre": "fr", "fri": "fr"}


def _short(text: str, most: int = LONGEST) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


class _Drawing:
    """Places of the events, and the elements made from them."""

    def __init__(self, execution: Execution) -> None:
        self.execution = execution
        self.place: dict[int, tuple[float, float]] = {}
        threads = execution.threads()
        initial = threads.pop(-1, ())
        columns = max(len(threads), 1)
        self.width = columns * ACROSS + 2 * MARGIN
        # Initial writes that nobody reads would only fill the row.
        used = {i for i, _ in execution.relations["rf"]}
        used |= {end for i, j, _ in execution.cycle for end in (i, j)}
        shown = [event for event in initial if event.number in used]
        self.width = max(self.width, len(shown) * (WIDTH // 2 + 12) + 24)
        start = TOP + (DOWN if shown else 0) + 28
        self.heads: list[tuple[float, float, str]] = []
        bottom = start
        for position, (thread, events) in enumerate(sorted(threads.items())):
            x = MARGIN + (position + 0.5) * (self.width - 2 * MARGIN) / columns
            self.heads.append((x, start - 34, f"P{thread}"))
            for row, event in enumerate(events):
                self.place[event.number] = (x, start + row * DOWN)
                bottom = max(bottom, start + row * DOWN)
        self.initial(shown)
        self.height = bottom + HEIGHT / 2 + 52

    def initial(self, shown: list[Event]) -> None:
        """Initial writes stand above those who read them, side by side."""
        gap = WIDTH // 2 + 12
        wanted: list[tuple[float, int]] = []
        for event in shown:
            ends = [j for i, j in self.execution.relations["rf"] if i == event.number]
            columns = [self.place[j][0] for j in ends] or [self.width / 2]
            wanted.append((sum(columns) / len(columns), event.number))
        least = gap / 2 + 6
        for left, (x, number) in enumerate(sorted(wanted)):
            most = self.width - (len(wanted) - left - 0.5) * gap
            at = min(max(x, least), most)
            self.place[number] = (at, TOP)
            least = at + gap

    def node(self, event: Event) -> str:
        x, y = self.place[event.number]
        width = WIDTH if event.thread >= 0 else WIDTH // 2
        title = f"<title>{escape(event.what)}: {escape(event.text)}</title>"
        if event.kind == "fence":
            return (
                f'<g class="fence">{title}<rect x="{x - width / 2:g}" y="{y - 13:g}" '
                f'width="{width}" height="26" rx="3"/>'
                f'<text x="{x:g}" y="{y + 4:g}">{escape(_short(event.text))}</text></g>'
            )
        radius = HEIGHT / 2 if event.kind == "read" else 2
        letter = "R" if event.kind == "read" else "W"
        upper = (
            ""
            if event.thread < 0
            else (f'<text x="{x:g}" y="{y - 4:g}">{escape(_short(event.text))}</text>')
        )
        below = f"{letter} {_short(event.location, 14)} = {_short(str(event.value), 12)}"
        return (
            f'<g class="{event.kind}">{title}<rect x="{x - width / 2:g}" y="{y - HEIGHT / 2:g}" '
            f'width="{width}" height="{HEIGHT}" rx="{radius:g}"/>{upper}'
            f'<text class="value" x="{x:g}" y="{y + (13 if upper else 4):g}">'
            f"{escape(below)}</text></g>"
        )

    def edges(self) -> Iterator[str]:
        bold = {(i, j, BASIC.get(name, name)) for i, j, name in self.execution.cycle}
        for i, j in self.execution.relations["po"]:
            yield self.line(i, j, (i, j, "po") in bold)
        drawn = {(i, j, "po") for i, j in self.execution.relations["po"]}
        for name in STYLES:
            for i, j in self.execution.relations[name]:
                covered = any({i, j} == {a, b} for a, b, _ in bold) and name == "ctrl"
                if (i, j, name) in bold or not (covered or self.obvious(i, j, name)):
                    drawn.add((i, j, name))
                    yield self.curve(i, j, name, name, (i, j, name) in bold)
        for i, j, name in self.execution.cycle:
            plain = BASIC.get(name, name)
            if (i, j, plain) not in drawn and i != j:
                yield self.curve(i, j, plain, name, True)

    def obvious(self, i: int, j: int, name: str) -> bool:
        """Whether an edge follows from others that are drawn."""
        events, relations = self.execution.events, self.execution.relations
        if name == "co":
            return events[i].thread < 0
        if name == "fr":
            return any((i, k) in relations["fr"] and m == j for k, m in relations["co"])
        if name == "ctrl":
            fence = events[j].kind == "fence"
            return fence or any(
                (i, k) in relations["ctrl"] and k < j
                for k in range(i + 1, j)
                if events[k].kind != "fence"
            )
        return False

    def line(self, i: int, j: int, bold: bool) -> str:
        (x1, y1), (x2, y2) = self.place[i], self.place[j]
        return (
            f'<line class="po{" bold" if bold else ""}" x1="{x1:g}" y1="{y1 + HEIGHT / 2:g}" '
            f'x2="{x2:g}" y2="{y2 - HEIGHT / 2:g}"><title>program order</title></line>'
        )

    def curve(self, i: int, j: int, kind: str, name: str, bold: bool) -> str:
        if i not in self.place or j not in self.place:
            return ""
        (x1, y1), (x2, y2) = self.place[i], self.place[j]
        beside = ""
        wide = (WIDTH if self.execution.events[i].thread >= 0 else WIDTH // 2) / 2
        if self.execution.events[i].thread < 0 and abs(x1 - x2) < WIDTH:
            # From above, round the side of the thread, past what stands between.
            start, end, first = x1 + wide - 14, x2 + WIDTH / 2 + 3, y1 + HEIGHT / 2
            reach = max(start, end) + 14 + abs(y2 - y1) / 12
            bend = f"C{reach:g} {first + 16:g} {reach:g} {y2 - 20:g}"
            path = f"M{start:g} {first:g} {bend} {end:g} {y2:g}"
            at, beside = (reach - 8, (y1 + y2) / 2), " right"
        elif abs(x1 - x2) < 1:
            # Along a thread edges bow to the side, each kind with its own reach.
            side = -1 if kind in ("co", "fr", "rmw") else 1
            reach = (26 if kind in STYLES else 44) + 7 * (len(kind) % 3) + abs(y2 - y1) / 14
            start, end = x1 + side * wide, x2 + side * (WIDTH / 2 + 2)
            middle = (start + side * reach, (y1 + y2) / 2)
            path = f"M{start:g} {y1:g} Q{middle[0] + side * 14:g} {middle[1]:g} {end:g} {y2:g}"
            # The curve reaches half as far as its handle.
            at = (start + side * (reach / 2 + 11), middle[1] + 4)
            beside = " right" if side > 0 else " left"
        else:
            side = 1 if x2 > x1 else -1
            if self.execution.events[i].thread < 0:
                start, first, wide = x1, y1 + HEIGHT / 2, 0
            else:
                start, first = x1 + side * wide, y1
            end = x2 - side * (WIDTH / 2 + 3)
            path = f"M{start:g} {first:g} L{end:g} {y2:g}"
            share = {"rf": 0.38, "fr": 0.62, "co": 0.5}.get(kind, 0.5)
            at = (start + (end - start) * share, first + (y2 - first) * share)
        style = kind if kind in STYLES else "other"
        words = escape(WORDS.get(kind, name))
        return (
            f'<g class="{style}{" bold" if bold else ""}{beside}"><path d="{path}" '
            f'marker-end="url(#kit-rcu-arrow-{style})"><title>{words}</title></path>'
            f'<text x="{at[0]:g}" y="{at[1] - 3:g}">{escape(name.removesuffix("^-1"))}</text></g>'
        )

    def style(self) -> str:
        rules = [
            ".kit-rcu text{font:11px ui-monospace,monospace;text-anchor:middle;fill:currentColor}",
            ".kit-rcu .value{opacity:.75}",
            ".kit-rcu rect{fill:none;stroke:currentColor;stroke-width:1.2}",
            ".kit-rcu .fence rect{stroke:none;fill:currentColor;fill-opacity:.1}",
            ".kit-rcu .po{stroke:currentColor;stroke-opacity:.4}",
            ".kit-rcu .po.bold{stroke-width:3.2;stroke-opacity:1}",
            ".kit-rcu .right text{text-anchor:start}",
            ".kit-rcu .left text{text-anchor:end}",
            ".kit-rcu path{fill:none;stroke-width:1.4}",
            ".kit-rcu .other path{stroke:currentColor}",
            ".kit-rcu .bold path{stroke-width:3.2}",
            ".kit-rcu .bold text{font-weight:bold}",
            ".kit-rcu .head{font-weight:bold;font-size:13px}",
        ]
        for name, (colour, dash) in STYLES.items():
            dashes = f";stroke-dasharray:{dash}" if dash else ""
            rules.append(f".kit-rcu .{name} path{{stroke:var(--kit-rcu-{name},{colour}){dashes}}}")
        return "".join(rules)

    def arrows(self) -> str:
        colours = {name: colour for name, (colour, _) in STYLES.items()} | {"other": "currentColor"}
        return "".join(
            f'<marker id="kit-rcu-arrow-{name}" viewBox="0 0 8 8" refX="7" refY="4" '
            f'markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" orient="auto">'
            f'<path d="M0 0L8 4L0 8Z" style="stroke:none;fill:{colour}"/></marker>'
            for name, colour in colours.items()
        )

    def caption(self) -> str:
        final = ", ".join(f"{name} = {value}" for name, value in self.execution.final.items())
        axiom = self.execution.axiom
        outcome = f"forbidden by {axiom}" if axiom else f"allowed by {self.execution.model}"
        return f"{self.execution.test}: {outcome}; {final}"

    def svg(self) -> str:
        caption = escape(self.caption())
        heads = "".join(
            f'<text class="head" x="{x:g}" y="{y:g}">{escape(head)}</text>'
            for x, y, head in self.heads
        )
        nodes = "".join(
            self.node(event) for event in self.execution.events if event.number in self.place
        )
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="kit-rcu" role="img" '
            f'viewBox="0 0 {self.width:g} {self.height:g}" width="{self.width:g}" '
            f'style="max-width:100%;height:auto"><title>{caption}</title>'
            f"<style>{self.style()}</style><defs>{self.arrows()}</defs>{heads}{nodes}"
            f'{"".join(self.edges())}<text x="{self.width / 2:g}" y="{self.height - 12:g}">'
            f"{escape(_short(self.caption(), 110))}</text></svg>"
        )


def draw(execution: Execution) -> str:
    """An execution as an SVG element: self-contained, with its texts escaped.

    Examples
    --------
    >>> from kit import rcu
    >>> one = rcu.judge("C a {} P0(int *x) { *x = 1; } exists (x=1)").witness()
    >>> draw(one).count("<rect")
    1
    """
    return _Drawing(execution).svg()
