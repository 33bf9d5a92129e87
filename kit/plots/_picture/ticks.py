"""Ticks and labels in Python, as the browser makes them; see `kit.plots._ticks`."""

from __future__ import annotations

import math
from typing import Any, Final

from bokeh.models import CustomJSTicker, FixedTicker
from bokeh.models.tickers import AdaptiveTicker

from kit.plots import _ticks as live

__all__ = ["labels", "places"]

_UNITS: Final = ((" s", 1e9), (" ms", 1e6), (" µs", 1e3), (" ns", 1.0))
_SIZES: Final = ((" G", 1e9), (" M", 1e6), (" k", 1e3), ("", 1.0))
_SETS: Final = (((1, 2, 5), 1), ((1, 3), 1), ((1,), 1), ((1,), 2), ((1,), 3), ((1,), 6))


def places(ticker: Any, low: float, high: float) -> list[float]:
    """Tell where an axis has ticks.

    Parameters
    ----------
    ticker : bokeh.models.Ticker
    low, high : float
        What the axis shows.

    Returns
    -------
    list of float
        None of them for a ticker that the kit's plots do not use.

    Examples
    --------
    >>> from kit.plots import _ticks
    >>> places(_ticks.durations()[0], 900, 2e6)
    [1000, 3000, 10000, 30000, 100000, 300000, 1000000]
    >>> places(_ticks.numbers()[0], 0, 70)
    [0.0, 20.0, 40.0, 60.0]
    """
    if isinstance(ticker, FixedTicker):
        return [float(tick) for tick in ticker.ticks if low <= tick <= high]
    if isinstance(ticker, CustomJSTicker) and "most" in ticker.args:
        return _log(low, high, ticker.args["most"], ticker.args["least"])
    if isinstance(ticker, AdaptiveTicker):
        return _even(ticker, low, high)
    return []


def labels(formatter: Any, ticks: list[float]) -> list[str]:
    """Write what stands at ticks.

    Parameters
    ----------
    formatter : bokeh.models.TickFormatter
    ticks : list of float

    Returns
    -------
    list of str

    Examples
    --------
    >>> from kit.plots import _ticks
    >>> labels(_ticks.durations()[1], [1e3, 2.5e6]), labels(_ticks.time()[1], [0, 5e8, 1e9])
    (['1 µs', '2.5 ms'], ['0', '0.5 s', '1.0 s'])
    >>> labels(_ticks.numbers(suffix="/s")[1], [0, 2_500])
    ['0/s', '2.5 k/s']
    """
    code = getattr(formatter, "code", "")
    if not ticks:
        return []
    if code == live.DURATION_LABELS:
        return _durations(ticks)
    if code == live.TIME_LABELS:
        return _times(ticks)
    if code == live.NUMBER_LABELS:
        suffix = formatter.args["suffix"]
        return [_scaled(tick, _SIZES, 6, 6) + suffix for tick in ticks]
    args: dict[str, Any] = getattr(formatter, "args", {})
    if "names" in args:
        names = dict(zip(args["places"], args["names"], strict=True))
        return [names.get(tick, "") for tick in ticks]
    return [f"{tick:g}" for tick in ticks]


def _even(ticker: AdaptiveTicker, low: float, high: float) -> list[float]:
    """Ticks as BokehJS's AdaptiveTicker has them."""
    base, least = float(ticker.base), float(ticker.min_interval)
    mantissas = [float(each) for each in ticker.mantissas]
    wanted = (high - low) / ticker.desired_num_ticks
    if not wanted > 0:
        return []
    factor = least or 1.0
    size = base ** math.floor(math.log(wanted / factor, base)) * factor
    steps = [each * size for each in (mantissas[-1] / base, *mantissas, mantissas[0] * base)]
    step = min(steps, key=lambda each: abs(ticker.desired_num_ticks - (high - low) / each))
    step = max(step, least)
    factors = range(math.floor(low / step), math.ceil(high / step) + 1)
    return [number * step for number in factors if low <= number * step <= high]


def _log(low: float, high: float, most: int, least: float) -> list[float]:
    """Ticks as the kit's own ticker of log axes has them."""
    if not 0 < low < high:
        return []

    def at(factors: tuple[int, ...], every: int) -> list[float]:
        exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        ticks = (
            factor / 10**-exponent if exponent < 0 else factor * 10**exponent
            for exponent in exponents
            if exponent % every == 0
            for factor in factors
        )
        return [t for t in ticks if low * 0.999999 <= t <= high * 1.000001 and t >= least]

    for factors, every in _SETS:
        ticks = at(factors, every)
        if len(ticks) <= most:
            if len(ticks) >= (2 if high > 8 * low else 3):
                return ticks
            break
    else:
        return []
    rough = (high - low) / most * 1.2
    size = 10 ** math.floor(math.log10(rough))
    step = max(next((f for f in (1, 2, 5, 10) if f * size >= rough), 10) * size, least)
    first = math.ceil(low / step)
    return [number * step for number in range(first, math.floor(high / step) + 1)]


def _durations(ticks: list[float]) -> list[str]:
    found: list[str] = []
    for digits in range(3, 16):  # as many as it takes to tell neighbours apart
        found = [_duration(tick, digits) for tick in ticks]
        if len(set(found)) == len(ticks):
            break
    return found


def _duration(ns: float, digits: int) -> str:
    if ns < 0:
        return f"-{_duration(-ns, digits)}"
    return _scaled(ns, _UNITS, digits, 9, 0.9995)


def _times(ticks: list[float]) -> list[str]:
    top = max(abs(tick) for tick in ticks)
    unit, size = next(each for each in _UNITS if top >= each[1] or each[1] == 1)
    step = abs(ticks[1] - ticks[0]) if len(ticks) > 1 else top or 1.0
    decimals = min(max(0, math.ceil(-math.log10(step / size) - 1e-6)), 9)
    return [
        "0" if tick == 0 else f"{tick / size:,.{decimals}f}{unit}".replace("-", "−")
        for tick in ticks
    ]


def _scaled(
    value: float,
    sizes: tuple[tuple[str, float], ...],
    digits: int,
    decimals: int,
    share: float = 1.0,
) -> str:
    unit, size = next(each for each in sizes if abs(value) >= each[1] * share or each[1] == 1)
    rounded = float(f"{value / size:.{digits}g}")
    text = f"{rounded:,.{decimals}f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text) + unit
