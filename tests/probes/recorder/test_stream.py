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


def test_what_the_loop_raises_loses_nothing() -> None:
    tick = kit.marker("stream.tick", who=int, n=int)
    with kit.record(tick.name, capacity=10) as recorder:
        tick(0, 0)
        taken = []

        def loop() -> None:
            for frame in recorder.stream(0.001):
                taken.append(frame)
                tick(0, 1)
                raise KeyError

        with pytest.raises(KeyError):
            loop()
        tick(0, 2)
        # Somebody else goes on where the loop has ended.
        taken.append(next(iter(recorder.stream(0.001))))
    assert everything(taken) == [(0, 0), (0, 1), (0, 2)]


def test_a_stream_that_is_cancelled_loses_nothing() -> None:
    tick = kit.marker("stream.tick", who=int, n=int)
    recorder = kit.record(tick.name, capacity=100_000)
    taken = []

    async def follow() -> None:
        async for frame in recorder.stream(seconds=0.001):
            taken.append(frame)

    async def main() -> None:
        number = 0
        for _ in range(20):
            following = asyncio.create_task(follow())
            for _ in range(100):
                tick(0, number)
                number += 1
                if number % 25 == 0:
                    await asyncio.sleep(0.001)
            following.cancel()
            with pytest.raises(asyncio.CancelledError):
                await following
        recorder.stop()
        await follow()

    asyncio.run(main())
    assert everything(taken) == [(0, n) for n in range(2000)]


def test_a_time_out_loses_nothing() -> None:
    tick = kit.marker("stream.tick", who=int, n=int)
    taken = []

    async def main() -> None:
        with kit.record(tick.name, capacity=1000) as recorder:
            tick(0, 0)
            for n in range(1, 20):
                with pytest.raises(asyncio.TimeoutError):
                    await asyncio.wait_for(anext(aiter(recorder.stream(3600))), 0.001)
                tick(0, n)
        async for frame in recorder.stream(3600):
            taken.append(frame)

    asyncio.run(main())
    assert everything(taken) == [(0, n) for n in range(20)]


def test_two_streams_at_once_share_what_there_is() -> None:
    tick = kit.marker("stream.tick", who=int, n=int)
    recorder = kit.record(tick.name, capacity=100_000)
    taken: list[list[pd.DataFrame]] = [[], []]
    following = [
        threading.Thread(target=lambda to=to: to.extend(recorder.stream(seconds=0.001)))
        for to in taken
    ]
    for thread in following:
        thread.start()
    program(tick, recorder).join()
    for thread in following:
        thread.join()
    assert everything(taken[0] + taken[1]) == EXPECTED
    assert (recorder.lost, len(recorder)) == (0, 0)


def test_stopping_it_wakes_it_up() -> None:
    tick = kit.marker("stream.tick", who=int, n=int)
    recorder = kit.record(tick.name, capacity=1000)
    taken: list[pd.DataFrame] = []
    following = threading.Thread(target=lambda: taken.extend(recorder.stream(seconds=3600)))
    following.start()
    tick(0, 0)
    recorder.stop()
    following.join(60)  # red: it sleeps for an hour
    assert not following.is_alive()
    assert everything(taken) == [(0, 0)]
    # And once more, after it was started again.
    recorder.start()
    tick(0, 1)
    recorder.stop()
    assert everything(list(recorder.stream(3600))) == [(0, 1)]


def test_it_can_be_stopped_from_its_own_loop() -> None:
    tick = kit.marker("stream.tick", who=int, n=int)
    recorder = kit.record(tick.name, capacity=1000)
    taken = []
    for frame in recorder.stream(seconds=0.001):
        taken.append(frame)
        tick(0, len(taken))
        if len(taken) == 3:
            recorder.stop()
        assert len(taken) < 10
    assert everything(taken) == [(0, 1), (0, 2), (0, 3)]


def test_what_cannot_be_one_frame_is_said_and_stays() -> None:
    number, text = kit.marker("stream.a", value=int), kit.marker("stream.b", value=str)
    with kit.record("stream.*") as recorder:
        number(1)
        text("one")
        with pytest.raises(
            kit.errors.FrameError, match=r"stream\.a.*stream\.b|stream\.b.*stream\.a"
        ):
            next(iter(recorder.stream(0.001)))
        assert len(recorder) == 2


def test_what_comes_between_a_frame_and_the_stop_is_in_the_next_one(monkeypatch) -> None:
    tick = kit.marker("stream.tick", who=int, n=int)
    recorder = kit.record(tick.name, capacity=1000)
    drain = recorder.drain

    def slow() -> pd.DataFrame:
        frame = drain()
        if recorder.running:
            tick(0, 1)
            recorder.stop()
        return frame

    monkeypatch.setattr(recorder, "drain", slow)
    tick(0, 0)
    assert everything(list(recorder.stream(0.001))) == [(0, 0), (0, 1)]
