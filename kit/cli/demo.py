"""What ``python -m kit demo`` does: run the order book, record it, write down what was seen."""

import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

import kit
from kit import analysis, frames, plots
from kit.cli import page as cli_page
from kit.demo import OrderBook
from kit.plots import units

__all__ = ["WATCHED", "run", "text_table"]

WATCHED = ("orders.*", "book.*", "db.*", "gc.*", "report.*")
"""Everything that the order book fires."""

SUSPECTS = ("gc.pause", "db.checkpoint", "db.expire", "db.sync", "book.match")
"""What can hold up a commit."""

_HOW_LONG = (
    "How long a commit takes, from asking for the write lock to being safe on disk. The line below"
    " counts in nines: its last step is the slowest commit of all."
)
_WHEN = (
    "The same over time. A column of slow commits is a moment when everybody waited; a row is a"
    " duration that comes again and again."
)


def run(seconds: float, seed: int, out: Path) -> Iterator[str]:
    """Run the order book, and leave a capture and a page.

    Parameters
    ----------
    seconds : float
        For how long.
    seed : int
        Same seed, same orders.
    out : Path
        The folder for ``kit-demo.parquet`` and ``kit-demo.html``, which are replaced.

    Yields
    ------
    str
        Lines for the terminal, as soon as they are known.
    """
    book = OrderBook(seed=seed, rate=400)
    with kit.record(WATCHED, dispatches=True) as recorder, _progress() as progress:
        book.run(seconds=seconds, progress=progress)
    # A garbage collection while an event is being written is an event that cannot be written.
    skipped = f", {recorder.skipped:,} skipped" if recorder.skipped else ""
    skipped += f", {recorder.failed:,} failed" if recorder.failed else ""
    facts = f"Order book {book.status}; {len(recorder):,} events, {recorder.lost:,} lost{skipped}."
    yield facts
    yield ""
    events = recorder.frame()
    spans = events[events["dur"].notna()]
    tables = [_latencies(spans), _slowest(spans, recorder.frame("db.commit"))]
    for _, head, rows in tables:
        yield from text_table(head, rows)
        yield ""
    capture = frames.save(recorder, out / "kit-demo.parquet")
    yield f"capture  {capture}"
    page = out / "kit-demo.html"
    page.write_text(
        cli_page.page(
            "Order book",
            facts,
            [cli_page.table(*parts) for parts in tables],
            _sections(recorder, spans),
        ),
        encoding="utf-8",
    )
    yield f"page     {page}"


def text_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    r"""Set a table in plain text, words to the left and numbers to the right.

    Parameters
    ----------
    head : sequence of str
        The headings.
    rows : sequence of sequence of str
        The cells.

    Yields
    ------
    str

    Examples
    --------
    >>> print(*text_table(["name", "n"], [["a", "1"], ["bcdef", "100"]]), sep="\n")
    name     n
    a        1
    bcdef  100
    """
    columns = []
    for name, *cells in zip(head, *rows, strict=True):
        width = max(map(len, (name, *cells)))
        set_cell = str.rjust if cli_page.numeric(cells) else str.ljust
        columns.append([set_cell(cell, width) for cell in (name, *cells)])
    for line in zip(*columns, strict=True):
        yield "  ".join(line).rstrip()


@contextmanager
def _progress() -> Iterator[Callable[[float, float], object] | None]:
    """Give a bar on the terminal, where there is a terminal and somebody who draws bars."""
    try:
        from tqdm import tqdm
    except ModuleNotFoundError:
        yield None
        return
    if not sys.stderr.isatty():
        yield None
        return
    bars: list[tqdm[Any]] = []  # none before it is known how long it will take

    def show(done: float, total: float) -> None:
        if not bars:
            # Some terminals say that they have no lines and no columns, and would get nothing.
            size = shutil.get_terminal_size()
            bar = tqdm(
                total=total,
                desc="order book",
                bar_format="{desc} {bar} {n:.0f} of {total:g} s",
                mininterval=0.0,
                ncols=min(size.columns, 80),
                nrows=size.lines,
                leave=False,
                file=sys.stderr,
            )
            bars.append(bar)
        bars[0].update(done - bars[0].n)

    try:
        yield show
    finally:
        for bar in bars:
            bar.close()


def _latencies(spans: pd.DataFrame) -> tuple[str, list[str], list[list[str]]]:
    found = analysis.latency(spans, by="marker")
    times = [name for name in found.columns if name not in ("marker", "count", "min")]
    rows = [
        [row["marker"], f"{row['count']:,}", *(units.duration(row[name]) for name in times)]
        for row in found.to_dict("records")
    ]
    return "How long things took.", ["span", "count", *times], rows


def _slowest(spans: pd.DataFrame, commits: pd.DataFrame) -> tuple[str, list[str], list[list[str]]]:
    slow = analysis.outliers(commits, 5).set_index("ref")
    others = spans[spans["marker"].isin(SUSPECTS)]
    ran = analysis.overlaps(slow, others).reindex(columns=SUSPECTS, fill_value=0)
    # A writer that waits while nobody holds the lock sleeps between two tries of SQLite's.
    waits = spans[spans["marker"] == "db.lock"].set_index("ref").loc[slow.index]
    held = analysis.overlaps(waits, others.assign(marker="held")).reindex(
        columns=["held"], fill_value=0
    )
    ran["asleep"] = waits["dur"] - held["held"]
    ahead = analysis.overlaps(waits, others[others["marker"] == "db.sync"], "count").sum(axis=1)
    threads = commits.attrs["threads"]
    rows = [
        [
            units.duration(dur),
            threads.get(str(tid), str(tid)),
            f"{ahead.loc[ref]:,}",
            ", ".join(
                f"{name} {time / dur:.0%}"
                for name, time in ran.loc[ref].nlargest(2).items()
                if time > 0
            ),
        ]
        for ref, dur, tid in zip(slow.index, slow["dur"], slow["tid"], strict=True)
    ]
    return (
        "The slowest commits, how many others got the lock before them, and what ran meanwhile.",
        ["commit", "thread", "others first", "meanwhile"],
        rows,
    )


def _sections(recorder: kit.probes.Recorder, spans: pd.DataFrame) -> list[cli_page.Section]:
    commits = recorder.frame("db.commit")
    slowest = analysis.outliers(commits, 1)
    dispatches, calls = recorder.dispatches(), recorder.probe_calls()
    return [
        (_HOW_LONG, lambda: plots.latency(commits)),
        (_WHEN, lambda: plots.latency_over_time(commits)),
        ("What each thread did around the slowest commit.", lambda: _around(spans, slowest)),
        ("What the recording itself cost.", lambda: plots.fanout(dispatches, calls)),
    ]


def _around(spans: pd.DataFrame, commit: pd.DataFrame) -> plots.Plot:
    timeline = plots.timeline(spans)
    first = spans["ts"].min()
    for ts, dur in zip(commit["ts"], commit["dur"], strict=True):
        timeline.zoom(time=(max(0, ts - first - dur // 4), ts - first + dur + dur // 4))
    return timeline
