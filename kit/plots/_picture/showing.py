"""A page in the reader's browser, from a plain shell."""

from __future__ import annotations

import sys
import tempfile
import webbrowser
from pathlib import Path

__all__ = ["show"]


def show(page: str, name: str) -> Path:
    """Write a page to a new file, open it, and say where it is.

    Parameters
    ----------
    page : str
        HTML.
    name : str
        How the file's name begins.

    Returns
    -------
    Path
    """
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", prefix=f"kit-{name}-", suffix=".html", delete=False
    ) as file:
        file.write(page)
    path = Path(file.name)
    opened = webbrowser.open(path.as_uri())
    unseen = "" if opened else ": no browser could be started here; open this file in one"
    sys.stdout.write(f"{path}{unseen}\n")
    return path
