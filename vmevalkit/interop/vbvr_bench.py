"""VBVR-Bench: 500 questions of 100 tasks, with reference frames and videos.

Layout: `{split}/{task}/{index}/` with first_frame.png, final_frame.png, ground_truth.mp4 and prompt.txt, or the file
VBVR-Bench.json beside these. Answers: `{model}/{split}/{task}/{index}.mp4`. Source: Video-Reason/VBVR-EvalKit@275472f.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from vmevalkit.errors import QuestionError
from vmevalkit.interop import _vbvr
from vmevalkit.interop._folder import SourceFolder
from vmevalkit.interop._predictions import write_predictions
from vmevalkit.interop.base import (
    Exported,
    Exporter,
    ForeignQuestion,
    ForeignScore,
    ForeignVideo,
    Importer,
    Unreadable,
    each,
    mapping,
    register_format,
)
from vmevalkit.reporting.paths import ExperimentPaths


@register_format
class VBVRBench(Importer, Exporter):
    """VBVR-Bench."""

    name = "vbvr-bench"
    about = "VBVR-Bench: questions, answers, and scores of its evaluators."
    url = "https://github.com/Video-Reason/VBVR-EvalKit"
    license = "Apache-2.0"
    version = "275472f"
    files = (".json",)

    def questions(self, source: Path, folder: SourceFolder) -> Iterator[ForeignQuestion | Unreadable]:
        """Yield the questions of a folder, or of VBVR-Bench.json."""
        if source.is_dir():
            for first_frame, place in _vbvr.places(folder, "first_frame.png", 3):
                yield from each([("/".join(place), first_frame)], partial(_vbvr.in_folder, folder, place))
            return
        rows = folder.json(source.name)
        if not isinstance(rows, list):
            raise QuestionError(f"{source} should hold a list of questions")
        yield from each(((f"row {n}", row) for n, row in enumerate(rows)), partial(_in_row, folder))

    def videos(self, source: Path, folder: SourceFolder) -> Iterator[ForeignVideo | Unreadable]:
        """Yield the videos at `{model}/{split}/{task}/{index}.mp4`."""
        return _vbvr.predictions(folder)

    def scores(self, source: Path, folder: SourceFolder) -> Iterator[ForeignScore | Unreadable]:
        """Yield the scores in the files of its evaluators."""
        return _vbvr.results(folder, source, "vbvr-evalkit")

    def export(self, experiment: ExperimentPaths, target: Path) -> Exported:
        """Write the videos at `{model}/{split}/{task}/{index}.mp4`."""
        return write_predictions(self, experiment, target)


def _in_row(folder: SourceFolder, value: object) -> ForeignQuestion:
    row = mapping(value, folder.root)
    parts = Path(str(row.get("first_frame_path"))).parts
    if len(parts) < 4:
        raise QuestionError(f"first_frame_path {row.get('first_frame_path')!r:.80}: should be SPLIT/TASK/INDEX/FILE")
    split, task, index = parts[-4:-1]
    return ForeignQuestion(
        original_id=f"{split}/{task}/{index}",
        task=task,
        id=f"{task}_{index}",
        prompt=row.get("prompt"),
        first_frame=_image(row.get("first_image"), folder) or folder.optional(row.get("first_frame_path")),
        final_frame=folder.optional(row.get("final_frame_path")),
        ground_truth=folder.optional(row.get("ground_truth_video_path")),
    )


def _image(text: Any, folder: SourceFolder) -> bytes | None:
    """Return an image that is written in base64."""
    if not isinstance(text, str) or not text:
        return None
    try:
        return base64.b64decode(text.partition(",")[2] if text.startswith("data:") else text, validate=True)
    except (binascii.Error, ValueError):
        raise QuestionError(f"first_image in {folder.root} is not base64") from None
