"""The record of results: what it trusts, what it survives, and whose a name is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import drawn
from matting.deployment.loading import Runtime
from matting.errors import MattingError
from matting.pictures.files import read_alpha
from matting.prediction.backgrounds import Background
from matting.prediction.jobs import Summary, find_jobs
from matting.prediction.outputs import Outputs
from matting.prediction.pipeline import predict
from matting.prediction.provenance import made_with
from matting.prediction.record import RECORD, Record
from matting.prediction.trimap_files import make_trimaps
from matting.predictor import Predictor
from matting.system.atomic import write_bytes
from matting.weights import read_weights, write_weights
from test_predict_jobs import Bright, picture
from tools import ROOT, cut_out

OUTPUTS = Outputs(("alpha", "composite"))


def cut(images: Path, out: Path, weights: str = "one", outputs: Outputs = OUTPUTS, workers: int = 1) -> Summary:
    """Cut out what is not done yet."""
    return predict(
        Predictor(Bright(), []), find_jobs(images, save_dir=out), out, workers, outputs, skip_existing=True,
        made_with={"weights": weights},
    )  # fmt: skip


@pytest.fixture
def done(tmp_path: Path) -> Path:
    """A folder with photographs in `in` and their results in `out`."""
    for name in "abc":
        picture(tmp_path / f"in/{name}.png")
    assert cut(tmp_path / "in", tmp_path / "out").written == 3
    return tmp_path


def test_a_list_does_not_get_what_another_one_made(tmp_path: Path) -> None:
    for folder, value in (("a", 200), ("b", 20)):
        picture(tmp_path / folder / "1.png", value)
        (tmp_path / f"{folder}.txt").write_text(f"{folder}/1.png\n")
    assert cut(tmp_path / "a.txt", tmp_path / "out").written == 1
    second = cut(tmp_path / "b.txt", tmp_path / "out")
    assert (second.written, second.skipped, len(second.failures)) == (0, 0, 1)
    for said in ("out/1_alpha.png", "a/1.png", "b/1.png", "another --save_dir"):
        assert said in second.failures[0]
    assert read_alpha(tmp_path / "out/1_alpha.png").all()
    assert cut(tmp_path / "a.txt", tmp_path / "out").skipped == 1
    (tmp_path / "out/1_alpha.png").unlink()
    (tmp_path / "out/1_composite.png").unlink()
    assert cut(tmp_path / "b.txt", tmp_path / "out").written == 1


def empty_result(folder: Path) -> None:
    (folder / "out/b_alpha.png").write_bytes(b"")


def cut_result(folder: Path) -> None:
    content = (folder / "out/b_composite.png").read_bytes()
    (folder / "out/b_composite.png").write_bytes(content[: len(content) // 2])


def spoilt_result(folder: Path) -> None:
    path = folder / "out/b_alpha.png"
    path.write_bytes(bytes(path.stat().st_size))
    os.utime(path, ns=(0, 0))


def lost_result(folder: Path) -> None:
    (folder / "out/b_alpha.png").unlink()


def changed_photograph(folder: Path) -> None:
    picture(folder / "in/b.png", 10)


@pytest.mark.parametrize("change", [empty_result, cut_result, spoilt_result, lost_result, changed_photograph])
def test_what_changed_is_done_again_and_nothing_else(done: Path, change: Callable[[Path], None]) -> None:
    assert cut(done / "in", done / "out").skipped == 3
    change(done)
    again = cut(done / "in", done / "out")
    assert (again.written, again.skipped) == (1, 2)
    assert read_alpha(done / "out/b_alpha.png").all() == (change is not changed_photograph)
    assert cut(done / "in", done / "out").skipped == 3


def test_other_settings_are_other_results(done: Path) -> None:
    out = done / "out"
    red = Outputs(OUTPUTS.kinds, background=Background((255, 0, 0)))
    assert cut(done / "in", out, outputs=Outputs(("alpha",), background=Background((0, 0, 9)))).skipped == 3
    assert cut(done / "in", out, outputs=red).written == 3  # the composites were white
    assert cut(done / "in", out, outputs=red).skipped == 3
    assert cut(done / "in", out, outputs=red, weights="two").written == 3
    assert cut(done / "in", out, outputs=red).written == 3  # the first weights' files are gone
    pixels = np.full((2, 2, 3), 7, np.uint8)
    one, same, other = (Background(picture=picture) for picture in (pixels, pixels.copy(), pixels + 1))
    assert one.identity() == same.identity() != other.identity()


def test_names_in_any_spelling_are_found_again(tmp_path: Path) -> None:
    for name in (b"\xff\xfe", "猫 🐈".encode(), b'quote " and \n line'):
        picture(tmp_path / "in/a.png").rename(tmp_path / "in" / os.fsdecode(name + b".png"))
    assert cut(tmp_path / "in", tmp_path / "out").written == 3
    assert cut(tmp_path / "in", tmp_path / "out").skipped == 3


def test_results_of_unknown_weights_are_never_trusted(done: Path) -> None:
    assert predict(Predictor(Bright(), []), find_jobs(done / "in"), done / "out", outputs=OUTPUTS).written == 3
    assert cut(done / "in", done / "out").written == 3
    (done / "out" / RECORD).unlink()
    assert cut(done / "in", done / "out").written == 3


def test_photographs_that_moved_are_the_same_ones(done: Path) -> None:
    (done / "in").rename(done / "elsewhere")
    assert cut(done / "elsewhere", done / "out").skipped == 3


def test_a_trimap_that_changed_makes_another_result(tmp_path: Path) -> None:
    photograph = picture(tmp_path / "a.png")
    trimap = drawn.save(tmp_path / "trimap.png", np.full((4, 6), 128, np.uint8))
    record = Record(tmp_path / "out")
    claim = record.claim([photograph, trimap], ["a.png"])
    claim.paths["a.png"].write_bytes(b"matte")
    record.confirm(claim, {"a.png": "settings"}, {"a.png": os.stat(claim.paths["a.png"])})
    assert Record(tmp_path / "out").holds([photograph, trimap], {"a.png": "settings"})
    drawn.save(trimap, np.zeros((40, 60), np.uint8))
    assert not Record(tmp_path / "out").holds([photograph, trimap], {"a.png": "settings"})
    assert not Record(tmp_path / "out").holds([photograph], {"a.png": "settings"})


def test_a_kill_between_result_and_row_leaves_no_wrong_claim(done: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Record, "confirm", killed)
        with pytest.raises(KeyboardInterrupt):
            cut(done / "in", done / "out", "two", workers=0)
    again = cut(done / "in", done / "out")  # one of the files is the second weights', with equal size or not
    assert (again.written, again.skipped) == (1, 2)


def test_a_record_cut_anywhere_never_claims_more(done: Path) -> None:
    path = done / "out" / RECORD
    whole = path.read_bytes()
    names = {f"{name}_{kind}.png" for name in "abc" for kind in OUTPUTS.kinds}
    settings = {name: Record(done / "out")._rows[name].made[2] for name in names}

    def trusted() -> int:
        record = Record(done / "out")
        return sum(
            record.holds([done / f"in/{name}.png"], {file: settings[file] for file in names if file[0] == name})
            for name in "abc"
        )

    counts = []
    for end in [*range(0, len(whole), 7), len(whole)]:
        path.write_bytes(whole[:end])
        confirmed = sum('"files":{"' in line and "null" not in line for line in whole[:end].decode().split("\n")[:-1])
        assert trusted() == confirmed
        counts.append(confirmed)
    assert set(counts) == {0, 1, 2, 3}
    path.write_bytes(whole[:-20])
    assert cut(done / "in", done / "out").written == 1 and trusted() == 3  # behind the torn line


@pytest.mark.parametrize(
    "line", [b"\xff\xfe", b"[]", b"{}", b'{"of":3,"files":{}}', b'{"of":[],"files":{"a":[1,2,"x"]}}', b"[" * 100_000,
             b'{"of":[["/a",1,2]],"files":{"../../x":7}}', b"\0" * 4096],
)  # fmt: skip
def test_lines_that_say_something_else_are_passed_over(done: Path, line: bytes) -> None:
    with open(done / "out" / RECORD, "ab") as file:
        file.write(line + b"\n")
    assert cut(done / "in", done / "out").skipped == 3


WRITER = """
import sys, time
from pathlib import Path
from matting.prediction.record import Record
from matting.errors import MattingError
folder, own = Path(sys.argv[1]), sys.argv[2]
record = Record(folder)
(folder.parent / f"{own}.ready").touch()
while len(list(folder.parent.glob("*.ready"))) < 3:
    time.sleep(0.001)
for number in range(60):
    for source, name in ((f"{own}_{number}", f"{own}_{number}.png"), (own, f"shared_{number}.png")):
        try:
            claim = record.claim([folder.parent / source], [name])
            record.check(claim)
        except MattingError:
            continue
        with open(claim.paths[name], "x") as file:  # who comes second ends with an error
            file.write(own)
        record.confirm(claim, {name: "settings"}, {name: claim.paths[name].stat()})
"""


def test_processes_share_a_record_and_a_name_goes_to_one_of_them(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITER, tmp_path / "out"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    processes = [subprocess.Popen([*command, name], env=environment) for name in ("one", "two", "six")]
    assert [process.wait(timeout=60) for process in processes] == [0, 0, 0]
    lines = (tmp_path / "out" / RECORD).read_text().splitlines()
    rows = Record(tmp_path / "out")._rows
    assert all(json.loads(line)["of"] for line in lines)
    for path in (tmp_path / "out").glob("*.png"):
        assert rows[path.name].inputs[0][0].split("/")[-1].split("_")[0] == path.read_text()
        assert rows[path.name].made is not None
    assert len(list((tmp_path / "out").glob("???_*.png"))) == 180


@pytest.mark.parametrize("last", ["one", "two"])
def test_what_two_runs_of_other_settings_write_at_once_is_never_taken_for_the_wrong_ones(
    tmp_path: Path, last: str
) -> None:
    source, out = picture(tmp_path / "a.png"), tmp_path / "out"
    runs = {name: Record(out, [source]) for name in ("one", "two")}
    claims = {name: run.claim([source], ["a.png"]) for name, run in runs.items()}
    written = {}
    for name in ("one", "two"):  # both write; the second one's file stays
        runs[name].check(claims[name])
        written[name] = {"a.png": write_bytes(out / "a.png", name.encode())}
    for name in ("two", "one") if last == "one" else ("one", "two"):
        runs[name].confirm(claims[name], {"a.png": name}, written[name])
    later = Record(out, [source])
    assert not later.holds([source], {"a.png": "one"})
    assert later.holds([source], {"a.png": "two"}) is (last == "two")


def test_a_record_that_is_removed_meanwhile_begins_anew(tmp_path: Path) -> None:
    source, out = picture(tmp_path / "a.png"), tmp_path / "out"
    record = Record(out, [source])
    claim = record.claim([source], ["a.png"])
    (out / RECORD).unlink()
    record.check(claim)
    record.confirm(claim, {"a.png": "settings"}, {"a.png": write_bytes(out / "a.png", b"content")})
    assert Record(out, [source]).holds([source], {"a.png": "settings"})


def test_jobs_of_one_name_in_one_run_do_not_replace_each_other(tmp_path: Path) -> None:
    jobs = [*find_jobs(picture(tmp_path / "a/1.png", 200)), *find_jobs(picture(tmp_path / "b/1.png", 20))]
    for workers in (0, 3):
        summary = predict(Predictor(Bright(), []), jobs, tmp_path / f"out{workers}", workers)
        assert summary.written == 1 and len(summary.failures) == 1
        assert (tmp_path / f"out{workers}/1_alpha.png").is_file()
        assert all(said in summary.failures[0] for said in ("a/1.png", "b/1.png"))


def test_other_weights_are_cut_out_again_through_the_tool(trained: Path, tmp_path: Path) -> None:
    images, out = trained / "data/train/fg", tmp_path / "out"
    assert "3 of 3" in cut_out(trained, images, out).output
    assert "3 were there already" in cut_out(trained, images, out, "--skip_existing").output
    assert "3 of 3" in cut_out(trained, images, out, "--skip_existing", "--refine", "fast").output
    assert "3 were there already" in cut_out(trained, images, out, "--skip_existing", "--refine", "fast").output
    opts = ("--skip_existing", "--opts", "val_dataset.transforms.0.short_size=64")
    assert "3 of 3" in cut_out(trained, images, out, *opts).output
    state = read_weights(trained / "run/best_model")
    name = next(iter(state))
    write_weights(tmp_path / "other.pdparams", {**state, name: state[name] + 1})
    assert "3 of 3" in cut_out(trained, images, out, *opts, "--model_path", tmp_path / "other.pdparams").output
    ours, theirs = (
        made_with({}, path, Runtime()) for path in (trained / "run/best_model", tmp_path / "other.pdparams")
    )
    assert ours["weights"] != theirs["weights"] and ours["precision"] == "fp32"


def test_mattes_and_trimaps_of_other_inputs_are_not_replaced(trained: Path, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        drawn.save(tmp_path / folder / "1.png", np.rint(drawn.disc() * 255).astype(np.uint8))
    assert make_trimaps(find_jobs(tmp_path / "a"), tmp_path / "out").written == 1
    again = make_trimaps(find_jobs(tmp_path / "b"), tmp_path / "out")
    assert again.written == 0 and "b/1.png would take its place" in again.failures[0]


def test_a_record_that_cannot_be_written_ends_the_run(tmp_path: Path) -> None:
    picture(tmp_path / "in/a.png")
    (tmp_path / "out" / RECORD).mkdir(parents=True)
    with pytest.raises(MattingError, match=f"{RECORD} cannot be written"):
        cut(tmp_path / "in", tmp_path / "out")
