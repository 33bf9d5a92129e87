"""The captures in datasets/ are the ones that their READMEs describe, and can be opened."""

import hashlib
import re
from pathlib import Path

import pytest

import kit

FOLDER = Path(__file__).resolve().parents[2] / "datasets"
CAPTURES = sorted(FOLDER.glob("*/*.parquet"))


def test_there_are_some():
    assert CAPTURES
    assert {path.parent for path in CAPTURES} == {p for p in FOLDER.iterdir() if p.is_dir()}


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_it_is_what_its_readme_says(path):
    readme = path.with_name("README.md").read_text(encoding="utf-8")
    found = re.findall(r"^([0-9a-f]{64})  (\S+)$", readme, re.MULTILINE)
    told = {name: digest for digest, name in found}
    assert told[path.name] == hashlib.sha256(path.read_bytes()).hexdigest()
    for heading in ("What it is", "Where it is from", "How it was taken", "Licence", "Checksum"):
        assert f"## {heading}\n" in readme
    assert path.stat().st_size < 2_000_000


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_it_opens_and_names_no_machine(path):
    recording = kit.open(path)
    attrs = recording.events().attrs
    assert attrs["host"] == "a-machine"
    assert attrs["pid"] == 1
    assert attrs["lost"] == {}
    assert b"/home/" not in path.read_bytes()


def test_the_order_book_adds_up():
    recording = kit.open(FOLDER / "order-book" / "order-book.parquet")
    submitted, rejected, commits = (
        recording.events(name) for name in ("orders.submit", "orders.reject", "db.commit")
    )
    assert len(commits) == len(submitted) - len(rejected)
    assert submitted["ref"].is_unique
    parts = sum(
        recording.events(name).query("ref > 0").set_index("ref")["dur"].sort_index()
        for name in ("db.lock", "book.match", "db.sync")
    )
    assert (parts <= commits.set_index("ref")["dur"].sort_index()).all()
    assert len(recording.dispatches()) >= len(recording.events())
    assert len(recording.publications()) == 2 * len(recording.markers())
