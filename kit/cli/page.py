"""One HTML page with plots in it that needs nothing else: no kernel, no network, no second file.

The page follows the reader's system from light to dark.  A plot's colours are decided in Python, so
each plot travels twice, and the page shows one of the two.
"""

import json
from collections.abc import Callable, Sequence
from html import escape
from typing import Any

from bokeh.document import Document
from bokeh.embed.util import standalone_docs_json_and_render_items
from bokeh.resources import INLINE

from kit.plots import _theme as theme

__all__ = ["Section", "numeric", "page", "table"]

Section = tuple[str, Callable[[], Any]]
"""A sentence on what to look for, and a function that makes the plot in the theme of the moment."""

_STYLE = """
:root { color-scheme: light dark; --text: #1F2328; --muted: #636C76; --line: #E7EAEE; --page: #fff }
@media (prefers-color-scheme: dark) {
  :root { --text: #E6E8EA; --muted: #9BA4AE; --line: #262B30; --page: #111 } }
body { background: var(--page); color: var(--text); margin: 0 auto; max-width: 1100px;
  padding: 1.5rem; font: 15px/1.5 system-ui, "Segoe UI", Helvetica, Arial, sans-serif }
h1 { font-size: 1.4rem; margin: 0 } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem }
p, caption { color: var(--muted); margin: .25rem 0 } caption { text-align: left }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: 1rem 0 }
th, td { border-bottom: 1px solid var(--line); padding: .2rem 1.2rem .2rem 0; text-align: left }
.number { text-align: right } th { font-weight: 600 }
.scroll { overflow-x: auto } .plot { margin: .5rem 0 1.5rem }
"""

_SCRIPT = """
const plots = JSON.parse(document.getElementById("plots").textContent);
const dark = window.matchMedia("(prefers-color-scheme: dark)");
function show() {
  for (const shown of Bokeh.documents.splice(0)) shown.clear();
  for (const place of document.querySelectorAll(".plot")) place.replaceChildren();
  const { docs, items } = plots[dark.matches ? "dark" : "light"];
  Bokeh.embed.embed_items(docs, items);
}
dark.addEventListener("change", show);
show();
"""


def page(title: str, facts: str, tables: Sequence[str], sections: Sequence[Section]) -> str:
    """Make the page.

    Parameters
    ----------
    title : str
        Its heading.
    facts : str
        A sentence below the heading.
    tables : sequence of str
        HTML, from `table`.
    sections : sequence of (str, callable)
        What to look for, and what makes the plot; called once for each theme.

    Returns
    -------
    str
        HTML of a few megabytes, nearly all of it BokehJS.
    """
    before = theme.current().name
    plots: dict[str, dict[str, object]] = {}
    try:
        for name in (theme.LIGHT.name, theme.DARK.name):
            theme.use(name)
            plots[name] = _embedded([make() for _, make in sections])
    finally:
        theme.use(before)
    # Inside a script element only "<" could end it early.
    data = json.dumps(plots).replace("<", "\\u003c")
    body = "".join(
        f'<section><p>{escape(words)}</p><div class="plot" id="plot-{number}"></div></section>'
        for number, (words, _) in enumerate(sections)
    )
    script = INLINE.clone(components=["bokeh"]).render_js()
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}'
        '</title><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}</style>{script}</head>\n<body><h1>{escape(title)}</h1>"
        f"<p>{escape(facts)}</p>{''.join(tables)}{body}"
        f'<script type="application/json" id="plots">{data}</script>\n'
        f'<script type="module">{_SCRIPT}</script></body></html>\n'
    )


def table(caption: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Make an HTML table of text.

    Parameters
    ----------
    caption : str
        What it shows.
    head : sequence of str
        The headings.
    rows : sequence of sequence of str
        The cells.

    Returns
    -------
    str

    Examples
    --------
    >>> "&lt;b&gt;" in table("Names", ["name"], [["<b>"]])
    True
    """
    kinds = [
        ' class="number"' if numeric(cells) else "" for _, *cells in zip(head, *rows, strict=True)
    ]

    def line(tag: str, cells: Sequence[str]) -> str:
        end = tag.split(maxsplit=1)[0]
        return "".join(
            f"<{tag}{kind}>{escape(cell)}</{end}>" for kind, cell in zip(kinds, cells, strict=True)
        )

    body = "".join(f"<tr>{line('td', row)}</tr>" for row in rows)
    return (
        f'<div class="scroll"><table><caption>{escape(caption)}</caption><thead><tr>'
        + line('th scope="col"', head)
        + f"</tr></thead><tbody>{body}</tbody></table></div>"
    )


def numeric(cells: Sequence[str]) -> bool:
    """Tell whether a column holds numbers, to be set to the right.

    Parameters
    ----------
    cells : sequence of str

    Returns
    -------
    bool

    Examples
    --------
    >>> numeric(["12 µs", "1,024"]), numeric(["12 µs", "none"]), numeric([])
    (True, False, False)
    """
    return bool(cells) and all(cell[:1].isdigit() for cell in cells)


def _embedded(plots: Sequence[Any]) -> dict[str, object]:
    # What a plot does in Python when it is zoomed needs a kernel; here it is only magnified.
    figures = [plot.figure for plot in plots]
    document = Document()
    for figure in figures:
        document.add_root(figure)
    docs, items = standalone_docs_json_and_render_items(figures, suppress_callback_warning=True)
    rendered = []
    for item in items:
        entry = item.to_json()
        entry["roots"] = {
            root: f"plot-{number}"
            for number, figure in enumerate(figures)
            if (root := figure.id) in entry["roots"]
        }
        rendered.append(entry)
    return {"docs": docs, "items": rendered}
