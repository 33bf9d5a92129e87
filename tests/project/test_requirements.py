"""The locked requirements: complete, the same everywhere, and silent about where they come from."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCKS = sorted([*ROOT.glob("requirements/*.txt"), ROOT / "binder" / "requirements.txt"])
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


def requirements(text: str) -> dict[str, Requirement]:
    """Requirements of a lock file by name; refuses any line that is not one."""
    found = {}
    lines = text.replace("\\\n", " ").splitlines()
    for line in lines:
        if not line or line.startswith("#"):
            continue
        assert HASH.search(line), f"no hash: {line}"
        requirement = Requirement(HASH.sub("", line).strip())
        assert len(requirement.specifier) == 1, line
        assert next(iter(requirement.specifier)).operator == "==", line
        assert requirement.name not in found, line
        found[requirement.name] = requirement
    return found


def asked_for(extra: str) -> list[Requirement]:
    """Requirements of an extra of the project, those of the extras it names included."""
    listed = []
    for line in PROJECT["project"]["optional-dependencies"][extra]:
        requirement = Requirement(line)
        if requirement.name == "markers-kit":
            listed += [one for inner in requirement.extras for one in asked_for(inner)]
        else:
            listed.append(requirement)
    return listed


def test_there_are_lock_files() -> None:
    names = {path.relative_to(ROOT).as_posix() for path in LOCKS}
    assert names == {
        "binder/requirements.txt",
        "requirements/bench.txt",
        "requirements/dev.txt",
        "requirements/lab.txt",
        "requirements/test.txt",
    }


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_names_versions_and_hashes_only(path: Path) -> None:
    text = path.read_text()
    requirements(text)
    assert "://" not in text
    assert not re.search(r"^\s*-", HASH.sub("", text), re.MULTILINE), "an option of pip"
    assert not re.search(r"\b[\w-]+\.(com|org|net|io|dev|local|internal)\b", text), "a host"


@pytest.mark.parametrize("extra", ["lab", "test", "dev", "bench"])
def test_locks_answer_the_project(extra: str) -> None:
    locked = requirements((ROOT / f"requirements/{extra}.txt").read_text())
    wanted = asked_for(extra) + [Requirement(r) for r in PROJECT["build-system"]["requires"]]
    for requirement in wanted:
        version = next(iter(locked[requirement.name].specifier)).version
        assert requirement.specifier.contains(version), f"{requirement} but {version}: make lock"


def test_locks_agree_with_each_other() -> None:
    development = requirements((ROOT / "requirements/dev.txt").read_text())
    for extra in ("lab", "test"):
        for name, requirement in requirements(
            (ROOT / f"requirements/{extra}.txt").read_text()
        ).items():
            assert development[name].specifier == requirement.specifier, name
    # The peers of the benchmarks are installed beside the rest, and change none of it.
    peers = requirements((ROOT / "requirements/bench.txt").read_text())
    for name in peers.keys() & development.keys():
        assert development[name].specifier == peers[name].specifier, name


def test_binder_gets_what_make_lab_gets() -> None:
    binder, lab = (ROOT / f"{folder}.txt" for folder in ("binder/requirements", "requirements/lab"))
    assert requirements(binder.read_text()) == requirements(lab.read_text())


def test_bokeh_is_pinned_exactly_and_ipykernel_is_new_enough() -> None:
    lab = {requirement.name: str(requirement.specifier) for requirement in asked_for("lab")}
    assert lab["bokeh"].startswith("==")
    assert lab["ipykernel"] == ">=7.4"


def test_the_markers_need_nothing() -> None:
    assert PROJECT["project"]["dependencies"] == []


@pytest.mark.parametrize(
    "line",
    [
        "bokeh==3.9.2",
        f"bokeh>=3.9.2 --hash=sha256:{'0' * 64}",
        f"bokeh @ https://example.org/bokeh.whl --hash=sha256:{'0' * 64}",
        "--index-url https://example.org/simple",
    ],
)
def test_anything_else_in_a_lock_is_refused(line: str) -> None:
    with pytest.raises(AssertionError):
        requirements(line)
