"""List files: every way to write one, and every way in which one can be wrong."""

from __future__ import annotations

import pytest

from matting.datasets.lists import read_lists
from matting.errors import MattingError


def touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def write(root, content, name="train.txt"):
    (root / name).write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return name


def read(root, content, **options):
    return read_lists([write(root, content)], root, **options)


def test_one_two_and_three_columns(tmp_path):
    touch(tmp_path, "train/fg/a.jpg", "train/alpha/a.jpg", "bg/b.jpg", "train/trimap/a.png")
    one, two, three = read(
        tmp_path, "train/fg/a.jpg\ntrain/fg/a.jpg  bg/b.jpg\ntrain/fg/a.jpg bg/b.jpg train/trimap/a.png"
    )
    assert (one.image, one.alpha) == (tmp_path / "train/fg/a.jpg", tmp_path / "train/alpha/a.jpg")
    assert (one.background, one.trimap, one.name, one.where) == (None, None, "train/fg/a.jpg", "train.txt:1")
    assert (two.background, two.trimap, two.where) == (tmp_path / "bg/b.jpg", None, "train.txt:2")
    assert three.trimap == tmp_path / "train/trimap/a.png"


def test_byte_order_mark_line_ends_and_blank_lines(tmp_path):
    touch(tmp_path, *(f"{folder}/{stem}.png" for folder in ("fg", "alpha") for stem in "abc"))
    entries = read(tmp_path, b"\xef\xbb\xbffg/a.png\r\n\r\n  \t\r\nfg/b.png \rfg/c.png")
    assert [entry.name for entry in entries] == ["fg/a.png", "fg/b.png", "fg/c.png"]
    assert [entry.where for entry in entries] == ["train.txt:1", "train.txt:4", "train.txt:5"]


def test_names_of_all_kinds(tmp_path):
    names = ["图片/fg/猫 一.png", "图片/fg/🐈.png", "图片/fg/a\u2028b.png", "图片/fg/x=y.png"]
    touch(tmp_path, *names, *(name.replace("fg", "alpha") for name in names))
    assert [entry.name for entry in read(tmp_path, "\n".join(names))] == names


@pytest.mark.parametrize("separator", ["|", "\t", ", "])
def test_separators_for_names_with_spaces(tmp_path, separator):
    touch(tmp_path, "fg/my cat.png", "alpha/my cat.png", "bg/a b.png", "trimap/my cat.png")
    columns = ["fg/my cat.png", "bg/a b.png", "trimap/my cat.png"]
    full, bare = read(
        tmp_path, separator.join(columns) + "\n" + separator.join([columns[0], "", columns[2]]), separator=separator
    )
    assert full.background == tmp_path / "bg/a b.png" and full.trimap == tmp_path / "trimap/my cat.png"
    assert bare.background is None and bare.trimap == full.trimap


def test_files_named_by_key(tmp_path):
    touch(tmp_path, "photos/a.jpg", "mattes/a_matte.png", "trimaps/a.png", "bg/b.png")
    line = "photos/a.jpg alpha=mattes/a_matte.png trimap=trimaps/a.png"
    entry, composited = read(tmp_path, f"{line}\n{line} background=bg/b.png")
    assert (entry.alpha, entry.trimap) == (tmp_path / "mattes/a_matte.png", tmp_path / "trimaps/a.png")
    assert entry.background is None and composited.background == tmp_path / "bg/b.png"
    with pytest.raises(MattingError, match="train.txt:1: background is given twice"):
        read(tmp_path, "photos/a.jpg bg/b.png background=bg/b.png alpha=mattes/a_matte.png")


@pytest.mark.parametrize(
    "foreground, alpha",
    [
        ("fgx/fg/a.png", "fgx/alpha/a.png"),
        ("fg/fg/a.png", "fg/alpha/a.png"),
        ("fg/person/fg.png", "alpha/person/fg.png"),
        ("set/fg/fg_1/a.png", "set/alpha/fg_1/a.png"),
    ],
)
def test_only_the_folder_fg_is_replaced(tmp_path, foreground, alpha):
    root = tmp_path / "fg" / "fgroot"
    touch(root, foreground, alpha)
    assert read(root, foreground)[0].alpha == root / alpha


def test_alpha_of_another_extension(tmp_path):
    touch(tmp_path, "fg/a.jpg", "alpha/a.PNG", "alpha/a.txt", "alpha/ab.png")
    assert read(tmp_path, "fg/a.jpg")[0].alpha == tmp_path / "alpha/a.PNG"
    touch(tmp_path, "alpha/a.webp")
    with pytest.raises(MattingError, match=r"holds a\.PNG and a\.webp; .*alpha=PATH"):
        read(tmp_path, "fg/a.jpg")


def test_no_folder_fg_is_an_error_with_a_cure(tmp_path):
    touch(tmp_path, "fg.d/a.png")
    with pytest.raises(MattingError, match="train.txt:1: no folder named fg .*alpha=PATH"):
        read(tmp_path, "fg.d/a.png")


def test_several_lists(tmp_path):
    touch(tmp_path, *(f"{folder}/{stem}.png" for folder in ("fg", "alpha") for stem in "ab"))
    lists = [write(tmp_path, "fg/a.png", "one.txt"), write(tmp_path, "\nfg/b.png", "two.txt")]
    assert [entry.where for entry in read_lists(lists, tmp_path)] == ["one.txt:1", "two.txt:2"]


def test_names_are_unique_without_their_endings(tmp_path):
    names = ["fg/a.png", "fg/a.jpg", "fg/a~2.png"]
    touch(tmp_path, *names, "bg/1.png", "bg/2.png", *(name.replace("fg", "alpha") for name in names))
    lines = ["fg/a.png bg/1.png", "fg/a.png bg/2.png", "fg/a.jpg", "fg/a~2.png"]
    found = [entry.name for entry in read(tmp_path, "\n".join(lines))]
    assert found[:3] == ["fg/a.png", "fg/a~2.png", "fg/a~3.jpg"]
    assert len({name.rsplit(".", 1)[0] for name in found}) == 4


def test_paths_that_lead_out_are_refused_unless_allowed(tmp_path):
    root = tmp_path / "root"
    touch(root, "fg/a.png", "alpha/a.png")
    touch(tmp_path, "other/fg/a.png", "other/alpha/a.png")
    absolute = str(tmp_path / "other/fg/a.png")
    for column in ("../other/fg/a.png", "fg/../../other/fg/a.png", absolute):
        for line in (column, f"fg/a.png {column}", f"fg/a.png alpha={column}"):
            with pytest.raises(MattingError, match="train.txt:1: .* leads out of dataset_root"):
                read(root, line)
        (entry,) = read(root, column, allow_outside=True)
        assert entry.alpha == tmp_path / "other/alpha/a.png" and entry.name == "other/fg/a.png"
    assert read(root, "fg/../fg/a.png")[0].name == "fg/a.png"


def test_missing_files_are_counted_and_the_first_ten_named(tmp_path):
    touch(tmp_path, "fg/a.png")
    (tmp_path / "fg/folder.png").mkdir()
    lines = ["fg/a.png", "fg/folder.png", *(f"fg/gone{number}.png" for number in range(20))]
    with pytest.raises(MattingError) as caught:
        read(tmp_path, "\n".join(lines))
    message = str(caught.value)
    assert message.startswith("43 files named by the lists do not exist")
    assert f"train.txt:1: {tmp_path / 'alpha/a.png'}" in message and "train.txt:2" in message
    assert message.count("train.txt:") == 10 and "and 33 more" in message


def test_spaces_are_suspected(tmp_path):
    touch(tmp_path, "fg/my cat.png", "alpha/my cat.png", "bg/b.png")
    with pytest.raises(MattingError, match="names with spaces need another separator"):
        read(tmp_path, "fg/my cat.png bg/b.png")
    with pytest.raises(MattingError, match="train.txt:1: more than 3 columns .* need another separator"):
        read(tmp_path, "fg/my very old cat.png bg/b.png")


@pytest.mark.parametrize(
    "content, message",
    [
        ("", "lists nothing"),
        (" \r\n\n", "lists nothing"),
        (b"fg/a.png\0", "binary"),
        ("fg/a.png".encode("utf-16"), "binary, or text in UTF-16"),
        (b"fg/a.png\nfg/\xc3\xa8.png\n" + "fg/狗.png".encode("gbk"), "train.txt:3: not UTF-8"),
    ],
)
def test_lists_that_are_no_text(tmp_path, content, message):
    with pytest.raises(MattingError, match=message):
        read(tmp_path, content)


def test_lists_that_cannot_be_read(tmp_path):
    for name, reason in (("gone.txt", "No such file"), (".", "Is a directory")):
        with pytest.raises(MattingError, match=f"cannot be read: {reason}"):
            read_lists([name], tmp_path)
    with pytest.raises(MattingError, match="separator is ''"):
        read(tmp_path, "fg/a.png", separator="")
    with pytest.raises(MattingError, match="the first column is empty"):
        read(tmp_path, "|bg/b.png", separator="|")
