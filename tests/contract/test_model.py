"""Rules 3, 4, 6 to 11 and 22 together: whatever is declared, connected, replaced, batched and
disconnected, a dispatch calls what a simple model says."""

import itertools
import warnings
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

import kit
from kit.testing import isolated

NONE = "no private data"
FORMATS = {"n": "n %d", "x": "x %f"}


@dataclass
class Closure:
    """A connection as the model sees it; ``key`` finds the real one."""

    key: int
    probe: str
    private: str
    name: str | None
    priority: int
    asked: str | None
    order: int
    on: bool = True

    def is_like(self, other: "Closure") -> bool:
        return (self.probe, self.private) == (other.probe, other.private)

    def fits(self, declared: str | None) -> bool:
        return declared is None or self.asked in (None, declared)


@dataclass
class Marker:
    format: str | None = None
    closures: list[Closure] = field(default_factory=list)

    def on(self) -> list[Closure]:
        return sorted([c for c in self.closures if c.on], key=lambda c: (-c.priority, c.order))

    def add(self, new: Closure) -> None:
        if not new.fits(self.format):
            raise kit.errors.FormatMismatchError
        replaced = [c for c in self.closures if c.name is not None and c.name == new.name]
        kept = [c for c in self.closures if c not in replaced]
        if any(c.on and c.is_like(new) for c in kept):
            raise kit.errors.AlreadyConnectedError
        new.order = min([c.order for c in replaced], default=new.order)
        self.closures = [*kept, new]

    def adopt(self, declared: str) -> None:
        """Take other fields: what was on goes first, then what was off, each if it fits."""
        self.format = declared
        candidates = [*self.on(), *[c for c in self.closures if not c.on]]
        for closure in candidates:
            closure.on = False
        for closure in candidates:
            twins = [c for c in candidates if c.on and c.is_like(closure)]
            closure.on = closure.fits(declared) and not twins


@dataclass
class Model:
    markers: dict[str, Marker] = field(default_factory=dict)
    patterns: dict[int, Closure] = field(default_factory=dict)  # all of one pattern

    def connect(self, name: str, new: Closure) -> None:
        self.markers.setdefault(name, Marker()).add(new)

    def connect_pattern(self, new: Closure) -> None:
        for key, old in list(self.patterns.items()):
            if old.name is not None and old.name == new.name:
                del self.patterns[key]
            elif old.is_like(new):
                raise kit.errors.AlreadyConnectedError
        for _, marker in sorted(self.markers.items()):
            if marker.format is not None:
                marker.add(deepcopy(new))
        self.patterns[new.key] = new

    def declare(self, name: str, declared: str, main: bool) -> None:
        marker = self.markers.setdefault(name, Marker())
        if marker.format == declared:
            return
        on = marker.on()
        if marker.format is not None and on and not (main and all(c.asked is None for c in on)):
            raise kit.errors.FormatMismatchError
        first = marker.format is None
        marker.adopt(declared)
        if first:
            for pattern in self.patterns.values():
                new = deepcopy(pattern)
                if not new.fits(declared):
                    marker.closures.append(new)
                    new.on = False
                elif not any(c.on and c.is_like(new) for c in marker.closures):
                    marker.add(new)

    def remove(self, name: str, chosen: Any) -> None:
        marker = self.markers.get(name)
        found = [c for c in marker.closures if chosen(c)] if marker else []
        if not found:
            raise kit.errors.NotConnectedError
        marker.closures = [c for c in marker.closures if c not in found]

    def remove_pattern(self, key: int) -> None:
        if key not in self.patterns:
            raise kit.errors.NotConnectedError
        del self.patterns[key]
        for marker in self.markers.values():
            marker.closures = [c for c in marker.closures if c.key != key]


names = st.sampled_from(["a", "b"])
closures = st.fixed_dictionaries(
    {
        "probe": st.sampled_from(["p", "q"]),
        "private": st.sampled_from([NONE, "one", "two"]),
        "name": st.sampled_from([None, None, "mine"]),
        "priority": st.sampled_from([10, 10, 20]),
        "asked": st.sampled_from([None, None, "n", "x"]),
    }
)


class Machine(RuleBasedStateMachine):
    """Does everything twice, and compares."""

    prefix = map("model{}.".format, itertools.count())

    @initialize()
    def begin(self) -> None:
        self.first = next(Machine.prefix)
        self.isolation = isolated()
        self.isolation.__enter__()
        self.model, self.called = Model(), []
        self.in_a_batch = False
        self.real: dict[int, Any] = {}
        self.numbers = itertools.count()
        self.privates = {"one": ["one"], "two": ["two"]}
        self.probes = {probe: self.make(probe) for probe in "pq"}

    def make(self, probe: str) -> Any:
        def call(*values: object) -> None:
            *private, _ = values
            self.called.append((probe, private[0][0] if private else NONE))

        return call

    def teardown(self) -> None:
        if hasattr(self, "isolation"):
            self.isolation.__exit__(None, None, None)

    def both(self, in_model: Any, in_kit: Any) -> Any:
        """Do it in the model, which is left as it was when it fails, and in the kit."""
        expected, result = None, None
        before = deepcopy(self.model)
        try:
            in_model()
        except kit.errors.KitError as error:
            expected, self.model = type(error), before
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", kit.errors.KitWarning)
            try:
                result = in_kit()
                actual = None
            except kit.errors.KitError as error:
                actual = type(error)
        assert actual is expected
        if not self.in_a_batch:
            self.check()
        return result

    def arguments(self, closure: Closure) -> tuple[tuple, dict]:
        private = () if closure.private == NONE else (self.privates[closure.private],)
        options = {"name": closure.name, "priority": closure.priority}
        if closure.asked:
            options["format"] = FORMATS[closure.asked]
        return (self.probes[closure.probe], *private), options

    @rule(name=names, options=closures)
    def connect(self, name: str, options: dict) -> None:
        key = next(self.numbers)
        closure = Closure(key, order=key, **options)
        args, keywords = self.arguments(closure)
        self.real[key] = self.both(
            lambda: self.model.connect(name, closure),
            lambda: kit.connect(self.first + name, *args, **keywords),
        )

    @rule(options=closures)
    def connect_pattern(self, options: dict) -> None:
        key = next(self.numbers)
        closure = Closure(key, order=key, **options)
        args, keywords = self.arguments(closure)
        self.real[key] = self.both(
            lambda: self.model.connect_pattern(closure),
            lambda: kit.connect(self.first + "*", *args, **keywords),
        )

    @rule(name=names, declared=st.sampled_from(list(FORMATS)), main=st.booleans())
    def declare(self, name: str, declared: str, main: bool) -> None:
        namespace = {"__name__": "__main__" if main else "a.module", "kit": kit}
        self.both(
            lambda: self.model.declare(name, declared, main),
            lambda: exec(f"kit.marker({self.first + name!r}, {FORMATS[declared]!r})", namespace),
        )

    @rule(name=names, options=closures)
    def disconnect(self, name: str, options: dict) -> None:
        closure = Closure(-1, order=-1, **options)
        args, _ = self.arguments(closure)
        self.both(
            lambda: self.model.remove(name, closure.is_like),
            lambda: kit.disconnect(self.first + name, *args),
        )

    @rule(name=names, private=st.sampled_from(["one", "two"]))
    def disconnect_private(self, name: str, private: str) -> None:
        self.both(
            lambda: self.model.remove(name, lambda c: c.private == private),
            lambda: kit.core.disconnect_private(self.first + name, self.privates[private]),
        )

    @rule(choice=st.integers(0, 99), wait=st.booleans())
    def disconnect_handle(self, choice: int, wait: bool) -> None:
        handles = {key: real for key, real in self.real.items() if real is not None}
        if not handles:
            return
        key = list(handles)[choice % len(handles)]
        if isinstance(handles[key], kit.PatternConnection):
            self.both(
                lambda: self.model.remove_pattern(key), lambda: handles[key].disconnect(wait=wait)
            )
        else:
            name = handles[key].marker.name.removeprefix(self.first)
            self.both(
                lambda: self.model.remove(name, lambda c: c.key == key),
                lambda: handles[key].disconnect(wait=wait),
            )

    @rule(
        steps=st.lists(st.tuples(names, closures) | st.integers(0, 99), max_size=5),
        discarded=st.booleans(),
    )
    def batch(self, steps: list, discarded: bool) -> None:
        """Connect, and disconnect what was connected before or just now; all of it, or nothing."""
        before = deepcopy(self.model)
        self.in_a_batch = True
        try:
            with kit.batch():
                for step in steps:
                    if isinstance(step, int):
                        self.disconnect_handle(step, wait=step % 2 == 0)
                    else:
                        self.connect(*step)
                if discarded:
                    raise ZeroDivisionError
        except ZeroDivisionError:
            self.model = before
        self.in_a_batch = False
        self.check()

    @rule()
    def wait(self) -> None:
        kit.synchronize(timeout=10)
        kit.barrier(timeout=10)
        self.check()

    def check(self) -> None:
        for name, expected in self.model.markers.items():
            on = [(c.probe, c.private) for c in expected.on()]
            found = [m for m in kit.markers(self.first + "*") if m.name == self.first + name]
            if expected.format is None:
                assert found == []
                continue
            (marker,) = found
            assert str(marker.format) == FORMATS[expected.format]
            self.called.clear()
            marker(1)
            assert self.called == on
            assert (marker.fanout, bool(marker)) == (len(on), bool(on))
        connected = {c.key for m in self.model.markers.values() for c in m.on()}
        for key, real in self.real.items():
            if isinstance(real, kit.PatternConnection):
                assert real.connected is (key in self.model.patterns)
            elif real is not None:
                assert real.connected is (key in connected)


def test_rules_03_to_11_and_22_whatever_happens_a_dispatch_calls_what_the_model_says():
    """Exceptions, order and what is connected are those of a model without arrays or publications.

    Seen to fail under most of the breakages that the tests of the single rules name.
    """
    run_state_machine_as_test(Machine, settings=settings(max_examples=60, stateful_step_count=25))
