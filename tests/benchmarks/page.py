"""Results as a page that needs nothing else: the table, and Bokeh figures, light and dark.

The figures are there in both themes; the reader's own setting says which are shown.
"""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any

from bokeh.embed import components
from bokeh.resources import INLINE

from kit.plots._theme import DARK, LIGHT, Painter, Theme
from tests.benchmarks import charts
from tests.benchmarks.figures import FIGURES, Figure, written
from tests.benchmarks.report import DASH, Results, source, verdict

TITLE = "What markers cost"
LEAD = (
    "Figures with an x are multiples of what calling an empty Python function takes, "
    '<code>f(1, 2.0, "x")</code>, net of an empty loop; small factors (×2.00) are to the C '
    "dispatcher. All rows were timed in one run, in turn, and the fastest time of each counts. "
    "The bare C object is the floor: it does the same and keeps no promise of the contract."
)
ROLES = ("surface", "text", "muted", "axis", "grid", "accent")
STYLE = """
body { margin: 0; background: var(--surface); color: var(--text);
  font: 14px/1.45 system-ui, -apple-system,
  "Segoe UI", Helvetica, "Liberation Sans", Arial, sans-serif; }
main { max-width: 1180px; margin: 0 auto; padding: 28px 24px 48px; }
h1 { font-size: 22px; margin: 0 0 6px; }
h2 { font-size: 16px; margin: 36px 0 8px; }
p { max-width: 52em; margin: 6px 0; }
.muted, small { color: var(--muted); }
.scroll { overflow-x: auto; margin-top: 20px; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: 6px 10px; text-align: right; vertical-align: top; white-space: nowrap; }
th { font-weight: 600; border-bottom: 1px solid var(--axis); vertical-align: bottom; }
tbody td, tbody th { border-bottom: 1px solid var(--grid); }
tbody th { font-weight: normal; vertical-align: top; text-align: left; white-space: normal; }
th:first-child { text-align: left; padding-left: 0; }
td.c { font-weight: 600; }
td.missed { color: var(--accent); }
th.left, td.left { text-align: left; }
td.peers { white-space: normal; min-width: 17em; text-align: left; }
.grid { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(540px, 100%), 1fr));
  gap: 22px 28px; align-items: start; }
.grid > *, .wide { min-width: 0; }
.dark { display: none; }
@media (prefers-color-scheme: dark) { .dark { display: block; } .light { display: none; } }
.dark .grid, .light .grid { margin: 0; }
"""


def write(results: Results, path: Path) -> Path:
    """Write the page."""
    path.write_text(page(results), encoding="utf-8")
    return path


def page(results: Results) -> str:
    """Return the page as HTML."""
    figures = {
        f"{theme.name}{number}": made
        for theme in (LIGHT, DARK)
        for number, made in enumerate(drawn(results, theme))
    }
    script, divs = components(figures) if figures else ("", {})
    body = "".join(_figures(divs, theme) for theme in (LIGHT, DARK))
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{TITLE}</title>\n<style>{_variables()}{STYLE}</style>\n{INLINE.render()}\n"
        f"</head><body><main>\n<h1>{TITLE}</h1>\n<p>{LEAD}</p>\n"
        f'<p class="muted">{html.escape(source(results))}</p>\n'
        f"{table(results)}\n{body}\n{script}\n</main></body></html>\n"
    )


def drawn(results: Results, theme: Theme) -> list[Any]:
    """Return the figures in one theme; the first is as wide as the page."""
    paint = Painter(theme)
    return [
        charts.beside(paint, results),
        *charts.grown(paint, results),
        *charts.compared(paint, results),
    ]


def _figures(divs: dict[str, str], theme: Theme) -> str:
    mine = [div for name, div in divs.items() if name.startswith(theme.name)]
    first, *rest = mine or [""]
    return (
        f'<section class="{theme.name}"><h2>Beside others</h2><div class="wide">{first}</div>'
        f'<h2>How costs grow</h2><div class="grid">{"".join(rest)}</div></section>'
    )


def _variables() -> str:
    def of(theme: Theme) -> str:
        return " ".join(f"--{role}: {getattr(theme, role)};" for role in ROLES)

    return (
        f":root {{ {of(LIGHT)} }}\n@media (prefers-color-scheme: dark) {{ :root {{ {of(DARK)} }} }}"
    )


def table(results: Results) -> str:
    """Return the table as HTML, each peer with its ratio to the C dispatcher."""
    heads = ("reach", "kit, C", "", "bare C object", "kit, Python")
    head = '<th scope="col">row</th>' + "".join(f'<th scope="col">{h}</th>' for h in heads)
    rows = "\n".join(_row(results, figure) for figure in FIGURES)
    return (
        f'<div class="scroll"><table><thead><tr>{head}'
        '<th scope="col" class="left">peers, the best first</th>'
        f"</tr></thead>\n<tbody>{rows}</tbody></table></div>"
    )


def _row(results: Results, figure: Figure) -> str:
    fast, bare, slow = results.of(figure.key)

    def cell(value: float | None, ratio: bool = True) -> str:
        if value is None:
            return DASH
        of = f" <small>{times(value, fast)}</small>" if ratio and fast else ""
        return written(value, figure.unit) + of

    peers = [f"{html.escape(name)} {cell(value)}" for name, value in results.peers(figure.key)] or [
        DASH
    ]
    within = "" if figure.within is None else f"<br><small>asked: ≤ {figure.within:g}x</small>"
    others = f"<br><small>{', '.join(peers[1:])}</small>" if peers[1:] else ""
    said = {"yes": "reached", "NO": "missed"}.get(verdict(results, figure), DASH)
    name = html.escape(figure.label)
    while "`" in name:
        name = name.replace("`", "<code>", 1).replace("`", "</code>", 1)
    reach = written(figure.reach, figure.unit)
    return (
        f'<tr><th scope="row">{name}</th><td>≤ {reach}</td><td class="c">{cell(fast, False)}</td>'
        f'<td class="left {said}">{said}</td><td>{cell(bare)}</td><td>{cell(slow)}{within}</td>'
        f'<td class="peers">{peers[0]}{others}</td></tr>'
    )


def times(value: float, fast: float) -> str:
    """Write a ratio to the C dispatcher."""
    ratio = value / fast
    return f"×{ratio:.2f}" if ratio < 10 else f"×{ratio:,.0f}"
