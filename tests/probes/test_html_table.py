"""What probes say of themselves in a notebook: all that is counted, and as text."""

import kit
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
