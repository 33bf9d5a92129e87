"""What an open panel takes from a program that fires 100,000 spans a second, in a real JupyterLab.

The program runs on a thread of the notebook's kernel and fires a thousand spans every 10 ms.  Its
rounds take turns: not recorded, recorded by `kit.record` alone, and recorded by an open panel of
the same capacity that draws the events' latency in a browser.  What is compared is what a batch
of a thousand takes on the program's own thread: its processor time, in pairs of a round with the
panel and the round before it with a recorder alone, of which the median counts; and its time by the
clock, waiting for the interpreter's lock included.  Beside it stand what the panel's own threads
take of a processor, as its header says, and how many garbage collections they cause a second.  That
the page keeps up is counted, and fewer than two updates a second in the best round fail.

    python -m tests.benchmarks.panel_bench                two seconds a round, fifteen pairs
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from playwright.sync_api import Page

from tests.browser.lab import (
    Lab,
    browse,
    end_kernels,
    find_chromium,
    python,
    run_all,
    serve,
    settle,
    wait_for_python,
)

BATCH = 1000
PACE = 0.01
"""Seconds from one batch to the next."""

PROGRAM = f"""
import gc, threading, time
import kit
from kit.widgets._refresh import spent

tick = kit.span("bench.tick", number=int)
took, used, ending, collections = [], [], threading.Event(), [0]

def collected(phase, _):
    if phase == "start" and threading.current_thread().name.startswith("kit-"):
        collections[0] += 1

gc.callbacks.append(collected)

def program():
    due = time.perf_counter()
    while not ending.is_set():
        begin, before = time.perf_counter(), time.thread_time()
        for number in range({BATCH}):
            with tick(number):
                pass
        end = time.perf_counter()
        used.append(time.thread_time() - before)
        took.append(end - begin)
        due = max(due + {PACE}, end)
        time.sleep(due - end)

def begin():
    global since
    took.clear(), used.clear()
    since = collections[0], spent(), time.monotonic()

def seen():
    seconds = time.monotonic() - since[2]
    own, often = (spent() - since[1]) / 1e9 / seconds, (collections[0] - since[0]) / seconds
    return median(took), sum(took) / len(took), len(took), median(used), own, often

def median(times):
    return sorted(times)[len(times) // 2]

recorder = kit.record("bench.*", capacity=1_000_000, mode="overwrite")
recorder.stop()
thread = threading.Thread(target=program)
thread.start()
"""

PANEL = 'panel = kit.panel("bench.*", mode="overwrite")\npanel'

COUNT = """() => {
  window.updates = 0;
  const shown = document.querySelector('.kit-number[data-number="events"] .kit-num');
  const options = { childList: true, characterData: true, subtree: true };
  new MutationObserver(() => window.updates++).observe(shown, options);
}"""


class Round(NamedTuple):
    """What was seen in one round; times of a batch in s."""

    median: float
    mean: float
    batches: int
    used: float
    own: float
    collections: float


def measure(page: Page, seconds: float) -> Round:
    """Let the program run."""
    python(page, "begin()")
    page.wait_for_timeout(1000 * seconds)
    return Round(*python(page, "seen()"))  # type: ignore[misc]


def compare(page: Page, lab: Lab, seconds: float, rounds: int) -> bool:
    """Print the table; tell whether the panel kept up."""
    run_all(page, lab, lab.write("bench.ipynb", PROGRAM, PANEL))
    page.locator(".kit-panel").get_by_role("tab", name="Latency").click()
    python(page, "panel.start()")
    page.locator('[data-ready="true"]').first.wait_for()
    page.evaluate(COUNT)
    python(page, "panel.stop()")
    found: dict[str, list[Round]] = {"off": [], "record": [], "panel": []}
    updates = []
    for _ in range(rounds):
        found["off"].append(measure(page, seconds))
        python(page, "recorder.start()")
        found["record"].append(measure(page, seconds))
        python(page, "recorder.stop()")
        python(page, "panel.start()")
        settle(page)
        page.evaluate("() => { window.updates = 0; window.began = performance.now() }")
        found["panel"].append(measure(page, seconds))
        updates.append(page.evaluate("() => 1000 * updates / (performance.now() - began)"))
        python(page, "panel.stop()")
    python(page, "ending.set()")
    wait_for_python(page, "not thread.is_alive()")
    python(page, "panel.close()")
    print(f"{'':<8}{'median':>10}{'mean':>10}   µs a batch of {BATCH:,}; best round")
    best = {
        name: (min(r.median for r in rows), min(r.mean for r in rows))
        for name, rows in found.items()
    }
    for name, (median, mean) in best.items():
        fired = max(row.batches for row in found[name]) * BATCH / seconds
        print(f"{name:<8}{median * 1e6:>10.0f}{mean * 1e6:>10.0f}   {fired:>9,.0f} spans a second")
    median, mean = (best["panel"][i] / best["record"][i] for i in (0, 1))
    share = (best["panel"][1] - best["record"][1]) / PACE
    print(f"panel over record: {median:.2f} of the median, {mean:.2f} of the mean;")
    print(f"it takes {share:.1%} of the program's time at this rate")
    pairs = [p.used / r.used for p, r in zip(found["panel"], found["record"], strict=True)]
    print(f"processor time over record: {statistics.median(pairs):.3f}, median of {rounds} pairs")
    own = statistics.fmean(each.own for each in found["panel"])
    often = statistics.fmean(each.collections for each in found["panel"])
    print(f"the panel's threads: {own:.1%} of a processor, {often:.1f} collections a second")
    most = max(updates)
    print(
        f"updates in the page: {most:.1f} a second in the best round, {min(updates):.1f} at worst"
    )
    return most >= 2


def main(argv: list[str] | None = None) -> int:
    """Run it; fail if the page was updated less than twice a second in every round."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--rounds", type=int, default=15)
    asked = parser.parse_args(argv)
    if find_chromium() is None:
        print("no Chromium found: install it, or set CHROMIUM=/path/to/it")
        return 1
    with tempfile.TemporaryDirectory() as folder, serve(Path(folder)) as lab, browse() as context:
        page = context.new_page()
        kept_up = compare(page, lab, asked.seconds, asked.rounds)
        end_kernels(page)
    return 0 if kept_up else 1


if __name__ == "__main__":
    sys.exit(main())
