"""Binder's recipe, as far as it shows without building anything; `make binder-check` goes on."""

import stat

import pytest

from tests.project.binder import ROOT, base_pins, checkout, dockerfile, image, python_version

pytestmark = pytest.mark.skipif(image() is None, reason="jupyter-repo2docker is not installed")


def test_repo2docker_takes_the_pins_before_the_repository(tmp_path) -> None:
    checkout(tmp_path)
    text = dockerfile(tmp_path)
    # The pinned packages of this very Python; repo2docker writes "-" as "-2d" and "." as "-2e".
    lock = f"environment.py-{python_version()}-linux"
    assert lock.replace("-", "-2d").replace(".", "-2e") in text
    pins = text.index('pip install --no-cache-dir -r "binder/requirements.txt"')
    assert pins < text.index("# Copy stuff."), "every commit would install the pins again"
    assert pins < text.index("RUN ./binder/postBuild")


def test_the_image_is_known() -> None:
    names = [pin.partition("==")[0] for pin in base_pins()]
    assert {"jupyterlab", "ipykernel", "notebook", "jupyterhub"} <= set(names)


def test_a_failure_in_post_build_fails_the_build() -> None:
    script = ROOT / "binder/postBuild"
    lines = [line for line in script.read_text().splitlines() if not line.startswith("#")]
    assert lines[0] == "set -e"
    assert script.stat().st_mode & stat.S_IXUSR
