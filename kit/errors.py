"""What can go wrong, one class each.

Every exception that the kit raises on purpose derives from `KitError`; where a built-in class says
the same, it is a base too, so that ``except LookupError`` works without an import.
"""

from __future__ import annotations

__all__ = [
    "AlreadyConnectedError",
    "CaptureError",
    "ConditionError",
    "FormatError",
    "FormatMismatchError",
    "FormatMismatchWarning",
    "FrameError",
    "KitError",
    "KitWarning",
    "LitmusError",
    "MisfitWarning",
    "NotConnectedError",
    "SimulationError",
    "UnmatchedPatternWarning",
    "UnnamedProbeWarning",
    "WouldDeadlockError",
]


class KitError(Exception):
    """Base of every exception that the kit raises on purpose."""


class FormatError(KitError, ValueError):
    """A marker's declaration cannot be understood; the message names the field."""


class FormatMismatchError(KitError):
    """Two declarations of one marker, or a probe and a marker, disagree about the fields."""


class AlreadyConnectedError(KitError):
    """The same closure (probe equal, private data identical) is connected already."""


class NotConnectedError(KitError, LookupError):
    """There is no such marker, or no such closure on it."""


class WouldDeadlockError(KitError, RuntimeError):
    """The call would wait for itself, for example for a grace period inside a dispatch."""


class CaptureError(KitError, ValueError):
    """A saved capture is cut off, damaged, foreign or of another version."""


class ConditionError(KitError, ValueError):
    """A condition cannot be understood; the message points at the place.

    Parameters
    ----------
    why : str
        What is wrong, and what to write instead.
    text : str
        The condition.
    position : int
        Where in it, from 0.

    Attributes
    ----------
    why, text, position
        As given.
    """

    def __init__(self, why: str, text: str = "", position: int = 0) -> None:
        self.why = why
        self.text = text
        self.position = position
        # Each on a line of its own, so that the caret stands below what it points at.
        shown = "".join(c if c.isprintable() else " " for c in text)
        super().__init__(f"{why}\n    {shown}\n    {' ' * position}^" if text else why)

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.why, self.text, self.position)


class FrameError(KitError, ValueError):
    """A frame lacks what is asked of it; the message names the column and the remedy."""


class LitmusError(KitError, ValueError):
    """A litmus test or a memory model cannot be read or judged; the message points at the place."""


class SimulationError(KitError, ValueError):
    """A simulated program cannot go on, or exceeds a bound; the message names its thread."""


class KitWarning(UserWarning):
    """Base of the kit's warnings."""


class MisfitWarning(KitWarning):
    """Values did not fit a field and are missing; the message names the field and the remedy."""


class UnmatchedPatternWarning(KitWarning):
    """A pattern matches no marker yet; it will match later ones."""


class FormatMismatchWarning(KitWarning):
    """A probe asked for another format than the marker was declared with; it is left off."""


class UnnamedProbeWarning(KitWarning):
    """A second lambda from the same line was connected; a ``name=`` would replace the first."""
