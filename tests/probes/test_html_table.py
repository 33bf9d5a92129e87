"""What probes say of themselves in a notebook: all that is counted, and as text."""

import pytest

import kit
from kit.probes._text import duration
from kit.probes.recorder import _lines
from kit.testing import isolated


def test_a_recorder_says_what_it_holds_and_what_is_missing(tmp_path) -> None:
    """Red where a count is left out, or where a name is taken for HTML."""
    with isolated():
        tick = kit.marker("facts.tick", n=int)
        path = tmp_path / "<b>.kit"
        with kit.record("facts.*", capacity=3, when="n < 5", path=path) as events:
            for n in range(7):
                tick(n)
            html = events._repr_html_()
        assert "running" in html
        assert "3 of 3 events" in html
        assert "2 lost" in html
        assert "2 by condition" in html
        assert "&lt;b&gt;.kit" in html
        assert "<b>" not in html
        with kit.record("facts.*", mode="overwrite") as flight:
            html = flight._repr_html_()
        assert "0 events, keeps at least the newest 1,000,000" in html
        assert '<td style="text-align:left">none</td>' in html


def test_a_session_says_what_is_written(tmp_path) -> None:
    with isolated():
        tick = kit.marker("facts.tock", n=int)
        run = kit.session(tmp_path / "run")
        run.record(tick.name)
        with run:
            tick(1)
        html = run._repr_html_()
        assert str(tmp_path / "run") in html
        assert "over" in html
        assert "1 event written" in html


def test_a_line_a_marker_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seen to fail when names went into the page as they are, and when a marker had no picture."""
    query, tick = kit.span("shown.<b>query", n=int), kit.marker("shown.tick", n=str)
    once = kit.marker("shown.once", n=int)
    with kit.record("shown.*") as events:
        assert "<svg" not in events._repr_html_()  # nothing to tell of
        for number in range(20):
            with query(n=number):
                tick("a")
        once(1)
    html = events._repr_html_()
    assert "shown.&lt;b&gt;query" in html
    assert "<b>" not in html
    assert html.count("<svg") == html.count("</svg>") == 2  # one event alone has no gap
    assert "durations of shown.&lt;b&gt;query: p50 " in html
    assert "newest" not in html
    [row] = [row for row in events.summary().itertuples() if row.of == "duration"]
    assert f"<td>{duration(row.p50)}</td><td>{duration(row.p99)}</td>" in html
    assert len(repr(events)) < 80

    monkeypatch.setattr(_lines, "MOST_EVENTS", 8)
    monkeypatch.setattr(_lines, "MOST_LINES", 1)
    html = events._repr_html_()
    assert "of the newest 8 of 41 events" in html
    assert "and 2 more markers" in html


def test_without_pandas_there_is_the_table_of_facts(monkeypatch: pytest.MonkeyPatch) -> None:
    tick = kit.marker("shown.plain")
    with kit.record("shown.plain") as events:
        tick()

    def missing(module: str) -> None:
        raise ImportError(module)

    monkeypatch.setattr(_lines, "frames", missing)
    assert "<svg" not in events._repr_html_()
    assert "missing" in events._repr_html_()
