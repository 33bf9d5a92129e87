"""Where orders come from: traders who follow a price, some of them hasty, a few of them wrong.

A trader is a generator with a random number generator of its own, so the orders depend on the seed
and the trader's number alone, not on how threads happen to take turns.
"""

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

__all__ = ["SYMBOLS", "Order", "Side", "orders", "refusal"]

Side = Literal["buy", "sell"]

SYMBOLS = {"ACME": 2500, "BOLT": 980, "CORE": 12050}
"""Each symbol and the price its market opens at, in ticks."""

LARGEST = 1000
"""Lots in the largest order the book takes."""

BAND = 0.2
"""How far from the opening price an order may be, as a share of it."""


@dataclass(frozen=True, slots=True)
class Order:
    """One limit order as a trader sends it.

    Parameters
    ----------
    ref : int
        The trader's own number for it, unique among the traders of a run.
    trader : str
        Who sends it.
    sym, side : str
        What, and whether to ``"buy"`` or to ``"sell"``.
    px : int
        Limit price in ticks.
    qty : int
        Lots.
    """

    ref: int
    trader: str
    sym: str
    side: Side
    px: int
    qty: int


def orders(seed: int, trader: int, traders: int) -> Iterator[Order]:
    """The endless orders of one trader.

    Parameters
    ----------
    seed : int
        Same seed, same orders.
    trader : int
        Which trader, from 1.
    traders : int
        How many there are: references count up in steps of it, so that no two traders share one.

    Yields
    ------
    Order

    Examples
    --------
    >>> first = next(orders(seed=7, trader=1, traders=3))
    >>> first == next(orders(seed=7, trader=1, traders=3))
    True
    """
    chance = random.Random(f"{seed}/{trader}")
    name = f"trader-{trader}"
    ref = trader
    while True:
        sym = chance.choice(tuple(SYMBOLS))
        opening = SYMBOLS[sym]
        # The market breathes: its middle wanders 2 % around the opening price, slowly, so that
        # orders resting on one side are met again by the other.
        middle = opening * (1 + 0.02 * math.sin(ref / 400 + opening))
        side: Side = "buy" if chance.random() < 0.5 else "sell"
        # Patient orders rest a few ticks away; a third crosses the spread and trades at once.
        away = chance.expovariate(1 / (0.004 * opening))
        if chance.random() < 0.33:
            away = -away / 2
        px = max(1, round(middle - away if side == "buy" else middle + away))
        qty = 1 + int(chance.expovariate(1 / 40))
        slip = chance.random()
        if slip < 0.005:
            qty = 0
        elif slip < 0.010:
            px *= 10
        yield Order(ref, name, sym, side, px, min(qty, LARGEST))
        ref += traders


def refusal(order: Order) -> str | None:
    """Why the book would not take an order.

    Parameters
    ----------
    order : Order

    Returns
    -------
    str or None
        ``"symbol"``, ``"quantity"`` or ``"price band"``; None for an order that is fine.

    Examples
    --------
    >>> refusal(Order(1, "me", "ACME", "buy", px=2500, qty=0))
    'quantity'
    """
    opening = SYMBOLS.get(order.sym)
    if opening is None:
        return "symbol"
    if not 0 < order.qty <= LARGEST:
        return "quantity"
    if not opening * (1 - BAND) <= order.px <= opening * (1 + BAND):
        return "price band"
    return None
