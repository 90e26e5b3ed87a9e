"""Readers under thousands of damaged files: each gives a right result or a MattingError, and nothing is run or hangs.

MATTING_FUZZ says how many cases a reader gets; `make nightly` gives each 50 times as many.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import pickle
import resource
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image

import drawn
import profiles
import torch_files
from matting import config, weights
from matting.datasets.lists import read_lists
from matting.deployment.description import Deployment
from matting.errors import MattingError
from matting.evaluation.comparison import compare
from matting.pictures import packed
from matting.pictures.encoding import encode
from matting.pictures.files import image_size, read_alpha, read_image, read_photograph, read_trimap
from matting.prediction.arrays import _load
from matting.prediction.jobs import find_jobs
from matting.system.lines import BLANKS, read_lines
from matting.training.stages import read_phases
from parity import GOLDEN

CASES = int(os.environ.get("MATTING_FUZZ", "1000"))
LIMIT = 100_000
"""Pixels that the fuzzed readers of pictures may unfold."""

SLOWEST = 5.0
"""Seconds that no case may take."""

MEMORY = 2 << 30
"""Bytes of address space that the readers may take beyond what the process holds."""

few = settings(
    max_examples=CASES, derandomize="MATTING_FUZZ" not in os.environ, database=None, deadline=None,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip

RUNS = ("os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "subprocess.Popen", "socket.connect")
"""What the interpreter calls the events by which a file would have got code to run."""

watched: list[str] | None = None


def _audit(event: str, _: Any) -> None:
    if watched is not None and event.startswith(RUNS):
        watched.append(event)


sys.addaudithook(_audit)


@contextmanager
def harmless() -> Iterator[None]:
    """Admit a MattingError and nothing else; no program is run, no memory flooded, no time lost."""
    global watched
    watched, started = [], time.perf_counter()
    held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (held + MEMORY, before[1]))
    try:
        yield
    except MattingError as error:
        assert str(error).strip()
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
        found, watched = watched, None
    assert not found, found
    assert time.perf_counter() - started < SLOWEST


def damaged(seeds: list[bytes], words: list[bytes] = ()) -> st.SearchStrategy[bytes]:  # type: ignore[assignment]
    """Return files that were right before bytes in them were changed, cut, doubled, or replaced by `words`."""
    numbers = [b"\xff" * 4, b"\x7f\xff\xff\xff", b"\0" * 4, b"\xff" * 8, b"\0\0\0\1", b"9" * 20, b"-1"]
    piece = st.one_of(st.binary(max_size=12), st.sampled_from(numbers + list(words)))
    edit = st.tuples(st.floats(0, 1), st.sampled_from(("put", "insert", "cut", "drop", "double")), piece)

    def apply(case: tuple[bytes, list[tuple[float, str, bytes]]]) -> bytes:
        content = case[0]
        for place, kind, new in case[1]:
            at = int(place * len(content))
            if kind == "put":
                content = content[:at] + new + content[at + len(new) :]
            elif kind == "insert":
                content = content[:at] + new + content[at:]
            elif kind == "cut":
                content = content[:at]
            elif kind == "drop":
                content = content[:at] + content[at + 1 + len(new) :]
            else:
                content = content[:at] + content[at // 2 :]
        return content

    return st.tuples(st.sampled_from(seeds), st.lists(edit, min_size=1, max_size=4)).map(apply) | st.binary(
        max_size=200
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


def pictures() -> list[bytes]:
    colour, exif = Image.fromarray(drawn.texture(24, 30)), Image.Exif()
    exif[0x0112] = 6
    exif[0x010F], exif[0x8298] = "Camera & Co", "A. Photographer"
    exif.get_ifd(0x8769).update({0x829D: 2.8, 0x9003: "2026:01:02 03:04:05", 0x927C: b"notes", 0xA431: "123"})
    exif.get_ifd(0x8825).update({2: (12.0, 34.0, 56.0)})
    described = {"exif": exif, "icc_profile": profiles.rgb(profiles.ADOBE), "dpi": (300, 150)}
    made = []
    for kind, mode, options in (
        ("JPEG", "RGB", {"exif": exif}), ("JPEG", "CMYK", {}), ("PNG", "RGB", {"exif": exif}), ("PNG", "P", {}),
        ("PNG", "L", {}), ("PNG", "RGBA", {}), ("WEBP", "RGB", {"lossless": True}), ("BMP", "RGB", {}),
        ("TIFF", "RGB", {}), ("TIFF", "L", {"compression": "tiff_lzw"}), ("TIFF", "F", {}),
        ("JPEG", "RGB", described), ("PNG", "RGB", described), ("WEBP", "RGB", described), ("TIFF", "RGB", described),
        ("PNG", "L", {"icc_profile": profiles.grey(2)}), ("TIFF", "RGB", {"big_tiff": True}),
        ("JPEG", "CMYK", {"icc_profile": profiles.cmyk()}), ("TIFF", "CMYK", {"icc_profile": profiles.cmyk()}),
    ):  # fmt: skip
        file = io.BytesIO()
        colour.convert(mode).save(file, kind, **options)
        made.append(file.getvalue())
    return made


MARKS = [
    *(b"IHDR", b"IDAT", b"IEND", b"\xff\xd8", b"\xff\xda", b"II*\0", b"RIFF", b"iCCP", b"eXIf", b"pHYs", b"ICCP"),
    *(b"Exif\0\0", b"ICC_PROFILE\0", b"acsp", b"curv", b"mft1", b"XYZ ", b"RGB ", b"GRAY", b"CMYK", bytes(80)),
]  # fmt: skip


@few
@given(content=damaged(pictures(), MARKS))
def test_pictures(folder: Path, content: bytes) -> None:
    path = folder / "picture.png"
    path.write_bytes(content)
    with harmless():
        pixels = read_image(path, LIMIT)
        assert pixels.dtype == np.uint8 and pixels.ndim == 3 and pixels.shape[2] == 3
        assert 0 < pixels.shape[0] * pixels.shape[1] <= LIMIT and image_size(path, LIMIT) == pixels.shape[:2]
    with harmless():
        photograph = read_photograph(path, LIMIT)
        assert np.array_equal(photograph.srgb, pixels) and photograph.own.shape == pixels.shape
        path.with_name("result").write_bytes(encode(photograph.own, metadata=photograph.metadata))
        result = read_photograph(path.with_name("result"))
        assert np.array_equal(result.own, photograph.own)
        assert result.metadata.profile == photograph.metadata.profile
    with harmless():
        alpha = read_alpha(path, LIMIT)
        assert alpha.dtype == np.float32 and alpha.ndim == 2 and 0 <= alpha.min() <= alpha.max() <= 1
    with harmless():
        assert set(np.unique(read_trimap(path, LIMIT))) <= {0, 128, 255}


ARRAYS = {"head.weight": np.arange(12, dtype=np.float32).reshape(3, 4), "head.bias": np.zeros(3, np.float16)}
NAMES = ["os", "system", "builtins", "eval", "subprocess", "Popen", "posix", "numpy", "load", "paddle", "io", "open"]
CALLS = [
    b"cos\nsystem\n(S'true'\ntR.",
    b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R.",
    b"cbuiltins\neval\n(S'1'\ntR.",
    b"csubprocess\nPopen\n(S'true'\ntR.",
    b"cnumpy\nload\n(S'x'\ntR.",
    *(b"\x82\x01", b"\x84\xff\xff\xff\xff", b"}", b"(", b"R", b"b"),
]


def weight_files(folder: Path) -> dict[str, bytes]:
    made = {
        "w.pdparams": pickle.dumps(ARRAYS, 2),
        "w4.pdparams": pickle.dumps({**ARRAYS, "StructuredToParameterName@@": {}}, 4),
    }
    torch_files.write_zip(folder / "seed.pth", torch_files.views(ARRAYS))
    made["w.pth"] = (folder / "seed.pth").read_bytes()
    weights.write_weights(folder / "seed.safetensors", ARRAYS, {"model": "MODNet"})
    made["w.safetensors"] = (folder / "seed.safetensors").read_bytes()
    made["half.safetensors"] = made["w.safetensors"].replace(b'"F16"', b'"BF16"').replace(b"}} ", b"}}")
    made["legacy.pth"] = (GOLDEN / "torch/legacy.pth").read_bytes()
    with tarfile.open(folder / "seed.tar", "w") as archive:
        for part in ("w.pth", "w.pdparams"):
            member = tarfile.TarInfo(part)
            member.size = len(made[part])
            archive.addfile(member, io.BytesIO(made[part]))
    made["w.tar"] = (folder / "seed.tar").read_bytes()
    made["w.tar.gz"] = gzip.compress(made["w.tar"], mtime=0)
    return made


WEIGHTS = ["w.pdparams", "w4.pdparams", "w.pth", "legacy.pth", "w.safetensors", "half.safetensors", "w.tar", "w.tar.gz"]


@pytest.mark.parametrize("name", WEIGHTS)
def test_weights(folder: Path, name: str) -> None:
    seed, path = weight_files(folder)[name], folder / name

    @few
    @given(content=damaged([seed], CALLS + [word.encode() for word in NAMES]))
    @example(content=CALLS[0])
    @example(content=CALLS[1])
    @example(content=b"\x80\x02}K\x01\x85" + b"2\x86" * 60 + b"K\x01s.")
    @example(content=b"\x80\x02" + b"\x8f" * 4_000_000 + b".")
    def check(content: bytes) -> None:
        path.write_bytes(content)
        with harmless():
            found = weights.read_weights(path)
            assert all(isinstance(key, str) and isinstance(value, np.ndarray) for key, value in found.items())
            assert all(value.dtype != object for value in found.values())
        if name.endswith(".safetensors"):
            with harmless():
                assert isinstance(weights.read_identity(path), dict)

    check()


COLUMNS = ["fg/a.png", "..", "/etc/passwd", "fg", "alpha=", "trimap=../x", "~", "C:\\x", "fg/../../b", "\u202e", ""]
PARTS = ["..", "fg", "a.png", ".", "", "\ud83d\udc08"]
LINES = st.lists(
    st.text(max_size=40)
    | st.lists(st.sampled_from(COLUMNS), max_size=5).map(" ".join)
    | st.lists(st.sampled_from(PARTS), max_size=6).map("/".join),
    max_size=6,
)


@few
@given(lines=LINES, separator=st.sampled_from([" ", "|", "\t", ", ", ""]), kept=st.booleans())
def test_lists(folder: Path, lines: list[str], separator: str, kept: bool) -> None:
    root = folder / "root"
    for part in ("fg", "alpha"):
        (root / part).mkdir(parents=True, exist_ok=True)
        (root / part / "a.png").touch()
    (root / "list.txt").write_bytes("\n".join(lines).encode("utf-8", "surrogatepass"))
    with harmless():
        for entry in read_lists(["list.txt"], root, separator, keep_missing=kept):
            for file in entry.paths:
                assert file is None or Path(os.path.abspath(file)).is_relative_to(root)
            assert not Path(entry.name).is_absolute() and ".." not in Path(entry.name).parts


SPACES = "\u2028\u2029\x85\x0b\x0c\x1c\x1d\x1e\u3000\xa0 \t"
"""What `str.splitlines` takes for the end of a line, or `str.strip` for the end of a name."""

NAME = st.text(
    st.sampled_from(SPACES) | st.characters(exclude_characters="/\\|\0\r\n", exclude_categories=["Cs"]), max_size=20
)


@few
@given(
    names=st.lists(NAME.map(lambda name: f"{name.strip(BLANKS)}.png"), min_size=1, max_size=6, unique=True),
    ending=st.sampled_from(["\n", "\r\n", "\r", "\n \t\n"]),
)
def test_names_come_out_of_lists_as_they_went_in(folder: Path, names: list[str], ending: str) -> None:
    path, wanted = folder / "names.txt", [folder / "fg" / name for name in names]
    path.write_bytes(ending.join(["\ufefffg/" + names[0], *(f" fg/{name}\t" for name in names[1:])]).encode())
    assert [line.strip(BLANKS) for _, line in read_lines(path)] == [f"fg/{name}" for name in names]
    assert [job.image for job in find_jobs(path)] == wanted
    assert [entry.image for entry in read_lists(["names.txt"], folder, "|", keep_missing=True)] == wanted


CONFIG = Path(__file__).resolve().parents[1] / "configs/modnet/modnet-mobilenetv2.yml"
TAGS = [
    b"!!python/object/apply:os.system ['true']", b"!!binary x", b"&a [*a]", b"<<: *a", b"_base_: .", b"_base_: [x.yml]",
    b"- ", b"\t", b"? ", b"{", b"1e999", b"2001-99-99", b"&a [*a, *a]", b"&a {x: *a}", b"*a", b"1:2:3.5",
]  # fmt: skip


@few
@given(content=damaged([CONFIG.read_bytes(), b"model: {type: MODNet}\niters: 5\n"], TAGS))
@example(content=b"a: 2001-99-99")
@example(content=b"? {a: 1}\n: 2")
@example(
    content=b"model:\n  a0: &a0 [x]\n"
    + b"".join(b"  a%d: &a%d [*a%d, *a%d]\n" % (n, n, n - 1, n - 1) for n in range(1, 60))
)
@example(content=b"model: &a {x: *a}")
@example(content=b"iters: 1" + b":2" * 400 + b".5")
@example(content=b"_base_: [next.yml, next.yml]")
def test_configurations(folder: Path, content: bytes) -> None:
    (folder / "config.yml").write_bytes(content)
    with harmless():
        values = config.load(folder / "config.yml")
        assert isinstance(values, dict) and isinstance(json.loads(json.dumps(values, sort_keys=True)), dict)
        assert yaml.safe_load(config.dump(values)) is not None
    with harmless():
        read_phases(folder / "config.yml")


ODD = [
    "[1, 2]", "{a: 1}", "1e9", "Null", "&a [*a]", "!!python/none", "[", "2001-99-99", "&a [*a, *a]", "1:2:3.5",
    "{1: 2}",
]  # fmt: skip
KEYS = ["model", "type", "train_dataset", "transforms", "0", "9", "-1", "²", "", "iters", "x"]


@few
@given(
    keys=st.lists(st.sampled_from(KEYS), max_size=4).map(".".join),
    equals=st.sampled_from(["=", "==", ""]),
    value=st.text(max_size=12) | st.sampled_from(ODD),
)
def test_overrides(keys: str, equals: str, value: str) -> None:
    with harmless():
        assert isinstance(config.load(CONFIG, [keys + equals + value]), dict)


def arrays_file() -> bytes:
    file = io.BytesIO()
    np.savez(file, image=np.zeros((1, 3, 4, 5), np.float32))
    return file.getvalue()


def packed_file() -> bytes:
    file = io.BytesIO()
    np.save(file, np.zeros((6, 7, 3), np.uint8))
    return file.getvalue()


TABLE = b"name,height,width,SAD,MSE\na.png,4,5,1.5,0.25\nb.png,4,5,2.5,0.5\nmean,,,2.0,0.375\n"
DEPLOY = yaml.safe_dump({
    "format": 1, "version": "0.1.0", "model": "MODNet", "inputs": ["image"], "outputs": ["alpha"], "stride": 32,
    "smallest": 32, "size": None, "transforms": [{"type": "Normalize"}], "weights_sha256": "0", "files": {},
}).encode()  # fmt: skip
READERS: dict[str, tuple[bytes, str, Callable[[Path], Any]]] = {
    "packed": (packed_file(), "a.npy", lambda path: np.asarray(packed.read(path)).sum()),
    "arrays": (arrays_file(), "a.npz", lambda path: _load(path, ["image"])),
    "table": (TABLE, "a.csv", lambda path: compare(path, path).table()),
    "deployment": (DEPLOY, "deploy.yml", lambda path: Deployment.read(path.parent)),
}


@pytest.mark.parametrize("reader", READERS)
def test_other_readers(folder: Path, reader: str) -> None:
    seed, name, read = READERS[reader]
    path = folder / reader / name
    path.parent.mkdir(exist_ok=True)

    @few
    @given(content=damaged([seed], [b"O8", b"|O", b"shape", b"nan", b"inf", b"1e400", b",", b"../x", *TAGS]))
    def check(content: bytes) -> None:
        path.write_bytes(content)
        with harmless():
            read(path)

    check()
