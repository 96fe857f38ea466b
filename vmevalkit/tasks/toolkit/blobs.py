"""Blobs: find a moving object of one color."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from vmevalkit.media import Planes
from vmevalkit.tasks.toolkit.compare import Floats, Mask, most
from vmevalkit.tasks.toolkit.draw import Color
from vmevalkit.tasks.toolkit.views import tone

# Error in 255ths from which on a pixel is not a mixture of the background and a color.
OTHER_COLOR = 48


def unmix(pixels: Planes | Floats, behind: Floats, color: Color) -> tuple[Floats, Floats]:
    """Explain pixels as a mixture of the background and a color.

    Args:
        pixels: planes of some pixels, shape (3, count).
        behind: float32 planes of the background at these pixels, shape (3, count).
        color: the RGB color in front.

    Returns:
        The opacity of the color in each pixel, from 0 to 1, and the largest error of its planes in 255ths; see
        `OTHER_COLOR`. Both have the shape (count,).
    """
    toward, seen = np.asarray(tone(color), np.float32)[:, None] - behind, pixels - behind
    opacity = np.clip((seen * toward).sum(0) / np.maximum((toward * toward).sum(0), 1.0), 0, 1)
    return opacity, most(np.abs(seen - opacity * toward))


class Blob:
    """A moving object of one color, found by unmixing its color from the background.

    Args:
        planes: a corrected frame, uint8 (3, height, width).
        unexplained: mask of the pixels that the background does not explain.
        background: the scene without the object.
        color: of the object.
        reach: distance in pixels from the center within which the object lies.

    Attributes:
        mass: area in pixels of the view. Half-transparent pixels count by their opacity.
        x, y: center in pixels of the view; NaN without mass.
        stray: area of the color farther than `reach` from the center.
        other: number of unexplained pixels of other colors.
    """

    __slots__ = ("mass", "other", "stray", "x", "y")

    def __init__(
        self,
        planes: Planes,
        unexplained: Mask,
        background: Planes,
        color: Color,
        reach: float,
    ) -> None:
        at = np.flatnonzero(unexplained)
        ys, xs = np.divmod(at, planes.shape[2])
        pixels = planes.reshape(3, -1).take(at, 1).astype(np.float32)
        behind = background.reshape(3, -1).take(at, 1).astype(np.float32)
        opacity, error = unmix(pixels, behind, color)
        own = (error < OTHER_COLOR) & (opacity > 0.15)
        weight = np.where(own, opacity, 0.0)
        self.other = int((~own).sum())
        self.mass = float(weight.sum())
        self.x = self.y = float("nan")
        self.stray = 0.0
        if self.mass > 0:
            # Start from the densest part, so that a far ghost does not shift the center.
            x, y = _peak(xs, ys, weight, reach)
            near = np.hypot(xs - x, ys - y) <= reach
            inside = float(weight[near].sum())
            if inside > 0:
                self.x = float((xs[near] * weight[near]).sum() / inside)
                self.y = float((ys[near] * weight[near]).sum() / inside)
            near = np.hypot(xs - self.x, ys - self.y) <= reach
            self.stray = float(weight[~near].sum())
            self.mass -= self.stray


def _peak(xs: npt.NDArray[np.intp], ys: npt.NDArray[np.intp], weight: Floats, reach: float) -> tuple[float, float]:
    """Return the center of the densest part, (x, y)."""
    side = max(2, int(reach))
    columns, rows = xs // side, ys // side
    width = int(columns.max()) + 1
    grid = np.bincount(rows * width + columns, weights=weight)
    best = int(grid.argmax())
    here = (rows * width + columns) == best
    total = float(weight[here].sum())
    return float((xs[here] * weight[here]).sum() / total), float((ys[here] * weight[here]).sum() / total)
