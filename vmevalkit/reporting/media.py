"""The pictures of the page: thumbnails of questions, posters and strips of videos.

They are written below the report's folder and kept while what they show is unchanged. Making one is a function from
files to bytes; it runs in a pool of threads, because libav and Pillow work outside of Python's lock. Only the main
thread writes.
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
from vmevalkit.reporting.rows import Key, Row
from vmevalkit.types import Question, Record, Size

STRIP = 8
TILE = 240
POSTER = 480

_PLAYABLE = {
    "h264": ("yuv420p", "yuvj420p"),
    "vp8": ("yuv420p",),
    "vp9": ("yuv420p", "yuv420p10le"),
    "av1": ("yuv420p", "yuv420p10le"),
}

J = TypeVar("J")
R = TypeVar("R", bound=Record)


class Picture(Record):
    """A question's picture: the file's digest, the size of the original, and what is wrong with it, if anything."""

    format: Literal[1] = 1
    sha256: str
    size: Size | None = None
    problem: str | None = None


class Video(Record):
    """What the page says of a video beside its pictures.

    Attributes:
        evidence: the frame that the score points at; it is one of `shown` where the video has it.
        info: None where the video does not decode.
        shown: frames of the strip, ascending.
        problem: why there are no pictures.
    """

    format: Literal[1] = 1
    sha256: str
    evidence: int | None = None
    info: media.VideoInfo | None = None
    shown: tuple[int, ...] = ()
    problem: str | None = None

    @property
    def plays(self) -> bool:
        """Whether browsers have a decoder for it."""
        return self.info is not None and self.info.pixel_format in _PLAYABLE.get(self.info.codec, ())


@dataclass(frozen=True)
class _Made(Generic[R]):
    """A record and the pictures that belong to it; `files` is empty where those on disk are up to date."""

    record: R
    folder: Path
    name: str
    files: dict[str, bytes]

    def write(self) -> None:
        """Pictures first: the record vouches for them."""
        for file, data in self.files.items():
            store.write_bytes(self.folder / file, data)
        path = self.folder / f"{self.name}.json"
        text = store.dumps(self.record.model_dump(mode="json"))
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            store.write_text(path, text)


# --------------------------------------------------------------------------------------------------------- questions


@dataclass(frozen=True)
class _PictureJob:
    source: Path
    folder: Path
    name: str


def question_pictures(media: Path, questions: Iterable[Question]) -> dict[tuple[str, str, str], Picture]:
    """Thumbnails of first and final frames, by (task, id, `first` or `final`); a missing frame is left out."""
    jobs = {
        (question.task, question.id, name): _PictureJob(
            source, question_folder(media, question.task, question.id), name
        )
        for question in questions
        for name, source in (("first", question.first_frame), ("final", question.final_frame))
        if source.is_file()
    }
    return dict(zip(jobs, _in_parallel(_picture, list(jobs.values()), "drawing questions"), strict=True))


def question_folder(media: Path, task: str, question_id: str) -> Path:
    return store.question_folder(media / "questions", task, question_id)


def _picture(job: _PictureJob) -> _Made[Picture]:
    file = f"{job.name}.webp"
    try:
        digest = store.sha256(job.source)
        known = _known(job.folder / f"{job.name}.json", Picture)
        if known and known.sha256 == digest and (known.problem or _is_there(job.folder / file)):
            return _Made(known, job.folder, job.name, {})
        image = media.load_image(job.source)
    except (QuestionError, OSError) as error:
        problem = _without_folder(str(error), job.source)
        return _Made(Picture(sha256="", problem=problem), job.folder, job.name, {})
    data = _webp(_thumbnail(image))
    return _Made(Picture(sha256=digest, size=image.size), job.folder, job.name, {file: data})


# ------------------------------------------------------------------------------------------------------------- videos


@dataclass(frozen=True)
class _VideoJob:
    source: Path
    folder: Path
    suffix: str
    evidence: int | None


def videos(media: Path, rows: Iterable[Row]) -> dict[Key, Video]:
    """Strips and posters of every sample with a video that is not broken."""
    jobs = {
        row.key: _VideoJob(
            source=row.video,
            folder=video_folder(media, row.key),
            suffix=store.seed_suffix(row.score.seed),
            evidence=row.score.evidence_frame,
        )
        for row in rows
        if row.video is not None and row.score.status != "broken"
    }
    return dict(zip(jobs, _in_parallel(_video, list(jobs.values()), "drawing videos"), strict=True))


def video_folder(media: Path, key: Key) -> Path:
    model, task, question_id, _ = key
    return store.question_folder(media / "videos" / model, task, question_id)


def _video(job: _VideoJob) -> _Made[Video]:
    name = f"video{job.suffix}"
    strip, poster = f"strip{job.suffix}.webp", f"poster{job.suffix}.webp"
    try:
        digest = store.sha256(job.source)
    except OSError as error:
        return _Made(Video(sha256="", problem=f"The video cannot be read: {error.strerror}."), job.folder, name, {})
    known = _known(job.folder / f"{name}.json", Video)
    if (
        known
        and (known.sha256, known.evidence) == (digest, job.evidence)
        and (known.problem or (_is_there(job.folder / strip) and _is_there(job.folder / poster)))
    ):
        return _Made(known, job.folder, name, {})
    try:
        frames, first, info = media.overview(job.source, TILE, partial(choose_frames, evidence=job.evidence))
    except (VideoError, av.error.FFmpegError, ValueError, MemoryError) as error:
        problem = f"The video cannot be shown: {_without_folder(str(error), job.source)}."
        return _Made(Video(sha256=digest, evidence=job.evidence, problem=problem), job.folder, name, {})
    shown = choose_frames(info.frames, job.evidence)
    files = {
        strip: _webp(Image.fromarray(np.concatenate(list(frames), axis=1))),
        poster: _webp(_thumbnail(first)),
    }
    record = Video(sha256=digest, evidence=job.evidence, info=info, shown=shown)
    return _Made(record, job.folder, name, files)


def choose_frames(frames: int, evidence: int | None) -> tuple[int, ...]:
    """Frames of a strip: evenly spread from first to last, the evidence among them.

    The evidence takes the place of its nearest neighbor, but never that of the first or the last frame.
    """
    chosen = sorted({round(i * (frames - 1) / (STRIP - 1)) for i in range(STRIP)})
    if evidence is None or evidence >= frames or evidence in chosen:
        return tuple(chosen)
    # There are frames between those chosen, so there are more than STRIP, and the inner places exist.
    nearest = min(range(1, len(chosen) - 1), key=lambda place: abs(chosen[place] - evidence))
    chosen[nearest] = evidence
    return tuple(chosen)


# ----------------------------------------------------------------------------------------------------------- helpers


def _in_parallel(make: Callable[[J], _Made[R]], jobs: list[J], label: str) -> Iterator[R]:
    """Make in threads, write here, in the order of the jobs."""
    with ThreadPoolExecutor(max_workers=min(16, os.cpu_count() or 1)) as pool:
        for made in track(pool.map(make, jobs), len(jobs), label):
            made.write()
            yield made.record


def _known(path: Path, kind: type[R]) -> R | None:
    if not path.is_file():
        return None
    try:
        return store.read_record(path, kind)
    except QuestionError:
        # Written by another version of the kit, or damaged: it is made again.
        return None


def _is_there(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > 0


def _thumbnail(image: Image.Image) -> Image.Image:
    return ImageOps.contain(image, (POSTER, POSTER)) if max(image.size) > POSTER else image


def _webp(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "WEBP", quality=82, method=2)
    return out.getvalue()


def _without_folder(text: str, path: Path) -> str:
    """A message for the page, which names files and not where someone keeps them."""
    return text.replace(str(path), path.name).rstrip(".")
