"""Moving by hand: forward, back, to a bad state; and what the states look like meanwhile."""

import itertools
from collections.abc import Iterator

import pytest

from kit import rcu
from kit.errors import SimulationError
from kit.rcu.steps import (
    NULL,
    array,
    call,
    call_rcu,
    connected,
    disconnecting,
    exchange,
    free,
    increment,
    load,
    lock,
    new,
    rcu_barrier,
    read_lock,
    read_unlock,
    store,
    synchronize,
    unlock,
    until,
)


def reader() -> Iterator[object]:
    yield read_lock()
    probes = yield load("p")
    closure = yield load(probes[0])
    yield call(*closure)
    yield read_unlock()


def updater() -> Iterator[object]:
    old = yield load("p")
    probes = yield new(("B", "b"))
    yield store("p", probes)
    yield synchronize()
    yield free(old)


def swap() -> rcu.Machine:
    return rcu.Machine({"reader": reader}, {"updater": updater}, {"p": array(("A", "a"))})


def go(machine: rcu.Machine, thread: str, steps: int) -> None:
    machine.run(*[thread] * steps)


def test_the_life_of_an_array() -> None:
    machine = swap()
    assert machine.state["array 1"] == machine.state["a"] == "published"
    go(machine, "reader", 2)
    go(machine, "updater", 2)
    assert machine.state["array 2"] == machine.state["b"] == "private"
    machine.step("updater")
    assert machine.state["array 2"] == machine.state["b"] == "published"
    assert machine.state["array 1"] == machine.state["a"] == "retired"
    machine.step("updater")
    assert machine.enabled == ("reader",)
    with pytest.raises(SimulationError, match="updater cannot move: its grace period waits for re"):
        machine.step("updater")
    go(machine, "reader", 3)
    assert machine.enabled == ("updater",)
    go(machine, "updater", 2)
    assert machine.state["array 1"] == "freed"
    assert machine.done
    assert machine.bad == ()
    assert [step.text for step in machine.trace][:3] == ["read_lock", "load p", "load p"]
    assert len(machine.trace) == 11


def test_back_and_forward() -> None:
    machine = swap()
    states = [str(machine.state)]
    for thread in ("reader", "updater", "reader", "updater", "updater"):
        machine.step(thread)
        states.append(str(machine.state))
    assert len(set(states)) == 6
    for expected in states[-2::-1]:
        assert str(machine.back()) == expected
    assert str(machine.back()) == states[0]
    for expected in states[1:]:
        assert str(machine.forward()) == expected
    assert str(machine.forward()) == states[-1]
    # Who goes the same way keeps what lies ahead; who goes another one does not.
    machine.back(3)
    machine.step("reader")
    assert machine.ahead == 2
    machine.step("reader")
    assert machine.ahead == 0
    machine.reset()
    assert (str(machine.state), machine.ahead, machine.trace) == (states[0], 4, ())


def test_who_moves_must_be_said() -> None:
    machine = swap()
    with pytest.raises(SimulationError, match="who moves\\? reader, updater can"):
        machine.step()
    with pytest.raises(SimulationError, match="no thread 'nobody'; there are reader, updater"):
        machine.step("nobody")
    go(machine, "updater", 6)
    while not machine.done:
        machine.step()
    with pytest.raises(SimulationError, match="nobody can move any more"):
        machine.step()
    with pytest.raises(SimulationError, match="updater cannot move: it is done"):
        machine.step("updater")


def test_run_to_a_bad_state_from_where_it_stands() -> None:
    machine = rcu.machine("2→1", "kit", faults=["no grace period"])
    far = len(machine.run_to("use after free").trace)
    assert [each.name for each in machine.bad] == ["use after free"]
    assert str(machine.bad[0]) == "use after free: reader looked at array 1 after it was freed"
    machine.reset()
    machine.run("reader", "reader").run_to()
    assert machine.bad[0].name == "use after free"
    assert len(machine.trace) == far
    machine.reset()
    for _ in range(8):
        machine.step("reader")
    with pytest.raises(SimulationError, match="no way from here leads to use after free"):
        machine.run_to("use after free")
    with pytest.raises(SimulationError, match="no bad state is called 'tea'"):
        machine.run_to("tea")


def test_explored_by_hand() -> None:
    """Two threads of two and three steps: every order, taken one by one, gives the same counts."""
    programs = {
        "one": [store("x", 1), load("y"), store("x", 2)],
        "two": [store("y", 1), load("x")],
    }
    found = rcu.Machine(updaters=programs, memory={"x": 0, "y": 0}).explore()
    orders = set(itertools.permutations(["one"] * 3 + ["two"] * 2))
    states = set()
    for order in orders:
        machine = rcu.Machine(updaters=programs, memory={"x": 0, "y": 0})
        seen: dict[str, list[object]] = {"one": [], "two": []}
        for thread in (None, *order):
            if thread:
                before = dict(machine.state.memory)
                text = machine.step(thread).text
                seen[thread].append(before[text[5:]] if text.startswith("load") else None)
            memory = tuple(machine.state.memory.values())
            states.add((memory, tuple(seen["one"]), tuple(seen["two"])))
        assert machine.done
    assert (found.interleavings, found.longest) == (len(orders), 5) == (10, 5)
    assert found.states == len(states)


def test_outcomes_are_what_programs_return() -> None:
    def left() -> Iterator[object]:
        yield store("x", 1)
        return (yield load("y"))

    def right() -> Iterator[object]:
        yield store("y", 1)
        return (yield load("x"))

    found = rcu.Machine(updaters={"l": left, "r": right}, memory={"x": 0, "y": 0}).explore()
    assert found.outcomes == {(0, 1): 1, (1, 0): 1, (1, 1): 4}
    assert sum(found.outcomes.values()) == found.interleavings == 6
    assert found.verdict() == "Never"


def test_a_deferred_program_waits_for_those_inside_when_it_was_deferred() -> None:
    machine = rcu.Machine(
        {"old": [read_lock(), read_unlock()], "young": [read_lock(), read_unlock()]},
        {"updater": [call_rcu([free("a"), store("x", 1)]), rcu_barrier()]},
        {"x": 0},
    )
    machine.run("old", "updater", "young")
    assert machine.threads == ("old", "young", "updater", "deferred 1")
    assert machine.enabled == ("old", "young")
    state = machine.state.threads
    assert state[2].blocked == "it waits for deferred 1"
    assert state[3].blocked == "its grace period waits for old"
    assert (state[0].role, state[2].role, state[3].role) == ("reader", "updater", "deferred")
    machine.step("old")
    assert machine.enabled == ("young", "deferred 1")
    machine.run("deferred 1", "deferred 1", "deferred 1", "updater")
    assert machine.state["a"] == "freed"
    assert machine.state["x"] == 1


def test_a_section_in_a_section_ends_with_the_outer_one() -> None:
    machine = rcu.Machine(
        {"reader": [read_lock(), read_lock(), read_unlock(), read_unlock()]},
        {"updater": [synchronize()], "other": [synchronize("sched")]},
    )
    machine.run("reader", "reader", "updater", "other")
    assert machine.enabled == ("reader", "other")
    machine.step("reader")
    assert machine.enabled == ("reader", "other")
    machine.step("reader")
    assert machine.enabled == ("updater", "other")


def test_locks_keep_others_out() -> None:
    body = [lock(), store("x", 1), store("x", 0), unlock()]
    machine = rcu.Machine(updaters={"a": body, "b": body}, memory={"x": 0})
    machine.step("a")
    assert machine.state.locks == {"mutex": "a"}
    assert machine.enabled == ("a",)
    assert machine.state.threads[1].blocked == "a has the mutex"
    assert machine.explore().interleavings == 2


def test_atomic_steps_lose_nothing() -> None:
    def careful() -> Iterator[object]:
        return (yield increment("n"))

    def careless() -> Iterator[object]:
        n = yield load("n")
        yield store("n", n + 1)
        return n + 1

    def outcomes(program: object) -> set[object]:
        machine = rcu.Machine(updaters={"a": program, "b": program}, memory={"n": 0})
        return set(machine.explore().outcomes)

    assert outcomes(careful) == {(1, 2), (2, 1)}
    assert outcomes(careless) == {(1, 2), (2, 1), (1, 1)}
    machine = rcu.Machine(updaters={"a": [exchange("n", 5)]}, memory={"n": 0})
    machine.step()
    assert machine.state["n"] == 5


def test_waiting_for_a_value() -> None:
    machine = rcu.Machine(
        updaters={"a": [until("n", 2)], "b": [until("n", lambda n: n > 0), increment("n")]},
        memory={"n": 0},
    )
    assert machine.enabled == ()
    assert [each.name for each in machine.bad] == ["deadlock"]
    assert machine.explore().verdict("deadlock") == "Always"
    machine = rcu.Machine(
        updaters={"a": [until("n", 2)], "b": [until("n", lambda n: n > 0), increment("n")]},
        memory={"n": 1},
    )
    assert machine.enabled == ("b",)
    machine.run("b", "b")
    assert machine.enabled == ("a",)


def dispatch(*steps: object) -> rcu.Machine:
    return rcu.Machine({"reader": list(steps)}, {"updater": [store("x", 1)]}, {"x": 0, "p": NULL})


@pytest.mark.parametrize(
    ("steps", "name", "sentence"),
    [
        ([call("A", "b")], "torn closure", "reader called A with b"),
        ([call("A", None)], "torn closure", "reader called A with —"),
        ([call("A", "a"), call("A", "a")], "double call", "reader called A twice in one dispatch"),
        ([call(None, "a")], "null pointer", "reader called —(a)"),
        ([load(NULL[0])], "null pointer", "reader followed NULL"),
        ([store(NULL[0], 1)], "null pointer", "reader followed NULL"),
        (
            [free("a"), call("A", "a")],
            "use after free",
            "reader called A with a after it was freed",
        ),
        ([free("a"), free("a")], "double free", "reader freed a again"),
        ([read_lock(), synchronize()], "deadlock", "reader waits forever"),
        ([lock(), lock()], "deadlock", "reader waits forever"),
    ],
)
def test_what_is_bad(steps: list[object], name: str, sentence: str) -> None:
    found = dispatch(*steps).explore()
    assert {key: trace.bad.sentence for key, trace in found.bad.items()} == {name: sentence}
    assert found.verdict(name) == "Always"


def test_what_is_not_bad() -> None:
    fine = [call("empty", None), call("A", "a"), call("B", "b"), free(NULL), load("p")]
    assert dispatch(*fine).explore().safe


def test_probes_that_must_be_called() -> None:
    """A dispatch must call what is connected from its beginning to its end, and nothing else."""

    def machine() -> rcu.Machine:
        return rcu.Machine(
            {"reader": [load("x"), load("x")]},
            {"updater": [store("x", 1), connected("B"), disconnecting("A"), store("x", 2)]},
            {"x": 0},
            connected=["A"],
        )

    def lost(*schedule: str) -> list[str]:
        return [each.sentence for each in machine().run(*schedule).bad]

    assert lost("reader", "reader") == ["reader ended without a call of A"]
    assert lost("reader", "updater", "reader") == ["reader ended without a call of A"]
    assert lost("reader", "updater", "updater", "reader") == []
    assert lost("updater", "reader", "reader") == ["reader ended without a call of A, B"]
    assert lost("updater", "reader", "updater", "reader") == ["reader ended without a call of B"]
    assert machine().run("updater").state.connected == ("A", "B")


def test_bit_fields_of_one_word() -> None:
    machine = rcu.Machine(
        updaters={"one": [store("f", 1)], "two": [store("g", 1)]},
        memory={"f": 0, "g": 0},
        words={"w": ("f", "g")},
    )
    assert [thread.next for thread in machine.state.threads] == ["load word w", "load word w"]
    machine.run("one", "two", "one", "two")
    assert dict(machine.state.memory) == {"f": 0, "g": 1}
    assert machine.trace[-1].bad[0] == (
        "lost update",
        "two stored g and put f back from 1 to 0",
    )
    assert machine.explore().bad["lost update"].interleavings == 4


def test_texts_are_shown_and_escaped() -> None:
    name = "<b>x</b>"
    machine = rcu.Machine({"r": [call("A", name)]}, memory={"x": 0})
    found = machine.explore()
    assert "&lt;b&gt;x" in found._repr_html_()
    assert name not in found._repr_html_()
    assert "1 interleavings: bad" in str(found)
    assert repr(machine.run_to()) == "<Machine: r; 1 steps taken, torn closure>"
    assert "✗ torn closure: r called A with <b>x</b>" in str(machine)
