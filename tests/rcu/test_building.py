"""Litmus tests written in Python."""

import pytest

from kit import rcu
from kit.errors import LitmusError
from kit.rcu.kernel import (
    atomic_fetch_add,
    cmpxchg,
    rcu_assign_pointer,
    rcu_dereference,
    rcu_read_lock,
    rcu_read_unlock,
    read,
    read_once,
    smp_mb,
    spin_lock,
    spin_unlock,
    srcu_read_lock,
    srcu_read_unlock,
    synchronize_rcu,
    synchronize_srcu,
    write,
    write_once,
    xchg,
)


def test_the_python_form_is_the_c_form() -> None:
    with rcu.litmus("free") as free:
        array, kind = free.shared(array=1, kind=1)
        (multi,) = free.shared(multi=array)
        with free.thread():
            write_once(kind, 0)
            synchronize_rcu()
            write_once(array, 99)
        with free.thread():
            rcu_read_lock()
            seen = read_once(kind)
            with rcu.when(seen == 1):
                pointer = rcu_dereference(multi)
                value = read_once(pointer)
            rcu_read_unlock()
        free.exists((seen == 1) & (value == 99))
    assert rcu.judge(free.test).verdict == "Never"
    assert "if (r0 == 1) {\n\t\tr1 = rcu_dereference(*multi);" in free.source
    assert rcu.judge(rcu.parse(free.source)) == rcu.judge(free.test)


def test_more_of_the_primitives() -> None:
    with rcu.litmus("many") as many:
        x, lock, domain = many.shared("x", "lock", "domain")
        (p,) = many.shared(p=x)
        with many.thread():
            spin_lock(lock)
            before = read(x)
            write(x, before + 1)
            spin_unlock(lock)
            smp_mb()
            old = xchg(x, 5)
            new = atomic_fetch_add(2, x)
            rcu_assign_pointer(p, x)
            last = cmpxchg(x, 7, (new * 2) - (old ^ 1))
            index = srcu_read_lock(domain)
            srcu_read_unlock(domain, index)
            synchronize_srcu(domain)
            with rcu.when((last != 7) | (last > 8)):
                write_once(x, 0)
            with rcu.otherwise():
                write_once(x, (last & 3) | 8)
        many.forall((x == 11) & ~(before == 1) & (p == x) & (old != 3))
    assert rcu.judge(many.test).verdict == "Always"


def test_a_register_of_another_thread_can_be_compared_with() -> None:
    with rcu.litmus("same") as same:
        (x,) = same.shared("x")
        with same.thread():
            first = read_once(x)
        with same.thread():
            second = read_once(x)
        same.never(first != second)
    assert rcu.judge(same.test).holds


def test_misuse_is_refused_with_the_remedy() -> None:
    with pytest.raises(LitmusError, match=r"start with `with rcu\.litmus"):
        smp_mb()
    with rcu.litmus("t") as test:
        (x,) = test.shared("x")
        with pytest.raises(LitmusError, match="belongs into a thread"):
            write_once(x, 1)
        with pytest.raises(LitmusError, match="asks nothing"):
            _ = test.test
        with pytest.raises(LitmusError, match="no name for a location"):
            test.shared("x y")
        with pytest.raises(LitmusError, match="still open"), rcu.litmus("u"):
            pass
        with test.thread():
            value = read_once(x)
            with pytest.raises(LitmusError, match="use `with when"):
                bool(value)
            with pytest.raises(LitmusError, match=r"and & \| ~ rather"):
                bool(value == 1)
            with pytest.raises(LitmusError, match="not str"):
                write_once(x, "1")
            with pytest.raises(LitmusError, match="inside another"), test.thread():
                pass
        with pytest.raises(LitmusError, match="by == and !="):
            test.exists(value > 1)
    with pytest.raises(LitmusError, match="start with"):
        read_once(x)


def test_a_test_that_fails_half_way_is_closed() -> None:
    with pytest.raises(ZeroDivisionError), rcu.litmus("broken"):
        1 / 0  # noqa: B018
    with rcu.litmus("next") as test:
        test.shared("x")


def test_a_matrix_of_both_forms() -> None:
    with rcu.litmus("one") as one:
        (x,) = one.shared("x")
        with one.thread():
            write_once(x, 1)
        one.exists(x == 1)
    table = rcu.matrix([one, "C two {} P0(int *x) { } exists (x=1)"])
    assert table.models == ("sc", "tso", "alpha", "lkmm")
    assert [row.test for row in table.rows] == ["one", "two"]
    assert table["two", "tso"].verdict == "Never"
    with pytest.raises(KeyError):
        table["three", "tso"]
    assert repr(table).splitlines()[1].split() == ["one", *["Always"] * 4]
    frame = table.frame()
    assert frame.loc["one", "lkmm"] == "Always"
    assert list(frame.columns) == list(table.models)
