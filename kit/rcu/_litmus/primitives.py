"""The kernel primitives that a litmus test may call, one row each.

A row says how many arguments there are, which of them is the object (``*x`` for READ_ONCE, ``x``
for most others) and what events the call makes. `kit.rcu._checker.thread` carries the rows out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["PRIMITIVES", "Primitive"]


@dataclass(frozen=True, slots=True)
class Primitive:
    """One primitive.

    Attributes
    ----------
    action : str
        What it does: load, store, fence, swap, compare, update, unless, lock, try, unlock, held,
        srcu-lock, srcu-unlock, srcu-sync.
    arguments : int
        How many it takes.
    object : int
        Which of them is the location; -1: none.
    lvalue : bool
        Whether the location is written ``*x`` rather than ``x``.
    order : str
        Once, Acquire, Release, Mb or Noreturn; for a fence its kind.
    op : str
        The operator of an update.
    result : str
        What an update returns: old, new, zero (whether the new value is 0), negative (whether it is
        below 0) or nothing.
    """

    action: str
    arguments: int = 0
    object: int = -1
    lvalue: bool = False
    order: str = ""
    op: str = ""
    result: str = ""


def _fences() -> dict[str, Primitive]:
    kinds = {
        "smp_mb": "Mb",
        "smp_rmb": "Rmb",
        "smp_wmb": "Wmb",
        "barrier": "Barrier",
        "smp_read_barrier_depends": "Rb-dep",
        "smp_mb__before_atomic": "Before-atomic",
        "smp_mb__after_atomic": "After-atomic",
        "smp_mb__after_spinlock": "After-spinlock",
        "smp_mb__after_unlock_lock": "After-unlock-lock",
        "smp_mb__after_srcu_read_unlock": "After-srcu-read-unlock",
        "rcu_read_lock": "Rcu-lock",
        "rcu_read_unlock": "Rcu-unlock",
        "synchronize_rcu": "Sync-rcu",
        "synchronize_rcu_expedited": "Sync-rcu",
    }
    return {name: Primitive("fence", order=kind) for name, kind in kinds.items()}


def _accesses() -> dict[str, Primitive]:
    return {
        "READ_ONCE": Primitive("load", 1, 0, lvalue=True, order="Once"),
        "WRITE_ONCE": Primitive("store", 2, 0, lvalue=True, order="Once"),
        "rcu_dereference": Primitive("load", 1, 0, lvalue=True, order="Once"),
        "rcu_assign_pointer": Primitive("store", 2, 0, lvalue=True, order="Release"),
        "smp_load_acquire": Primitive("load", 1, 0, order="Acquire"),
        "smp_store_release": Primitive("store", 2, 0, order="Release"),
        "smp_store_mb": Primitive("store", 2, 0, lvalue=True, order="Mb"),
        "atomic_read": Primitive("load", 1, 0, order="Once"),
        "atomic_set": Primitive("store", 2, 0, order="Once"),
        "atomic_read_acquire": Primitive("load", 1, 0, order="Acquire"),
        "atomic_set_release": Primitive("store", 2, 0, order="Release"),
    }


def _locks() -> dict[str, Primitive]:
    rows = {
        "srcu_read_lock": Primitive("srcu-lock", 1, 0),
        "srcu_read_unlock": Primitive("srcu-unlock", 2, 0),
        "srcu_down_read": Primitive("srcu-lock", 1, 0),
        "srcu_up_read": Primitive("srcu-unlock", 2, 0),
        "synchronize_srcu": Primitive("srcu-sync", 1, 0),
        "synchronize_srcu_expedited": Primitive("srcu-sync", 1, 0),
    }
    for kind in ("spin", "mutex"):
        rows[f"{kind}_lock"] = Primitive("lock", 1, 0)
        rows[f"{kind}_unlock"] = Primitive("unlock", 1, 0)
        rows[f"{kind}_trylock"] = Primitive("try", 1, 0)
        rows[f"{kind}_is_locked"] = Primitive("held", 1, 0)
    return rows


ORDERS: Final = {"": "Mb", "_relaxed": "Once", "_acquire": "Acquire", "_release": "Release"}
OPERATORS: Final = {"add": "+", "sub": "-", "inc": "+", "dec": "-", "and": "&", "or": "|"} | {
    "xor": "^",
    "andnot": "&~",
}


def _atomics() -> dict[str, Primitive]:
    rows: dict[str, Primitive] = {}
    for suffix, order in ORDERS.items():
        rows[f"xchg{suffix}"] = Primitive("swap", 2, 0, order=order)
        rows[f"atomic_xchg{suffix}"] = Primitive("swap", 2, 0, order=order)
        rows[f"cmpxchg{suffix}"] = Primitive("compare", 3, 0, order=order)
        rows[f"atomic_cmpxchg{suffix}"] = Primitive("compare", 3, 0, order=order)
    rows["atomic_add_unless"] = Primitive("unless", 3, 0, order="Mb")
    rows["atomic_inc_not_zero"] = Primitive("unless", 1, 0, order="Mb")
    for name, op in OPERATORS.items():
        count = 1 if name in ("inc", "dec") else 2
        at = count - 1
        rows[f"atomic_{name}"] = Primitive("update", count, at, order="Noreturn", op=op)
        for suffix, order in ORDERS.items():
            rows[f"atomic_fetch_{name}{suffix}"] = Primitive(
                "update", count, at, order=order, op=op, result="old"
            )
            if op in "+-":
                rows[f"atomic_{name}_return{suffix}"] = Primitive(
                    "update", count, at, order=order, op=op, result="new"
                )
        if name in ("sub", "inc", "dec"):
            rows[f"atomic_{name}_and_test"] = Primitive(
                "update", count, at, order="Mb", op=op, result="zero"
            )
    for suffix, order in ORDERS.items():
        rows[f"atomic_add_negative{suffix}"] = Primitive(
            "update", 2, 1, order=order, op="+", result="negative"
        )
    return rows


PRIMITIVES: Final = _fences() | _accesses() | _locks() | _atomics()
"""Every primitive by name."""
