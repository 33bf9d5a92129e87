"""From a model's statements to the graph of its checks: names, types, functions, recursion."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NoReturn, TypeAlias

from kit.rcu._cat.graph import BASE, SETS, Builder, Node
from kit.rcu._cat.parser import Binding, Check, Enum, Include, Let, Statement, Term
from kit.rcu._lexer import complaint
from kit.rcu.limits import DEFAULT, Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Axiom", "Text", "resolve"]

BUILT_IN: Final = {"domain": 1, "range": 1, "fencerel": 1, "toid": 1, "different-values": 1}


@dataclass(frozen=True, slots=True)
class Text:
    """One file of a model: its name, its text and its statements."""

    name: str
    source: str
    statements: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class Axiom:
    """A check with its graph.

    Attributes
    ----------
    kind : str
        acyclic, irreflexive or empty.
    negated : bool
        Whether it must not hold.
    node : Node
        The relation (or set) that it is about.
    name : str
        After ``as``.
    flag : bool
        Whether it warns rather than forbids.
    source : str
        As the model has it.
    """

    kind: str
    negated: bool
    node: Node
    name: str
    flag: bool
    source: str


@dataclass(frozen=True, slots=True)
class _Function:
    binding: Binding
    scope: dict[str, _Meaning]
    text: Text


_Meaning: TypeAlias = Node | _Function


@dataclass(slots=True)
class _Resolver:
    builder: Builder
    variants: frozenset[str]
    load: Callable[[str, Text, int], Text | None]
    limits: Limits
    scope: dict[str, _Meaning] = field(default_factory=dict)
    axioms: list[Axiom] = field(default_factory=list)
    depth: int = 0
    included: int = 0
    captured: bool = False
    work: int = 0

    def refuse(self, text: Text, at: int, message: str) -> NoReturn:
        raise complaint(text.source, at, message, text.name)

    def text(self, text: Text) -> None:
        """Take in one file."""
        self.included += 1
        if self.included > self.limits.nesting:
            self.refuse(text, 0, f"more than {self.limits.nesting} files are included")
        for statement in text.statements:
            if isinstance(statement, Let):
                self.let(statement, text)
            elif isinstance(statement, Check):
                self.check(statement, text)
            elif isinstance(statement, Enum):
                for tag in statement.tags:
                    name = tag.capitalize() if tag.isupper() else tag[:1].upper() + tag[1:]
                    self.scope.setdefault(name, self.builder.zero("set"))
            else:
                assert isinstance(statement, Include)
                found = self.load(statement.file, text, statement.at)
                if found is not None:
                    self.text(found)

    def check(self, check: Check, text: Text) -> None:
        node = self.term(check.term, text, self.scope)
        if check.kind != "empty":
            self.need(node, "rel", check.term, text)
        words = text.source[check.at : check.term.end].split()
        name = check.name or f"{check.kind} {' '.join(words[1:])}"
        shown = " ".join(words) + (f" as {check.name}" if check.name else "")
        self.axioms.append(Axiom(check.kind, check.negated, node, name, check.flag, shown))

    def let(self, let: Let, text: Text) -> None:
        plain = [binding for binding in let.bindings if binding.parameters is None]
        functions = [binding for binding in let.bindings if binding.parameters is not None]
        if let.recursive and functions:
            self.refuse(text, functions[0].at, "recursive functions are not part of this subset")
        for binding in functions:
            scope, self.captured = self.scope, True
            self.bind({binding.name: _Function(binding, scope, text)})
        if let.recursive:
            self.recursion(plain, text)
            return
        made = [(binding.name, self.term(binding.body, text, self.scope)) for binding in plain]
        for name, node in made:
            if not node.label and node.op not in ("base", "zero", "var"):
                node.label = name
        self.bind(dict(made))

    def bind(self, names: Mapping[str, _Meaning]) -> None:
        """Give names their meaning from here on; a function keeps the names of its own place."""
        if self.captured:
            self.scope = dict(self.scope)
            self.captured = False
        self.scope.update(names)

    def recursion(self, bindings: list[Binding], text: Text) -> None:
        """``let rec``: nothing when nothing can ever be in it, else the least solution."""
        names = [binding.name for binding in bindings]
        if self.builder.present is not None:
            empty: dict[str, _Meaning] = {name: self.builder.zero() for name in names}
            trial = [self.term(b.body, text, {**self.scope, **empty}) for b in bindings]
            if all(node.op == "zero" for node in trial):
                self.bind(empty)
                return
        kinds = ["any"] * len(bindings)
        for _ in range(len(bindings) + 1):
            variables = tuple(
                self.builder.variable(name, kind) for name, kind in zip(names, kinds, strict=True)
            )
            inner = {**self.scope, **dict(zip(names, variables, strict=True))}
            bodies = tuple(self.term(binding.body, text, inner) for binding in bindings)
            found = [body.kind for body in bodies]
            if found == kinds:
                break
            kinds = found
        if "any" in kinds:
            variables = tuple(self.builder.variable(name, "rel") for name in names)
            inner = {**self.scope, **dict(zip(names, variables, strict=True))}
            bodies = tuple(self.term(binding.body, text, inner) for binding in bindings)
        self.bind(
            {
                name: self.builder.recursion(variables, bodies, position)
                for position, name in enumerate(names)
            }
        )

    def need(self, node: Node, kind: str, term: Term, text: Text) -> None:
        if node.kind not in (kind, "any"):
            wanted = "a relation" if kind == "rel" else "a set"
            given = "a set" if kind == "rel" else "a relation"
            hint = "; [S] turns a set into a relation" if kind == "rel" else ""
            self.refuse(text, term.at, f"this is {given}, but {wanted} is needed here{hint}")

    def term(self, term: Term, text: Text, scope: Mapping[str, _Meaning]) -> Node:
        self.work += 1
        if self.work > self.limits.nodes:
            self.refuse(
                text, term.at, f"the model exceeds {self.limits.nodes} operations (Limits.nodes)"
            )
        if term.op == "group":
            return self.term(term.parts[0], text, scope)
        if term.op == "name":
            return self.name(term, text, scope)
        if term.op == "0":
            return self.builder.zero()
        if term.op == "if":
            return self.term(term.parts[term.name not in self.variants], text, scope)
        if term.op == "call":
            return self.call(term, text, scope)
        parts = tuple(self.term(part, text, scope) for part in term.parts)
        return self.operation(term, parts, text)

    def operation(self, term: Term, parts: tuple[Node, ...], text: Text) -> Node:
        make = self.builder.node
        if term.op in ("|", "&", "\\"):
            left, right = parts
            if {left.kind, right.kind} == {"set", "rel"}:
                self.refuse(
                    text,
                    term.parts[1].at,
                    f"{term.op} has a set on one side and a relation on the other; "
                    f"[S] turns a set into a relation",
                )
            return make(term.op, left, right)
        if term.op == "~":
            (inner,) = parts
            if inner.kind == "set":
                return make("\\", self.builder.base("_", "set"), inner)
            return make("~", inner) if inner.op != "zero" else self.full()
        wanted = "set" if term.op in ("*", "[]") else "rel"
        for node, part in zip(parts, term.parts, strict=True):
            self.need(node, wanted, part, text)
        if term.op == "*":
            if parts[0] is self.builder.base("_", "set"):
                return make("columns", parts[1])
            return make("product", *parts)
        if term.op == "[]":
            return make("diagonal", *parts)
        if term.op == ";":
            return make(";", *parts)
        return make({"post?": "?", "post+": "+", "post*": "star"}.get(term.op, "^-1"), *parts)

    def full(self) -> Node:
        every = self.builder.base("_", "set")
        return self.builder.node("rows", every)

    def name(self, term: Term, text: Text, scope: Mapping[str, _Meaning]) -> Node:
        found = scope.get(term.name)
        if isinstance(found, Node):
            return found
        if isinstance(found, _Function) or term.name in BUILT_IN:
            self.refuse(text, term.at, f"{term.name} is a function: give it an argument")
        if term.name in SETS:
            return self.builder.base(term.name, "set")
        if term.name in BASE:
            return self.builder.base(term.name, "rel")
        raise complaint(text.source, term.at, f"{term.name} is not defined", text.name)

    def call(self, term: Term, text: Text, scope: Mapping[str, _Meaning]) -> Node:
        self.depth += 1
        if self.depth > self.limits.nesting:
            self.refuse(text, term.at, f"calls nested deeper than {self.limits.nesting}")
        arguments = [self.term(part, text, scope) for part in term.parts]
        function = scope.get(term.name)
        if isinstance(function, _Function):
            parameters = function.binding.parameters or ()
            self.arity(term, len(parameters), text)
            inner = {**function.scope, **dict(zip(parameters, arguments, strict=True))}
            out = self.term(function.binding.body, function.text, inner)
        elif term.name in BUILT_IN:
            self.arity(term, BUILT_IN[term.name], text)
            out = self.built_in(term, arguments[0], text)
        else:
            self.refuse(text, term.at, f"{term.name} is not a function")
        self.depth -= 1
        return out

    def arity(self, term: Term, wanted: int, text: Text) -> None:
        if len(term.parts) != wanted:
            self.refuse(
                text, term.at, f"{term.name} takes {wanted} arguments, not {len(term.parts)}"
            )

    def built_in(self, term: Term, argument: Node, text: Text) -> Node:
        make, base = self.builder.node, self.builder.base
        wanted = "set" if term.name in ("fencerel", "toid") else "rel"
        self.need(argument, wanted, term.parts[0], text)
        if term.name == "fencerel":
            po = base("po", "rel")
            return make(";", make("&", po, make("columns", argument)), po)
        if term.name == "toid":
            return make("diagonal", argument)
        if term.name == "different-values":
            return make("&", argument, base("different", "rel"))
        return make(term.name, argument)


def resolve(
    texts: tuple[Text, ...],
    load: Callable[[str, Text, int], Text | None],
    variants: frozenset[str] = frozenset(),
    present: frozenset[str] | None = None,
    limits: Limits = DEFAULT,
) -> tuple[Axiom, ...]:
    """The checks of a model as graphs.

    Parameters
    ----------
    texts : tuple of Text
        The prelude and the model itself.
    load : callable
        ``load(file, text, at)`` finds what ``text`` includes; None when there is nothing to add.
    variants : frozenset of str
        For ``if "variant" then``.
    present : frozenset of str, optional
        The base sets and relations that are not empty; what only concerns others folds away.
    limits : Limits
        Bounds.

    Returns
    -------
    tuple of Axiom
        In order.

    Raises
    ------
    kit.errors.LitmusError
        For names that are not defined, sets where relations are needed, and their like.

    Examples
    --------
    >>> from kit.rcu._cat.parser import parse_cat
    >>> source = "acyclic po | rf | co | fr as sc"
    >>> text = Text("sc", source, parse_cat(source)[1])
    >>> [axiom.source for axiom in resolve((text,), lambda *_: None)]
    ['acyclic po | rf | co | fr as sc']
    """
    resolver = _Resolver(Builder(present), variants, load, limits)
    for text in texts:
        resolver.included = 0
        resolver.text(text)
    return tuple(resolver.axioms)
