"""The kernel's primitives as Python functions, for tests written with `kit.rcu.litmus`.

The first argument of an access is a shared location, or a register that holds an address. What
returns a value returns a new register.
"""

from __future__ import annotations

from kit.rcu._litmus.building import Term, current, text_of

__all__ = [
    "atomic_add", "atomic_add_return", "atomic_dec", "atomic_fetch_add", "atomic_inc",
    "atomic_read", "atomic_set", "barrier", "cmpxchg", "rcu_assign_pointer", "rcu_dereference",
    "rcu_read_lock", "rcu_read_unlock", "read", "read_once", "smp_load_acquire", "smp_mb",
    "smp_mb__after_atomic", "smp_mb__after_spinlock", "smp_mb__after_srcu_read_unlock",
    "smp_mb__after_unlock_lock", "smp_mb__before_atomic", "smp_read_barrier_depends", "smp_rmb",
    "smp_store_mb", "smp_store_release", "smp_wmb", "spin_is_locked", "spin_lock", "spin_trylock",
    "spin_unlock", "srcu_read_lock", "srcu_read_unlock", "synchronize_rcu", "synchronize_srcu",
    "write", "write_once", "xchg", "xchg_acquire", "xchg_relaxed", "xchg_release",
]  # fmt: skip


def smp_mb() -> None:
    """A full barrier."""
    current().add("smp_mb();")


def smp_rmb() -> None:
    """A barrier between reads."""
    current().add("smp_rmb();")


def smp_wmb() -> None:
    """A barrier between writes."""
    current().add("smp_wmb();")


def barrier() -> None:
    """A barrier for the compiler alone."""
    current().add("barrier();")


def smp_read_barrier_depends() -> None:
    """A barrier between a read and one that depends on it; only Alpha needs it."""
    current().add("smp_read_barrier_depends();")


def smp_mb__before_atomic() -> None:
    """A full barrier before an atomic update."""
    current().add("smp_mb__before_atomic();")


def smp_mb__after_atomic() -> None:
    """A full barrier after an atomic update."""
    current().add("smp_mb__after_atomic();")


def smp_mb__after_spinlock() -> None:
    """A full barrier after taking a lock."""
    current().add("smp_mb__after_spinlock();")


def smp_mb__after_unlock_lock() -> None:
    """A full barrier after a lock was handed over."""
    current().add("smp_mb__after_unlock_lock();")


def smp_mb__after_srcu_read_unlock() -> None:
    """A full barrier after leaving an SRCU section."""
    current().add("smp_mb__after_srcu_read_unlock();")


def rcu_read_lock() -> None:
    """Enter a read-side critical section."""
    current().add("rcu_read_lock();")


def rcu_read_unlock() -> None:
    """Leave a read-side critical section."""
    current().add("rcu_read_unlock();")


def synchronize_rcu() -> None:
    """Wait for a grace period."""
    current().add("synchronize_rcu();")


def read(place: Term) -> Term:
    """A plain read."""
    return current().register(f"*{place.text}")


def write(place: Term, value: Term | int) -> None:
    """A plain write."""
    current().add(f"*{place.text} = {text_of(value)};")


def read_once(place: Term) -> Term:
    """A marked read."""
    return current().register(f"READ_ONCE(*{place.text})")


def rcu_dereference(place: Term) -> Term:
    """A marked read of a pointer."""
    return current().register(f"rcu_dereference(*{place.text})")


def write_once(place: Term, value: Term | int) -> None:
    """A marked write."""
    current().add(f"WRITE_ONCE(*{place.text}, {text_of(value)});")


def rcu_assign_pointer(place: Term, value: Term | int) -> None:
    """Publish a pointer: a release."""
    current().add(f"rcu_assign_pointer(*{place.text}, {text_of(value)});")


def smp_store_mb(place: Term, value: Term | int) -> None:
    """A marked write with a full barrier after it."""
    current().add(f"smp_store_mb(*{place.text}, {text_of(value)});")


def smp_load_acquire(place: Term) -> Term:
    """A read that what follows waits for."""
    return current().register(f"smp_load_acquire({place.text})")


def atomic_read(place: Term) -> Term:
    """A read of an atomic."""
    return current().register(f"atomic_read({place.text})")


def srcu_read_lock(place: Term) -> Term:
    """Enter an SRCU section; the result belongs to its unlock."""
    return current().register(f"srcu_read_lock({place.text})")


def spin_trylock(place: Term) -> Term:
    """Take a lock if it is free; the result is 1 then."""
    return current().register(f"spin_trylock({place.text})")


def spin_is_locked(place: Term) -> Term:
    """Whether a lock is taken."""
    return current().register(f"spin_is_locked({place.text})")


def smp_store_release(place: Term, value: Term | int) -> None:
    """A write that waits for what precedes it."""
    current().add(f"smp_store_release({place.text}, {text_of(value)});")


def atomic_set(place: Term, value: Term | int) -> None:
    """A write of an atomic."""
    current().add(f"atomic_set({place.text}, {text_of(value)});")


def srcu_read_unlock(place: Term, value: Term | int) -> None:
    """Leave the SRCU section that ``value`` comes from."""
    current().add(f"srcu_read_unlock({place.text}, {text_of(value)});")


def synchronize_srcu(place: Term) -> None:
    """Wait for a grace period of SRCU."""
    current().add(f"synchronize_srcu({place.text});")


def spin_lock(place: Term) -> None:
    """Take a lock."""
    current().add(f"spin_lock({place.text});")


def spin_unlock(place: Term) -> None:
    """Give a lock back."""
    current().add(f"spin_unlock({place.text});")


def atomic_inc(place: Term) -> None:
    """Add 1, atomically."""
    current().add(f"atomic_inc({place.text});")


def atomic_dec(place: Term) -> None:
    """Subtract 1, atomically."""
    current().add(f"atomic_dec({place.text});")


def xchg(place: Term, value: Term | int) -> Term:
    """Exchange, with full barriers; the result is the old value."""
    return current().register(f"xchg({place.text}, {text_of(value)})")


def xchg_relaxed(place: Term, value: Term | int) -> Term:
    """Exchange, unordered."""
    return current().register(f"xchg_relaxed({place.text}, {text_of(value)})")


def xchg_acquire(place: Term, value: Term | int) -> Term:
    """Exchange, an acquire."""
    return current().register(f"xchg_acquire({place.text}, {text_of(value)})")


def xchg_release(place: Term, value: Term | int) -> Term:
    """Exchange, a release."""
    return current().register(f"xchg_release({place.text}, {text_of(value)})")


def cmpxchg(place: Term, old: Term | int, new: Term | int) -> Term:
    """Write ``new`` if ``old`` is there, with full barriers; the result is what was there."""
    return current().register(f"cmpxchg({place.text}, {text_of(old)}, {text_of(new)})")


def atomic_add(value: Term | int, place: Term) -> None:
    """Add, atomically."""
    current().add(f"atomic_add({text_of(value)}, {place.text});")


def atomic_fetch_add(value: Term | int, place: Term) -> Term:
    """Add, with full barriers; the result is the old value."""
    return current().register(f"atomic_fetch_add({text_of(value)}, {place.text})")


def atomic_add_return(value: Term | int, place: Term) -> Term:
    """Add, with full barriers; the result is the new value."""
    return current().register(f"atomic_add_return({text_of(value)}, {place.text})")
