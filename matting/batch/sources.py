"""From what a person names to a stream of tables of inputs, lazily: folders, manifests and archives of any storage."""

from __future__ import annotations

import functools
import itertools
import logging
import tarfile
from collections.abc import Iterator
from pathlib import PurePosixPath

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from matting.batch.names import plain, resolved, trimaps_of, whole
from matting.batch.rows import INPUTS
from matting.batch.storage import Place
from matting.errors import MattingError
from matting.pictures.listing import IMAGE_EXTENSIONS
from matting.system.lines import BLANKS
from matting.text import written

logger = logging.getLogger(__name__)

COLUMNS = ("input", "path", "image", "url", "key")
"""What the column of inputs may be called in a manifest; the first that is there counts."""

_TRIMAP = "trimap"

MANIFESTS = (".txt", ".csv", ".parquet")
_ROWS = 10_000
"""Of a table, at most, where nothing else says how many."""

Row = tuple[str, str, str, int | None, int | None]


class Source:
    """What is to be cut out.

    Args:
        url: a folder or prefix, a manifest, or a `.tar`.
        output: whose results are no inputs.
        trimaps: a folder or prefix with a trimap of each input, for those of which a manifest names none.

    Raises:
        MattingError: nothing is there, or the output lies in the input.
    """

    def __init__(self, url: str, output: Place, trimaps: str | None = None) -> None:
        self.place, self._trimaps = Place(url), trimaps
        if trimaps is not None and not Place(trimaps).exists():
            raise MattingError(f"--trimap_path {trimaps} does not exist; give a folder with a .png for each input")
        self.ending = PurePosixPath(self.place.path).suffix.lower()
        if not self.place.exists():
            raise MattingError(
                f"--input {url} does not exist; give a folder, a manifest (.txt, .csv, .parquet) or .tar"
            )
        self.is_manifest = self.ending in MANIFESTS
        if not self.is_manifest and self.ending != ".tar" and not self.place.is_folder():
            raise MattingError(
                f"--input {url} is one file; give a folder, a manifest (.txt, .csv, .parquet) or .tar; one picture is "
                "cut out by matting cut, a clip by matting video"
            )
        own, root = f"{output.path.rstrip('/')}/", f"{self.place.path.rstrip('/')}/"
        if type(output.fs) is type(self.place.fs) and not self.is_manifest and own.startswith(root):
            raise MattingError(f"--output {output.url} lies in the input {url}, and would be read again; name another")

    def tables(self) -> Iterator[pa.Table]:
        """Yield tables of `INPUTS`; of a folder in the order of names, of a manifest in its own.

        Raises:
            MattingError: a folder or a manifest cannot be read.
        """
        if self.is_manifest:
            lists = {".txt": self._lines, ".csv": self._csv, ".parquet": self._parquet}[self.ending]()
            yield from map(self._resolved, lists)
            return
        rows = self._archive(self.place, "") if self.ending == ".tar" else self._folder(self.place, "")
        while chunk := list(itertools.islice(rows, _ROWS)):
            columns = [pa.array(column) for column in zip(*chunk, strict=True)]
            yield self._table(*columns)

    def _table(self, urls: pa.Array, names: pa.Array, stamps: pa.Array, *span: pa.Array, **own: pa.Array) -> pa.Table:
        """Return inputs with their trimaps; what tells a picture from a changed one says nothing of its trimap."""
        trimaps = own.get("trimaps", pa.nulls(len(names), pa.string()))
        if self._trimaps is not None:
            trimaps = pc.coalesce(trimaps, trimaps_of(names, self._trimaps))
        if trimaps.null_count < len(trimaps):
            stamps = pc.if_else(pc.is_null(trimaps), stamps, pa.nulls(len(names), pa.string()))
        columns = zip([urls, names, stamps, trimaps, *span], INPUTS, strict=True)
        return pa.Table.from_arrays([column.cast(field.type) for column, field in columns], schema=INPUTS)

    def has_trimaps(self) -> bool:
        """Return whether inputs have trimaps, as far as can be told beforehand."""
        if self._trimaps is not None or self.ending not in (".csv", ".parquet"):
            return self._trimaps is not None
        first = next(self._csv() if self.ending == ".csv" else self._parquet(), None)
        return first is not None and _TRIMAP in first.column_names

    def total(self) -> int | None:
        """Return how many inputs there are where that is known without going through all of them."""
        if self.ending == ".parquet":
            return sum(file.metadata.num_rows for file in self._parquet_files())
        if self.is_manifest and self.place.is_local:
            with open(self.place.path, "rb") as file:
                lines = sum(block.count(b"\n") for block in iter(functools.partial(file.read, 1 << 20), b""))
            return max(lines - (self.ending == ".csv"), 1)
        return None

    def _folder(self, folder: Place, below: str) -> Iterator[Row]:
        """Yield the pictures of a folder; no more than the names of the folders above it are held."""
        for entry in folder.entries():
            name = below + entry.url.rpartition("/")[2]
            if entry.is_folder:
                yield from self._folder(folder / name[len(below) :], f"{name}/")
            elif name.lower().endswith(".tar"):
                yield from self._archive(folder / name[len(below) :], f"{name}/")
            elif PurePosixPath(name).suffix.lower() in IMAGE_EXTENSIONS:
                yield written(entry.url), written(name), entry.stamp, None, None

    def _archive(self, archive: Place, below: str) -> Iterator[Row]:
        """Yield the pictures in a .tar by where they lie in it, so that each is read by itself."""
        stamp = archive.stamp()
        with archive.open() as file:
            try:
                with tarfile.open(fileobj=file, mode="r:") as members:
                    while (member := members.next()) is not None:
                        members.members = []  # type: ignore[attr-defined]  # it would keep all
                        if member.isfile() and PurePosixPath(member.name).suffix.lower() in IMAGE_EXTENSIONS:
                            end = member.offset_data + member.size
                            name = written(below + plain(member.name))
                            yield written(archive.url), name, stamp, member.offset_data, end
            except tarfile.TarError as error:
                raise MattingError(
                    f"{archive.url} is no plain .tar, or is cut short ({error}); pack it again, uncompressed"
                ) from None

    def _lines(self) -> Iterator[pa.Table]:
        with self.place.open() as file:
            while lines := list(itertools.islice(file, _ROWS)):
                try:
                    texts = [line.decode("utf-8-sig").rstrip("\r\n").strip(BLANKS) for line in lines]
                except UnicodeDecodeError:
                    raise MattingError(f"{self.place.url}: not UTF-8 text; save it in UTF-8") from None
                yield pa.table({"input": pa.array([text for text in texts if text], pa.string())})

    def _csv(self) -> Iterator[pa.Table]:
        with self.place.open() as file:
            try:
                texts = dict.fromkeys((*COLUMNS, _TRIMAP, "etag", "size"), pa.string())
                strings = pa.csv.ConvertOptions(column_types=texts)
                for batch in pa.csv.open_csv(file, convert_options=strings):
                    yield pa.Table.from_batches([batch])
            except pa.ArrowInvalid as error:
                raise MattingError(f"{self.place.url} is no CSV that can be read: {error}; see docs/scale.md") from None

    def _parquet_files(self) -> Iterator[pq.ParquetFile]:
        """Yield the file, or those of a folder that stands for one."""
        places = [self.place / name for name in self.place.names()] if self.place.is_folder() else [self.place]
        for place in places:
            if not place.path.rpartition("/")[2].startswith(("_", ".")):
                try:
                    yield pq.ParquetFile(place.open())
                except pa.ArrowInvalid as error:
                    raise MattingError(f"{place.url} is no parquet file: {error}; write it again") from None

    def _parquet(self) -> Iterator[pa.Table]:
        for file in self._parquet_files():
            known = [name for name in file.schema_arrow.names if name in (*COLUMNS, _TRIMAP, "etag", "size", "stamp")]
            _column(file.schema_arrow.names, self.place.url)
            for batch in file.iter_batches(_ROWS, columns=known):
                yield pa.Table.from_batches([batch])

    def _resolved(self, listed: pa.Table) -> pa.Table:
        """Return rows of a manifest as inputs: relative ones lie beside it."""
        paths = listed[_column(listed.column_names, self.place.url)].cast(pa.string())
        root = self.place.url.rpartition("/")[0] or "."
        urls, names = resolved(whole(pc.fill_null(paths, "")), root)
        stamp = next((name for name in ("stamp", "etag", "size") if name in listed.column_names), None)
        stamps = listed[stamp].cast(pa.string()) if stamp else pa.nulls(len(paths), pa.string())
        span = [pa.nulls(len(paths), pa.int64())] * 2
        if _TRIMAP not in listed.column_names:
            return self._table(urls, names, stamps, *span)
        own = whole(pc.fill_null(listed[_TRIMAP].cast(pa.string()), ""))
        trimaps = pc.if_else(pc.equal(own, ""), pa.nulls(len(paths), pa.string()), resolved(own, root)[0])
        return self._table(urls, names, stamps, *span, trimaps=trimaps)


def _column(names: list[str], url: str) -> str:
    for name in COLUMNS:
        if name in names:
            return name
    raise MattingError(
        f"{url} has the columns {', '.join(names)}, and none of them is called {' or '.join(COLUMNS)}; rename one"
    )
