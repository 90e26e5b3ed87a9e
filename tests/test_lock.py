"""The lock holds all that its packages require, for every platform and Python, and stand-ins for what is not wanted."""

from __future__ import annotations

import hashlib
import re
import runpy
import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from tools import ROOT

PYTHONS = ("3.11", "3.12", "3.13")
PLATFORMS = (("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "arm64"), ("win32", "AMD64"))
VENDOR = runpy.run_path(str(ROOT / "vendor/build.py"))
LINE = re.compile(
    r"^(?:\./vendor/)?([A-Za-z0-9._]+(?:-[a-z]+)*)(?:==|-)([^\s;]+?)(?:-py3-none-any\.whl)?(?: ; (.+?))? \\$", re.M
)


def environment(python: str, system: str, machine: str) -> dict[str, str]:
    return {
        "python_version": python, "python_full_version": f"{python}.7", "sys_platform": system,
        "platform_machine": machine, "os_name": "nt" if system == "win32" else "posix",
        "platform_system": {"win32": "Windows", "darwin": "Darwin"}.get(system, "Linux"),
        "implementation_name": "cpython", "platform_python_implementation": "CPython", "extra": "",
    }  # fmt: skip


def locked(where: dict[str, str]) -> dict[str, Version]:
    """Return what the lock installs somewhere."""
    lines = LINE.findall((ROOT / "requirements.txt").read_text(encoding="utf-8"))
    return {canonicalize_name(name): Version(version) for name, version, marker in lines
            if not marker or Marker(marker).evaluate(where)}  # fmt: skip


@pytest.mark.parametrize("platform", PLATFORMS, ids="-".join)
@pytest.mark.parametrize("python", PYTHONS)
def test_the_lock_is_whole(python: str, platform: tuple[str, str]) -> None:
    """So `pip install -r requirements.txt` finds an answer, as far as the metadata of the installed packages tell."""
    where = environment(python, *platform)
    packages = locked(where)
    missing = []
    for name in packages:
        try:
            requires = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue  # of another platform
        for requirement in map(Requirement, requires):
            if requirement.marker is None or requirement.marker.evaluate(where):
                version = packages.get(canonicalize_name(requirement.name))
                if version is None or not requirement.specifier.contains(version, prereleases=True):
                    missing.append(f"{name} requires {requirement}, and the lock has {version}")
    assert not missing and len(packages) > 80


@pytest.mark.parametrize("platform", PLATFORMS, ids="-".join)
@pytest.mark.parametrize("python", PYTHONS)
def test_what_has_no_wheel_is_left_out(python: str, platform: tuple[str, str]) -> None:
    packages = locked(environment(python, *platform))
    assert ("paddlepaddle" in packages) == (platform != ("linux", "aarch64"))
    assert ("onnx" in packages) == ("paddle2onnx" in packages) == (python != "3.13")
    assert {"opencv-python-headless", "onnxruntime", "openvino", "paddleseg", "filelock"} <= packages.keys()


def test_pythons_agree() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    admitted = [minor for minor in range(30) if SpecifierSet(project["requires-python"]).contains(f"3.{minor}.0")]
    assert [f"3.{minor}" for minor in admitted] == list(PYTHONS)
    assert f"PYTHONS := {' '.join(PYTHONS)}\n" in (ROOT / "Makefile").read_text(encoding="utf-8")


def test_make_refuses_another_python(tmp_path: Path) -> None:
    old = tmp_path / "python3.10"
    old.write_text(f"#!{sys.executable}\nimport sys; sys.version_info = (3, 10, 4); exec(sys.argv[2])\n")
    old.chmod(0o755)
    for name in ("Makefile", "requirements.txt"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    ended = subprocess.run(
        ["make", "-C", str(tmp_path), f"PYTHON={old}", ".venv/installed"], capture_output=True, text=True, timeout=60
    )
    assert ended.returncode and ended.stderr.count("error:") == 1 and "none of Python 3.11 3.12 3.13" in ended.stderr
    assert not (tmp_path / ".venv").exists() and "Traceback" not in ended.stderr


@pytest.mark.parametrize(("name", "version"), VENDOR["STAND_INS"], ids=lambda part: part)
def test_a_stand_in_holds_nothing_and_is_what_its_builder_makes(name: str, version: str, tmp_path: Path) -> None:
    wheel = VENDOR["build"](name, version, VENDOR["STAND_INS"][name, version], tmp_path)
    assert wheel.read_bytes() == (ROOT / "vendor" / wheel.name).read_bytes(), "run make lock"
    with zipfile.ZipFile(wheel) as archive:
        assert archive.testzip() is None
        assert all(path.split("/")[0].endswith(".dist-info") for path in archive.namelist())
    lock = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    assert re.search(rf"^\./vendor/{re.escape(wheel.name)}[^\n]*\\\n    --hash=sha256:{digest}$", lock, re.M)
    assert not re.search(rf"^{name}==", lock, re.M), "the real one would take its place"
