"""Count, print and time: exact under threads, in memory that does not grow."""

import io
import threading

import pytest

import kit
from kit.probes import Count, Print, Time
from kit.probes._basic import _duration


@pytest.fixture
def fill():
    return kit.marker("ready.tests.fill", qty=int, sym=str)


@pytest.fixture
def query():
    return kit.span("ready.tests.query", sql=str)


def on_threads(count, work):
    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_all_three_are_exact_under_threads(fill):
    count, show, took = Count(), Print(), Time()
    probes = (count, show, took)
    connections = [fill.connect(probe) for probe in probes]

    def work():
        for number in range(20_000):
            fill(number, "ACME")

    on_threads(4, work)
    assert [connection.calls for connection in connections] == [80_000] * 3
    assert count.value == 80_000
    assert len(show.lines) + show.omitted == 80_000
    assert took.count == 79_999  # gaps between events
    for connection in connections:
        connection.disconnect()


def test_counts_can_begin_again(fill):
    count = Count()
    with fill.connect(count):
        fill(1, "a")
        count.reset()
        fill(1, "a")
    assert (count.value, repr(count)) == (1, "<Count: 1>")


def test_counts_of_one_probe_on_two_markers_add_up(fill, query):
    count = Count()
    with fill.connect(count), query.connect(count):
        fill(1, "a")
        with query("select 1"):
            pass
    assert count.value == 2


def test_print_names_marker_and_fields(fill, query):
    show = Print()
    with fill.connect(show), query.connect(show):
        fill(3, "AC\nME")
        with query("select 1"):
            pass
    first, second = show.lines
    assert first == "ready.tests.fill  qty=3 sym='AC\\nME'"
    assert second.startswith("ready.tests.query  took ")
    assert second.endswith("s sql='select 1'")


def test_print_says_how_a_span_failed(query):
    show = Print()
    with query.connect(show), pytest.raises(KeyError), query("select 1"):
        raise KeyError("x")
    assert show.lines[0].endswith(" sql='select 1'  KeyError")


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "0 ns"),
        (999, "999 ns"),
        (1_000, "1.00 µs"),
        (41_230, "41.2 µs"),
        (999_900, "1.00 ms"),
        (9_996_000, "10.0 ms"),
        (123_456_789, "123 ms"),
        (3_661_000_000_000, "3,661 s"),
    ],
)
def test_durations_are_written_for_reading(ns, text):
    assert _duration(ns) == text


def test_print_writes_to_a_stream_too(fill):
    to = io.StringIO()
    with fill.connect(Print(to)):
        fill(3, "a")
    assert to.getvalue() == "ready.tests.fill  qty=3 sym='a'\n"


def test_print_says_what_it_left_out(fill):
    show = Print(per_second=3)
    with fill.connect(show):
        for number in range(10_000):
            fill(number, "a")
    assert show.omitted >= 9_000
    assert f"{show.omitted:,} not printed" in repr(show)
    show.reset()
    assert (len(show.lines), show.omitted) == (0, 0)


def test_print_cuts_long_values(fill):
    show = Print()
    with fill.connect(show):
        fill(1, "x" * 10_000)
    assert len(show.lines[0]) < 200


@pytest.mark.parametrize("wrong", [{"per_second": 0}, {"keep": 0}])
def test_print_refuses_to_print_nothing(wrong):
    with pytest.raises(ValueError, match="at least 1"):
        Print(**wrong)


def test_durations_fall_into_their_buckets():
    took = Time()
    for ns in (0, 1, 2, 3, 4, 1000, 1023, 1024):
        took._note(ns)
    assert list(took.histogram())[:4] == [(0, 0, 1), (1, 1, 1), (2, 3, 2), (4, 7, 1)]
    assert {low: count for low, _, count in took.histogram() if count} == {
        0: 1,
        1: 1,
        2: 2,
        4: 1,
        512: 2,
        1024: 1,
    }
    assert sum(count for _, _, count in took.histogram()) == took.count == 8
    assert took.longest == 1024


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 0.9, 0.99, 1.0])
def test_quantiles_are_never_too_small_nor_twice_too_large(share):
    took = Time()
    values = sorted((number * 7919) % 100_003 + 1 for number in range(1000))
    for value in values:
        took._note(value)
    true = values[min(999, int(share * 1000))]
    below = values[max(0, int(share * 1000) - 1)]
    found = took.quantile(share)
    assert below <= found < 2 * true + 1
    assert found <= took.longest


def test_before_the_first_event(fill):
    took = Time()
    with fill.connect(took):
        fill(1, "a")
    assert (took.count, took.quantile(0.5), list(took.histogram())) == (0, None, [])
    assert "nothing" in repr(took)


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_shares_outside_of_all_are_refused(share):
    with pytest.raises(ValueError, match="between 0 and 1"):
        Time().quantile(share)


def test_a_span_is_measured_by_its_duration(query):
    took = Time()
    seen = []
    with query.connect(took), query.connect(lambda dur, error, sql: seen.append(dur)):
        for _ in range(5):
            with query("select 1"):
                pass
    assert (took.count, took.longest) == (5, max(seen))


def test_a_gap_longer_than_any_bucket_is_kept():
    took = Time()
    took._note(1 << 80)
    assert took.count == 1
    assert took.longest == 1 << 80
