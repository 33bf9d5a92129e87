"""Connections by pattern: one handle for markers that exist and for those declared later."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from operator import attrgetter

from kit.core._callables import AnyProbe, label_of
from kit.core._connection import Connection, matcher
from kit.core._runtime import home, stays
from kit.errors import NotConnectedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Self, overload

    from kit.core._registry import Registry

__all__ = ["PatternConnection", "PatternIndex", "PlannedPatterns"]


class Options:
    """What is the same for every connection that a pattern makes."""

    __slots__ = ("keywords", "private", "probe")

    def __init__(self, probe: AnyProbe, private: object, keywords: dict[str, Any]) -> None:
        self.probe = probe
        self.private = private
        self.keywords = keywords


class PatternConnection(Sequence[Connection]):
    """The handle of a connection by pattern: a sequence of its connections, a context manager.

    Attributes
    ----------
    pattern : str
        The pattern; markers declared later are matched too.
    """

    def __init__(self, pattern: str, options: Options, order: int) -> None:
        self.pattern = pattern
        self.options = options
        self.order = order
        self.active = False
        self._connections: tuple[Connection, ...] = ()
        self._match: Callable[[str], object] | None = None

    def matches(self, name: str) -> bool:
        """Tell whether its pattern matches a marker's name."""
        if self._match is None:  # not compiled before it is asked for: that imports more
            self._match = matcher(self.pattern)
        return bool(self._match(name))

    @property
    def probe(self) -> AnyProbe:
        """The probe."""
        return self.options.probe

    @property
    def private(self) -> object:
        """Its private data."""
        return self.options.private

    @property
    def name(self) -> str | None:
        """The name that makes a later connection of the same pattern replace this one."""
        name: str | None = self.options.keywords.get("name")
        return name

    @property
    def _name_is_default(self) -> bool:
        """Whether nobody chose the name: it is the probe's."""
        is_default: bool = self.options.keywords["name_is_default"]
        return is_default

    @property
    def label(self) -> str:
        """The name to show."""
        return self.name or label_of(self.probe)

    @property
    def connected(self) -> bool:
        """Whether it is in force: for present markers and for later ones."""
        return self.active

    @property
    def calls(self) -> int:
        """The sum over its connections."""
        return sum(connection.calls for connection in self._connections)

    @property
    def errors(self) -> int:
        """The sum over its connections."""
        return sum(connection.errors for connection in self._connections)

    @property
    def skipped(self) -> int:
        """The sum over its connections."""
        return sum(connection.skipped for connection in self._connections)

    @property
    def filtered(self) -> int:
        """The sum over its connections."""
        return sum(connection.filtered for connection in self._connections)

    @property
    def filtered_by(self) -> dict[str, int]:
        """The sums over its connections, by reason."""
        total: dict[str, int] = {}
        for connection in self._connections:
            for reason, count in connection.filtered_by.items():
                total[reason] = total.get(reason, 0) + count
        return total

    @property
    def first_error(self) -> str | None:
        """The first exception that any of its connections has noted."""
        return next((c.first_error for c in self._connections if c.first_error), None)

    @property
    def last_error(self) -> str | None:
        """The last exception of the last connection that has noted one."""
        return next((c.last_error for c in reversed(self._connections) if c.last_error), None)

    def disconnect(self, wait: bool = False) -> None:
        """Disconnect from every marker and match no later one.

        Parameters
        ----------
        wait : bool
            Return only when no dispatch that began before can still call the probe.

        Raises
        ------
        NotConnectedError
            When it was disconnected before.
        """
        home.registry.disconnect_pattern(self, wait=wait)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        try:
            self.disconnect()
        except NotConnectedError:
            pass  # disconnected in the block: nothing to do

    if TYPE_CHECKING:

        @overload
        def __getitem__(self, index: int) -> Connection: ...
        @overload
        def __getitem__(self, index: slice) -> Sequence[Connection]: ...

    def __getitem__(self, index: int | slice) -> Connection | Sequence[Connection]:
        return self._connections[index]

    def __len__(self) -> int:
        return len(self._connections)

    def __iter__(self) -> Iterator[Connection]:
        return iter(self._connections)

    def __bool__(self) -> bool:
        return True  # a handle is a handle, also while its pattern matches nothing

    __reduce__ = stays("connect its probe where it is wanted")

    def __repr__(self) -> str:
        state = "" if self.active else ", disconnected"
        return (
            f"<PatternConnection {self.label} on {self.pattern}: "
            f"{len(self)} marker{'' if len(self) == 1 else 's'}, {self.calls:,} calls{state}>"
        )


class PatternIndex:
    """The patterns in force by what they begin with: a name is compared with few of them.

    Changed and read by updates only.
    """

    __slots__ = ("_beginnings", "_lengths", "_texts")

    def __init__(self) -> None:
        self._beginnings: dict[str, list[PatternConnection]] = {}
        self._texts: dict[str, list[PatternConnection]] = {}
        self._lengths: Counter[int] = Counter()

    def add(self, handle: PatternConnection) -> None:
        """Take one more in."""
        beginning = _beginning(handle.pattern)
        self._lengths[len(beginning)] += 1
        self._beginnings.setdefault(beginning, []).append(handle)
        self._texts.setdefault(handle.pattern, []).append(handle)

    def discard(self, handle: PatternConnection) -> None:
        """Leave one out."""
        beginning = _beginning(handle.pattern)
        if handle not in self._beginnings.get(beginning, ()):
            return  # an exception of a signal handler came in between when it was taken in
        self._lengths[len(beginning)] -= 1
        for table, key in ((self._beginnings, beginning), (self._texts, handle.pattern)):
            table[key].remove(handle)
            if not table[key]:
                del table[key]
        self._lengths += Counter()  # without what there is none of any more

    def of(self, pattern: str) -> list[PatternConnection]:
        """Return the handles of a pattern, by its text."""
        return list(self._texts.get(pattern, ()))

    def matching(self, name: str) -> list[PatternConnection]:
        """Return those that match a marker's name, in order."""
        found = [
            handle
            for length in self._lengths
            for handle in self._beginnings.get(name[:length], ())
            if len(name) >= length and handle.matches(name)
        ]
        return sorted(found, key=attrgetter("order"))


def _beginning(pattern: str) -> str:
    """Return a pattern's text up to its first wildcard."""
    return pattern[: min([pattern.find(each) % (len(pattern) + 1) for each in "*?["])]


class PlannedPatterns:
    """The patterns as an update leaves them: what it changes of those that the registry has."""

    __slots__ = ("_changed", "_registry")

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        # None: it goes. What is new is not in the registry, and comes last.
        self._changed: dict[PatternConnection, tuple[Connection, ...] | None] = {}

    def get(self, handle: PatternConnection) -> tuple[Connection, ...] | None:
        """Return what a pattern has connected; None where it is not in force."""
        if handle in self._changed:
            return self._changed[handle]
        return tuple(handle) if handle.active else None

    def set(self, handle: PatternConnection, connections: tuple[Connection, ...] | None) -> None:
        """Have a pattern in force, with what it connects; or no more, where that is None."""
        self._changed[handle] = connections

    def _added(self) -> list[PatternConnection]:
        return [each for each, now in self._changed.items() if now is not None and not each.active]

    def of(self, pattern: str) -> list[PatternConnection]:
        """Return the handles of a pattern, by its text."""
        there = self._registry.pattern_index.of(pattern)
        there += [each for each in self._added() if each.pattern == pattern]
        return [each for each in there if self.get(each) is not None]

    def matching(self, name: str) -> list[PatternConnection]:
        """Return those that match a marker's name, in order."""
        there = self._registry.pattern_index.matching(name)
        there += [each for each in self._added() if each.matches(name)]
        return [each for each in there if self.get(each) is not None]

    def commit(self) -> None:
        """Put it into the registry."""
        registry, added = self._registry, self._added()
        gone = {each for each, now in self._changed.items() if now is None and each.active}
        for handle, connections in self._changed.items():
            handle.active = connections is not None
            if connections is not None:
                handle._connections = connections
        for handle in gone:
            registry.pattern_index.discard(handle)
        for handle in added:
            registry.pattern_index.add(handle)
        there = registry.patterns
        if gone:
            there = tuple([each for each in there if each not in gone])
        if added:
            there = (*there, *added)
            if len(there) > len(added) and added[0].order < there[-len(added) - 1].order:
                there = tuple(sorted(there, key=attrgetter("order")))  # it was in force before
        registry.patterns = there
