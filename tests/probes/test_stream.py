"""Following a recording: nothing is lost, nothing comes twice, and it ends."""

import asyncio
import threading

import pandas as pd
import pytest

import kit
from kit.testing import isolated

THREADS, EACH = 4, 5000


@pytest.fixture(autouse=True)
def _registry_as_it_was():
    with isolated():
        yield


def everything(frames: list[pd.DataFrame]) -> list[tuple[int, int]]:
    events = pd.concat(frames)
    return sorted(zip(events["who"].tolist(), events["n"].tolist(), strict=True))


EXPECTED = [(who, n) for who in range(THREADS) for n in range(EACH)]


def program(tick: kit.Marker, recorder) -> threading.Thread:
    def run(who: int) -> None:
        for n in range(EACH):
            tick(who, n)

    def main() -> None:
        threads = [threading.Thread(target=run, args=(who,)) for who in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        recorder.stop()

    running = threading.Thread(target=main)
    running.start()
    return running


@pytest.mark.parametrize("mode", ["discard", "overwrite"])
def test_each_event_is_in_one_frame(mode: str) -> None:
    tick = kit.marker("stream.tick", who=int, n=int)
    recorder = kit.record(tick.name, capacity=100_000, mode=mode)
    running = program(tick, recorder)
    frames = list(recorder.stream(seconds=0.001))
    running.join()
    assert everything(frames) == EXPECTED
    assert (recorder.lost, recorder.overwritten, len(recorder)) == (0, 0, 0)


def test_async_and_beside_other_tasks() -> None:
    tick = kit.marker("stream.tick", who=int, n=int)
    recorder = kit.record(tick.name, capacity=100_000)
    frames = []

    async def follow() -> None:
        async for frame in recorder.stream(seconds=0.001):
            frames.append(frame)

    async def fire() -> None:
        for who, n in EXPECTED:
            tick(who, n)
            if n % 1000 == 0:
                await asyncio.sleep(0)
        recorder.stop()

    async def main() -> None:
        await asyncio.gather(follow(), fire())

    asyncio.run(main())
    assert everything(frames) == EXPECTED


def test_it_comes_early_where_the_recorder_is_filling_up() -> None:
    tick = kit.marker("stream.tick", who=int, n=int)
    with kit.record(tick.name, capacity=10) as recorder:
        for n in range(5):
            tick(0, n)
        frame = next(iter(recorder.stream(seconds=3600)))  # red: it hangs
    assert frame["n"].tolist() == [0, 1, 2, 3, 4]


def test_two_streams_share_and_what_is_left_stays() -> None:
    tick = kit.marker("stream.tick", who=int, n=int)
    with kit.record(tick.name, capacity=10) as recorder:
        one, two = iter(recorder.stream(0.001)), iter(recorder.stream(0.001))
        tick(0, 0)
        first = next(one)
        tick(0, 1)
        second = next(two)
        tick(0, 2)
        del one, two
    assert (first["n"].tolist(), second["n"].tolist()) == ([0], [1])
    assert recorder.frame()["n"].tolist() == [2]


def test_a_trigger_ends_it() -> None:
    tick = kit.marker("stream.tick", who=int, n=int)
    recorder = kit.record(tick.name, capacity=100_000)
    with kit.trigger(tick, recorder.stop, when="n == 2"):
        for n in range(5):
            tick(0, n)
    assert everything(list(recorder.stream(3600))) == [(0, 0), (0, 1), (0, 2)]


@pytest.mark.parametrize("seconds", [0, -1, "1", None, True, float("nan"), float("inf")])
def test_a_time_that_is_none(seconds) -> None:
    with kit.record("stream.x") as recorder:
        with pytest.raises(ValueError, match="seconds"):
            recorder.stream(seconds)
