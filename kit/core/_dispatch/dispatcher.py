"""The dispatch of this process, in C or in Python; see `kit.core._runtime`."""

from __future__ import annotations

from kit.core._runtime import dispatcher

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeVar

    Kind = TypeVar("Kind", bound=type[Any])

__all__ = ["Dispatcher", "SpanCall", "Timing", "called_fast"]

if TYPE_CHECKING or dispatcher == "python":
    from kit.core._dispatch.python import Dispatcher, SpanCall, Timing

    def called_fast(kind: Kind) -> Kind:
        """Let a class of markers be called as directly as its base, where that is in C."""
        return kind

else:
    from kit import _c
    from kit._c import Timing, called_fast
    from kit.core._dispatch.accounting import Accounting

    class Dispatcher(_c.Dispatcher, Accounting):
        """A point in a program that calls the closures of its published array."""

        __slots__ = ()

    class SpanCall:
        """Calling a span is part of the C dispatcher."""

        __slots__ = ()
