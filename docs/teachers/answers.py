"""For teachers: an answer to every exercise of the notebooks, as the checks accept it.

Each is one of several; `docs/for-teachers.md` says what to talk about.
"""

from kit.rcu.steps import call, call_rcu, free, load, new, store, until

ANSWERS = {}

# 10: One pointer, not two fields

ANSWERS["wrong-data"] = ["reader", "updater", "updater", "reader", "reader"]

ANSWERS["damage"] = {
    "the function is stored before its private data": "torn closure",
    "the type is stored before the array it stands for": "null pointer",
    "closures are moved inside the published array": "double call",  # or "lost probe"
    "the old array is freed at once": "use after free",
    "two flags share a word": "lost update",
}


def reader():
    probes = yield load("marker")
    func = yield load(probes[0].func)
    private = yield load(probes[0].private)
    yield call(func, private)


def updater():
    fresh = yield new(("B", "b"))
    yield store("marker", fresh)


ANSWERS["one-swap"] = {"reader": reader, "updater": updater}

# 11: Every barrier has a partner

ANSWERS["smallest-sets"] = {
    "0→1": ["write-barrier", "second-read-barrier"],
    "1→2": ["write-barrier", "read-barrier"],
    # The type is the last to be written and the first to be read: that orders all the rest.
    "N→1": ["second-write-barrier", "first-read-barrier"],
    "N→N+1": [],  # rcu_assign_pointer is a release, and the address depends on the pointer
    "N→N+1 on Alpha": ["dependent-barrier"],
}

ANSWERS["posted-bug"] = {
    "case": "1→2",
    "question": "stale",
    "fix": {"read-barrier": "smp_rmb"},
}

ANSWERS["x86"] = {
    "0→1 without a write barrier": False,
    "1→2 as posted: a stale pointer": False,
    "N→1 without a grace period": True,
    "N→1 with a full barrier for a grace period": True,
    "N→1 with readers of another flavour": True,
    "A→0→B with the mutex dropped early": True,
    "two bit-fields in one word": True,
    "oldptr read past a write barrier": False,
}

ANSWERS["control"] = r"""C control

{array=0; old=7; multi=old;}

P0(int *array, int **multi)
{
	WRITE_ONCE(*array, 1);
	rcu_assign_pointer(*multi, array);
}

P1(int *array, int **multi)
{
	int *m;
	int c;

	m = rcu_dereference(*multi);
	c = READ_ONCE(*m);
}

exists (1:m=array /\ 1:c=0)
"""

# 12: Waiting for readers

ANSWERS["use-after-free"] = ["reader"] * 2 + ["updater"] * 9 + ["reader"]


def free_later():
    old = yield load("marker")
    fresh = yield new(("B", "b"))
    yield store("marker", fresh)
    yield call_rcu(free(old))


ANSWERS["free-later"] = free_later

ANSWERS["flavours"] = {
    "no section": [],
    "rcu": ["synchronize_rcu", "rcu, then srcu s"],
    "srcu s": ["synchronize_srcu s", "rcu, then srcu s"],
    "srcu t": ["synchronize_srcu t"],
}


def synchronize(readers):
    for name in readers:
        section = yield load(name)
        if section:
            yield until(name, lambda now, before=section: now != before)


ANSWERS["synchronize"] = synchronize

# 13: Litmus lab

STORE_BUFFERING = r"""C store-buffering
{}
P0(int *x, int *y) { int a; WRITE_ONCE(*x, 1); a = READ_ONCE(*y); }
P1(int *x, int *y) { int a; WRITE_ONCE(*y, 1); a = READ_ONCE(*x); }
exists (0:a=0 /\ 1:a=0)
"""

MESSAGE_PASSING = r"""C message-passing
{}
P0(int *x, int *y) { WRITE_ONCE(*x, 1); WRITE_ONCE(*y, 1); }
P1(int *x, int *y) { int a; int b; a = READ_ONCE(*y); b = READ_ONCE(*x); }
exists (1:a=1 /\ 1:b=0)
"""

DEPENDENCY = r"""C dependency
{old=7; p=old;}
P0(int *x, int **p) { WRITE_ONCE(*x, 1); rcu_assign_pointer(*p, x); }
P1(int *x, int **p) { int *a; int b; a = READ_ONCE(*p); b = READ_ONCE(*a); }
exists (1:a=x /\ 1:b=0)
"""

ANSWERS["separate"] = {
    "sc, tso": STORE_BUFFERING,
    "tso, lkmm": MESSAGE_PASSING,
    "lkmm, alpha": DEPENDENCY,
}

ANSWERS["catch"] = r"exists ((1:t=1 /\ 1:c=99) \/ (1:t=0 /\ (1:f=0 \/ (1:f=1 /\ 1:p=0))))"

ANSWERS["store-order"] = r""""TSO whose stores may overtake each other"

include "sections.cat"

acyclic po-loc | com as coherence
empty rmw & (fre ; coe) as atomic

let buffered = (W * M) & po
let kept = (po & (M * M)) \ buffered
let stores = ([W] ; fencerel(Wmb) ; [W]) | ([W] ; po ; [Release | UL])
let emptied =
    fencerel(Mb | Sync-rcu | Sync-srcu | Before-atomic | After-atomic | After-spinlock
             | After-unlock-lock | After-srcu-read-unlock)
  | (po ; [RMW])
  | ([RMW] ; po)
let global = kept | stores | (emptied & (M * M)) | rfe | co | fr
acyclic global as partial-store-order

let link = po? ; global* ; po
include "graceperiods.cat"
"""

ANSWERS["two-bits"] = r"""C two-bits

{word=1;}

P0(int *word, spinlock_t *lock)
{
	int w;

	spin_lock(lock);
	w = READ_ONCE(*word);
	WRITE_ONCE(*word, w & 14);
	spin_unlock(lock);
}

P1(int *word, spinlock_t *lock)
{
	int v;

	spin_lock(lock);
	v = READ_ONCE(*word);
	WRITE_ONCE(*word, v | 2);
	spin_unlock(lock);
}

exists (word=0 \/ word=3)
"""

ANSWERS["whole-fix"] = r"""C whole

{old=99; array=0; multi=old; ptype=0; func=1; private=1;}

P0(int *array, int **multi, int *ptype, int *func, int *private)
{
	WRITE_ONCE(*array, 1);
	rcu_assign_pointer(*multi, array);
	smp_wmb();
	WRITE_ONCE(*ptype, 1);

	synchronize_rcu();            // who has seen A alone may still read its data
	WRITE_ONCE(*private, 2);
	smp_wmb();
	WRITE_ONCE(*func, 2);
	smp_wmb();
	WRITE_ONCE(*ptype, 0);
	synchronize_rcu();
	WRITE_ONCE(*array, 99);
}

P1(int *array, int **multi, int *ptype, int *func, int *private)
{
	int t; int *m; int c; int f; int p;

	rcu_read_lock();
	t = READ_ONCE(*ptype);
	if (t == 1) {
		smp_rmb();
		m = READ_ONCE(*multi);
		smp_read_barrier_depends();
		c = READ_ONCE(*m);
	} else {
		smp_rmb();
		f = READ_ONCE(*func);
		smp_rmb();
		p = READ_ONCE(*private);
	}
	rcu_read_unlock();
}

exists (1:t=1 /\ 1:c=99)
"""
