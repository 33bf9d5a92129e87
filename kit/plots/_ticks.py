"""Axes that read like the rest: ticks at round durations, labels with units and never an exponent.

The browser moves an axis while a reader drags it, long before Python hears of it.  So ticks and
their labels are made there, by the few lines of JavaScript below.  They follow `kit.plots.units`.
Static pictures have them from `kit.plots._picture.ticks`: who changes one changes the other.
"""

from __future__ import annotations

from typing import Final

from bokeh.models import (
    BasicTicker,
    CustomJSHover,
    CustomJSTicker,
    CustomJSTickFormatter,
    FixedTicker,
    Ticker,
    TickFormatter,
)

__all__ = [
    "DURATION_LABELS",
    "NUMBER_LABELS",
    "TIME_LABELS",
    "durations",
    "exact_hover",
    "named",
    "numbers",
    "ratios",
    "rounded_hover",
    "shares",
    "time",
]

# Ticks are round in seconds, however many there are.
_SECONDS: Final = 'const units = [["s", 1e9], ["ms", 1e6], ["µs", 1e3], ["ns", 1]];'
_HOURS: Final = _SECONDS.replace("[[", '[["h", 3.6e12], ["min", 6e10], [')

_DURATION: Final = """
const duration = (ns, digits) => {
  if (!isFinite(ns)) return "–";
  if (ns < 0) return "-" + duration(-ns, digits);
  for (const [unit, size] of units)
    if (ns >= size * 0.9995 || size == 1)
      return Number((ns / size).toPrecision(digits))
        .toLocaleString("en-US", {maximumFractionDigits: 9}) + " " + unit;
};
"""

# As many digits as it takes to tell neighbouring ticks apart.
DURATION_LABELS: Final = (
    _SECONDS
    + _DURATION
    + """
if (this.labels == null)
  for (let digits = 3; digits < 16; digits++) {
    this.labels = ticks.map((t) => duration(t, digits));
    if (new Set(this.labels).size == ticks.length) break;
  }
return this.labels[index];
"""
)

_LOG_TICKS: Final = """
const low = Math.min(cb_data.start, cb_data.end), high = Math.max(cb_data.start, cb_data.end);
const at = (factors, every) => {
  const ticks = [];
  for (let e = Math.floor(Math.log10(low)); e <= Math.ceil(Math.log10(high)); e++)
    if (((e % every) + every) % every == 0)
      for (const f of factors) {
        const tick = e < 0 ? f / 10 ** -e : f * 10 ** e;
        if (tick >= low * 0.999999 && tick <= high * 1.000001 && tick >= least) ticks.push(tick);
      }
  return ticks;
};
const even = () => {
  const rough = (high - low) / most * 1.2, size = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max([1, 2, 5, 10].find((f) => f * size >= rough) * size, least);
  const ticks = [];
  for (let i = Math.ceil(low / step); i * step <= high; i++) ticks.push(i * step);
  return ticks;
};
const sets = [[[1, 2, 5], 1], [[1, 3], 1], [[1], 1], [[1], 2], [[1], 3], [[1], 6]];
for (const [factors, every] of sets) {
  const ticks = at(factors, every);
  // Even steps bunch up at one end of a long log axis.
  if (ticks.length <= most) return ticks.length >= (high > 8 * low ? 2 : 3) ? ticks : even();
}
return [];
"""

TIME_LABELS: Final = """
if (this.labels == null) {
  const top = Math.max(...ticks.map(Math.abs));
  const [unit, size] = [["s", 1e9], ["ms", 1e6], ["µs", 1e3], ["ns", 1]]
    .find(([_, s]) => top >= s || s == 1);
  const step = ticks.length > 1 ? Math.abs(ticks[1] - ticks[0]) : top || 1;
  const decimals = Math.min(Math.max(0, Math.ceil(-Math.log10(step / size) - 1e-6)), 9);
  const options = {minimumFractionDigits: decimals, maximumFractionDigits: decimals};
  this.labels = ticks.map((t) =>
    t == 0 ? "0" : (t / size).toLocaleString("en-US", options).replace("-", "−") + " " + unit);
}
return this.labels[index];
"""

NUMBER_LABELS: Final = """
const [unit, size] = [[" G", 1e9], [" M", 1e6], [" k", 1e3], ["", 1]]
  .find(([_, s]) => Math.abs(tick) >= s || s == 1);
return Number((tick / size).toPrecision(6)).toLocaleString("en-US", {maximumFractionDigits: 6}) +
  unit + suffix;
"""

_EXACT: Final = (
    _HOURS
    + _DURATION
    + """
return duration(value, 3) +
  (Math.abs(value) < 1000 ? "" : " (" + Math.round(value).toLocaleString("en-US") + " ns)");
"""
)


def durations(most: int = 8) -> tuple[Ticker, TickFormatter]:
    """Ticks and labels of a log axis of durations in ns.

    Parameters
    ----------
    most : int
        So many ticks at most.

    Returns
    -------
    ticker : Ticker
    formatter : TickFormatter
    """
    return _log(most, 1.0), CustomJSTickFormatter(code=DURATION_LABELS)


def ratios(most: int = 6) -> tuple[Ticker, TickFormatter]:
    """Ticks and labels of a log axis of factors, like 2×."""
    return _log(most, 0.0), CustomJSTickFormatter(code=NUMBER_LABELS, args={"suffix": "×"})


def time(most: int = 7) -> tuple[Ticker, TickFormatter]:
    """Ticks and labels of a linear axis of time in ns; all labels have the same unit."""
    return BasicTicker(desired_num_ticks=most), CustomJSTickFormatter(code=TIME_LABELS)


def numbers(most: int = 4, suffix: str = "") -> tuple[Ticker, TickFormatter]:
    """Ticks and labels of a linear axis of counts or rates: 20 k, 1.5 M."""
    formatter = CustomJSTickFormatter(code=NUMBER_LABELS, args={"suffix": suffix})
    # Counts have no halves.
    return BasicTicker(desired_num_ticks=most, min_interval=0 if suffix else 1), formatter


def shares(top: float) -> dict[float, str]:
    """Places and labels for an axis in nines, up to `top` nines.

    Examples
    --------
    >>> shares(3.2)
    {0.0: '0 %', 1.0: '90 %', 2.0: '99 %', 3.0: '99.9 %'}
    """
    return {
        float(n): ("0 %", "90 %", "99 %")[n] if n < 3 else f"99.{'9' * (n - 2)} %"
        for n in range(int(max(top, 1.0)) + 1)
    }


def named() -> tuple[FixedTicker, CustomJSTickFormatter]:
    """Ticks at given places with given labels, see `name`."""
    formatter = CustomJSTickFormatter(code="return names[places.indexOf(tick)] ?? ''")
    ticker = FixedTicker(ticks=[])
    name(ticker, formatter, {})
    return ticker, formatter


def name(ticker: FixedTicker, formatter: CustomJSTickFormatter, names: dict[float, str]) -> None:
    """Set places and labels of `named` ticks; labels are shown as they are, never as markup."""
    places, labels = list(names), list(names.values())
    # In place, and only what changes: a new model costs a walk through the whole document.
    if formatter.args.get("names") != labels or ticker.ticks != places:
        formatter.args = {"places": places, "names": labels}
        ticker.ticks = places


def exact_hover() -> CustomJSHover:
    """Formatter of durations in tooltips: rounded for people, and the exact ns."""
    return CustomJSHover(code=_EXACT)


def rounded_hover() -> CustomJSHover:
    """Formatter of durations in tooltips where the pointer is, which is not exact."""
    return CustomJSHover(code=_HOURS + _DURATION + "return duration(value, 3);")


def _log(most: int, least: float) -> CustomJSTicker:
    return CustomJSTicker(major_code=_LOG_TICKS, args={"most": most, "least": least})
