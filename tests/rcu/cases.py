# ruff: noqa: E501, ISC004 - a thread a line
"""Litmus tests with the verdicts that they must get: one letter a model, lkmm alpha tso sc.

N is Never, S is Sometimes, A is Always.
"""

FEATURES = {
    # Message passing: every pair of barriers, and what is missing without one.
    "mp": ("SSNN", """{} P0(int *x, int *y) { WRITE_ONCE(*x, 1); WRITE_ONCE(*y, 1); }
        P1(int *x, int *y) { int a; int b; a = READ_ONCE(*y); b = READ_ONCE(*x); }
        exists (1:a=1 /\\ 1:b=0)"""),
    "mp-wmb": ("SSNN", """{} P0(int *x, int *y) { WRITE_ONCE(*x, 1); smp_wmb(); WRITE_ONCE(*y, 1); }
        P1(int *x, int *y) { int a; int b; a = READ_ONCE(*y); b = READ_ONCE(*x); }
        exists (1:a=1 /\\ 1:b=0)"""),
    "mp-wmb-rmb": ("NNNN", """{} P0(int *x, int *y) { WRITE_ONCE(*x, 1); smp_wmb(); WRITE_ONCE(*y, 1); }
        P1(int *x, int *y) { int a; int b; a = READ_ONCE(*y); smp_rmb(); b = READ_ONCE(*x); }
        exists (1:a=1 /\\ 1:b=0)"""),
    "mp-release-acquire": ("NNNN", """{} P0(int *x, int *y) { WRITE_ONCE(*x, 1); smp_store_release(y, 1); }
        P1(int *x, int *y) { int a; int b; a = smp_load_acquire(y); b = READ_ONCE(*x); }
        exists (1:a=1 /\\ 1:b=0)"""),
    "mp-compiler-barrier": ("SSNN", """{} P0(int *x, int *y) { WRITE_ONCE(*x, 1); barrier(); WRITE_ONCE(*y, 1); }
        P1(int *x, int *y) { int a; int b; a = READ_ONCE(*y); smp_rmb(); b = READ_ONCE(*x); }
        exists (1:a=1 /\\ 1:b=0)"""),
    "mp-control-is-no-read-barrier": ("SSNN", """{} P0(int *x, int *y) { WRITE_ONCE(*x, 1); smp_wmb(); WRITE_ONCE(*y, 1); }
        P1(int *x, int *y) { int a; int b = 5; a = READ_ONCE(*y); if (a) { b = READ_ONCE(*x); } }
        exists (1:a=1 /\\ 1:b=0)"""),
    "mp-address": ("NSNN", """{p=old; old=7;} P0(int *x, int **p) { WRITE_ONCE(*x, 1); rcu_assign_pointer(*p, x); }
        P1(int **p) { int *a; int b; a = rcu_dereference(*p); b = READ_ONCE(*a); }
        exists (1:a=x /\\ 1:b=0)"""),
    "mp-address-depends": ("NNNN", """{p=old; old=7;} P0(int *x, int **p) { WRITE_ONCE(*x, 1); rcu_assign_pointer(*p, x); }
        P1(int **p) { int *a; int b; a = rcu_dereference(*p); smp_read_barrier_depends(); b = READ_ONCE(*a); }
        exists (1:a=x /\\ 1:b=0)"""),
    "mp-false-address": ("NSNN", """{} P0(int *x, int *y) { WRITE_ONCE(*x, 1); smp_wmb(); WRITE_ONCE(*y, 1); }
        P1(int *x, int *y) { int a; int b; a = READ_ONCE(*y); b = READ_ONCE(*(x + (a & 0))); }
        exists (1:a=1 /\\ 1:b=0)"""),
    # Store buffering: only a full barrier on both sides helps.
    "sb": ("SSSN", """{} P0(int *x, int *y) { int a; WRITE_ONCE(*x, 1); a = READ_ONCE(*y); }
        P1(int *x, int *y) { int a; WRITE_ONCE(*y, 1); a = READ_ONCE(*x); } exists (0:a=0 /\\ 1:a=0)"""),
    "sb-one-mb": ("SSSN", """{} P0(int *x, int *y) { int a; WRITE_ONCE(*x, 1); smp_mb(); a = READ_ONCE(*y); }
        P1(int *x, int *y) { int a; WRITE_ONCE(*y, 1); a = READ_ONCE(*x); } exists (0:a=0 /\\ 1:a=0)"""),
    "sb-mb": ("NNNN", """{} P0(int *x, int *y) { int a; WRITE_ONCE(*x, 1); smp_mb(); a = READ_ONCE(*y); }
        P1(int *x, int *y) { int a; smp_store_mb(*y, 1); a = READ_ONCE(*x); } exists (0:a=0 /\\ 1:a=0)"""),
    "sb-release-acquire": ("SSSN", """{} P0(int *x, int *y) { int a; smp_store_release(x, 1); a = smp_load_acquire(y); }
        P1(int *x, int *y) { int a; smp_store_release(y, 1); a = smp_load_acquire(x); } exists (0:a=0 /\\ 1:a=0)"""),
    "sb-xchg": ("NNNN", """{} P0(int *x, int *y) { int a; int b; b = xchg(x, 1); a = READ_ONCE(*y); }
        P1(int *x, int *y) { int a; int b; b = xchg(y, 1); a = READ_ONCE(*x); } exists (0:a=0 /\\ 1:a=0)"""),
    "sb-xchg-relaxed": ("SSNN", """{} P0(int *x, int *y) { int a; int b; b = xchg_relaxed(x, 1); a = READ_ONCE(*y); }
        P1(int *x, int *y) { int a; int b; b = xchg_relaxed(y, 1); a = READ_ONCE(*x); } exists (0:a=0 /\\ 1:a=0)"""),
    "sb-failed-cmpxchg": ("SSNN", """{} P0(int *x, int *y) { int a; WRITE_ONCE(*x, 1); a = cmpxchg(y, 7, 8); }
        P1(int *x, int *y) { int a; WRITE_ONCE(*y, 1); a = cmpxchg(x, 7, 8); } exists (0:a=0 /\\ 1:a=0)"""),
    "sb-after-atomic": ("NNNN", """{} P0(atomic_t *x, int *y) { int a; atomic_inc(x); smp_mb__after_atomic(); a = READ_ONCE(*y); }
        P1(atomic_t *x, int *y) { int a; WRITE_ONCE(*y, 1); smp_mb(); a = atomic_read(x); } exists (0:a=0 /\\ 1:a=0)"""),
    "sb-grace-periods": ("NNNN", """{} P0(int *x, int *y) { int a; WRITE_ONCE(*x, 1); synchronize_rcu(); a = READ_ONCE(*y); }
        P1(int *x, int *y) { int a; WRITE_ONCE(*y, 1); synchronize_rcu(); a = READ_ONCE(*x); } exists (0:a=0 /\\ 1:a=0)"""),
    # Load buffering: dependencies to writes hold everywhere.
    "lb": ("SSNN", """{} P0(int *x, int *y) { int a; a = READ_ONCE(*x); WRITE_ONCE(*y, 1); }
        P1(int *x, int *y) { int a; a = READ_ONCE(*y); WRITE_ONCE(*x, 1); } exists (0:a=1 /\\ 1:a=1)"""),
    "lb-data": ("NNNN", """{} P0(int *x, int *y) { int a; a = READ_ONCE(*x); WRITE_ONCE(*y, a | 1); }
        P1(int *x, int *y) { int a; a = READ_ONCE(*y); WRITE_ONCE(*x, a | 1); } exists (0:a=1 /\\ 1:a=1)"""),
    "lb-control": ("NNNN", """{} P0(int *x, int *y) { int a; a = READ_ONCE(*x); if (a == 1) WRITE_ONCE(*y, 1); }
        P1(int *x, int *y) { int a; a = READ_ONCE(*y); if (a == 1) { WRITE_ONCE(*x, 1); } } exists (0:a=1 /\\ 1:a=1)"""),
    "lb-after-the-if": ("SSNN", """{} P0(int *x, int *y) { int a; a = READ_ONCE(*x); if (a == 1) { a = 1; } WRITE_ONCE(*y, 1); }
        P1(int *x, int *y) { int a; a = READ_ONCE(*y); if (a == 1) { a = 1; } WRITE_ONCE(*x, 1); } exists (0:a=1 /\\ 1:a=1)"""),
    "out-of-thin-air": ("NNNN", """{} P0(int *x, int *y) { int a; a = READ_ONCE(*x); WRITE_ONCE(*y, a); }
        P1(int *x, int *y) { int a; a = READ_ONCE(*y); WRITE_ONCE(*x, a); } exists (0:a=42)"""),
    "else": ("SSSS", """{x=1;} P0(int *x, int *y) { if (READ_ONCE(*x) != 1) { WRITE_ONCE(*y, 1); } else { WRITE_ONCE(*y, 2); } }
        P1(int *x) { WRITE_ONCE(*x, 0); } exists (y=2)"""),
    # One location.
    "coherence-rr": ("NNNN", """{} P0(int *x) { WRITE_ONCE(*x, 1); }
        P1(int *x) { int a; int b; a = READ_ONCE(*x); b = READ_ONCE(*x); } exists (1:a=1 /\\ 1:b=0)"""),
    "coherence-rw": ("SSSS", """{} P0(int *x) { int a; a = READ_ONCE(*x); WRITE_ONCE(*x, 1); }
        P1(int *x) { WRITE_ONCE(*x, 1); } exists (0:a=1)"""),
    "coherence-ww": ("NNNN", "{} P0(int *x) { WRITE_ONCE(*x, 1); WRITE_ONCE(*x, 2); } exists (x=1)"),
    "coherence-wr": ("AAAA", "{} P0(int *x) { int a; WRITE_ONCE(*x, 1); a = READ_ONCE(*x); } forall (0:a=1)"),
    "iriw": ("SSNN", """{} P0(int *x) { WRITE_ONCE(*x, 1); } P1(int *y) { WRITE_ONCE(*y, 1); }
        P2(int *x, int *y) { int a; int b; a = READ_ONCE(*x); b = READ_ONCE(*y); }
        P3(int *x, int *y) { int a; int b; a = READ_ONCE(*y); b = READ_ONCE(*x); }
        exists (2:a=1 /\\ 2:b=0 /\\ 3:a=1 /\\ 3:b=0)"""),
    "iriw-acquire": ("SSNN", """{} P0(int *x) { WRITE_ONCE(*x, 1); } P1(int *y) { WRITE_ONCE(*y, 1); }
        P2(int *x, int *y) { int a; int b; a = smp_load_acquire(x); b = READ_ONCE(*y); }
        P3(int *x, int *y) { int a; int b; a = smp_load_acquire(y); b = READ_ONCE(*x); }
        exists (2:a=1 /\\ 2:b=0 /\\ 3:a=1 /\\ 3:b=0)"""),
    # Atomics.
    "fetch-add": ("NNNN", """{} P0(atomic_t *x) { int a; a = atomic_fetch_add(1, x); }
        P1(atomic_t *x) { int a; a = atomic_add_return_relaxed(1, x); } exists (x=1 \\/ (0:a=0 /\\ 1:a=1))"""),
    "lost-update": ("SSSS", """{} P0(int *x) { int a; a = READ_ONCE(*x); WRITE_ONCE(*x, a + 1); }
        P1(int *x) { int a; a = READ_ONCE(*x); WRITE_ONCE(*x, a + 1); } exists (x=1)"""),
    "cmpxchg": ("NNNN", """{} P0(int *x) { int a; a = cmpxchg(x, 0, 1); } P1(int *x) { int a; a = cmpxchg(x, 0, 2); }
        exists (0:a=0 /\\ 1:a=0)"""),
    "add-unless": ("NNNN", """{x=1;} P0(atomic_t *x) { int a; a = atomic_add_unless(x, 1, 2); }
        P1(atomic_t *x) { int a; a = atomic_add_unless(x, 1, 2); } exists (0:a=1 /\\ 1:a=1)"""),
    "dec-and-test": ("NNNN", """{x=2;} P0(atomic_t *x) { int a; a = atomic_dec_and_test(x); }
        P1(atomic_t *x) { int a; a = atomic_dec_and_test(x); } exists (0:a=1 /\\ 1:a=1)"""),
    # Locks.
    "lock": ("NNNN", """{} P0(spinlock_t *l, int *x, int *y) { spin_lock(l); *x = 1; *y = 1; spin_unlock(l); }
        P1(spinlock_t *l, int *x, int *y) { int a; int b; spin_lock(l); a = *y; b = *x; spin_unlock(l); }
        exists (1:a=1 /\\ 1:b=0)"""),
    "trylock": ("NNNN", """{} P0(spinlock_t *l) { int a; a = spin_trylock(l); } P1(spinlock_t *l) { int a; a = spin_trylock(l); }
        exists (0:a=1 /\\ 1:a=1)"""),
    "is-locked": ("NNNN", """{} P0(spinlock_t *l) { int a; int b; spin_lock(l); a = spin_is_locked(l); spin_unlock(l); b = spin_is_locked(l); }
        exists (0:a=0 \\/ 0:b=1)"""),
    # Grace periods.
    "rcu": ("NNNN", """{} P0(int *x, int *y) { WRITE_ONCE(*x, 1); synchronize_rcu(); WRITE_ONCE(*y, 1); }
        P1(int *x, int *y) { int a; int b; rcu_read_lock(); a = READ_ONCE(*y); b = READ_ONCE(*x); rcu_read_unlock(); }
        exists (1:a=1 /\\ 1:b=0)"""),
    "rcu-nested": ("NNNN", """{} P0(int *x, int *y) { WRITE_ONCE(*x, 1); synchronize_rcu(); WRITE_ONCE(*y, 1); }
        P1(int *x, int *y) { int a; int b; rcu_read_lock(); a = READ_ONCE(*y); rcu_read_lock(); rcu_read_unlock();
        b = READ_ONCE(*x); rcu_read_unlock(); } exists (1:a=1 /\\ 1:b=0)"""),
    "rcu-two-sections": ("SSSS", """{} P0(int *x, int *y) { WRITE_ONCE(*x, 1); synchronize_rcu(); WRITE_ONCE(*y, 1); }
        P1(int *x, int *y) { int a; int b; rcu_read_lock(); a = READ_ONCE(*x); rcu_read_unlock();
        rcu_read_lock(); b = READ_ONCE(*y); rcu_read_unlock(); } exists (1:a=0 /\\ 1:b=1)"""),
    "rcu-two-grace-periods": ("NNNN", """{} P0(int *x, int *y) { int a; WRITE_ONCE(*x, 1); synchronize_rcu(); a = READ_ONCE(*y); }
        P1(int *y, int *z) { int a; WRITE_ONCE(*y, 1); synchronize_rcu(); a = READ_ONCE(*z); }
        P2(int *z, int *x) { int a; rcu_read_lock(); WRITE_ONCE(*z, 1); a = READ_ONCE(*x); rcu_read_unlock(); }
        exists (0:a=0 /\\ 1:a=0 /\\ 2:a=0)"""),
    "rcu-two-readers-one-grace-period": ("SSSN", """{} P0(int *x, int *y) { int a; WRITE_ONCE(*x, 1); synchronize_rcu(); a = READ_ONCE(*y); }
        P1(int *y, int *z) { int a; rcu_read_lock(); WRITE_ONCE(*y, 1); a = READ_ONCE(*z); rcu_read_unlock(); }
        P2(int *z, int *x) { int a; rcu_read_lock(); WRITE_ONCE(*z, 1); a = READ_ONCE(*x); rcu_read_unlock(); }
        exists (0:a=0 /\\ 1:a=0 /\\ 2:a=0)"""),
    "srcu": ("NNNN", """{} P0(int *x, int *y, struct srcu_struct *s) { WRITE_ONCE(*x, 1); synchronize_srcu(s); WRITE_ONCE(*y, 1); }
        P1(int *x, int *y, struct srcu_struct *s) { int a; int b; int i; i = srcu_read_lock(s); a = READ_ONCE(*x); b = READ_ONCE(*y);
        srcu_read_unlock(s, i); } exists (1:a=0 /\\ 1:b=1)"""),
    "srcu-other-domain": ("SSSS", """{} P0(int *x, int *y, struct srcu_struct *s) { WRITE_ONCE(*x, 1); synchronize_srcu(s); WRITE_ONCE(*y, 1); }
        P1(int *x, int *y, struct srcu_struct *t) { int a; int b; int i; i = srcu_read_lock(t); a = READ_ONCE(*x); b = READ_ONCE(*y);
        srcu_read_unlock(t, i); } exists (1:a=0 /\\ 1:b=1)"""),
    # Conditions.
    # A section that one thread begins and another one ends: the value finds its way through memory.
    "srcu-handed-over": ("NNNN", """{} P0(int *y, struct srcu_struct *s, int *i, int *f) { int a; int n; n = srcu_down_read(s);
        WRITE_ONCE(*i, n); a = READ_ONCE(*y); smp_store_release(f, 1); }
        P1(int *x, struct srcu_struct *s, int *i, int *f) { int a; int b; int n; a = smp_load_acquire(f);
        b = READ_ONCE(*x); n = READ_ONCE(*i); srcu_up_read(s, n); }
        P2(int *x, int *y, struct srcu_struct *s) { WRITE_ONCE(*y, 1); synchronize_srcu(s); WRITE_ONCE(*x, 1); }
        filter (1:a=1) exists (0:a=0 /\\ 1:b=1)"""),
    "srcu-not-handed-over": ("SSSS", """{} P0(int *y, struct srcu_struct *s, int *f) { int a; int n; n = srcu_down_read(s);
        a = READ_ONCE(*y); srcu_up_read(s, n); smp_store_release(f, 1); }
        P1(int *x, struct srcu_struct *s, int *f) { int a; int b; int n; a = smp_load_acquire(f);
        n = srcu_down_read(s); b = READ_ONCE(*x); srcu_up_read(s, n); }
        P2(int *x, int *y, struct srcu_struct *s) { WRITE_ONCE(*y, 1); synchronize_srcu(s); WRITE_ONCE(*x, 1); }
        filter (1:a=1) exists (0:a=0 /\\ 1:b=1)"""),
    "add-negative": ("NNNN", """{y=1;} P0(int *x, atomic_t *y) { int a; WRITE_ONCE(*x, 1); a = atomic_add_negative(-1, y); }
        P1(int *x, atomic_t *y) { int a; int b; a = atomic_add_negative(-1, y); b = READ_ONCE(*x); } exists (0:a=0 /\\ 1:a=1 /\\ 1:b=0)"""),
    "add-negative-relaxed": ("SSNN", """{y=1;} P0(int *x, atomic_t *y) { int a; WRITE_ONCE(*x, 1); a = atomic_add_negative_relaxed(-1, y); }
        P1(int *x, atomic_t *y) { int a; int b; a = atomic_add_negative(-1, y); b = READ_ONCE(*x); } exists (0:a=0 /\\ 1:a=1 /\\ 1:b=0)"""),
    "filter": ("AAAA", """{} P0(int *x) { int a; a = READ_ONCE(*x); } P1(int *x) { WRITE_ONCE(*x, 1); }
        filter (0:a=1) forall (0:a=1 /\\ x=1)"""),
    "not": ("SSSS", """{} P0(int *x) { int a; a = READ_ONCE(*x); } P1(int *x) { WRITE_ONCE(*x, 1); }
        locations [x;] ~exists (not (0:a=0 \\/ 0:a=2))"""),
    "registers": ("SSSS", """{0:b=3;} P0(int *x) { int a; int b; a = READ_ONCE(*x); } P1(int *x) { int a = 1; WRITE_ONCE(*x, a); }
        exists (0:a=1:a /\\ 0:b=3)"""),
}  # fmt: skip

READER = """P1(int *func, int *private, int *ptype)
{{
    int r0; int r1; int r2;
    r0 = READ_ONCE(*ptype);
    if (r0 == 0) {{
        {first}
        r1 = READ_ONCE(*func);
        if (r1 != 0) {{
            {second}
            r2 = READ_ONCE(*private);
        }}
    }}
}}
"""
ONE = "exists (1:r0=0 /\\ 1:r1=1 /\\ 1:r2=0)"


def connect(
    write: str = "smp_wmb();", first: str = "smp_rmb();", second: str = "smp_rmb();"
) -> str:
    """The first probe: private data, then the function, then the reader may see both."""
    return (
        "{} P0(int *func, int *private) { WRITE_ONCE(*private, 1); "
        f"{write} WRITE_ONCE(*func, 1); }}\n{READER.format(first=first, second=second)}{ONE}"
    )


def back_to_one(first: str = "smp_rmb();") -> str:
    """Back to one probe: the reader that sees the new kind must not see the old function."""
    reader = READER.format(first=first, second="smp_rmb();")
    return (
        "{ptype=1;} P0(int *func, int *private, int *ptype) { WRITE_ONCE(*private, 1); smp_wmb(); "
        f"WRITE_ONCE(*func, 1); smp_wmb(); WRITE_ONCE(*ptype, 0); }}\n{reader}"
        "exists (1:r0=0 /\\ 1:r1=0)"
    )


def array(question: str, barrier: str = "smp_rmb();", old: int = -1, assign: str = "") -> str:
    """The second probe: a filled array is published, then the kind changes."""
    publish = assign or "rcu_assign_pointer(*multi, arr);"
    return (
        f"{{arr=0; old={old}; multi=old;}} P0(int *arr, int **multi, int *ptype) {{ "
        f"WRITE_ONCE(*arr, 1); {publish} smp_wmb(); WRITE_ONCE(*ptype, 1); }}\n"
        "P1(int **multi, int *ptype) { int r0; int *r1; int r2; r0 = READ_ONCE(*ptype); "
        f"if (r0 == 1) {{ {barrier} r1 = READ_ONCE(*multi); r2 = READ_ONCE(*r1); }} }}\n{question}"
    )


def free(wait: str, enter: str = "rcu_read_lock();", leave: str = "rcu_read_unlock();") -> str:
    """The last probe but one: the array is left, then poisoned."""
    return (
        "{arr=1; multi=arr; ptype=1;} P0(int *arr, int *ptype) { WRITE_ONCE(*ptype, 0); "
        f"{wait} WRITE_ONCE(*arr, 99); }}\n"
        f"P1(int **multi, int *ptype) {{ int r0; int *r1; int r2; {enter} r0 = READ_ONCE(*ptype); "
        "if (r0 == 1) { smp_rmb(); r1 = READ_ONCE(*multi); r2 = READ_ONCE(*r1); } "
        f"{leave} }}\nexists (1:r0=1 /\\ 1:r2=99)"
    )


def other_probe(wait: str) -> str:
    """Probe A goes, probe B comes: A must not be called with what belongs to B."""
    return (
        "{func=1; priv=1;} P0(int *func, int *priv) { WRITE_ONCE(*func, 0); "
        f"{wait} WRITE_ONCE(*priv, 2); smp_wmb(); WRITE_ONCE(*func, 2); }}\n"
        "P1(int *func, int *priv) { int r1; int r2; rcu_read_lock(); r1 = READ_ONCE(*func); "
        "smp_rmb(); r2 = READ_ONCE(*priv); rcu_read_unlock(); }\n"
        "exists (1:r1=1 /\\ 1:r2=2)"
    )


CASE_STUDY = {
    "0-1": ("NNNN", connect()),
    "0-1-no-write-barrier": ("SSNN", connect(write="")),
    "0-1-no-second-read-barrier": ("SSNN", connect(second="")),
    "0-1-no-first-read-barrier": ("NNNN", connect(first="")),
    "N-1": ("NNNN", back_to_one()),
    "N-1-no-first-read-barrier": ("SSNN", back_to_one(first="")),
    "1-2": ("NNNN", array("exists (1:r0=1 /\\ 1:r1=old)")),
    "1-2-as-posted": (
        "SSNN",
        array("exists (1:r0=1 /\\ 1:r1=old)", "smp_read_barrier_depends();"),
    ),
    "1-2-freed": ("SSNN", array("exists (1:r0=1 /\\ 1:r2=99)", "", old=99)),
    "1-2-dependency-only": (
        "NSNN",
        "{p=old; old=5;} P0(int *arr, int **p) { WRITE_ONCE(*arr, 1); rcu_assign_pointer(*p, arr); }"
        "P1(int **p) { int *r1; int r2; r1 = READ_ONCE(*p); r2 = READ_ONCE(*r1); }"
        "exists (1:r1=arr /\\ 1:r2=0)",
    ),
    "2-1": ("NNNN", free("synchronize_rcu();")),
    "2-1-no-grace-period": ("SSSS", free("")),
    "2-1-full-barrier": ("SSSS", free("smp_mb();")),
    "2-1-other-flavour": ("SSSS", free("synchronize_rcu();", "", "")),
    "A-0-B": ("NNNN", other_probe("synchronize_rcu();")),
    "A-0-B-no-grace-period": ("SSSS", other_probe("smp_wmb();")),
    "bit-fields": (
        "SSSS",
        "{word=1;} P0(int *word) { int r0; r0 = READ_ONCE(*word); WRITE_ONCE(*word, r0 & 2); }"
        "P1(int *word) { int r0; r0 = READ_ONCE(*word); WRITE_ONCE(*word, r0 | 2); }"
        "exists (word=0)",
    ),
}

RACES = {
    "plain": (True, "{} P0(int *x) { *x = 1; } P1(int *x) { int a; a = *x; } exists (1:a=1)"),
    "plain-marked": (
        True,
        "{} P0(int *x) { *x = 1; } P1(int *x) { int a; a = READ_ONCE(*x); } exists (1:a=1)",
    ),
    "marked": (
        False,
        "{} P0(int *x) { WRITE_ONCE(*x, 1); } P1(int *x) { int a; a = READ_ONCE(*x); }"
        "exists (1:a=1)",
    ),
    "published": (
        False,
        "{p=old;} P0(int *x, int **p) { *x = 1; smp_store_release(p, x); }"
        "P1(int **p) { int *a; int b; a = rcu_dereference(*p); if (a != old) { b = *a; } }"
        "exists (1:b=1)".replace("P1(int **p)", "P1(int **p, int *old)"),
    ),
    "locked": (
        False,
        "{} P0(int *x, spinlock_t *l) { spin_lock(l); *x = 1; spin_unlock(l); }"
        "P1(int *x, spinlock_t *l) { int a; spin_lock(l); a = *x; spin_unlock(l); } exists (1:a=1)",
    ),
    "write-barrier-leaves-reads": (
        True,
        "{} P0(int *x, int *y) { WRITE_ONCE(*x, 1); smp_store_release(y, 1); }"
        "P1(int *x, int *y, int *z) { int a; a = READ_ONCE(*y); "
        "if (a) { WRITE_ONCE(*z, 1); smp_wmb(); *x = 2; } } exists (x=2)",
    ),
    "full-barrier-holds-both": (
        False,
        "{} P0(int *x, int *y) { WRITE_ONCE(*x, 1); smp_store_release(y, 1); }"
        "P1(int *x, int *y, int *z) { int a; a = READ_ONCE(*y); "
        "if (a) { WRITE_ONCE(*z, 1); smp_mb(); *x = 2; } } exists (x=2)",
    ),
    "grace-period": (
        False,
        "{} P0(int *x, int *y) { WRITE_ONCE(*x, 1); synchronize_rcu(); *y = 3; }"
        "P1(int *x, int *y) { rcu_read_lock(); if (READ_ONCE(*x) == 0) *y = 2; rcu_read_unlock(); }"
        "exists (y=2)",
    ),
}
