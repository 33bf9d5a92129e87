"""How the house is built: which room knows which, and what its files are called."""

import ast
import importlib
import re
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# What a room may import, inside its functions, too.
BELOW = {
    "errors": set(),
    "core": {"errors", "_c"},
    "rcu": {"errors"},
    "probes": {"errors", "core", "_c"},
    "frames": {"errors", "core", "probes"},
    "analysis": {"errors", "core", "probes", "frames"},
    "plots": {"errors", "core", "probes", "frames", "analysis"},
    "widgets": {"errors", "core", "probes", "frames", "analysis", "plots", "rcu"},
    "demo": {"kit"},  # a program like any other: it knows the face
    "testing": {"errors", "core", "probes"},
    "torture": {"kit", "core", "probes", "frames"},
    # Commands know the face, and what they show.
    "cli": {"kit", "frames", "analysis", "plots", "demo"},
}

# The doors upwards: one file each, which imports the room when somebody asks for what is in it.
DOORS = {
    "probes/captures/_capture.py": {"frames"},  # a capture's frames
    "frames/__init__.py": {"analysis"},  # the accessor ``frame.kit``
    "rcu/boards.py": {"widgets"},  # boards and steppers
}

MOST_LINES = 600
MOST_ENTRIES = 18


def imports(node: ast.AST, *, lazy: bool) -> Iterator[str]:
    """Names of modules of the kit that a module imports, inside its functions too when `lazy`."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            continue
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) and not lazy:
            continue
        if isinstance(child, ast.Import):
            names = [alias.name for alias in child.names]
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, f"line {child.lineno}: imports name their module in full"
            names = [f"{child.module}.{alias.name}" for alias in child.names]
        elif isinstance(child, ast.Call) and re.search(
            r"\b(import_module|import_room)$", ast.unparse(child.func)
        ):
            names = [
                ast.literal_eval(each) for each in child.args if isinstance(each, ast.Constant)
            ]
        else:
            names = []
            yield from imports(child, lazy=lazy)
        for name in names:
            if name.partition(".")[0] == "kit":
                yield name


def rooms_in(names: Iterator[str]) -> set[str]:
    """The rooms that names of modules are in; ``kit`` for the face."""
    return {name.split(".")[1] if "." in name else "kit" for name in names}


def modules() -> list[Path]:
    return sorted((ROOT / "kit").rglob("*.py"))


def room_of(path: Path) -> str:
    return path.relative_to(ROOT / "kit").parts[0].removesuffix(".py")


def shown(path: Path) -> str:
    return path.relative_to(ROOT / "kit").as_posix()


MODULES = [pytest.param(path, id=shown(path)) for path in modules()]
IN_ROOMS = [each for each in MODULES if room_of(each.values[0]) in BELOW]


@pytest.mark.parametrize("path", IN_ROOMS)
def test_a_room_imports_only_rooms_below_it(path: Path) -> None:
    tree, room = ast.parse(path.read_text()), room_of(path)
    assert rooms_in(imports(tree, lazy=False)) - BELOW[room] - {room} == set()
    known = BELOW[room] | {room} | DOORS.get(shown(path), set())
    assert rooms_in(imports(tree, lazy=True)) - known == set()


@pytest.mark.parametrize("path", IN_ROOMS)
def test_siblings_are_imported_where_everybody_sees_it(path: Path) -> None:
    """An import within a function is how a circle hides."""
    tree, inside = ast.parse(path.read_text()), f"kit.{room_of(path)}."
    late = set(imports(tree, lazy=True)) - set(imports(tree, lazy=False))
    assert {name for name in late if name.startswith(inside)} == set()


@pytest.mark.parametrize("path", MODULES)
def test_a_file_can_be_read_in_one_sitting(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= MOST_LINES


def test_a_folder_can_be_looked_over() -> None:
    folders = {path.parent for path in modules()} - {ROOT / "kit"}
    for folder in folders:
        python = [each for each in folder.iterdir() if each.suffix == ".py" or _has_python(each)]
        assert len(python) <= MOST_ENTRIES, folder


def _has_python(path: Path) -> bool:
    return path.is_dir() and any(path.glob("*.py"))


def test_no_module_bears_the_name_of_a_function_of_its_package() -> None:
    """Else the name means the one or the other, depending on what was imported before."""
    for path in modules():
        if path.name != "__init__.py":
            continue
        package = ".".join(("kit", *path.parent.relative_to(ROOT / "kit").parts))
        if package == "kit":
            continue
        face = importlib.import_module(package)
        exported = {
            name
            for name in getattr(face, "__all__", ())
            if not isinstance(getattr(face, name), types.ModuleType)
        }
        inside = {each.stem for each in path.parent.iterdir() if each != path}
        assert exported & inside == set(), package


def test_what_the_documents_call_by_name_is_there() -> None:
    """Names of the kit in backticks, in docstrings, comments and documents."""
    files = [*modules(), *(ROOT / "docs").glob("*.md"), *ROOT.glob("*.md")]
    names = {
        name for path in files for name in re.findall(r"`(kit(?:\.\w+)+)`", path.read_text("utf-8"))
    }
    assert [name for name in sorted(names) if not _is_there(name)] == []


def _is_there(name: str) -> bool:
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:end]))
        except ImportError:
            continue
        for part in parts[end:]:
            if not hasattr(found, part):
                return False
            found = getattr(found, part)
        return True
    return False


def test_every_room_has_its_place() -> None:
    found = {
        path.name.removesuffix(".py")
        for path in (ROOT / "kit").iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert found - set(BELOW) - {"__init__", "__main__"} == set()


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
        ("def f():\n    import_module('kit.plots')", True, {"plots"}),
        ("if TYPE_CHECKING:\n    import kit.plots", True, set()),
        ("try:\n    import kit.plots\nexcept ImportError: ...", False, {"plots"}),
    ],
)
def test_imports_are_found(source: str, lazy: bool, found: set[str]) -> None:
    assert rooms_in(imports(ast.parse(source), lazy=lazy)) == found
