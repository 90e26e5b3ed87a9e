"""Lists as people write them, through the tools: what is meant is read, what cannot be meant is one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

import drawn
from tools import Outcome, cut_out, one_sentence, run_tool


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return drawn.dataset(tmp_path / "data", count=3)


def val(trained: Path, data: Path, *more: object, file: str = "list.txt") -> Outcome:
    return run_tool(
        "val", "--config", trained / "config.yml", "--model_path", trained / "run/best_model",
        "--save_dir", data.parent / "val", "--metrics", "MAD",
        "--opts", f"val_dataset.dataset_root={data}", f"val_dataset.val_file={file}", *more,
    )  # fmt: skip


def train(trained: Path, data: Path, *more: object, file: str = "list.txt") -> Outcome:
    return run_tool(
        "train", "--config", trained / "config.yml", "--save_dir", data.parent / "run", "--iters", 1,
        "--opts", f"train_dataset.dataset_root={data}", f"train_dataset.train_file={file}", *more,
    )  # fmt: skip


CANNOT = {
    "empty": (b"", "lists nothing"),
    "blank": (b"\n  \r\n\n", "lists nothing"),
    "binary": (bytes(range(256)) * 4, "UTF-8"),
    "image": (drawn.texture(20, 20).tobytes(), "list.txt"),
    "dots": (b"../secret/fg/a.png\n", "outside"),
    "absolute": (b"/etc/passwd\n", "outside"),
    "gone": (b"train/fg/0.png\ntrain/fg/9.png\n", "list.txt:2"),
    "columns": (b"train/fg/0.png a b c d\n", "list.txt:1"),
}


@pytest.mark.parametrize("tool", [train, val])
@pytest.mark.parametrize("case", CANNOT)
def test_lists_that_cannot_be_meant(trained: Path, data: Path, tool, case: str) -> None:
    content, said = CANNOT[case]
    (data / "list.txt").write_bytes(content)
    one_sentence(tool(trained, data), said)
    assert not list((data.parent / "val").rglob("*.csv")) and not list((data.parent / "run").glob("iter_*"))


@pytest.mark.parametrize("tool", [train, val])
def test_lists_that_are_not_there_or_no_file(trained: Path, data: Path, tool) -> None:
    one_sentence(tool(trained, data, file="nowhere.txt"), "nowhere.txt")
    (data / "folder.txt").mkdir()
    one_sentence(tool(trained, data, file="folder.txt"), "folder.txt")
    (data / "loop.txt").symlink_to(data / "loop.txt")
    one_sentence(tool(trained, data, file="loop.txt"), "loop.txt")


@pytest.mark.parametrize(
    "content",
    [
        "train/fg/0.png\r\n\r\ntrain/fg/1.png\r\n",
        "\ufefftrain/fg/0.png\ntrain/fg/1.png",
        "  train/fg/0.png  \n\n\ntrain/fg/1.png\n",
    ],
)
def test_line_ends_marks_and_blanks_do_not_matter(trained: Path, data: Path, content: str) -> None:
    (data / "list.txt").write_bytes(content.encode())
    outcome = val(trained, data)
    assert outcome.status == 0 and "2 images" in outcome.output, outcome.error


def test_names_of_all_scripts_and_with_spaces(trained: Path, data: Path) -> None:
    names = ["头发 飘.png", "🐈.png", "naïve.png"]
    for number, name in enumerate(names):
        for part in ("fg", "alpha"):
            (data / f"train/{part}/{number}.png").rename(data / f"train/{part}/{name}")
    (data / "list.txt").write_text("".join(f"train/fg/{name}\n" for name in names), encoding="utf-8")
    outcome = val(trained, data, "--save_results")
    assert outcome.status == 0 and "3 images" in outcome.output, outcome.error
    assert sorted(path.name for path in (data.parent / "val").rglob("*.png")) == sorted(names)


def test_roots_and_names_that_begin_with_fg(trained: Path, tmp_path: Path) -> None:
    data = drawn.dataset(tmp_path / "fg_fg/fgdata", count=2)
    (data / "train/fg/0.png").rename(data / "train/fg/fg_0.png")
    (data / "train/alpha/0.png").rename(data / "train/alpha/fg_0.png")
    (data / "list.txt").write_text("train/fg/fg_0.png\ntrain/fg/1.png\n")
    outcome = val(trained, data)
    assert outcome.status == 0 and "2 images" in outcome.output, outcome.error


def test_paths_out_of_the_root_only_where_allowed(trained: Path, data: Path) -> None:
    inner = data / "inner"
    inner.mkdir()
    (inner / "list.txt").write_text("../train/fg/0.png\n")
    one_sentence(val(trained, inner), "outside", "allow")
    before = set(data.parent.rglob("*.png"))
    outcome = val(trained, inner, "val_dataset.allow_outside=True", "--save_results")
    assert outcome.status == 0, outcome.error
    written = set(data.parent.rglob("*.png")) - before
    assert len(written) == 1 and all(path.is_relative_to(data / "val") for path in written)


def test_fewer_samples_than_a_batch(trained: Path, data: Path) -> None:
    (data / "list.txt").write_text("train/fg/0.png\n")
    one_sentence(train(trained, data, "batch_size=4"), "batch")


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "is empty"), (b"\n\n", "is empty"), (b"\xff\xfe\x00a", "UTF-8"), (None, "does not exist")],
)
def test_lists_of_photographs_that_cannot_be_meant(
    trained: Path, tmp_path: Path, content: bytes | None, said: str
) -> None:
    if content is not None:
        (tmp_path / "list.txt").write_bytes(content)
    one_sentence(cut_out(trained, tmp_path / "list.txt", tmp_path / "out"), "list.txt", said)
    assert not (tmp_path / "out").exists()


def test_a_list_of_photographs_writes_below_the_results_alone(trained: Path, tmp_path: Path) -> None:
    drawn.save(tmp_path / "a/photo.png", drawn.texture(40, 50))
    drawn.save(tmp_path / "b/c/photo.png", drawn.texture(40, 50))
    (tmp_path / "b/list.txt").write_bytes(
        f"\ufeff../a/photo.png\r\n\r\n{tmp_path}/b/c/photo.png\r\nc/gone.png".encode()
    )
    outcome = cut_out(trained, tmp_path / "b/list.txt", tmp_path / "out")
    assert outcome.status == 1 and "gone.png" in outcome.error and "Traceback" not in outcome.error
    written = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*_alpha.png"))
    assert written == ["out/a/photo_alpha.png", "out/b/c/photo_alpha.png"]


def test_an_empty_folder_and_trimaps_that_do_not_pair(trained: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    one_sentence(cut_out(trained, tmp_path / "in", tmp_path / "out"), "holds no image")
    for name in ("a", "b"):
        drawn.save(tmp_path / f"in/{name}.png", drawn.texture(40, 50))
    drawn.save(tmp_path / "trimaps/a.png", drawn.texture(40, 50)[..., 0])
    drawn.save(tmp_path / "trimaps/c.png", drawn.texture(40, 50)[..., 0])  # by order it would be b's
    trimaps = ("--trimap_path", tmp_path / "trimaps")
    one_sentence(cut_out(trained, tmp_path / "in", tmp_path / "out", *trimaps), "1 of 2", "b.png")
    drawn.save(tmp_path / "trimaps/b.png", drawn.texture(30, 50)[..., 0])
    one_sentence(cut_out(trained, tmp_path / "in", tmp_path / "out", *trimaps), "another size", "50x30")
