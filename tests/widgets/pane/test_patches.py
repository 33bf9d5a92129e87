import pytest
from bokeh.document import Document
from bokeh.document.events import ColumnDataChangedEvent, ColumnsStreamedEvent, ModelChangedEvent
from bokeh.models import ColumnDataSource, Div, FixedTicker
from bokeh.plotting import figure

from kit.widgets._pane.patches import WAITING_STREAMS, Changes


@pytest.fixture
def waiting():
    """A figure whose changes are gathered, not sent."""
    source = ColumnDataSource({"x": [0.0], "y": [0.0]})
    plot = figure(title="t")
    plot.scatter("x", "y", source=source)
    document = Document()
    document.add_root(plot)
    document.to_json()  # as before a view is drawn; from here on models are known
    changes = Changes()
    document.on_change(changes.add)
    return plot, source, changes


def taken(changes):
    return [event for _, run in changes.take() for event in run]


def test_of_many_changes_to_a_property_one_is_left(waiting):
    plot, _, changes = waiting
    for n in range(100):
        plot.title.text = str(n)
    [event] = taken(changes)
    assert isinstance(event, ModelChangedEvent)
    assert event.new == "99"
    assert len(changes) == 0


def test_changes_to_different_properties_stay_apart(waiting):
    plot, _, changes = waiting
    plot.title.text = "a"
    plot.title.align = "center"
    plot.background_fill_color = "red"
    assert len(taken(changes)) == 3


def test_a_few_streams_are_sent_as_they_are(waiting):
    _, source, changes = waiting
    for n in range(WAITING_STREAMS - 1):
        source.stream({"x": [n], "y": [n]})
    events = taken(changes)
    assert len(events) == WAITING_STREAMS - 1
    assert all(isinstance(event, ColumnsStreamedEvent) for event in events)


def test_many_streams_become_the_source_as_it_is(waiting):
    _, source, changes = waiting
    for n in range(10 * WAITING_STREAMS):
        source.stream({"x": [n], "y": [n]})
    [event] = taken(changes)
    assert isinstance(event, ColumnDataChangedEvent)


def test_rows_streamed_after_the_source_was_replaced_are_in_it(waiting):
    _, source, changes = waiting
    source.data = {"x": [1.0], "y": [1.0]}
    source.stream({"x": [2.0], "y": [2.0]})
    source.patch({"y": [(0, 9.0)]})
    assert len(taken(changes)) == 1


def test_a_source_replaced_makes_earlier_streams_void(waiting):
    _, source, changes = waiting
    source.stream({"x": [2.0], "y": [2.0]})
    source.data = {"x": [1.0], "y": [1.0]}
    assert len(taken(changes)) == 1


def test_streams_of_another_source_are_left_alone(waiting):
    plot, source, changes = waiting
    other = ColumnDataSource({"x": [0.0], "y": [0.0]})
    plot.line("x", "y", source=other)
    taken(changes)
    plot.document.to_json()
    other.stream({"x": [1.0], "y": [1.0]})
    source.data = {"x": [1.0], "y": [1.0]}
    assert len(taken(changes)) == 2


def test_what_was_added_and_taken_away_again_is_not_spoken_of(waiting):
    plot, _, changes = waiting
    for ticks in ([1], [2]):
        plot.xaxis.ticker = FixedTicker(ticks=ticks)
        plot.xaxis.ticker.ticks = [*ticks, 10]
    [event] = taken(changes)
    assert (event.attr, event.new.ticks) == ("ticker", [2, 10])


def test_rows_streamed_into_a_new_source_come_with_it(waiting):
    plot, _, changes = waiting
    new = ColumnDataSource({"x": [0.0], "y": [0.0]})
    plot.renderers[0].data_source = new
    new.stream({"x": [1.0], "y": [1.0]})
    [event] = taken(changes)
    assert event.new is new


def test_runs_have_one_origin_each():
    div = Div()
    document = Document()
    document.add_root(div)
    document.to_json()
    events = [ModelChangedEvent(document, div, attr, None) for attr in ("a", "b", "c", "d")]
    changes = Changes()
    for event, origin in zip(events, ("v", "v", None, "w"), strict=True):
        changes.add(event, origin)
    assert [(origin, len(run)) for origin, run in changes.take()] == [("v", 2), (None, 1), ("w", 1)]


def test_a_change_by_a_view_does_not_hide_one_by_python():
    div = Div()
    document = Document()
    document.add_root(div)
    document.to_json()
    changes = Changes()
    changes.add(ModelChangedEvent(document, div, "text", "python"), None)
    changes.add(ModelChangedEvent(document, div, "text", "view"), "v")
    assert [(origin, run[0].new) for origin, run in changes.take()] == [
        (None, "python"),
        ("v", "view"),
    ]
