"""PyTorch's checkpoints: read as PyTorch wrote them, and hostile ones refused before anything runs."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest

import torch_files
from matting import weights
from matting.errors import MattingError
from parity import GOLDEN
from torch_files import Global, Storage, View, views, write_zip


@pytest.mark.parametrize("name", ["plain", "wrapped", "legacy"])
def test_files_written_by_pytorch(name: str) -> None:
    """A storage under two names, a transposed view, an int64 scalar, float16; `module.` in front, a wrapper around."""
    read = weights.read_weights(GOLDEN / "torch" / f"{name}.pth")
    with np.load(GOLDEN / "torch" / "expected.npz") as expected:
        assert sorted(read) == sorted(key.removeprefix("module.") for key in expected)
        for key, value in expected.items():
            found = read[key.removeprefix("module.")]
            assert found.dtype == value.dtype and found.flags.c_contiguous
            np.testing.assert_array_equal(found, value)


def test_our_writer_of_test_files_is_read_alike(tmp_path: Path) -> None:
    arrays = {"a.weight": np.arange(6, dtype=np.float32).reshape(2, 3), "a.count": np.array(7), "e": np.zeros((0, 2))}
    write_zip(tmp_path / "w.pth", {"epoch": 3, "optimizer": {"lr": 0.1}, "state_dict": views(arrays)})
    read = weights.read_weights(tmp_path / "w.pth")
    assert list(read) == list(arrays)
    for key, value in arrays.items():
        np.testing.assert_array_equal(read[key], value)


def test_bfloat16_is_widened_to_the_same_value(tmp_path: Path) -> None:
    values = np.array([1.0, -2.5, 0.15625], np.float32)
    halves = (values.view(np.uint32) >> 16).astype(np.uint16)
    write_zip(tmp_path / "w.pth", {"b": View(Storage("0", halves, "BFloat16Storage"), 0, (3,), (1,))})
    np.testing.assert_array_equal(weights.read_weights(tmp_path / "w.pth")["b"], values)


def numbers(count: int = 6, **options: object) -> Storage:
    return Storage("0", np.arange(count, dtype=np.float32), **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "view",
    [
        View(numbers(), 3, (4,), (1,)),
        View(numbers(), -1, (2,), (1,)),
        View(numbers(), 5, (2,), (-1,)),
        View(numbers(), 0, (10**6, 10**6), (0, 0)),
        View(numbers(claimed=10**12), 0, (2,), (1,)),
    ],
    ids=["beyond the end", "before the start", "backwards", "a terabyte of repeats", "a storage that is too short"],
)
def test_a_tensor_outside_its_storage_is_refused(tmp_path: Path, view: View) -> None:
    write_zip(tmp_path / "w.pth", {"a": view})
    with pytest.raises(MattingError, match="w.pth is no readable file of weights"):
        weights.read_weights(tmp_path / "w.pth")


def test_tensors_that_share_a_storage_are_counted(tmp_path: Path) -> None:
    """A few megabytes that would take tens of gigabytes; weights that two layers share are as many as before."""
    shared = numbers(1 << 18)
    hostile = {str(number): View(shared, number % 7, ((1 << 18) - 8,), (1,)) for number in range(20_000)}
    write_zip(tmp_path / "w.pth", hostile)
    with pytest.raises(MattingError, match="8 times its own size"):
        weights.read_weights(tmp_path / "w.pth")
    tied = {"in": View(shared, 0, (1 << 18,), (1,)), "out": View(shared, 0, (1 << 9, 1 << 9), (1, 1 << 9))}
    write_zip(tmp_path / "w.pth", tied)
    np.testing.assert_array_equal(weights.read_weights(tmp_path / "w.pth")["out"].T.ravel(), shared.numbers)


def test_entries_over_one_another_are_counted(tmp_path: Path) -> None:
    """A zip whose directory gives one megabyte a hundred names: a local header calls those after it its extra field."""
    stores = [Storage(str(number), np.zeros(0, np.float32), claimed=1) for number in range(100)]
    write_zip(tmp_path / "seed.pth", {store.key: View(store, 0, (1,), (1,)) for store in stores})
    with zipfile.ZipFile(tmp_path / "seed.pth") as archive:
        program = archive.read("archive/data.pkl")
    names, raw = [f"archive/data/{store.key}".encode() for store in stores], bytes(1 << 20)
    total, heads, directory = sum(30 + len(name) for name in names), b"", b""
    for name in names:
        common = (zlib.crc32(raw), len(raw), len(raw), len(name))
        directory += (
            struct.pack("<4s6H3I5H2I", b"PK\1\2", 20, 20, 0, 0, 0, 33, *common, 0, 0, 0, 0, 0, len(heads)) + name
        )
        extra = total - len(heads) - 30 - len(name)
        heads += struct.pack("<4s5H3I2H", b"PK\3\4", 20, 0, 0, 0, 33, *common, extra) + name
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 100, 100, len(directory), len(heads + raw), 0)
    (tmp_path / "w.pth").write_bytes(heads + raw + directory + end)
    with zipfile.ZipFile(tmp_path / "w.pth", "a") as archive:
        assert archive.read("archive/data/99") == archive.read("archive/data/0") == raw
        archive.writestr("archive/data.pkl", program)
    with pytest.raises(MattingError, match="8 times its own size"):
        weights.read_weights(tmp_path / "w.pth")


@pytest.mark.parametrize(
    "arguments",
    [
        (np.zeros((2, 1000), np.float32), 1, (1500,), (1,)),
        (numbers(), 0, (1 << 2000,) * 20, (0,) * 20),
        (numbers(), 0, (1,) * 40, (0,) * 40),
        (numbers(), "0", (1,), (1,)),
    ],
    ids=["a matrix for a storage", "huge sides", "40 dimensions", "an offset of text"],
)
def test_a_tensor_of_wrong_parts_is_refused(tmp_path: Path, arguments: tuple) -> None:
    """A matrix in place of a storage let a view reach beyond its memory."""
    write_zip(
        tmp_path / "w.pth",
        {"a": Call("torch._utils", "_rebuild_tensor_v2", *arguments), "b": View(numbers(), 0, (), ())},
    )
    with pytest.raises(MattingError, match="w.pth is no readable file"):
        weights.read_weights(tmp_path / "w.pth")


class Call:
    """Pickles as a call of whatever it names."""

    def __init__(self, module: str, name: str, *arguments: object) -> None:
        self.reduction = Global(module, name), arguments

    def __reduce__(self) -> tuple:
        return self.reduction


@pytest.mark.parametrize(
    ("module", "name"), [("os", "system"), ("builtins", "eval"), ("torch", "load"), ("torch.hub", "load")]
)
@pytest.mark.parametrize("wrap", [lambda x: x, lambda x: {"state_dict": {"a": [(x,)]}}])
def test_a_call_is_refused_by_name(tmp_path: Path, wrap, module: str, name: str) -> None:
    flag = tmp_path / "flag"
    write_zip(tmp_path / "w.pth", wrap(Call(module, name, f"touch '{flag}'")))
    with pytest.raises(MattingError, match=f"{module}.{name}"):
        weights.read_weights(tmp_path / "w.pth")
    assert not flag.exists()


def test_a_compressed_archive_is_refused_before_it_unpacks(tmp_path: Path) -> None:
    write_zip(tmp_path / "w.pth", {"a": View(numbers(10**6), 0, (10**6,), (1,))}, zipfile.ZIP_DEFLATED)
    with pytest.raises(MattingError, match="compressed"):
        weights.read_weights(tmp_path / "w.pth")


@pytest.mark.parametrize("name", ["plain", "legacy"])
def test_no_cut_of_a_file_is_read(tmp_path: Path, name: str) -> None:
    data = (GOLDEN / "torch" / f"{name}.pth").read_bytes()
    for length in range(0, len(data) - 1, 37):
        (tmp_path / "cut.pth").write_bytes(data[:length])
        with pytest.raises(MattingError):
            weights.read_weights(tmp_path / "cut.pth")


def test_a_program_or_a_whole_module_is_no_checkpoint(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "script.pt", "w") as archive:
        archive.writestr("archive/data.pkl", b"")
        archive.writestr("archive/code/__torch__.py", b"")
    with pytest.raises(MattingError, match="TorchScript"):
        weights.read_weights(tmp_path / "script.pt")
    write_zip(tmp_path / "empty.pth", {"epoch": 3})
    with pytest.raises(MattingError, match="no state_dict"):
        weights.read_weights(tmp_path / "empty.pth")


def test_a_few_bytes_cannot_claim_gigabytes_of_memory(tmp_path: Path) -> None:
    claim = b"\x80\x04}r" + (2**31 - 1).to_bytes(4, "little") + b"."
    (tmp_path / "w.pdparams").write_bytes(claim)
    with pytest.raises(MattingError, match="numbers its 2147483647th object"):
        weights.read_weights(tmp_path / "w.pdparams")


def test_references_outside_a_paddle_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "w.pdparams").write_bytes(b"\x80\x02X\x01\x00\x00\x00aQ.")
    with pytest.raises(MattingError, match="outside itself"):
        weights.read_weights(tmp_path / "w.pdparams")


def test_an_ordered_mapping_takes_no_attributes_from_a_file() -> None:
    class Ordered:
        def __reduce__(self) -> tuple:
            return Global("collections", "OrderedDict"), (), {"items": 1, "keys": 2}

    stream = io.BytesIO()
    torch_files._Pickler(stream, 2).dump(Ordered())
    assert type(weights.unpickle_arrays(stream.getvalue(), "w")) is dict
