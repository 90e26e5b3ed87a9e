"""Whole files or none: what is left after errors in the block, and what an unwritable place says."""

from __future__ import annotations

from pathlib import Path

import pytest

from matting.errors import MattingError
from matting.system import atomic


def test_a_file_comes_with_its_folders(tmp_path: Path) -> None:
    atomic.write_text(tmp_path / "a/b/名.txt", "头发")
    assert (tmp_path / "a/b/名.txt").read_text(encoding="utf-8") == "头发"
    assert [path.name for path in (tmp_path / "a/b").iterdir()] == ["名.txt"]


def test_an_error_in_the_middle_keeps_the_older_file(tmp_path: Path) -> None:
    target = tmp_path / "matte.png"
    target.write_bytes(b"older")
    with pytest.raises(ZeroDivisionError), atomic.replacing(target) as beside:
        beside.write_bytes(b"half")
        raise ZeroDivisionError
    assert target.read_bytes() == b"older"
    assert list(tmp_path.iterdir()) == [target]


def test_a_full_disk_is_one_sentence(tmp_path: Path) -> None:
    with (
        pytest.raises(MattingError, match=r"matte\.png cannot be written: No space left.*make room"),
        atomic.replacing(tmp_path / "matte.png") as beside,
    ):
        beside.write_bytes(b"half")
        raise OSError(28, "No space left on device")
    assert list(tmp_path.iterdir()) == []


def test_a_file_where_a_folder_should_be_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "output").write_bytes(b"")
    with pytest.raises(MattingError, match="choose another folder"):
        atomic.write_bytes(tmp_path / "output/matte.png", b"x")
