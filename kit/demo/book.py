"""The book itself: matching by price and then time, expiry, what a reader sees, what must hold.

Each function takes a connection and leaves transactions to its caller, so that one transaction can
hold an order and everything that the order causes.
"""

import sqlite3
from dataclasses import dataclass

from kit.demo.traders import Order, Side

__all__ = ["Depth", "Fill", "Quote", "depth", "expire", "faults", "match", "quote"]

_AGAINST = {
    "buy": "SELECT seq, ref, px, open FROM orders"
    " WHERE sym = ? AND side = 'sell' AND open > 0 AND px <= ? ORDER BY px ASC, seq LIMIT 1",
    "sell": "SELECT seq, ref, px, open FROM orders"
    " WHERE sym = ? AND side = 'buy' AND open > 0 AND px >= ? ORDER BY px DESC, seq LIMIT 1",
}


@dataclass(frozen=True, slots=True)
class Fill:
    """Two orders that met: at the price of the one that was there first.

    Parameters
    ----------
    taker, maker : int
        References of the order that came and of the one that rested.
    sym : str
        What was traded.
    px : int
        Price in ticks.
    qty : int
        Lots.
    """

    taker: int
    maker: int
    sym: str
    px: int
    qty: int


@dataclass(frozen=True, slots=True)
class Quote:
    """The best prices of a symbol, in ticks; None for a side without orders.

    Parameters
    ----------
    sym : str
        Which symbol.
    bid, ask : int or None
        The highest price somebody buys at, the lowest somebody sells at.
    """

    sym: str
    bid: int | None
    ask: int | None


@dataclass(frozen=True, slots=True)
class Depth:
    """One price level.

    Parameters
    ----------
    side : str
        ``"buy"`` or ``"sell"``.
    px : int
        Price in ticks.
    orders, lots : int
        How many orders rest there, and how much they still want.
    """

    side: Side
    px: int
    orders: int
    lots: int


def match(connection: sqlite3.Connection, order: Order) -> list[Fill]:
    """Put an order into the book, and trade it against what is there.

    The best price is met first, and at one price the oldest order.  What is left of the order
    afterwards rests in the book.

    Parameters
    ----------
    connection : sqlite3.Connection
        Inside a write transaction.
    order : Order
        One that `refusal` has nothing against.

    Returns
    -------
    list of Fill
        In the order in which they happened; empty when nobody was there to trade with.
    """
    taker = connection.execute(
        "INSERT INTO orders (ref, trader, sym, side, px, qty) VALUES (?, ?, ?, ?, ?, ?)",
        (order.ref, order.trader, order.sym, order.side, order.px, order.qty),
    ).lastrowid
    fills: list[Fill] = []
    left = order.qty
    while left:
        best = connection.execute(_AGAINST[order.side], (order.sym, order.px)).fetchone()
        if best is None:
            break
        maker, ref, px, offered = best
        qty = min(left, offered)
        connection.execute("UPDATE orders SET filled = filled + ? WHERE seq = ?", (qty, maker))
        connection.execute(
            "INSERT INTO fills (taker, maker, sym, px, qty) VALUES (?, ?, ?, ?, ?)",
            (order.ref, ref, order.sym, px, qty),
        )
        fills.append(Fill(order.ref, ref, order.sym, px, qty))
        left -= qty
    if fills:
        connection.execute(
            "UPDATE orders SET filled = filled + ? WHERE seq = ?", (order.qty - left, taker)
        )
    return fills


def expire(connection: sqlite3.Connection, keep: int) -> tuple[int, int]:
    """Cancel what has rested too long, and forget what is over, so that the tables stay small.

    Parameters
    ----------
    connection : sqlite3.Connection
        Inside a write transaction.
    keep : int
        How many of the newest orders, and of the newest fills, stay.

    Returns
    -------
    tuple of int
        Orders that were cancelled, and rows that were deleted.
    """
    (newest,) = connection.execute("SELECT coalesce(max(seq), 0) FROM orders").fetchone()
    (last,) = connection.execute("SELECT coalesce(max(seq), 0) FROM fills").fetchone()
    cancelled = connection.execute(
        "UPDATE orders SET cancelled = open WHERE seq <= ? AND open > 0", (newest - keep,)
    ).rowcount
    # What is forgotten is added up first: the sums that `faults` compares must still come out.
    connection.execute(
        "UPDATE forgotten SET"
        " (orders, filled) = (SELECT forgotten.orders + count(*),"
        "  forgotten.filled + coalesce(sum(o.filled), 0)"
        "  FROM orders AS o WHERE o.seq <= ?),"
        " (fills, matched) = (SELECT forgotten.fills + count(*),"
        "  forgotten.matched + coalesce(sum(f.qty), 0)"
        "  FROM fills AS f WHERE f.seq <= ?)",
        (newest - keep, last - keep),
    )
    deleted = connection.execute("DELETE FROM orders WHERE seq <= ?", (newest - keep,)).rowcount
    deleted += connection.execute("DELETE FROM fills WHERE seq <= ?", (last - keep,)).rowcount
    return cancelled, deleted


def quote(connection: sqlite3.Connection, sym: str) -> Quote:
    """The best bid and the best ask of one symbol.

    Parameters
    ----------
    connection : sqlite3.Connection
    sym : str

    Returns
    -------
    Quote
    """
    bid, ask = connection.execute(
        "SELECT (SELECT max(px) FROM orders WHERE sym = :sym AND side = 'buy' AND open > 0),"
        " (SELECT min(px) FROM orders WHERE sym = :sym AND side = 'sell' AND open > 0)",
        {"sym": sym},
    ).fetchone()
    return Quote(sym, bid, ask)


def depth(connection: sqlite3.Connection, sym: str, levels: int = 5) -> list[Depth]:
    """The best price levels of both sides.

    Parameters
    ----------
    connection : sqlite3.Connection
    sym : str
    levels : int
        How many a side, at most.

    Returns
    -------
    list of Depth
        Bids from the highest price down, then asks from the lowest up.
    """
    found: list[Depth] = []
    sides: tuple[tuple[Side, str], ...] = (("buy", "DESC"), ("sell", "ASC"))
    for side, direction in sides:
        rows = connection.execute(
            "SELECT px, count(*), sum(open) FROM orders"
            f" WHERE sym = ? AND side = '{side}' AND open > 0"
            f" GROUP BY px ORDER BY px {direction} LIMIT ?",
            (sym, levels),
        )
        found += [Depth(side, px, orders, lots) for px, orders, lots in rows]
    return found


def faults(connection: sqlite3.Connection) -> list[str]:
    """What is wrong with the book, a sentence each.

    Parameters
    ----------
    connection : sqlite3.Connection
        Read in one transaction of its own, so writers may go on.

    Returns
    -------
    list of str
        Empty for a sound book: each traded lot was bought once and sold once, no quantity is
        negative or too large, and no bid reaches an ask.
    """
    found: list[str] = []
    connection.execute("BEGIN")
    try:
        (filled,) = connection.execute(
            "SELECT (SELECT coalesce(sum(filled), 0) FROM orders) + filled FROM forgotten"
        ).fetchone()
        (matched,) = connection.execute(
            "SELECT (SELECT coalesce(sum(qty), 0) FROM fills) + matched FROM forgotten"
        ).fetchone()
        if filled != 2 * matched:
            found.append(
                f"orders count {filled} traded lots, fills count {matched}: not the double"
            )
        (wrong,) = connection.execute(
            "SELECT count(*) FROM orders WHERE open < 0 OR filled < 0 OR cancelled < 0"
            " OR filled + cancelled > qty"
        ).fetchone()
        if wrong:
            found.append(f"{wrong} orders with an impossible quantity")
        for sym, bid, ask in connection.execute(
            "SELECT sym, max(px) FILTER (WHERE side = 'buy') AS bid,"
            " min(px) FILTER (WHERE side = 'sell') AS ask"
            " FROM orders WHERE open > 0 GROUP BY sym HAVING bid >= ask"
        ):
            found.append(f"{sym} is crossed: bid {bid} reaches ask {ask}")
    finally:
        connection.execute("ROLLBACK")
    return found
