"""Nothing is sent to anybody: no job reaches beyond this machine, or leaves a file in the home folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import drawn
from test_training import CONFIG
from tools import ROOT

WATCH = """
import os, sys

def watch(event, arguments):
    if event in ("socket.connect", "socket.sendto"):
        address = arguments[1]
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        address = arguments[:1]
    else:
        return
    if isinstance(address, tuple) and str(address[0]) not in ("127.0.0.1", "::1", "localhost", "None", ""):
        with open(os.environ["WATCH_LOG"], "a") as log:
            log.write(f"{event} {address}\\n")
        raise PermissionError(f"{event} {address}")

sys.addaudithook(watch)
"""
"""As `sitecustomize` it runs in every process of Python, before anything else."""

JOBS = """
import runpy, sys
sys.path.insert(0, "tools")
for line in sys.stdin.read().splitlines():
    sys.argv = line.split("\\t")
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
    except SystemExit as end:
        assert not end.code, line
print("all done")
"""


def test_no_job_reaches_out_or_leaves_an_identity(tmp_path: Path) -> None:
    drawn.dataset(tmp_path / "data", count=2)
    given = tmp_path / "config.yml"
    given.write_text(CONFIG.format(root=tmp_path / "data"), encoding="utf-8")
    weights = ("--config", given, "--model_path", tmp_path / "run/best_model")
    photos = ("--image_path", tmp_path / "data/train/fg", "--save_dir", tmp_path / "results", "--save", "alpha")
    jobs = [
        ("train", "--config", given, "--save_dir", tmp_path / "run", "--iters", 1, "--do_eval", "--use_vdl"),
        ("val", *weights, "--save_dir", tmp_path / "scores"),
        ("predict", *weights, *photos),
        ("predict", *weights, *photos, "--engine", "dynamic"),
        ("export", *weights, "--save_dir", tmp_path / "export"),
        *(
            ("predict", "--model_path", tmp_path / "export", *photos, "--engine", engine)
            for engine in ("openvino", "onnxruntime", "paddle")
        ),
    ]
    (tmp_path / "home").mkdir()
    (tmp_path / "sitecustomize.py").write_text(WATCH)
    # Nothing that may have been set to keep other programs quiet: a user has none of it.
    surroundings = {key: value for key, value in os.environ.items() if key in ("PATH", "OMP_NUM_THREADS", "LANG")}
    surroundings |= {"HOME": str(tmp_path / "home"), "MATTING_CACHE": str(tmp_path / "cache")}
    surroundings |= {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}", "WATCH_LOG": str(tmp_path / "reached")}
    run = subprocess.run(
        [sys.executable, "-c", JOBS], cwd=ROOT, env=surroundings, capture_output=True, text=True, timeout=300,
        input="\n".join("\t".join([f"tools/{name}.py", *map(str, arguments)]) for name, *arguments in jobs),
    )  # fmt: skip
    assert run.returncode == 0 and run.stdout.endswith("all done\n"), run.stdout + run.stderr
    assert not (tmp_path / "reached").exists(), (tmp_path / "reached").read_text()
    left = {str(path.relative_to(tmp_path / "home")): path for path in (tmp_path / "home").rglob("*") if path.is_file()}
    # The address that VisualDL's own `service upload` would use, the same for everybody: no identity.
    uploads = left.pop(".visualdl/conf/config.json")
    assert json.loads(uploads.read_text()).keys() == {"server_url"}
    assert not left, left
