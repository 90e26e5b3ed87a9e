"""The wheel works without the clone: installed elsewhere it finds its configurations and cuts out a picture."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import numpy as np
import pytest

import drawn
from matting.pictures.files import read_alpha
from matting.version import __version__
from tools import ROOT

PARTS = ("matting", "configs", "pyproject.toml", "setup.py", "README.md", "LICENSE")


def run(*command: object, cwd: Path, **more: str) -> str:
    """Run a command that must succeed, with nothing in the environment that leads to the clone; return its output."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")} | more
    done = subprocess.run(
        [*map(str, command)], cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of programs of a fresh environment in which the wheel is installed, beside nothing of the clone."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"  # a build leaves files, which belong neither into the clone nor into the next wheel
    for part in PARTS:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copyfile
        (source / part).parent.mkdir(parents=True, exist_ok=True)
        copy(ROOT / part, source / part)
    pip = [sys.executable, "-m", "pip"]
    run(*pip, "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index", "-w", folder, source, cwd=folder)
    (wheel,) = folder.glob("*.whl")
    shutil.rmtree(source)
    venv.create(folder / "venv", with_pip=False, symlinks=os.name != "nt")
    bin_folder = folder / "venv" / ("Scripts" if os.name == "nt" else "bin")
    run(*pip, "--python", bin_folder / "python", "install", "--quiet", "--no-deps", "--no-index", wheel, cwd=folder)
    # The packages that it requires are found where these tests run. A line of a .pth is a folder to search, whose own
    # .pth are not read: the one that leads to the clone is not.
    site = run(bin_folder / "python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder)
    here = sorted({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})
    (Path(site.strip()) / "required.pth").write_text("\n".join(here) + "\n", encoding="utf-8")
    return bin_folder


def test_it_is_the_installed_package_that_runs(programs: Path, tmp_path: Path) -> None:
    code = (
        "import json, sys, matting; from matting import config; "
        "print(json.dumps([matting.__file__, str(config.SHIPPED), [p for p in sys.path if p]]))"
    )
    file, shipped, searched = json.loads(run(programs / "python", "-c", code, cwd=tmp_path))
    site = Path(file).parents[1]
    assert programs.parent in site.parents and Path(shipped) == site / "matting/configs"
    assert not any(Path(folder).resolve() == ROOT for folder in searched)
    theirs, ours = ({path.relative_to(top) for path in top.rglob("*.yml")} for top in (Path(shipped), ROOT / "configs"))
    assert theirs == ours and len(ours) > 10
    data = {path.relative_to(ROOT / "matting") for path in (ROOT / "matting").rglob("*") if path.is_file()}
    lost = {path for path in data if "__pycache__" not in path.parts and not (site / "matting" / path).is_file()}
    assert not lost, "files of the package that setup.py forgets"
    assert not (site / "tests").exists() and not (site / "configs").exists() and not (site / "demo").exists()


def test_the_command(programs: Path, tmp_path: Path) -> None:
    listed = run(programs / "matting", "--help", cwd=tmp_path)
    commands = [line.split()[0] for line in listed.splitlines() if line.startswith("  ")]
    doors = {path.stem for path in (ROOT / "tools").glob("[a-z]*.py")}
    assert set(commands) == doors - {"demo"} | {"weights", "data"} and f"matting {__version__}" in listed
    assert "usage: matting make_trimap" in run(programs / "matting", "make_trimap", "--help", cwd=tmp_path)


def test_it_finds_a_configuration_by_name_and_cuts_out(programs: Path, trained: Path, tmp_path: Path) -> None:
    drawn.save(tmp_path / "in/photo.png", drawn.texture(40, 56))
    said = run(
        programs / "matting", "predict", "--config", "modnet/modnet-mobilenetv2", "--engine", "dynamic",
        "--model_path", trained / "run/best_model/model.pdparams", "--image_path", "in", "--save_dir", "out",
        "--opts", "model.hr_channels=8", "val_dataset.transforms.0.short_size=32",
        cwd=tmp_path, MATTING_CACHE=str(tmp_path / "cache"),
    )  # fmt: skip
    assert "1 of 1 pictures cut out" in said
    alpha = read_alpha(tmp_path / "out/photo_alpha.png")
    assert alpha.shape == (40, 56) and np.isfinite(alpha).all() and (tmp_path / "out/photo_rgba.png").is_file()


@pytest.mark.parametrize("path", sorted((ROOT / "matting").rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_messages_name_commands_and_no_file_of_the_clone(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    bare = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}  # docstrings
    said = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in bare]
    assert not [text for text in said if isinstance(text, str) and "tools/" in text]
