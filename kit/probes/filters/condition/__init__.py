"""Conditions: ``px > 10 and sym == 'ACME'``, compiled once, evaluated at every event.

The language is Python's for numbers and text: ``+ - * / // % **``, ``== != < <= > >=`` (chained as
in Python), ``in`` and ``not in`` (of several values, or a part of a text), ``and or not``,
parentheses, ``True`` and ``False``.  What is not Python's:

- ``sym like 'AC*'`` and ``sym not like 'AC*'`` match a whole text with ``* ? [abc] [!abc]``, case
  counting, as the names of markers are matched;
- a number may have a unit of time: ``dur > 10 ms`` (``ns us µs ms s``), since durations are in
  nanoseconds;
- ``error is None`` and ``error is not None`` ask whether a value is missing. Any other comparison
  with a missing value is neither true nor false, and a condition that comes to that is not met.

There are no calls, no attributes and no indexing, so a condition can do nothing but look.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

from kit.errors import ConditionError
from kit.probes.filters.condition._compile import Source, compile_patterns, evaluate, needed
from kit.probes.filters.condition._parse import names, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["Condition"]


class Condition:
    """A condition, parsed.

    Parameters
    ----------
    text : str
        Such as ``"px > 10 and sym == 'ACME'"``.

    Attributes
    ----------
    text : str
        The same.
    names : tuple of str
        The names in it, each once, in order.

    Raises
    ------
    ConditionError
        Points at the place where it cannot be understood.

    Examples
    --------
    >>> met = Condition("10 < px and sym like 'AC*'").function(["px", "sym"])
    >>> met((12.5, "ACME")), met((12.5, "OTHER")), met((None, "ACME"))
    (True, False, False)
    """

    def __init__(self, text: str) -> None:
        if not isinstance(text, str):
            raise TypeError(f"a condition is text such as 'px > 10', got {text!r}")
        self.text = text
        self.node = parse(text)
        self._patterns = compile_patterns(self.node)
        self.names = tuple(dict.fromkeys(each.name for each in names(self.node)))
        self.needed = frozenset(needed(self.node))

    def check(self, known: Iterable[str], where: str) -> None:
        """Refuse names that are not known.

        Parameters
        ----------
        known : iterable of str
            The names of the fields that there are.
        where : str
            Whose they are, for the message.

        Raises
        ------
        ConditionError
            Points at the first unknown name, and shows the nearest known ones.
        """
        known = list(dict.fromkeys(known))
        for each in names(self.node):
            if each.name not in known:
                near = difflib.get_close_matches(each.name, known, 1, 0.5)
                hint = f"did you mean {near[0]!r}? " if near else ""
                raise ConditionError(
                    f"{each.name!r} is not a field of {where}; {hint}"
                    f"known are: {', '.join(known) or 'none'}",
                    self.text.rstrip(),
                    each.at,
                )

    def source(self, place_of: Callable[[str], str]) -> Source:
        """Return the Python expression that evaluates it where nothing is missing.

        Parameters
        ----------
        place_of : callable
            Returns the source that stands for a name.

        Returns
        -------
        Source
        """
        return Source(self.node, place_of, self._patterns)

    def evaluate(self, value_of: Callable[[str], Any]) -> bool:
        """Evaluate it where values may be missing; slow.

        Parameters
        ----------
        value_of : callable
            Returns the value of a name, None where it is missing.

        Returns
        -------
        bool

        Raises
        ------
        Exception
            What the operators raise, for example for a text that is compared with a number.
        """
        return bool(evaluate(self.node, value_of, self._patterns))

    def function(self, fields: Iterable[str]) -> Callable[[tuple[Any, ...]], bool]:
        """Compile it to a function of a tuple of values.

        Parameters
        ----------
        fields : iterable of str
            What the values are, in order. A name that is not among them is missing.

        Returns
        -------
        callable
            ``met(values) -> bool``; raises what the operators raise.
        """
        places = {name: number for number, name in enumerate(fields)}

        def slow(values: tuple[Any, ...]) -> bool:
            return self.evaluate(lambda name: values[places[name]] if name in places else None)

        source = self.source(lambda name: f"v[{places[name]}]" if name in places else "None")
        gaps = " or ".join(f"v[{places[n]}] is None" for n in self.needed if n in places)
        lines = [
            "def met(v):",
            "    try:",
            *([f"        if {gaps}:", "            return slow(v)"] if gaps else []),
            f"        return True if ({source.text}) else False",
            "    except Exception:",
            "        return slow(v)",
        ]
        scope = {**source.scope, "slow": slow}
        exec(compile("\n".join(lines), "<condition>", "exec"), scope)
        met: Callable[[tuple[Any, ...]], bool] = scope["met"]
        return met

    def __repr__(self) -> str:
        return f"Condition({self.text!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Condition) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)
