"""Physics-IQ: 198 scenes of real physics, each seen from three sides, with what really happened as reference.

Layout: `descriptions*.csv` (scenario, description, category, generated_video_name) and
`switch-frames/{ID}_switch-frames_anyFPS_{side}_{scene}.jpg`; what happened in
`split-videos/testing*/{N}FPS/{ID}_testing-videos_*.mp4`. Videos at `{model}/{ID}_*.mp4`. Its own score needs videos of
exactly 5 seconds, two takes and masks; `reference` compares ends only. Source: physics-IQ-benchmark@e457754.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from vmevalkit import store
from vmevalkit.errors import QuestionError
from vmevalkit.interop._folder import SourceFolder
from vmevalkit.interop.base import ForeignQuestion, ForeignVideo, Importer, Unreadable, each, register_format

_TABLE_LIMIT = 2**24
_FIRST_TAKE = "_take-1_"


@register_format
class PhysicsIQ(Importer):
    """Physics-IQ."""

    name = "physics-iq"
    about = "Physics-IQ: questions with the real video as reference, and answers."
    url = "https://github.com/google-deepmind/physics-IQ-benchmark"
    license = "Apache-2.0 and CC-BY"
    version = "e457754"
    files = (".csv",)

    def questions(self, source: Path, folder: SourceFolder) -> Iterator[ForeignQuestion | Unreadable]:
        """Yield the scenes of the first take: the second shows how much two takes differ."""
        below = folder.files("descriptions*.csv") or folder.files("**/descriptions*.csv")
        tables = [source] if source.is_file() else below
        # Of several tables with descriptions, the first: the others describe the same scenes in other words.
        for path in tables[:1]:
            rows = csv.DictReader(io.StringIO(folder.text(folder.name(path), _TABLE_LIMIT)))
            first = (row for row in rows if _FIRST_TAKE in (row.get("scenario") or ""))
            yield from each(((str(row.get("scenario")), row) for row in first), partial(_question, folder))

    def videos(self, source: Path, folder: SourceFolder) -> Iterator[ForeignVideo | Unreadable]:
        """Yield the videos at `{model}/{ID}_*.mp4`."""
        for path in folder.files("**/[0-9][0-9][0-9][0-9]_*.mp4"):
            model = path.resolve().parent.name
            yield ForeignVideo(path.stem, model.removeprefix(".") or model, path)


def _question(folder: SourceFolder, row: Mapping[str, str | None]) -> ForeignQuestion:
    name = Path(row.get("generated_video_name") or "").stem
    number, _, rest = name.partition("_")
    if not (number.isdigit() and store.is_name(name)):
        raise QuestionError(f"generated_video_name {name!r:.80} does not start with an ID")
    side, _, scene = rest.partition("_")
    return ForeignQuestion(
        original_id=name,
        task=scene,
        prompt=row.get("description"),
        first_frame=folder.file(f"switch-frames/{number}_switch-frames_anyFPS_{side}_{scene}.jpg"),
        ground_truth=next(iter(folder.files(f"split-videos/testing*/*FPS/{number}_testing-videos_*.mp4")), None),
        details={"category": row.get("category"), "side": side},
    )
