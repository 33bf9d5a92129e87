"""Memory models, as text that one can read, change and load.

The kit's own models are the ``.cat`` files of this folder: ``sc``, ``tso``, ``alpha``, ``lkmm``.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from kit.errors import LitmusError
from kit.rcu._cat.parser import parse_cat
from kit.rcu._cat.program import Program, compile_program
from kit.rcu._cat.resolve import Axiom, Text, resolve
from kit.rcu._lexer import complaint, file_text
from kit.rcu.limits import DEFAULT, Limits

if TYPE_CHECKING:
    from kit.rcu._cat.graph import Node

__all__ = ["NAMES", "Model", "get", "load"]

NAMES: Final = ("sc", "tso", "alpha", "lkmm")
"""The kit's own models, from the strongest to the weakest but one."""

SUPPLIED: Final = frozenset({"stdlib.cat", "cos.cat", "cos-opt.cat", "fences.cat", "lock.cat"})
"""Files that other checkers' models include, and whose contents are built in here."""


@dataclass(frozen=True, slots=True)
class Model:
    """A memory model.

    Attributes
    ----------
    name : str
        What it is called by.
    title : str
        What it calls itself.
    source : str
        Its text in the cat language.
    variants : frozenset of str
        What ``if "variant" then`` finds.
    disabled : frozenset of str
        Axioms that are switched off.

    Examples
    --------
    >>> get("sc")
    <model sc: Sequential consistency, with grace periods>
    """

    name: str
    title: str
    source: str = field(repr=False)
    variants: frozenset[str] = frozenset()
    disabled: frozenset[str] = frozenset()
    folder: Path | None = field(default=None, repr=False)
    limits: Limits = field(default=DEFAULT, repr=False)

    @property
    def axioms(self) -> tuple[Axiom, ...]:
        """The checks that are in force, flags included."""
        return _axioms(self, None)

    @property
    def coherent(self) -> bool:
        """Whether an axiom keeps every single location in order."""
        return any(_is_coherence(axiom) for axiom in self.axioms)

    @property
    def atomic(self) -> bool:
        """Whether an axiom keeps other threads out of an atomic update."""
        return any(_is_atomicity(axiom) for axiom in self.axioms)

    def without(self, *names: str) -> Model:
        """The same model with axioms or flags switched off.

        Parameters
        ----------
        *names : str
            Their names, as after ``as``.

        Returns
        -------
        Model
            A new model.

        Raises
        ------
        kit.errors.LitmusError
            When there is no such axiom.

        Examples
        --------
        >>> weaker = get("lkmm").without("rcu")
        >>> "rcu" in [axiom.name for axiom in weaker.axioms]
        False
        """
        known = [axiom.name for axiom in self.axioms]
        for name in names:
            if name not in known:
                raise LitmusError(f"{self.name} has no axiom {name!r}; it has {', '.join(known)}")
        return replace(self, disabled=self.disabled | set(names))

    def program(
        self, present: frozenset[str], coherent: bool = False, atomic: bool = False
    ) -> Program:
        """The model made ready for tests in which these sets and relations are not empty.

        ``coherent`` and ``atomic`` say that candidates are known to be so.
        """
        return _program(self, present, coherent, atomic)

    def __repr__(self) -> str:
        off = f" without {', '.join(sorted(self.disabled))}" if self.disabled else ""
        return f"<model {self.name}{off}: {self.title}>"


def _is_coherence(axiom: Axiom) -> bool:
    if axiom.negated or axiom.flag or axiom.kind != "acyclic":
        return False
    return _orders(axiom.node)


def _is_atomicity(axiom: Axiom) -> bool:
    if axiom.negated or axiom.flag or axiom.kind != "empty":
        return False
    return _shape(axiom.node) == "(rmw & ((fr & ext) ; (co & ext)))"


def _orders(node: Node) -> bool:
    """Whether a union contains rf, co, fr and program order on each location."""
    found: set[str] = set()
    waiting = [node]
    while waiting:
        part = waiting.pop()
        if part.op == "|":
            waiting.extend(part.parts)
        else:
            found.add(_shape(part))
    return {"rf", "co", "fr"} <= found and bool(found & {"po", "(po & loc)", "(loc & po)"})


def _shape(node: Node, depth: int = 4) -> str:
    if node.op == "base":
        return node.name
    if len(node.parts) == 2 and depth:
        left, right = (_shape(part, depth - 1) for part in node.parts)
        return f"({left} {node.op} {right})"
    return "?"


@lru_cache(maxsize=256)
def _program(model: Model, present: frozenset[str], coherent: bool, atomic: bool) -> Program:
    known = {
        axiom.name
        for axiom in model.axioms
        if (coherent and axiom.name == "coherence" and _is_coherence(axiom))
        or (atomic and _is_atomicity(axiom))
    }
    return compile_program([axiom for axiom in _axioms(model, present) if axiom.name not in known])


@lru_cache(maxsize=256)
def _axioms(model: Model, present: frozenset[str] | None) -> tuple[Axiom, ...]:
    def include(file: str, text: Text, at: int) -> Text | None:
        return _included(model, file, text, at)

    try:
        texts = (_own("prelude.cat"), _text(model.name, model.source, model.limits))
        found = resolve(texts, include, model.variants, present, model.limits)
    except RecursionError:
        raise LitmusError(f"{model.name}: an expression of this model is too deep") from None
    return tuple(axiom for axiom in found if axiom.name not in model.disabled)


@lru_cache(maxsize=256)
def _text(name: str, source: str, limits: Limits) -> Text:
    return Text(name, source, parse_cat(source, name, limits)[1])


@lru_cache(maxsize=32)
def _own(file: str) -> Text:
    path = Path(__file__).with_name(file)
    return _text(file, path.read_text(encoding="utf-8"), DEFAULT)


def _included(model: Model, file: str, text: Text, at: int) -> Text | None:
    """A file of the user's folder, or one of the kit's own."""
    name = PurePosixPath(file).name
    if name != file:
        raise complaint(
            text.source, at, f"include takes a plain file name, not {file!r}", text.name
        )
    if model.folder is not None and (model.folder / file).is_file():
        return _text(file, file_text(model.folder / file, model.limits), model.limits)
    if Path(__file__).with_name(file).is_file() and file.endswith(".cat"):
        return _own(file)
    if file in SUPPLIED:
        return None
    raise complaint(text.source, at, f"there is no file {file!r} to include", text.name)


def get(name: str | Model) -> Model:
    """One of the kit's models; a model is returned as it is.

    Parameters
    ----------
    name : str or Model
        One of `NAMES`.

    Returns
    -------
    Model
        The model.

    Raises
    ------
    kit.errors.LitmusError
        When there is none of that name.

    Examples
    --------
    >>> [axiom.name for axiom in get("sc").axioms if not axiom.flag]
    ['coherence', 'atomic', 'sequential-consistency', 'rcu']
    """
    if isinstance(name, Model):
        return name
    if name not in NAMES:
        raise LitmusError(
            f"there is no model {name!r}; there are {', '.join(NAMES)}, and models.load() for yours"
        )
    return _kept(name)


@lru_cache(maxsize=8)
def _kept(name: str) -> Model:
    return load(Path(__file__).with_name(f"{name}.cat"))


def load(
    text: str | Path,
    name: str = "",
    variants: frozenset[str] | tuple[str, ...] = (),
    limits: Limits = DEFAULT,
) -> Model:
    """Read a model of your own.

    Parameters
    ----------
    text : str or pathlib.Path
        The model in the cat language, or the path of a file with it. A string of one line that
        ends in ``.cat`` is a path. What it includes is looked for beside it, then among the kit's.
    name : str
        What to call it; the file's name if left out.
    variants : collection of str
        For ``if "variant" then``.
    limits : Limits
        Bounds.

    Returns
    -------
    Model
        The model, checked.

    Raises
    ------
    kit.errors.LitmusError
        When it cannot be read; the message shows the place.

    Examples
    --------
    >>> load("acyclic po | rf | co | fr as mine", "my SC")
    <model my SC: my SC>
    >>> load("acyclic po | R")
    Traceback (most recent call last):
    kit.errors.LitmusError: model, line 1, column 14: | has a set on one side and a relation on ...
        acyclic po | R
                     ^
    """
    folder = None
    if isinstance(text, Path) or ("\n" not in text and text.endswith(".cat")):
        path = Path(text)
        folder, name = path.parent, name or path.stem
        text = file_text(path, limits)
    name = name or "model"
    try:
        title = parse_cat(text, name, limits)[0]
    except RecursionError:
        raise LitmusError(f"{name}: an expression of this model is too deep") from None
    model = Model(name, title or name, text, frozenset(variants), frozenset(), folder, limits)
    _axioms(model, None)
    return model
