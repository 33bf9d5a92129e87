"""Data goes one way, and so do imports: a room knows the rooms below it."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# What a room may import when it is imported itself.
BELOW = {
    "errors": set(),
    "core": {"errors", "_c"},
    "rcu": {"errors"},
    "sources": {"errors", "core"},
    "probes": {"errors", "core", "_c"},
    "frames": {"errors", "core", "probes"},
    "analysis": {"errors", "core", "probes", "frames"},
    "plots": {"errors", "core", "probes", "frames", "analysis"},
    "widgets": {"errors", "core", "probes", "frames", "analysis", "plots", "rcu"},
    "demo": {"kit"},  # a program like any other: it knows the face
    "testing": {"errors", "core", "probes"},
    "torture": {"kit", "core", "probes"},
    # Commands know the face, and what they show.
    "cli": {"kit", "frames", "analysis", "plots", "demo"},
}

# What it may never import, not even inside a function: whoever uses the room would need it.
NEVER = {
    "errors": set(BELOW) - {"errors"},
    "core": set(BELOW) - {"errors", "core"},
    "frames": {"plots", "widgets", "demo"},
    "analysis": {"widgets", "demo"},
    "plots": {"widgets", "demo"},
}


def imports(node: ast.AST, *, lazy: bool) -> Iterator[str]:
    """Names of the `kit` rooms that a module imports, inside its functions too when `lazy`."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) and not lazy:
            continue
        if isinstance(child, ast.Import):
            names = [alias.name for alias in child.names]
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, f"line {child.lineno}: imports name their module in full"
            names = [f"{child.module}.{alias.name}" for alias in child.names]
        else:
            names = []
            yield from imports(child, lazy=lazy)
        for name in names:
            package, _, rest = name.partition(".")
            if package == "kit":
                yield rest.partition(".")[0] or "kit"


def rooms() -> list[tuple[str, Path]]:
    found = []
    for path in sorted((ROOT / "kit").rglob("*.py")):
        room = path.relative_to(ROOT / "kit").parts[0].removesuffix(".py")
        if room in BELOW:
            found.append((room, path))
    return found


@pytest.mark.parametrize(
    ("room", "path"), rooms(), ids=[str(path.relative_to(ROOT)) for _, path in rooms()]
)
def test_a_room_imports_only_rooms_below_it(room: str, path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert set(imports(tree, lazy=False)) - BELOW[room] - {room} == set()
    assert set(imports(tree, lazy=True)) & NEVER.get(room, set()) == set()


def test_every_room_has_its_place() -> None:
    found = {
        path.name.removesuffix(".py")
        for path in (ROOT / "kit").iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert found - set(BELOW) - {"__init__", "__main__", "magics"} == set()


def test_markers_need_the_standard_library_alone() -> None:
    # -S leaves out site-packages, so anything else would be an ImportError.
    program = "import kit; m = kit.marker('a.b', n=int); m.connect(print); m(n=1)"
    done = subprocess.run(
        [sys.executable, "-S", "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", "")


@pytest.mark.parametrize(
    ("source", "lazy", "found"),
    [
        ("import kit.plots._theme", False, {"plots"}),
        ("from kit import plots", False, {"plots"}),
        ("from kit.plots import theme", False, {"plots"}),
        ("import pandas", False, set()),
        ("def f():\n    import kit.plots", False, set()),
        ("def f():\n    import kit.plots", True, {"plots"}),
        ("if TYPE_CHECKING:\n    import kit.plots", True, set()),
        ("try:\n    import kit.plots\nexcept ImportError: ...", False, {"plots"}),
    ],
)
def test_imports_are_found(source: str, lazy: bool, found: set[str]) -> None:
    assert set(imports(ast.parse(source), lazy=lazy)) == found
