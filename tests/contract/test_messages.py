"""Rules 44 and 45 of the contract: what is not supported is said, and what is asked is bounded."""

import json
import os
import subprocess
import sys

import pytest

import kit
from kit.core._format import COLUMNS
from kit.errors import ConditionError
from kit.probes.captures._capture import TEXT_LIMIT
from kit.probes.filters.condition import Condition
from tests.contract.tools import ROOT, run_apart

# Rule 44

SUB_INTERPRETER = """
import sys, warnings
warnings.simplefilter("ignore")
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
if sys.argv[1] == "main first":
    import kit
CODE = '''
import sys
sys.path[:] = {path!r}
said = []
for module in ("kit", "kit.core", "kit"):
    try:
        __import__(module)
    except ImportError as error:
        said.append(str(error))
with open({out!r}, "w") as file:
    print(*said, sep=chr(10), file=file)
'''
options = () if len(sys.argv) < 4 else sys.argv[3:]
sub = interpreters.create(*options)
interpreters.run_string(sub, CODE.format(path=sys.path, out=sys.argv[2]))
interpreters.destroy(sub)
import kit
seen = []
kit.marker("sub.one", n=int).connect(seen.append)
kit.marker("sub.one")(7)
kit.barrier()
print(kit.dispatcher, seen)
"""


@pytest.mark.parametrize("first", ["main first", "sub-interpreter first"])
def test_rule_44_a_sub_interpreter_is_told_that_it_is_one(dispatcher, tmp_path, first):
    """Whoever imports first, on both dispatchers; the main interpreter has what it always has.

    Seen to fail before: a sub-interpreter that came first had the dispatcher in C, and the main one
    was told to install a compiler; one that came later was told so itself, or worked.
    """
    out = tmp_path / "said"
    assert run_apart(SUB_INTERPRETER, first, out) == f"{dispatcher} [7]"
    said = out.read_text().splitlines()
    assert len(said) == 3
    for each in said:
        assert "works in the main interpreter of a process only" in each
        assert "in a thread or a process" in each
        assert "compiler" not in each


@pytest.mark.skipif(sys.version_info < (3, 13), reason="the others come with 3.13")
@pytest.mark.parametrize("config", ["isolated", "legacy"])
def test_rule_44_so_is_one_that_shares_the_global_lock_and_one_that_does_not(
    dispatcher, tmp_path, config
):
    """Seen to fail as the test above."""
    out = tmp_path / "said"
    assert run_apart(SUB_INTERPRETER, "sub first", out, config) == f"{dispatcher} [7]"
    assert out.read_text().count("works in the main interpreter of a process only") == 3


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("KIT_DISPATCH", "C", "'c' or 'python', or not set; got 'C'"),
        ("KIT_DISPATCH", "rust", "'c' or 'python', or not set; got 'rust'"),
        ("KIT_CLOCK", "tsc", "'system', or not set; got 'tsc'"),
        ("KIT_STRICT", "maybe", "one of 1, yes, on, true, 0, no, off, false, or not set"),
        ("KIT_CHECK_LOCKS", "2", "one of 1, yes, on, true, 0, no, off, false, or not set"),
    ],
)
def test_rule_44_a_word_of_the_environment_that_there_is_not_is_an_error(variable, value, says):
    """It names the words there are; one that is misspelt is not one that is not set.

    Seen to fail before: a clock that there is not was the usual one, and any other word was a yes.
    """
    done = subprocess.run(
        [sys.executable, "-c", "import kit"],
        cwd=ROOT,
        env={**os.environ, variable: value},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith(f"ImportError: {variable} in the environment is "), done.stderr
    assert says in last


REPLACED = """
import sys, _thread, threading, time, types, warnings

# What gevent and eventlet do, with nothing of them: what is begun as a thread runs only where
# somebody sleeps, and nothing that blocks lets it run.
greens = types.ModuleType("greens.thread")
exec('''
waiting = []

def start_new_thread(function, args=(), kwargs={}):
    waiting.append((function, args))
    return 1

def get_ident():
    return real_ident()

def sleep(seconds):
    while waiting:
        function, args = waiting.pop()
        function(*args)
    real_sleep(seconds)
''', greens.__dict__)
greens.real_ident, greens.real_sleep = _thread.get_ident, time.sleep

def replace():
    for module in (_thread, threading):
        for name in ("start_new_thread", "_start_new_thread", "get_ident"):
            if hasattr(module, name):
                setattr(module, name, getattr(greens, name.removeprefix("_")))
    time.sleep = greens.sleep
"""

WAITS = """
when, what = sys.argv[1:]
if when == "before":
    replace()
import kit
if when == "after":
    replace()
kit.defer(lambda: print("ran", end=" "))
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    if what == "barrier":
        kit.barrier()
    kit.synchronize()
    marker = kit.marker("replaced.one", n=int)
    marker.connect(print).disconnect(wait=True)
    kit.barrier()
raised = []
def waits():
    try:
        kit.barrier()
    except kit.errors.WouldDeadlockError:
        raised.append(1)
kit.defer(waits)
kit.barrier()
print(len(raised), *[(each.category.__name__, str(each.message).split()[0]) for each in said])
"""


@pytest.mark.parametrize("when", ["before", "after"])
def test_rule_44_nobody_hangs_where_threads_were_replaced(when):
    """Before the kit is imported or after; it says once who has replaced them.

    Seen to hang before: the thread of the deferred callbacks was no thread, and waited as only one
    may; so did `barrier`.
    """
    printed = run_apart(REPLACED + WAITS, when, "barrier")
    assert printed == "ran 1 ('KitWarning', 'greens')"


DEBUGGED = """
import _thread, sys, warnings
warnings.simplefilter("error")
begun, start = [], _thread.start_new_thread
def traced(*args):
    begun.append(args)
    return start(*args)
_thread.start_new_thread = traced
import kit
kit.defer(lambda: None)
kit.barrier()
print(len(begun))
"""


def test_rule_44_a_debugger_is_told_of_the_threads_of_the_kit():
    """It replaces what begins a thread, and has no greenlets: no warning, and nothing round it.

    Seen to fail when the threads are taken for replaced as soon as one function of theirs is.
    """
    assert run_apart(DEBUGGED) == "1"


LIBRARIES = {
    "gevent": "from gevent.monkey import patch_all as replace\n",
    "eventlet": (
        "import warnings\nwarnings.simplefilter('ignore')\n"
        "from eventlet import monkey_patch as replace\n"
    ),
}
RECORDS = """
marker = kit.marker("replaced.two", n=int)
def switches(n):
    time.sleep(0.01)
connection = marker.connect(switches)
with kit.record(marker, path=sys.argv[3]) as events:
    threads = [threading.Thread(target=marker, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    time.sleep(0)
    try:
        connection.disconnect(wait=True)
    except kit.errors.WouldDeadlockError:
        pass
    for thread in threads:
        thread.join()
kit.barrier()
print(len(events))
"""


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("library", LIBRARIES)
def test_rule_44_nor_do_they_under_what_replaces_them(library, when, tmp_path):
    """Also a recorder with a file, and probes that switch to another greenlet.

    Seen to hang before, under gevent: `barrier` and `defer`, where it came before the kit.
    """
    pytest.importorskip(library)
    code = "import sys, time, threading, warnings\n" + LIBRARIES[library] + WAITS + RECORDS
    code = code.replace("sys.argv[1:]", "sys.argv[1:3]")
    *_, waited, recorded = run_apart(code, when, "barrier", tmp_path / "run.kit").splitlines()
    assert waited == f"ran 1 ('KitWarning', '{library}')"
    assert recorded == "3"


def test_rule_44_a_number_beyond_its_bounds_is_named_with_them(unique, tmp_path):
    """Of whatever can be asked for; nothing is connected, and no file made.

    Seen to fail before: an `OverflowError`, or a `MemoryError`, from deep inside.
    """
    fill = kit.marker(unique("fill"), n=int)
    path = tmp_path / "run.kit"
    for far in (10**30, 2**63, -1, 0, True, 1.5, "x", float("nan")):
        for ask in (
            lambda far=far: kit.record(fill, capacity=far),
            lambda far=far: kit.record(fill, capacity=far, mode="overwrite"),
            lambda far=far: kit.record(fill, path=path, capacity=far),
            lambda far=far: kit.record(fill, path=path, size=far),
        ):
            with pytest.raises(
                ValueError, match=r"at least 1 and at most 281,474,976,710,656; got"
            ):
                ask()
        for option in ("every", "limit", "per_second"):
            with pytest.raises(ValueError, match=rf"{option} is a whole number of at least 1 and"):
                fill.connect(print, **{option: far})
    with pytest.raises(ValueError, match=r"per_second is a whole number .* most 1,000,000"):
        fill.connect(print, per_second=2**40)
    for timeout in ("x", float("nan"), 10**400):
        for wait in (kit.synchronize, kit.barrier):
            with pytest.raises(ValueError, match="a timeout is how many seconds to wait"):
                wait(timeout)
    with pytest.raises(ValueError, match="the path is empty"):
        kit.record(fill, path="")
    assert fill.fanout == 0
    assert not path.exists()


def test_rule_44_a_field_that_a_frame_calls_otherwise_is_shown_with_its_column(unique, frames):
    """In the representation of the marker and of its format, as text and in a notebook.

    Seen to fail before: `frame["seq"]` was the number of the event, and nothing said so.
    """
    clash = kit.marker(unique("clash"), seq=int, qty=int, tid=int)
    plain = kit.marker(unique("plain"), qty=int, tid_=int)
    said = "in a frame seq is seq_, tid is tid_"
    for text in (
        repr(clash),
        clash._repr_html_(),
        repr(clash.format),
        clash.format._repr_html_(),
        repr(kit.markers(clash.name)),
    ):
        assert said in text
    assert "in a frame" not in repr(plain) + repr(plain.format) + plain.format._repr_html_()
    assert str(clash.format) == "seq %d qty %d tid %d"
    with kit.record(clash) as events:
        clash(7, 8, 9)
    frame = events.frame(clash.name)
    assert frame.iloc[0][["seq_", "qty", "tid_"]].tolist() == [7, 8, 9]
    for name in COLUMNS:
        assert f"{name} is {name}_" in repr(kit.marker(unique(name), **{name: int}))


# Rule 45


@pytest.mark.parametrize(
    "condition", ["s + s == 'x'", "'x' in s + s", "s + s + s < s", "n * n * n * n * n > 0"]
)
def test_rule_45_a_condition_makes_nothing_larger_than_what_is_recorded(unique, condition):
    """It cannot be decided then: the event is kept back, as `failed`.

    Seen to fail before: texts were put together, and numbers multiplied, whatever their size.
    """
    fill = kit.marker(unique("fill"), s=str, n=int)
    seen = []
    connection = fill.connect(lambda s, n: seen.append(n), when=condition)
    fill("x" * (TEXT_LIMIT - 1), 1 << 2000)
    assert connection.filtered_by == {"failed": 1}
    with kit.record(fill, when=condition) as events:
        fill("x" * (TEXT_LIMIT - 1), 1 << 2000)
    assert (events.filtered, len(events)) == ({fill.name: {"failed": 1}}, 0)
    fill("", 3)  # and what has room is decided
    assert connection.filtered_by["failed"] == 2


@pytest.mark.parametrize(
    "condition",
    [
        "dur > 1e-999999999 s",
        "dur > 0e999999999 ms",
        "dur > 0b11 ms and dur < 0x" + "f" * 1900,
    ],
)
def test_rule_45_a_number_is_read_in_the_room_that_it_has(condition):
    """Seen to fail before: the first two took all memory, the third was no fraction."""
    assert Condition(condition).function(["dur"])((5_000_000,)) is True


@pytest.mark.parametrize(
    "condition",
    ["n > 2 ** 5000", "n > " + " * ".join(["2 ** 1000"] * 5), "n > 9 ** 9 ** 9", "n > 1e999"],
)
def test_rule_45_a_number_that_is_too_large_is_an_error_where_it_stands(condition):
    """Seen to fail before for the product."""
    with pytest.raises(ConditionError, match="too large"):
        Condition(condition)


def test_rule_45_what_is_large_is_read_where_few_digits_may_be_written():
    """Seen to fail when the number is written into the source of the condition."""
    limit = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(640)
    try:
        met = Condition("n < 15 ** 1024").function(["n"])
        assert met((1,)) is True
    finally:
        sys.set_int_max_str_digits(limit)


def test_rule_45_what_a_page_sends_is_refused_as_a_whole(unique, caplog):
    """What has not all it needs changes nothing, and is said in the log.

    Seen to fail before: a message without its keys raised in the middle of what it asked for.
    """
    pytest.importorskip("ipywidgets", exc_type=ImportError)
    pytest.importorskip("bokeh", exc_type=ImportError)
    from kit.widgets._panel.widget import panel

    fill = kit.marker(unique("fill"), n=int)
    with panel(fill.name) as shown:
        before = json.loads(shown.widget.shown)["rows"]
        for content in (None, [], {}, {"type": "do"}, {"type": "do", "action": "toggle"}):
            caplog.clear()
            shown._on_message(shown.widget, content, [])
            assert [each.name for each in caplog.records] == ["kit.widgets._messages"]
            assert "was refused" in caplog.text
        assert fill.fanout == 0
        assert json.loads(shown.widget.shown)["rows"] == before
