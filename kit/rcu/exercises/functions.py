"""Students' functions: read as text, and run with names that they cannot know.

A function gets only what the exercise is about. If it knew the names in advance, it could pass
without looking. So names and numbers are derived from its text, which cannot contain them.
"""

from __future__ import annotations

import ast
import linecache
import warnings
from collections.abc import Callable, Generator, Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from kit.errors import LitmusError, SimulationError
from kit.rcu.limits import BOUNDS
from kit.rcu.steps import Step, call, new, store
from kit.rcu.steps.programs import guarded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from kit.rcu.steps.programs import Steps

    Driving = Generator[Step, Any, object]


__all__ = ["begun", "compiled", "disguised", "driven", "mask", "numbers"]

BUILTINS: Final[dict[str, object]] = {
    each.__name__: each
    for each in (
        all, any, bool, dict, enumerate, int, len, list, max, min, range, reversed, set, sorted,
        sum, tuple, zip,
    )
}  # fmt: skip
"""The built-in functions that a function may use."""

METHODS: Final = frozenset(
    {"func", "private", "append", "add", "pop", "items", "keys", "values", "get", "index"}
    | {"insert", "remove", "discard", "extend", "update"}
)
"""The attributes that a function may use: halves of closures, and methods of collections."""

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
"""The syntax that a function may use. New syntax is refused until it is listed here. Class patterns
are not, because they read any attribute."""


def compiled(source: object, name: str, given: Mapping[str, object]) -> Callable[..., Any]:
    r"""Make a function from the text of one ``def``; ``name`` is what messages call it.

    It sees nothing of the process it runs in but the names that are given, and some of Python's
    own.

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


def numbers(text: str, count: int, most: int = 1 << 20) -> tuple[int, ...]:
    """Different numbers that follow from a text, each from 1000 to 1000 more than ``most``.

    Examples
    --------
    >>> numbers("a", 2) == numbers("a", 2) != numbers("b", 2)
    True
    """
    found: dict[int, None] = {}
    number = 0
    while len(found) < count:
        digest = sha256(f"{number} {text}".encode("utf-8", "replace")).digest()
        found[1000 + int.from_bytes(digest[:8], "big") % most] = None
        number += 1
    return tuple(found)


def mask(text: str, names: str) -> dict[str, str]:
    """Other names for probes (a letter each) and their data, and back again.

    They follow from a text.

    Examples
    --------
    >>> made = mask("a text", "A")
    >>> made[made["A"]], made[made["a"]]
    ('A', 'a')
    """
    plain = [*names, *names.lower()]
    made = dict(zip(plain, map(str, numbers(text, len(plain), 1 << 40)), strict=True))
    return made | {other: name for name, other in made.items()}


def begun(function: Callable[..., Any], name: str, *arguments: object) -> Steps:
    """A student's function as a generator; ``name`` is what messages call it.

    Raises
    ------
    kit.errors.SimulationError
        When it is none.

    Examples
    --------
    >>> begun(lambda: 5, "reader")
    Traceback (most recent call last):
    kit.errors.SimulationError: reader gives 5 and takes no steps: its function needs a `yield`
    """
    made = function(*arguments)
    if isinstance(made, Generator):
        return made
    text = repr(made)[:60] if isinstance(made, int | str | None) else type(made).__name__
    raise SimulationError(f"{name} gives {text} and takes no steps: its function needs a `yield`")


def disguised(steps: Steps, names: Mapping[str, str], who: str) -> Steps:
    """A student's steps, in which everything is called by another name.

    ``names`` are those of `mask`.
    """
    return driven(steps, who, lambda step: _disguised(step, names))


def _disguised(step: Step, names: Mapping[str, str]) -> Driving:
    return _renamed((yield _translated(step, names)), names)


def driven(steps: Steps, who: str, each: Callable[[Step], Driving]) -> Steps:
    """A student's steps, with something done about each of them.

    Given a step, ``each`` yields those to be taken in its place, and returns what the student is
    told.

    Raises
    ------
    kit.errors.SimulationError
        When the student yields what is no step.

    Examples
    --------
    >>> from kit.rcu.steps import load
    >>> def twice(step):
    ...     yield step
    ...     return (yield step)
    >>> len(list(driven((load(place) for place in "xy"), "reader", twice)))
    4
    """
    told: object = None
    while True:
        try:
            step = steps.send(told)
        except StopIteration:
            return
        if not isinstance(step, Step):
            raise SimulationError(f"{who} yields {step!r:.60}, which is no step")
        told = yield from each(step)


def _translated(step: Step, names: Mapping[str, str]) -> Step:
    value = _renamed(step.value, names)
    if step.kind == "call":
        return call(*value)
    if step.kind == "store":
        return store(step.place, value)
    if step.kind == "new":
        return new(*value, kind=str(step.place))
    return step


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, tuple):
        return tuple(_renamed(each, names) for each in value)
    return names.get(value, value) if isinstance(value, str) else value
