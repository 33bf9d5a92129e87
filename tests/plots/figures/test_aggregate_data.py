"""An aggregate drawn: what is in a table is in the view, at the place where it belongs."""

import math

import pytest

import kit
from kit import plots
from kit.plots.figures.aggregate_data import ROWS, aggregate_data
from kit.testing import isolated


@pytest.fixture(autouse=True)
def _registry_as_it_was():
    with isolated():
        yield


@pytest.fixture
def fill():
    return kit.marker("drawn.fill", qty=int, px=float, sym=kit.Label)


def test_counts_by_key_most_first(fill):
    with kit.aggregate(fill, by=("sym", "qty"), when="qty < 3") as numbers:
        for n in range(10):
            fill(n % 4, 1.0, "A")
        fill(1, 1.0, None)
    view = aggregate_data(numbers.table())
    assert (view.kind, view.events, view.filtered, view.hidden) == ("counts", 9, 2, 0)
    assert [(row.key, row.stats.count) for row in view.rows] == [
        ("A, 0", 3),
        ("A, 1", 3),
        ("A, 2", 2),
        ("none, 1", 1),
    ]
    assert view.extent == (0, 3)
    assert view.rows[0].rate == pytest.approx(3 / numbers.seconds)


def test_bars_of_a_log_histogram_stand_side_by_side_and_add_up(fill):
    with kit.aggregate(fill, "qty", histogram="log2", quantiles=(0.5, 0.99)) as numbers:
        for qty in (-3, 0, 1, 3, 3, 9, 2**70):
            fill(qty, 1.0, "A")
    (row,) = (view := aggregate_data(numbers.table())).rows
    assert sum(bar.count for bar in row.bars) == 7
    assert sum(bar.share for bar in row.bars) == pytest.approx(1)
    assert all(a.right == b.left for a, b in zip(row.bars[:-2], row.bars[1:-1], strict=True))
    assert [bar.what for bar in row.bars[:3]] == ["below 0", "0 to 1", "1 to 2"]
    assert [(row.bars[2].left, row.bars[2].right), row.bars[3].count] == [(0.0, 1.0), 2]
    assert row.bars[0].outside and row.bars[-1].outside  # noqa: PT018 - one sentence
    name, place, value = row.marks[0]
    assert (name, value) == ("p50", pytest.approx(3, rel=0.01))
    assert place == pytest.approx(math.log2(value))
    # What is far outside is drawn in the bar beside the others.
    assert row.low == row.bars[0].right
    assert (row.high, view.extent) == (65.0, (row.bars[0].left, 65.0))
    assert len(view.ticks) >= 3


def test_bars_of_an_even_histogram_are_at_their_values(fill):
    with kit.aggregate(fill, "px", by="sym", histogram=(0, 10, 2.5)) as numbers:
        for px in (-100.0, 0.0, 3.0, 9.0, 10.0, 4000.0):
            fill(1, px, "A")
        fill(1, 6.0, "B")
    view = aggregate_data(numbers.table())
    one, other = view.rows
    assert [(bar.left, bar.right, bar.count) for bar in one.bars] == [
        (-2.5, 0, 1),
        (0, 2.5, 1),
        (2.5, 5, 1),
        (5, 7.5, 0),
        (7.5, 10, 1),
        (10, 12.5, 2),
    ]
    assert [(bar.left, bar.count) for bar in other.bars] == [(5, 1)]
    assert view.extent == (-2.5, 12.5)
    assert view.ticks == {0.0: "0", 5.0: "5", 10.0: "10"}


def test_ranges_are_logarithmic_where_values_span_much(fill):
    with (
        kit.aggregate(fill, "px", by="sym") as wide,
        kit.aggregate(fill, "qty", by="sym") as narrow,
    ):
        for n in range(1, 101):
            fill(n % 7, 10.0**n, "A")
    (row,) = (view := aggregate_data(wide.table())).rows
    assert (view.kind, row.bars) == ("ranges", ())
    assert (row.low, row.high) == (pytest.approx(math.log2(10)), pytest.approx(math.log2(1e100)))
    assert row.low < row.marks[0][1] < row.marks[-1][1] <= row.high
    assert 3 <= len(view.ticks) <= 8
    (row,) = aggregate_data(narrow.table()).rows
    assert (row.low, row.high, row.middle) == (0, 6, pytest.approx(row.stats.avg))


def test_durations_are_written_as_such():
    query = kit.span("drawn.query", sql=str)
    with kit.aggregate(query, "dur", histogram="log2") as took, query("x"):
        pass
    view = aggregate_data(took.table())
    assert view.is_time
    assert "s" in view.number(1500)
    assert all(label.endswith("s") for label in view.ticks.values())


def test_events_without_a_number_and_none_at_all(fill):
    with kit.aggregate(fill, "px", by="sym", histogram="log2") as numbers:
        empty = aggregate_data(numbers.table())
        fill(1, None, "A")
    assert (empty.rows, empty.events, empty.hidden) == ((), 0, 0)
    (row,) = aggregate_data(numbers.table()).rows
    assert (row.low, row.marks, row.bars) == (None, (), ())
    assert "1 without a number" in plots.aggregate(numbers)._told(row)


def test_very_many_keys_and_dropped_events_are_told(fill):
    with kit.aggregate(fill, by="qty", capacity=ROWS + 5) as numbers:
        for n in range(ROWS + 8):
            fill(n, 1.0, "A")
    view = aggregate_data(numbers.table())
    assert (len(view.rows), view.hidden, view.dropped) == (ROWS, 5, 3)
    plot = plots.aggregate(numbers)
    assert "5 keys with fewer events not shown" in repr(plot)
    (lost,) = [item for item in plot._axes.legend._items if item.visible]
    assert lost.label.value == "3 events dropped: no room"
    assert lost.renderers[0].glyph.fill_color == plot._painter.color("bad")


def test_a_plot_follows_its_aggregate_and_refuses_what_is_none(fill):
    with kit.aggregate(fill, "px", by="sym", histogram="log2", name="prices") as numbers:
        plot = plots.aggregate(numbers)
        assert plot.view.events == 0
        for n in range(5):
            fill(1, float(n), "AB"[n % 2])
        plot.update(numbers)
        assert [row.stats.count for row in plot.view.rows] == [3, 2]
        few = plot.height
        for n in range(20):
            fill(1, 1.0, str(n))
        plot.update(numbers.table())
        assert plot.height > few
    with pytest.raises(TypeError, match="returns, or its table"):
        plots.aggregate([1, 2])
    with pytest.raises(TypeError, match="returns, or its table"):
        plots.aggregate(numbers.frame())


@pytest.mark.parametrize("field", ["qty", "px"])
def test_zero_is_called_zero_and_stands_beside_the_least_of_the_others(field):
    """Seen to fail where the axis goes down to the least that a histogram tells from zero."""
    sold = kit.marker("plots.aggregate.zero", qty=int, px=float)
    with kit.aggregate(sold, field, histogram="log2") as sizes:
        for value in (0, 5, 100):
            sold(value, float(value))
    view = aggregate_data(sizes.table())
    [row] = view.rows
    assert list(view.ticks.items())[:2] == [(1.0, "0"), (2.0, "4")]
    assert row.low == view.extent[0] == 1.0
    assert [(bar.left, bar.right) for bar in row.bars if bar.count] == [(1, 2), (2, 3), (6, 7)]
    assert sum(bar.share for bar in row.bars) == 1
