"""What benchmarks on the Hugging Face hub share: rows of Parquet files with a prompt and images in columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from vmevalkit.errors import QuestionError
from vmevalkit.interop._folder import SourceFolder
from vmevalkit.interop.base import Content


def parquet_files(folder: SourceFolder, source: Path) -> list[Path]:
    """Return the Parquet file that the user named, or those below the folder."""
    if source.is_file():
        return [source] if source.suffix == ".parquet" else []
    return folder.files("**/*.parquet")


def rows_of(folder: SourceFolder, path: Path, columns: tuple[str, ...]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the rows of a Parquet file, each with a name for messages."""
    for number, row in enumerate(folder.rows(folder.name(path), columns)):
        yield f"{path.name}, row {number}", row


def image_in(value: object, folder: SourceFolder) -> Content | None:
    """Return the image in a column: bytes, the path of a file, or the two as the hub stores them; None if empty.

    Raises:
        QuestionError: it is something else, or the file lies outside of the folder.
    """
    if isinstance(value, Mapping):
        value = value["bytes"] if value.get("bytes") else value.get("path")
    if value is None or value == "" or value == b"":
        return None
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return folder.file(value)
    raise QuestionError(f"an image column holds {type(value).__name__}")


def plain(row: Mapping[str, Any], *used: str) -> dict[str, Any]:
    """Return what else a row says: texts, numbers and lists, as JSON holds them."""
    return {name: value for name, value in row.items() if name not in used and _is_plain(value)}


def _is_plain(value: object) -> bool:
    if isinstance(value, list):
        return all(map(_is_plain, value))
    if isinstance(value, Mapping):
        return all(isinstance(key, str) and _is_plain(item) for key, item in value.items())
    return isinstance(value, (str, int)) or (isinstance(value, float) and abs(value) < float("inf"))
