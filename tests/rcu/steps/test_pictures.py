"""States and timelines as drawings: well-formed, escaped, and showing what is so."""

import re
import xml.etree.ElementTree as ET

import pytest

from kit import rcu
from kit.rcu.steps import NULL, array, call, free, load, new, store
from kit.rcu.steps.timeline import timeline_of

SPACE = "{http://www.w3.org/2000/svg}"


def groups(drawing: str) -> dict[str, str]:
    """The class of each thing that is drawn, by its title."""
    found = {}
    for group in ET.fromstring(drawing).iter(f"{SPACE}g"):
        title = group.find(f"{SPACE}title")
        if title is not None:
            found[title.text] = group.get("class", "")
    return found


def life() -> rcu.Machine:
    return rcu.Machine(
        {"reader": [load("p")]},
        {"updater": [new(("B", "b")), store("p", NULL), free("a"), store("kept", 1)]},
        {"p": array(("A", "a")), "kept": 0},
        hidden=["kept"],
    )


def test_each_status_is_drawn_by_shape_and_class() -> None:
    machine = life()
    seen = [groups(machine.state.svg(machine.before))]
    for _ in range(3):
        machine.step("updater")
        seen.append(groups(machine.state.svg(machine.before)))
    assert seen[0]["array 1 [A(a)], published"] == "published"
    assert seen[1]["array 2 [B(b)], private"] == "private changed"
    assert seen[2]["array 1 [A(a)], retired"] == "retired changed"
    assert seen[2]["p = NULL"] == "changed"
    assert seen[3]["p = NULL"] == ""
    drawing = machine.state.svg()
    for shape in ('class="x"', 'class="f"', 'class="s"'):
        assert shape in drawing
    assert "readers look at" in drawing
    assert "updaters keep" in drawing


def test_an_arrow_leads_from_a_field_to_its_object() -> None:
    machine = life()
    assert machine.state.svg().count('class="arrow s"') == 1
    machine.run("updater", "updater")
    assert machine.state.svg().count('class="arrow s"') == 0


def test_bit_fields_are_told_apart() -> None:
    drawing = rcu.machine("bit-fields").state.svg()
    assert "a bit of flags = 1" in drawing
    assert "a bit of" not in rcu.machine("bit-fields", "fixed").state.svg()


@pytest.mark.parametrize("transition", rcu.TRANSITIONS)
@pytest.mark.parametrize("algorithm", rcu.ALGORITHMS)
def test_every_state_can_be_drawn(transition: str, algorithm: str) -> None:
    machine = rcu.machine(transition, algorithm)
    while not machine.done:
        machine.step(machine.enabled[-1])
        ET.fromstring(machine.state.svg(machine.before))
    ET.fromstring(machine.timeline())


def test_a_timeline_tells_generations_publications_and_grace_periods() -> None:
    machine = rcu.machine("2→1", "kit", readers=2)
    machine.run(*["reader 1"] * 2, *["updater"] * 7, *["reader 2"] * 5, *["reader 1"] * 6)
    machine.run("reader 2")
    while not machine.done:
        machine.step("updater")
    line = timeline_of(machine)
    assert len(line.publications) == 1
    assert machine.trace[line.publications[0] - 1].text.startswith("store marker.array")
    bars = {(bar.kind, bar.thread): (bar.first, bar.last, bar.generation) for bar in line.bars}
    assert bars["dispatch", "reader 1"] == (1, 20, 0)
    assert bars["dispatch", "reader 2"] == (10, 21, 1)
    ended = [step.number for step in machine.trace if step.text == "grace period ends"]
    assert bars["grace", "updater"][1] == ended[0]
    drawing = machine.timeline()
    assert drawing.count('class="even"') == drawing.count('class="newest"') == 1
    assert drawing.count('class="freed"') == 2
    assert len(re.findall('class="step"', drawing)) == line.steps - 2


def test_what_went_wrong_stands_in_the_timeline() -> None:
    machine = rcu.machine("2→1", "kit", faults=["no grace period"]).run_to()
    assert "✗ use after free" in machine.timeline()


def test_texts_are_escaped() -> None:
    evil = "<i>&'\""
    machine = rcu.Machine({evil: [call("A", evil)]}, memory={evil: evil}, title=evil)
    machine.step()
    for drawing in (machine.state.svg(machine.before), machine.timeline()):
        assert "<i>" not in drawing
        ET.fromstring(drawing)


def test_a_machine_without_steps_or_objects_can_be_drawn() -> None:
    machine = rcu.Machine(updaters={"u": [load("x")]}, memory={"x": 0})
    ET.fromstring(machine.timeline())
    ET.fromstring(machine.state.svg())
    assert machine.before is None
