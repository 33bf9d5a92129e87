"""Say first what will happen, and only then see it."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from kit.errors import LitmusError
from kit.rcu._checker.judge import Verdict, judge
from kit.rcu._checker.matrix import aligned
from kit.rcu._litmus.building import Litmus
from kit.rcu._litmus.parser import parse
from kit.rcu.cases import Case, case
from kit.rcu.exercises.answers import is_open
from kit.rcu.exercises.outcome import box

if TYPE_CHECKING:
    from collections.abc import Callable

    from kit.rcu._litmus.syntax import Test
    from kit.rcu.cases import Choices

__all__ = ["Prediction", "Sealed", "predict", "reveal"]

WORDS = ("Never", "Sometimes", "Always")

ANYWAY = "Or ask for it: put anyway=True at its end."


@dataclass(frozen=True, slots=True)
class Sealed:
    """The placeholder for an answer while nothing was predicted.

    Attributes
    ----------
    words : str
        What is missing.

    Examples
    --------
    >>> Sealed("Say first.")
    … Say first. Then run this cell again. Or ask for it: put anyway=True at its end.
    """

    words: str

    @property
    def _then(self) -> str:
        return f"Then run this cell again. {ANYWAY}"

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return f"… {self.words} {self._then}"

    def _repr_html_(self) -> str:
        return box("open", f"… {self.words}", self._then)


def reveal(said: object, show: Callable[[], Any], *, anyway: bool = False) -> Any:
    """Run what shows an answer when a prediction was made, or when it is asked for.

    Parameters
    ----------
    said : object
        What was predicted: from `predict`, or any value; ``...`` in it while it is open.
    show : callable
        What finds the answer; not called before.
    anyway : bool
        Whether the answer is wanted without a prediction.

    Returns
    -------
    object
        What `show` returns, or a `Sealed`.

    Examples
    --------
    >>> reveal(..., lambda: 42)
    … Say first, where the ... stands. Then run this cell again. Or ask for it: put anyway=True at
    its end.
    >>> reveal(50, lambda: 42), reveal(..., lambda: 42, anyway=True)
    (42, 42)
    """
    waiting = said.is_open if isinstance(said, Prediction) else is_open(said)
    if waiting and not anyway:
        return Sealed("Say first, where the ... stands.")
    return show()


@dataclass(frozen=True, slots=True)
class Prediction:
    """What was expected, beside what the models say.

    Attributes
    ----------
    question : str
        What was asked.
    said : dict
        The expected verdict by model.
    verdicts : dict
        `Verdict` by model; empty as long as an expectation is missing.
    """

    question: str
    said: dict[str, str]
    verdicts: dict[str, Verdict]

    @property
    def is_open(self) -> bool:
        """Whether a prediction is missing, and the answer was not asked for."""
        return not self.verdicts

    @property
    def right(self) -> int:
        """How many expectations were right."""
        return sum(self.said[model] == each.verdict for model, each in self.verdicts.items())

    def _rows(self) -> list[tuple[str, str, str, str]]:
        return [
            (
                model,
                self.said[model],
                f"{each.mark} {each.verdict}",
                _compared(self.said[model], each.verdict),
            )
            for model, each in self.verdicts.items()
        ]

    @property
    def _open(self) -> str:
        names = ", ".join(self.said)
        return (
            f"Say first: {' or '.join(WORDS[:2])}, for each of {names}. Then run this again. "
            f"{ANYWAY}"
        )

    def __repr__(self) -> str:
        if not self.verdicts:
            return f"… {self.question}\n{self._open}"
        lines = [("model", "you said", "verdict", ""), *self._rows()]
        return f"{self.question}\n{aligned(lines)}"

    def _repr_html_(self) -> str:
        if not self.verdicts:
            return box("open", f"… {self.question}", self._open)
        rows = "".join(
            "<tr>"
            + "".join(f'<td style="text-align:left">{escape(cell)}</td>' for cell in row)
            + "</tr>"
            for row in self._rows()
        )
        head = "".join(
            f'<th scope="col" style="text-align:left">{name}</th>'
            for name in ("model", "you said", "verdict", "")
        )
        return (
            f"<p>{escape(self.question)} {self.right} of {len(self.verdicts)} as you said.</p>"
            f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
        )


def _compared(said: str, found: str) -> str:
    if not said:
        return ""
    return "as you said" if said == found else "surprised?"


def predict(
    about: str | Test | Litmus | Case,
    choices: str | Choices = "fixed",
    question: str = "",
    *,
    anyway: bool = False,
    **said: object,
) -> Prediction:
    """Say what each model will answer; the verdicts are shown when all is said.

    Parameters
    ----------
    about : str, Test, Litmus or Case
        A case by name, or a litmus test.
    choices : str or mapping
        For a case: a preset, or options by switch.
    question : str
        For a case: the bad state; its first if left out.
    anyway : bool
        Whether the verdicts are wanted without a prediction.
    **said : str
        By the name of a model: ``Never``, ``Sometimes`` or ``Always``; ``...`` while it is open.

    Returns
    -------
    Prediction
        It prints.

    Raises
    ------
    kit.errors.LitmusError
        When something else was said, or there is no such test or model.

    Examples
    --------
    >>> predict("0→1", {"write-barrier": "none"}, tso="Never", lkmm=...)
    … The probe is called with data that is not its own?
    Say first: Never or Sometimes, for each of tso, lkmm. Then run this again. Or ask for it: put
    anyway=True at its end.
    >>> predict("0→1", {"write-barrier": "none"}, tso="Never", lkmm="Never")
    The probe is called with data that is not its own?
    model  you said  verdict
    tso    Never     ○ Never      as you said
    lkmm   Never     ◐ Sometimes  surprised?
    """
    if isinstance(about, str) and "\n" not in about and " {" not in about:
        about = case(about)
    if isinstance(about, Case):
        asked = about.question(question or about.questions[0].name)
        words = asked.words[0].upper() + asked.words[1:]
        test = parse(about.text(choices, asked.name))
    else:
        given = about.test if isinstance(about, Litmus) else about
        test = parse(given) if isinstance(given, str) else given
        words = f"{test.name}: {test.question}"
    if not said:
        raise LitmusError("name the models, for example predict(..., sc=..., lkmm=...)")
    expected: dict[str, str] = {}
    for model, given_word in said.items():
        word = given_word.capitalize() if isinstance(given_word, str) else given_word
        if is_open(word):
            expected[model] = ""
        elif isinstance(word, str) and word in WORDS:
            expected[model] = word
        else:
            raise LitmusError(f"{model}: say {', '.join(WORDS)}, not {given_word!r:.60}")
    if not all(expected.values()) and not anyway:
        return Prediction(f"{words}?", dict.fromkeys(said, ""), {})
    return Prediction(f"{words}?", expected, {model: judge(test, model) for model in said})
