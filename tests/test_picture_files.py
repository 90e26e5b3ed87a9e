"""The files of a picture: one record of them, one way to pair them, and names that no two share."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import drawn
from matting.curation.inspection.subjects import find_subjects
from matting.curation.preparation.sources import list_names, paired_items
from matting.datasets.lists import read_lists
from matting.errors import MattingError
from matting.evaluation.folders import find_pairs
from matting.pictures.naming import distinct_names, result_names
from matting.prediction.jobs import find_jobs
from matting.sample import PictureFiles


def pictures(root: Path, *names: str) -> None:
    for name in names:
        drawn.save(root / name, drawn.texture(4, 6) if "fg" in name else drawn.texture(4, 6)[..., 0])


def test_every_room_gives_the_same_record_of_the_same_files(tmp_path: Path) -> None:
    pictures(tmp_path, "fg/x/a.png", "alpha/x/a.png", "trimap/x/a.png")
    (tmp_path / "train.txt").write_text("fg/x/a.png trimap=trimap/x/a.png\n")
    image, alpha, trimap = (tmp_path / folder / "x/a.png" for folder in ("fg", "alpha", "trimap"))
    (listed,) = read_lists(["train.txt"], tmp_path)
    assert listed == PictureFiles("fg/x/a.png", image, alpha, trimap, where="train.txt:1")
    assert find_jobs(tmp_path / "fg", tmp_path / "trimap") == [PictureFiles("x/a", image, trimap=trimap)]
    (pair,) = find_pairs(tmp_path / "alpha", tmp_path / "alpha", tmp_path / "trimap", tmp_path / "fg")
    assert pair.files == PictureFiles("x/a.png", image, alpha, trimap) and pair.prediction == alpha
    (subject,), _ = find_subjects([tmp_path])
    assert subject.files == PictureFiles("x/a", image, alpha, trimap, where=tmp_path.name)
    (item,) = paired_items("train", tmp_path / "fg", tmp_path / "alpha").items
    assert item.files == PictureFiles("x_a", image, alpha)


def test_layers_are_those_of_the_sample_that_they_give() -> None:
    a, b, c = Path("a"), Path("b"), Path("c")
    assert PictureFiles("n", a, b).layers == {"image": a, "alpha": b}
    assert PictureFiles("n", a, b, background=c).layers == {"foreground": a, "background": c, "alpha": b}
    assert PictureFiles("n", a, trimap=c).paths == (a, c)
    assert PictureFiles("n", a, b).matte == b and PictureFiles("n", a).matte == a  # a cutout, or a matte alone


def test_two_partners_that_differ_in_their_ending_alone_are_refused(tmp_path: Path) -> None:
    pictures(tmp_path, "fg/a.png", "trimap/a.png", "trimap/a.bmp")
    with pytest.raises(MattingError, match=r"--trimap_path: .*a\.png: a\.bmp has the same name.*keep one"):
        find_jobs(tmp_path / "fg", tmp_path / "trimap")
    with pytest.raises(MattingError, match=r"--pred: .*a\.png: a\.bmp has the same name.*keep one"):
        find_pairs(tmp_path / "fg", tmp_path / "trimap")


@given(st.lists(st.text("aA~2.", min_size=1, max_size=4), max_size=12))
def test_no_two_names_are_one_on_any_file_system(names: list[str]) -> None:
    distinct = distinct_names(names)
    assert len({name.casefold() for name in distinct}) == len(names)
    assert [new for new, name in zip(distinct, names, strict=True) if new != name] == [
        new for new, name in zip(distinct, names, strict=True) if new.startswith(f"{name}~")
    ]


def test_every_namer_gives_names_that_differ_by_more_than_case(tmp_path: Path) -> None:
    assert list_names(["a", "A", "a~2"]) == ["a", "A~2", "a~2~2"]
    pictures(tmp_path, "fg/a.png", "fg/A.jpg", "alpha/a.png", "alpha/A.jpg")
    (tmp_path / "train.txt").write_text("fg/a.png\nfg/A.jpg\n")
    assert [entry.name for entry in read_lists(["train.txt"], tmp_path)] == ["fg/a.png", "fg/A~2.jpg"]


def test_results_are_called_the_same_in_whatever_order_their_inputs_come() -> None:
    paths = [Path(name) for name in ("a.png", "A.jpg", "b.png", "a.png.jpg")]
    names = dict(zip(paths, result_names(paths), strict=True))
    assert names[Path("b.png")] == "b" and len({name.casefold() for name in names.values()}) == 4
    for order in itertools.permutations(paths):
        assert result_names(order) == [names[path] for path in order]
