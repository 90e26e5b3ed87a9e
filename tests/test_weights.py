"""Files of weights: exact round trips, nothing run, nothing loaded silently."""

from __future__ import annotations

import io
import os
import pickle
import tarfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest

from matting import weights
from matting.errors import MattingError


class Layer:
    """A stand-in for a network with two parameters."""

    ignored_keys = ("constant",)

    def __init__(self) -> None:
        self.values = {"conv.weight": np.zeros((2, 3)), "conv.bias": np.zeros(2)}

    def state_dict(self) -> dict[str, np.ndarray]:
        return self.values

    def set_state_dict(self, state_dict: dict[str, np.ndarray]) -> None:
        self.values |= {key: value for key, value in state_dict.items() if key in self.values}


def good() -> dict[str, np.ndarray]:
    return {"conv.weight": np.arange(6.0).reshape(2, 3), "conv.bias": np.ones(2)}


def test_what_is_written_reads_back_equal(tmp_path: Path) -> None:
    arrays = {"a": np.arange(3, dtype=np.float32), "b": np.zeros((0, 2), np.int64), "c": np.array(1.5, np.float16)}
    weights.write_weights(tmp_path / "w.pdparams", arrays)
    read = weights.read_weights(tmp_path / "w.pdparams")
    assert list(read) == list(arrays)
    for key, value in arrays.items():
        assert read[key].dtype == value.dtype
        np.testing.assert_array_equal(read[key], value)
    assert os.listdir(tmp_path) == ["w.pdparams"]


def test_paddles_pairs_and_name_table_are_understood(tmp_path: Path) -> None:
    content = OrderedDict(a=("conv2d_0.w_0", np.ones(2)))
    content["StructuredToParameterName@@"] = {"a": "conv2d_0.w_0"}
    (tmp_path / "w.pdparams").write_bytes(pickle.dumps(content, protocol=2))
    assert list(weights.read_weights(tmp_path / "w.pdparams")) == ["a"]


def test_the_archive_of_a_published_backbone_is_read(tmp_path: Path) -> None:
    data = pickle.dumps(good(), protocol=4)
    with tarfile.open(tmp_path / "backbone.tar.gz", "w:gz") as archive:
        member = tarfile.TarInfo("backbone/model.pdparams")
        member.size = len(data)
        archive.addfile(member, io.BytesIO(data))
    np.testing.assert_array_equal(weights.read_weights(tmp_path / "backbone.tar.gz")["conv.bias"], np.ones(2))


class Hostile:
    """Pickles as a call of os.system."""

    def __init__(self, flag: Path) -> None:
        self.flag = flag

    def __reduce__(self) -> tuple:
        return os.system, (f"touch '{self.flag}'",)


@pytest.mark.parametrize("wrap", [lambda x: x, lambda x: {"a": [x]}, lambda x: {"a": ({"b": x},)}])
def test_a_pickle_that_calls_is_refused_before_it_runs(tmp_path: Path, wrap) -> None:
    flag = tmp_path / "flag"
    (tmp_path / "w.pdparams").write_bytes(pickle.dumps(wrap(Hostile(flag))))
    with pytest.raises(MattingError, match="system"):
        weights.read_weights(tmp_path / "w.pdparams")
    assert not flag.exists()


@pytest.mark.parametrize(
    "data", [b"", b"not a pickle", pickle.dumps(good())[:40], pickle.dumps([1]), pickle.dumps({"a": 1})]
)
def test_a_file_that_is_no_weights_is_an_error(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "w.pdparams").write_bytes(data)
    with pytest.raises(MattingError, match="w.pdparams"):
        weights.read_weights(tmp_path / "w.pdparams")


def test_strict_loading_takes_all_or_nothing(tmp_path: Path) -> None:
    path, layer = tmp_path / "w.pdparams", Layer()
    weights.write_weights(path, {**good(), "constant": np.ones(1)})
    weights.load_weights(layer, path)
    np.testing.assert_array_equal(layer.values["conv.weight"], good()["conv.weight"])
    weights.write_weights(path, {"conv.weight": np.zeros((3, 2)), "head.bias": np.zeros(1)})
    with pytest.raises(MattingError) as error:
        weights.load_weights(layer, path)
    for said in ("1 missing (conv.bias)", "1 unexpected (head.bias)", "conv.weight [3, 2] for [2, 3]"):
        assert said in str(error.value)


def test_pretrained_takes_what_fits_but_never_nothing(tmp_path: Path) -> None:
    path, layer = tmp_path / "w.pdparams", Layer()
    weights.write_weights(path, {"conv.bias": np.full(2, 7.0), "classifier.weight": np.zeros(5)})
    weights.load_pretrained(layer, str(path))
    np.testing.assert_array_equal(layer.values["conv.bias"], np.full(2, 7.0))
    weights.write_weights(path, {"classifier.weight": np.zeros(5)})
    with pytest.raises(MattingError, match="no name agrees"):
        weights.load_pretrained(layer, str(path))


def test_safetensors_round_trip_with_what_the_network_is(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    turned = {"conv.weight": np.arange(6.0, dtype=np.float32).reshape(3, 2).T, "half": np.ones(2, np.float16)}
    weights.write_weights(path, turned, {"model": "MODNet"})
    read = weights.read_weights(path)
    for key, value in turned.items():
        assert read[key].dtype == value.dtype
        np.testing.assert_array_equal(read[key], value)
    assert weights.read_identity(path) == {"model": "MODNet"}
    weights.write_weights(path, turned)
    assert weights.read_identity(path) == {}


@pytest.mark.parametrize(
    "data", [b"", b"{}", (2**62).to_bytes(8, "little") + b"{}", (100).to_bytes(8, "little") + b"{", b"\xff" * 64]
)
def test_a_broken_safetensors_file_is_an_error(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "w.safetensors").write_bytes(data)
    for read in (weights.read_weights, weights.read_identity):
        with pytest.raises(MattingError, match="w.safetensors is no readable file"):
            read(tmp_path / "w.safetensors")


def test_partial_loading_is_explicit_and_takes_what_fits(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path, layer = tmp_path / "w.pdparams", Layer()
    weights.write_weights(path, {"conv.bias": np.full(2, 7.0), "conv.weight": np.zeros(5)})
    weights.load_weights(layer, path, partial=True)
    np.testing.assert_array_equal(layer.values["conv.bias"], np.full(2, 7.0))
    np.testing.assert_array_equal(layer.values["conv.weight"], np.zeros((2, 3)))
    assert "1 of another shape" in caplog.text
    weights.write_weights(path, {"other": np.zeros(5)})
    with pytest.raises(MattingError, match="2 missing"):
        weights.load_weights(layer, path, partial=True)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (["backbone.model.features.0.0.weight", "lr_branch.backbone.model.features.0.0.weight"], "modnet-torch"),
        (["t_net.feature.head_conv.0.weight"], "shm-torch"),
        (["conv9._conv.weight"], "MobileNetV2 alone"),
        (["features.28.weight", "classifier.0.bias"], "torchvision-vgg16"),
        (["layer4.2.conv3.weight"], "torchvision-resnet50"),
    ],
)
def test_weights_of_another_network_are_guessed(tmp_path: Path, keys: list[str], said: str) -> None:
    weights.write_weights(tmp_path / "w.pdparams", {key: np.zeros(1) for key in keys})
    with pytest.raises(MattingError, match=said):
        weights.load_weights(Layer(), tmp_path / "w.pdparams")


def test_a_url_that_cannot_be_fetched_says_how_to_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(MattingError, match="pretrained: Null"):
        weights.load_pretrained(Layer(), "http://127.0.0.1:9/backbone.pdparams")
    with pytest.raises(MattingError, match="only http"):
        weights.fetch("file:///etc/hostname")
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".lock"]


def test_a_wrong_state_of_a_number_type_is_refused_instead_of_crashing(tmp_path: Path) -> None:
    """NumPy's own reading of this state ends the process."""
    content = pickle.dumps({"weight": np.zeros(3, np.float32)}, 2)
    state = content.index(b"NNNJ")
    (tmp_path / "w.pdparams").write_bytes(content[:state] + content[state + 2 :])
    with pytest.raises(MattingError, match="no readable file of weights"):
        weights.read_weights(tmp_path / "w.pdparams")


def test_lists_that_hold_one_list_twice_do_not_unfold_for_ever(tmp_path: Path) -> None:
    nested: list = [1]
    for _ in range(60):
        nested = [nested, nested]
    (tmp_path / "w.pdparams").write_bytes(pickle.dumps({"weight": nested}, 2))
    with pytest.raises(MattingError, match="no array of numbers"):
        weights.read_weights(tmp_path / "w.pdparams")
