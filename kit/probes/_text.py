"""What is said of probes: a small table for notebooks, and so many of something."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["html_table", "several"]


def html_table(rows: Iterable[tuple[str, str]]) -> str:
    """Write facts as a table in HTML.

    Parameters
    ----------
    rows : iterable of (str, str)
        What is said, and what it is; any text.

    Returns
    -------
    str

    Examples
    --------
    >>> html_table([("state", "<b>")]).count("&lt;b&gt;")
    1
    """
    cells = "".join(
        f'<tr><th style="text-align:left">{_text(key)}</th>'
        f'<td style="text-align:left">{_text(value)}</td></tr>'
        for key, value in rows
    )
    return f'<table style="font-variant-numeric:tabular-nums"><tbody>{cells}</tbody></table>'


def several(number: int, what: str) -> str:
    """Write a number of things.

    Examples
    --------
    >>> several(1, "event"), several(1200, "event"), several(2, "dispatch")
    ('1 event', '1,200 events', '2 dispatches')
    """
    plural = "es" if what.endswith("ch") else "s"
    return f"{number:,} {what}{'' if number == 1 else plural}"


def _text(text: str) -> str:
    # Half a character, as of a file's name that is no UTF-8, would be in no page's encoding.
    return escape(text.encode("utf-8", "replace").decode())
