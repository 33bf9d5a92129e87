"""Rules 7 to 9 of the contract: closures come and go."""

import functools
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

import kit
from kit.testing import isolated
from tests.contract.conftest import PATIENCE


class Probes:
    """Callables that are equal, and not identical, as bound methods are."""

    def __init__(self) -> None:
        self.seen = []

    def method(self, *values: object) -> None:
        self.seen.append(values)


def state_of(*markers: kit.Marker) -> list:
    """What an update that failed must not have changed."""
    return [(marker.generation, marker.probes, marker.format) for marker in markers]


# Rule 7

TWICE = {
    "marker": lambda m, *closure: m.connect(*closure),
    "name": lambda m, *closure: kit.connect(m.name, *closure),
    "format": lambda m, *closure: kit.connect(m.name, *closure, format="n %d"),
    "priority": lambda m, *closure: m.connect(*closure, priority=11),
    "pattern": lambda m, *closure: kit.connect(f"{m.name[:-1]}?", *closure),
    "another name": lambda m, *closure: m.connect(*closure, name="another"),
}


@pytest.mark.parametrize("private", [(), ("data",), (None,)], ids=["none", "data", "None"])
@pytest.mark.parametrize("how", TWICE)
def test_rule_07_the_same_closure_twice_is_refused(unique, how, private):
    """`AlreadyConnectedError`, however it is connected; the first one stays as it was.

    Seen to fail when `Plan.add` does not look for equal closures, or compares probes by identity.
    """
    fill, probes = kit.marker(unique("fill"), n=int), Probes()
    fill.connect(probes.method, *private)
    before = state_of(fill)
    with pytest.raises(kit.errors.AlreadyConnectedError, match=fill.name):
        TWICE[how](fill, probes.method, *private)
    fill(1)
    assert state_of(fill) == before
    assert probes.seen == [(*private, 1)]


def test_rule_07_private_data_is_compared_by_identity_and_none_is_private_data(unique):
    """One probe with none, with `None`, and with equal but different objects: four closures.

    Seen to fail when private data is compared by equality, and when `None` stands for none.
    """
    fill, seen = kit.marker(unique("fill"), n=int), []
    probe = lambda *values: seen.append(values)  # noqa: E731
    first, second = [1], [1]
    fill.connect(probe)
    for private in (None, first, second):
        fill.connect(probe, private)
    fill(7)
    assert seen == [(7,), (None, 7), ([1], 7), ([1], 7)]
    for private in ((), (None,), (first,), (second,)):
        with pytest.raises(kit.errors.AlreadyConnectedError):
            fill.connect(probe, *private)


def test_rule_07_holds_within_a_batch_and_for_patterns_that_match_nothing(unique):
    """The error comes at the call.

    Seen to fail when a batch checks at its end only, and when `AddPattern` looks at markers only.
    """
    fill = kit.marker(unique("fill"))
    with kit.batch():
        fill.connect(print)
        with pytest.raises(kit.errors.AlreadyConnectedError):
            fill.connect(print)
    assert fill.fanout == 1
    with pytest.warns(kit.errors.UnmatchedPatternWarning):
        kit.connect(unique("none.*"), print)
    with (
        pytest.warns(kit.errors.UnmatchedPatternWarning),
        pytest.raises(kit.errors.AlreadyConnectedError),
    ):
        kit.connect(unique("none.*"), print)


def test_rule_07_a_closure_that_was_disconnected_may_come_back(unique):
    """A connection is over when it is over.

    Seen to fail when `Remove` leaves the connection in the plan.
    """
    fill = kit.marker(unique("fill"))
    for _ in range(3):
        with fill.connect(print):
            pass
    assert (fill.fanout, fill.generation) == (0, 6)


@pytest.mark.parametrize("probe", [None, 5, "print"])
def test_rule_07_what_cannot_be_called_is_no_probe(unique, probe):
    """`TypeError` at the connect.

    Seen to fail when `check_probe` lets everything pass.
    """
    fill = kit.marker(unique("fill"))
    with pytest.raises(TypeError, match="callable"):
        fill.connect(probe)
    with pytest.raises(TypeError, match="callable"):
        kit.connect(unique("*"), probe)
    assert state_of(fill) == [(0, (), fill.format)]


# Rule 8


def test_rule_08_what_is_not_connected_cannot_be_disconnected(unique):
    """`NotConnectedError` for an unknown marker, an unknown probe, other private data and a pattern
    with nothing; nothing else is touched.

    Seen to fail when `disconnect_closure` accepts that it found nothing, and when it takes the
    first connection of the probe.
    """
    fill, probes, data = kit.marker(unique("fill"), n=int), Probes(), [1]
    other = kit.marker(unique("other"), n=int)
    fill.connect(probes.method)
    fill.connect(probes.method, data)
    other.connect(probes.method, data)
    before = state_of(fill, other)
    for name, closure in [
        (unique("nowhere"), (probes.method,)),
        (fill.name, (print,)),
        (fill.name, (Probes().method,)),
        (fill.name, (probes.method, [1])),
        (fill.name, (probes.method, None)),
        (other.name, (probes.method,)),
        (unique("f*"), (print,)),
        (unique("nowhere*"), (probes.method,)),
    ]:
        with pytest.raises(kit.errors.NotConnectedError):
            kit.disconnect(name, *closure)
    assert issubclass(kit.errors.NotConnectedError, LookupError)
    assert state_of(fill, other) == before


def test_rule_08_exactly_the_closure_that_is_named_goes(unique):
    """Also where its probe is connected with other private data, and on other markers.

    Seen to fail when `disconnect_closure` takes every connection of the probe.
    """
    fill, probes, data = kit.marker(unique("fill"), n=int), Probes(), [1]
    other = kit.marker(unique("other"), n=int)
    for private in ((), (None,), (data,)):
        fill.connect(probes.method, *private)
        other.connect(probes.method, *private)
    kit.disconnect(fill.name, probes.method, None)
    fill(1)
    assert probes.seen == [(1,), (data, 1)]
    kit.disconnect(fill.name, probes.method)
    fill(2)
    assert probes.seen[2:] == [(data, 2)]
    assert other.fanout == 3


def test_rule_08_a_second_disconnect_raises_and_leaving_a_with_never_does(unique):
    """Whoever was first: the handle, its name, an error limit, a replacement.

    Seen to fail when `Remove` is always lenient, and when `__exit__` lets the error through.
    """
    fill = kit.marker(unique("fill"))
    ends = [
        lambda connection: connection.disconnect(),
        lambda connection: kit.disconnect(fill.name, connection.probe),
        lambda connection: kit.disconnect(unique("*"), connection.probe),
        lambda connection: fill.connect(repr, name="one").disconnect(),
    ]
    for end in ends:
        with fill.connect(print, name="one") as connection:
            end(connection)
            assert not connection.connected
            with pytest.raises(kit.errors.NotConnectedError):
                connection.disconnect()
            with kit.batch(), pytest.raises(kit.errors.NotConnectedError):
                connection.disconnect()
        assert fill.fanout == 0


def test_rule_08_what_was_switched_off_is_disconnected_once(unique):
    """Off by its errors, a connection is still its owner's to disconnect; also in a batch.

    Seen to fail when the state is set at the call instead of at the publication.
    """
    fill = kit.marker(unique("fill"))
    for batch in (False, True):
        connection = fill.connect(lambda: 1 / 0, error_limit=1)
        fill()
        assert connection.state == "off after 1 errors"
        if batch:
            with kit.batch():
                connection.disconnect()
                with pytest.raises(kit.errors.NotConnectedError):
                    connection.disconnect()
        else:
            connection.disconnect()
        assert connection.state == "disconnected"
        with pytest.raises(kit.errors.NotConnectedError):
            connection.disconnect()


def test_rule_08_threads_that_disconnect_one_connection_find_it_once(unique, background):
    """Exactly one of them succeeds, the others are told; the other probes stay.

    Seen to fail when `Remove` is always lenient.
    """
    fill = kit.marker(unique("fill"))
    stays = fill.connect(print)
    connections = [fill.connect(functools.partial(print, number)) for number in range(50)]
    outcomes = []

    def disconnect_all() -> None:
        for connection in connections:
            try:
                connection.disconnect()
                outcomes.append(connection)
            except kit.errors.NotConnectedError:
                outcomes.append(None)

    for _ in range(4):
        background(disconnect_all)
    background.join()
    assert outcomes.count(None) == 3 * len(connections)
    assert {id(each) for each in outcomes if each} == {id(each) for each in connections}
    assert fill.probes == (stays,)


# Rule 9

steps = st.lists(
    st.one_of(
        st.tuples(st.just("connect"), st.sampled_from([None, 0, 5, 10, 11, -3])),
        st.tuples(st.just("disconnect"), st.integers(0, 30)),
    ),
    max_size=25,
)


@given(steps)
def test_rule_09_higher_priority_first_then_order_of_connection(wanted):
    """The default is 10, and removal keeps the order.

    Seen to fail when lower priorities come first, when equal ones come last first, and when the
    default is 0.
    """
    with isolated():
        fill = kit.marker("contract.order")
        called, numbers = [], itertools.count()
        model: list[tuple[int, int, kit.Connection]] = []
        for step, value in wanted:
            if step == "connect":
                options = {} if value is None else {"priority": value}
                number = next(numbers)
                connection = fill.connect(called.append, number, **options)
                model.append((-(10 if value is None else value), number, connection))
            elif model:
                model.pop(value % len(model))[2].disconnect()
        fill()
        assert called == [number for _, number, _ in sorted(model, key=lambda each: each[:2])]
        assert [each.private for each in fill.probes] == called


def test_rule_09_order_is_that_of_connection_however_it_came_about(unique):
    """Early connections, patterns and batches count from when they were made.

    Seen to fail when a pattern's connections count from when the marker was declared.
    """
    called = []
    with pytest.warns(kit.errors.UnmatchedPatternWarning):
        kit.connect(unique("*"), called.append, "pattern")
    kit.connect(unique("fill"), called.append, "early")
    kit.connect(unique("fill"), called.append, "first", priority=99)
    fill = kit.marker(unique("fill"))
    with kit.batch():
        fill.connect(called.append, "batch")
        fill.connect(called.append, "last", priority=-1)
    fill.connect(called.append, "late")
    fill()
    assert called == ["first", "pattern", "early", "batch", "late", "last"]


# Rule 7 and those after it, for probes that cannot be compared


class Model:
    """A probe that is compared element by element, as arrays are: the result has no truth."""

    class Elements:
        def __bool__(self) -> bool:
            raise ValueError("the truth of several elements is ambiguous")

    def __eq__(self, other: object) -> object:
        return self.Elements()

    __hash__ = None

    def __call__(self, *values: object) -> None:
        pass


class Raises(Model):
    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no comparison")

    __hash__ = None


class Strange(Model):
    """Whatever is looked up on it fails, but its call."""

    def fail(self, *_: object) -> None:
        raise RuntimeError("no look")

    __eq__ = __hash__ = __repr__ = __bool__ = __len__ = __getattr__ = fail


STRANGE = [Model, Raises, Strange]


@pytest.mark.parametrize("kind", STRANGE)
@pytest.mark.parametrize("private", [(), ("data",)], ids=["none", "data"])
def test_rule_07_a_probe_that_cannot_be_compared_is_in_nobody_s_way(unique, kind, private):
    """Everybody else connects, records, looks and disconnects; what is identical is the same.

    Seen to fail with `RuntimeError` or `ValueError` out of each of these calls when probes are
    compared by `==` alone.
    """
    fill, strange, other, seen = kit.marker(unique("fill"), n=int), kind(), kind(), []
    connection = fill.connect(strange, *private)
    again = fill.connect(other, *private)
    for same in (strange, other):
        with pytest.raises(kit.errors.AlreadyConnectedError):
            fill.connect(same, *private)
    assert kind.__name__ in repr(connection)
    assert kind.__name__ in repr(kit.markers(fill.name))
    probe = fill.connect(lambda *values: seen.append(values), *private)
    with pytest.raises(kit.errors.AlreadyConnectedError):
        fill.connect(probe.probe, *private)
    with kit.batch():
        fill.connect(kind(), *private, name="batch")
        fill.connect(print, *private, name="batch")
    recorder, aggregate = kit.record(fill.name), kit.aggregate(fill.name, "n")
    everywhere = kit.connect(unique("f*"), kind(), "everywhere")
    with pytest.raises(kit.errors.AlreadyConnectedError):
        kit.connect(unique("f*"), everywhere.probe, "everywhere")
    kit.connect(unique("f*"), kind(), "everywhere").disconnect()
    kit.disconnect(fill.name, print, *private)
    fill(7)
    recorder.stop()
    assert seen == [(*private, 7)]
    assert len(recorder) == 1
    assert [kit.core.private_data(fill.name, each) for each in (strange, other, probe.probe)] == [
        private[0] if private else None
    ] * 3
    with pytest.raises(kit.errors.NotConnectedError, match=kind.__name__):
        kit.disconnect(fill.name, kind(), *private)
    kit.disconnect(fill.name, other, *private)
    kit.disconnect(unique("f*"), everywhere.probe, "everywhere")
    assert not again.connected
    connection.disconnect()
    probe.disconnect()
    aggregate.stop()
    assert fill.fanout == 0


@pytest.mark.parametrize("kind", STRANGE)
def test_rule_07_declaring_and_waiting_go_on_beside_it(unique, kind):
    """Before the marker is declared, by name and by pattern, and when it is declared anew.

    Seen to fail out of `kit.marker` when probes are compared by `==` alone.
    """
    with pytest.warns(kit.errors.UnmatchedPatternWarning):
        kit.connect(unique("*"), kind())
    with pytest.warns(kit.errors.UnmatchedPatternWarning):
        kit.connect(unique("*"), kind())
    early = [kit.connect(unique("late"), each) for each in (kind(), kind(), print)]
    late = kit.marker(unique("late"), n=int)
    assert late.fanout == 5
    for each in early:
        each.disconnect()
    assert late.fanout == 2


class Equal:
    """Equal to all of its kind."""

    def __init__(self, then=lambda: None) -> None:
        self.then = then

    def __eq__(self, other: object) -> bool:
        self.then()
        return isinstance(other, Equal)

    __hash__ = None

    def __call__(self, *values: object) -> None:
        pass


@pytest.mark.parametrize("how", TWICE)
def test_rule_07_what_says_that_it_is_equal_is(unique, how):
    """By its own `__eq__`, however it is connected, in a batch as well.

    Seen to fail when probes are compared by identity alone.
    """
    fill = kit.marker(unique("fill"), n=int)
    fill.connect(Equal())
    with pytest.raises(kit.errors.AlreadyConnectedError):
        TWICE[how](fill, Equal())
    with kit.batch():
        kept = fill.connect(print)
        with pytest.raises(kit.errors.AlreadyConnectedError):
            TWICE[how](fill, Equal())
        kit.disconnect(fill.name, Equal())
        fill.connect(Equal())
    assert (fill.fanout, kept.connected) == (2, True)
    assert kit.core.private_data(fill.name, Equal()) is None


def test_rule_07_a_probe_is_compared_with_no_lock_held(unique, background):
    """Its `__eq__` may wait for a thread that updates, and update itself, in a batch and in a
    declaration, too.

    Seen to fail (to hang) when `Plan.holds` compares.
    """
    fill, other = kit.marker(unique("fill"), n=int), kit.marker(unique("other"))

    def update() -> None:
        thread = background(lambda: other.connect(print).disconnect())
        thread.join(PATIENCE)
        assert not thread.is_alive()
        other.connect(repr).disconnect()
        calls.append(1)

    calls: list[int] = []
    fill.connect(Equal(update))
    fill.connect(print)
    assert calls
    with pytest.raises(kit.errors.AlreadyConnectedError):
        fill.connect(Equal(update))
    with kit.batch():
        calls.clear()
        fill.connect(repr)
        with pytest.raises(kit.errors.AlreadyConnectedError):
            fill.connect(Equal(update))
        assert calls
    calls.clear()
    kit.connect(unique("late"), Equal(update))
    kit.connect(unique("late"), print)
    assert kit.marker(unique("late")).fanout == 2
    assert calls
    assert (fill.fanout, other.fanout) == (3, 0)


def test_rule_07_private_data_is_not_looked_at(unique):
    """Private data is compared by identity, also what raises wherever it is looked at.

    Seen to fail when private data is compared by equality.
    """
    fill, probes, data = kit.marker(unique("fill"), n=int), Probes(), [Strange(), Strange()]
    for private in data:
        fill.connect(probes.method, private)
        with pytest.raises(kit.errors.AlreadyConnectedError):
            fill.connect(probes.method, private)
    fill(1)
    assert [values[1] for values in probes.seen] == [1, 1]
    assert kit.core.private_data(fill.name, probes.method, 1) is data[1]
    assert kit.core.disconnect_private(fill.name, data[0]) == 1
    kit.disconnect(fill.name, probes.method, data[1])
    assert fill.fanout == 0
