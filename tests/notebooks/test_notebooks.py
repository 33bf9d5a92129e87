"""Every notebook runs from top to bottom in a fresh kernel, in time, in memory, in silence."""

import re
import shutil
import time
from pathlib import Path

import nbformat
import psutil
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))

SECONDS = 120  # a reader's patience; also what the README promises
BYTES = 1 << 30  # Binder guarantees 1 GB

ALIVE = ("01-tour", "02-several-probes")
"""Notebooks that end with a panel on a program that goes on."""
END = """
[commit] = kit.markers("db.commit")
before, patience = commit.fired, time.monotonic() + 60
while commit.fired == before and time.monotonic() < patience:
    time.sleep(0.02)
assert commit.fired > before, "nothing happens in the panel"

stop.click()
import threading
assert not any(kit.markers())
names = [thread.name for thread in threading.enumerate()]
assert not [name for name in names if name.startswith(("writer-", "reader-", "till", "keeper"))]
assert "closed" in repr(panel)
"""


def code_cells(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def peak(pid: int) -> int:
    """Most memory a process ever had, in bytes; where only the present figure is known, that."""
    status = Path(f"/proc/{pid}/status")
    if status.exists():
        return int(re.search(r"VmHWM:\s+(\d+) kB", status.read_text())[1]) * 1024
    return psutil.Process(pid).memory_info().rss


class Client(NotebookClient):
    """Runs a notebook, and looks at its kernel's memory while the kernel is still there."""

    memory = 0

    async def async_execute_cell(self, cell, *arguments, **options):
        result = await super().async_execute_cell(cell, *arguments, **options)
        if cell.cell_type == "code":
            self.memory = max(self.memory, peak(self.km.provisioner.pid))
        return result


def run(notebook: nbformat.NotebookNode, folder: Path) -> Client:
    client = Client(
        notebook, timeout=SECONDS, kernel_name="python3", resources={"metadata": {"path": folder}}
    )
    client.execute()
    return client


def noise(notebook: nbformat.NotebookNode) -> list[str]:
    """What cells wrote to stderr, warnings among it."""
    return [
        "".join(output.text)
        for cell in code_cells(notebook)
        for output in cell.outputs
        if output.output_type == "stream" and output.name == "stderr"
    ]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy to run in, so that files written by a notebook stay out of the repository."""
    monkeypatch.setenv("PYTHONPATH", str(FOLDER.parent))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    shutil.copytree(FOLDER, tmp_path / "notebooks")
    if (FOLDER.parent / "datasets").is_dir():
        (tmp_path / "datasets").symlink_to(FOLDER.parent / "datasets")
    return tmp_path / "notebooks"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_runs_from_top_to_bottom(path: Path, folder: Path, record_property) -> None:
    notebook = nbformat.read(path, as_version=4)
    if path.stem in ALIVE:
        notebook.cells.append(nbformat.v4.new_code_cell(END))
    start = time.monotonic()
    client = run(notebook, folder)
    seconds = time.monotonic() - start
    record_property("measured", f"{path.stem}: {seconds:.1f} s, {client.memory / 2**20:.0f} MiB")
    assert noise(notebook) == []
    assert seconds < SECONDS
    assert client.memory < BYTES


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_is_kept_without_outputs(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    for cell in code_cells(notebook):
        assert cell.outputs == [], f"cell {cell.id} has outputs: run nbstripout {path.name}"
        assert cell.execution_count is None, (
            f"cell {cell.id} is numbered: run nbstripout {path.name}"
        )
    assert "widgets" not in notebook.metadata
    assert notebook.metadata.kernelspec.name == "python3"


def test_noise_is_heard(tmp_path: Path) -> None:
    cells = ["import warnings; warnings.warn('look out')", "print('fine')"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    client = run(notebook, tmp_path)
    assert "look out" in noise(notebook)[0]
    assert client.memory > 10_000_000
