"""Warnings and reports."""

import logging
import warnings

from kit.core._reporting import report, warn


def test_a_warning_points_at_the_first_line_outside_the_kit():
    # Two modules of the kit, and in between one that only sounds like it.
    inner = {"__name__": "kit.inner", "warn": warn}
    exec("def f(): warn('message', UserWarning)", inner)
    outer = {"__name__": "kit", "f": inner["f"]}
    exec(compile("def g(): f()", "<kit>", "exec"), outer)
    like = {"__name__": "kitchen", "g": outer["g"]}
    exec(compile("\n\ndef h(): g()", "<kitchen>", "exec"), like)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        outer["g"]()
        like["h"]()
    assert [(each.filename, each.lineno) for each in caught][1] == ("<kitchen>", 3)
    assert caught[0].filename == __file__
    assert str(caught[0].message) == "message"


def test_a_report_is_logged_with_what_failed_and_how(caplog):
    with caplog.at_level(logging.ERROR, "kit"):
        report("the hook failed", ValueError("no"))
    (record,) = caplog.records
    assert record.name == "kit"
    assert record.getMessage() == "the hook failed: ValueError: no"
    assert record.exc_info[0] is ValueError
