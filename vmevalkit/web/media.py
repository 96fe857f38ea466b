"""Images for the viewer. They are made on request and cached in memory."""

from __future__ import annotations

from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from vmevalkit import media
from vmevalkit.errors import QuestionError, VideoError, VMEvalError
from vmevalkit.reporting.media import POSTER, TILE, choose_frames, webp
from vmevalkit.tasks.base import TASKS
from vmevalkit.web.files import file_state

State = tuple[int, int] | None


def poster(video: Path) -> bytes | None:
    """Return a small image of a video's first frame; None if the video cannot be decoded."""
    return _poster(video, file_state(video))


@lru_cache(maxsize=4096)
def _poster(video: Path, _state: State) -> bytes | None:
    try:
        image = media.first_frame(video)
    except VideoError:
        return None
    return webp(ImageOps.contain(image, (POSTER, POSTER)))


def still(video: Path, evidence: int | None) -> bytes | None:
    """Return a small image of the evidence frame, or of the last frame; None if the video cannot be decoded.

    All videos of a question have the same first frame, so that it would not tell them apart.
    """
    return _still(video, evidence, file_state(video))


@lru_cache(maxsize=4096)
def _still(video: Path, evidence: int | None, _state: State) -> bytes | None:
    def choose(frames: int) -> tuple[int, ...]:
        return (frames - 1 if evidence is None else max(0, min(evidence, frames - 1)),)

    try:
        frames, _, _ = media.overview(video, POSTER, choose)
    except VideoError:
        return None
    return webp(Image.fromarray(frames[0]))


def strip(video: Path, evidence: int | None) -> bytes | None:
    """Return frames side by side, as in the report; None if the video cannot be decoded."""
    return _strip(video, evidence, file_state(video))


@lru_cache(maxsize=512)
def _strip(video: Path, evidence: int | None, _state: State) -> bytes | None:
    try:
        frames, _, _ = media.overview(video, TILE, partial(choose_frames, evidence=evidence))
    except VideoError:
        return None
    return webp(Image.fromarray(np.concatenate(list(frames), axis=1)))


def thumbnail(path: Path) -> bytes | None:
    """Return a small version of a question's image; None if it cannot be read."""
    return _thumbnail(path, file_state(path))


@lru_cache(maxsize=4096)
def _thumbnail(path: Path, _state: State) -> bytes | None:
    try:
        return webp(ImageOps.contain(media.load_image(path), (POSTER, POSTER)))
    except QuestionError:
        return None


@lru_cache(maxsize=256)
def example(name: str, difficulty: int) -> bytes:
    """Return an image of one puzzle of a task, with its answer beside it."""
    task = TASKS[name]
    puzzle = task.example(difficulty)
    states = task.solution(puzzle)
    draw = task.painter(puzzle, (480, 320))
    return webp(Image.fromarray(np.concatenate([draw(states[0]), draw(states[-1])], axis=1)))


def video_info(path: Path) -> media.VideoInfo | None:
    """Return size, length and codec of a video; None if it cannot be decoded."""
    try:
        return media.probe(path)
    except VMEvalError:
        return None
