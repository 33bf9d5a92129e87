"""The program as a whole: start it, let it run, stop it."""

import tempfile
import time
import weakref
from collections.abc import Callable
from contextlib import closing, nullcontext
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from kit.demo import book, schema
from kit.demo import gc_pauses as pauses
from kit.demo.database import MODES, Queue
from kit.demo.status import Status
from kit.demo.threads import Plan, Run

__all__ = ["OrderBook"]


class OrderBook:
    """An order book on SQLite, with threads that write, read, keep house and report.

    Writers send orders, which are matched by price and then time, each in a transaction that is on
    disk before it counts.  Readers look at prices.  A keeper expires old orders and checkpoints; a
    reporter sums up the day.  What is slow in it is slow for real: waiting for the disk, for the
    write lock, for a checkpoint, for the garbage collector.

    Parameters
    ----------
    path : str or Path, optional
        Where the database is kept.  Left out, it is a temporary file that `stop` removes.
    writers : int
        Threads that send orders.
    readers : int
        Threads that query.
    rate : float
        Orders a second, of all writers together; fewer arrive when the machine cannot keep up.
    seed : int
        Same seed, same orders from each writer.
    keep : int
        How many of the newest orders and fills are kept; older ones are cancelled and deleted.
    queue : bool
        Whether writers and keeper line up for the write lock inside the program.  Otherwise each
        asks SQLite again and again, and sleeps longer from one try to the next; an order that does
        not get it within 5 s is rejected, and a keeper that does not tries again at its next round.
    checkpoint : str
        ``"truncate"`` or ``"restart"``, which make writers wait until the log is empty, or
        ``"passive"``, which copies what it can and leaves them alone.
    checkpoint_every : float
        Seconds between two rounds of the keeper.
    report_every : float or None
        Seconds between two reports; None for no reports.

    Raises
    ------
    ValueError
        When an argument is out of range, or `path` holds something else.

    Examples
    --------
    >>> with OrderBook(seed=7) as orders:
    ...     orders.run(orders=30)
    >>> orders.status.orders, orders.check()
    (30, [])
    """

    def __init__(
        self,
        path: str | Path | None = None,
        *,
        writers: int = 3,
        readers: int = 2,
        rate: float = 300.0,
        seed: int = 1,
        keep: int = 5000,
        queue: bool = False,
        checkpoint: str = "truncate",
        checkpoint_every: float = 0.5,
        report_every: float | None = 1.0,
    ) -> None:
        _at_least("writers", writers, 1)
        _at_least("readers", readers, 0)
        _at_least("keep", keep, 1)
        _above_zero("rate", rate)
        _above_zero("checkpoint_every", checkpoint_every)
        if report_every is not None:
            _above_zero("report_every", report_every)
        if checkpoint not in MODES:
            raise ValueError(f"checkpoint={checkpoint!r}: one of {', '.join(map(repr, MODES))}")
        self.path = None if path is None else Path(path).expanduser().absolute()
        self._plan = Plan(
            writers=writers,
            readers=readers,
            rate=rate,
            seed=seed,
            keep=keep,
            queue=queue,
            checkpoint=checkpoint,
            checkpoint_every=checkpoint_every,
            report_every=report_every,
        )
        self._run: Run | None = None
        self._stop: weakref.finalize[..., Any] | None = None
        self._last: Status | None = None
        self._faults: list[str] = []

    @property
    def running(self) -> bool:
        """Whether it has been started and not stopped yet."""
        return self._run is not None

    def start(self) -> Self:
        """Start all threads.

        Returns
        -------
        OrderBook
            This one.

        Raises
        ------
        RuntimeError
            When it runs already.
        """
        self._start(None)
        return self

    def _start(self, limit: int | None) -> Run:
        if self._run is not None:
            raise RuntimeError(
                "this order book runs already: stop() it first, or make a second OrderBook"
            )
        folder: tempfile.TemporaryDirectory[str] | None = None
        if self.path is None:
            folder = tempfile.TemporaryDirectory(prefix="kit-demo-")
            path = Path(folder.name) / "book.sqlite"
        else:
            path = self.path
        try:
            schema.create(path)
        except BaseException:
            if folder is not None:
                folder.cleanup()
            raise
        run = Run(path, self._plan, limit, Queue() if self._plan.queue else nullcontext())
        # The program's end and a book that nobody holds any more stop the threads too.
        self._stop = weakref.finalize(self, _end, run, folder)
        pauses.install()
        self._run = run
        run.start()
        return run

    def stop(self) -> None:
        """Stop all threads and wait for them; remove a temporary database.  Harmless when stopped.

        Raises
        ------
        RuntimeError
            When a thread of the book has failed; what it failed with is the cause.
        """
        run, stop = self._run, self._stop
        if run is None or stop is None:
            return
        try:
            run.stop()
            self._last = self._look(run, "failed" if run.failures else "stopped")
            self._faults = _faults(run.path)
        finally:
            self._run = self._stop = None
            stop()
        if run.failures:
            name, error = run.failures[0]
            raise RuntimeError(
                f"{name} of the order book failed: {type(error).__name__}: {error}"
            ) from error

    def run(
        self,
        *,
        seconds: float | None = None,
        orders: int | None = None,
        progress: Callable[[float, float], object] | None = None,
    ) -> None:
        """Let it run for a while; start it first and stop it afterwards unless it runs already.

        Parameters
        ----------
        seconds : float, optional
            For how long.
        orders : int, optional
            Or until so many orders have been sent.  A book that this call starts sends exactly so
            many, and with one writer does exactly the same with them each time.
        progress : callable, optional
            Called about ten times a second with how much is done and how much there is to do, in
            seconds or orders, whichever was asked for.

        Raises
        ------
        ValueError
            When not exactly one of `seconds` and `orders` is given, or it is not above zero.
        RuntimeError
            When a thread of the book has failed.
        """
        if (seconds is None) == (orders is None):
            raise ValueError("run(seconds=...) or run(orders=...), one of the two")
        if seconds is not None:
            _above_zero("seconds", seconds)
        else:
            _at_least("orders", orders or 0, 1)
        mine = self._run is None
        run = self._start(orders) if self._run is None else self._run
        try:
            _watch(run, seconds, orders, progress)
        finally:
            if mine or run.failures:
                self.stop()

    @property
    def status(self) -> Status:
        """What has happened so far."""
        run = self._run
        if run is not None:
            return self._look(run, "running")
        if self._last is not None:
            return self._last
        plan = self._plan
        return Status("not started", 0.0, plan.writers, plan.readers, 0, 0, 0, 0, 0, ())

    def check(self) -> list[str]:
        """What is wrong with the book, a sentence each; of one that has stopped, as it was then.

        Returns
        -------
        list of str
            Empty for a sound book: every lot was bought once and sold once, nothing is negative,
            and no bid reaches an ask.
        """
        return list(self._faults) if self._run is None else _faults(self._run.path)

    def _look(self, run: Run, state: str) -> Status:
        counts = run.counts
        wal = run.path.with_name(run.path.name + "-wal")
        return Status(
            state=state,
            seconds=time.monotonic() - run.began,
            writers=self._plan.writers,
            readers=self._plan.readers,
            orders=run.orders,
            rejected=sum(count.rejected for count in counts),
            fills=sum(count.fills for count in counts),
            lots=sum(count.lots for count in counts),
            disk=sum(file.stat().st_size for file in (run.path, wal) if file.exists()),
            quotes=tuple(quote for _, quote in sorted(run.quotes.items())),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<OrderBook {self.status}>"

    def _repr_html_(self) -> str:
        return self.status._repr_html_()


def _watch(
    run: Run,
    seconds: float | None,
    orders: int | None,
    progress: Callable[[float, float], object] | None,
) -> None:
    total = float(seconds if seconds is not None else orders or 0)
    began, before = time.monotonic(), 0 if run.limit else run.orders
    while True:
        done = time.monotonic() - began if seconds is not None else float(run.orders - before)
        if progress is not None:
            progress(min(done, total), total)
        if done >= total or not run.busy:
            return
        left = total - done if seconds is not None else 0.1
        # Woken early when a thread fails and asks the others to stop.
        if run.stopping.wait(min(0.1, left)):
            return


def _end(run: Run, folder: tempfile.TemporaryDirectory[str] | None) -> None:
    run.stop()
    pauses.remove()
    if folder is not None:
        folder.cleanup()


def _faults(path: Path) -> list[str]:
    with closing(schema.open_book(path)) as connection:
        return book.faults(connection)


def _at_least(name: str, value: object, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"{name}={value!r}: a whole number of {least} or more is needed")


def _above_zero(name: str, value: object) -> None:
    if not isinstance(value, int | float) or not 0 < value < float("inf"):
        raise ValueError(f"{name}={value!r}: a number above zero is needed")
