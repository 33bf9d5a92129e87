"""Folders that are made for files."""

import pytest

from kit.probes import _files as files


def test_where_no_folder_can_be_made_the_system_says_so_at_once(tmp_path, monkeypatch):
    """Seen to fail where making its parent is tried again and again."""
    refused = []

    def refuse(path, mode):
        refused.append(path)
        assert len(refused) < 10, "a RecursionError, which takes minutes to be written out"
        raise FileNotFoundError(2, "No such file or directory", str(path))

    monkeypatch.setattr(type(tmp_path), "mkdir", refuse)
    with pytest.raises(FileNotFoundError):
        files.make_folder(tmp_path / "a" / "b")
    assert refused == [tmp_path / "a" / "b", tmp_path / "a"]
