"""How often a panel is brought up to date, and what that is said to cost."""

import threading
import time

from kit.widgets._refresh import Refresh, metered, spent


def work(seconds: float) -> None:
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


class Wake:
    """Waits for nothing, and ends the thread the fourth time."""

    def __init__(self, thread: Refresh) -> None:
        self.thread = thread
        self.waits: list[float] = []

    def wait(self, pause: float) -> None:
        self.waits.append(pause)
        self.thread._stopped = len(self.waits) > 3

    def clear(self) -> None:
        """Nobody waits."""


class Panel:
    """Something that takes 20 ms of a processor to bring up to date."""

    def update(self) -> None:
        work(0.02)


def test_what_costs_more_is_done_less_often():
    """Seen to fail where the pause is the interval, whatever a call has taken."""
    panel = Panel()
    thread = Refresh(panel.update, 0.1, "kit-panel-test", share=0.01)
    wake = Wake(thread)
    thread._wake = wake  # type: ignore[assignment]
    before = spent()
    thread._run()
    assert wake.waits[0] == 0.1
    assert min(wake.waits[1:]) >= 2.0
    assert spent() - before >= 60_000_000


def test_what_several_threads_spend_is_added_up():
    """Seen to fail where each thread overwrites what the others have taken."""
    before = spent()

    def spend() -> None:
        with metered():
            work(0.02)

    threads = [threading.Thread(target=spend) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert spent() - before >= 60_000_000
