"""A part of a document that a program writes, between two comments."""

from __future__ import annotations


def between(page: str, begin: str, end: str) -> str:
    """Return what a document has between the two comments."""
    return page.partition(begin)[2].partition(end)[0]


def replaced(page: str, table: str, begin: str, end: str) -> str:
    """Return a document with another table between the two comments."""
    before, _, rest = page.partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        raise ValueError(f"there is no {begin} followed by {end}")
    return f"{before}{begin}\n{table}\n{end}{after}"
