"""What an order book says of itself: a line in a terminal, a small table in a notebook."""

from dataclasses import dataclass
from html import escape

from kit.demo.book import Quote
from kit.demo.schema import TICKS

__all__ = ["Status"]


@dataclass(frozen=True, slots=True)
class Status:
    """An order book at one moment.

    Parameters
    ----------
    state : str
        ``"not started"``, ``"running"``, ``"stopped"`` or ``"failed"``.
    seconds : float
        How long it has run, or ran.
    writers, readers : int
        Threads that send orders, and threads that look at the book.
    orders, rejected, fills, lots : int
        What has happened so far.
    disk : int
        Bytes in the database and what is written ahead of it.
    quotes : tuple of Quote
        The best prices a reader saw last, by symbol.
    """

    state: str
    seconds: float
    writers: int
    readers: int
    orders: int
    rejected: int
    fills: int
    lots: int
    disk: int
    quotes: tuple[Quote, ...]

    def __str__(self) -> str:
        threads = f"{self.writers} writers, {self.readers} readers"
        if self.state == "not started":
            return f"{self.state}, {threads}"
        return (
            f"{self.state}, {threads}: {self.orders:,} orders, {self.fills:,} fills,"
            f" {self.rejected:,} rejected in {self.seconds:.1f} s"
        )

    def _repr_html_(self) -> str:
        cell = '<td style="text-align:right;font-variant-numeric:tabular-nums">{}</td>'
        head = "".join(f'<th scope="col">{name}</th>' for name in ("", "bid", "ask"))
        rows = "".join(
            f'<tr><th scope="row" style="text-align:left">{escape(quote.sym)}</th>'
            + cell.format(_price(quote.bid))
            + cell.format(_price(quote.ask))
            + "</tr>"
            for quote in self.quotes
        )
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
        mebibytes = f"{self.disk / 2**20:.1f} MiB on disk" if self.disk else "nothing on disk"
        return (
            f"<div><strong>Order book</strong> {escape(str(self))}; {mebibytes}."
            f"{table if rows else ''}</div>"
        )


def _price(ticks: int | None) -> str:
    return "–" if ticks is None else f"{ticks / TICKS:,.2f}"
