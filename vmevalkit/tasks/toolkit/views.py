"""Views: frames as small planes, the form in which verifiers look at a canvas."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from PIL import Image

from vmevalkit.media import Frame, Planes, difference, to_planes
from vmevalkit.tasks.toolkit.draw import Color
from vmevalkit.types import Size

# About the shorter side of a view in pixels: half of a 720x480 canvas.
VIEW = 240


def view_size(canvas: Size) -> Size:
    """Return the size of the view of a canvas: reduced by a whole number, with a shorter side of about `VIEW`."""
    factor = max(1, round(min(canvas) / VIEW))
    return max(1, round(canvas[0] / factor)), max(1, round(canvas[1] / factor))


def downscale_of(canvas: Size) -> float:
    """Return how many times smaller the view is than the canvas."""
    return canvas[0] / view_size(canvas)[0]


def to_view(frame: Frame) -> Planes:
    """Convert an RGB frame of the size of the canvas to planes of the size of the view."""
    canvas = (frame.shape[1], frame.shape[0])
    width, height = view_size(canvas)
    image = Image.fromarray(frame)
    factor = canvas[0] // width
    if (width * factor, height * factor) == canvas:
        image = image.reduce(factor) if factor > 1 else image
    else:
        image = image.resize((width, height), Image.Resampling.BOX)
    return to_planes(np.asarray(image))


@lru_cache(maxsize=64)
def tone(color: Color) -> tuple[int, int, int]:
    """Return an RGB color as (Y, Cb, Cr), each from 0 to 255."""
    y, cb, cr = to_planes(np.array([[color]], np.uint8))[:, 0, 0].tolist()
    return y, cb, cr


class Painted:
    """A painter whose frames are planes. Only the part that changed since the last frame is converted.

    Args:
        paint: returns the RGB frame of a state.
    """

    def __init__(self, paint: Callable[[Any], Frame]) -> None:
        self._paint = paint
        self._last: tuple[Frame, Planes] | None = None

    def __call__(self, state: Any) -> Planes:
        frame, last = self._paint(state), self._last
        if last is None:
            planes = to_planes(frame)
        else:
            planes = last[1]
            if (box := difference(frame, last[0])) is not None:
                top, bottom, left, right = box
                part = slice(top, bottom + 1), slice(left, right + 1)
                planes = planes.copy()
                planes[:, part[0], part[1]] = to_planes(np.ascontiguousarray(frame[part]))
        self._last = frame, planes
        return planes
