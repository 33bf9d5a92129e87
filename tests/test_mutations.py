"""``python -m tests.mutations``, in short, and that it finds what it is there to find."""

import random
import zlib

import pytest

pytest.importorskip("pandas", exc_type=ImportError)

from kit.frames import _opening as opening
from kit.probes.captures import _reader as capture_reading
from tests import mutations


@pytest.mark.parametrize("kind", mutations.KINDS)
def test_no_change_of_a_file_is_more_than_an_error(kind, tmp_path):
    """Seen to fail, for stopped files, with a reader that does not look at the seals."""
    outcomes, _ = mutations.mutations(kind, 60, 3, tmp_path)
    assert outcomes.total() == 60
    assert outcomes["error"] + outcomes["counted"] > 10
    if kind in ("stopped", "live"):  # which have room that nobody uses
        assert outcomes["no effect"] > 0


def test_an_exception_that_is_not_the_kit_s_is_found_and_its_case_kept(tmp_path, monkeypatch):
    def careless(*_):
        raise KeyError("manifest")

    samples = mutations.samples("parquet", tmp_path)
    monkeypatch.setattr(mutations, "samples", lambda *_: samples)
    monkeypatch.setattr(opening, "open_file", careless)
    keep = tmp_path / "kept"
    keep.mkdir()
    with pytest.raises(AssertionError, match="KeyError: 'manifest'; case 0 of parquet, seed 1"):
        mutations.mutations("parquet", 5, 1, keep)
    assert [each.name for each in keep.iterdir()] == ["parquet-1-0"]


def test_a_silent_change_of_a_sealed_piece_is_found(tmp_path, monkeypatch):
    """Here by a reader to which every checksum is the same."""
    samples = mutations.samples("stopped", tmp_path)
    monkeypatch.setattr(mutations, "samples", lambda *_: samples)
    monkeypatch.setattr(capture_reading, "zlib", Same)
    with pytest.raises(AssertionError, match="silent, in sealed pieces"):
        mutations.mutations("stopped", 300, 1, tmp_path)


class Same:
    """A checksum that equals any other."""

    class Any(int):
        def __eq__(self, other):
            return True

        def __ne__(self, other):
            return False

        __hash__ = int.__hash__

    @staticmethod
    def crc32(data, start=0):
        return Same.Any(zlib.crc32(data, int(start)))


def test_a_slow_case_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr(mutations, "MOST_SECONDS", -1.0)
    with pytest.raises(AssertionError, match="opening took"):
        mutations.mutations("live", 1, 1, tmp_path)


def test_a_case_that_takes_memory_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr(mutations, "MOST_BYTES", 1000)
    with pytest.raises(AssertionError, match=r"opening took [0-9,]+ bytes"):
        mutations.mutations("live", 1, 1, tmp_path)


def test_the_command_prints_counts_and_the_seed(capsys):
    assert mutations.main(["5", "--seed", "7", "--kind", "parquet"]) == 0
    printed = capsys.readouterr().out
    assert "5 mutations a kind, seed 7" in printed
    assert "parquet: " in printed
    assert "silent" in printed


@pytest.mark.parametrize("way", mutations.WAYS)
@pytest.mark.parametrize("size", [1, 5, 23, 24, 100])
def test_what_is_hardly_there_any_more_can_be_changed(way, size):
    """Seen to fail where two pieces were looked for behind a header that had been cut off."""
    way(bytearray(size), random.Random(0))
