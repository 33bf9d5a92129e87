"""What is recorded with an event besides its own fields."""

import asyncio
import os
import threading

import pytest

import kit
from kit.probes._context import BUILT_IN, CONTEXT
from kit.testing import isolated


@pytest.fixture(autouse=True)
def _as_it_was():
    before = CONTEXT.copy()
    with isolated():
        yield
    CONTEXT.clear()
    CONTEXT.update(before)


def test_every_field_of_the_kit() -> None:
    tick = kit.marker("context.tick", n=int)
    nap = kit.span("context.nap")
    everything = sorted(BUILT_IN)

    async def job() -> None:
        tick(n=1)
        with nap():
            pass

    async def main() -> None:
        await asyncio.create_task(job(), name="the job")

    def other() -> None:
        tick(2)

    with kit.record("context.*", context=everything) as recorder:
        asyncio.run(main())
        thread = threading.Thread(target=other, name="the thread")
        thread.start()
        thread.join()
    first, second, third = recorder.frame()[everything].to_dict("records")
    here = "test_every_field_of_the_kit.<locals>."
    assert (first["task"], first["thread"]) == ("the job", "MainThread")
    assert (first["function"], second["function"]) == (here + "job", here + "job")
    assert first["line"] == job.__code__.co_firstlineno + 1
    assert second["line"] == first["line"] + 1
    assert third["function"] == here + "other"
    assert third["line"] == other.__code__.co_firstlineno + 1
    assert third["thread"] == "the thread"
    assert isinstance(third["task"], float)  # missing
    assert first["process"] == os.getpid()
    assert 2**20 < first["memory"] < 2**40
    assert 0 <= first["cpu"] < 4096


def test_the_site_is_found_behind_a_gate_and_in_a_wrapped_function() -> None:
    nap = kit.span("context.nap", n=int)
    seen = []

    def work(n: int) -> None:
        pass

    wrapped = nap.wrap(work, n="n")
    with (
        nap.connect(lambda *values: seen.append(values[2]), when="function like '*behind_a_gate*'"),
        kit.record("context.nap", context="function", when="n > 0", every=1) as recorder,
    ):
        wrapped(1)
    assert seen == [1]
    assert recorder.frame()["function"].tolist() == [
        "test_the_site_is_found_behind_a_gate_and_in_a_wrapped_function"
    ]


@pytest.mark.filterwarnings("ignore::kit.errors.MisfitWarning")
@pytest.mark.parametrize(
    ("type", "values", "dtype"),
    [
        (int, [1, None, "bad"], "Int64"),
        (float, [1.5, None, "bad"], "Float64"),
        (bool, [True, None, 3], "boolean"),
        (str, ["a", None, 3], "string"),
        (kit.Label, ["a", None, 3], "category"),
    ],
)
def test_what_a_program_registers_has_its_type_here_and_in_a_file(
    type: type, values: list, dtype: str, tmp_path
) -> None:
    kit.context("request", iter(values).__next__, type=type)
    tick = kit.marker("context.tick", n=int)
    with kit.record("context.tick", context=("request", "cpu")) as recorder:
        for n in range(3):
            tick(n)
    frame = recorder.frame("context.tick")
    assert frame["request"].dtype.name == dtype
    assert frame["request"].isna().tolist() == [False, True, True]
    kit.frames.save(recorder, tmp_path / "a.parquet")
    del CONTEXT["request"]  # opened by a program that knows nothing of it
    opened = kit.open(tmp_path / "a.parquet")
    again = opened.frame("context.tick")
    assert again["request"].dtype.name == dtype
    assert again["request"].isna().tolist() == [False, True, True]
    kit.frames.save(opened.frame(), tmp_path / "b.parquet")
    assert kit.open(tmp_path / "b.parquet").frame()["request"].dtype.name == dtype


@pytest.mark.parametrize(
    ("name", "function", "type", "error"),
    [
        ("cpu", print, int, kit.errors.FormatError),
        ("ts", print, int, kit.errors.FormatError),
        ("a b", print, int, kit.errors.FormatError),
        ("request", 3, int, TypeError),
        ("request", print, list, kit.errors.FormatError),
    ],
)
def test_what_cannot_be_registered(name, function, type, error) -> None:
    with pytest.raises(error, match=name):
        kit.context(name, function, type=type)


def test_a_thread_whose_name_is_no_text():
    """Seen to fail: in C the event was not recorded, in Python no frame could be made of it."""

    def named():
        threading.current_thread()._name = 7
        tick()

    tick = kit.marker("context.unnamed")
    with kit.record(tick) as events:
        thread = threading.Thread(target=named)
        thread.start()
        thread.join()
    assert len(events) == 1
    assert [each.name for each in events.snapshot().threads] == [
        f"thread {each.tid}" for each in events.snapshot().threads
    ]
