"""A type checker of the user's understands the kit: at first, after an edit, and in an editor."""

import ast
import importlib
import inspect
import json
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("typed_user.py")
ROOT = PROGRAM.parents[2]
ROOMS = (
    "kit",
    "kit.core",
    "kit.probes",
    "kit.probes.actions",
    "kit.frames",
    "kit.analysis",
    "kit.plots",
    "kit.plots.units",
    "kit.rcu",
    "kit.rcu.steps",
    "kit.rcu.exercises",
    "kit.testing",
    "kit.demo",
    "kit.errors",
)


@pytest.mark.parametrize("room", ROOMS)
def test_the_program_uses_every_public_function(room: str) -> None:
    tree = ast.parse(PROGRAM.read_text())
    used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    used |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    face = importlib.import_module(room)
    public = {name for name in face.__all__ if not inspect.ismodule(getattr(face, name))}
    assert {name for name in public - used if callable(getattr(face, name))} == set()


def mypy(folder: Path) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", ".cache", PROGRAM.name],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_mypy_is_content_cold_and_warm(tmp_path: Path) -> None:
    """The second run is another: from its cache, mypy may take a module for a function."""
    program = tmp_path / PROGRAM.name
    program.write_text(PROGRAM.read_text())
    assert mypy(tmp_path) == (0, "Success: no issues found in 1 source file\n")
    program.write_text(PROGRAM.read_text() + '\nkit.marker("another", n=int)(1)\n')
    assert mypy(tmp_path) == (0, "Success: no issues found in 1 source file\n")
    program.write_text(PROGRAM.read_text() + '\nkit.record("orders.*", capactiy=1)\n')
    status, said = mypy(tmp_path)
    assert (status, "capactiy" in said) == (1, True), said


def test_pyright_is_content(tmp_path: Path) -> None:
    program = tmp_path / PROGRAM.name
    program.write_text(PROGRAM.read_text())
    settings = {
        "typeCheckingMode": "standard",
        "pythonVersion": "3.11",
        "extraPaths": [str(ROOT)],
        "failOnWarnings": False,
    }
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings))
    done = subprocess.run(
        [sys.executable, "-m", "basedpyright", "--pythonpath", sys.executable, "--outputjson"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    found = json.loads(done.stdout)
    said = [
        f"{each['range']['start']['line'] + 1}: {each['message']}"
        for each in found["generalDiagnostics"]
        if each["severity"] == "error"
    ]
    assert (said, found["summary"]["filesAnalyzed"]) == ([], 1)
