"""What the judge sees: which frames of a video, and how they are laid out."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from vmevalkit.media import Frames
from vmevalkit.scorers.judge.config import JudgeConfig

SHEET = "frames of the video, each below its label, in no particular order"


class LabeledImage:
    """An image with its label. `frame` is its number in the video; None for an image of the puzzle."""

    __slots__ = ("frame", "image", "label")

    def __init__(self, label: str, image: Image.Image, frame: int | None = None) -> None:
        self.label = label
        self.image = image
        self.frame = frame


def choose_frames(video: Frames, fps: float, config: JudgeConfig) -> tuple[int, ...]:
    """Return the numbers of the frames that the judge sees, ascending, from the first to the last.

    Args:
        video: shape (frames, height, width, 3).
        fps: of the video.
    """
    last = len(video) - 1
    if config.sampling == "keyframes":
        return _keyframes(video, config.frames)
    chosen = {*(round(i * fps / config.fps) for i in range(int(last * config.fps / fps) + 1)), last}
    if len(chosen) > config.frames:
        chosen = {round(i * last / (config.frames - 1)) for i in range(config.frames)}
    return tuple(sorted(i for i in chosen if i <= last))


def _keyframes(video: Frames, count: int) -> tuple[int, ...]:
    """Return frames between which about equally much changes; for a still video, the first and the last."""
    small = video[:, ::4, ::4].astype(np.int16)
    changes = np.abs(np.diff(small, axis=0)).mean(axis=(1, 2, 3))
    total = np.concatenate([[0.0], np.cumsum(changes)])
    steps = np.linspace(0, total[-1], count)
    return tuple(sorted({0, len(video) - 1, *np.searchsorted(total, steps[1:-1]).tolist()}))


def sheet(images: Sequence[LabeledImage]) -> Image.Image:
    """Return a contact sheet: images of one size, each below its label, arranged nearly as a square."""
    width, height = images[0].image.size
    label = 22
    columns = max(1, round((len(images) * (height + label) / width) ** 0.5))
    rows = -(-len(images) // columns)
    page = Image.new("RGB", (columns * (width + 6), rows * (height + label + 6)), "white")
    draw = ImageDraw.Draw(page)
    font = ImageFont.load_default(size=15)
    for place, labeled in enumerate(images):
        x, y = place % columns * (width + 6) + 3, place // columns * (height + label + 6) + 3
        draw.text((x + 2, y + 1), labeled.label.removeprefix("video "), fill="black", font=font)
        page.paste(labeled.image, (x, y + label))
    return page


def fit(image: Image.Image, longest: int) -> Image.Image:
    """Scale an image down so that its longer side is at most `longest` pixels."""
    scale = min(1.0, longest / max(image.size))
    return image.resize((max(1, round(image.width * scale)), max(1, round(image.height * scale))))


def data_url(image: Image.Image) -> str:
    """Return an image as a JPEG in a data URL."""
    out = io.BytesIO()
    image.convert("RGB").save(out, "JPEG", quality=90)
    return "data:image/jpeg;base64," + base64.b64encode(out.getvalue()).decode()
