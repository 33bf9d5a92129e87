"""What an update changes, before it is published."""

import pytest

import kit
from kit.core._publication.plan import Add, Plan, Plans, Remove, same_name
from kit.core._registry import registry


@pytest.fixture
def marker(unique):
    return kit.marker(unique("m"), n=int)


def new(marker, probe=print, *private, **options):
    options = registry._options(
        marker.name,
        probe,
        *(private or (kit.core.NO_PRIVATE,)),
        options.get("name"),
        options.get("priority", 10),
        None,
        options.get("format"),
    )
    return registry.connection(marker, options, next(registry._order))


def test_a_plan_that_changes_nothing_publishes_nothing(marker):
    assert not Plan(marker).publishes
    with marker.connect(print) as connection:
        plan = Plan(marker)
        assert plan.before == plan.after == (connection,)
        assert not plan.publishes


def test_a_plan_changes_nothing_by_itself(marker):
    plans = Plans()
    Add(new(marker)).apply(plans)
    assert plans[marker].publishes
    assert (marker.fanout, marker.generation) == (0, 0)
    assert plans.of(marker) is plans[marker]


def test_what_comes_and_goes_in_one_update_leaves_no_trace(marker):
    plans, connection = Plans(), new(marker)
    Add(connection).apply(plans)
    Remove(connection).apply(plans)
    assert not plans[marker].publishes
    with pytest.raises(kit.errors.NotConnectedError):
        Remove(connection).apply(plans)
    Remove(connection, lenient=True).apply(plans)


def test_one_word_says_what_a_publication_was(marker):
    old = marker.connect(repr, name="old")
    gone = marker.connect(len, name="gone")
    for changes, action, label in [
        ([Add(new(marker))], "connect", "print"),
        ([Add(new(marker, print, name="old"))], "replace", "old"),
        ([Remove(gone)], "disconnect", "gone"),
        ([Remove(gone, "error-limit")], "error-limit", "gone"),
        ([Remove(gone), Remove(old)], "disconnect", ""),
        ([Remove(gone), Add(new(marker))], "batch", ""),
    ]:
        plans = Plans()
        for change in changes:
            change.apply(plans)
        assert (plans[marker].action, plans[marker].label) == (action, label)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ((None, True, 1), (None, True, 1), False),
        (("f", True, 1), ("f", True, 1), True),
        (("f", True, 1), ("f", True, 2), False),
        (("f", False, 1), ("f", True, 2), True),
        (("f", False, 1), ("f", False, 2), True),
        (("f", False, 1), ("g", False, 1), False),
        (("f", False, 1), (None, True, 1), False),
    ],
)
def test_a_name_that_nobody_chose_holds_with_its_private_data(marker, one, other, expected):
    connections = []
    for name, is_default, private in (one, other):
        connection = new(marker, print, private)
        connection.name, connection._name_is_default = name, is_default
        connections.append(connection)
    assert same_name(*connections) is same_name(*reversed(connections)) is expected


def test_an_update_that_fails_changes_nothing(marker, unique):
    other = kit.marker(unique("other"))
    with marker.connect(print) as connection:
        with pytest.raises(kit.errors.AlreadyConnectedError):
            registry.updater.make([Add(new(other)), Remove(connection), Add(new(other))])
        assert (marker.probes, other.probes) == ((connection,), ())
        assert (marker.generation, other.generation) == (1, 0)
