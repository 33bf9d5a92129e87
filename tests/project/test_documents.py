"""What the documents say is so: their code runs, links lead somewhere, pictures exist."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.project import rooms

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("datasets/**/*.md")])
PICTURES = sorted(ROOT.glob("docs/pictures/*.png"))

BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)|(?:src|srcset)=\"([^\"]+)\"")


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize(
    "path", [path for path in DOCUMENTS if BLOCK.search(path.read_text())], ids=name
)
def test_code_runs(path: Path, tmp_path: Path) -> None:
    # The blocks of a document continue each other, as a reader would type them in a clone; what
    # they write stays out of it.
    (tmp_path / "datasets").symlink_to(ROOT / "datasets")
    program = tmp_path / "document.py"
    program.write_text("\n".join(BLOCK.findall(path.read_text())))
    done = subprocess.run(
        [sys.executable, "-W", "error", program],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_links_lead_somewhere(path: Path) -> None:
    for link in (markdown or html for markdown, html in LINK.findall(path.read_text())):
        if not re.match(r"[a-z]+:|#", link):
            assert (path.parent / link.partition("#")[0]).exists(), link


@pytest.mark.parametrize("path", PICTURES, ids=name)
def test_pictures_are_small_used_and_in_both_themes(path: Path) -> None:
    assert path.stat().st_size < 300_000
    assert name(path) in (ROOT / "README.md").read_text()
    theme = {"light": "dark", "dark": "light"}[path.stem.rpartition("-")[2]]
    assert path.with_stem(f"{path.stem.rpartition('-')[0]}-{theme}").exists()


def test_there_are_documents_with_code() -> None:
    assert {"README.md", "docs/for-library-authors.md"} <= {name(path) for path in DOCUMENTS}


def test_the_contract_lists_each_rule_with_its_tests() -> None:
    """Red where a rule has no row, or a row names a file that has no test of that rule."""
    page = (ROOT / "docs" / "contract.md").read_text()
    rows = {
        int(number): set(re.findall(r"\((?:\.\./)+(tests/contract/test_\w+\.py)\)", rest))
        for number, rest in re.findall(r"^\| (\d+) \|(.*)$", page, re.MULTILINE)
    }
    assert sorted(rows) == [*range(1, len(rows) + 1)]
    for number, files in rows.items():
        shown = {
            name(path)
            for path in (ROOT / "tests" / "contract").glob("test_*.py")
            if f"def test_rule_{number:02}_" in path.read_text()
        }
        assert files <= shown, f"rule {number}: no test of it in {files - shown}"
        assert shown & files, f"rule {number} is shown in {shown}"


def test_the_picture_of_the_rooms_is_theirs() -> None:
    """`python -m tests.project.rooms` draws it anew."""
    assert rooms.drawing() in rooms.PAGE.read_text()


def test_each_task_leads_to_its_files() -> None:
    page = rooms.PAGE.read_text()
    table = page.partition("| task | file |")[2].partition("\n\n")[0]
    rows = [row for row in table.splitlines() if "](" in row]
    assert len(rows) >= 10
    for row in rows:
        for path in re.findall(r"\]\(([^)]+)\)", row):
            assert (ROOT / path).exists(), row


def test_each_unit_in_c_has_its_twin_and_its_tests() -> None:
    folder = ROOT / "kit" / "c"
    page = (folder / "README.md").read_text()
    assert set(re.findall(r"^\| \[(\w+\.c)\]", page, re.MULTILINE)) == {
        path.name for path in folder.glob("*.c")
    }
    for path in re.findall(r"\]\(([^)]+)\)", page):
        assert (folder / path).exists(), path
