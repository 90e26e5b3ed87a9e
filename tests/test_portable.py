"""Nothing assumes Linux: what only some systems have is asked for in one place, which does without it."""

from __future__ import annotations

import ast
import errno
import os
import pathlib
import subprocess
import sys
from pathlib import Path

import filelock
import pytest

import drawn
from matting.system import atomic, cpu, filling, locks, memory, private
from tools import ROOT

FILES = sorted(path for folder in ("matting", "tools", "demo") for path in (ROOT / folder).rglob("*.py"))
OF_SOME_SYSTEMS = {
    "fcntl", "resource", "pwd", "grp", "termios", "os.fork", "os.uname", "os.getuid", "os.geteuid", "os.getloadavg",
    "os.sched_getaffinity", "os.O_NOFOLLOW", "os.O_DIRECTORY", "os.O_CLOEXEC", "os.statvfs", "os.mkfifo", "os.killpg",
    "signal.SIGKILL", "signal.SIGHUP", "signal.SIGXFSZ", "signal.SIGUSR1", "signal.alarm", "ctypes.CDLL",
}  # fmt: skip
HOMES = {"cpu.py", "groups.py", "machine.py", "memory.py", "private.py"}
"""Files of `matting/system` that ask whether it is there; so does `getattr(os, NAME, 0)` anywhere."""


def names(path: Path) -> set[str]:
    """Return the modules that a file imports, what it takes from modules by a dot, and files of /proc that it names."""
    used: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            used |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            used |= {str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Attribute):
            used.add(ast.unparse(node))
        elif isinstance(node, ast.Constant) and str(node.value).startswith("/proc/"):
            used.add("/proc")
    return used


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_only_some_systems_have_is_used_in_its_home(path: Path) -> None:
    foreign = names(path) & (OF_SOME_SYSTEMS | {"/proc"})
    assert not foreign or (path.parent.name == "system" and path.name in HOMES), f"{path}: {foreign}"


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """A system without what Linux has: affinity, users, flags of open, /proc, `resource`, glibc, locks on files."""
    for name in ("sched_getaffinity", "geteuid", "getuid", "O_NOFOLLOW", "O_DIRECTORY"):
        monkeypatch.delattr(os, name, raising=False)
    for name in ("resource", "fcntl"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setattr(cpu.platform, "libc_ver", lambda: ("", ""))

    class Path(type(pathlib.Path())):  # type: ignore[misc]
        def read_text(self, *arguments: object, **more: object) -> str:
            if str(self).startswith("/proc"):
                raise FileNotFoundError(errno.ENOENT, "no such file", str(self))
            return super().read_text(*arguments, **more)

    monkeypatch.setattr(cpu, "Path", Path)
    monkeypatch.setattr(memory, "Path", Path)


def no_locks(*_: object, **__: object) -> bool:
    raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))


@pytest.mark.usefixtures("elsewhere")
def test_processor_and_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert cpu.cores() == 6 and cpu.tune() is False
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert cpu.cores() == 1
    assert cpu.name() == cpu.platform.machine() != ""
    assert memory.peak() is None


def test_processor_and_memory_here() -> None:
    assert 1 <= cpu.cores() <= (os.cpu_count() or 1)
    assert cpu.name()
    assert (memory.peak() or 0) > 10_000_000


@pytest.mark.parametrize(("system", "unit"), [("darwin", 1), ("freebsd14", 1024)])
def test_units_of_peak_memory(monkeypatch: pytest.MonkeyPatch, elsewhere: None, system: str, unit: int) -> None:
    resource = type(sys)("resource")
    resource.RUSAGE_SELF = 0  # type: ignore[attr-defined]
    resource.getrusage = lambda _: type("usage", (), {"ru_maxrss": 5000})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "resource", resource)
    monkeypatch.setattr(sys, "platform", system)
    assert memory.peak() == 5000 * unit


@pytest.mark.usefixtures("elsewhere")
def test_files_locks_and_folders(tmp_path: Path) -> None:
    with locks.locked(tmp_path / "cache/.lock") as lock:
        lock.write(b"note")
        with locks.unless_held(tmp_path / "cache/.lock") as free:
            assert not free
    with locks.unless_held(tmp_path / "cache/.lock") as free:
        assert free
    assert (tmp_path / "cache/.lock").read_bytes() == b"note"
    assert private.check(tmp_path) == tmp_path
    with filling.filling(tmp_path / "folder") as folder:
        (folder / "file").touch()
        folder.rename(tmp_path / "folder")
    atomic.write_text(tmp_path / "text", "words")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache", "folder", "text"]


def test_where_nothing_can_be_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work goes on; only what another process may hold is not removed."""
    monkeypatch.setattr(filelock, "lock_descriptor", no_locks)
    with locks.locked(tmp_path / ".lock") as lock:
        lock.write(b"note")
    with locks.unless_held(tmp_path / ".lock") as free:
        assert not free
    (tmp_path / ".folder.of-another.part").mkdir()
    with filling.filling(tmp_path / "folder") as folder:
        folder.rename(tmp_path / "folder")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".folder.of-another.part", ".lock", "folder"]


def test_an_error_inside_is_not_taken_for_a_held_lock(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), locks.unless_held(tmp_path / ".lock"):
        (tmp_path / "gone").unlink()
    (tmp_path / ".link").symlink_to(tmp_path / ".lock")
    with locks.unless_held(tmp_path / ".link") as free:
        assert not free


def test_without_paddle_one_sentence_says_so(trained: Path, tmp_path: Path) -> None:
    """Linux on Arm has none; the import is refused in a process of its own, as modules may be loaded here."""
    drawn.save(tmp_path / "in/photo.png", drawn.texture(40, 40))
    program = "import sys; sys.modules['paddle'] = None; from matting.__main__ import main; main()"
    for engine in ("dynamic", "auto"):
        done = subprocess.run(
            [
                sys.executable, "-c", program, "predict", "--model_path", trained / "run/best_model",
                "--engine", engine, "--image_path", tmp_path / "in", "--save_dir", tmp_path / "out",
            ],
            cwd=ROOT, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode == 1 and "error: this needs paddlepaddle" in done.stderr, done.stderr
        assert "Traceback" not in done.stderr
