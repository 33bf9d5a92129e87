"""What simulated memory holds: numbers, names, closures, and references to objects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from kit.errors import SimulationError

__all__ = [
    "EMPTY",
    "NULL",
    "Array",
    "Null",
    "Ref",
    "Slot",
    "array",
    "checked",
    "private_of",
    "shown",
]

EMPTY: Final = "empty"
"""The probe that does nothing: what stands in the place of a function when none is connected."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One item of an object, or one half of a closure in it: a place to load and store.

    Attributes
    ----------
    ref : Ref or Null
        The object.
    index : int
        Which item.
    half : int
        -1 for the whole item, 0 for its function, 1 for its private data.
    """

    ref: Ref | Null
    index: int
    half: int = -1

    @property
    def func(self) -> Slot:
        """The function of the closure in this place."""
        return Slot(self.ref, self.index, 0)

    @property
    def private(self) -> Slot:
        """The private data of the closure in this place."""
        return Slot(self.ref, self.index, 1)

    def __str__(self) -> str:
        return f"{self.ref}[{self.index}]{('', '.func', '.private')[self.half + 1]}"


def _index(index: object) -> int:
    if isinstance(index, int):
        return index
    raise SimulationError(f"an item has a number, not {index!r:.60}")


class Null:
    """The pointer that points nowhere; false, and following it is a bad state."""

    __slots__ = ()

    def __bool__(self) -> bool:
        return False

    def __getitem__(self, index: int) -> Slot:
        return Slot(self, _index(index))

    def __repr__(self) -> str:
        return "NULL"

    __str__ = __repr__


NULL: Final = Null()
"""The one `Null`."""


@dataclass(frozen=True, slots=True)
class Ref:
    """A reference to an object; ``ref[0]`` is its first item.

    Attributes
    ----------
    number : int
        Its place in `State.objects`.
    kind : str
        What it is called, for example ``array``.

    Examples
    --------
    >>> str(Ref(0, "array")[1].func)
    'array 1[1].func'
    """

    number: int
    kind: str

    def __getitem__(self, index: int) -> Slot:
        return Slot(self, _index(index))

    def __str__(self) -> str:
        return f"{self.kind} {self.number + 1}"


@dataclass(frozen=True, slots=True)
class Array:
    """An object that memory starts with; made by `array`."""

    items: tuple[object, ...]
    kind: str = "array"


def array(*items: object, kind: str = "array") -> Array:
    """An array that is there from the start, for the memory of a `Machine`.

    Parameters
    ----------
    *items : tuple of (str, str)
        Closures: function and private data.
    kind : str
        What it is called.

    Returns
    -------
    Array
        A value for ``memory``; loading it gives a `Ref`.

    Examples
    --------
    >>> array(("A", "a"), ("B", "b")).kind
    'array'
    """
    return Array(tuple(checked(item, "array") for item in items), kind)


def checked(value: object, who: str, depth: int = 0) -> object:
    """A value that memory can hold, or an error.

    Memory holds None, a bool, an int of 64 bits, a str, `NULL`, a `Ref`, or a tuple of such.
    ``who`` wants to store it.

    Raises
    ------
    kit.errors.SimulationError
        When it is anything else, or too big.

    Examples
    --------
    >>> checked(("A", "a"), "store")
    ('A', 'a')
    """
    if value is None or isinstance(value, bool | Ref | Null):
        return value
    if isinstance(value, int) and type(value) is int:
        if value.bit_length() > 64:
            raise SimulationError(f"{who}: a number of more than 64 bits")
        return value
    if type(value) is str:
        if len(value) > 60:
            raise SimulationError(f"{who}: a name of {len(value)} characters; 60 are enough")
        return value
    if type(value) is tuple and depth < 3:
        if len(value) > 16:
            raise SimulationError(f"{who}: a tuple of {len(value)}; 16 are enough")
        return tuple(checked(item, who, depth + 1) for item in value)
    raise SimulationError(
        f"{who}: memory holds numbers, names, closures and references, not {type(value).__name__}"
    )


def private_of(value: object) -> str | None:
    """The name of a closure's private data; None for what is no closure, or an empty one.

    Examples
    --------
    >>> private_of(("A", "a")), private_of("A")
    ('a', None)
    """
    if not isinstance(value, tuple) or len(value) != 2 or value[0] in (None, EMPTY):
        return None
    return value[1] if isinstance(value[1], str) else None


def shown(value: object) -> str:
    """A value as it is read: a closure ``("A", "a")`` is ``A(a)``.

    Examples
    --------
    >>> shown(("A", "a")), shown(None), shown(("A", None))
    ('A(a)', '—', 'A(—)')
    """
    if value is None:
        return "—"
    if isinstance(value, tuple):
        if len(value) == 2:
            return f"{shown(value[0])}({shown(value[1])})"
        return f"({', '.join(map(shown, value))})"
    return str(value)
