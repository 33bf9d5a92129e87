"""Where two readings of the contract are possible, this is meant: connecting and listing."""

import warnings
from html.parser import HTMLParser

import pytest

import kit

# Patterns and their handles


def test_connecting_a_pattern_is_all_or_nothing(unique):
    """Where one marker refuses, none is connected and no later one is matched; in a batch, too.

    Seen to fail when `AddPattern` makes an update for each marker, and when what the failed change
    did to a batch is kept.
    """
    a, b, c = (kit.marker(unique(name), n=int) for name in "abc")
    b.connect(print)
    other = kit.marker(unique("other"), px=float)
    before = [(m.generation, m.probes) for m in (a, b, c, other)]
    with pytest.raises(kit.errors.AlreadyConnectedError, match=b.name):
        kit.connect(unique("?"), print)
    with pytest.raises(kit.errors.FormatMismatchError, match=other.name):
        kit.connect(unique("*"), repr, format="n %d")
    with kit.batch():
        with pytest.raises(kit.errors.AlreadyConnectedError, match=b.name):
            kit.connect(unique("?"), print)
    assert [(m.generation, m.probes) for m in (a, b, c, other)] == before
    assert kit.marker(unique("d"), n=int).fanout == 0
    with kit.batch():
        with pytest.raises(kit.errors.AlreadyConnectedError, match=b.name):
            kit.connect(unique("?"), print)
        a.connect(print)
    assert a.fanout == 1


def test_a_pattern_s_handle_is_a_sequence_with_summed_counters(unique):
    """Of connections, in order of name; later markers are appended.

    Seen to fail when the counters are those of the first connection.
    """
    a, b = kit.marker(unique("a"), n=int), kit.marker(unique("b"), n=int)

    def probe(n: int) -> None:
        if n < 0:
            raise ValueError(n)

    handle = kit.connect(unique("*"), probe)
    for n in (1, -1):
        a(n)
    for n in (1, 2, -2):
        b(n)
    assert (len(handle), handle[0], handle[-1]) == (2, a.probes[0], b.probes[0])
    assert [*handle] == [*handle[:]] == [a.probes[0], b.probes[0]]
    assert (a.probes[0] in handle, handle.index(b.probes[0])) == (True, 1)
    assert (handle.calls, handle.errors, handle.skipped) == (5, 2, 0)
    assert (handle.first_error, handle.last_error) == ("ValueError: -1", "ValueError: -2")
    assert (handle.connected, handle.label, handle.pattern) == (True, "probe", unique("*"))
    assert all(isinstance(each, kit.Connection) for each in handle)
    c = kit.marker(unique("c"), n=int)
    assert handle[2] is c.probes[0]
    handle.disconnect(wait=True)
    assert (handle.connected, handle.calls, len(handle)) == (False, 5, 3)
    assert [m.fanout for m in (a, b, c)] == [0, 0, 0]
    with pytest.raises(kit.errors.NotConnectedError, match="probe"):
        handle.disconnect()


def test_leaving_the_with_block_of_a_pattern_never_raises(unique):
    """Also when some or all of its connections are gone already.

    Seen to fail when `__exit__` lets `NotConnectedError` through.
    """
    a, b = kit.marker(unique("a")), kit.marker(unique("b"))
    with kit.connect(unique("*"), print) as handle:
        handle[0].disconnect()
        assert (a.fanout, b.fanout) == (0, 1)
    assert b.fanout == 0
    with kit.connect(unique("*"), print) as handle:
        handle.disconnect()
    with kit.connect(unique("*"), print):
        kit.disconnect(unique("*"), print)
    with pytest.raises(ZeroDivisionError), kit.connect(unique("*"), print):
        _ = 1 / 0
    assert (a.fanout, b.fanout) == (0, 0)


def test_a_pattern_is_disconnected_by_its_text_or_one_marker_at_a_time(unique):
    """The pattern's own text ends it for later markers; a marker's name takes out that one.

    Seen to fail when `disconnect_closure` does not look for patterns.
    """
    a, b = kit.marker(unique("a")), kit.marker(unique("b"))
    handle = kit.connect(unique("*"), print)
    kit.disconnect(a.name, print)
    assert (a.fanout, b.fanout, handle.connected) == (0, 1, True)
    kit.disconnect(unique("*"), print)
    assert (b.fanout, handle.connected, kit.marker(unique("c")).fanout) == (0, False, 0)


def test_a_pattern_comes_and_goes_within_a_batch(unique):
    """As a whole: nothing stays behind, and a second disconnect is refused at the call.

    Seen to fail when `RemovePattern` looks at what is published.
    """
    a = kit.marker(unique("a"))
    with kit.batch():
        handle = kit.connect(unique("*"), print)
        handle.disconnect()
        with pytest.raises(kit.errors.NotConnectedError):
            handle.disconnect()
    assert (a.generation, handle.connected, kit.marker(unique("b")).fanout) == (0, False, 0)


def test_a_pattern_that_matches_nothing_warns_and_a_name_is_silent(unique):
    """In a category of its own, at the line that connects; where warnings are errors, nothing is
    left connected.

    Seen to fail when the warning comes after the update, and when the level of the stack is fixed.
    """
    with pytest.warns(kit.errors.UnmatchedPatternWarning, match=r"none\.\*") as caught:
        kit.connect(unique("none.*"), print)
    assert caught[0].filename == __file__
    assert issubclass(kit.errors.UnmatchedPatternWarning, UserWarning)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        kit.connect(unique("none"), print)
        with pytest.raises(kit.errors.UnmatchedPatternWarning):
            kit.connect(unique("nowhere.*"), print)
        kit.marker(unique("a"))
        kit.connect(unique("?"), print)
    assert kit.marker(unique("nowhere.a")).fanout == 0


def test_wildcards_are_the_shell_s_and_case_counts(unique):
    """``*``, ``?`` and ``[...]`` over the whole name.

    Seen to fail when matching ignores case, and when it is enough to match the beginning.
    """
    for name in ("fill", "Fill", "fill.more", "bill"):
        kit.marker(unique(name))

    def names(pattern: str) -> list[str]:
        return [m.name.partition(".")[2] for m in kit.markers(unique(pattern))]

    assert names("fill") == ["fill"]
    assert names("?ill") == ["Fill", "bill", "fill"]
    assert names("[bf]ill") == ["bill", "fill"]
    assert names("fill*") == ["fill", "fill.more"]
    assert names("ill*") == []


# Private data


def test_disconnecting_without_private_data_means_the_pair_that_has_none(unique):
    """`None` is real private data, to the probe as well.

    Seen to fail when `None` stands for none.
    """
    a, seen = kit.marker(unique("a")), []
    probe = lambda *values: seen.append(values)  # noqa: E731
    with_none = a.connect(probe, None)
    bare = a.connect(probe)
    a()
    assert seen == [(None,), ()]
    kit.disconnect(a.name, probe)
    assert (bare.connected, with_none.connected) == (False, True)
    with pytest.raises(kit.errors.NotConnectedError):
        kit.disconnect(a.name, probe)
    kit.disconnect(a.name, probe, None)
    assert a.fanout == 0


def test_a_connection_shows_what_it_is(unique):
    """Marker, probe, private data, label, priority and counts; `probes` is a tuple in call order.

    Seen to fail when `probes` is the list that the dispatch walks.
    """
    a = kit.marker(unique("a"), n=int)
    connection = a.connect(print, "data", name="hist", priority=20, error_limit=5)
    other = a.connect(len)
    assert a.probes == (connection, other)
    assert isinstance(a.probes, tuple)
    assert (connection.marker, connection.probe, connection.private) == (a, print, "data")
    assert (connection.name, connection.label, connection.priority) == ("hist", "hist", 20)
    assert (other.name, other.label) == (None, "len")
    assert (connection.calls, connection.errors, connection.skipped) == (0, 0, 0)
    assert (connection.first_error, connection.last_error) == (None, None)
    assert "hist" in repr(connection)
    assert a.name in repr(connection)


def test_the_decorator_connects_and_gives_the_function_back(unique):
    """`@marker.probe`.

    Seen to fail when it returns the connection.
    """
    a, seen = kit.marker(unique("a"), n=int), []

    @a.probe
    def on_a(n):
        seen.append(n)

    a(1)
    on_a(2)
    assert seen == [1, 2]


# Listing


def test_markers_print_as_a_table(unique):
    """One line a marker, in order of name, under headings; what is only waited for is not listed.

    Seen to fail when the rows are not in order, and when waited-for markers are listed.
    """
    fill = kit.marker(unique("fill"), qty=int)
    kit.span(unique("bill"), sql=str)
    kit.connect(unique("waited"), print)
    with fill.connect(print, 1, name="one"), fill.connect(print, 2, name="two"):
        fill(1)
        listed = kit.markers(unique("*"))
        text = repr(listed)
    heading, _, *rows = text.splitlines()
    assert " ".join(heading.split()) == (
        "marker fields fan-out generation dispatches probes declared in"
    )
    assert [row.split()[0] for row in rows] == [unique("bill"), unique("fill")]
    cells = rows[1].split()
    assert cells[1:6] == ["qty", "%d", "2", "2", "1"]
    assert cells[6:8] == ["one,", "two"]
    assert cells[8] == f"{__name__}:{fill.line}"
    assert isinstance(listed, list)
    assert repr(listed[:1]).count("\n") == 2
    assert repr(kit.markers(unique("nothing"))) == "no markers"


class Cells(HTMLParser):
    """The text of a table's cells, and all tags."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.cells, self.tags = [], set()
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_data(self, data):
        self.cells[-1] += data


def test_in_a_notebook_they_are_a_table_of_escaped_text(unique):
    """A program chooses names, and a browser shows them.

    Seen to fail when cells are not escaped.
    """
    hostile = "<img/src=x\"onerror='alert(1)'>&amp;"
    a = kit.marker(unique(hostile), n=int)
    a.connect(print, name="<script>alert(2)</script>")
    for html in (kit.markers(unique("*"))._repr_html_(), a._repr_html_()):
        table = Cells(html)
        assert table.tags == {"table", "thead", "tbody", "tr", "th", "td"}
        assert unique(hostile) in table.cells
        assert "<script>alert(2)</script>" in table.cells
    assert kit.markers(unique("nothing"))._repr_html_() == "<p>no markers</p>"


# Exceptions


@pytest.mark.parametrize(
    ("error", "bases"),
    [
        (kit.errors.FormatError, (kit.errors.KitError, ValueError)),
        (kit.errors.FormatMismatchError, (kit.errors.KitError,)),
        (kit.errors.AlreadyConnectedError, (kit.errors.KitError,)),
        (kit.errors.NotConnectedError, (kit.errors.KitError, LookupError)),
        (kit.errors.WouldDeadlockError, (kit.errors.KitError, RuntimeError)),
        (kit.errors.UnmatchedPatternWarning, (kit.errors.KitWarning, UserWarning)),
        (kit.errors.FormatMismatchWarning, (kit.errors.KitWarning, UserWarning)),
        (kit.errors.UnnamedProbeWarning, (kit.errors.KitWarning, UserWarning)),
    ],
)
def test_exceptions_have_the_bases_that_a_user_would_catch(error, bases):
    """Seen to fail when a base is left out."""
    assert issubclass(error, bases)
    for base in bases:
        assert issubclass(error, base)


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"priority": "high"}, TypeError),
        ({"name": 5}, TypeError),
        ({"error_limit": 0}, ValueError),
        ({"error_limit": "many"}, TypeError),
        ({"format": 5}, kit.errors.FormatError),
        ({"nonsense": 1}, TypeError),
    ],
)
def test_wrong_options_are_refused_and_nothing_is_connected(unique, wrong, error):
    """Seen to fail when options are not checked."""
    a = kit.marker(unique("a"))
    for connect in (a.connect, lambda *x, **y: kit.connect(unique("*"), *x, **y)):
        with pytest.raises(error, match=next(iter(wrong))):
            connect(print, **wrong)
    with pytest.raises(TypeError, match="name"):
        kit.connect(5, print)
    assert (a.fanout, a.generation) == (0, 0)
