"""Captures of earlier versions of the format are read as they were written.

``tests/data`` has files of version 1, compressed, as recorders wrote them then. What they hold is
told by what fired, so that nothing here depends on how it is read.
"""

import gzip
from pathlib import Path

import pytest

import kit

pytest.importorskip("pandas", exc_type=ImportError)

DATA = Path(__file__).parents[1] / "data"


@pytest.fixture
def opened(tmp_path):
    """Open one of them."""

    def open_one(name):
        path = tmp_path / f"{name}.kit"
        path.write_bytes(gzip.decompress((DATA / f"version-1-{name}.kit.gz").read_bytes()))
        found = kit.open(path)
        assert "damaged" not in found.attrs
        return found

    return open_one


def orders(numbers):
    return [(n, n / 4, n % 2 == 0, "text " * (n % 9), f"v{n % 3}") for n in numbers]


def rows(frame):
    columns = frame[["n", "price", "ok", "note", "venue"]]
    return [tuple(row) for row in columns.itertuples(index=False)]


def of(frame, name):
    """The events of the thread of that name."""
    (tid,) = (int(tid) for tid, each in frame.attrs["threads"].items() if each == name)
    return frame[frame["tid"] == tid]


@pytest.mark.parametrize("name", ["discard", "twin-discard"])
def test_text_misfits_and_what_is_lost(opened, name):
    """50 events of three threads; the last 15 of 65 found no room."""
    file = opened(name)
    frame = file.frame("old.order")
    assert rows(of(frame, "first")) == orders(range(100, 110))
    assert rows(of(frame, "zweiter ü")) == orders(range(200, 210))
    main = of(frame, "MainThread")
    assert rows(main)[:10] == orders(range(10))
    none, odd = rows(main)[10:12]
    assert none[1] == 2.0**80
    assert none[3] == "lone \\udc80 surrogate"
    assert [str(none[place]) for place in (0, 2, 4)] == ["<NA>", "<NA>", "nan"]
    assert str(odd[0]) == "<NA>"
    assert odd[1:] == (1.0, True, "x" * 65_536, "nul \0 inside")
    assert rows(main)[12:] == [(n, 0.0, False, "", "late") for n in range(15)]
    assert set(frame["process"]) == {file.attrs["pid"]}
    assert frame.attrs["misfits"] == {"old.order": {"n": 1, "ok": 1}}
    assert frame.attrs["cut"] == {"old.order": {"note": 1}}
    spans = file.frame("old.work")
    assert spans["size"].tolist() == [3, 4]
    assert spans["error"].astype(object).fillna("").tolist() == ["", "KeyError"]
    assert (spans["dur"].astype("int64") > 0).all()
    assert len(file.frame("old.quiet")) == 1
    assert (len(file), file.lost, file.overwritten) == (50, 15, 0)
    assert file.attrs["stopped"] > file.attrs["started"]


@pytest.mark.parametrize(("name", "first"), [("overwrite", 88), ("twin-overwrite", 92)])
def test_what_gave_way(opened, name, first):
    """157 of two threads and one that was too long; what gave way is the main thread's."""
    file = opened(name)
    frame = file.frame()
    main, other = of(frame, "MainThread"), of(frame, "first")
    assert main["seq"].tolist() == list(range(first, 107))
    assert rows(main[main["n"].notna()]) == orders(n for n in range(first, 107) if n % 3)
    assert rows(other[other["n"].notna()]) == orders(n for n in range(1000, 1050) if n % 3)
    assert len(other) == 50
    orders_gone = len([n for n in range(first) if n % 3])
    (tid,) = main["tid"].unique()
    assert frame.attrs["lost"] == {str(tid): {"old.order": 1}}
    assert frame.attrs["overwritten"] == {
        str(tid): {"old.order": orders_gone, "old.quiet": first - orders_gone}
    }


def test_it_was_finished_and_went_on_in_the_next(opened):
    """34 events in the one, and those after them in the other."""
    one, two = opened("finished"), opened("next")
    assert rows(one.frame()) == orders(n for n in range(1, 51) if n % 3)
    assert rows(two.frame()) == orders(n for n in range(51, 61) if n % 3)
    assert one.frame()["seq"].tolist() == list(range(34))
    assert two.frame()["seq"].tolist() == list(range(34, 40))
    assert one.attrs["stopped"] <= two.attrs["started"]
    assert (one.lost, two.lost, one.overwritten, two.overwritten) == (0, 0, 0, 0)


def test_its_program_was_killed(opened):
    file = opened("killed")
    frame = file.frame("old.killed")
    assert frame["n"].tolist() == list(range(30))
    assert frame["s"].tolist() == ["text" * n for n in range(30)]
    assert file.attrs["stopped"] is None
