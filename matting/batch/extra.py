"""Ray, pyarrow and fsspec: looked for before anything begins, and missed in one sentence."""

from __future__ import annotations

from importlib.util import find_spec

from matting.errors import MattingError


def require() -> None:
    """See that what the extra `batch` brings is installed, without importing it.

    Raises:
        MattingError: it is not.
    """
    missing = [name for name in ("ray", "pyarrow", "fsspec") if find_spec(name) is None]
    if missing:
        raise MattingError(
            f"batches need {', '.join(missing)}, which is not installed: pip install ray pyarrow fsspec s3fs, or "
            "the extra `batch`; on one machine `matting cut FOLDER -o RESULTS` does the same without"
        )
