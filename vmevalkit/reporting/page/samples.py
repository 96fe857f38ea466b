"""The samples of the page: images, video, strip and filters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from vmevalkit import store
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


CRITERIA = ("outcome", "process", "preservation")


@dataclass(frozen=True)
class Mark:
    """A box around what the verdict tolerates in a frame; its place and size are in per cent of the frame."""

    code: str
    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True)
class Tile:
    """One frame of a strip: its CSS object position in per cent, and its time in seconds."""

    frame: int
    seconds: float
    position: float
    is_evidence: bool
    marks: list[Mark]


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
    tiles: list[Tile] = field(default_factory=list)

    @property
    def where(self) -> str | None:
        """The evidence frame and its time; None if the video does not have it."""
        frame, info = self.sample.score.evidence_frame, self.video.info if self.video else None
        if frame is None or info is None or frame >= info.frames:
            return None
        return f"Frame {frame}, at {frame / info.fps:.2f} s of {info.seconds:.2f} s"

    @property
    def unmet(self) -> list[str]:
        """The criteria that a scored video does not meet."""
        score = self.sample.score
        found = ((name, getattr(score, name)) for name in CRITERIA)
        return [name for name, value in found if not score.passed and value is not None and value < 1.0]

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
        tiles=_tiles(video, _boxes(paths, sample, images, video)) if video else [],
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


def _boxes(
    paths: ExperimentPaths,
    sample: SampleRecord,
    images: Mapping[tuple[str, str, str], QuestionImage],
    video: ReportVideo,
) -> list[tuple[range, Mark]]:
    """Return the boxes of what the verdict tolerates, with the frames that show it.

    Verdicts have shares of the canvas. Where the canvas is in the video is not known of a video that was made elsewhere
    in another shape; then there are no boxes.
    """
    tolerated = [(found, found.box) for found in sample.score.tolerated if found.box is not None]
    first = images.get((sample.score.task, sample.score.question_id, "first"))
    if not tolerated or video.info is None or first is None or first.size is None:
        return []
    model, task, question_id, seed = sample.key
    made = store.read_provenance(
        store.Sample(outputs=paths.outputs, model=model, task=task, question_id=question_id, seed=seed)
    )
    place = made.geometry if made else None
    size = video.info.size
    if place is None or place.frame != size:
        if first.size[0] * size[1] != first.size[1] * size[0]:
            return []
        place = Geometry.place(first.size, size)
    return [(range(found.first, found.last + 1), _mark(found.code, box, place)) for found, box in tolerated]


def _mark(code: str, box: tuple[float, float, float, float], place: Geometry) -> Mark:
    """Return a box of the canvas as a part of the frame."""
    left, right = (_share(place.x + place.width * end, place.frame[0]) for end in (box[0], box[2]))
    top, bottom = (_share(place.y + place.height * end, place.frame[1]) for end in (box[1], box[3]))
    return Mark(code=code, left=left, top=top, width=right - left, height=bottom - top)


def _share(pixels: float, length: int) -> float:
    return round(100 * min(1.0, max(0.0, pixels / length)), 2)


def _tiles(video: ReportVideo, boxes: Sequence[tuple[range, Mark]]) -> list[Tile]:
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
            marks=[mark for frames, mark in boxes if frame in frames],
        )
        for place, frame in enumerate(video.shown)
    ]


def _url(path: Path, start: Path) -> str:
    return quote(relative(path, start))
