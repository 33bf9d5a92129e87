"""What happens to one order, from its arrival to its fills."""

import sqlite3
from dataclasses import dataclass

import kit
from kit.demo import book
from kit.demo.database import Gate, gave_up, transaction
from kit.demo.schema import TICKS
from kit.demo.traders import Order, refusal

__all__ = ["Counts", "place"]

submit = kit.marker("orders.submit", ref=int, sym=kit.Label, side=kit.Label, px=float, qty=int)
fill = kit.marker("orders.fill", taker=int, maker=int, sym=kit.Label, px=float, qty=int)
reject = kit.marker("orders.reject", ref=int, sym=kit.Label, reason=kit.Label)
matching = kit.span("book.match", ref=int)


@dataclass(slots=True)
class Counts:
    """What one thread has done; only that thread writes it, so it needs no lock."""

    orders: int = 0
    rejected: int = 0
    fills: int = 0
    lots: int = 0


def place(
    connection: sqlite3.Connection, order: Order, counts: Counts, gate: Gate
) -> list[book.Fill]:
    """Take an order: refuse it, or match it in a transaction and then announce the fills.

    Parameters
    ----------
    connection : sqlite3.Connection
        From `kit.demo.schema.open_book`, used by this thread alone.
    order : Order
    counts : Counts
        Counted up.
    gate : Gate
        Passed on the way to the write lock.

    Returns
    -------
    list of Fill
        Empty when nothing was traded.
    """
    submit(order.ref, order.sym, order.side, order.px / TICKS, order.qty)
    counts.orders += 1
    reason = refusal(order)
    fills: list[book.Fill] = []
    if reason is None:
        try:
            with transaction(connection, order.ref, gate), matching(order.ref):
                fills = book.match(connection, order)
        except sqlite3.OperationalError as error:
            if not gave_up(error):
                raise
            reason, fills = "busy", []
    if reason is not None:
        counts.rejected += 1
        reject(order.ref, order.sym, reason)
    # Only now: a fill that is announced has happened, whatever becomes of this process.
    for one in fills:
        counts.fills += 1
        counts.lots += one.qty
        fill(one.taker, one.maker, one.sym, one.px / TICKS, one.qty)
    return fills
