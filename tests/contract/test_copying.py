"""Rule 43 of the contract: what is copied and pickled, what goes to other processes, what stays."""

import copy
import multiprocessing
import pickle
import sys
from types import SimpleNamespace

import pytest

import kit
from kit.core._connection import NO_PRIVATE
from kit.core._registry import registry
from kit.probes._basic import Count, Print, Time
from kit.testing import capture, isolated, strict
from tests.contract.tools import run_apart

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


def over_there(value, protocol=pickle.DEFAULT_PROTOCOL):
    """Pickle, and unpickle."""
    return pickle.loads(pickle.dumps(value, protocol))


COPIES = [copy.copy, copy.deepcopy]
WAYS = [*COPIES, *[lambda value, p=p: over_there(value, p) for p in PROTOCOLS]]
NAMES = ["copy", "deepcopy", *[f"pickle{p}" for p in PROTOCOLS]]

# Markers


def test_rule_43_a_copy_of_a_marker_is_the_marker(unique):
    """Alone and in what carries it: declared, waited for, and after its name was taken down.

    Seen to fail when `__copy__` and `__deepcopy__` are left to `__reduce__`.
    """
    a, s = kit.marker(unique("a"), n=int), kit.span(unique("s"))
    waited = kit.connect(unique("waited"), print).marker
    with isolated():
        gone = kit.marker(unique("gone"))
    desk = SimpleNamespace(markers=[a, s, waited, gone], by_name={a.name: a})
    for copied in COPIES:
        assert all(copied(each) is each for each in desk.markers)
    again = copy.deepcopy(desk)
    assert again.markers is not desk.markers
    assert again.markers == desk.markers
    assert again.by_name == desk.by_name
    assert kit.markers(unique("gone")) == []


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_rule_43_a_marker_that_is_unpickled_is_declared_there(unique, protocol):
    """As what it was, from where it was; patterns that wait for it find it, and it fires.

    Seen to fail when a span comes out as a marker, when the place of the declaration is that of
    `copying`, and when the marker is made without the registry.
    """
    names = unique("a"), unique("s"), unique("none")
    with isolated():
        there = [
            kit.marker(names[0], n=int, x=float, t=str, b=bool, k=kit.Label),
            kit.span(names[1], n=int),
            kit.marker(names[2]),
        ]
        pickled = pickle.dumps(there, protocol)
        known = [(type(m), m.name, m.format, m.module, m.line) for m in there]
    assert kit.markers(unique("*")) == []
    with capture(unique("*")) as events:
        here = pickle.loads(pickled)
        here[0](1, 2.0, "t", True, "k")
        with here[1](2):
            here[2]()
    assert [(type(m), m.name, m.format, m.module, m.line) for m in here] == known
    assert not {id(m) for m in there} & {id(m) for m in here}
    assert kit.markers(unique("*")) == sorted(here, key=lambda m: m.name)
    assert sorted(events.names) == sorted(names)
    assert events.of(names[0])[0].values == {"n": 1, "x": 2.0, "t": "t", "b": True, "k": "k"}
    assert pickle.loads(pickled) == here
    assert kit.marker(names[0], "n %d x %f t %s b %b k %k") is here[0]


def test_rule_43_a_marker_that_waits_for_its_declaration_waits_there_too(unique):
    """Seen to fail when it is declared without fields."""
    with isolated():
        pickled = pickle.dumps(kit.connect(unique("a"), print).marker)
    waited = pickle.loads(pickled)
    assert (waited.name, waited.format) == (unique("a"), None)
    assert kit.marker(unique("a"), n=int) is waited


@pytest.mark.parametrize("module", ["library", "__main__"])
def test_rule_43_where_the_name_has_another_format_it_keeps_it(unique, cells, module):
    """The one that is there, and nothing changes: not its format, place, probes or generation.

    Also where nothing is connected, and from `__main__`, where a declaration would be adopted.
    Seen to fail when unpickling declares as a site does, and when a difference raises.
    """
    cells.names.update(__name__=module, name=unique("a"))
    with isolated():
        cells.run("there = kit.marker(name, n=int)")
        cells.run("span = kit.span(name + '.s', n=int)")
        pickled = pickle.dumps((cells.names["there"], cells.names["span"]))
    a = kit.marker(unique("a"), px=float)
    s = kit.marker(unique("a.s"), n=int)
    known = [(type(m), m.format, m.module, m.line, m.generation) for m in (a, s)]
    assert pickle.loads(pickled) == (a, s)
    assert [(type(m), m.format, m.module, m.line, m.generation) for m in (a, s)] == known
    with a.connect(print), s.connect(print):
        assert pickle.loads(pickled) == (a, s)
        assert (a.format.names, s.format.is_span) == (("px",), False)
        assert (a.fanout, s.fanout, a.generation, s.generation) == (1, 1, 1, 1)


def test_rule_43_whoever_declares_it_meanwhile_is_not_overruled(unique, monkeypatch):
    """Another thread declares the name between the look and the update.

    Seen to fail when `Declare` does not yield.
    """
    with isolated():
        pickled = pickle.dumps(kit.marker(unique("a"), n=int))
    make = registry.updater.make

    def late(*args, **options):
        monkeypatch.undo()
        kit.marker(unique("a"), px=float)
        return make(*args, **options)

    monkeypatch.setattr(registry.updater, "make", late)
    a = pickle.loads(pickled)
    assert (a.format.names, a.generation) == (("px",), 0)


def test_rule_43_a_probe_that_asked_for_other_fields_is_off(unique):
    """Unpickling declares as a site does in this, too.

    Seen to fail when the warning is left out.
    """
    with isolated():
        pickled = pickle.dumps(kit.marker(unique("a"), n=int))
    early = kit.connect(unique("a"), print, format="px %f")
    with pytest.warns(kit.errors.FormatMismatchWarning, match=unique("a")):
        pickle.loads(pickled)
    assert early._is_off


@pytest.mark.parametrize("wrong", [("a b", ""), ("", ""), ("a*", ""), ("a", "n %q"), ("a", "n")])
def test_rule_43_a_pickle_declares_nothing_that_a_site_could_not(wrong):
    """Seen to fail when the name is not checked."""
    from kit.core._registry import marker_of_name

    with pytest.raises(kit.errors.FormatError):
        marker_of_name(*wrong, False, "m", 1)
    assert not registry.markers.keys() & {"a b", "", "a*", "a"}


def test_rule_43_no_private_data_is_none_there_too():
    """It is compared by identity. Seen to fail without its `__reduce__`."""
    assert all(way(NO_PRIVATE) is NO_PRIVATE for way in WAYS)


# Spans: passages, and what they decorate


@pytest.mark.parametrize("way", WAYS, ids=NAMES)
def test_rule_43_a_passage_goes_by_its_span_and_values(unique, way):
    """The copy is another one, and nobody is inside of it, whoever is inside of the first.

    Seen to fail when a passage takes along who is inside, and when keywords are left out.
    """
    s = kit.span(unique("s"), n=int, t=str)
    with capture(s.name) as events:
        for args, kwargs in [((1, "a"), {}), ((2,), {"t": "b"}), ((), {"t": "c", "n": 3})]:
            passage = s(*args, **kwargs)
            with passage:
                again = way(passage)
            assert again is not passage
            assert type(again) is type(passage)
            again.__exit__(None, None, None)  # not entered: nothing
            with again:
                pass
    assert [tuple(each.values.values()) for each in events] == [
        (n, t) for n, t in zip((1, 2, 3), "abc", strict=True) for _ in range(2)
    ]
    assert s.skipped == 0


@pytest.mark.parametrize("way", COPIES)
def test_rule_43_the_values_of_a_passage_are_copied_as_deep_as_it_is(unique, way):
    """Seen to fail when `deepcopy` gives a passage with the same values."""
    value = [1]
    s = kit.span(unique("s"), v=str)
    seen = []
    with s.connect(lambda dur, error, v: seen.append(v)):
        with way(s(value)):
            pass
    assert seen == [value]
    assert (seen[0] is value) is (way is copy.copy)


def test_rule_43_a_span_s_passage_where_its_name_is_a_marker_s(unique):
    """It runs, and the one passage that cannot be an event is counted; so for what is decorated.

    Seen to fail when unpickling calls what it finds (the marker fires), and when a decorated
    function looks for a span's methods on a marker.
    """
    s = kit.span(unique("s"), n=int)

    def function(n):
        return n

    decorated = s.wrap(function, n="n")
    pickled = pickle.dumps([s(1), s(n=1)])
    assert kit.marker(unique("s"), n=int) is s
    with capture(s.name) as events:
        for passage in pickle.loads(pickled):
            with passage:
                pass
        assert (s.skipped, decorated(7), s.skipped) == (2, 7, 3)
        with strict():
            s(5)
    assert events.one()["n"] == 5


# What is decorated, as its `__module__` and `__qualname__` say.
bare = kit.span("copying.bare")


@bare
def decorated(n):
    return n


@bare
async def awaited(n):
    return n


class Desk:
    """What carries markers, and methods that fire them."""

    def __init__(self):
        self.tick = kit.marker("copying.tick", n=int)
        self.passage = bare()

    @bare
    def method(self, n):
        self.tick(n)
        return n

    @bare
    async def later(self, n):
        return n

    @staticmethod
    @bare
    def static(n):
        return n

    @classmethod
    @bare
    def made(cls, n):
        return n


@pytest.mark.parametrize("way", WAYS, ids=NAMES)
def test_rule_43_what_is_decorated_goes_by_its_qualified_name(way):
    """Functions, coroutine functions and methods; the object goes with its markers.

    Seen to fail when the wrapper has not taken over the function's `__qualname__`.
    """
    for function in (decorated, awaited, Desk.method, Desk.later, Desk.static):
        assert way(function) is function
    assert way(Desk.made)(7) == 7
    with capture("copying.*") as events:
        desk = way(Desk())
        assert desk.method(7) == 7
        assert way(desk.tick.connect).__self__ is desk.tick
        with desk.passage:
            pass
    assert events.names == ["copying.tick", "copying.bare", "copying.bare"]


def test_rule_43_functions_of_main_go_by_value(unique, cells):
    """With cloudpickle, as from a notebook: what they refer to goes along by name.

    Seen to fail when a marker cannot be pickled.
    """
    cloudpickle = pytest.importorskip("cloudpickle")
    cells.names["name"] = unique
    with isolated():
        cells.run(
            """
            tick = kit.marker(name("tick"), n=int)
            bare, held = kit.span(name("bare")), kit.span(name("held"), n=int)
            def plain(n): tick(n); return n
            @bare
            def function(n): tick(n); return n
            def double(n): return 2 * n
            double = held.wrap(double, n="n")
            @bare
            async def awaited(n): tick(n); return n
            @bare
            def steps(n): yield n
            class Desk:
                @bare
                def method(self, n): tick(n); return n
            def made():
                inner = kit.marker(name("inner"))
                def local(n): inner(); return n
                return local
            sent = [plain, function, double, awaited, steps, Desk().method, made()]
        """.replace("\n            ", "\n")
        )
        pickled = cloudpickle.dumps(cells.names["sent"])
    assert kit.markers(unique("*")) == []
    with capture(unique("*")) as events:
        plain, function, double, awaited, steps, method, local = pickle.loads(pickled)
        results = [call(7) for call in (plain, function, double, method, local)]
        results += steps(7)
        with pytest.raises(StopIteration, match="7"):
            awaited(7).send(None)
    assert results == [7, 7, 14, 7, 7, 7]
    short = " ".join(name.removeprefix(unique("")) for name in events.names)
    assert short == "tick tick bare held tick bare inner bare tick bare"


# Processes

PROGRAM = """
import asyncio, os, sys
import kit
from kit.testing import capture

bare = kit.span("sent.bare")

@bare
def function(n):
    return n

@bare
async def later(n):
    return n

class Desk:
    def __init__(self):
        # Where this is not called, nothing has declared it but what was unpickled.
        self.tick, self.held = kit.marker("sent.tick", n=int), kit.span("sent.held", n=int)
        self.passage = self.held(1)

    @bare
    def method(self, n):
        with self.passage:
            self.tick(n)
        return n

def watched(call, n):
    with capture("sent.*") as events:
        found = call(n)
        if asyncio.iscoroutine(found):
            found = asyncio.run(found)
    return found, events.names, os.getpid()

def check(results):
    names = [["sent.bare"], ["sent.bare"], ["sent.tick", "sent.held", "sent.bare"], ["sent.tick"]]
    assert [found for found, _, _ in results] == [0, 1, 2, None], results
    assert [seen for _, seen, _ in results] == names, results
    assert os.getpid() not in [pid for _, _, pid in results]
"""

POOL = """
import multiprocessing
from concurrent.futures import ProcessPoolExecutor

if __name__ == "__main__":
    desk = Desk()
    context = multiprocessing.get_context(sys.argv[1])
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        check(list(pool.map(watched, [function, later, desk.method, desk.tick], range(4))))
"""

LOKY = """
from joblib import Parallel, delayed
from joblib.externals.loky import get_reusable_executor

if __name__ == "__main__":
    desk = Desk()
    calls = enumerate([function, later, desk.method, desk.tick])
    check(Parallel(n_jobs=2)(delayed(watched)(call, n) for n, call in calls))
    get_reusable_executor().shutdown(wait=True)
"""


# From a file: a process that is started anew runs it again.
STARTED = "import os, sys; os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_rule_43_process_pools(tmp_path, method):
    """Functions, methods, objects and markers go to other processes, and fire there.

    Seen to fail when a marker cannot be pickled.
    """
    program = tmp_path / "program.py"
    program.write_text(PROGRAM + POOL)
    run_apart(STARTED, program, method)


def test_rule_43_joblib(tmp_path):
    """Its default backend, to which functions of `__main__` go by value.

    Seen to fail when a marker cannot be pickled.
    """
    pytest.importorskip("joblib")
    program = tmp_path / "program.py"
    program.write_text(PROGRAM + LOKY)
    run_apart(STARTED, program)


# What stays


STAYING = {
    "Recorder": (lambda a, recorder: recorder, "snapshot"),
    "Connection": (lambda a, _: a.connect(print), "connect its probe"),
    "PatternConnection": (lambda a, _: kit.connect(f"{a.name}*", print), "connect its probe"),
    "Aggregate": (lambda a, _: kit.aggregate(a, "n"), "table"),
    "Trigger": (lambda a, _: kit.trigger(a, print), "firings"),
    "Stream": (lambda a, recorder: recorder.stream(1.0), "frames"),
    "Batching": (lambda a, _: kit.batch(), "another one"),
    "Budget": (lambda a, _: kit.budget(0.1), "report"),
    "Count": (lambda a, _: Count(), "value"),
    "Print": (lambda a, _: Print(to=sys.stdout), "lines"),
    "Time": (lambda a, _: Time(), "buckets"),
}


def refuse(value, instead):
    kind = type(value).__name__
    for way in WAYS:
        for carrier in (value, SimpleNamespace(held=[value])):
            if carrier is not value and way is copy.copy:
                continue
            with pytest.raises(TypeError, match=rf"^an? {kind} stays in its process.*{instead}"):
                way(carrier)


@pytest.mark.parametrize("kind", STAYING)
def test_rule_43_what_belongs_to_its_process_says_so(unique, kind):
    """It is neither copied nor pickled, alone or in what holds it, and goes on as before.

    Seen to fail where `stays` is left out of a class.
    """
    make, instead = STAYING[kind]
    a = kit.marker(unique("a"), n=int)
    with kit.record(a) as recorder:
        value = make(a, recorder)
        assert type(value).__name__ == kind
        fanout = a.fanout
        refuse(value, instead)
        a(1)
        assert (a.fanout, len(recorder)) == (fanout, 1)


def test_rule_43_so_does_a_session(tmp_path):
    """Seen to fail where `stays` is left out of it."""
    refuse(kit.session(tmp_path / "run"), "folder")


# What is numbers, and goes anywhere


@pytest.mark.parametrize("way", WAYS, ids=NAMES)
def test_rule_43_formats_events_and_captures_are_copied_whole(unique, way):
    """Seen to fail when a capture's rows cannot be pickled."""
    a, s = kit.marker(unique("a"), n=int, k=kit.Label), kit.span(unique("s"), x=float)
    with capture(unique("*")) as events, kit.record(unique("*")) as recorder:
        a(1, "k")
        with s(0.5):
            pass
    total = kit.aggregate(a, "n", by="k")
    a(2, "k")
    taken = recorder.snapshot()
    table, found = total.table(), kit.markers(unique("*"))
    for value in (a.format, s.format.fields, events, taken, found):
        again = way(value)
        assert type(again) is type(value)
        assert again == value
    assert str(way(table)) == str(table)


@pytest.mark.parametrize("way", WAYS, ids=NAMES)
def test_rule_43_frames_and_what_is_opened_are_copied_whole(unique, way, frames, tmp_path):
    """Seen to fail when a recorder is kept in `attrs`."""
    from pandas.testing import assert_frame_equal

    a = kit.marker(unique("a"), n=int, k=kit.Label)
    with kit.session(tmp_path / "run") as run:
        recorder = run.record(a)
        total = run.aggregate(a, "n", by="k")
        a(1, "k")
        frame, table = recorder.frame(), total.frame()
    saved = kit.open(tmp_path / "run")
    for one in (frame, table, frame.rename(columns={"n": "m"})):
        again = way(one)
        assert_frame_equal(again, one)
        assert again.attrs == one.attrs
    assert_frame_equal(way(saved).frame(), saved.frame())
    assert_frame_equal(way(saved.recordings()[0]).frame(), saved.recordings()[0].frame())
