"""Mixed precision on a GPU that is only claimed: what is called when. What a GPU computes is not tested here."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import paddle
import pytest

from matting import weights
from matting.engines.dynamic import DynamicNetwork
from matting.evaluation.table import Evaluation
from matting.models.base import MattingModel
from matting.training.run import run_training
from test_training import options, values  # noqa: F401  (a fixture)


class Device:
    """Stands for a GPU's mixed precision, and notes what it is asked for."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.level: str | None = None
        self.decorated: list[dict[str, np.ndarray]] = []
        self.scored: list[str | None] = []
        patch.setattr(paddle, "get_device", lambda: "gpu:0")
        patch.setattr(paddle.amp, "decorate", self.decorate)
        patch.setattr(paddle.amp, "auto_cast", self.auto_cast)
        patch.setattr("matting.training.run._scorer", lambda *_: self.score)

    def decorate(self, network: paddle.nn.Layer, optimizer: Any, **how: object) -> tuple:
        assert how == {"level": "O2", "dtype": "bfloat16", "save_dtype": "float32"}
        assert not isinstance(network, paddle.DataParallel)
        self.decorated.append({key: value.numpy() for key, value in network.state_dict().items()})
        return network, optimizer

    @contextlib.contextmanager
    def auto_cast(self, level: str, dtype: str) -> Iterator[None]:
        assert dtype == "bfloat16"
        self.level = level
        yield
        self.level = None

    def score(self, _: int) -> Evaluation:
        self.scored.append(self.level)
        return Evaluation([], {"SAD": 1.0})


def test_o2_casts_what_was_loaded_and_scores_as_it_learns(
    tmp_path: Path,
    values: dict,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run_training({**values, "iters": 3}, options(tmp_path))
    device = Device(monkeypatch)
    mixed = options(tmp_path, precision="bf16", amp_level="O2")
    run_training({**values, "iters": 4}, mixed, validate=True, resume_from=tmp_path / "iter_3")
    assert len(device.decorated) == 1 and device.scored == ["O2", "O2"]  # what was left unscored, and the end
    for key, value in weights.read_weights(tmp_path / "iter_3").items():
        np.testing.assert_array_equal(device.decorated[0][key], value, err_msg=key)


def test_o1_leaves_the_weights_and_scores_in_full_precision(
    tmp_path: Path,
    values: dict,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    device = Device(monkeypatch)
    run_training({**values, "iters": 1}, options(tmp_path, precision="bf16"), validate=True)
    assert not device.decorated and device.scored == [None]


def test_a_matte_is_float32_whatever_the_network_computes_in() -> None:
    class Half(MattingModel):
        stride = smallest = 1

        def forward(self, image: paddle.Tensor) -> dict[str, paddle.Tensor]:
            return {"alpha": image.astype("bfloat16")}

    matte = DynamicNetwork(Half())(np.full((1, 1, 2, 2), 0.5, np.float32))["alpha"]
    assert matte.dtype == np.float32 and (matte == 0.5).all()
