"""Rule 10 of the contract: a named connection replaces the one of its name."""

import time
import warnings

import pytest

import kit


def test_rule_10_a_name_replaces_in_one_publication_and_keeps_its_place(unique):
    """The old connection is over, the new one stands where it stood, and there was one store.

    Seen to fail when the new one is put at the end, and when removal is a publication of its own.
    """
    fill, called = kit.marker(unique("fill")), []
    fill.connect(called.append, "before")
    old = fill.connect(called.append, "old", name="one")
    fill.connect(called.append, "after")
    generation = fill.generation
    new = fill.connect(called.append, "new", name="one")
    fill()
    assert called == ["before", "new", "after"]
    assert fill.generation == generation + 1
    assert (old.connected, old.state, new.connected) == (False, "replaced", True)
    with pytest.raises(kit.errors.NotConnectedError):
        old.disconnect()
    fill.connect(called.append, "first", name="one", priority=20)
    called.clear()
    fill()
    assert called == ["first", "before", "after"]


def test_rule_10_the_same_closure_may_replace_itself(unique):
    """A name makes rule 7 give way, for the connection that has it.

    Seen to fail when `Plan.add` looks for equal closures before it takes the old one out.
    """
    fill, called = kit.marker(unique("fill")), []
    for _ in range(3):
        fill.connect(called.append, 1, name="one")
    fill()
    assert called == [1]
    fill.connect(called.append, 2, name="two")
    with pytest.raises(kit.errors.AlreadyConnectedError):
        fill.connect(called.append, 2, name="one")
    assert [connection.name for connection in fill.probes] == ["one", "two"]


def test_rule_10_a_name_is_one_marker_s(unique):
    """The same name on another marker is another connection.

    Seen to fail when names are looked up across markers.
    """
    fill, other = kit.marker(unique("fill")), kit.marker(unique("other"))
    first = fill.connect(print, name="one")
    second = other.connect(repr, name="one")
    assert (first.connected, second.connected) == (True, True)


def test_rule_10_no_event_is_missed_and_none_is_seen_twice(unique, background, often):
    """While a probe is replaced again and again, every event on every thread is seen exactly once.

    Seen to fail when the old one is removed in a publication before the new one is connected.
    """
    fill, seen, done = kit.marker(unique("fill"), n=int), [], []

    def fire(start: int) -> None:
        n = start
        while not done:
            fill(n)
            n += 2
        fired.append(range(start, n, 2))

    fired: list[range] = []
    fill.connect(lambda version, n: seen.append(n), 0, name="one")
    for start in (0, 1):
        background(fire, start)
    for version in range(1, 500):
        before = len(seen)
        fill.connect(lambda version, n: seen.append(n), version, name="one")
        while len(seen) == before:
            time.sleep(0)
    done.append(True)
    background.join()
    assert sorted(seen) == sorted([*fired[0], *fired[1]])
    assert fill.fanout == 1


DEFINE = """
def on_fill(*values):
    seen.append(values)
"""


@pytest.mark.parametrize(
    "connect",
    [
        "fill.connect(on_fill)",
        "kit.connect(fill.name, on_fill)",
        "kit.connect(fill.name[:-1] + '*', on_fill)",
        "fill.probe(on_fill)",
        "fill.connect(on_fill, None)",
        "fill.connect(on_fill, 1)",
    ],
)
def test_rule_10_three_runs_of_a_cell_make_one_call_an_event(unique, cells, connect):
    """A function of the top level of `__main__` has its own name; a cell may be run again, edited
    or not, all of it or only the connecting line.

    Seen to fail when functions of `__main__` have no name, and when only the name is compared.
    """
    cells.run(f"fill = kit.marker({unique('fill')!r}, n=int)")
    for text in (DEFINE + connect, DEFINE + connect, "# edited\n" + DEFINE + connect, connect):
        cells.run(text)
        cells.run("fill(1)")
        assert len(cells.seen()) == 1
    (connection,) = kit.marker(unique("fill")).probes
    assert (connection.name, connection.label) == ("on_fill", "on_fill")


def test_rule_10_other_private_data_is_another_closure(unique, cells):
    """`(f, 1)` and `(f, 2)` stay two, however often the cell is run.

    Seen to fail when a default name replaces whatever the private data.
    """
    cell = f"""{DEFINE}
fill = kit.marker({unique("fill")!r}, n=int)
fill.connect(on_fill, 1)
fill.connect(on_fill, 2)
fill.connect(on_fill)
"""
    for _ in range(3):
        cells.run(cell)
    cells.run("fill(7)")
    assert cells.seen() == [(1, 7), (2, 7), (7,)]


def test_rule_10_a_chosen_name_replaces_a_default_one(unique, cells):
    """Whatever its private data: a chosen name says that there is to be one.

    Seen to fail when only the first one of the name is replaced.
    """
    cells.run(DEFINE)
    fill, probe = kit.marker(unique("fill")), cells.names["on_fill"]
    for private in (1, 2):
        fill.connect(probe, private)
    new = fill.connect(print, name="on_fill")
    assert fill.probes == (new,)


def test_rule_10_bound_methods_and_inner_functions_have_no_default_name(unique, cells):
    """Two objects' methods, and two closures made by one function, are different probes.

    Seen to fail when bound methods are taken for functions, and when `<locals>` is not looked for.
    """
    cells.run(
        f"""
class Book:
    def on_fill(self, n):
        seen.append(n)
def make():
    def on_fill(n):
        seen.append(n)
    return on_fill
fill = kit.marker({unique("fill")!r}, n=int)
for probe in (Book().on_fill, Book().on_fill, make(), make()):
    fill.connect(probe)
fill(1)
"""
    )
    assert cells.seen() == [1] * 4
    assert [connection.name for connection in kit.marker(unique("fill")).probes] == [None] * 4


def test_rule_10_functions_of_modules_have_no_default_name(unique):
    """Outside `__main__` the same closure twice is a mistake, as rule 7 says.

    Seen to fail when the module is not looked at.
    """
    names = {"__name__": "some.module"}
    exec("def probe(): pass", names)
    fill = kit.marker(unique("fill"))
    assert fill.connect(names["probe"]).name is None
    with pytest.raises(kit.errors.AlreadyConnectedError):
        fill.connect(names["probe"])


LAMBDA = "kit.connect({name!r}, lambda n: seen.append(n){option})"


@pytest.mark.parametrize("pattern", [False, True], ids=["name", "pattern"])
def test_rule_10_a_second_lambda_of_one_line_warns_once(unique, cells, pattern):
    """A lambda cannot be told from its next version: both are connected, and the first time it is
    said that a `name=` would replace; with a name it does.

    Seen to fail when the warning is left out, and when it comes at each run.
    """
    name = unique("*") if pattern else unique("fill")
    cells.run(f"fill = kit.marker({unique('fill')!r}, n=int)")
    cell = LAMBDA.format(name=name, option="")
    cells.run(cell)
    with pytest.warns(kit.errors.UnnamedProbeWarning, match="name=") as caught:
        cells.run(cell)
    assert caught[0].filename.startswith("/tmp/ipykernel_4711/")
    cells.run(cell)
    cells.run("fill(1)")
    assert cells.seen() == [1, 1, 1]
    named = LAMBDA.format(name=name, option=", name='mine'")
    for _ in range(3):
        cells.run(named)
    cells.run("fill(1)")
    assert cells.seen() == [1] * 4


def test_rule_10_different_lambdas_and_those_of_modules_do_not_warn(unique, cells):
    """Two on one line, or a library that connects in a loop: nobody ran a cell again.

    Seen to fail when the column, or the module, is not looked at.
    """
    fill = kit.marker(unique("fill"), n=int)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cells.run(f"""
fill = kit.marker({fill.name!r})
a = fill.connect(lambda n: seen.append(n)); b = fill.connect(lambda n: seen.append(-n))
""")
        for _ in range(3):
            fill.connect(lambda n: None)
    assert fill.fanout == 5


def test_rule_10_replacing_a_pattern_ends_the_old_one(unique, cells):
    """Also for markers that are declared afterwards: they get the new probe only.

    Seen to fail when the replaced handle stays in force.
    """
    kit.marker(unique("one"))
    old = kit.connect(unique("*"), lambda: seen.append("old"), name="mine")
    seen: list[str] = []
    new = kit.connect(unique("*"), lambda: seen.append("new"), name="mine")
    kit.marker(unique("one"))()
    kit.marker(unique("two"))()
    assert seen == ["new", "new"]
    assert (old.connected, len(old), new.connected, len(new)) == (False, 1, True, 2)
    with pytest.raises(kit.errors.NotConnectedError):
        old.disconnect()
