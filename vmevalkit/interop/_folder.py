"""Files that somebody else made: read within limits, and only inside the folder that the user named."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from vmevalkit.errors import QuestionError, UsageError, first_line

JSON_LIMIT = 2**30
"""Bytes of a JSON file. VBVR-Bench.json holds 500 images in base64."""

FILE_LIMIT = 2**32
"""Bytes of an image or video."""

LINE_LIMIT = 2**26
"""Bytes of a line of a JSON Lines file."""

ROW_LIMIT = 1_000_000
"""Rows of a table."""

BYTES_LIMIT = 2**30
"""Bytes of one column of one row group of a Parquet file, after decompression; and of one value in it: 64 MiB."""
VALUE_LIMIT = 2**26


class SourceFolder:
    """A folder that a user named, and the files in it. Links that leave it are refused.

    Args:
        root: the folder, or a file, whose folder is then meant.

    Raises:
        UsageError: it does not exist.
    """

    def __init__(self, root: Path) -> None:
        if not root.exists():
            raise UsageError(f"there is no file or folder {root}")
        self.root = root if root.is_dir() else root.parent
        self._real = os.path.realpath(self.root)

    def files(self, pattern: str) -> list[Path]:
        """Return the files that match a pattern, sorted, except links that leave the folder, and devices and pipes."""
        return [path for path in sorted(self.root.glob(pattern)) if os.path.isfile(path) and self._is_inside(path)]

    def folders(self, pattern: str) -> list[Path]:
        """Return the folders that match a pattern, sorted, except links that leave the folder."""
        return [path for path in sorted(self.root.glob(pattern)) if os.path.isdir(path) and self._is_inside(path)]

    def name(self, path: Path) -> str:
        """Return a path below the folder, with `/`."""
        return path.relative_to(self.root).as_posix()

    def file(self, relative: object) -> Path:
        """Return the path of a file below the folder.

        Raises:
            QuestionError: there is no such file in the folder.
        """
        path = self._path(relative)
        if not os.path.isfile(path):
            raise QuestionError(f"{path} is missing")
        return path

    def optional(self, relative: object) -> Path | None:
        """Return the path of a file below the folder; None if it does not exist.

        Raises:
            QuestionError: it lies outside of the folder.
        """
        path = self._path(relative) if relative is not None else None
        return path if path is not None and os.path.isfile(path) else None

    def _path(self, relative: object) -> Path:
        if not isinstance(relative, str) or not relative or "\0" in relative:
            raise QuestionError(f"{relative!r:.80} is not the name of a file")
        path = self.root / relative
        if not self._is_inside(path):
            raise QuestionError(f"{relative} lies outside of {self.root}", "copy the file into the folder")
        return path

    def text(self, relative: str, limit: int = JSON_LIMIT) -> str:
        """Read a text file.

        Raises:
            QuestionError: it is missing, too large, or not UTF-8.
        """
        path = self.file(relative)
        try:
            if path.stat().st_size > limit:
                raise QuestionError(f"{path} has {path.stat().st_size} bytes; at most {limit} are read")
            return path.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError as error:
            raise QuestionError(f"{path} is not UTF-8 (byte {error.start})") from None
        except OSError as error:
            raise QuestionError(f"{path} cannot be read: {error.strerror}") from None

    def json(self, relative: str) -> Any:
        """Read a JSON file.

        Raises:
            QuestionError: it cannot be read, or is not JSON.
        """
        return _parse(self.text(relative), str(self.root / relative))

    def json_lines(self, relative: str) -> Iterator[Any]:
        """Read a JSON Lines file, or a JSON file with a list, one value after another."""
        path = self.file(relative)
        if path.suffix == ".json":
            found = self.json(relative)
            yield from found if isinstance(found, list) else [found]
            return
        with path.open("rb") as file:
            for number, line in enumerate(iter(lambda: file.readline(LINE_LIMIT), b""), 1):
                if len(line) == LINE_LIMIT:
                    raise QuestionError(f"{path}: line {number} is longer than {LINE_LIMIT} bytes")
                if line.strip():
                    yield _parse(line.decode("utf-8", "replace"), f"{path}, line {number}")

    def rows(self, relative: str, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Read the rows of a Parquet file, one at a time, with the columns that exist of those named.

        Raises:
            QuestionError: it is not Parquet, or unpacks to more than the limits.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        path = self.file(relative)
        try:
            # Values that are repeated stay stored once, so that a small file cannot fill the memory.
            file = pq.ParquetFile(path, pre_buffer=False)
            _check_size(path, file.metadata)
            present = [name for name in columns if name in file.schema_arrow.names]
            for batch in file.iter_batches(batch_size=1, columns=present, use_threads=False):
                if batch.nbytes > VALUE_LIMIT:
                    raise QuestionError(f"{path}: a row has {batch.nbytes} bytes; at most {VALUE_LIMIT} are read")
                yield from batch.to_pylist()
        except (pa.ArrowException, OSError, ValueError) as error:
            raise QuestionError(f"{path} is not a readable Parquet file: {first_line(error)}") from None

    def _is_inside(self, path: Path) -> bool:
        real = os.path.realpath(path)
        return real == self._real or real.startswith(self._real + os.sep)


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """Open an image or video for reading.

    Raises:
        QuestionError: it cannot be read, or is too large.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise QuestionError(f"{path} cannot be read: {error.strerror}") from None
    with file:
        size = os.fstat(file.fileno()).st_size
        if size > FILE_LIMIT:
            raise QuestionError(f"{path} has {size} bytes; at most {FILE_LIMIT} are read")
        yield file


def _check_size(path: Path, metadata: Any) -> None:
    if metadata.num_rows > ROW_LIMIT:
        raise QuestionError(f"{path} has {metadata.num_rows} rows; at most {ROW_LIMIT} are read")
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        for place in range(group.num_columns):
            column = group.column(place)
            if column.total_uncompressed_size > BYTES_LIMIT:
                size = column.total_uncompressed_size
                raise QuestionError(
                    f"{path}: column {column.path_in_schema} unpacks to {size} bytes; at most {BYTES_LIMIT} are read",
                    "write it with smaller row groups",
                )


def _parse(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise QuestionError(f"{where} is not JSON: {first_line(error)}") from None
    except RecursionError:
        raise QuestionError(f"{where} has too many brackets") from None
