"""What is copied and pickled: markers, by name and format; the rest belongs to its process."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn

    from kit.markers.dispatch import Timing
    from kit.markers.marker import Marker

__all__ = ["marker_of_name", "passage", "stays"]


def stays(instead: str) -> Callable[..., NoReturn]:
    """Return a ``__reduce__`` that refuses copies and pickles; it will do for ``__copy__``, too.

    Parameters
    ----------
    instead : str
        What to copy or pickle in its place, for the end of the sentence.
    """

    def refuse(self: object, *_: object) -> NoReturn:
        kind = type(self).__name__
        article = "an" if kind[0] in "AEIOU" else "a"
        raise TypeError(
            f"{article} {kind} stays in its process and is neither copied nor pickled: {instead}"
        )

    return refuse


# Pickles name these two, so they keep their names and what they take.


def marker_of_name(name: str, text: str | None, is_span: bool, module: str, line: int) -> Marker:
    """Return the marker of a name, as it is here; where there is none, declare it.

    Parameters
    ----------
    name : str
    text : str or None
        Its fields as a format string; None for one that waits for its declaration.
    is_span : bool
        Whether it is a span.
    module, line : str, int
        Where it was declared.

    Raises
    ------
    FormatError
        When the name or a field cannot be understood.
    """
    from kit.markers.registry import registry

    return registry.unpickled(name, text, is_span, module, line)


def passage(span: Marker, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Timing:
    """Return a passage with these values that nobody is inside of.

    Parameters
    ----------
    span : Marker
        A plain marker where its name is one here; then leaving the passage is counted as skipped.
    args, kwargs
        One value a field.
    """
    from kit.markers.span import Span, Timing

    if kwargs and isinstance(span, Span):
        return span(*args, **kwargs)
    return Timing(span, args, {})  # type: ignore[arg-type] # see above
