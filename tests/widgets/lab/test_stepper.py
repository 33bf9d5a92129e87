"""The stepper without a browser: what it shows, what it does, what it refuses."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from typing import Any

import pytest

from kit import rcu
from kit.errors import SimulationError
from kit.rcu.steps import array, call, load, store
from kit.widgets._lab.stepper import Stepper


def shown(stepper: Stepper) -> dict[str, Any]:
    return json.loads(stepper.widget.shown)


def click(stepper: Stepper, **content: object) -> None:
    stepper.widget.comm.send_up(content)


def current(stepper: Stepper, thread: int) -> str:
    text = shown(stepper)["threads"][thread]["text"]
    return text["lines"][text["current"]].strip() if text["current"] >= 0 else ""


@pytest.fixture
def torn() -> Stepper:
    return rcu.stepper("1→0→1", "fixed", faults=["no grace period"])


def test_the_current_line_follows_each_step(torn: Stepper) -> None:
    assert current(torn, 0) == "yield self.read_lock()"
    assert current(torn, 1) == 'yield lock("mutex")'
    click(torn, type="step", thread="reader")
    click(torn, type="step", thread="reader")
    assert current(torn, 0) == 'func = yield load("single.func")'
    click(torn, type="step", thread="updater")
    click(torn, type="step", thread="updater")
    thread = shown(torn)["threads"][1]
    assert [each["title"] for each in thread["outer"]][-1] == "disconnect"
    assert thread["outer"][-1]["line"] == "old = yield from self.remove(func)"
    assert thread["text"]["title"] == "remove"
    assert shown(torn)["threads"][0]["inside"] == ["rcu"]
    assert shown(torn)["locks"] == ["updater has the mutex"]


def test_every_line_shown_as_current_is_the_step_that_comes() -> None:
    stepper = rcu.stepper("2→1", "kit")
    kinds = {"load": "load(", "store": "store(", "new": "new(", "call": "call(", "free": "free("}
    while not stepper.machine.done:
        thread = stepper.machine.enabled[-1]
        at = stepper.machine.threads.index(thread)
        word = stepper.machine.state.threads[at].next.split()[0]
        if word in kinds:
            assert kinds[word] in current(stepper, at)
        stepper.step(thread)
    assert [each["text"]["current"] for each in shown(stepper)["threads"]] == [-1, -1]


def test_bad_states_are_named_in_a_sentence(torn: Stepper) -> None:
    click(torn, type="run-to", bad="torn closure")
    now = shown(torn)
    assert now["wrong"]
    assert now["message"].endswith("torn closure: reader called A with b.")
    assert [each["name"] for each in now["trace"][-1]["bad"]] == ["torn closure"]
    assert torn.machine.bad[-1].name == "torn closure"
    click(torn, type="goto", step=3)
    assert (shown(torn)["taken"], shown(torn)["wrong"]) == (3, False)
    assert [step["taken"] for step in shown(torn)["trace"]][:5] == [True] * 3 + [False] * 2
    click(torn, type="goto", step=0)
    assert shown(torn)["message"] == "At the start."
    click(torn, type="nearest")
    assert torn.machine.bad


def test_each_click_is_a_step_however_fast_they_come(torn: Stepper) -> None:
    """Red where a click says to which step, from a picture that is older than the click before."""
    click(torn, type="run-to", bad="torn closure")
    taken = shown(torn)["taken"]
    click(torn, type="back")
    click(torn, type="back")
    assert shown(torn)["taken"] == taken - 2
    click(torn, type="forward")
    assert shown(torn)["taken"] == taken - 1
    click(torn, type="forward")
    click(torn, type="forward")
    assert shown(torn)["taken"] == taken
    click(torn, type="goto", step=0)
    click(torn, type="back")
    assert shown(torn)["taken"] == 0


def test_exploring_lists_what_can_be_run_to(torn: Stepper) -> None:
    assert shown(torn)["found"] is None
    click(torn, type="explore")
    found = shown(torn)["found"]
    assert found["states"] == f"{torn.found.states:,}"
    assert {each["name"] for each in found["bad"]} == set(torn.found.bad)
    for each in found["bad"]:
        click(torn, type="run-to", bad=each["name"])
        assert shown(torn)["taken"] == each["steps"]
        assert shown(torn)["bad"][-1]["sentence"] == each["sentence"]


def test_a_machine_that_is_moved_elsewhere_moves_the_stepper() -> None:
    machine = rcu.machine("0→1", "kit")
    stepper = rcu.stepper(machine)
    machine.step("reader")
    assert shown(stepper)["taken"] == 1
    stepper.close()
    machine.step("reader")
    assert len(machine.trace) == 2
    assert stepper.widget.comm is None


def test_a_deadlock_is_nobodys_step_and_said_all_the_same() -> None:
    machine = rcu.Machine(updaters={"one": [rcu.steps.until("x", 1)]}, memory={"x": 1})
    stepper = rcu.stepper(machine)
    stepper.step("one")
    assert not shown(stepper)["wrong"]
    waits = rcu.Machine(
        updaters={"one": [store("y", 1), rcu.steps.until("x", 1)]}, memory={"x": 0, "y": 0}
    )
    stepper = rcu.stepper(waits)
    stepper.step("one")
    assert shown(stepper)["wrong"]
    assert "deadlock: one waits forever" in shown(stepper)["message"]
    assert shown(stepper)["threads"][0]["blocked"] == "it waits until x = 1"


@pytest.mark.parametrize(
    "content",
    [
        {"type": "step", "thread": "nobody"},
        {"type": "step", "thread": "updater 7"},
        {"type": "run-to", "bad": "tea"},
        {"type": "run-to", "bad": "lost update"},
    ],
)
def test_what_cannot_be_is_said_and_not_raised(torn: Stepper, content: dict[str, str]) -> None:
    click(torn, **content)
    assert shown(torn)["wrong"]
    assert shown(torn)["message"]


@pytest.mark.parametrize(
    "content", [{}, {"type": "step"}, {"type": "goto", "step": "x"}, {"type": 5}, {"type": "eval"}]
)
def test_what_no_button_sends_is_ignored(torn: Stepper, content: dict[str, object]) -> None:
    before = torn.widget.shown
    click(torn, **content)
    assert torn.widget.shown == before


def test_texts_are_escaped_and_the_drawing_is_well_formed() -> None:
    name = '<i a="x">&'
    machine = rcu.Machine(
        {"r": [load("p"), call("A", name)]},
        memory={"p": array(("A", name)), "<f>": name},
        title="<script>",
    )
    stepper = rcu.stepper(machine)
    stepper.step("r")
    drawing = shown(stepper)["memory"]
    assert "<i a" not in drawing
    assert "<f>" not in drawing
    ET.fromstring(drawing)
    assert "<i a" not in stepper._repr_html_()
    assert "<script>" not in machine._repr_html_()


def test_a_running_cell_is_replaced_by_its_next_run(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr("kit.widgets._kernel.replace_in_cell", seen.append)
    stepper = rcu.stepper("0→1")
    assert seen == [stepper.close]
    assert "text/html" in stepper._repr_mimebundle_()[0]
    assert "step" not in repr(stepper).split("\n", 1)[1].split("memory")[0]


def test_what_there_is_not() -> None:
    with pytest.raises(SimulationError, match="there is no transition '5'"):
        rcu.stepper("5")


def test_a_litmus_test_is_stepped_in_its_own_text() -> None:
    test = rcu.parse(
        "C mp\n\n{}\n\nP0(int *x, int *y)\n{\n\tWRITE_ONCE(*x, 1);\n\tsmp_wmb();\n"
        "\tWRITE_ONCE(*y, 1);\n}\n\nP1(int *x, int *y)\n{\n\tint a;\n\tint b;\n\n"
        "\ta = READ_ONCE(*y);\n\tb = READ_ONCE(*x);\n}\n\nexists (1:a=1 /\\ 1:b=0)\n"
    )
    stepper = rcu.stepper(test)
    assert shown(stepper)["title"] == "mp"
    assert current(stepper, 0) == "WRITE_ONCE(*x, 1);"
    assert current(stepper, 1) == "a = READ_ONCE(*y);"
    stepper.step("P0")
    stepper.step("P1")
    assert current(stepper, 0) == "WRITE_ONCE(*y, 1);"
    assert current(stepper, 1) == "b = READ_ONCE(*x);"
    thread = shown(stepper)["threads"][1]
    assert thread["text"]["lines"][0] == "P1(int *x, int *y)"
    assert thread["text"]["lines"][-1] == "}"
    assert {"name": "a", "value": "0"} in thread["text"]["held"]
