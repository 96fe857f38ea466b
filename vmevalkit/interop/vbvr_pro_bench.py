"""VBVR-Pro-Bench: the video track, 1024x1024 at 16 fps, with symbolic metadata.

Layout: as VBVR-Bench, with metadata.json. Unpack `VBVR-Pro-Bench-Video.tar.gz` first. Source: VBVR-Pro-Bench@0142df2.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

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
    register_format,
)
from vmevalkit.reporting.paths import ExperimentPaths


@register_format
class VBVRProBench(Importer, Exporter):
    """VBVR-Pro-Bench."""

    name = "vbvr-pro-bench"
    about = "VBVR-Pro-Bench: questions of its video track, answers, and scores of its evaluators."
    url = "https://github.com/Video-Reason/VBVR-Pro-Bench"
    license = "CC-BY-NC-4.0"
    version = "0142df2"

    def questions(self, source: Path, folder: SourceFolder) -> Iterator[ForeignQuestion | Unreadable]:
        """Yield the questions at `{split}/{task}/{index}/`."""
        for first_frame, place in _vbvr.places(folder, "first_frame.png", 3):
            yield from each([("/".join(place), first_frame)], partial(_vbvr.in_folder, folder, place))

    def videos(self, source: Path, folder: SourceFolder) -> Iterator[ForeignVideo | Unreadable]:
        """Yield the videos at `{model}/{split}/{task}/{index}.mp4`."""
        return _vbvr.predictions(folder)

    def scores(self, source: Path, folder: SourceFolder) -> Iterator[ForeignScore | Unreadable]:
        """Yield the scores in the files of its evaluators."""
        return _vbvr.results(folder, source, "vbvr-pro-evaluators")

    def export(self, experiment: ExperimentPaths, target: Path) -> Exported:
        """Write the videos at `{model}/{split}/{task}/{index}.mp4`."""
        return write_predictions(self, experiment, target)
