"""Facts about a probe as a small table, for notebooks."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["facts", "many"]


def facts(rows: Iterable[tuple[str, str]]) -> str:
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
    >>> facts([("state", "<b>")]).count("&lt;b&gt;")
    1
    """
    cells = "".join(
        f'<tr><th style="text-align:left">{_text(key)}</th>'
        f'<td style="text-align:left">{_text(value)}</td></tr>'
        for key, value in rows
    )
    return f'<table style="font-variant-numeric:tabular-nums"><tbody>{cells}</tbody></table>'


def many(count: int, what: str) -> str:
    """Return so many of something, as a person says it.

    Examples
    --------
    >>> many(1, "file"), many(2_000, "event")
    ('1 file', '2,000 events')
    """
    return f"{count:,} {what}{'s' * (count != 1)}"


def _text(text: str) -> str:
    # Half a character, as of a file's name that is no UTF-8, would be in no page's encoding.
    return escape(text.encode("utf-8", "replace").decode())
