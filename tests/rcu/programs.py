"""Random small programs and their conditions, and shapes that grow with the number of threads."""

from __future__ import annotations

from random import Random

LOCATIONS = ("x", "y", "z")
AND = " /\\ "
OR = " \\/ "


def random_program(random: Random) -> str:
    """A test of two to four threads with a condition of any form, about anything."""
    threads = [_Thread(random) for _ in range(random.choice((2, 2, 3, 3, 4)))]
    names = [f"{at}:r{register}" for at, each in enumerate(threads) for register in each.registers]
    names += LOCATIONS
    bodies = [
        f"P{at}(int *x, int *y, int *z, spinlock_t *l) {{ {each.declared} {each.body} }}"
        for at, each in enumerate(threads)
    ]
    initial = random.choice(("", "x=1;", "y=2; z=1;", "0:r0=1;"))
    rule = f"filter ({_condition(random, names, 1)})\n" if random.random() < 0.3 else ""
    observed = f"locations [{random.choice(LOCATIONS)};]\n" if random.random() < 0.3 else ""
    quantifier = random.choice(("exists", "exists", "forall", "~exists"))
    return (
        f"C random\n{{{initial}}}\n" + "\n".join(bodies) + f"\n{observed}{rule}{quantifier} "
        f"({_condition(random, names, 2)})\n"
    )


class _Thread:
    def __init__(self, random: Random) -> None:
        self.random = random
        self.registers: list[int] = []
        statements = [self._statement(1) for _ in range(random.randint(1, 3))]
        if random.random() < 0.15:
            statements = ["spin_lock(l);", *statements, "spin_unlock(l);"]
        self.body = " ".join(statements)
        self.declared = " ".join(f"int r{each};" for each in self.registers)

    def _new(self) -> str:
        self.registers.append(len(self.registers))
        return f"r{self.registers[-1]}"

    def _value(self) -> str:
        if self.registers and self.random.random() < 0.4:
            name = f"r{self.random.choice(self.registers)}"
            return self.random.choice((name, f"{name} + 1"))
        return str(self.random.randint(1, 2))

    def _statement(self, depth: int) -> str:
        place = self.random.choice(LOCATIONS)
        value = self._value()
        kind = self.random.randrange(12 if depth else 9)
        if kind < 3:
            return f"WRITE_ONCE(*{place}, {value});"
        if kind < 6:
            how = self.random.choice((f"READ_ONCE(*{place})", f"smp_load_acquire({place})"))
            return f"{self._new()} = {how};"
        if kind == 6:
            return self.random.choice(
                ("smp_mb();", "smp_wmb();", f"smp_store_release({place}, 1);")
            )
        if kind == 7:
            how = self.random.choice((f"xchg({place}, {value})", f"cmpxchg({place}, 0, {value})"))
            return f"{self._new()} = {how};"
        if kind == 8:
            return f"atomic_inc({place});"
        if not self.registers:
            return f"{self._new()} = READ_ONCE(*{place});"
        test = f"r{self.random.choice(self.registers)} == {self.random.randint(0, 1)}"
        other = f" else {{ {self._statement(0)} }}" if self.random.random() < 0.3 else ""
        return f"if ({test}) {{ {self._statement(0)} }}{other}"


def _condition(random: Random, names: list[str], depth: int) -> str:
    kind = random.randrange(8)
    if depth and kind < 5:
        parts = [_condition(random, names, depth - 1) for _ in range(random.randint(2, 3))]
        return "(" + random.choice((AND, AND, OR)).join(parts) + ")"
    if depth and kind == 5:
        return f"~({_condition(random, names, depth - 1)})"
    left, right = random.choice(names), random.choice("00112")
    registers = [name for name in names if ":" in name]
    if registers and random.random() < 0.15:
        right = random.choice(registers)
    return f"{left}={right}"


def _test(name: str, threads: list[str], parts: list[str], quantifier: str = "exists") -> str:
    return f"C {name}\n{{}}\n" + "\n".join(threads) + f"\n{quantifier} ({AND.join(parts)})\n"


def _thread(number: int, places: tuple[str, ...], body: str) -> str:
    return f"P{number}({', '.join(f'int *{place}' for place in places)}) {{ {body} }}"


def passing(
    threads: int, middle: str = "r = smp_load_acquire({a}); smp_store_release({b}, 1);"
) -> str:
    """A message goes from thread to thread; the last one sees the flag and not the message."""
    last = threads - 1
    bodies = [_thread(0, ("x", "y1"), "WRITE_ONCE(*x, 1); smp_store_release(y1, 1);")]
    for at in range(1, last):
        a, b = f"y{at}", f"y{at + 1}"
        bodies.append(_thread(at, (a, b), f"int r; {middle.format(a=a, b=b)}"))
    reads = f"int r; int s; r = smp_load_acquire(y{last}); s = READ_ONCE(*x);"
    bodies.append(_thread(last, (f"y{last}", "x"), reads))
    through = [f"{at}:r=1" for at in range(1, threads)]
    return _test("passing", bodies, [*through, f"{last}:s=0"])


def handed_on(threads: int) -> str:
    """The same where the flag's value is handed on, and only the last thread is asked about."""
    text = passing(threads, "r = READ_ONCE(*{a}); smp_store_release({b}, r);")
    last = threads - 1
    return text[: text.rindex("exists")] + f"exists ({last}:r=1 /\\ {last}:s=0)\n"


def guarded(threads: int) -> str:
    """The same where each thread writes only if it has read."""
    text = passing(threads, "r = smp_load_acquire({a}); if (r) {{ smp_store_release({b}, 1); }}")
    last = threads - 1
    return text[: text.rindex("exists")] + f"exists ({last}:r=1 /\\ {last}:s=0)\n"


def for_all(threads: int) -> str:
    """Message passing asked the other way round: a ``forall`` of alternatives."""
    text = passing(threads)
    some = [f"{at}:r=0" for at in range(1, threads)] + [f"{threads - 1}:s=1"]
    return text[: text.rindex("exists")] + f"forall ({OR.join(some)})\n"


def _ring(name: str, threads: int, body: str, part: str) -> str:
    bodies = []
    for at in range(threads):
        a, b = f"x{at}", f"x{(at + 1) % threads}"
        bodies.append(_thread(at, (a, b), body.format(a=a, b=b)))
    return _test(name, bodies, [part.format(at=at) for at in range(threads)])


def store_buffering(threads: int, fence: str = "smp_mb();") -> str:
    """Everybody writes, then reads what the next one writes."""
    body = f"int r; WRITE_ONCE(*{{a}}, 1); {fence} r = READ_ONCE(*{{b}});"
    return _ring("store-buffering", threads, body, "{at}:r=0")


def load_buffering(threads: int, fence: str = "smp_mb();") -> str:
    """Everybody reads, then writes what the next one reads."""
    body = f"int r; r = READ_ONCE(*{{a}}); {fence} WRITE_ONCE(*{{b}}, 1);"
    return _ring("load-buffering", threads, body, "{at}:r=1")


def write_ring(threads: int, fence: str = "smp_mb();") -> str:
    """Everybody writes here and at the next one's place, and every first write comes last."""
    return _ring(
        "writes", threads, f"WRITE_ONCE(*{{a}}, 2); {fence} WRITE_ONCE(*{{b}}, 1);", "x{at}=2"
    )


def sections(threads: int) -> str:
    """Critical sections and grace periods in turn, as a ring."""
    bodies = []
    for at in range(threads):
        a, b = f"x{at}", f"x{(at + 1) % threads}"
        access = (f"WRITE_ONCE(*{a}, 1);", f"r = READ_ONCE(*{b});")
        if at % 2:
            body = f"int r; {access[0]} synchronize_rcu(); {access[1]}"
        else:
            body = f"int r; rcu_read_lock(); {' '.join(access)} rcu_read_unlock();"
        bodies.append(_thread(at, (a, b), body))
    return _test("sections", bodies, [f"{at}:r=0" for at in range(threads)])


LONG = {
    "passing": (passing, "Never"),
    "handed-on": (handed_on, "Never"),
    "guarded": (guarded, "Never"),
    "for-all": (for_all, "Always"),
    "store-buffering": (store_buffering, "Never"),
    "store-buffering-relaxed": (lambda n: store_buffering(n, ""), "Sometimes"),
    "load-buffering": (load_buffering, "Never"),
    "load-buffering-relaxed": (lambda n: load_buffering(n, ""), "Sometimes"),
    "writes": (write_ring, "Never"),
    "writes-relaxed": (lambda n: write_ring(n, ""), "Sometimes"),
    "sections": (sections, "Never"),
}
"""Shapes by name, as functions of the number of threads, with the verdict under lkmm."""
