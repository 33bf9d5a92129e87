"""The shape of an answer: what is wanted, and what was given instead, in words."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from difflib import get_close_matches
from typing import Final

__all__ = ["keys", "known", "listed", "told"]

WORDS: Final = {
    "NoneType": "None",
    "bool": "True or False",
    "dict": "a dict",
    "float": "a number",
    "int": "a number",
    "list": "a list",
    "str": "a text",
}


def told(value: object) -> str:
    """What a value is, in a few words.

    Examples
    --------
    >>> told(None), told("sc"), told([1, 2])
    ('None', "'sc'", 'a list')
    """
    if isinstance(value, str) and len(value) <= 40 and value.isprintable():
        return repr(value)
    return WORDS.get(type(value).__name__, type(value).__name__)


def known(name: object, names: Collection[str], what: str = "There is no") -> str:
    """What is wrong with a name, and which one was perhaps meant; ``""`` when it is one of these.

    The message begins with ``what``.

    Examples
    --------
    >>> known("torn", ["torn"]), known(["torn"], ["torn"])
    ('', 'A name in quotes is wanted, not a list. There are torn.')
    >>> known("Torn", ["torn", "lost"])
    "There is no 'Torn'. Is 'torn' meant?"
    """
    if isinstance(name, str) and name in names:
        return ""
    every = ", ".join(names)
    if not isinstance(name, str):
        return f"A name in quotes is wanted, not {told(name)}. There are {every}."
    folded = {each.casefold().replace("_", "-"): each for each in names}
    asked = name[:60].strip().casefold().replace("_", "-")
    near = get_close_matches(asked, folded, 1, 0.7)
    hint = f"Is {folded[near[0]]!r} meant?" if near else f"There are {every}."
    return f"{what} {told(name)}. {hint}"


def keys(answer: object, names: Collection[str]) -> str:
    """Which keys of a dict are missing or too many; ``""`` when they are these.

    Examples
    --------
    >>> keys({"sc": 1}, ["sc"]), keys(None, ["sc"]), keys({}, ["sc", "tso"])
    ('', "Its keys are 'sc'. This is None.", "'sc' is missing.")
    """
    if not isinstance(answer, Mapping):
        every = ", ".join(map(repr, names))
        return f"Its keys are {every}. This is {told(answer)}."
    for each in answer:
        if wrong := known(each, names, "Not wanted is"):
            return wrong
    return next((f"{each!r} is missing." for each in names if each not in answer), "")


def listed(value: object, names: Collection[str]) -> str:
    """What is wrong with a list of names; ``""`` when it holds only these.

    Examples
    --------
    >>> listed(["rcu"], ["rcu"]), listed("rcu", ["rcu"])
    ('', "A list of names is wanted, not 'rcu'.")
    >>> listed([["rcu"]], ["rcu"])
    'A name in quotes is wanted, not a list. There are rcu.'
    """
    if not isinstance(value, list):
        return f"A list of names is wanted, not {told(value)}."
    return next((wrong for each in value if (wrong := known(each, names))), "")
