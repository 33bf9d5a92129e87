"""The recorder's sink with a file, where the dispatcher is the one in Python."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from kit.probes._context import ask
from kit.probes._values import columns
from kit.probes.captures._encoding import encode
from kit.probes.captures._writer import STATE, MappedStore
from kit.probes.recorder._sink import Sink

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kit.core import Marker
    from kit.core._dispatch.tally import Tally
    from kit.core._format import Format
    from kit.probes.captures._file import CaptureFile

    Writer = Callable[[int, int, tuple[Any, ...]], None]

__all__ = ["MappedSink"]


class MappedSink(Sink):
    """Writes events into a file; see `kit.probes.recorder._sink.Sink`."""

    store: MappedStore

    def begin(self) -> None:
        """Begin an empty store."""
        if hasattr(self, "store"):
            self.store.forget()  # one store: what is in the middle of an event finishes it there
            return
        assert self.file is not None
        self._kinds: list[bytes] = []
        self.store = MappedStore(
            self.file,
            self.capacity,
            self.overwrite,
            self._kinds,
            len(self.context),
            self.dispatches_kept,
        )

    def detach(self) -> None:
        """Go on without the file, which is another process's; `clear` comes next."""
        self.store.detach()
        super().detach()

    def rotation(self, file: CaptureFile) -> Callable[[], tuple[int, int]]:
        """Return what goes on in another file, with the registry's lock held."""
        return partial(self.store.rotate, self, file)

    def cells_free(self) -> int:
        """How many cells of the file are free."""
        return self.store.cells_free()

    @property
    def pieces(self) -> MappedStore:
        """What seals the pieces of its file."""
        return self.store

    def code(self, marker: Marker, format: Format) -> int | None:
        """Return the number that stands for a marker with a format."""
        code = super().code(marker, format)
        for _, each in self.recorded[len(self._kinds) :]:
            self._kinds.append(columns(each, self.letters))
        self.declare()
        return code

    def note_failed(self) -> None:
        """Count in the file an event that could not be written."""
        self.store.fail()

    def _writer(self, code: int) -> Writer:
        return self._writing(code, ())

    def _writer_with_context(self, code: int) -> Writer:
        return self._writing(code, tuple(self._context_functions))

    def _loser(self, code: int) -> Writer:
        return self._writing(code, (), lost=True)

    def _writing(
        self, code: int, functions: tuple[Callable[[], Any], ...], *, lost: bool = False
    ) -> Writer:
        sink, kinds, failed = self, self._kinds[code], self._failures[code]
        arity, misfits = len(kinds) - len(functions), self.misfits_of(code)

        def write(ident: int, ts: int, args: tuple[Any, ...]) -> None:
            event: list[Any] | None = None
            try:
                values: Sequence[Any] = args
                if functions:
                    values = [*args[:arity], *[...] * (arity - len(args)), *ask(functions)]
                record = b""
                missed: list[Tally] = []
                if not lost:
                    made, missed = misfits.plain(values)
                    record = encode(code, ts, kinds, made)
                event = [ident, code, record, failed, None, missed]
                sink.store.keep(event)
            except BaseException:
                if event is None or event[STATE] is None:
                    failed.n += 1
                    sink.store.fail()
                raise

        return write
