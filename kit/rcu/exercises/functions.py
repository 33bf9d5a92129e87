"""Students' functions, taken in as text and given nothing but what the exercise is about."""

from __future__ import annotations

import ast
import linecache
import warnings
from typing import TYPE_CHECKING, Any, Final

from kit.errors import LitmusError
from kit.rcu.steps.limits import BOUNDS
from kit.rcu.steps.programs import guarded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

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

ALLOWED: Final = (
    *(ast.FunctionDef, ast.Lambda, ast.arguments, ast.arg, ast.Return, ast.Yield, ast.YieldFrom),
    *(ast.Assign, ast.AugAssign, ast.AnnAssign, ast.NamedExpr, ast.Expr, ast.Pass, ast.Assert),
    *(ast.If, ast.IfExp, ast.For, ast.While, ast.Break, ast.Continue),
    *(ast.Name, ast.Constant, ast.Attribute, ast.Subscript, ast.Slice, ast.Starred),
    *(ast.List, ast.Tuple, ast.Dict, ast.Set, ast.JoinedStr, ast.FormattedValue),
    *(ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.comprehension),
    *(ast.Call, ast.keyword, ast.Compare, ast.cmpop, ast.BoolOp, ast.boolop),
    *(ast.BinOp, ast.operator, ast.UnaryOp, ast.unaryop, ast.expr_context),
    *(ast.Match, ast.match_case, ast.MatchValue, ast.MatchSingleton, ast.MatchSequence),
    *(ast.MatchMapping, ast.MatchStar, ast.MatchAs, ast.MatchOr),
)
"""What a function may be written with. What Python gains later is refused until it is listed; a
class pattern is not listed, for it reads any attribute."""


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
    kit.errors.KitError
        When the text is something else, uses something else, or fails at once.

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
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise LitmusError(f"{name} cannot be read: {error!s:.200}") from None
    if len(tree.body) != 1 or not isinstance(tree.body[0], ast.FunctionDef):
        raise LitmusError(f"{name}: one function, defined with def, is wanted")
    _check(tree.body[0], name, given)
    file = f"<{name}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    space: dict[str, Any] = {"__builtins__": BUILTINS, **given}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the compiler, about a student's style
            code = compile(tree, file, "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise LitmusError(f"{name} cannot be read: {error!s:.200}") from None
    guarded(name, BOUNDS.lines, exec, code, space)  # its defaults are its own, too
    function: Callable[..., Any] = space[tree.body[0].name]
    return function


def _check(function: ast.FunctionDef, name: str, given: Mapping[str, object]) -> None:
    own = {each for node in ast.walk(function) for each in _named(node)}
    known = own | set(given) | set(BUILTINS)
    for node in ast.walk(function):
        where = f"{name}, line {getattr(node, 'lineno', 0)}"
        if not isinstance(node, ALLOWED) or getattr(node, "decorator_list", None):
            raise LitmusError(f"{where}: {type(node).__name__} is not needed here")
        if isinstance(node, ast.Attribute) and node.attr not in METHODS:
            raise LitmusError(f"{where}: .{node.attr:.60} is not needed here")
        for each in _named(node):
            if each.startswith("__"):
                raise LitmusError(f"{where}: {each:.60} is not needed here")
        if isinstance(node, ast.Name) and node.id not in known:
            help_ = f"; there is {', '.join(given)}" if given else ""
            hint = help_ or "; it has to do with its parameters"
            raise LitmusError(f"{where}: {node.id:.60} is not there{hint}")


def _named(node: ast.AST) -> Iterator[str]:
    """The names that a part of a function gives to something."""
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.id
    elif isinstance(node, ast.arg):
        yield node.arg
    elif isinstance(node, ast.FunctionDef | ast.MatchAs | ast.MatchStar):
        yield from [node.name] if node.name else []
    elif isinstance(node, ast.MatchMapping):
        yield from [node.rest] if node.rest else []
