"""Which events reach a probe: a condition, sampling, a rate, a budget, a limit, in this order.

All that was asked of one connection becomes one function, made when the array is built, that stands
in the probe's place. A connection of which nothing was asked has none, and costs nothing more.

Each stage counts the events that it keeps back, so that with the calls they add up to the
dispatches. That is exact when several threads fire at once: a place or a number is taken by one
operation on a built-in object, and between the load and the store of a count, or of a ring's place,
nothing switches threads (see `kit.core._dispatch.tally.Tally`), nor does a signal handler come
there: an event is let through, or in one count. What fails before the probe is called, the
condition or the budget, also with an exception that goes through to the program, is kept back as
``failed``. Where there is no global lock to see to that, a connection's stages have a lock of their
own; the condition is evaluated, and the probe is called, without it.
"""

from __future__ import annotations

import itertools
from threading import get_ident
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from kit.core._dispatch.accounting import begun
from kit.core._dispatch.tally import Tally
from kit.core._publication.locks import inner_lock
from kit.core._registry import registry
from kit.core._runtime import dispatcher, unlocked
from kit.probes import _clock as clock
from kit.probes._values import KINDS, recorded, whole
from kit.probes.filters._budget import Budget
from kit.probes.filters._operands import known_names, operands
from kit.probes.filters.condition import Condition
from kit.probes.filters.condition._program import program_nodes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kit.core._connection import Connection
    from kit.core._format import Format
    from kit.probes.filters._operands import Operand

__all__ = ["ConnectionFilter", "Filter", "make_filter"]

_SECOND: Final = 1_000_000_000
_LONG_AGO: Final = -(1 << 62)
_MOST: Final = 1 << 62
_MOST_PER_SECOND: Final = 1_000_000
"""The time of each of them is kept."""

_REASONS: Final = ("condition", "failed", "every", "per_second", "budget", "limit")

_Maker: TypeAlias = "Callable[[Callable[..., Any]], Callable[..., Any]]"


class _Counts:
    """How many events were kept back by each stage."""

    __slots__ = (*_REASONS[2:], "failures", "first_failure", "unmet")

    def __init__(self) -> None:
        self.unmet = Tally()  # by a condition, perhaps in C; those that failed are among them
        self.failures = Tally()
        self.every = self.per_second = self.budget = self.limit = 0
        self.first_failure: str | None = None

    @property
    def condition(self) -> int:
        return self.unmet.n - self.failures.n

    @property
    def failed(self) -> int:
        return self.failures.n


class _Ring:
    """When the newest events were let through: full of younger ones, there is no room."""

    __slots__ = ("place", "times")

    def __init__(self, size: int) -> None:
        self.times = [_LONG_AGO] * size
        self.place = 0


class ConnectionFilter:
    """The filter of one connection.

    Parameters
    ----------
    connection : Connection
        Whose events it counts.
    asked : Filter
        What was asked.
    """

    def __init__(self, connection: Connection, asked: Filter) -> None:
        self.connection = connection
        self.asked = asked
        self.counts = _Counts()
        self._makers: dict[tuple[bool, Format], _Maker] = {}
        self._scope: dict[str, Any] = {
            "__name__": __name__,
            "counts": self.counts,
            "lock": inner_lock("a filter's lock"),
            "unmet": self.counts.unmet,
            "failures": self.counts.failures,
            "begun": begun,
            "not_begun": connection._not_begun,
            "clock": clock.now,
            "number_of_event": itertools.count().__next__,
            "number_of_call": itertools.count().__next__,
            "ring": _Ring(asked.per_second or 1),
            "reached": self._reached,
        }
        if asked.budget is not None:
            meter = asked.budget.meter(connection, lambda: self.counts.budget)
            self._scope |= {"meter": meter, "blocked": meter.blocked.get, "get_ident": get_ident}

    @property
    def filtered(self) -> int:
        """How many events it has not let through."""
        return sum(getattr(self.counts, reason) for reason in _REASONS)

    @property
    def reasons(self) -> dict[str, int]:
        """How many for which reason, for those that there were."""
        counts = {reason: getattr(self.counts, reason) for reason in _REASONS}
        return {reason: count for reason, count in counts.items() if count}

    @property
    def first_failure(self) -> str | None:
        """Why the condition could not be evaluated, the first time that it could not."""
        return self.counts.first_failure

    def plain(self, call: Callable[..., object], format: Format) -> Callable[..., object]:
        """Return what is called with the arguments in the place of ``call``."""
        return self._maker(False, format)(call)

    def timed(self, call: Callable[..., object], format: Format) -> Callable[..., object]:
        """Return what is called with the thread, the time and the arguments."""
        return self._maker(True, format)(call)

    def _reached(self) -> None:
        """Switch off: this event is the last one."""
        why = f"off after {self.asked.limit:,} events, its limit"
        registry.switch_off(self.connection, why, self.connection.marker._array, "limit")

    def _maker(self, timed: bool, format: Format) -> _Maker:
        maker = self._makers.get((timed, format))
        if maker is None:
            maker = self._makers[timed, format] = self._make(timed, format)
        return maker

    def _make(self, timed: bool, format: Format) -> _Maker:
        """Make what makes filters: in C where it can say whether a condition is met."""
        scope = self._scope.copy()
        condition = self.asked.condition
        known = {} if condition is None else self._known(condition, format)
        nodes = None
        if condition is not None and dispatcher == "c":
            nodes = program_nodes(condition.node, known)
        if condition is None or nodes is None:
            return self._compiled("make", self._source(timed, format, scope, known), scope)

        from kit import _c

        program = _c.Program(nodes)
        lines = self._condition(condition, known, scope, lambda i: f"args[{i}]", "args")
        body = "\n".join(f"    {line}" for line in [*lines, "return met"])
        test = self._compiled("test", f"def test(args):\n{body}\n", scope)
        rest: _Maker | None = None
        if any(getattr(self.asked, each) is not None for each in _REASONS[2:]):
            source = self._source(timed, format, scope, None)
            rest = self._compiled("make", source, scope)

        def make(call: Callable[..., Any]) -> Callable[..., Any]:
            behind = call if rest is None else rest(call)
            kept = (self.counts.unmet, self.counts.failures)
            return _c.EventFilter(program, behind, timed, format.is_span, *kept, test)

        return make

    def _compiled(self, name: str, source: str, scope: dict[str, Any]) -> Callable[..., Any]:
        # In ASCII: a label may hold what the name of a file may not.
        exec(compile(source, f"<filter of {self.connection.label!a}>", "exec"), scope)
        made: Callable[..., Any] = scope[name]
        return made

    def _source(
        self,
        timed: bool,
        format: Format,
        scope: dict[str, Any],
        known: dict[str, Operand] | None,
    ) -> str:
        """Write the function that stands in the probe's place.

        The condition is left out where there is nothing ``known`` for it.
        """
        values = [f"v{number}" for number in range(format.arity)]
        plain = ", ".join(values)
        whole = "ident, ts, args" if timed else plain
        lines: list[str] = []
        if self.asked.condition is not None and known is not None:
            arguments = (lambda i: f"args[{i}]") if timed else (lambda i: f"v{i}")
            every = "args" if timed else f"({plain}{',' if values else ''})"
            lines += [
                *self._condition(self.asked.condition, known, scope, arguments, every),
                "if not met:",
                *_indented(_counted("unmet")),
                "    if met is None:",
                *_indented(_indented(_counted("failures"))),
                "    return",
            ]
        stages, after = self._stages(timed)
        lines += [*_alone(stages), *after] if unlocked and stages else [*stages, *after]
        # What fails before the probe is called, and not in its condition alone, is kept back, too.
        kept_back = [*_counted("unmet"), *_counted("failures"), "raise"]
        lines = ["try:", *_indented(lines), "except BaseException:", *_indented(kept_back)]
        calling = ["try:", f"    return call({whole})"]
        if timed:  # one of the kit's own, which counts what it fails to do, once it has begun
            calling += [
                "except BaseException as error:",
                "    if not begun(call, error): not_begun.up()",
                "    raise",
            ]
        if self.asked.budget is not None:
            charge = ["meter.charge(account, began)"]
            calling += ["finally:", *_indented(_alone(charge) if unlocked else charge)]
        lines += calling if len(calling) > 2 else [f"return call({whole})"]
        body = "\n".join(f"        {line}" for line in lines)
        return f"def make(call):\n    def filtered({whole}):\n{body}\n    return filtered\n"

    def _stages(self, timed: bool) -> tuple[list[str], list[str]]:
        """Write what decides on an event that met the condition, and what is done after that."""
        lines: list[str] = []
        after: list[str] = []
        if self.asked.every is not None:
            lines += [f"if number_of_event() % {self.asked.every}:", *_kept_back("every")]
        if self.asked.per_second is not None:
            last = self.asked.per_second - 1
            lines += [
                "now = clock()",
                "place = ring.place",
                f"if now - ring.times[place] < {_SECOND}:",
                *_kept_back("per_second"),
                "ring.times[place] = now",
                f"ring.place = place + 1 if place < {last} else 0",
            ]
        if self.asked.budget is not None:
            lines += [
                *([] if timed else ["ident = get_ident()"]),
                "began = clock()",
                "if began < blocked(ident, 0):",
                *_kept_back("budget"),
                "account = meter.admit(ident, began)",
                "if account is None:",
                *_kept_back("budget"),
            ]
        if self.asked.limit is not None:
            lines += [
                "number = number_of_call()",
                f"if number >= {self.asked.limit}:",
                *_kept_back("limit"),
            ]
            after += [f"if number == {self.asked.limit - 1}:", "    reached()"]
        return lines, after

    def _known(self, condition: Condition, format: Format) -> dict[str, Operand]:
        """Return the operands of the names in the condition that the marker has."""
        known = operands(self.connection.marker.name, format)
        unknown = [name for name in condition.names if name not in known]
        if unknown and self.counts.first_failure is None:
            # It was connected before anybody could know, or by a pattern.
            self.counts.first_failure = (
                f"{unknown[0]!r} is not a field of marker {self.connection.marker.name!r}"
            )
        return {name: known[name] for name in condition.names if name in known}

    def _condition(
        self,
        condition: Condition,
        used: dict[str, Operand],
        scope: dict[str, Any],
        arguments: Callable[[int], str],
        every: str,
    ) -> list[str]:
        """Write the lines that find out whether the condition is ``met``."""
        codes: dict[str, str] = {}
        # What fits is as it is recorded: of an unusual type it is made plain first.
        made: list[str] = []
        for name, operand in used.items():
            codes[name] = operand.code(scope, arguments)
            if operand.argument is not None:
                kind, local = KINDS[operand.type], f"recorded{len(made)}"
                exact = {"d": "int", "f": "float", "b": "bool"}.get(kind, "str")
                made.append(f"{local} = {codes[name]}")
                made.append(f"if {local}.__class__ is not {exact} and {local} is not None:")
                made.append(f"    {local} = recorded({kind!r}, {local})")
                codes[name] = local

        def value_of(values: tuple[Any, ...], name: str) -> Any:
            operand = used.get(name)
            if operand is None:
                return None  # a field that this marker has not
            if operand.argument is not None:
                return recorded(KINDS[operand.type], values[operand.argument])
            return operand.constant if operand.function is None else operand.function()

        def slow(values: tuple[Any, ...]) -> bool | None:
            try:
                return condition.evaluate(lambda name: value_of(values, name))
            except Exception as error:  # noqa: BLE001 - whatever the values' own operators raise
                self._note_failure(error)
                return None  # the filter counts it

        source = condition.source(lambda name: codes.get(name, "None"))
        scope.update(source.scope)
        scope["slow"] = slow
        scope["recorded"] = recorded
        gaps = " or ".join(f"{codes[n]} is None" for n in sorted(condition.needed) if n in codes)
        met = f"slow({every}) if {gaps} else " if gaps else ""
        return [
            "try:",
            *_indented(made),
            f"    met = {met}True if ({source.text}) else False",
            "except Exception:",
            f"    met = slow({every})",
        ]

    def _note_failure(self, error: Exception) -> None:
        counts = self.counts
        if counts.first_failure is None:
            counts.first_failure = f"{type(error).__name__}: {error}"[:1000]


def _counted(tally: str) -> list[str]:
    return _alone([f"{tally}.up()"]) if unlocked else [f"{tally}.n += 1"]


def _alone(lines: list[str]) -> list[str]:
    return ["with lock:", *_indented(lines)]


def _indented(lines: list[str]) -> list[str]:
    return [f"    {line}" for line in lines]


def _kept_back(reason: str) -> list[str]:
    return [f"    counts.{reason} += 1", "    return"]


class Filter:
    """What was asked about which events reach a probe.

    Attributes
    ----------
    condition : Condition or None
    every, limit, per_second : int or None
    budget : Budget or None
    """

    def __init__(
        self,
        condition: Condition | None,
        every: int | None,
        limit: int | None,
        per_second: int | None,
        budget: Budget | None,
    ) -> None:
        self.condition = condition
        self.every = every
        self.limit = limit
        self.per_second = per_second
        self.budget = budget

    @property
    def when(self) -> str | None:
        """The condition, as it was written."""
        return None if self.condition is None else self.condition.text

    def for_connection(self, connection: Connection) -> ConnectionFilter:
        """Return the filter of a connection, which counts for itself."""
        return ConnectionFilter(connection, self)


def make_filter(
    markers: Sequence[tuple[str, Format | None]],
    *,
    when: str | None = None,
    every: int | None = None,
    limit: int | None = None,
    per_second: int | None = None,
    budget: float | Budget | None = None,
) -> Filter:
    """Understand what was asked, or say what is wrong with it.

    Parameters
    ----------
    markers : sequence of (str, Format or None)
        The markers that are connected now, to check the condition's names.
    when, every, limit, per_second, budget
        As in `Marker.connect`.

    Returns
    -------
    Filter

    Raises
    ------
    ConditionError
        When the condition cannot be understood, or names what no marker has.
    ValueError
        For numbers that say nothing.
    """
    condition = None if when is None else Condition(when)
    declared = [(name, format) for name, format in markers if format is not None]
    if condition is not None and declared:
        where = f"marker {declared[0][0]!r}" if len(declared) == 1 else "any of the markers"
        known = [field for name, format in declared for field in known_names(name, format)]
        condition.check(known, where)
    if budget is not None and not isinstance(budget, Budget):
        budget = Budget(budget)
    return Filter(
        condition,
        _whole("every", every),
        _whole("limit", limit),
        _whole("per_second", per_second, _MOST_PER_SECOND),
        budget,
    )


def _whole(option: str, value: int | None, most: int = _MOST) -> int | None:
    return None if value is None else whole(value, option, most, means="")
