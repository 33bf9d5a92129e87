# ruff: noqa: ISC004 - messages of two lines
"""What C and the kernel have and this dialect has not, by name, with what to write instead."""

from __future__ import annotations

import re
from typing import Final, TypeAlias

__all__ = ["STATEMENTS", "refusal", "type_refusal"]

_Table: TypeAlias = "tuple[tuple[re.Pattern[str], str], ...]"

STATEMENTS: Final = {
    "while": "loops are not part of litmus tests; unroll it",
    "for": "loops are not part of litmus tests; unroll it",
    "do": "loops are not part of litmus tests; unroll it",
    "break;": "loops are not part of litmus tests; unroll it",
    "continue;": "loops are not part of litmus tests; unroll it",
    "goto": "jumps are not part of litmus tests",
    "switch": "switch is not part of this dialect: use if and else",
    "return": "a thread runs to its end; put the rest into an else branch",
}
"""What a statement begins with."""

C11: Final = (
    "C11 atomics are not part of this dialect, and the kernel's model does not define them: write "
    "READ_ONCE, smp_load_acquire, smp_store_release, atomic_add and their like"
)
RWLOCK: Final = (
    "rwlock is not part of this dialect, since the kernel's model has no reader-writer locks: "
    "write spin_lock, or RCU"
)
RWSEM: Final = RWLOCK.replace("rwlock is", "rw_semaphore is")
SEQCOUNT: Final = (
    "seqcount and seqlock are not part of this dialect: write out what they do, reads and writes "
    "of a counter with smp_rmb() and smp_wmb(), and the retry as a filter"
)
CALLBACK: Final = (
    "deferred callbacks are not part of this dialect: write synchronize_rcu() and then what the "
    "callback does, in a thread of its own"
)
FREE: Final = (
    "memory management is not part of this dialect: write a value into the object that a reader "
    "must not see, for example WRITE_ONCE(*x, -1)"
)
CALLS: Final = tuple(
    (re.compile(pattern), words)
    for pattern, words in (
        (r"atomic_\w+_explicit|atomic_(load|store|exchange|init|flag_\w+)", C11),
        (r"atomic_(compare_exchange|is_lock_free)\w*|atomic_(thread|signal)_fence|kill_dep", C11),
        (r"(read|write)_(lock|unlock|trylock|can_lock)(_irq|_bh|_irqsave|_irqrestore)?", RWLOCK),
        (r"rwlock_init|DEFINE_RWLOCK", RWLOCK),
        (r"(down|up|downgrade)_(read|write)\w*|init_rwsem", RWSEM),
        (r"(raw_)?(read|write|done)_seq\w*|(need_seqretry|seq(count|lock)_\w+)", SEQCOUNT),
        (r"raw_(read|write)_seq\w*", SEQCOUNT),
        (r"call_s?rcu\w*|call_rcu_tasks\w*|s?rcu_barrier\w*", CALLBACK),
        (r"kv?free_rcu\w*", CALLBACK),
        (r"kv?free\w*|k[mzc]alloc\w*|v?free|malloc", FREE),
        (
            r"(atomic(64|_long)?_)?try_cmpxchg\w*",
            "try_cmpxchg is not part of this dialect: write r = cmpxchg(x, old, new) and compare "
            "r with old",
        ),
        (
            r"(smp|atomic(64|_long)?)_cond_(load|read)_\w+",
            "waiting for a value is a loop, which is not part of this dialect: write "
            "smp_load_acquire(x) or READ_ONCE(*x), and the value waited for as a filter",
        ),
        (
            r"(spin|mutex)_\w+|raw_spin_\w+",
            "of spinlocks and mutexes there are spin_lock, spin_trylock, spin_unlock, "
            "spin_is_locked, and the same of mutex",
        ),
        (
            r"(h?list|llist)_\w+",
            "lists are not part of this dialect: write rcu_assign_pointer and rcu_dereference",
        ),
        (
            r"rcu_read_(un)?lock_\w+|synchronize_\w+|rcu_\w+",
            "of RCU there are rcu_read_lock, rcu_read_unlock, synchronize_rcu, rcu_dereference and "
            "rcu_assign_pointer, and the same of srcu",
        ),
    )
)
TYPES: Final = tuple(
    (re.compile(pattern), words)
    for pattern, words in (
        (r"_Atomic|atomic_(?!t\b|long_t\b|64_t\b)\w+|memory_order\w*", C11),
        (r"rwlock_t|arch_rwlock_t", RWLOCK),
        (r"rw_semaphore", RWSEM),
        (r"seq(count|lock)\w*", SEQCOUNT),
        (r"rcu_head", CALLBACK),
        (r"float|double", "this dialect has integers and addresses only"),
        (r"union|enum|typedef", "declarations of types are not part of this dialect"),
    )
)


def refusal(name: str) -> str:
    """What to say of a function that is called and not known.

    Examples
    --------
    >>> refusal("kfree_rcu")[:56]
    'kfree_rcu(): deferred callbacks are not part of this dia'
    >>> refusal("READ_TWICE")
    'READ_TWICE() is not a primitive that this dialect knows'
    """
    return _said(name, f"{name[:60]}()", CALLS, "a primitive")


def type_refusal(name: str) -> str:
    """What to say of a type that is not known.

    Examples
    --------
    >>> type_refusal("seqcount_t")[:40]
    'seqcount_t: seqcount and seqlock are not'
    >>> type_refusal("foo_t")
    'foo_t is not a type that this dialect knows'
    """
    return _said(name, name[:60], TYPES, "a type")


def _said(name: str, shown: str, table: _Table, what: str) -> str:
    for pattern, words in table:
        if pattern.fullmatch(name):
            return f"{shown}: {words}"
    return f"{shown} is not {what} that this dialect knows"
