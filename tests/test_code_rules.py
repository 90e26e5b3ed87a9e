"""Rules that the code keeps besides its layers: first sentences, nothing that runs what it reads, a hashed lock."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools import ROOT

FILES = sorted(path for folder in ("matting", "tools", "benchmarks", "demo") for path in (ROOT / folder).rglob("*.py"))
RUNS_WHAT_IT_READS = {
    "eval", "exec", "compile", "pickle.load", "pickle.loads", "marshal.loads", "shelve.open", "os.system", "os.popen",
    "yaml.unsafe_load", "yaml.full_load", "paddle.load", "torch.load", "joblib.load", "dill.load",
    "ForkingPickler.loads",
}  # fmt: skip

READ_NO_NAMES = {"devices.py", "network.py", "headers.py", "packages.py"}
"""Files that cut up an error's text or what the system tells. Lists are read by `matting.system.lines`."""


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def calls(path: Path) -> Iterator[ast.Call]:
    yield from (node for node in ast.walk(tree(path)) if isinstance(node, ast.Call))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_keeps_the_rules(path: Path) -> None:
    name = str(path.relative_to(ROOT))
    told = ast.get_docstring(tree(path))
    assert told and re.match(r".+?[.:!]?( |\n|$)", told), f"{name} does not say what it is responsible for"
    for call in calls(path):
        called = ast.unparse(call.func)
        between_processes = (name, called) == ("matting/system/processes.py", "ForkingPickler.loads")
        assert called not in RUNS_WHAT_IT_READS or between_processes, f"{name}: {ast.unparse(call)}"
        if called in ("np.load", "numpy.load"):
            assert "allow_pickle=False" in ast.unparse(call), f"{name}: {ast.unparse(call)}"
        if called.split(".")[-1] in ("splitlines", "readlines"):
            told = f"{name}: {ast.unparse(call)} cuts names in two at U+2028; read lists by matting.system.lines"
            assert path.name in READ_NO_NAMES or name.startswith("benchmarks/"), told
        assert "shell=True" not in ast.unparse(call), f"{name} runs a shell"


def test_the_lock_has_hashes_and_names_no_index() -> None:
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    blocks = re.findall(r"^([A-Za-z0-9_.\[\]-]+==[^\n]*(?:\n    --hash[^\n]*)*)", text, re.M)
    assert len(blocks) > 50 and all("--hash=sha256:" in block for block in blocks)
    # A stand-in, and an interface that FastAPI asks for: without the SDK behind it there is nothing that reports.
    harmless = r"^(\./vendor/openvino_telemetry-2026\.0\+nothing-|opentelemetry-api==|    #)[^\n]*"
    assert "telemetry" not in re.sub(harmless, "", text, flags=re.M), "overrides.txt drops what reports about users"
    assert not re.search(r"https?://|--(extra-)?index-url|--find-links", text)
