"""The kit's own scripts and style sheets, as text for widgets."""

from __future__ import annotations

from importlib.resources import files

__all__ = ["script"]


def script(*names: str) -> str:
    """Join files of this package into one text; scripts become one module.

    Parameters
    ----------
    *names : str
        In order; only the last script exports anything.

    Returns
    -------
    str

    Examples
    --------
    >>> "export default" in script("pane.js")
    True
    """
    return "\n".join(files(__package__).joinpath(name).read_text("utf-8") for name in names)
