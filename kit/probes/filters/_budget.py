"""A share of a thread's time that probes may take.

Every thread has an account. Time that passes is paid in, at the rate of the share; what a probe
takes is paid out. While the account is overdrawn, the dearest of the probes that share the budget
is not called: it is the one that must become rarer, and a cheap one beside it does not suffer. What
was saved is kept up to a limit, a tenth of a second's share, so that a probe that had nothing to
do for an hour may not take a minute at once.
"""

from __future__ import annotations

import threading
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from kit.core._publication.threads import tell_when_gone
from kit.core._runtime import stays
from kit.probes import _clock as clock

if TYPE_CHECKING:
    from collections.abc import Callable

    from kit.core._connection import Connection

__all__ = ["Budget", "budget"]

_SAVED: Final = 100_000_000  # ns of a thread's time


class _Account:
    """What one thread may spend; in units that make every sum a whole number."""

    __slots__ = ("began", "last", "level", "spent")

    def __init__(self, now: int) -> None:
        self.last = now
        self.began = now
        self.level = 0
        # By probe, since the account was last out of the red; the one that spent most is dearest.
        self.spent: dict[object, int] = {}


class _Meter:
    """One connection's way to the accounts."""

    __slots__ = ("_clock", "_throttled", "accounts", "blocked", "budget", "label", "spent")

    def __init__(self, budget: Budget, label: str, throttled: Callable[[], int]) -> None:
        self.budget = budget
        self.label = label
        self.accounts = budget._accounts
        self.spent = 0
        # By thread: until when no call is to be made, so that most events cost one look.
        self.blocked: dict[int, int] = {}
        self._throttled = throttled
        self._clock: Callable[[], int] = clock.now

    @property
    def throttled(self) -> int:
        """How many calls were not made."""
        return self._throttled()

    def admit(self, ident: int, now: int) -> _Account | None:
        """Return the account to charge for a call, or None where it is not to be made."""
        account = self.accounts.get(ident)
        if account is None:
            new = _Account(now)
            account = self.accounts.setdefault(ident, new)
            if account is new:
                tell_when_gone(self.budget._local, self.budget, ident, account)
        level = self.budget._paid_in(account, now)
        if level < 0:
            spent = account.spent
            mine = spent.get(self, 0)
            if mine >= max(spent.values(), default=0):
                self.blocked[ident] = now - level // self.budget._rate
                return None
        return account

    def charge(self, account: _Account, began: int) -> None:
        """Pay for a call that has ended."""
        now = self._clock()
        took = now - began
        self.budget._paid_in(account, now)
        account.level -= took * self.budget._unit
        account.spent[self] = account.spent.get(self, 0) + took
        self.spent += took


class Budget:
    """A share of each thread's time for one or several probes; made by `kit.budget`.

    Parameters
    ----------
    share : float
        Above 0 and at most 1.

    Attributes
    ----------
    share : float
        As given.

    Raises
    ------
    ValueError
        When the share is not above 0 and at most 1.

    Examples
    --------
    >>> import kit
    >>> tick = kit.marker("budget.tick", n=int)
    >>> tenth = kit.budget(0.1)
    >>> with tick.connect(lambda n: sum(range(10_000)), budget=tenth) as slow:
    ...     for n in range(100):
    ...         tick(n)
    >>> slow.calls + slow.filtered_by["budget"]
    100
    """

    def __init__(self, share: float) -> None:
        if type(share) not in (int, float) or not 0 < share <= 1:
            raise ValueError(f"a budget is a share of the time, such as 0.01; got {share!r}")
        self.share = share
        # One thing is paid in a nanosecond, and a nanosecond of a probe costs one over the share.
        exact = max(Fraction(str(share)).limit_denominator(1_000_000), Fraction(1, 1_000_000))
        self._rate, self._unit = exact.numerator, exact.denominator
        self._most = _SAVED * self._rate
        self._accounts: dict[int, _Account] = {}
        self._meters: list[_Meter] = []
        self._local = threading.local()

    def leave(self, ident: int, account: _Account) -> None:
        """Close the account of a thread that has ended."""
        if self._accounts.get(ident) is account:
            self._accounts.pop(ident, None)
            for meter in self._meters.copy():
                meter.blocked.pop(ident, None)

    def meter(self, connection: Connection, throttled: Callable[[], int]) -> _Meter:
        """Return a connection's way to the accounts; it counts the calls not made itself."""
        meter = _Meter(self, f"{connection.label} on {connection.marker.name}", throttled)
        self._meters.append(meter)
        return meter

    def _paid_in(self, account: _Account, now: int) -> int:
        """Pay in for the time that has passed; return what there is."""
        before = account.level
        level = before + (now - account.last) * self._rate
        account.last = now
        if level >= self._most:
            level = self._most
            account.spent.clear()
        elif before < 0 <= level:
            # Out of the red: what was dear long ago counts less each time.
            account.spent = {meter: spent // 2 for meter, spent in account.spent.items()}
        account.level = level
        return level

    @property
    def throttled(self) -> int:
        """How many calls were not made."""
        return sum(meter.throttled for meter in self._meters)

    @property
    def spent(self) -> int:
        """How many nanoseconds the probes have taken."""
        return sum(meter.spent for meter in self._meters)

    def report(self) -> list[dict[str, Any]]:
        """Return what each probe took.

        Returns
        -------
        list of dict
            With ``probe`` (text), ``spent`` (ns) and ``throttled``; the dearest first.
        """
        rows = [
            {"probe": meter.label, "spent": meter.spent, "throttled": meter.throttled}
            for meter in self._meters
        ]
        return sorted(rows, key=lambda row: -int(row["spent"]))

    __reduce__ = stays("pickle its report(), or make another one of its share")

    def __repr__(self) -> str:
        return (
            f"<Budget: {self.share:.3%} of each thread, {self.spent / 1e6:,.1f} ms spent, "
            f"{self.throttled:,} calls not made>"
        )


def budget(share: float) -> Budget:
    """Make a budget, to be shared by several connections.

    Parameters
    ----------
    share : float
        The share of each thread's time that their probes may take together, such as 0.01.

    Returns
    -------
    Budget
        To be given to ``connect`` and its kin as ``budget=``.

    Raises
    ------
    ValueError
        When the share is not above 0 and at most 1.
    """
    return Budget(share)
