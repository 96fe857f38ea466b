"""VBVR-DataFactory: questions of its generators, with reference frames and videos, and the VBVR-Dataset of the hub.

Layout: `{generator}/{task}_task/{id}/` with first_frame.png, final_frame.png, ground_truth.mp4, prompt.txt and
metadata.json; or a Parquet file with paths of these. Unpack `{generator}_{start}-{end}.tar.gz` first.
Source: VBVR-DataFactory@2ab7ac6.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from vmevalkit.interop import _vbvr
from vmevalkit.interop._folder import SourceFolder
from vmevalkit.interop._tables import parquet_files, rows_of
from vmevalkit.interop.base import ForeignQuestion, Importer, Unreadable, each, register_format

_COLUMNS = (
    "id", "generator", "task", "sample_id", "prompt", "metadata_json",
    "first_frame_path", "final_frame_path", "ground_truth_video_path",
)  # fmt: skip


@register_format
class VBVRDataFactory(Importer):
    """VBVR-DataFactory."""

    name = "vbvr-datafactory"
    about = "VBVR-DataFactory: questions of its generators, from folders or the Parquet files of VBVR-Dataset."
    url = "https://github.com/Video-Reason/VBVR-DataFactory"
    license = "Apache-2.0"
    version = "2ab7ac6"
    files = (".parquet",)

    def questions(self, source: Path, folder: SourceFolder) -> Iterator[ForeignQuestion | Unreadable]:
        """Yield the questions of a folder of questions, or those of Parquet files, whose images lie beside them."""
        tables = parquet_files(folder, source)
        for path in tables:
            yield from each(rows_of(folder, path, _COLUMNS), partial(_in_row, folder))
        if not tables:
            for first_frame, place in _vbvr.places(folder, "first_frame.png", 3):
                yield from each([("/".join(place), first_frame)], partial(_in_folder, folder, place))


def _in_folder(folder: SourceFolder, place: tuple[str, ...], first_frame: Path) -> ForeignQuestion:
    generator, _, name = place
    return ForeignQuestion("/".join(place), generator, id=name, **_vbvr.files_of(folder, first_frame))


def _in_row(folder: SourceFolder, row: dict[str, Any]) -> ForeignQuestion:
    generator, task, name = (str(row.get(column)) for column in ("generator", "task", "sample_id"))
    return ForeignQuestion(
        original_id=f"{generator}/{task}/{name}",
        task=generator,
        id=f"{task.removesuffix('_task')}_{name}",
        prompt=row.get("prompt"),
        first_frame=folder.optional(row.get("first_frame_path")),
        final_frame=folder.optional(row.get("final_frame_path")),
        ground_truth=folder.optional(row.get("ground_truth_video_path")),
        details={"metadata": _metadata(row.get("metadata_json"))},
    )


def _metadata(text: object) -> Any:
    """Return the metadata as JSON; as text, if it is none."""
    try:
        return json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        return text
