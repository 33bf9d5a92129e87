"""The program as a whole: it starts, it ends, it leaves nothing behind, and its markers tell."""

import gc
import sqlite3
import tempfile
import threading
import time
from collections import Counter
from contextlib import closing, nullcontext
from pathlib import Path

import pytest

import kit
from kit.demo import OrderBook, book, database, report, threads
from kit.demo import gc_pauses as pauses
from kit.demo.schema import open_book
from kit.demo.status import Status

FAST = 5000.0
MARKERS = {
    "book.match",
    "book.top",
    "db.checkpoint",
    "db.checkpointed",
    "db.commit",
    "db.expire",
    "db.lock",
    "db.query",
    "db.sync",
    "gc.pause",
    "orders.expire",
    "orders.fill",
    "orders.reject",
    "orders.submit",
    "report.build",
}


@pytest.fixture(autouse=True)
def nothing_is_left(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    threads, callbacks = set(threading.enumerate()), list(gc.callbacks)
    yield
    gc.collect()
    assert set(threading.enumerate()) - threads <= {
        t for t in threading.enumerate() if not t.name.startswith(("writer", "reader", "keeper"))
    }
    assert gc.callbacks == callbacks
    assert not list(tmp_path.glob("kit-demo-*"))


def rows(path: Path, query: str) -> list:
    with closing(open_book(path)) as connection:
        return connection.execute(query).fetchall()


def wait_for(condition) -> None:
    until = time.monotonic() + 240  # only a hang takes so long
    while not condition():
        assert time.monotonic() < until, "it never happened"
        time.sleep(0.005)


def test_one_writer_does_the_same_each_time(tmp_path):
    runs = []
    for name in ("a.db", "b.db"):
        path = tmp_path / name
        # Where writers line up, no order is rejected for a slow machine's sake.
        orders = OrderBook(path, writers=1, seed=3, rate=FAST, queue=True)
        orders.run(orders=200)
        assert orders.check() == []
        runs.append(rows(path, "SELECT taker, maker, sym, px, qty FROM fills ORDER BY seq"))
    assert len(runs[0]) > 20
    assert runs[0] == runs[1]


def test_many_writers_send_exactly_as_many_orders_as_asked_for(tmp_path):
    path = tmp_path / "book.db"
    orders = OrderBook(path, writers=3, rate=FAST, keep=10_000)
    orders.run(orders=100)
    status = orders.status
    assert status.state == "stopped"
    assert status.orders == 100
    assert rows(path, "SELECT count(*) FROM orders") == [(100 - status.rejected,)]
    assert rows(path, "SELECT count(*), sum(qty) FROM fills") == [(status.fills, status.lots)]
    assert rows(path, "SELECT count(DISTINCT trader) FROM orders") == [(3,)]
    assert orders.check() == []


def test_the_tables_stay_small(tmp_path):
    path = tmp_path / "book.db"
    # With a queue the keeper has its turn, however busy the writers are.
    with OrderBook(path, rate=FAST, keep=20, queue=True, checkpoint_every=0.01).start() as orders:
        orders.run(orders=300)
        kept = OrderBook(path)  # a second handle, never started, touches nothing
        assert not kept.running
        wait_for(lambda: rows(path, "SELECT orders > 200 FROM forgotten") == [(1,)])
        assert orders.check() == []
    assert orders.check() == []


def test_started_twice_is_refused_and_goes_on():
    with OrderBook().start() as orders:
        with pytest.raises(RuntimeError, match=r"runs already: stop\(\) it first"):
            orders.start()
        assert orders.running
    assert not orders.running


def test_stop_is_harmless_twice_and_before_the_start():
    orders = OrderBook()
    orders.stop()
    orders.start()
    orders.stop()
    orders.stop()
    assert orders.status.state == "stopped"


def test_it_can_be_started_again(tmp_path):
    path = tmp_path / "book.db"
    orders = OrderBook(path, writers=1, rate=FAST, queue=True)
    for _ in range(2):
        orders.run(orders=50)
        assert orders.status.orders == 50
    (kept,) = rows(path, "SELECT count(*) FROM orders")[0]
    assert kept == 100 - 2 * orders.status.rejected
    assert orders.check() == []


def test_two_books_at_once_do_not_meet():
    with OrderBook().start() as one, OrderBook().start() as two:
        assert gc.callbacks.count(pauses._on_collection) == 1
        two.run(orders=10)
        two.stop()
        assert one.running
        assert gc.callbacks.count(pauses._on_collection) == 1


def test_threads_are_named_and_end_with_it():
    with OrderBook(writers=2, readers=1).start():
        running = {thread.name for thread in threading.enumerate()}
        assert running >= {"writer-1", "writer-2", "reader-1", "keeper", "reporter"}
    with OrderBook(writers=1, readers=0, report_every=None).start() as orders:
        assert orders._run is not None
        assert [thread.name for thread in orders._run.threads] == ["writer-1", "keeper"]


def test_a_temporary_database_is_removed_and_a_named_one_kept(tmp_path):
    with OrderBook().start():
        assert len(list(tmp_path.glob("kit-demo-*/book.sqlite"))) == 1
    assert not list(tmp_path.glob("kit-demo-*"))
    path = tmp_path / "kept.db"
    OrderBook(path).run(orders=5)
    assert [p.name for p in tmp_path.iterdir()] == ["kept.db"]


def test_a_book_nobody_holds_stops_its_threads():
    orders = OrderBook().start()
    assert orders._run is not None
    run = orders._run
    del orders
    gc.collect()
    assert run.stopping.is_set()
    assert not any(thread.is_alive() for thread in run.threads)


def test_a_text_file_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("not a database, " * 100)
    with pytest.raises(ValueError, match=r"notes\.txt is not an order book"):
        OrderBook(path).start()
    assert path.read_text() == "not a database, " * 100


def test_another_database_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE mine (x)")
    content = path.read_bytes()
    with pytest.raises(ValueError, match="a database, but not an order book"):
        OrderBook(path).run(orders=1)
    assert path.read_bytes() == content
    assert [p.name for p in tmp_path.iterdir()] == ["other.db"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"writers": 0}, "writers=0"),
        ({"writers": 1.5}, "writers=1.5"),
        ({"readers": -1}, "readers=-1"),
        ({"keep": 0}, "keep=0"),
        ({"rate": 0}, "rate=0"),
        ({"rate": float("nan")}, "rate=nan"),
        ({"rate": float("inf")}, "rate=inf"),
        ({"checkpoint_every": -1}, "checkpoint_every=-1"),
        ({"report_every": 0}, "report_every=0"),
        ({"checkpoint": "TRUNCATE; DROP TABLE orders"}, "one of 'truncate', 'restart', 'passive'"),
    ],
)
def test_arguments_out_of_range_are_refused(arguments, said):
    with pytest.raises(ValueError, match=said):
        OrderBook(**arguments)


@pytest.mark.parametrize(
    "arguments", [{}, {"seconds": 1, "orders": 1}, {"seconds": 0}, {"orders": 0}, {"orders": 1.5}]
)
def test_run_wants_one_amount_above_zero(arguments):
    orders = OrderBook()
    with pytest.raises(ValueError, match=r"run\(seconds=|seconds=0|orders="):
        orders.run(**arguments)
    assert not orders.running


def test_run_reports_progress_up_to_the_end():
    seen = []
    OrderBook(rate=FAST).run(orders=50, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (50, 50)
    assert seen == sorted(seen)
    seen.clear()
    OrderBook().run(seconds=0.25, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (0.25, 0.25)
    assert seen == sorted(seen)


def test_run_on_a_running_book_leaves_it_running():
    with OrderBook(rate=FAST).start() as orders:
        before = orders.status.orders
        orders.run(orders=20)
        assert orders.running
        assert orders.status.orders >= before + 20


def test_progress_that_raises_stops_the_book():
    orders = OrderBook()

    def interrupted(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        orders.run(seconds=60, progress=interrupted)
    assert not orders.running


@pytest.mark.parametrize("mode", ["truncate", "restart", "passive"])
def test_each_checkpoint_mode_and_a_queue_keep_the_book_sound(mode):
    done = []
    with kit.connect("db.checkpointed", lambda *values: done.append(values)):
        queue = mode != "restart"
        with OrderBook(rate=FAST, queue=queue, checkpoint=mode, checkpoint_every=0.01) as orders:
            orders.start().run(orders=150)
            wait_for(lambda: done)
        assert orders.check() == []
    assert {values[0] for values in done} == {mode}


def test_a_thread_that_fails_stops_the_book_and_is_named(monkeypatch):
    def broken(connection, keep):
        raise ZeroDivisionError("nobody home")

    monkeypatch.setattr(book, "expire", broken)
    orders = OrderBook(checkpoint_every=0.01)
    seen = []
    with pytest.raises(
        RuntimeError, match="keeper of the order book failed: ZeroDivisionError: nobody home"
    ) as caught:
        orders.run(seconds=600, progress=lambda done, total: seen.append(done))
    assert seen[-1] < 600
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert not orders.running
    assert orders.status.state == "failed"


def test_an_order_whose_match_fails_leaves_no_trace(tmp_path, monkeypatch):
    real, path = book.match, tmp_path / "book.db"

    def halfway(connection, order):
        real(connection, order)
        if order.ref == 30:
            raise ZeroDivisionError
        return []

    monkeypatch.setattr(book, "match", halfway)
    with pytest.raises(RuntimeError):
        OrderBook(path, writers=1, rate=FAST).run(orders=60)
    assert rows(path, "SELECT max(ref) < 30 FROM orders") == [(1,)]


def test_it_says_how_it_is():
    orders = OrderBook(writers=2, readers=1, rate=FAST)
    assert repr(orders) == "<OrderBook not started, 2 writers, 1 readers>"
    assert "not started" in orders._repr_html_()
    with orders.start():
        orders.run(orders=50)
        wait_for(lambda: orders.status.quotes)
        assert repr(orders).startswith("<OrderBook running, 2 writers, 1 readers: ")
        assert "MiB on disk" in orders._repr_html_()
        assert "ACME" in orders._repr_html_()
    assert repr(orders).startswith("<OrderBook stopped, ")


def test_html_is_escaped():
    hostile = "<script>alert(1)</script>"
    status = Status("running", 1.0, 1, 1, 1, 0, 0, 0, 0, (book.Quote(hostile, 1, None),))
    assert hostile not in status._repr_html_()
    assert "&lt;script&gt;" in status._repr_html_()


def test_its_markers_are_these_and_nothing_is_connected():
    mine = {m.name for m in kit.markers() if m.module.startswith("kit.demo")}
    assert mine == MARKERS
    assert {kit.markers(name)[0].fanout for name in MARKERS} == {0}


def test_its_markers_tell_what_it_did():
    seen: Counter[str] = Counter()
    lots = []
    with (
        kit.connect("orders.submit", lambda *_: seen.update(["submit"]), name="test"),
        kit.connect("orders.reject", lambda *_: seen.update(["reject"]), name="test"),
        kit.connect("orders.fill", lambda taker, maker, sym, px, qty: lots.append(qty)),
        kit.connect("db.commit", lambda dur, error, ref: seen.update(["commit"]), name="test"),
        kit.connect("db.lock", lambda dur, error, ref: seen.update(["lock"] * bool(ref))),
        kit.connect("db.sync", lambda dur, error, ref: seen.update(["sync"]), name="test"),
    ):
        orders = OrderBook(writers=1, rate=FAST, queue=True)
        orders.run(orders=400)
    status = orders.status
    accepted = status.orders - status.rejected
    assert status.rejected > 0
    assert seen == {
        "submit": 400,
        "reject": status.rejected,
        "commit": accepted,
        "lock": accepted,
        "sync": accepted,
    }
    assert (len(lots), sum(lots)) == (status.fills, status.lots)


def test_a_commit_waits_for_whoever_holds_the_write_lock(tmp_path):
    path = tmp_path / "book.db"
    submitted, locked = threading.Event(), threading.Event()
    OrderBook(path, writers=1).run(orders=1)
    with (
        closing(open_book(path)) as holder,
        kit.connect("orders.submit", lambda *_: submitted.set(), name="submitted"),
        kit.connect("db.lock", lambda *_: locked.set(), name="locked"),
    ):
        holder.execute("BEGIN IMMEDIATE")
        with OrderBook(path, writers=1, checkpoint_every=60).start():
            assert submitted.wait(60)
            assert not locked.wait(0.2)
            holder.execute("ROLLBACK")
            assert locked.wait(60)


def test_who_cannot_get_the_write_lock_gives_way_and_tries_again(tmp_path, monkeypatch):
    """Writers reject the order, the keeper does nothing this time; the book goes on."""
    path = tmp_path / "book.db"
    OrderBook(path, writers=1, rate=FAST).run(orders=50)
    monkeypatch.setattr(threads, "open_book", lambda path: open_book(path, busy_seconds=0.01))
    told: Counter[object] = Counter()
    with (
        kit.connect("orders.reject", lambda ref, sym, reason: told.update([reason])),
        kit.connect("db.lock", lambda dur, error, ref: told.update([(error, ref == 0)])),
        kit.connect("db.checkpointed", lambda mode, pages, copied, busy: told.update([busy])),
        kit.connect("orders.expire", lambda *_: told.update(["expired"])),
        closing(open_book(path)) as holder,
    ):
        holder.execute("BEGIN IMMEDIATE")
        with OrderBook(path, writers=1, keep=20, checkpoint_every=0.01).start() as orders:
            failed = "OperationalError"
            given_way = {"busy", (failed, True), (failed, False), True}
            wait_for(lambda: all(told[what] > 1 for what in given_way))
            assert set(told) <= given_way | {"quantity", "price band"}
            holder.execute("ROLLBACK")
            wait_for(lambda: told["expired"] and told[(None, False)] and told[False])
        assert orders.status.state == "stopped"
        assert orders.check() == []


def busy(code=sqlite3.SQLITE_BUSY) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("database is locked")
    error.sqlite_errorcode = code
    return error


def test_no_lock_that_is_taken_ends_a_thread(tmp_path, monkeypatch):
    """Opening, reading and reporting too: each may find the log being recovered or removed."""
    refused: Counter[str] = Counter()

    def sometimes(name, real):
        def call(*arguments):
            refused[name] += 1
            if refused[name] % 2:
                raise busy(
                    [sqlite3.SQLITE_BUSY_RECOVERY, sqlite3.SQLITE_PROTOCOL][refused[name] % 3 > 1]
                )
            return real(*arguments)

        return call

    monkeypatch.setattr(threads, "open_book", sometimes("open", open_book))
    for module, name in ((book, "quote"), (book, "depth"), (book, "match"), (report, "totals")):
        monkeypatch.setattr(module, name, sometimes(name, getattr(module, name)))
    with OrderBook(tmp_path / "book.db", report_every=0.01).start() as orders:
        wait_for(lambda: all(refused[n] > 4 for n in ("open", "quote", "depth", "match", "totals")))
        assert orders.running
    assert orders.status.state == "stopped"
    assert orders.check() == []


def test_a_queue_is_left_in_the_order_in_which_it_was_joined():
    gate, order, waiting = database.Queue(), [], []

    def line_up(number):
        with gate:
            order.append(number)

    with gate:
        for number in range(8):
            waiting.append(threading.Thread(target=line_up, args=(number,)))
            waiting[-1].start()
            wait_for(lambda: len(gate._waiting) == len(waiting))
        assert order == []
    for thread in waiting:
        thread.join()
    assert order == list(range(8))
    with gate:
        pass  # free again


@pytest.mark.parametrize(
    "turn",
    [
        lambda connection: database.housekeeping(connection, 20, nullcontext()),
        lambda connection: database.checkpoint(connection, "truncate", nullcontext()),
    ],
    ids=["housekeeping", "checkpoint"],
)
def test_other_failures_of_the_database_are_not_taken_for_a_lost_race(tmp_path, turn):
    path = tmp_path / "book.db"
    OrderBook(path).run(orders=1)
    with closing(open_book(path)) as connection:
        connection.execute("BEGIN")  # neither a transaction nor a checkpoint can begin in one
        connection.execute("SELECT count(*) FROM orders").fetchone()
        with pytest.raises(sqlite3.OperationalError):
            turn(connection)


def test_a_report_collects_its_own_cycles(tmp_path):
    path = tmp_path / "book.db"
    OrderBook(path, rate=FAST).run(orders=50)
    generations = []
    gc.disable()  # so that every collection seen was asked for
    pauses.install()
    try:
        with (
            closing(open_book(path)) as connection,
            kit.connect("gc.pause", lambda dur, error, generation: generations.append(generation)),
        ):
            report.build(connection)
    finally:
        pauses.remove()
        gc.enable()
    assert generations == [2]
    assert not [o for o in gc.get_objects() if type(o) is report.Node]
