"""The churn itself, in short, and that it notices what it is there to notice."""

import pytest

from kit.core._connection import Connection
from kit.core._publication import grace
from kit.core._publication import updater as updates
from kit.torture import __main__ as command
from kit.torture import churn


def test_a_short_churn_breaks_no_promise():
    result = churn.torture(1.5, seed=1)
    assert result.violations == {}
    assert result.checked["dispatches"] > 1000
    assert result.checked["grace periods"] > 1
    assert result.checked["rounds whose counts were compared"] >= 1


def test_it_notices_that_nobody_waits(monkeypatch):
    monkeypatch.setattr(grace, "synchronize", lambda timeout=None: None)
    assert updates.grace is grace
    for seed in range(20):
        found = churn.torture(1.0, readers=8, seed=seed).violations
        if found:
            break
    assert "a probe was called after disconnect(wait=True) had returned" in found


def test_it_notices_a_count_that_is_off(monkeypatch):
    count = Connection.calls.fget
    monkeypatch.setattr(Connection, "calls", property(lambda self: count(self) + 1))
    found = churn.torture(0.2).violations
    assert any(what.startswith("the permanent probe's count is") for what in found)


def test_the_command_prints_what_was_checked(capsys):
    assert command.main(["--seconds", "0.2", "--threads", "2", "--updaters", "1"]) == 0
    printed = capsys.readouterr().out
    assert "dispatches" in printed
    assert "no promise was broken" in printed


def test_the_command_fails_where_a_promise_was_broken(capsys, monkeypatch):
    broken = churn.Result({"dispatches": 1}, {"a promise": 2}, 1.0)
    monkeypatch.setattr(command, "torture", lambda *_, **__: broken)
    assert command.main(["--seconds", "1"]) == 1
    assert "BROKEN: a promise (2 times)" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["--seconds", "0"], ["--threads", "0"], ["--seconds", "x"]])
def test_the_command_refuses_what_it_cannot_do(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        command.main(arguments)
    assert stopped.value.code == 2
    assert "python -m kit.torture" in capsys.readouterr().err
