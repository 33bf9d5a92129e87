# The types of the C extension; kit/c holds it.
from collections.abc import Callable
from mmap import mmap
from typing import Any, Self, TypeAlias, TypeVar

from kit.core._connection import Connection
from kit.core.typing import Observer

_Kind = TypeVar("_Kind", bound=type[Any])

class Tally:
    n: int
    def up(self) -> int: ...

class Stub(Tally):
    def __call__(self, *args: Any) -> None: ...

class Array:
    calls: list[Callable[..., object]]
    connections: tuple[Connection, ...]
    observers: tuple[Observer, ...]
    tally: Tally
    arity: int
    generation: int

    def __init__(
        self,
        connections: tuple[Connection, ...],
        calls: list[Callable[..., object]],
        timed: tuple[bool, ...],
        observers: tuple[Observer, ...],
        arity: int,
        generation: int,
    ) -> None: ...
    def put_stub(self, position: int, stub: Stub, /) -> None: ...

class Dispatcher:
    name: str
    def _skip(self) -> None: ...
    def __bool__(self) -> bool: ...
    def __call__(self, /, *args: Any, **kwargs: Any) -> Any: ...

class Timing:
    def __enter__(self) -> Self: ...
    def __exit__(self, *exc: object) -> None: ...

class Reader:
    ident: int
    token: int | None
    def within(self, token: object, /) -> bool: ...

class Rows:
    kinds: tuple[bytes, ...]
    def __init__(
        self, kinds: list[bytes], parts: list[tuple[object, int, int, int]], /
    ) -> None: ...
    @staticmethod
    def whole(kinds: tuple[bytes, ...], data: bytes, /) -> tuple[int, int]: ...
    def __len__(self) -> int: ...
    def tolist(self, context: int, /) -> list[tuple[Any, ...]]: ...
    @property
    def first(self) -> int | None: ...
    def stamps(self) -> tuple[bytearray, bytearray]: ...
    def columns(
        self, code: int, /
    ) -> tuple[
        bytearray,
        bytearray | None,
        list[
            tuple[bytearray, bytearray | None, bytearray | None]
            | tuple[bytearray, bytearray, bytearray | None, bytearray]
        ],
    ]: ...

class Watch:
    whole: int
    def __init__(self, memory: mmap, descriptor: int, /) -> None: ...

class File:
    free: int
    events: int
    used: int
    def __init__(
        self,
        memory: mmap,
        key: int,
        live: int,
        threads: int,
        most_threads: int,
        counts: int,
        most_counts: int,
        arena: int,
        cell: int,
        cells: int,
        watch: Watch = ...,
        /,
    ) -> None: ...

Piece: TypeAlias = tuple[int, str, int, Rows, dict[int, int], dict[int, int]]

class Block: ...

class Store:
    buffers: int
    lost: int
    cut: int
    overwritten: int
    kinds: tuple[bytes, ...]

    def __init__(
        self,
        capacity: int,
        sub_buffer: int,
        name_of: Callable[[int], str],
        plain: Callable[[str, object], object],
        file: File = ...,
    ) -> None: ...
    def rotate(self, file: File, /) -> None: ...
    def fail(self) -> None: ...
    def to_seal(self, every: bool, /) -> tuple[mmap | None, list[tuple[Block, int, int]]]: ...
    def seal(self, block: Block, check: int, summed: int, /) -> bool: ...
    def settle(self) -> mmap | None: ...
    def close(self, memory: mmap, value: int, /) -> bool: ...
    def __len__(self) -> int: ...
    def clear(self) -> None: ...
    def copy(self, newest: int, /) -> list[Piece]: ...
    def take(self) -> list[Piece]: ...
    def describe(self, code: int, kinds: bytes, /) -> None: ...
    def limit(self, capacity: int, sub_buffer: int, /) -> None: ...

class Writer:
    def __init__(
        self,
        store: Store,
        code: int,
        kinds: bytes,
        is_span: bool,
        context: tuple[Callable[[], object], ...],
        limit: int,
        failed: object = ...,
        lost: bool = ...,
        misfits: tuple[tuple[object, ...], list[str | None]] = ...,
    ) -> None: ...
    def __call__(self, ident: int, ts: int, args: tuple[Any, ...], /) -> None: ...

class Tables:
    count: int
    def __init__(self, capacity: int, as_key: Callable[[object], object]) -> None: ...
    def cells(self) -> list[tuple[object, tuple[Any, ...]]]: ...
    def forget(self) -> None: ...

class Adder:
    dropped: int
    def __init__(
        self,
        tables: Tables,
        value: tuple[str, object] | None,
        keys: tuple[tuple[str, object], ...],
        is_span: bool,
        log2: tuple[int, int] | None,
        even: tuple[float, float, float, int, bool] | None,
        scale: float,
        plain: Callable[[object], object],
        odd: Callable[[Any], tuple[int, int]],
        failed: object = ...,
        key_of: Callable[[Any], object] = ...,
    ) -> None: ...
    def __call__(self, ident: int, ts: int, args: tuple[Any, ...], /) -> None: ...

class Program:
    def __init__(self, nodes: tuple[tuple[str, Any, tuple[int, ...]], ...]) -> None: ...

class EventFilter:
    behind: Callable[..., object]
    def __init__(
        self,
        program: Program,
        behind: Callable[..., object],
        timed: bool,
        is_span: bool,
        kept: object,
        failed: object,
        test: Callable[[tuple[Any, ...]], bool | None],
    ) -> None: ...
    def __call__(self, *args: Any) -> None: ...

def clock() -> int: ...
def called_fast(kind: _Kind, /) -> _Kind: ...
def forked() -> None: ...
def inside() -> bool: ...
def readers() -> list[Reader]: ...
