"""The images of the page: thumbnails of questions, posters and strips of videos.

They are written below the report's folder, with the digest of what they show, and reused while the digest is the same.
Threads make them, because libav and Pillow release the GIL. Only the main thread writes files.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Generic, Literal, TypeVar

import av
import numpy as np
from PIL import Image, ImageOps

from vmevalkit import media, store
from vmevalkit.errors import QuestionError, VideoError
from vmevalkit.progress import track
from vmevalkit.store.experiment import Key, SampleRecord
from vmevalkit.types import Question, Record, Size

STRIP = 8
TILE = 240
POSTER = 480

J = TypeVar("J")
R = TypeVar("R", bound=Record)


class QuestionImage(Record):
    """An image of a question.

    Attributes:
        sha256: digest of the original.
        size: size of the original.
        problem: why there is no thumbnail.
    """

    format: Literal[1] = 1
    sha256: str
    size: Size | None = None
    problem: str | None = None


class ReportVideo(Record):
    """What the page shows of a video.

    Attributes:
        sha256: digest of the video.
        evidence: the score's evidence frame. If the video has it, it is one of `shown`.
        info: None if the video cannot be decoded.
        shown: frames of the strip, ascending.
        problem: why there is no strip.
    """

    format: Literal[1] = 1
    sha256: str
    evidence: int | None = None
    info: media.VideoInfo | None = None
    shown: tuple[int, ...] = ()
    problem: str | None = None

    @property
    def plays(self) -> bool:
        """Whether browsers can decode the video."""
        return self.info is not None and self.info.plays


@dataclass(frozen=True)
class _Output(Generic[R]):
    """A record and its image files. `files` is empty if those on disk are up to date."""

    record: R
    folder: Path
    name: str
    files: dict[str, bytes]

    def write(self) -> None:
        """Write the images, then the record, which marks them as complete."""
        for file, data in self.files.items():
            store.write_bytes(self.folder / file, data)
        path = self.folder / f"{self.name}.json"
        text = store.dumps(self.record.model_dump(mode="json"))
        if not os.path.isfile(path) or path.read_text(encoding="utf-8") != text:
            store.write_text(path, text)


@dataclass(frozen=True)
class _ImageJob:
    source: Path
    folder: Path
    name: str


def question_images(media: Path, questions: Iterable[Question]) -> dict[tuple[str, str, str], QuestionImage]:
    """Make thumbnails of first and final frames, by (task, id, `first` or `final`). Missing frames are left out."""
    jobs = {
        (question.task, question.id, name): _ImageJob(source, question_folder(media, question.task, question.id), name)
        for question in questions
        for name, source in (("first", question.first_frame), ("final", question.final_frame))
        if os.path.isfile(source) and store.is_inside_set(question, source)
    }
    return dict(zip(jobs, _in_parallel(_question_image, list(jobs.values()), "drawing questions"), strict=True))


def question_folder(media: Path, task: str, question_id: str) -> Path:
    """Return the folder of a question's thumbnails."""
    return store.question_folder(media / "questions", task, question_id)


def _question_image(job: _ImageJob) -> _Output[QuestionImage]:
    file = f"{job.name}.webp"
    try:
        digest = store.sha256(job.source)
        stored = _stored(job.folder / f"{job.name}.json", QuestionImage)
        if stored and stored.sha256 == digest and (stored.problem or _is_nonempty(job.folder / file)):
            return _Output(stored, job.folder, job.name, {})
        image = media.load_image(job.source)
    except (QuestionError, OSError) as error:
        problem = _without_folder(str(error), job.source)
        return _Output(QuestionImage(sha256="", problem=problem), job.folder, job.name, {})
    data = webp(_thumbnail(image))
    return _Output(QuestionImage(sha256=digest, size=image.size), job.folder, job.name, {file: data})


@dataclass(frozen=True)
class _VideoJob:
    source: Path
    folder: Path
    suffix: str
    evidence: int | None


def report_videos(media: Path, samples: Iterable[SampleRecord]) -> dict[Key, ReportVideo]:
    """Make strips and posters of all videos that are not broken."""
    jobs = {
        sample.key: _VideoJob(
            source=sample.video,
            folder=video_folder(media, sample.key),
            suffix=store.seed_suffix(sample.score.seed),
            evidence=sample.score.evidence_frame,
        )
        for sample in samples
        if sample.video is not None and sample.score.status != "broken"
    }
    return dict(zip(jobs, _in_parallel(_video, list(jobs.values()), "drawing videos"), strict=True))


def video_folder(media: Path, key: Key) -> Path:
    """Return the folder of a video's poster and strip."""
    model, task, question_id, _ = key
    return store.question_folder(media / "videos" / model, task, question_id)


def _video(job: _VideoJob) -> _Output[ReportVideo]:
    name = f"video{job.suffix}"
    strip, poster = f"strip{job.suffix}.webp", f"poster{job.suffix}.webp"
    try:
        digest = store.sha256(job.source)
    except OSError as error:
        return _Output(
            ReportVideo(sha256="", problem=f"The video cannot be read: {error.strerror}."), job.folder, name, {}
        )
    stored = _stored(job.folder / f"{name}.json", ReportVideo)
    if (
        stored
        and (stored.sha256, stored.evidence) == (digest, job.evidence)
        and (stored.problem or (_is_nonempty(job.folder / strip) and _is_nonempty(job.folder / poster)))
    ):
        return _Output(stored, job.folder, name, {})
    try:
        frames, first, info = media.overview(job.source, TILE, partial(choose_frames, evidence=job.evidence))
    except (VideoError, av.error.FFmpegError, ValueError, MemoryError) as error:
        problem = f"The video cannot be shown: {_without_folder(str(error), job.source)}."
        return _Output(ReportVideo(sha256=digest, evidence=job.evidence, problem=problem), job.folder, name, {})
    shown = choose_frames(info.frames, job.evidence)
    files = {
        strip: webp(Image.fromarray(np.concatenate(list(frames), axis=1))),
        poster: webp(_thumbnail(first)),
    }
    record = ReportVideo(sha256=digest, evidence=job.evidence, info=info, shown=shown)
    return _Output(record, job.folder, name, files)


def choose_frames(frames: int, evidence: int | None) -> tuple[int, ...]:
    """Choose the frames of a strip: evenly spaced from first to last, including the evidence frame.

    The evidence frame replaces the nearest of the others, but never the first or the last frame.
    """
    chosen = sorted({round(i * (frames - 1) / (STRIP - 1)) for i in range(STRIP)})
    if evidence is None or evidence >= frames or evidence in chosen:
        return tuple(chosen)
    # A frame was not chosen, so there are more than STRIP frames, and inner places exist.
    nearest = min(range(1, len(chosen) - 1), key=lambda place: abs(chosen[place] - evidence))
    chosen[nearest] = evidence
    return tuple(chosen)


def _in_parallel(make: Callable[[J], _Output[R]], jobs: list[J], label: str) -> Iterator[R]:
    """Make outputs in threads and write them in this thread, in the order of the jobs."""
    with ThreadPoolExecutor(max_workers=min(16, os.cpu_count() or 1)) as pool:
        for output in track(pool.map(make, jobs), len(jobs), label):
            output.write()
            yield output.record


def _stored(path: Path, kind: type[R]) -> R | None:
    if not os.path.isfile(path):
        return None
    try:
        return store.read_record(path, kind)
    except QuestionError:
        # Written by another version, or damaged. It is made again.
        return None


def _is_nonempty(path: Path) -> bool:
    return os.path.isfile(path) and path.stat().st_size > 0


def _thumbnail(image: Image.Image) -> Image.Image:
    return ImageOps.contain(image, (POSTER, POSTER)) if max(image.size) > POSTER else image


def webp(image: Image.Image) -> bytes:
    """Return an image as the bytes of a WebP file."""
    out = io.BytesIO()
    image.save(out, "WEBP", quality=82, method=2)
    return out.getvalue()


def _without_folder(text: str, path: Path) -> str:
    """Return a message with the name of a file in place of its path, because the page may be published."""
    return text.replace(str(path), path.name).rstrip(".")
