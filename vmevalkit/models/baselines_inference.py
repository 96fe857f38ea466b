"""Baselines: models that cannot reason. They run through the same pipeline as real models.

`replay` shows the ground truth and must pass; `still`, `noise`, `crossfade` and `jumpcut` must fail. If a scorer passes
one of those four or fails `replay`, it does not measure reasoning.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from vmevalkit import media
from vmevalkit.errors import QuestionError
from vmevalkit.models.base import Capabilities, ModelCard, Request, Service, Video, register_model
from vmevalkit.models.wrapper import ModelWrapper
from vmevalkit.types import Question, Record

FRAMES = 49
FPS = 8.0


class BaselineConfig(Record):
    """The settings of baselines: none."""


class BaselineService(Service):
    """Makes a video from the question's own files, at the question's size.

    Args:
        model: name of the baseline.
    """

    config_type = BaselineConfig

    def __init__(self, model: str, **args: Any) -> None:
        BaselineConfig(**args)
        self._render = _BASELINES[model]

    def check(self, duration: float | None, options: dict[str, Any]) -> None:
        """Refuse options."""
        BaselineConfig(**options)

    def generate(self, request: Request, **options: Any) -> Video:
        """Make one video.

        Raises:
            QuestionError: the question lacks a file that the baseline needs.
        """
        BaselineConfig(**options)
        frame, geometry = media.place(request.image, media.even(request.image.size))
        count = FRAMES if request.duration is None else max(2, round(request.duration * FPS))
        return Video(frames=self._render(request, np.asarray(frame), count), fps=FPS, geometry=geometry)


def _replay(request: Request, first: media.Frame, count: int) -> Iterator[media.Frame]:
    path = _question(request).ground_truth
    if not path.is_file():
        raise QuestionError(f"{path} is missing: replay shows the ground truth, and this question has none")
    frames = media.read_frames(path)
    if frames.shape[1:] != first.shape:
        raise QuestionError(f"{path} is {frames.shape[2]}x{frames.shape[1]}, unlike the first frame")
    return (frames[i] for i in np.linspace(0, len(frames) - 1, count).round().astype(int))


def _still(request: Request, first: media.Frame, count: int) -> Iterator[media.Frame]:
    return (first for _ in range(count))


def _noise(request: Request, first: media.Frame, count: int) -> Iterator[media.Frame]:
    # Squares of 8 pixels that change in every 7th frame: as random to a scorer as single pixels in every frame, at a
    # fraction of the size and of the time for encoding and decoding.
    rng = np.random.default_rng(request.seed)
    rows, columns = -(-first.shape[0] // 8), -(-first.shape[1] // 8)
    for index in range(count):
        if index % 7 == 0:
            squares = rng.integers(0, 256, (rows, columns, 3), dtype=np.uint8)
        yield squares.repeat(8, axis=0).repeat(8, axis=1)[: first.shape[0], : first.shape[1]]


def _crossfade(request: Request, first: media.Frame, count: int) -> Iterator[media.Frame]:
    last = _final(request, first)
    weights = np.linspace(0.0, 1.0, count)
    return ((first * (1 - w) + last * w).round().astype(np.uint8) for w in weights)


def _jumpcut(request: Request, first: media.Frame, count: int) -> Iterator[media.Frame]:
    last = _final(request, first)
    return (first if i < count // 2 else last for i in range(count))


def _question(request: Request) -> Question:
    """Return the question whose first frame is asked about."""
    folder = request.image_path.parent
    return Question(task="question", id="question", folder=folder)


def _final(request: Request, first: media.Frame) -> media.Frame:
    image = media.load_image(_question(request).final_frame)
    size = (first.shape[1], first.shape[0])
    return np.asarray(media.place(image, size)[0])


_BASELINES: dict[str, Callable[[Request, media.Frame, int], Iterator[media.Frame]]] = {
    "replay": _replay,
    "still": _still,
    "noise": _noise,
    "crossfade": _crossfade,
    "jumpcut": _jumpcut,
}


class BaselineWrapper(ModelWrapper):
    """The boundary around `BaselineService`."""

    service_class = BaselineService


for _name, _about, _needs in (
    ("replay", "Shows the ground truth: the ceiling, which always passes.", ("ground_truth.mp4",)),
    ("still", "Shows the first frame and nothing else.", ()),
    ("noise", "Shows random colors.", ()),
    ("crossfade", "Fades from the first frame to the answer.", ("final_frame.png",)),
    ("jumpcut", "Shows the first frame, then cuts to the answer.", ("final_frame.png",)),
):
    register_model(
        ModelCard(
            name=_name,
            family="baseline",
            wrapper=f"{__name__}:{BaselineWrapper.__name__}",
            service=BaselineService.__name__,
            model=_name,
            about=_about,
            needs=_needs,
            baseline=True,
            capabilities=Capabilities(reads_prompt=False, chooses_length=True),
            frames=FRAMES,
            fps=FPS,
            seconds_a_video=0.3,
            when="in every run: baselines show what a score is worth",
        )
    )
