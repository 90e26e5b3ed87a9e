"""Batches from and to object storage that refuses, throttles and breaks off on plan, and onto disks that are full."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import drawn
from bucket import BROKEN, CUT, DENIED, SLOW_DOWN, UNKNOWN_KEY, Bucket, Fault, serving
from matting.batch.storage import Place
from matting.datasets.matting_dataset import MattingDataset
from matting.errors import MattingError
from matting.system import atomic
from test_batch import committed, contents, run, write_pictures
from tools import run_tool

PHOTOS, CUTOUTS = "s3://shop/photos", "s3://shop/cutouts"


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    """A bucket with twelve pictures, which are in the folder `in` as well."""
    s3fs = pytest.importorskip("s3fs")
    monkeypatch.setattr("matting.batch.storage.PAUSE", 0)
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")  # which would be asked for credentials
    write_pictures(tmp_path / "in", 12)
    files = {f"shop/photos/{name}": content for name, content in contents(tmp_path / "in").items()}
    with serving(Bucket(files)) as served:
        monkeypatch.setenv("AWS_ENDPOINT_URL", served.url)
        s3fs.S3FileSystem.clear_instance_cache()
        yield served
        s3fs.S3FileSystem.clear_instance_cache()


def results(bucket: Bucket) -> dict[str, bytes]:
    own = {key.removeprefix("shop/cutouts/"): value for key, value in bucket.objects.items() if "/cutouts/" in key}
    return {name: content for name, content in own.items() if not name.startswith("_matting/")}


def test_a_bucket_that_fails_now_and_then_is_asked_again(bucket: Bucket, tmp_path: Path) -> None:
    faults: dict[str, Fault] = {"0/000": CUT, "1/001": SLOW_DOWN, "2/002": BROKEN, "0/003": DENIED, "1/004": SLOW_DOWN}
    torn = bucket.objects["shop/photos/2/005.png"]
    bucket.objects["shop/photos/2/005.png"] = torn[: len(torn) // 2]  # half-uploaded

    def plan(method: str, key: str, times: int) -> Fault | None:
        if "0/006" in key and method == "GET":
            return DENIED
        of_this = next((fault for name, fault in faults.items() if name in key), None)
        return of_this if times == 0 and method in ("GET", "PUT") else None

    bucket.plan = plan
    report = run(PHOTOS, CUTOUTS)
    assert report.written == 10 and report.failed == {"picture": 1, "storage": 1}
    (refused,) = (said for said in report.said if "006" in said)
    assert "AccessDenied" in refused and refused.count("0/006.png") == 1
    bucket.plan = lambda *_: None
    bucket.objects["shop/photos/2/005.png"] = torn
    again = run(PHOTOS, CUTOUTS)
    assert (again.written, again.skipped, again.failed) == (2, 10, {})
    assert run(tmp_path / "in", tmp_path / "out").written == 12
    assert results(bucket) == contents(tmp_path / "out")
    assert run(PHOTOS, CUTOUTS).skipped == 12


def test_credentials_that_are_missing_or_refused_are_said_at_once(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.plan = lambda *_: UNKNOWN_KEY
    with pytest.raises(MattingError, match=r"s3://shop/photos cannot be read: .*Forbidden.*check credentials"):
        run(PHOTOS, CUTOUTS)
    assert sum(times + 1 for times in bucket.asked.values()) <= 4
    bucket.plan, bucket.asked = lambda *_: None, {}
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    Place(PHOTOS).fs.clear_instance_cache()
    with pytest.raises(MattingError, match=r"Unable to locate credentials.*check credentials"):
        run(PHOTOS, CUTOUTS)
    assert not bucket.asked


def test_an_output_that_refuses_ends_the_run_in_a_sentence(bucket: Bucket, tmp_path: Path) -> None:
    bucket.plan = lambda method, key, times: DENIED if method == "PUT" and "cutouts/1/007" in key else None
    with pytest.raises(MattingError, match=r"cutouts/1/007.*cannot be written: .*AccessDenied"):
        run(PHOTOS, CUTOUTS)
    assert not [key for key in bucket.objects if "lease" in key]
    bucket.plan = lambda *_: None
    report = run(PHOTOS, CUTOUTS)
    assert report.written + report.skipped == 12 and report.written
    run(tmp_path / "in", tmp_path / "out")
    assert results(bucket) == contents(tmp_path / "out")
    bucket.plan = lambda method, key, times: DENIED if method == "PUT" and "lease" in key else None
    with pytest.raises(MattingError, match=r"lease-\d+ cannot be written: .*AccessDenied"):
        run(PHOTOS, CUTOUTS)


def test_a_manifest_in_a_bucket_names_others(bucket: Bucket, tmp_path: Path) -> None:
    names = sorted(key.removeprefix("shop/") for key in bucket.objects)
    for columns, name in (({"picture": names}, "odd"), ({"key": [*names, "photos/none.png"]}, "list")):
        pq.write_table(pa.table(columns), tmp_path / name)
        bucket.objects[f"shop/{name}.parquet"] = (tmp_path / name).read_bytes()
    with pytest.raises(MattingError, match=r"odd.parquet has the columns picture, and none of them is called input"):
        run("s3://shop/odd.parquet", CUTOUTS)
    report = run("s3://shop/list.parquet", tmp_path / "out")
    assert report.written == 12 and report.failed == {"storage": 1} and "nothing is there" in report.said[0]
    with pytest.raises(MattingError, match=r"s3://shop/none.parquet does not exist"):
        run("s3://shop/none.parquet", CUTOUTS)


def test_a_packed_data_set_comes_from_a_bucket_as_it_is(bucket: Bucket, tmp_path: Path) -> None:
    drawn.dataset(tmp_path / "data", count=3)
    sizes = ("--short_side", 40, "--num_workers", 0)
    packed = tmp_path / "packed"
    outcome = run_tool("pack_data", "train.txt", "--dataset_root", tmp_path / "data", "--target", packed, *sizes)
    assert outcome.status == 0, outcome.error
    bucket.objects |= {f"shop/packed/{name}": content for name, content in contents(packed).items()}
    Place("s3://shop").fs.get("shop/packed/", f"{tmp_path}/here/", recursive=True)
    assert contents(tmp_path / "here") == contents(packed)
    ours, theirs = (MattingDataset(str(root), [], train_file="train.txt") for root in (tmp_path / "here", packed))
    for index in range(3):
        one, other = ours[1, index], theirs[1, index]
        assert one.keys() == other.keys() and np.array_equal(one["image"], other["image"])
        assert np.array_equal(one["alpha"], other["alpha"])


def test_a_full_disk_ends_the_run_and_keeps_what_is_committed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_pictures(tmp_path / "in", 30)
    write, room = atomic.write_bytes, [40]

    def full(path: str | Path, content: bytes) -> object:
        room[0] -= 1
        with atomic.explained(path):
            if room[0] < 0:
                raise OSError(errno.ENOSPC, "No space left on device")
            return write(path, content)

    monkeypatch.setattr(atomic, "write_bytes", full)
    with pytest.raises(MattingError, match="cannot be written: No space left on device; .*make room"):
        run(tmp_path / "in", tmp_path / "out")
    monkeypatch.undo()
    before = committed(tmp_path / "out")
    assert 0 < len(before) < 30
    report = run(tmp_path / "in", tmp_path / "out")
    assert (report.skipped, report.written) == (len(before), 30 - len(before))
    run(tmp_path / "in", tmp_path / "quiet")
    assert contents(tmp_path / "out") == contents(tmp_path / "quiet")
