"""Pictures for the viewer, made when they are asked for and remembered while it runs."""

from __future__ import annotations

import io
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from vmevalkit import media
from vmevalkit.errors import QuestionError, VideoError
from vmevalkit.reporting.media import POSTER, TILE, choose_frames
from vmevalkit.tasks.base import TASKS


def is_inside(path: Path, folder: Path) -> bool:
    """Whether a path, links followed, lies in a folder."""
    return path.resolve().is_relative_to(folder.resolve())


def poster(video: Path) -> bytes | None:
    """A video's first frame, small; None if it does not decode."""
    return _poster(video, video.stat().st_mtime_ns)


@lru_cache(maxsize=4096)
def _poster(video: Path, _changed: int) -> bytes | None:
    try:
        image = media.first_frame(video)
    except VideoError:
        return None
    return _webp(ImageOps.contain(image, (POSTER, POSTER)))


def strip(video: Path, evidence: int | None) -> bytes | None:
    """Frames side by side, as in the report; None if the video does not decode."""
    return _strip(video, evidence, video.stat().st_mtime_ns)


@lru_cache(maxsize=512)
def _strip(video: Path, evidence: int | None, _changed: int) -> bytes | None:
    try:
        frames, _, _ = media.overview(video, TILE, partial(choose_frames, evidence=evidence))
    except VideoError:
        return None
    return _webp(Image.fromarray(np.concatenate(list(frames), axis=1)))


def thumbnail(picture: Path) -> bytes | None:
    """A question's picture, small; None if it is none."""
    return _thumbnail(picture, picture.stat().st_mtime_ns)


@lru_cache(maxsize=4096)
def _thumbnail(picture: Path, _changed: int) -> bytes | None:
    try:
        return _webp(ImageOps.contain(media.load_image(picture), (POSTER, POSTER)))
    except QuestionError:
        return None


@lru_cache(maxsize=256)
def example(name: str, difficulty: int) -> bytes:
    """Return an image of one puzzle of a task, with its answer beside it."""
    task = TASKS[name]
    puzzle = task.example(difficulty)
    states = task.solution(puzzle)
    draw = task.painter(puzzle, (480, 320))
    return _webp(Image.fromarray(np.concatenate([draw(states[0]), draw(states[-1])], axis=1)))


def _webp(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "WEBP", quality=82, method=2)
    return out.getvalue()
