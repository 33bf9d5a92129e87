"""The command: explorations as text."""

import subprocess
import sys
from pathlib import Path

import pytest

from kit import rcu
from kit.rcu.steps.__main__ import main

SB = (
    "C sb {} P0(int *x, int *y) { int r; WRITE_ONCE(*x, 1); r = READ_ONCE(*y); }\n"
    "P1(int *x, int *y) { int r; WRITE_ONCE(*y, 1); r = READ_ONCE(*x); } exists (0:r=0 /\\ 1:r=0)"
)


def test_every_transition_is_explored(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--algorithm", "kit"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(",")[0] for line in lines] == list(rcu.TRANSITIONS)
    assert all(line.endswith("interleavings: no bad state") for line in lines)


def test_the_shortest_way_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["2->1", "--algorithm", "kit", "--fault", "no grace period", "--steps"]) == 1
    out = capsys.readouterr().out
    assert out.startswith("2→1, as the kit does it; no grace period: ")
    trace = rcu.machine("2→1", "kit", faults=["no grace period"]).run_to().trace
    assert out.endswith("\n".join(map(str, trace)) + "\n")


def test_litmus_tests_are_explored_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "sb.litmus").write_text(SB)
    assert main([str(tmp_path / "sb.litmus")]) == 0
    assert capsys.readouterr().out.startswith("sb: ")


def test_it_goes_on_after_what_there_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["7→8", "none.litmus", "0→1"]) == 2
    out, err = capsys.readouterr()
    assert out.startswith("0→1")
    assert "there is no transition '7→8'" in err
    assert len(err.splitlines()) == 2


def test_it_needs_the_standard_library_alone() -> None:
    done = subprocess.run(
        [sys.executable, "-S", "-m", "kit.rcu.steps", "bit-fields"],
        cwd=Path(__file__).resolve().parents[3],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (1, "")
    assert "lost update: in 4 of them" in done.stdout
