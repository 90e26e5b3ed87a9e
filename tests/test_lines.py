"""One reader for the lists of all tools: names may hold every character but those that end a line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import drawn
from matting.curation.inspection.subjects import find_subjects
from matting.curation.preparation.sources import read_names
from matting.datasets.lists import read_lists
from matting.engines.network import Interface
from matting.errors import MattingError
from matting.prediction import arrays
from matting.prediction.jobs import find_jobs
from matting.system.lines import read_lines

NAMES = ["a\u2028b.png", "a\x0cb.png", "a\x85b.png", "a\u2029b.png", "a\x0bb.png", "a\x1cb.png", "\u3000b\u3000.png"]
"""What `str.splitlines` and `str.strip` would cut up or shorten."""


def listed(folder: Path, names: list[str], ending: str = "\n") -> Path:
    path = folder / "list.txt"
    path.write_bytes("".join(name + ending for name in names).encode())
    return path


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_lines_end_by_carriage_return_and_line_feed_alone(tmp_path: Path, ending: str) -> None:
    path = listed(tmp_path, ["\ufeff" + NAMES[0], "", " \t", *NAMES[1:]], ending)
    assert [line for _, line in read_lines(path)] == NAMES
    assert [number for number, _ in read_lines(path)] == [1, 4, 5, 6, 7, 8, 9]


def test_every_tool_finds_such_names(tmp_path: Path) -> None:
    for name in NAMES:
        (tmp_path / "fg").mkdir(exist_ok=True)
        (tmp_path / "alpha").mkdir(exist_ok=True)
        (tmp_path / "fg" / name).touch()
        (tmp_path / "alpha" / name).touch()
    path, expected = listed(tmp_path, [f"fg/{name}" for name in NAMES]), [tmp_path / "fg" / name for name in NAMES]
    assert [job.image for job in find_jobs(path)] == expected
    assert [entry.image for entry in read_lists(["list.txt"], tmp_path)] == expected
    assert [subject.files.image for subject in find_subjects([path])[0]] == expected
    assert read_names(path) == NAMES


def test_arrays_of_such_names_are_packed_and_run(tmp_path: Path) -> None:
    class Network:
        interface = Interface()

        def __call__(self, image: np.ndarray) -> dict[str, np.ndarray]:
            return {"alpha": image[:, :1]}

    from matting.predictor import Predictor

    for name in NAMES:
        drawn.save(tmp_path / "in" / name, drawn.texture(8, 9))
    jobs = find_jobs(tmp_path / "in")
    datalist = arrays.pack(Predictor(Network(), []), jobs, tmp_path / "arrays")
    assert arrays.run(Network(), datalist, tmp_path / "out") == len(NAMES)
    assert arrays.unpack(Predictor(Network(), []), jobs, tmp_path / "out", tmp_path / "mattes") == len(NAMES)


def test_arrays_of_names_with_line_breaks_are_listed_on_one_line(tmp_path: Path) -> None:
    from matting.predictor import Predictor

    class Network:
        interface = Interface()

        def __call__(self, image: np.ndarray) -> dict[str, np.ndarray]:
            return {"alpha": image[:, :1]}

    drawn.save(tmp_path / "in/a\nb.png", drawn.texture(8, 9))
    datalist = arrays.pack(Predictor(Network(), []), find_jobs(tmp_path / "in"), tmp_path / "arrays")
    assert arrays.run(Network(), datalist, tmp_path / "out") == 1 and (tmp_path / "out/a\nb.npz").is_file()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a.png\0", "binary"),
        ("a.png".encode("utf-16"), "binary, or text in UTF-16"),
        (b"a.png\n\xff.png", "list.txt:2: not UTF-8"),
        (b"a.png\r\xff.png", "list.txt:2: not UTF-8"),
        (None, "cannot be read: No such file"),
    ],
)
def test_what_is_no_list_is_one_sentence_for_every_reader(tmp_path: Path, content: bytes | None, said: str) -> None:
    path = tmp_path / "list.txt"
    if content is not None:
        path.write_bytes(content)
    readers = [lambda: read_lists([path], tmp_path), lambda: read_names(path), lambda: arrays.run(None, path, tmp_path)]  # type: ignore[arg-type]
    for read in readers + ([lambda: find_jobs(path)] if content is not None else []):
        with pytest.raises(MattingError, match=said):
            read()
