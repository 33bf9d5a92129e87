"""Orders come from the seed alone, and a few of them are wrong on purpose."""

from collections import Counter
from itertools import islice

import pytest

from kit.demo.traders import LARGEST, SYMBOLS, Order, orders, refusal


def test_same_seed_same_orders():
    assert list(islice(orders(5, 2, 3), 200)) == list(islice(orders(5, 2, 3), 200))


def test_another_seed_and_another_trader_send_other_orders():
    def essence(seed, trader):
        return [(o.sym, o.side, o.px, o.qty) for o in islice(orders(seed, trader, 3), 50)]

    assert len({tuple(essence(s, t)) for s in (1, 2) for t in (1, 2, 3)}) == 6


def test_no_reference_is_used_twice():
    refs = [o.ref for trader in (1, 2, 3) for o in islice(orders(1, trader, 3), 100)]
    assert sorted(refs) == list(range(1, 301))


def test_most_orders_are_fine_and_each_mistake_occurs():
    seen = Counter(refusal(order) for order in islice(orders(1, 1, 1), 5000))
    assert set(seen) == {None, "quantity", "price band"}
    assert 0.97 < seen[None] / 5000 < 1


def test_both_sides_and_all_symbols_occur():
    found = {(order.sym, order.side) for order in islice(orders(1, 1, 1), 200)}
    assert found == {(sym, side) for sym in SYMBOLS for side in ("buy", "sell")}


@pytest.mark.parametrize(
    ("sym", "px", "qty", "reason"),
    [
        ("ACME", 2500, 1, None),
        ("ACME", 2500, LARGEST, None),
        ("ACME", 2500, LARGEST + 1, "quantity"),
        ("ACME", 2500, 0, "quantity"),
        ("ACME", 2500, -1, "quantity"),
        ("ACME", 2000, 1, None),
        ("ACME", 1999, 1, "price band"),
        ("ACME", 3001, 1, "price band"),
        ("NONE", 1, 1, "symbol"),
    ],
)
def test_refusals(sym, px, qty, reason):
    assert refusal(Order(1, "t", sym, "buy", px, qty)) == reason
