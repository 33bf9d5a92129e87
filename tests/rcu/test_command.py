"""The command, and verdicts recorded by another checker where they are at hand."""

import csv
import subprocess
import sys
from pathlib import Path

import pytest

from kit import rcu
from kit.rcu import __main__ as command
from kit.rcu.__main__ import ALIASES, main
from tests.rcu.programs import passing

SHARED = Path(__file__).resolve().parents[3] / "shared" / "litmus"
SMALL = ("seed/", "kernel-7.3/", "kernel-doc-7.3/", "herd-catalogue-linux/")
EVERY = 40  # of the large collections, one test in so many


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.litmus").write_text("C a {} P0(int *x) { *x = 1; } exists (x=1)")
    (tmp_path / "b.litmus").write_text("C b {} P0(int *x) { *x = 1; } exists (x=2)")
    return tmp_path


def test_the_command_prints_a_table(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(folder)]) == 0
    out, err = capsys.readouterr()
    assert [line.split()[1:3] for line in out.splitlines()[:2]] == [
        ["lkmm", "Always"],
        ["lkmm", "Never"],
    ]
    assert "1 Always, 1 Never" in out
    assert err == ""


def test_the_command_compares_with_recorded_verdicts(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = folder / "verdicts.csv"
    rows = "a.litmus,lkmm,Always,1,\nb.litmus,lkmm-7.3,Never,1,\n"
    table.write_text("file,model,verdict,states,flags\n" + rows)
    assert main([str(folder), "--verdicts", str(table)]) == 0
    assert "2 as recorded" in capsys.readouterr().out
    table.write_text(
        "file,model,verdict,states,flags\n" + rows.replace("Never,1,", "Always,2,data-race")
    )
    assert main([str(folder), "--verdicts", str(table), "--quiet"]) == 1
    out = capsys.readouterr().out
    assert "recorded: Always; recorded: 2 states; data races differ" in out
    assert "a.litmus" not in out


def test_the_command_goes_on_after_a_bad_test(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "c.litmus").write_text("C c {} nonsense")
    assert main([str(folder), "--model", "sc"]) == 1
    out = capsys.readouterr().out
    assert "c, line 1, column 8: expected a thread" in out
    assert "1 undecided" in out


def test_the_verdict_alone_is_better_than_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two to the eleventh states, and bounds that a hundred of them exceed.

    Seen to fail when what had too many states stayed undecided.
    """
    (tmp_path / "long.litmus").write_text(passing(12))
    table = tmp_path / "verdicts.csv"
    table.write_text("file,model,verdict,states,flags\nlong.litmus,lkmm,Never,2047,\n")
    few = rcu.Limits(candidates=100, seconds=600)
    monkeypatch.setattr(command, "Limits", lambda seconds: few)
    assert main([str(tmp_path), "--verdicts", str(table)]) == 0
    out = capsys.readouterr().out
    assert "the verdict" in out
    assert "as recorded; not all states: passing: more than 100 candidate executions" in out


def test_the_command_refuses_what_it_does_not_know(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main([str(folder), "--model", "arm"])
    assert "there is no model 'arm'" in capsys.readouterr().err
    assert main([str(folder / "none")]) == 1
    (folder / "empty").mkdir()
    assert main([str(folder / "empty")]) == 2


def test_all_models_and_ones_own(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "own.cat").write_text("acyclic po | com")
    assert main([str(folder), "--model", "all", "--model", str(folder / "own.cat")]) == 0
    out = capsys.readouterr().out
    assert {line.split()[1] for line in out.splitlines()[:10]} == {*rcu.models.NAMES, "own"}


def recorded() -> list[dict[str, str]]:
    table = SHARED / "verdicts.csv"
    if not table.is_file():
        return []
    with table.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    small = [row for row in rows if row["file"].startswith(SMALL)]
    large = [row for row in rows if not row["file"].startswith(SMALL)]
    quick = [row for row in large[::EVERY] if float(row["herd7_seconds"] or 0) < 0.2]
    return small + quick


def test_recorded_verdicts() -> None:
    rows = recorded()
    if not rows:
        pytest.skip("no recorded verdicts beside the project")
    differing = []
    for row in rows:
        verdict = rcu.judge(rcu.parse(SHARED / row["file"]), ALIASES[row["model"]])
        found = (verdict.verdict, str(len(verdict.states)), "data-race" in verdict.flags)
        if found != (row["verdict"], row["states"], "data-race" in row["flags"]):
            differing.append((row["file"], row["model"], found))
    assert differing == []


def test_the_standard_library_is_enough() -> None:
    program = "from kit import rcu; print(rcu.judge('C a {} P0(int *x) { } exists (x=0)').verdict)"
    # -S leaves out site-packages, so anything else would be an ImportError.
    done = subprocess.run(
        [sys.executable, "-S", "-W", "error", "-c", program],
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "Always\n", "")


def test_the_command_shows_what_it_has_when_interrupted(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def second(*arguments: object, **options: object) -> object:
        calls.append(arguments)
        if len(calls) > 1:
            raise KeyboardInterrupt
        return real(*arguments, **options)

    calls: list[object] = []
    real = command.judge
    monkeypatch.setattr(command, "judge", second)
    assert main([str(folder)]) == 130
    out, err = capsys.readouterr()
    assert "1 Always" in out
    assert "Never" not in out
    assert err == "interrupted after 1 of 2\n"


def test_the_command_is_quiet_when_its_reader_goes_away(folder: Path) -> None:
    """Red where Python complains of a broken pipe, at the write or once more at its end."""
    for number in range(100):  # more than a pipe holds unread once the table is written
        text = f"C n{number} {{}} P0(int *x) {{ *x = 1; }} exists (x=1)"
        (folder / f"n{number:03}{'x' * 200}.litmus").write_text(text)
    process = subprocess.Popen(
        [sys.executable, "-m", "kit.rcu", "--model", "all", str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.close()
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (1, b"")
