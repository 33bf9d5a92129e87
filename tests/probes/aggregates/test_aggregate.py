"""What an aggregate takes, refuses and shows."""

import math
import os
import sys

import pytest

import kit
from kit.frames._aggregates import buckets as buckets_frame
from kit.probes.aggregates import _cells as cells
from kit.probes.aggregates import _writer as writer
from kit.probes.aggregates._writer import Totals
from kit.testing import isolated


@pytest.fixture(autouse=True)
def _registry_as_it_was():
    with isolated():
        yield


@pytest.fixture
def fill():
    return kit.marker("aggregate.fill", qty=int, px=float, sym=kit.Label, ok=bool)


def test_counting_needs_no_value(fill: kit.Marker) -> None:
    with kit.aggregate(fill) as all_of_them, kit.aggregate(fill, by=("sym", "ok")) as keyed:
        for n in range(6):
            fill(n, 1.0, "AB"[n % 2], n % 3 == 0)
    assert all_of_them.table().rows[()].count == 6
    assert {key: stats.count for key, stats in keyed.table().rows.items()} == {
        ("A", True): 1,
        ("A", False): 2,
        ("B", True): 1,
        ("B", False): 2,
    }
    assert keyed.frame().columns.tolist() == ["sym", "ok", "count", "rate"]
    assert "2" in str(keyed)


def test_what_is_no_number_is_counted_as_missing(fill: kit.Marker) -> None:
    import numpy as np

    with kit.aggregate(fill, "px", histogram="log2") as px, kit.aggregate(fill, "qty") as qty:
        numbers = [1, 2.5, np.float32(0.5), np.int16(4), True]
        for value in [*numbers, None, "7", [], math.nan, math.inf]:
            fill(value, value, "A", True)
    stats = px.table().rows[()]
    assert (stats.count, stats.missing, stats.sum) == (10, 5, 9.0)
    assert sum(stats.buckets.values()) == stats.sketch.count == 5
    assert qty.table().rows[()].sum == 9.0
    assert px.frame()["missing"].tolist() == [5]


def test_a_value_of_which_there_is_one_or_none(fill: kit.Marker) -> None:
    with kit.aggregate(fill, "px", by="sym") as px:
        fill(1, None, "none", True)
        fill(1, 2.0, "one", True)
    rows = px.table().rows
    assert rows[("one",)].variance is None
    assert (rows[("none",)].avg, rows[("none",)].min, rows[("none",)].quantile(0.5)) == (None,) * 3
    frame = px.frame().set_index("sym")
    assert frame.loc["none"].isna().tolist() == [False, False, *[True] * 8, False]
    assert str(px)


def test_a_frame_has_the_types_of_the_fields(fill: kit.Marker) -> None:
    with kit.aggregate(fill, "qty", by=("sym", "marker", "ok")) as numbers:
        fill(2**62, 1.0, "A", True)
        fill(2**62, 1.0, "A", True)
        fill(1, 1.0, None, True)
    frame = numbers.frame()
    assert frame.dtypes.astype(str).tolist() == [
        "category",
        "category",
        "boolean",
        "int64",
        "int64",
        "Int64",
        "Int64",
        "Int64",
        *["Float64"] * 6,
    ]
    assert numbers.table().rows[("A", fill.name, True)].sum == 2**63  # exact, and too large there
    assert frame["sum"].isna().tolist() == [True, False]
    assert frame.attrs["by"] == ["sym", "marker", "ok"]


def test_keys_with_the_name_of_a_number() -> None:
    odd = kit.marker("aggregate.odd", count=int, sum=str)
    with kit.aggregate(odd, "count", by=("sum", "count")) as numbers:
        odd(3, "x")
    assert numbers.frame().columns.tolist()[:3] == ["sum_", "count_", "count"]


def test_several_markers_and_fields_that_one_has_not() -> None:
    one, two = kit.marker("aggregate.one", n=int), kit.marker("aggregate.two", m=int, n=float)
    with kit.aggregate("aggregate.*", "n", by=("marker", "m")) as numbers:
        one(1)
        two(5, 2.5)
        kit.marker("aggregate.three", other=str)("x")
    rows = numbers.table().rows
    assert rows[("aggregate.one", None)].sum == 1
    assert rows[("aggregate.two", 5)].sum == 2.5
    assert rows[("aggregate.three", None)].missing == 1


def test_spans_and_the_context() -> None:
    query = kit.span("aggregate.query", sql=str)
    with kit.aggregate(query, "dur", by=("error", "thread"), when="sql like 's*'") as took:
        with query("select"):
            pass
        with query("update"):
            pass
        with pytest.raises(KeyError), query("select"):
            raise KeyError
    assert set(took.table().rows) == {(None, "MainThread"), ("KeyError", "MainThread")}
    assert took.filtered == {query.name: {"condition": 1}}
    assert "1 events filtered" in str(took)


def test_a_key_that_cannot_be_one(fill: kit.Marker) -> None:
    with kit.aggregate(fill, by="sym") as numbers:
        fill(1, 1.0, ["a", "list"], True)
        fill(1, 1.0, None, True)
    assert {key: stats.count for key, stats in numbers.table().rows.items()} == {(None,): 2}


def test_clear_stop_and_start(fill: kit.Marker) -> None:
    numbers = kit.aggregate(fill, "qty", by="sym", capacity=1)
    fill(1, 1.0, "A", True)
    fill(1, 1.0, "B", True)
    assert (numbers.count, numbers.dropped, numbers.running) == (1, 1, True)
    numbers.clear()
    fill(2, 1.0, "B", True)
    fill(2, 1.0, "A", True)
    assert (list(numbers.table().rows), numbers.dropped) == ([("B",)], 1)
    numbers.stop()
    numbers.stop()
    seconds = numbers.seconds
    fill(3, 1.0, "B", True)
    assert (numbers.count, numbers.seconds, numbers.running) == (1, seconds, False)
    numbers.start()
    numbers.start()
    fill(3, 1.0, "B", True)
    assert numbers.count == 2
    assert "1 events dropped: there is room for 1 keys" in str(numbers)
    numbers.stop()


def test_as_a_table_in_a_terminal(fill: kit.Marker) -> None:
    with kit.aggregate(
        fill, "qty", by="sym", histogram="log2", quantiles=(0.5,), name="sizes"
    ) as sizes:
        for qty in (1, 2, 3, 3, 5000):
            fill(qty, 1.0, "ACME", True)
        fill(1, 1.0, "<i>", True)
        assert fill.probes[0].label == "sizes"
    lines = str(sizes).split("\n")
    assert lines[0] == "aggregate.fill: qty by sym"
    numbers = ["count", "sum", "min", "max", "avg", "variance", "p50", "rate"]
    assert lines[1].split() == ["sym", *numbers]
    assert lines[3].split()[:5] == ["ACME", "5", "5,009", "1", "5,000"]
    assert lines[5] == "quantiles within 1.00%"
    assert lines[7] == "sym = ACME"
    assert lines[8] == f"[1, 2)      1 |{'@' * 14:40}|"
    assert lines[9] == f"[2, 4)      3 |{'@' * 40}|"
    assert lines[10] == f"[4, 8)      0 |{'':40}|"
    assert lines[20] == f"[4K, 8K)    1 |{'@' * 14:40}|"
    html = sizes._repr_html_()
    assert "<i>" not in html
    assert "&lt;i&gt;" in html
    frame = buckets_frame(sizes.table())
    assert frame.columns.tolist() == ["sym", "low", "high", "count"]
    assert frame["count"].sum() == 6


def test_an_empty_one_says_so(fill: kit.Marker) -> None:
    with kit.aggregate(fill, "px", by="sym") as numbers:
        assert str(numbers) == "aggregate.fill: px by sym\nno events yet"
        assert "no events yet" in numbers._repr_html_()
        assert len(numbers.frame()) == 0
        assert numbers.quantile(0.5, "A") is None
        assert numbers.buckets("A") == []


@pytest.mark.parametrize(
    ("arguments", "options", "error", "says"),
    [
        (("qyt",), {}, kit.errors.ConditionError, "not a field of aggregate.fill"),
        (("sym",), {}, kit.errors.ConditionError, "text"),
        (("qty",), {"by": "smy"}, kit.errors.ConditionError, "'smy'"),
        (("qty",), {"by": ("sym", "sym")}, ValueError, "twice"),
        (("qty",), {"histogram": "log10"}, ValueError, "log2"),
        (("qty",), {"histogram": (0, 0, 1)}, ValueError, "log2"),
        (("qty",), {"histogram": (0, 10**9, 1)}, ValueError, "10,000"),
        (("qty",), {"histogram": (0, math.inf, 1)}, ValueError, "log2"),
        (("qty",), {"quantiles": (50,)}, ValueError, "from 0 to 1"),
        (("qty",), {"error": 0}, ValueError, "error"),
        (("qty",), {"capacity": 0}, ValueError, "capacity"),
        (("qty",), {"when": "qty >"}, kit.errors.ConditionError, "missing here"),
    ],
)
def test_what_says_nothing_is_refused(fill: kit.Marker, arguments, options, error, says) -> None:
    with pytest.raises(error, match=says):
        kit.aggregate(fill, *arguments, **options)
    assert fill.fanout == 0


def test_it_may_wait_for_its_marker() -> None:
    with kit.aggregate("aggregate.later", "n", by="who") as numbers:
        later = kit.marker("aggregate.later", n=int, who=str)
        later(3, "me")
    assert numbers.table().rows[("me",)].sum == 3


def test_a_child_process_begins_at_nothing(fill: kit.Marker) -> None:
    if not hasattr(os, "fork"):
        pytest.skip("no fork here")
    with kit.aggregate(fill, "qty") as numbers:
        fill(1, 1.0, "A", True)
        child = os.fork()
        if child == 0:
            fill(2, 1.0, "A", True)
            os._exit(numbers.count == 1 and numbers.table().rows[()].sum == 2)
        assert os.waitpid(child, 0)[1] >> 8 == 1
    assert numbers.count == 1


def test_two_threads_that_bring_one_key_take_one_place() -> None:
    state = Totals(1)

    class OtherThreadIsFaster(dict):
        def setdefault(self, key, default):
            dict.setdefault(self, key, "another thread's")
            return dict.setdefault(self, key, default)

    state.known = OtherThreadIsFaster()
    assert state.cell(1, "a", "marker") is not None
    assert len(state._room) == 1


def test_without_a_global_lock_a_cell_has_one_of_its_own(
    fill: kit.Marker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Red where an event is added, or a cell copied, without taking the cell's lock."""

    class Noting:
        def __enter__(self) -> None:
            taken.append(1)

        def __exit__(self, *exc: object) -> None: ...

    taken: list[int] = []
    for module in (cells, writer):
        monkeypatch.setattr(module, "unlocked", True)
    monkeypatch.setattr(cells, "inner_lock", lambda name: Noting())
    monkeypatch.setattr(sys.modules["kit.probes.aggregates._aggregate"], "new_state", Totals)
    with (
        kit.aggregate(fill, "px", by="sym", histogram="log2") as numbers,
        kit.aggregate(fill, capacity=1, by="qty") as counts,
    ):
        for n in range(4):
            fill(n, float("nan") if n == 3 else float(n), "A", True)
    assert len(taken) == 5  # one event of the second finds room
    assert (numbers.count, counts.count, counts.dropped) == (4, 1, 3)
    taken.clear()
    (stats,) = numbers.table().rows.values()
    assert len(taken) == 1
    assert (stats.count, stats.missing, stats.sum) == (4, 1, 3.0)
    assert sum(stats.buckets.values()) == stats.sketch.count == 3
