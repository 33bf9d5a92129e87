"""What ordinary dispatches do not need, whichever dispatcher: keywords, errors, missed calls."""

from __future__ import annotations

from kit.core._runtime import home, mode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from kit.core._connection import Connection
    from kit.core._dispatch.array import ProbeArray


__all__ = ["Accounting", "begun"]


def begun(call: object, error: BaseException) -> bool:
    """Tell whether a function had begun when an exception came out of its call.

    The kit's own probes account for each event that they are called with, also where they fail.
    But a signal handler may raise before the first line of a function, and there may be no room on
    the stack to call it at all: then its caller has to account for the event.

    Parameters
    ----------
    call : callable
        What the caller's frame, which catches the exception, called.
    error : BaseException
    """
    code = getattr(call, "__code__", None)
    if code is None:
        return True  # it is written in C, and accounts for all
    trace = error.__traceback__
    deeper = trace is not None and trace.tb_next is not None
    while trace is not None:
        if trace.tb_frame.f_code is code:
            # In the line of its def: nothing of its body was done.
            return trace.tb_lineno != code.co_firstlineno
        trace = trace.tb_next
    # It is not on the way of the exception: it had ended, unless it could not be called. (Without
    # memory nothing may be on the way of it. Calling a function of Python asks for none.)
    return deeper or not isinstance(error, RecursionError)


class Accounting:
    """Puts a site's arguments in order, and accounts for probes that raise."""

    __slots__ = ()

    if TYPE_CHECKING:
        name: str

        def _skip(self) -> None:
            """Count one dispatch as skipped."""

    def _bind(
        self, array: ProbeArray | None, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Any, ...] | None:
        """Put a site's arguments in field order, or skip and count the dispatch."""
        if array is None or array.format is None:
            return None
        names = array.names
        if len(args) + len(kwargs) == len(names):
            try:
                # Where every name that is missing is there, no other can be. A copy, since kwargs
                # is this reader's token and is kept by whoever waits.
                return (*args, *[kwargs[name] for name in names[len(args) :]])
            except KeyError:
                pass  # bind says which
        try:
            return array.format.bind(args, kwargs)
        except TypeError as error:
            if mode.strict:
                raise TypeError(f"marker {self.name!r} {error}") from None
            self._skip()
            return None

    def _failed(self, array: ProbeArray, position: int, error: BaseException) -> bool:
        """Account for a probe that raised and, where the dispatch ends, for those after it."""
        try:
            self._note_not_begun(array, position, error)
            through = self._account(array, position, error)
        except BaseException:  # of a signal handler, or want of memory
            self._miss(array, position + 1)
            raise
        if through:
            self._miss(array, position + 1)
        return through

    def _account(self, array: ProbeArray, position: int, error: BaseException) -> bool:
        """Account for a probe that raised; True: end the dispatch and let it through."""
        if not isinstance(error, Exception):
            return True
        self._note_error(array, array.connections[position], error)
        return mode.strict

    def _note_not_begun(self, array: ProbeArray, position: int, error: BaseException) -> None:
        """Count an event that a probe of the kit's own could not even begin to account for."""
        connection = array.connections[position]
        if connection._native is not None and not begun(array.originals[position], error):
            connection._not_begun.up()

    def _miss(self, array: ProbeArray, position: int) -> None:
        """Take back the call that the array's tally counted for each closure not reached."""
        # Not by a loop over them, nor a part of them, which would have to be made: there may be no
        # memory.
        connections = array.connections
        while position < len(connections):
            connections[position]._missed.up()
            position += 1

    def _note_error(self, array: ProbeArray, connection: Connection, error: Exception) -> None:
        if connection._note_error(error):
            why = f"off after {connection.errors:,} errors"
            home.registry.switch_off(connection, why, array)
