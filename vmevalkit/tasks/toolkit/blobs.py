"""Blobs: find a moving object of one color."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from vmevalkit.media import Planes
from vmevalkit.tasks.toolkit.compare import Floats, Mask, most
from vmevalkit.tasks.toolkit.draw import Color
from vmevalkit.tasks.toolkit.views import tone

# Error in 255ths from which on a pixel is not a mixture of the background and a color.
OTHER_COLOR = 48
# Largest mean error of an object of the right color, in 255ths: 1.4 in drawn videos, 16 in a video of
# cogvideox-tiny-i2v that passes. A gray card that is unmixed as a half-transparent blue disc has 19 to 35.
_OFF_COLOR = 17.0
# Range of the area of two half-transparent images of an object together, in shares of its area; and their largest
# solidity and smallest variance, in shares of those of the object.
_LEAST_WHOLE, _MOST_WHOLE, _HALF, _THIN = 0.8, 1.2, 0.75, 1.4
# Share of the expected solidity below which an object is half-transparent. Blurred objects keep 0.88 of it.
_SOLID = 0.72


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
        covariance: of its pixels within `reach` (xx, xy, yy), weighted by opacity; zeros without mass.
        solidity: mean opacity, weighted by opacity: 1 if it is opaque, 0.5 if it is half-transparent.
        pure: area of the pixels of exactly its color, near and far.
        error: mean error of its pixels, weighted by their squared opacity; see `unmix`.
        stray: area of the color farther than `reach` from the center.
        other: number of unexplained pixels of other colors.
    """

    __slots__ = ("covariance", "error", "mass", "other", "pure", "solidity", "stray", "x", "y")

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
        self.pure = float(weight[error < _OFF_COLOR].sum())
        self.mass = float(weight.sum())
        self.x = self.y = float("nan")
        self.stray = self.solidity = self.error = 0.0
        self.covariance = (0.0, 0.0, 0.0)
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
            if near.any():
                part, across, down = weight[near], xs[near] - self.x, ys[near] - self.y
                total = float(part.sum())
                self.solidity = float((part * part).sum()) / total
                # Squared, because blur mixes the rim with more than one color of the background.
                self.error = float((part * part * error[near]).sum() / (part * part).sum())
                self.covariance = (
                    float((part * across * across).sum()) / total,
                    float((part * across * down).sum()) / total,
                    float((part * down * down).sum()) / total,
                )

    def resembles(self, drawn: Blob) -> bool:
        """Whether this is the object of another blob: of its color, and opaque or smeared over two places.

        Args:
            drawn: the object at rest.
        """
        if self.error > drawn.error + _OFF_COLOR:
            return False
        # In a blend of two places, an object is half-transparent where they do not overlap, and it is elongated.
        here, there = _elongation(self.covariance), _elongation(drawn.covariance)
        # Half the distance of the two places, in radii, if the object is a disc.
        apart = min(1.0, 0.5 * math.sqrt(max(0.0, here / there - 1)))
        overlap = (math.acos(apart) - apart * math.sqrt(1 - apart * apart)) * 2 / math.pi
        return self.solidity > _SOLID * drawn.solidity * (1 + overlap) / 2

    def is_blend(self, drawn: Blob) -> bool:
        """Whether these are two half-transparent images of the object of another blob, as in a blend of two frames.

        Args:
            drawn: the object at rest. Its `reach` may be smaller.
        """
        whole = _LEAST_WHOLE * drawn.mass < self.mass < _MOST_WHOLE * drawn.mass
        if not whole or self.stray > 0 or self.error > drawn.error + _OFF_COLOR:
            return False
        # Two images are no wider than one across the line between them, and neither is opaque.
        _, thin = _variances(self.covariance)
        return thin < _THIN * _variances(drawn.covariance)[0] and self.solidity < _HALF * drawn.solidity


def _variances(covariance: tuple[float, float, float]) -> tuple[float, float]:
    """Return the largest and the smallest variance over all directions."""
    across, both, down = covariance
    middle, half = (across + down) / 2, math.hypot((across - down) / 2, both)
    return middle + half, middle - half


def _elongation(covariance: tuple[float, float, float]) -> float:
    """Return the ratio of the largest to the smallest variance over all directions."""
    most, least = _variances(covariance)
    return most / max(least, 0.1)


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
