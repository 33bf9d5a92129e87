"""Draining takes events away, so what cannot become a frame has to stay."""

import pytest

import kit


def test_a_clash_of_types_takes_nothing_away():
    pytest.importorskip("pandas")
    number = kit.marker("drained.number", value=int)
    text = kit.marker("drained.text", value=str)
    with kit.record("drained.*") as events:
        number(1)
        text("x")
    with pytest.raises(
        kit.errors.FrameError, match=r"field .value. is int in marker .drained.number."
    ):
        events.drain()
    assert len(events) == 2
    assert events.frame("drained.number")["value"].tolist() == [1]
