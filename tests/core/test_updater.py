"""An update that is one step costs little; it has to come to the same as any other."""

from __future__ import annotations

import random

import pytest

import kit
from kit.core._dispatch.array import build
from kit.core._publication.plan import Add, Plan, Plans, Remove
from kit.core._registry import registry


def probe():
    return lambda n: None


def test_a_plan_knows_the_one_step_that_it_takes(unique):
    marker = kit.marker(unique("m"), n=int)
    first, last = marker.connect(probe()), marker.connect(probe(), priority=1)
    new = marker.connect(probe())
    new.disconnect()
    for change, expected in [(Add(new), (new, 1)), (Remove(first), (first, 0))]:
        plans = Plans()
        change.apply(plans)
        assert plans[marker].step == expected
    plans = Plans()
    Remove(first).apply(plans)
    Remove(last).apply(plans)
    assert plans[marker].step is None, "two"
    assert Plan(marker).step is None, "none"


def test_what_comes_and_goes_is_what_the_sets_say(unique):
    marker = kit.marker(unique("m"), n=int)
    old = [marker.connect(probe(), priority=at % 3) for at in range(5)]
    for changes in [[Remove(old[1])], [Remove(old[1]), Remove(old[4])], []]:
        plans = Plans()
        for change in changes:
            change.apply(plans)
        plan = plans.of(marker)
        gone, come = plan.difference()
        assert set(gone) == {change.connection for change in changes}
        assert not come
        if len(changes) == 1:
            assert plan.step is not None


def test_an_array_made_by_a_step_is_the_one_made_anew(unique, monkeypatch):
    """Whatever the order of priorities, with private data, names, gates and native probes."""
    made = []

    def both(connections, format, generation, *near):
        array = build(connections, format, generation, *near)
        made.append((array, build(connections, format, generation)))
        return array

    monkeypatch.setattr("kit.core._dispatch.array.build", both)
    marker = kit.marker(unique("m"), n=int)
    dice, connected = random.Random(1), []
    for turn in range(300):
        if connected and dice.random() < 0.45:
            connected.pop(dice.randrange(len(connected))).disconnect()
            continue
        options = {"priority": dice.choice([1, 10, 10, 10, 20])}
        if dice.random() < 0.1:
            options["when"] = "n > 1"
        private = (object(),) if dice.random() < 0.3 else ()
        connected.append(marker.connect(lambda *_: None, *private, name=f"{turn}", **options))
    assert len(made) > 250
    for array, anew in made:
        assert array.connections == anew.connections
        assert (array.bare, array.arity, array.names) == (anew.bare, anew.arity, anew.names)
        assert len(array.calls) == len(array.connections)
        if array.bare:
            assert array.calls == anew.calls == [each._call for each in array.connections]
            assert array.originals == anew.originals
    assert {array.bare for array, _ in made} == {True, False}


@pytest.mark.parametrize("private", [(), (1,)])
def test_a_probe_that_is_equal_to_all_is_only_compared_with_probes(unique, private):
    class Equal:
        __hash__ = None

        def __eq__(self, other):
            return True

        def __call__(self, *args):
            pass

    marker = kit.marker(unique("m"), n=int)
    marker.connect(probe(), object())
    marker.connect(Equal(), *private)
    with pytest.raises(kit.errors.AlreadyConnectedError):
        marker.connect(probe(), *private)
    assert marker.fanout == 2


def test_a_method_is_the_same_probe_each_time_that_it_is_looked_up(unique):
    marker = kit.marker(unique("m"), n=int)
    seen = []
    marker.connect(seen.append)
    marker.connect(kit.core.MarkerList().extend)

    class Owner:
        def method(self, n):
            pass

    owner = Owner()
    marker.connect(owner.method)
    with pytest.raises(kit.errors.AlreadyConnectedError):
        marker.connect(owner.method)
    assert registry.markers[marker.name] is marker
