"""The C extension is optional: without a compiler the kit installs, works, and says so once."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """What ``pip install .`` would install where nothing can be compiled."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("installed")
    leave = shutil.ignore_patterns("*.so", "__pycache__")
    shutil.copytree(ROOT / "kit", source / "kit", ignore=leave)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--no-deps"]
    done = subprocess.run(
        [*command, "--no-build-isolation", "--wheel-dir", str(target), str(source)],
        env={**os.environ, "CC": "/bin/false"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = target.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        assert not [name for name in names if name.startswith("kit/_c.") and "pyi" not in name]
        archive.extractall(target / "site")
    return target / "site"


def run(installed, home, program, **environment):
    """Run a program on that installation, by a user with this home."""
    kept = {"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONPATH": str(installed)}
    done = subprocess.run(
        [sys.executable, "-P", "-W", "error", "-c", program],
        cwd=home,
        env=kept | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


WORKS = """
import kit, kit.probes
marker = kit.marker("without.compiler", n=int)
with kit.record(marker) as events:
    marker(1)
print(kit.dispatcher, len(events), kit.__file__)
"""


def test_it_works_in_python_and_says_so_once(installed, tmp_path):
    code, printed, said = run(installed, tmp_path, WORKS)
    assert (code, printed.split()[:2]) == (0, ["python", "1"])
    assert str(installed) in printed
    assert said.startswith("kit: the C dispatcher is not there (No module named 'kit._c')")
    assert said.count("\n") == 1
    for _ in range(2):
        code, printed, said = run(installed, tmp_path, WORKS)
        assert (code, printed.split()[:2], said) == (0, ["python", "1"], "")


def test_it_says_nothing_where_it_cannot_note_it(installed, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    code, printed, said = run(installed, tmp_path, WORKS, XDG_STATE_HOME=str(blocked))
    assert (code, printed.split()[:2], said) == (0, ["python", "1"], "")


def test_it_says_nothing_where_python_was_asked_for(installed, tmp_path):
    assert run(installed, tmp_path, WORKS, KIT_DISPATCH="python")[2] == ""


def test_asking_for_c_says_what_to_do(installed, tmp_path):
    code, _, said = run(installed, tmp_path, "import kit", KIT_DISPATCH="c")
    assert code == 1
    assert "install a C compiler and Python's headers" in said
