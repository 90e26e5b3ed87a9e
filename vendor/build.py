"""Build the stand-ins beside this file: packages that are required by others, are not wanted, and hold nothing.

pip cannot be told to leave out what a package requires. So that `pip install -r requirements.txt` works, each of these
fills such a requirement by its name and version alone. The same bytes come out wherever this runs: `make lock` runs it.
"""

from __future__ import annotations

import base64
import hashlib
import zipfile
from pathlib import Path

STAND_INS = {
    ("opencv-python", "4.6.0+headless"): (
        "Nothing: opencv-python-headless provides cv2. PaddleSeg 2.8.0 requires opencv-python<=4.6.0, whose newest "
        "wheel cannot be imported under NumPy 2 and bundles an old libwebp."
    ),
    ("openvino-telemetry", "2026.0+nothing"): (
        "Nothing: OpenVINO works as well without it; with it every import sends an event to an analytics service."
    ),
    ("onnxoptimizer", "0.3.13+nothing"): (
        "Nothing: paddle2onnx imports it only where it is asked to optimise by it; it has no wheel for Linux on Arm."
    ),
}
"""(name, version) to what it says of itself; the local part of the version tells it from the real one."""


def build(name: str, version: str, summary: str, folder: Path) -> Path:
    """Write one wheel of metadata, and return its path."""
    stem = f"{name.replace('-', '_')}-{version}"
    files = {
        f"{stem}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nSummary: {summary}\n",
        f"{stem}.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: vendor\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = f"{stem}.dist-info/RECORD"
    files[record] = "".join([*(_row(path, text) for path, text in files.items()), f"{record},,\n"])
    wheel = folder / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:  # stored, not deflated, which libraries do differently
        for path, text in files.items():
            archive.writestr(zipfile.ZipInfo(path), text)
    return wheel


def _row(path: str, text: str) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
    return f"{path},sha256={digest},{len(text.encode())}\n"


if __name__ == "__main__":
    for (name, version), summary in STAND_INS.items():
        build(name, version, summary, Path(__file__).resolve().parent)
