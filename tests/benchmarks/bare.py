"""The floor: what the least possible C object costs, built and timed in the same run."""

from __future__ import annotations

import importlib.util
import shlex
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from tests.benchmarks.subjects import FIRE
from tests.benchmarks.timing import Row, probes

SOURCE = Path(__file__).with_name("bare.c")


def build(folder: Path) -> str | None:
    """Compile it into a folder; return why it could not be, or None."""
    compiler = shlex.split(sysconfig.get_config_var("CC") or "cc")
    suffix = sysconfig.get_config_var("EXT_SUFFIX") or ".so"
    shared = (
        ["-bundle", "-undefined", "dynamic_lookup"] if sys.platform == "darwin" else ["-shared"]
    )
    command = [*compiler, "-O2", "-fPIC", *shared, f"-I{sysconfig.get_path('include')}"]
    try:
        subprocess.run(
            [*command, str(SOURCE), "-o", str(folder / f"bare{suffix}")],
            check=True,
            capture_output=True,
            text=True,
        )
    except FileNotFoundError:
        return f"no compiler: {compiler[0]} is not here"
    except subprocess.CalledProcessError as error:
        return f"{compiler[0]} failed: {error.stderr.strip().splitlines()[-1]}"
    return None


def load(folder: Path) -> ModuleType:
    """Import what `build` made."""
    suffix = sysconfig.get_config_var("EXT_SUFFIX") or ".so"
    path = folder / f"bare{suffix}"
    specification = importlib.util.spec_from_file_location("bare", path)
    if not path.exists() or specification is None or specification.loader is None:
        raise ImportError("the bare object has not been built")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def rows(bare: ModuleType) -> list[Row]:
    """Its rows, and the floor of an update: a tuple copied under a lock."""

    def row(figure: str, statement: str, marker: object) -> Row:
        return Row(f"bare {figure}", statement, {"m": marker}, figure=figure, subject="bare")

    tape = bare.Tape(1 << 16)
    published: list[tuple[Callable[..., None], ...]] = [tuple(probes(64))]
    lock, probe = threading.Lock(), probes(1)[0]

    def connect(probe: Callable[..., None]) -> None:
        with lock:
            published[0] = (*published[0], probe)

    def disconnect(probe: Callable[..., None]) -> None:
        with lock:
            array = published[0]
            place = array.index(probe)
            published[0] = array[:place] + array[place + 1 :]

    names = {"connect": connect, "disconnect": disconnect, "probe": probe}
    return [
        row("off", FIRE, bare.Marker(())),
        row("guard", "if m: pass", bare.Marker(())),
        row("one", FIRE, bare.Marker(tuple(probes(1)))),
        row("eight", FIRE, bare.Marker(tuple(probes(8)))),
        row("sixty-four", FIRE, bare.Marker(tuple(probes(64)))),
        row("record", FIRE, bare.Marker((tape,))),
        Row(
            "bare update",
            "connect(probe); disconnect(probe)",
            names,
            figure="update",
            subject="bare",
        ),
    ]
