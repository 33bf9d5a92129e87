"""Students' functions, taken in as text and given nothing but what the exercise is about."""

from __future__ import annotations

import ast
import linecache
from typing import TYPE_CHECKING, Any, Final

from kit.errors import LitmusError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["compiled"]

BUILTINS: Final[dict[str, object]] = {
    each.__name__: each
    for each in (
        all, any, bool, dict, enumerate, int, len, list, max, min, range, reversed, set, sorted,
        sum, tuple, zip,
    )
}  # fmt: skip
"""What a function may use of Python's own."""

METHODS: Final = frozenset(
    {"func", "private", "append", "add", "pop", "items", "keys", "values", "get", "index"}
    | {"insert", "remove", "discard", "extend", "update"}
)
"""Attributes that lead to nothing but halves of closures and changes of collections."""

REFUSED: Final = (
    ast.Import,
    ast.ImportFrom,
    ast.Global,
    ast.Nonlocal,
    ast.ClassDef,
    ast.AsyncFunctionDef,
    ast.Await,
    ast.Try,
    ast.With,
    ast.Delete,
)


def compiled(source: object, name: str, given: Mapping[str, object]) -> Callable[..., Any]:
    r"""Make a function from its text.

    Parameters
    ----------
    source : object
        The text of one ``def``.
    name : str
        What it is called in messages.
    given : mapping
        The names that it may use besides some of Python's own.

    Returns
    -------
    function
        It sees nothing of the process it runs in but these names.

    Raises
    ------
    kit.errors.LitmusError
        When the text is something else, or uses something else.

    Examples
    --------
    >>> compiled("def twice(x):\n    return 2 * x", "twice", {})(4)
    8
    >>> compiled("def look():\n    return open('/etc/passwd')", "look", {})
    Traceback (most recent call last):
    kit.errors.LitmusError: look, line 2: open is not there; it has to do with its parameters
    """
    if not isinstance(source, str) or len(source) > 20_000:
        raise LitmusError(f"{name}: give the function itself")
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise LitmusError(f"{name} cannot be read: {error}") from None
    if len(tree.body) != 1 or not isinstance(tree.body[0], ast.FunctionDef):
        raise LitmusError(f"{name}: one function, defined with def, is wanted")
    _check(tree.body[0], name, given)
    file = f"<{name}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    space: dict[str, Any] = {"__builtins__": BUILTINS, **given}
    exec(compile(tree, file, "exec"), space)
    function: Callable[..., Any] = space[tree.body[0].name]
    return function


def _check(function: ast.FunctionDef, name: str, given: Mapping[str, object]) -> None:
    names = [node for node in ast.walk(function) if isinstance(node, ast.Name)]
    own = {node.id for node in names if isinstance(node.ctx, ast.Store)}
    own |= {node.arg for node in ast.walk(function) if isinstance(node, ast.arg)}
    own |= {node.name for node in ast.walk(function) if isinstance(node, ast.FunctionDef)}
    known = own | set(given) | set(BUILTINS)
    for node in ast.walk(function):
        where = f"{name}, line {getattr(node, 'lineno', 0)}"
        if isinstance(node, REFUSED) or getattr(node, "decorator_list", None):
            raise LitmusError(f"{where}: {type(node).__name__} is not needed here")
        if isinstance(node, ast.Attribute) and node.attr not in METHODS:
            raise LitmusError(f"{where}: .{node.attr} is not needed here")
        if isinstance(node, ast.Name) and node.id not in known:
            help_ = f"; there is {', '.join(given)}" if given else ""
            hint = help_ or "; it has to do with its parameters"
            raise LitmusError(f"{where}: {node.id} is not there{hint}")
        if isinstance(node, ast.Name) and node.id.startswith("__"):
            raise LitmusError(f"{where}: {node.id} is not needed here")
