"""The tables of the order book, and how a connection to them is opened.

Prices are whole ticks (hundredths), quantities whole lots: an order book adds and compares, and
neither may round.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

__all__ = ["APPLICATION_ID", "TICKS", "add_tables", "create", "open_book"]

TICKS = 100
"""Ticks in one unit of money: a price of 1234 is 12.34."""

APPLICATION_ID = 0x6B6F6273
"""Marks a database file as an order book, so that no other file is written into."""

# `seq` is the time in price-time priority: SQLite hands it out under the write lock, so it is the
# order in which orders reached the book.  The CHECKs make a negative quantity impossible to store,
# and the partial indexes keep the open orders of a side sorted by exactly the priority it has.
_TABLES = """
CREATE TABLE orders (
    seq       INTEGER PRIMARY KEY AUTOINCREMENT,
    ref       INTEGER NOT NULL,
    trader    TEXT    NOT NULL,
    sym       TEXT    NOT NULL,
    side      TEXT    NOT NULL CHECK (side IN ('buy', 'sell')),
    px        INTEGER NOT NULL CHECK (px > 0),
    qty       INTEGER NOT NULL CHECK (qty > 0),
    filled    INTEGER NOT NULL DEFAULT 0 CHECK (filled BETWEEN 0 AND qty),
    cancelled INTEGER NOT NULL DEFAULT 0 CHECK (cancelled BETWEEN 0 AND qty - filled),
    open      INTEGER GENERATED ALWAYS AS (qty - filled - cancelled) VIRTUAL
);
CREATE INDEX bids ON orders (sym, px DESC, seq) WHERE side = 'buy' AND open > 0;
CREATE INDEX asks ON orders (sym, px ASC, seq) WHERE side = 'sell' AND open > 0;
CREATE TABLE fills (
    seq       INTEGER PRIMARY KEY AUTOINCREMENT,
    taker     INTEGER NOT NULL,
    maker     INTEGER NOT NULL,
    sym       TEXT    NOT NULL,
    px        INTEGER NOT NULL CHECK (px > 0),
    qty       INTEGER NOT NULL CHECK (qty > 0)
);
CREATE TABLE forgotten (
    one       INTEGER PRIMARY KEY CHECK (one = 1),
    orders    INTEGER NOT NULL,
    filled    INTEGER NOT NULL,
    fills     INTEGER NOT NULL,
    matched   INTEGER NOT NULL
);
INSERT INTO forgotten VALUES (1, 0, 0, 0, 0);
"""


def open_book(path: Path, *, busy_seconds: float = 5.0) -> sqlite3.Connection:
    """Open a connection for the calling thread.

    Parameters
    ----------
    path : Path
        The database file.
    busy_seconds : float
        How long a statement waits for a lock before ``sqlite3.OperationalError``.

    Returns
    -------
    sqlite3.Connection
        In autocommit mode: transactions are begun and ended by hand.  It writes ahead
        (``journal_mode=WAL``), waits for the disk at each commit (``synchronous=FULL``) and never
        checkpoints on its own (``wal_autocheckpoint=0``).
    """
    connection = sqlite3.connect(path, timeout=busy_seconds, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode=WAL").fetchall()
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA wal_autocheckpoint=0").fetchall()
        connection.execute("PRAGMA cache_size=-1024")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def create(path: Path) -> None:
    """Make the tables, or check that the file already is an order book.

    Parameters
    ----------
    path : Path
        The database file; made when it is not there.

    Raises
    ------
    ValueError
        When the file holds something else.  It is left as it was.
    """
    remedy = "choose a path that does not exist yet, or none for a temporary file"
    if path.exists() and path.stat().st_size:
        # Looked at read-only: opening in WAL mode would already write into a stranger's file.
        try:
            look = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
            with closing(look):
                (found,) = look.execute("PRAGMA application_id").fetchone()
        except sqlite3.DatabaseError as error:
            raise ValueError(f"{path} is not an order book ({error}): {remedy}") from None
        if found != APPLICATION_ID:
            raise ValueError(f"{path} is a database, but not an order book: {remedy}")
        return
    with closing(open_book(path)) as connection:
        add_tables(connection)


def add_tables(connection: sqlite3.Connection) -> None:
    """Make the tables in an empty database, and mark it as an order book.

    Parameters
    ----------
    connection : sqlite3.Connection

    Examples
    --------
    >>> connection = sqlite3.connect(":memory:", isolation_level=None)
    >>> add_tables(connection)
    >>> connection.execute("SELECT count(*) FROM orders").fetchone()
    (0,)
    >>> connection.close()
    """
    # One transaction: a file is marked only when it has all of the tables.
    connection.executescript(f"BEGIN; {_TABLES} PRAGMA application_id={APPLICATION_ID}; COMMIT;")
