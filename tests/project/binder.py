"""What Binder would do with this repository, without Docker: `make binder-check`.

repo2docker writes its Dockerfile without building it.  The steps in it that are this repository's
own are then taken in a fresh environment holding what repo2docker's image holds, and the browser
tests marked for it are run there, behind a base URL and a token as on a hub.
"""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = ROOT / ".venv-binder"
TESTS = ["tests/browser/test_harness.py", "tests/browser/test_tour.py"]

# Packages of the image that this repository's pins could fall out with, as conda and as PyPI name.
BASE = {
    "ipykernel": "ipykernel",
    "ipywidgets": "ipywidgets",
    "jupyter-offlinenotebook": "jupyter-offlinenotebook",
    "jupyter-resource-usage": "jupyter-resource-usage",
    "jupyter_server": "jupyter-server",
    "jupyterhub-base": "jupyterhub",
    "jupyterlab": "jupyterlab",
    "notebook": "notebook",
    "pip": "pip",
    "setuptools": "setuptools",
}


def image() -> Path | None:
    """Folder in which repo2docker keeps what its image holds; None where it is not installed."""
    found = importlib.util.find_spec("repo2docker")
    return found and Path(found.origin).parent / "buildpacks" / "conda"


def dockerfile(source: Path = ROOT) -> str:
    """The Dockerfile that repo2docker makes of a folder."""
    done = subprocess.run(
        [sys.executable, "-m", "repo2docker", "--no-build", "--debug", source],
        capture_output=True,
        text=True,
        check=True,
    )
    return (done.stdout + done.stderr).replace("\\n", "\n")


def python_version() -> str:
    return (ROOT / "binder/runtime.txt").read_text().strip().removeprefix("python-")


def base_pins() -> list[str]:
    """Versions that the image holds before any requirement of this repository."""
    lock = (image() / f"environment.py-{python_version()}-linux-64.lock").read_text()
    pins = []
    for conda_name, name in BASE.items():
        found = re.search(rf"/{re.escape(conda_name)}-(\d[^-]*)-[^-]+\.conda", lock)
        assert found, f"repo2docker's {python_version()} image has no {conda_name}"
        pins.append(f"{name}=={found[1]}")
    return pins


def same_python() -> str:
    """A Python of Binder's version: the one running this, or one on PATH."""
    version = python_version()
    if sys.version.startswith(f"{version}."):
        return sys.executable
    path = shutil.which(f"python{version}")
    assert path, f"Binder runs Python {version}; there is none here"
    return path


def checkout(folder: Path) -> None:
    """Copy what git knows of this repository, as a clone would hold it."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)


def say(text: str) -> None:
    print(f"binder: {text}", flush=True)


def main() -> None:
    text = dockerfile()
    for line in ("pip install --no-cache-dir -r", "RUN ./binder/postBuild"):
        assert line in text, f"repo2docker would not run {line!r}"
    say(f"repo2docker's recipe is as expected, with Python {python_version()}")

    subprocess.run([same_python(), "-m", "venv", "--clear", ENVIRONMENT], check=True)
    environment = {
        **os.environ,
        "PATH": f"{ENVIRONMENT / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_QUIET": "2",
    }
    environment.pop("PYTHONPATH", None)
    with tempfile.TemporaryDirectory() as name:
        clone = Path(name)
        checkout(clone)

        def step(what: str, *command: str) -> None:
            say(what)
            subprocess.run(command, cwd=clone, env=environment, check=True)

        pip = str(ENVIRONMENT / "bin" / "pip")
        step("packages of the image: " + ", ".join(base_pins()), pip, "install", *base_pins())
        step(
            "binder/requirements.txt",
            *(pip, "install", "--no-cache-dir", "-r", "binder/requirements.txt"),
        )
        step("binder/postBuild", "./binder/postBuild")
        step("pip check", pip, "check")

    say("the browser, behind a base URL and a token")
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-k", "hub", *TESTS],
        cwd=ROOT,
        env={**os.environ, "KIT_LAB_PYTHON": str(ENVIRONMENT / "bin" / "python")},
        check=True,
    )
    say("fine")


if __name__ == "__main__":
    main()
