"""MME-CoF: 59 questions of 12 categories, with an end state that a model drew, as VMEvalKit's Parquet file of the hub.

Layout: `*.parquet` with the columns prompt, image, solution_image and perhaps id and category. The repository
ZiyuGuo99/MME-CoF@7ee2298 has a description only. Source: VideoReason/MME-CoF-VMEval on the hub.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from vmevalkit.interop._folder import SourceFolder
from vmevalkit.interop._tables import image_in, parquet_files, plain, rows_of
from vmevalkit.interop.base import ForeignQuestion, Importer, Unreadable, each, register_format, text_of

_COLUMNS = ("id", "prompt", "category", "domain", "answer", "image", "first_frame", "solution_image", "final_frame")
_IMAGES = ("image", "first_frame", "solution_image", "final_frame")


@register_format
class MMECoF(Importer):
    """MME-CoF."""

    name = "mme-cof"
    about = "MME-CoF: questions from the Parquet files of MME-CoF-VMEval."
    url = "https://huggingface.co/datasets/VideoReason/MME-CoF-VMEval"
    license = "MIT"
    version = "7ee2298"
    files = (".parquet",)

    def questions(self, source: Path, folder: SourceFolder) -> Iterator[ForeignQuestion | Unreadable]:
        """Yield the rows of Parquet files. Those without an id are numbered, as VMEvalKit numbers them."""
        place = 0
        for path in parquet_files(folder, source):
            for name, row in rows_of(folder, path, _COLUMNS):
                yield from each([(name, row)], partial(_question, folder, place))
                place += 1


def _question(folder: SourceFolder, place: int, row: dict[str, Any]) -> ForeignQuestion:
    name = text_of(row, "id") or f"mme_cof_{place:04d}"
    return ForeignQuestion(
        original_id=name,
        task=text_of(row, "category", "domain") or "mme_cof",
        id=name,
        prompt=row.get("prompt"),
        first_frame=image_in(row.get("image") or row.get("first_frame"), folder),
        final_frame=image_in(row.get("solution_image") or row.get("final_frame"), folder),
        reference=text_of(row, "answer"),
        details=plain(row, "prompt", "answer", *_IMAGES),
    )
