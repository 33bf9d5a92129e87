"""A piece of the marker's algorithm as a litmus test with switches."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from kit.errors import LitmusError
from kit.rcu import models as known
from kit.rcu._checker.judge import Verdict, judge
from kit.rcu._checker.matrix import Matrix, Row
from kit.rcu.cases.parts import KINDS, Line, Question, Switch
from kit.rcu.limits import DEFAULT, Limits

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kit.rcu.models import Model

__all__ = ["Case", "Choices"]

Choices: TypeAlias = Mapping[str, str]
"""The option chosen for each switch."""


@dataclass(frozen=True, slots=True)
class Case:
    """One transition of the marker, with a switch for each barrier, access mark and grace period.

    Attributes
    ----------
    name : str
        For example ``1→2``.
    title : str
        What happens in it.
    initial : tuple of (str, str)
        Locations with their initial values, in the order of the parameters.
    registers : tuple of tuple of str
        Declarations, a tuple a thread.
    threads : tuple of str
        What each thread is.
    switches : tuple of Switch
        In the order of the code.
    lines : tuple of Line
        The code.
    questions : tuple of Question
        The bad states that it may end in.
    presets : mapping
        Named choices: what differs from the first option of each switch.

    Examples
    --------
    >>> from kit import rcu
    >>> case = rcu.case("1→2")
    >>> case.matrix("posted")
    test           sc     tso    alpha      lkmm
    stale          Never  Never  Sometimes  Sometimes
    uninitialised  Never  Never  Sometimes  Never
    freed          Never  Never  Sometimes  Sometimes
    >>> print(case.text(case.choices("posted", read_barrier="smp_rmb"), "stale").splitlines()[0])
    C stale
    """

    name: str
    title: str
    initial: tuple[tuple[str, str], ...]
    registers: tuple[tuple[str, ...], ...]
    threads: tuple[str, ...]
    switches: tuple[Switch, ...]
    lines: tuple[Line, ...]
    questions: tuple[Question, ...]
    presets: Mapping[str, Choices] = field(default_factory=dict, hash=False)

    def switch(self, name: str) -> Switch:
        """The switch of a name; hyphens may be written as underscores.

        Raises
        ------
        kit.errors.LitmusError
            When there is none.
        """
        wanted = name.replace("_", "-")
        for each in self.switches:
            if each.name == wanted:
                return each
        names = ", ".join(each.name for each in self.switches)
        raise LitmusError(f"{self.name} has no switch {name!r}; it has {names}")

    def question(self, name: str) -> Question:
        """The question of a name.

        Raises
        ------
        kit.errors.LitmusError
            When there is none.
        """
        for each in self.questions:
            if each.name == name:
                return each
        names = ", ".join(each.name for each in self.questions)
        raise LitmusError(f"{self.name} has no question {name!r}; it has {names}")

    def choices(self, start: str | Choices = "fixed", **changes: str) -> dict[str, str]:
        """A position for every switch.

        Parameters
        ----------
        start : str or mapping
            A preset, or options by switch; what it leaves out is as in ``fixed``.
        **changes : str
            Options by switch, with underscores for hyphens.

        Returns
        -------
        dict
            The option of every switch.

        Raises
        ------
        kit.errors.LitmusError
            When there is no such preset, switch or option.

        Examples
        --------
        >>> from kit import rcu
        >>> rcu.case("0→1").choices("fixed", write_barrier="none")["write-barrier"]
        'none'
        """
        chosen = {each.name: each.options[0].name for each in self.switches}
        if isinstance(start, str):
            if start not in self.presets:
                presets = ", ".join(self.presets)
                raise LitmusError(f"{self.name} has no preset {start!r}; it has {presets}")
            start = self.presets[start]
        for name, option in {**start, **changes}.items():
            switch = self.switch(name)
            if option not in switch.names:
                options = ", ".join(switch.names)
                raise LitmusError(f"{switch.name} is one of {options}, not {option!r}")
            chosen[switch.name] = option
        return chosen

    def code(self, choices: str | Choices = "fixed") -> tuple[tuple[Line, str], ...]:
        """Each line with its code under these choices.

        Parameters
        ----------
        choices : str or mapping
            As for `choices`.

        Returns
        -------
        tuple of (Line, str)
            Lines of a switch that is off have no code; lines that these choices rule out are
            left out.
        """
        chosen = self.choices(choices)
        found: list[tuple[Line, str]] = []
        for line in self.lines:
            if line.only and chosen[line.only[0]] not in line.only[1:]:
                continue
            code = line.code
            if line.switch:
                code = self.switch(line.switch).option(chosen[line.switch]).codes[line.part]
            found.append((line, code))
        return tuple(found)

    def text(self, choices: str | Choices = "fixed", question: str = "") -> str:
        """The case as a litmus test.

        Parameters
        ----------
        choices : str or mapping
            As for `choices`.
        question : str
            The bad state asked about; the first if left out.

        Returns
        -------
        str
            In C.
        """
        asked = self.question(question) if question else self.questions[0]
        lines = [(line, code) for line, code in self.code(choices) if code]
        start = dict(self.initial) | dict(asked.initial)
        parts = [f"C {asked.name}", "", _initial(start), ""]
        for number in sorted({line.thread for line, _ in lines}):
            own = [(line, code) for line, code in lines if line.thread == number]
            body = " ".join(code for _, code in own)
            parts += [f"P{number}({_parameters(start, body)})  // {self.threads[number]}", "{"]
            for declaration in self.registers[number]:
                if re.search(rf"\b{re.escape(declaration.split()[-1].strip('*'))}\b", body):
                    parts.append(f"    {declaration};")
            parts += [*_indented(own), "}", ""]
        parts.append(f"exists ({asked.condition})")
        return "\n".join(parts) + "\n"

    def judge(
        self,
        choices: str | Choices = "fixed",
        question: str = "",
        model: str | Model = "lkmm",
        limits: Limits = DEFAULT,
    ) -> Verdict:
        """Judge one question under one model.

        Parameters
        ----------
        choices : str or mapping
            As for `choices`.
        question : str
            The bad state asked about; the first if left out.
        model : str or Model
            The model.
        limits : Limits
            Bounds on the work.

        Returns
        -------
        Verdict
            What `kit.rcu.judge` returns.
        """
        return judge(self.text(choices, question), model, limits=limits)

    def matrix(
        self,
        choices: str | Choices = "fixed",
        models: Iterable[str | Model] = known.NAMES,
        limits: Limits = DEFAULT,
    ) -> Matrix:
        """Judge every question under every model.

        Parameters
        ----------
        choices : str or mapping
            As for `choices`.
        models : iterable of str or Model
            The kit's own four if left out.
        limits : Limits
            Bounds on each judgement.

        Returns
        -------
        Matrix
            A row a question.
        """
        chosen = [known.get(model) for model in models]
        rows = tuple(
            Row(
                each.name,
                tuple(self.judge(choices, each.name, model, limits) for model in chosen),
            )
            for each in self.questions
        )
        return Matrix(tuple(model.name for model in chosen), rows)

    def __repr__(self) -> str:
        return f"<case {self.name}: {self.title}, {len(self.switches)} switches>"

    def __str__(self) -> str:
        lines = [f"{self.name}: {self.title}"]
        for kind, words in KINDS.items():
            own = [each for each in self.switches if each.kind == kind]
            lines += [words] if own else []
            lines += [f"  {each.name:<20} {' | '.join(each.names)}" for each in own]
        lines.append("questions")
        lines += [f"  {each.name:<20} {each.words}" for each in self.questions]
        lines.append(f"presets: {', '.join(self.presets)}")
        return "\n".join(lines)


def _initial(start: Mapping[str, str]) -> str:
    return "{" + " ".join(f"{name}={value};" for name, value in start.items() if value) + "}"


def _parameters(start: Mapping[str, str], body: str) -> str:
    """The locations that a body mentions, with their types."""
    found: list[str] = []
    for name, value in start.items():
        if re.search(rf"\b{name}\b", body):
            kind = {"lock": "struct mutex *", "other": "struct srcu_struct *"}.get(name, "int *")
            pointer = "*" if value and not value.lstrip("-").isdigit() else ""
            found.append(f"{kind}{pointer}{name}")
    return ", ".join(found)


def _indented(lines: list[tuple[Line, str]]) -> list[str]:
    depth = 1
    out: list[str] = []
    for line, code in lines:
        depth -= code.startswith("}")
        note = f"  // {line.note}" if line.note else ""
        out.append("    " * depth + code + note)
        depth += code.endswith("{")
    return out
