"""VideoThinkBench: puzzles, mazes, ARC-AGI-2 and texts, as Parquet files of the hub, or the folder of a generator.

Layout: `{configuration}/*.parquet` with the columns task, id, prompt, image and solution_image; or `data.json` with
paths of images. Source: OpenMOSS-Team/VideoThinkBench on the hub, Thinking-with-Video@557f0b2.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from vmevalkit.interop._folder import SourceFolder
from vmevalkit.interop._tables import image_in, parquet_files, plain, rows_of
from vmevalkit.interop.base import ForeignQuestion, Importer, Unreadable, each, mapping, register_format, text_of

_COLUMNS = ("task", "id", "prompt", "question", "answer", "options", "image", "solution_image")
_USED = ("prompt", "image", "solution_image", "solution_image_path", "answer")


@register_format
class VideoThinkBench(Importer):
    """VideoThinkBench."""

    name = "videothinkbench"
    about = "VideoThinkBench: questions that have an image, from Parquet files or a generator's data.json."
    url = "https://huggingface.co/datasets/OpenMOSS-Team/VideoThinkBench"
    license = "MIT"
    version = "557f0b2"
    files = (".parquet", ".json")

    def questions(self, source: Path, folder: SourceFolder) -> Iterator[ForeignQuestion | Unreadable]:
        """Yield the rows of Parquet files, then those of files data.json."""
        for path in parquet_files(folder, source):
            configuration = path.resolve().parent.name
            rows = ((name, (n, row)) for n, (name, row) in enumerate(rows_of(folder, path, _COLUMNS)))
            yield from each(rows, partial(_question, folder, "", configuration))
        lists = [source] if source.suffix == ".json" else folder.files("**/data.json") if source.is_dir() else []
        for path in lists:
            beside = folder.name(path.parent)
            rows_here = enumerate(folder.json_lines(folder.name(path)))
            yield from each(
                ((f"{path}, row {n}", (n, row)) for n, row in rows_here),
                partial(_question, folder, "" if beside == "." else beside, path.resolve().parent.name),
            )


def _question(folder: SourceFolder, beside: str, configuration: str, item: tuple[int, Any]) -> ForeignQuestion:
    place, value = item
    row = mapping(value, "a row")
    name = str(row.get("id") if row.get("id") is not None else place)
    task = text_of(row, "task") or configuration

    def image(*names: str) -> Any:
        found = next((row[name] for name in names if row.get(name)), None)
        return image_in(f"{beside}/{found}" if beside and isinstance(found, str) else found, folder)

    return ForeignQuestion(
        original_id=f"{configuration}/{task}/{name}",
        task=task,
        id=f"{task}_{name}",
        prompt=text_of(row, "prompt", "question"),
        first_frame=image("image"),
        final_frame=image("solution_image", "solution_image_path"),
        reference=text_of(row, "answer"),
        details=plain(row, *_USED),
    )
