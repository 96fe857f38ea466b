"""The samples of the page: images, video, strip and filters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from vmevalkit import store
from vmevalkit.reporting.marks import Mark, marks_of
from vmevalkit.reporting.media import QuestionImage, ReportVideo, question_folder, video_folder
from vmevalkit.reporting.paths import ExperimentPaths, relative
from vmevalkit.reporting.summary import MODES_AND_NONE
from vmevalkit.store.experiment import ExperimentData, SampleRecord
from vmevalkit.types import Geometry, Source

VERDICTS = {
    "pass": ("✓", "The answer is right, was reached by legal visible steps, and the rest of the scene stayed."),
    "fail": ("✕", "The video was scored and does not pass; the reason says why."),
    "unscorable": ("?", "The scorer cannot decide about this video; the reason says why."),
    "broken": ("!", "There is a file, but it cannot be decoded as a video."),
    "failed": ("!", "The model was run, but made no video."),
    "missing": ("–", "There is no video."),
    "not scored": ("–", "No score has been written yet; counted as missing."),
}
"""Symbol and meaning of each verdict."""


@dataclass(frozen=True)
class Tile:
    """One frame of a strip: its CSS object position in per cent, and its time in seconds."""

    frame: int
    seconds: float
    position: float
    is_evidence: bool


@dataclass(frozen=True)
class Shot:
    """An image of the question on the page, or the reason why there is none."""

    caption: str
    src: str | None
    size: tuple[int, int] | None
    problem: str | None


@dataclass(frozen=True)
class SampleView:
    """A sample on the page."""

    sample: SampleRecord
    id: str
    prompt: str | None
    credit: str | None
    glyph: str
    shots: list[Shot]
    video: ReportVideo | None
    source: str | None
    poster: str
    strip: str
    tiles: list[Tile]
    marks: list[Mark]

    @property
    def evidence_seconds(self) -> float | None:
        """Time of the evidence frame; None if it is not in the strip."""
        return next((tile.seconds for tile in self.tiles if tile.is_evidence), None)


def sample_view(
    paths: ExperimentPaths,
    sample: SampleRecord,
    prompt: str | None,
    images: Mapping[tuple[str, str, str], QuestionImage],
    video: ReportVideo | None,
    origin: Source | None = None,
) -> SampleView:
    """Return what the page shows of a sample."""
    suffix = store.seed_suffix(sample.score.seed)
    folder = video_folder(paths.report / "media", sample.key)
    return SampleView(
        sample=sample,
        id=sample_id(*sample.key),
        prompt=prompt,
        credit=origin.credit if origin else None,
        glyph=VERDICTS[sample.verdict][0],
        shots=[*_shots(paths, sample, images)],
        video=video,
        source=_url(sample.video, paths.report) if sample.video else None,
        poster=_url(folder / f"poster{suffix}.webp", paths.report),
        strip=_url(folder / f"strip{suffix}.webp", paths.report),
        tiles=_tiles(video) if video else [],
        marks=_marks(paths, sample, images, video) if video else [],
    )


def sample_id(model: str, task: str, question_id: str, seed: int) -> str:
    """Return the id of a sample on the page."""
    return f"{model}/{task}/{question_id}{store.seed_suffix(seed)}"


def filter_choices(data: ExperimentData) -> dict[str, list[tuple[str, int]]]:
    """Return the values by which samples can be filtered, with the number of samples of each."""
    models = Counter(sample.score.model for sample in data.samples)
    verdicts = Counter(sample.verdict for sample in data.samples)
    modes = Counter(sample.mode for sample in data.samples)
    return {
        "model": [(name, models[name]) for name in data.models if models[name]],
        "task": sorted(Counter(sample.score.task for sample in data.samples).items()),
        "verdict": [(name, verdicts[name]) for name in VERDICTS if verdicts[name]],
        "reason": sorted(Counter(sample.score.reason for sample in data.samples).items()),
        "mode": [(mode or "none", modes[mode]) for mode in MODES_AND_NONE if modes[mode]],
    }


def _shots(
    paths: ExperimentPaths, sample: SampleRecord, images: Mapping[tuple[str, str, str], QuestionImage]
) -> Iterator[Shot]:
    _, task, question_id, _ = sample.key
    folder = question_folder(paths.report / "media", task, question_id)
    for name, caption in (("first", "First frame"), ("final", "Right answer")):
        image = images.get((task, question_id, name))
        if image is not None:
            src = None if image.problem else _url(folder / f"{name}.webp", paths.report)
            yield Shot(caption, src, image.size, image.problem)
        elif name == "first":
            yield Shot(caption, None, None, "first_frame.png is missing")


def _marks(
    paths: ExperimentPaths,
    sample: SampleRecord,
    images: Mapping[tuple[str, str, str], QuestionImage],
    video: ReportVideo,
) -> list[Mark]:
    """Return the boxes over the frames of a video.

    Where the canvas is in the video is not known of a video that was made elsewhere in another shape.
    """
    score, geometry = sample.score, None
    first = images.get((score.task, score.question_id, "first"))
    if any(found.box for found in score.tolerated) and video.info and first and first.size:
        model, task, question_id, seed = sample.key
        made = store.read_provenance(
            store.Sample(outputs=paths.outputs, model=model, task=task, question_id=question_id, seed=seed)
        )
        canvas, size = first.size, video.info.size
        if made and made.geometry.frame == size:
            geometry = made.geometry
        elif canvas[0] * size[1] == canvas[1] * size[0]:
            geometry = Geometry.place(canvas, size)
    return marks_of(score.evidence_frame, score.evidence_box, score.tolerated, geometry)


def _tiles(video: ReportVideo) -> list[Tile]:
    if video.info is None:
        return []
    last = max(1, len(video.shown) - 1)
    return [
        Tile(
            frame=frame,
            # The middle of the frame, so that seeking finds the frame in spite of rounding.
            seconds=round((frame + 0.5) / video.info.fps, 4),
            position=round(100 * place / last, 4),
            is_evidence=frame == video.evidence,
        )
        for place, frame in enumerate(video.shown)
    ]


def _url(path: Path, start: Path) -> str:
    return quote(relative(path, start))
