"""What tests share: a cache that no user sees, and a folder in which a network was trained."""

from __future__ import annotations

from pathlib import Path

import pytest

import drawn
from test_training import CONFIG
from tools import run_tool


@pytest.fixture(autouse=True, scope="session")
def own_cache(tmp_path_factory: pytest.TempPathFactory):
    """Keep exports and downloads in a folder that the session shares and that no other run sees."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MATTING_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data, a configuration and a network that trained a few iterations."""
    folder = tmp_path_factory.mktemp("trained")
    drawn.dataset(folder / "data", count=3)
    (folder / "config.yml").write_text(CONFIG.format(root=folder / "data"), encoding="utf-8")
    outcome = run_tool(
        "train", "--config", folder / "config.yml", "--save_dir", folder / "run", "--iters", 2, "--do_eval",
        "--save_interval", 1, "--keep_checkpoint_max", 1, "--log_iters", 1, "--metrics", "MAD", "SAD",
    )  # fmt: skip
    assert outcome.status == 0, outcome.error
    return folder
