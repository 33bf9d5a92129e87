"""What ordinary dispatches do not need, whichever dispatcher: keywords, errors, missed calls."""

from __future__ import annotations

from kit.markers.mode import mode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from kit.markers.array import ProbeArray
    from kit.markers.connection import Connection

__all__ = ["Accounting"]


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

    def _miss(self, array: ProbeArray, position: int) -> None:
        """Take back the call that the array's tally counted for each closure not reached."""
        for connection in array.connections[position:]:
            connection._missed.up()

    def _note_error(self, array: ProbeArray, connection: Connection, error: Exception) -> None:
        if connection.note_error(error):
            from kit.markers.registry import registry

            why = f"off after {connection.errors:,} errors"
            registry.switch_off(connection, why, array)
