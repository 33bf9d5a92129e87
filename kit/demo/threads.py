"""What each thread of the order book does, and the state they share."""

import math
import random
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path

import kit
from kit.demo import book, report
from kit.demo.database import Gate, checkpoint, giving_way, housekeeping
from kit.demo.orders import Counts, place
from kit.demo.schema import TICKS, open_book
from kit.demo.traders import SYMBOLS, orders

__all__ = ["Plan", "Run"]

top = kit.marker("book.top", sym=kit.Label, bid=float, ask=float)

READS = 40.0
"""Queries a second of each reader."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a run is to go; `kit.demo.OrderBook` says what each field means."""

    writers: int
    readers: int
    rate: float
    seed: int
    keep: int
    queue: bool
    checkpoint: str
    checkpoint_every: float
    report_every: float | None


@dataclass(slots=True)
class Run:
    """One run of the program: its threads, what they count, and how they end.

    Threads hold this and never the `OrderBook`, so that a book nobody holds any more can be
    collected, and stops its threads when it is.
    """

    path: Path
    plan: Plan
    limit: int | None
    gate: Gate
    stopping: threading.Event = field(default_factory=threading.Event)
    threads: list[threading.Thread] = field(default_factory=list)
    counts: list[Counts] = field(default_factory=list)
    quotes: dict[str, book.Quote] = field(default_factory=dict)
    failures: list[tuple[str, BaseException]] = field(default_factory=list)
    writing: int = 0
    began: float = 0.0

    def start(self) -> None:
        """Start all threads."""
        plan = self.plan
        self.began = time.monotonic()
        self.writing = plan.writers
        for number in range(1, plan.writers + 1):
            counts = Counts()
            self.counts.append(counts)
            self._add(f"writer-{number}", self._write, number, counts)
        for number in range(1, plan.readers + 1):
            self._add(f"reader-{number}", self._read, number)
        self._add("keeper", self._keep)
        if plan.report_every is not None:
            self._add("reporter", self._report, plan.report_every)
        for thread in self.threads:
            thread.start()

    def _add(self, name: str, work: Callable[..., None], *arguments: object) -> None:
        # Daemons, so that a program which forgot its book can still end.
        self.threads.append(
            threading.Thread(
                target=self._guarded, args=(name, work, arguments), name=name, daemon=True
            )
        )

    def _guarded(self, name: str, work: Callable[..., None], arguments: tuple[object, ...]) -> None:
        try:
            connection = None
            while connection is None and not self.stopping.is_set():
                with giving_way():
                    connection = open_book(self.path)
            if connection is not None:
                with closing(connection):
                    work(connection, *arguments)
        except BaseException as error:  # noqa: BLE001 - raised by OrderBook.stop, where it is heard
            self.failures.append((name, error))
            self.stopping.set()

    def _write(self, connection: sqlite3.Connection, number: int, counts: Counts) -> None:
        plan = self.plan
        share = self._share(number)
        source = orders(plan.seed, number, plan.writers)
        chance = random.Random(f"{plan.seed}/{number}/arrivals")
        due = time.monotonic()
        while not self.stopping.is_set() and (share is None or counts.orders < share):
            place(connection, next(source), counts, self.gate)
            # Orders arrive at random, whatever the book is doing.  One that is late is sent at
            # once; on a machine that cannot keep up, at most a second of them is caught up with.
            due = max(due + chance.expovariate(plan.rate / plan.writers), time.monotonic() - 1.0)
            self.stopping.wait(max(0.0, due - time.monotonic()))

    def _share(self, number: int) -> int | None:
        if self.limit is None:
            return None
        return (self.limit + self.plan.writers - number) // self.plan.writers

    def _read(self, connection: sqlite3.Connection, number: int) -> None:
        symbols = cycle(SYMBOLS)
        chance = random.Random(f"{self.plan.seed}/{number}/reads")
        while not self.stopping.wait(chance.expovariate(READS)):
            sym = next(symbols)
            with giving_way():
                if chance.random() < 0.2:
                    with report.query("depth"):
                        book.depth(connection, sym)
                    continue
                with report.query("top"):
                    quote = book.quote(connection, sym)
                self.quotes[sym] = quote
                top(sym, _units(quote.bid), _units(quote.ask))

    def _keep(self, connection: sqlite3.Connection) -> None:
        while not self.stopping.wait(self.plan.checkpoint_every):
            housekeeping(connection, self.plan.keep, self.gate)
            checkpoint(connection, self.plan.checkpoint, self.gate)

    def _report(self, connection: sqlite3.Connection, every: float) -> None:
        while not self.stopping.wait(every):
            with giving_way():
                report.build(connection)

    @property
    def orders(self) -> int:
        """Orders so far, refused ones too."""
        return sum(counts.orders for counts in self.counts)

    @property
    def busy(self) -> bool:
        """Whether a writer is still at work."""
        return any(t.is_alive() for t in self.threads[: self.plan.writers])

    def stop(self) -> None:
        """Ask all threads to end, and wait until they have.

        No time limit: each looks up after every statement, and a statement waits for a lock no
        longer than its connection was told.  What a thread still writes to cannot be removed.
        """
        self.stopping.set()
        for thread in self.threads:
            if thread is not threading.current_thread() and thread.ident is not None:
                thread.join()


def _units(ticks: int | None) -> float:
    return math.nan if ticks is None else ticks / TICKS
