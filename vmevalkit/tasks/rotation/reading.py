"""Read the pose of a shape from a frame."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from vmevalkit.media import Planes
from vmevalkit.tasks.base import Reading
from vmevalkit.tasks.rotation.puzzle import RING, Pose, Shape, turned
from vmevalkit.tasks.toolkit.draw import HUES, Point
from vmevalkit.tasks.toolkit.vision import OTHER_COLOR, Floats, Mask, patches, unmix


class ShapeReader:
    """Reads the pose of a shape from the position of its middle, and checks it against its form.

    Places are complex numbers: pixels of the view to the right of the point (real part) and below it (imaginary part).
    Ink is the opacity of the color of the shape, summed over pixels.
    """

    # Least and greatest ink of the shape, in shares of its ink at the start.
    LEAST, MOST = 0.72, 1.32
    # Degrees that the shape may be turned about its own middle, and smeared about the point.
    LAGS, SMEARS = (0.0, -4.0, 4.0, -8.0, 8.0), (-12.0, -6.0, 0.0, 6.0, 12.0)
    # Share of the places inside the shape that must have its color, clearly or smeared.
    INKED = 0.93

    def __init__(
        self, shape: Shape, start: Planes, unexplained: Mask, bare: Planes, center: Point, unit: float
    ) -> None:
        """Prepare to read a shape.

        Args:
            shape: the shape that turns.
            start: planes of the first frame.
            unexplained: pixels of `start` that differ from `bare`.
            bare: planes of the scene without the shape.
            center: the point to turn about, in pixels of the view.
            unit: height of the image in pixels of the view.
        """
        ys, xs = np.mgrid[: bare.shape[1], : bare.shape[2]].reshape(2, -1)
        self._center, self._width, self._shape = center, bare.shape[2], bare.shape[1:]
        self._place = (xs - center[0] + 1j * (ys - center[1])).astype(np.complex64)
        self._bare = bare.reshape(3, -1).astype(np.float32)
        self._color = HUES[shape.colour]
        self._ring = RING * unit + 2
        self._measure_form(shape, unit)
        # Measure the shape as it is seen at the start: the ring always hides the same part of it.
        at = np.flatnonzero(unexplained)
        ink = self._opacity(start.reshape(3, -1), at)
        self._mass = float(ink.sum())
        self._seen = complex((self._place[at] * ink).sum() / self._mass)
        self._hidden = complex(*turned(shape.arm(), shape.tilt)) * unit - self._seen

    def _measure_form(self, shape: Shape, unit: float) -> None:
        """Measure the distance of each place about the middle from the shape, and choose places inside it."""
        side = shape.square / 1000 * unit
        corners = [turned(corner, shape.tilt) for cell in shape.cells for corner in shape.corners(cell)]
        self._reach = math.ceil(max(math.hypot(*corner) for corner in corners) * unit) + 24
        ys, xs = np.mgrid[-self._reach : self._reach + 1, -self._reach : self._reach + 1]
        upright = (xs + 1j * ys) * _spun(-shape.tilt)
        self._off = np.full(xs.shape, np.inf, np.float32)
        for cell in shape.cells:
            about = upright - complex(*np.mean(shape.corners(cell), 0)) * unit
            beyond = [np.maximum(np.abs(part) - side / 2, 0) for part in (about.real, about.imag)]
            self._off = np.minimum(self._off, np.hypot(*beyond))
        self._slack = min(3.5, 1.2 + 0.2 * side)
        # Up to about 150 places well inside the shape, which must have its color.
        deep, step = self._off == 0, max(1, min(3, round(0.12 * side)))
        for axis, move in itertools.product((0, 1), (-step, step)):
            deep &= np.roll(self._off == 0, move, axis)
        inner = np.argwhere(deep) - self._reach
        inner = inner[:: max(1, len(inner) // 150)]
        self._inner = inner[:, 1] + 1j * inner[:, 0]

    def read(self, planes: Planes, unexplained: Mask) -> Reading[Pose]:
        """Read one frame; `unexplained` is a mask of the pixels that differ from the scene without the shape."""
        at, pixels = np.flatnonzero(unexplained), planes.reshape(3, -1)
        ink = self._opacity(pixels, at)
        mass = float(ink.sum())
        if mass < self.LEAST * self._mass:
            return Reading(None, False, "object_lost")
        if mass > self.MOST * self._mass:
            return Reading(None, False, "two_agents")
        middle = complex((self._place[at] * ink).sum() / mass)
        turn, size = float(np.angle(middle / self._seen, deg=True)), math.sqrt(mass / self._mass)
        out = abs(middle) / abs(self._seen) - 1
        middle += self._hidden * _spun(turn)
        for lag in self.LAGS:
            if self._fits(pixels, at, middle, turn + lag, size, (0.0,)):
                return Reading(Pose(turn, lag, out))
        if self._fits(pixels, at, middle, turn, size, self.SMEARS):
            return Reading(Pose(turn, 0.0, out, clear=False))
        return Reading(None, False, "out_of_shape")

    def _fits(
        self,
        pixels: Planes,
        at: npt.NDArray[np.intp],
        middle: complex,
        turn: float,
        size: float,
        smears: Sequence[float],
    ) -> bool:
        """Whether the shape in this pose explains all unexplained pixels and is complete."""
        inner = middle + self._inner * _spun(turn) * size
        inner = inner[np.abs(inner) > self._ring]
        column, row = (
            np.rint(part + c).astype(np.intp) for part, c in zip((inner.real, inner.imag), self._center, strict=True)
        )
        spots = np.clip(row, 0, self._shape[0] - 1) * self._width + np.clip(column, 0, self._width - 1)
        if np.mean(self._opacity(pixels, spots) > (0.6 if len(smears) == 1 else 0.3)) < self.INKED:
            return False
        off = np.full(len(at), np.inf, np.float32)
        for smear in smears:
            # Turn each pixel back to its place in the shape at the start.
            about = (self._place[at] * _spun(-smear) - middle) * (_spun(-turn) / size)
            column, row = (np.clip(np.rint(part).astype(np.intp) + self._reach, 0, 2 * self._reach)
                           for part in (about.real, about.imag))  # fmt: skip
            off = np.minimum(off, self._off[row, column])
        left: Mask = np.zeros(self._shape, bool)
        left.ravel()[at[off * size > self._slack]] = True
        return not patches(left)

    def _opacity(self, pixels: Planes, at: npt.NDArray[np.intp]) -> Floats:
        """Opacity of the color of the shape in some pixels, in [0, 1]."""
        behind = self._bare.take(at, 1)
        share, error = unmix(pixels.take(at, 1), behind, self._color)
        ink: Floats = np.where((error > OTHER_COLOR) | (share < 0.15), 0, share).astype(np.float32)
        return ink


def _spun(degrees: float) -> complex:
    """Complex number that turns a place clockwise by multiplication."""
    return complex(math.cos(math.radians(degrees)), math.sin(math.radians(degrees)))
