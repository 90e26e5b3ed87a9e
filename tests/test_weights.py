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
from matting.weights import trained


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


def packed(path: Path, *members: tuple[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, data in members:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


def test_an_archive_may_not_unfold_to_any_size(tmp_path: Path) -> None:
    """In a member of its own, in the one of the weights, and in a header that claims holes in a file."""
    beside = packed(tmp_path / "beside.tar.gz", ("notes", bytes(70 << 20)), ("w.pdparams", pickle.dumps(good())))
    within = packed(tmp_path / "within.tar.gz", ("w.pdparams", pickle.dumps(good()) + bytes(70 << 20)))
    for path in (beside, within):
        with pytest.raises(MattingError, match=r"unfolds to more than 6\d MB"):
            weights.read_weights(path)
    many = packed(tmp_path / "many.tar.gz", *((f"{number}", b"") for number in range(1001)))
    with pytest.raises(MattingError, match="more than 1000 members"):
        weights.read_weights(many)
    with tarfile.open(tmp_path / "holes.tar", "w", format=tarfile.GNU_FORMAT) as archive:
        member = tarfile.TarInfo("w.pdparams")
        member.type = tarfile.GNUTYPE_SPARSE
        archive.addfile(member)
    content = bytearray((tmp_path / "holes.tar").read_bytes())
    content[483:495] = b"%011o\0" % (1 << 32)  # the size that it would have with its holes
    content[148:156] = b"%06o\0 " % (sum(content[:148]) + 8 * 32 + sum(content[156:512]))
    (tmp_path / "holes.tar").write_bytes(content)
    with pytest.raises(MattingError, match="holds 0 .pdparams"):
        weights.read_weights(tmp_path / "holes.tar")


def test_no_cut_of_an_archive_is_read(tmp_path: Path) -> None:
    data = packed(tmp_path / "w.tar.gz", ("w.pdparams", pickle.dumps({"a": np.arange(999)}))).read_bytes()
    for length in range(0, len(data) - 8, 37):
        (tmp_path / "w.tar.gz").write_bytes(data[:length])
        with pytest.raises(MattingError, match="w.tar.gz"):
            weights.read_weights(tmp_path / "w.tar.gz")


def test_a_file_is_told_by_its_content(tmp_path: Path) -> None:
    weights.write_weights(tmp_path / "w.safetensors", good())
    packed(tmp_path / "w.tar.gz", ("w.pdparams", pickle.dumps(good())))
    for name in ("w.safetensors", "w.tar.gz"):
        (tmp_path / name).rename(tmp_path / "download")
        assert weights.read_weights(tmp_path / "download").keys() == good().keys()


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


@pytest.mark.parametrize("source", [5, True, ["w.pdparams"], {"path": "w"}])
def test_pretrained_that_names_nothing_is_an_error(source: object) -> None:
    with pytest.raises(MattingError, match="pretrained: .* is no path"):
        weights.load_pretrained(Layer(), source)  # type: ignore[arg-type]


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


def test_safetensors_under_another_name_still_say_what_they_are(tmp_path: Path) -> None:
    """Else weights that were trained on another normalisation would be taken without a word."""
    weights.write_weights(tmp_path / "w.safetensors", good(), {"model": "MODNet"})
    (tmp_path / "w.safetensors").rename(tmp_path / "download")
    with pytest.raises(MattingError, match="was trained with model MODNet"):
        trained._check_identity(tmp_path / "download", {"model": "DIM"})


def test_bfloat16_in_safetensors_is_widened_to_the_same_value(tmp_path: Path) -> None:
    values = np.array([[1.0, -2.5], [0.15625, 3e38]], np.float32)
    halves = (values.view(np.uint32) >> 16).astype("<u2")
    header = b'{"w":{"dtype":"BF16","shape":[2,2],"data_offsets":[0,8]}}'
    (tmp_path / "w.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + halves.tobytes())
    read = weights.read_weights(tmp_path / "w.safetensors")["w"]
    np.testing.assert_array_equal(read, (halves.astype(np.uint32) << 16).view(np.float32))
    assert read.dtype == np.float32 and read.shape == (2, 2)
    (tmp_path / "w.safetensors").write_bytes(
        len(header).to_bytes(8, "little") + header.replace(b'"BF16","shape":[2,2]', b'"F8_E4M3","shape":[8]') + bytes(8)
    )
    with pytest.raises(MattingError, match="w.safetensors is no readable file"):
        weights.read_weights(tmp_path / "w.safetensors")


@pytest.mark.parametrize("said", ["[" * 50_000, '"' + "x" * 200_000 + '"', "9" * 5000])
def test_what_safetensors_say_of_themselves_is_read_with_care(tmp_path: Path, said: str) -> None:
    from safetensors.numpy import save_file

    save_file({"w": np.zeros(1)}, tmp_path / "w.safetensors", {"matting": said})
    with pytest.raises(MattingError, match="w.safetensors is no readable file"):
        weights.read_identity(tmp_path / "w.safetensors")


class Shared:
    """Pickles as an array that takes its numbers from bytes in which many others do as well."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw

    def __reduce__(self) -> tuple:
        call, arguments, state = np.zeros(1, np.uint8).__reduce__()
        return call, arguments, (1, (len(self.raw),), state[2], False, self.raw)


def test_bytes_that_many_arrays_share_are_counted(tmp_path: Path) -> None:
    """A megabyte and a half that would take five gigabytes."""
    raw = bytes(1 << 20)
    (tmp_path / "w.pdparams").write_bytes(pickle.dumps({str(number): Shared(raw) for number in range(5000)}, 4))
    with pytest.raises(MattingError, match="8 times its own size"):
        weights.read_weights(tmp_path / "w.pdparams")
    (tmp_path / "w.pdparams").write_bytes(pickle.dumps({str(number): Shared(raw) for number in range(3)}, 4))
    assert all(len(array) == len(raw) for array in weights.read_weights(tmp_path / "w.pdparams").values())


KEY = b"K\x01\x85" + b"2\x86" * 60
"""A tuple of one tuple twice, 60 levels deep: to look it up as a key takes for ever."""

ENDLESS = {
    "a tuple as a key": b"\x80\x02}" + KEY + b"K\x01s.",
    "tuples as keys": b"\x80\x02}(" + KEY + b"K\x01u.",
    "tuples in a protocol of old": b"(" + KEY + b"K\x01d.",
    "a set": b"\x80\x04\x8f(" + KEY + b"\x90.",
    "tuples in an ordered mapping": b"\x80\x02ccollections\nOrderedDict\n](" + KEY + b"K\x01\x86e\x85R.",
    "a shape": b"\x80\x02cbuiltins\ntuple\n](" + b"K\x01" * 1000 + b"e\x85R.",
    "millions of empty lists": b"\x80\x02" + b"]" * 1_100_000 + b".",
    "a function's settings": b"\x80\x02c_codecs\nencode\nN}X\x04\x00\x00\x00namedu\x86b.",
}


@pytest.mark.parametrize("case", ENDLESS)
def test_a_pickle_that_would_take_for_ever_is_refused(tmp_path: Path, case: str) -> None:
    (tmp_path / "w.pdparams").write_bytes(ENDLESS[case])
    with pytest.raises(MattingError, match="no weights need|steps to read|w.pdparams"):
        weights.read_weights(tmp_path / "w.pdparams")


def test_a_shape_of_huge_numbers_is_not_multiplied(tmp_path: Path) -> None:
    class Huge:
        def __reduce__(self) -> tuple:
            call, arguments, state = np.zeros(1, np.uint8).__reduce__()
            return call, arguments, (1, ((1 << 2000,) * 20), state[2], False, b"")

    (tmp_path / "w.pdparams").write_bytes(pickle.dumps({"a": Huge()}, 4))
    with pytest.raises(MattingError, match="shape of an array is broken"):
        weights.read_weights(tmp_path / "w.pdparams")


def test_a_file_beyond_the_largest_is_not_read(tmp_path: Path) -> None:
    with open(tmp_path / "w.pdparams", "wb") as file:
        file.truncate(30 << 30)
    with pytest.raises(MattingError, match="30720 MB"):
        weights.read_weights(tmp_path / "w.pdparams")


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
