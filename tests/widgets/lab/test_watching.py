"""Transitions of a live marker: what is recorded is what the model says."""

import threading
import xml.etree.ElementTree as ET

import pytest

from kit import rcu
from kit.core import markers
from kit.errors import SimulationError


@pytest.mark.parametrize("transition", rcu.TRANSITIONS)
def test_each_transition_is_seen_in_whole_generations(transition: str) -> None:
    seen = rcu.watch(transition, 3)
    first, changes = rcu.TRANSITIONS[transition]
    words = {"+": "connect", "-": "disconnect"}
    expected = [(words[change[0]], change[1]) for change in changes.split()]
    found = list(zip(seen.publications["action"], seen.publications["probe"], strict=True))
    assert found == expected
    # One generation before the first change, and one after each; nothing in between, none late.
    assert len(seen.counts) == 1 + len(expected)
    assert sum(seen.counts.values()) == len(expected) * (4 * 3 + 1)
    assert seen.late == 0
    # The fan-out of each generation is what was connected then, and the recorder.
    fanouts = seen.dispatches.groupby("generation")["fanout"].unique().tolist()
    count, counts = len(first), [len(first) + 1]
    for change in changes.split():
        count += 1 if change[0] == "+" else -1
        counts.append(count + 1)
    assert [list(each) for each in fanouts] == [[each] for each in counts]
    assert seen.machine.done
    assert seen.machine.bad == ()


def test_a_reader_on_both_sides_holds_the_grace_period_up() -> None:
    seen = rcu.watch("2→1", 4)
    [change] = seen.publications.to_dict("records")
    longest = seen.dispatches.sort_values("dur").iloc[-1]
    assert longest["generation"] == change["generation"] - 1
    assert longest["ts"] < change["ts"] < longest["ts"] + longest["dur"]
    assert change["ts"] + change["grace"] >= longest["ts"] + longest["dur"]
    during = seen.dispatches[seen.dispatches["generation"] == change["generation"]]
    assert (during["ts"] < longest["ts"] + longest["dur"]).any()
    # So says the model.
    bars = {(bar.kind, bar.thread): bar for bar in seen_bars(seen.machine)}
    grace = bars["grace", "updater"]
    inside, other = bars["dispatch", "reader 1"], bars["dispatch", "reader 2"]
    assert (inside.generation, other.generation) == (0, 1)
    assert inside.first < grace.first < other.first < other.last < inside.last < grace.last


def seen_bars(machine: rcu.Machine) -> list[object]:
    from kit.rcu.steps.timeline import timeline_of

    return list(timeline_of(machine).bars)


def test_a_late_dispatch_would_be_counted() -> None:
    seen = rcu.watch("2→1", 2)
    [grace] = seen.publications["grace"]
    seen.publications["grace"] = grace // 2
    assert seen.late == 1


def test_it_leaves_nothing_behind() -> None:
    threads = {thread.name for thread in threading.enumerate()}
    seen = rcu.watch("1→2", 2)
    assert seen.plot is seen.plot
    assert {thread.name for thread in threading.enumerate()} - threads <= {"kit-deferred"}
    [marker] = markers("lab.watched")
    assert marker.fanout == 0
    data = seen._repr_mimebundle_()
    ET.fromstring(data["text/html"])
    assert data["text/plain"].startswith("<Watch of 1→2: 9 dispatches (g")
    assert "application/vnd.jupyter.widget-view+json" in data


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("5",), "there is no transition '5'"),
        (("bit-fields",), "a live marker has no bit-fields"),
        (("1→2", 0), "0 dispatches; between 1 and 1000"),
    ],
)
def test_what_cannot_be_watched(arguments: tuple[object, ...], message: str) -> None:
    with pytest.raises(SimulationError, match=message):
        rcu.watch(*arguments)
