"""The cache is the user's alone, and opening a lock changes nothing but the lock."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from matting.errors import MattingError
from matting.system import private
from matting.system.locks import locked
from matting.weights import download


def test_a_lock_is_not_opened_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "diary.txt").write_text("years of work")
    (tmp_path / "cache").mkdir(mode=0o700)
    (tmp_path / "cache/.lock").symlink_to(tmp_path / "diary.txt")
    with pytest.raises(MattingError, match="is a link"), locked(tmp_path / "cache/.lock"):
        pass
    assert (tmp_path / "diary.txt").read_text() == "years of work"


def test_a_lock_is_not_emptied(tmp_path: Path) -> None:
    (tmp_path / ".lock").write_text("a note")
    with locked(tmp_path / ".lock") as lock:
        assert lock.read() == b"a note"
    assert (tmp_path / ".lock").read_text() == "a note"


def test_a_new_cache_is_the_users_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with locked(tmp_path / "new/cache/exports/.lock"):
            pass
    finally:
        os.umask(before)
    for path in ("new", "new/cache", "new/cache/exports"):
        assert stat.S_IMODE((tmp_path / path).stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "new/cache/exports/.lock").stat().st_mode) == 0o600


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o1777, 0o702])
def test_a_cache_that_others_can_write_to_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int
) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache").chmod(mode)
    monkeypatch.setenv("MATTING_CACHE", str(tmp_path / "cache"))
    with pytest.raises(MattingError, match="others can write to it; chmod go-w .* set MATTING_CACHE"):
        download.cache_dir()
    with pytest.raises(MattingError, match="others can write"), locked(tmp_path / "cache/.lock"):
        pass
    (tmp_path / "cache").chmod(0o755)
    assert download.cache_dir() == tmp_path / "cache"


def test_a_cache_of_somebody_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cache").mkdir(mode=0o700)
    owner = os.geteuid()
    if owner == 0:
        owner = 12345
        os.chown(tmp_path / "cache", owner, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    with pytest.raises(MattingError, match=f"it belongs to user {owner}"):
        private.check(tmp_path / "cache")
