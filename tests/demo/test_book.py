"""Matching, expiry and what must hold, compared with a book kept in plain lists."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kit.demo import book, report
from kit.demo.book import Fill, Quote
from kit.demo.schema import add_tables
from kit.demo.traders import Order, orders, refusal


def in_memory() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    add_tables(connection)
    return connection


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    with closing(in_memory()) as connection:
        yield connection


def buy(ref: int, px: int, qty: int, sym: str = "ACME") -> Order:
    return Order(ref, "t", sym, "buy", px, qty)


def sell(ref: int, px: int, qty: int, sym: str = "ACME") -> Order:
    return Order(ref, "t", sym, "sell", px, qty)


def test_an_order_nobody_meets_rests(db):
    assert book.match(db, buy(1, 100, 5)) == []
    assert book.quote(db, "ACME") == Quote("ACME", 100, None)
    assert book.quote(db, "BOLT") == Quote("BOLT", None, None)


def test_the_best_price_is_met_first_and_at_the_price_that_rested(db):
    book.match(db, sell(1, 103, 5))
    book.match(db, sell(2, 101, 5))
    assert book.match(db, buy(3, 105, 7)) == [
        Fill(taker=3, maker=2, sym="ACME", px=101, qty=5),
        Fill(taker=3, maker=1, sym="ACME", px=103, qty=2),
    ]
    assert book.quote(db, "ACME") == Quote("ACME", None, 103)


def test_at_one_price_the_oldest_order_is_met_first(db):
    for ref in (9, 4, 7):
        book.match(db, buy(ref, 100, 1))
    assert [fill.maker for fill in book.match(db, sell(1, 100, 2))] == [9, 4]


def test_symbols_do_not_meet(db):
    book.match(db, sell(1, 100, 5, "ACME"))
    assert book.match(db, buy(2, 100, 5, "BOLT")) == []


def test_depth_shows_bids_down_and_asks_up(db):
    for order in (buy(1, 99, 1), buy(2, 98, 2), buy(3, 99, 4), sell(4, 102, 8), sell(5, 101, 16)):
        book.match(db, order)
    found = [(level.side, level.px, level.orders, level.lots) for level in book.depth(db, "ACME")]
    assert found == [
        ("buy", 99, 2, 5),
        ("buy", 98, 1, 2),
        ("sell", 101, 1, 16),
        ("sell", 102, 1, 8),
    ]
    assert [level.px for level in book.depth(db, "ACME", levels=1)] == [99, 101]


def reference(incoming: list[Order]) -> list[Fill]:
    """The same rules in plain lists: slow, and short enough to be believed."""
    resting: list[list] = []  # [arrival, order, lots left]
    fills = []
    for arrival, order in enumerate(incoming):
        left = order.qty
        sign = 1 if order.side == "buy" else -1
        against = [
            entry
            for entry in resting
            if entry[1].sym == order.sym
            and entry[1].side != order.side
            and sign * entry[1].px <= sign * order.px
        ]
        for entry in sorted(against, key=lambda e: (sign * e[1].px, e[0])):
            qty = min(left, entry[2])
            if qty:
                fills.append(Fill(order.ref, entry[1].ref, order.sym, entry[1].px, qty))
                entry[2] -= qty
                left -= qty
        resting.append([arrival, order, left])
        resting = [entry for entry in resting if entry[2]]
    return fills


some_orders = st.lists(
    st.builds(
        Order,
        ref=st.integers(1, 10**6),
        trader=st.just("t"),
        sym=st.sampled_from(["ACME", "BOLT"]),
        side=st.sampled_from(["buy", "sell"]),
        px=st.integers(95, 105),
        qty=st.integers(1, 9),
    ),
    max_size=40,
)


@settings(max_examples=60, deadline=None)
@given(some_orders)
def test_any_orders_give_the_fills_of_the_reference(incoming):
    with closing(in_memory()) as connection:
        fills = [fill for order in incoming for fill in book.match(connection, order)]
        assert fills == reference(incoming)
        assert book.faults(connection) == []


def test_the_traders_of_the_program_give_the_fills_of_the_reference(db):
    incoming = [o for o in islice(orders(3, 1, 1), 400) if refusal(o) is None]
    fills = [fill for order in incoming for fill in book.match(db, order)]
    assert len(fills) > 100
    assert fills == reference(incoming)


def test_expiry_forgets_rows_and_keeps_the_sums(db):
    for order in islice(orders(1, 1, 1), 300):
        if refusal(order) is None:
            book.match(db, order)
    resting = "SELECT count(*) FROM orders WHERE open > 0 AND seq <= (SELECT max(seq) FROM orders)"
    (before,) = db.execute(f"{resting} - 50").fetchone()
    cancelled, deleted = book.expire(db, keep=50)
    assert before > 0
    assert cancelled == before
    assert deleted > 200
    assert db.execute("SELECT count(*) FROM orders").fetchone() == (50,)
    assert db.execute("SELECT count(*) <= 50 FROM fills").fetchone() == (1,)
    assert book.faults(db) == []
    assert book.expire(db, keep=50) == (0, 0)


def test_expiry_of_an_empty_book_does_nothing(db):
    assert book.expire(db, keep=1) == (0, 0)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("UPDATE fills SET qty = qty + 1 WHERE seq = 1", "not the double"),
        ("UPDATE orders SET filled = filled - 1 WHERE ref = 2", "not the double"),
        ("UPDATE orders SET cancelled = -3 WHERE ref = 2", "1 orders with an impossible quantity"),
        ("UPDATE orders SET px = 200 WHERE side = 'buy'", "ACME is crossed: bid 200 reaches ask 1"),
    ],
)
def test_faults_are_found(db, damage, said):
    for order in (sell(1, 100, 2), buy(2, 100, 1), sell(3, 110, 5), buy(4, 90, 5)):
        book.match(db, order)
    assert book.faults(db) == []
    db.execute("PRAGMA ignore_check_constraints=1")
    db.execute(damage)
    assert said in " ".join(book.faults(db))


@pytest.mark.parametrize("values", ["qty = 0", "filled = -1", "filled = qty + 1", "cancelled = -1"])
def test_the_tables_refuse_impossible_quantities(db, values):
    book.match(db, buy(1, 100, 5))
    with pytest.raises(sqlite3.IntegrityError, match="CHECK"):
        db.execute(f"UPDATE orders SET {values}")


def test_the_report_adds_up_and_is_made_of_cycles(db):
    for order in (sell(1, 100, 2), buy(2, 100, 3), sell(3, 110, 5, "BOLT")):
        book.match(db, order)
    root = report.totals(db)
    assert root.lots == 4
    assert root.children["ACME"].children["buy"].lots == 2
    assert root.children["BOLT"].lots == 0
    assert all(child.parent is node for node in root.walk() for child in node.children.values())
    assert report.build(db) == 4
