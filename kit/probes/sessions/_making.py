"""Making a session: what may be asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kit.probes.sessions._session import Session

if TYPE_CHECKING:
    import os

__all__ = ["session"]


def session(
    folder: str | os.PathLike[str],
    *,
    every: float = 60.0,
    max_seconds: float | None = None,
    max_bytes: int | None = None,
    full: str = "stop",
) -> Session:
    """Make a session, which is started by a ``with`` block or by ``start()``.

    Parameters
    ----------
    folder : path
        Where it is saved; made if it does not exist. A folder with a session in it is refused.
    every : float
        Seconds from one file of events to the next, if there were events. The next file begins
        earlier when a file is half full.
    max_seconds : float, optional
        How long it runs at most.
    max_bytes : int, optional
        How large the files of events may become in all, without those that are being written.
    full : str
        What happens at ``max_bytes``: ``"stop"``, or ``"oldest"``, which removes the oldest files.

    Returns
    -------
    Session

    Raises
    ------
    FileExistsError
        When the folder holds a session.
    ValueError
        When a limit is not valid.

    Examples
    --------
    >>> import kit, tempfile
    >>> fill = kit.marker("session.fill", qty=int)
    >>> folder = tempfile.TemporaryDirectory()
    >>> run = kit.session(folder.name + "/run")
    >>> events = run.record("session.fill")
    >>> sizes = run.aggregate("session.fill", "qty")
    >>> with run:
    ...     fill(1)
    ...     fill(2)
    >>> kept = kit.open(folder.name + "/run")
    >>> kept.frame()["qty"].tolist(), kept.aggregates["aggregate"].count
    ([1, 2], 2)
    >>> folder.cleanup()
    """
    return Session(folder, every, max_seconds, max_bytes, full)
