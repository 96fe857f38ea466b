"""Glyphs: read digits or letters in the cells of a board."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from vmevalkit.media import Planes
from vmevalkit.tasks.toolkit.compare import Floats, most

# Darkness up to this is not ink but ringing, or a remainder of the corrected light.
_FAINT = 20.0


class Glyphs:
    """Reads which of some glyphs stands in each cell of a board, in any color, on white.

    A cell is read only if one glyph clearly explains it: its shape (cosine of the ink with the template, over small
    shifts), its total ink (a ghost has less, two glyphs have more), and no ink elsewhere in the cell.

    Args:
        drawings: drawings at the size of the view. `drawings[v][k]` shows glyph k + 1 in every cell, in variant v (for
            example smaller).
        unfinished: the same for variants that are too small to be read, such as a glyph that is still growing.
        corners: left and top of each cell, in pixels of the view.
        size: of a cell, in pixels of the view.
    """

    def __init__(
        self,
        drawings: Sequence[Sequence[Planes]],
        unfinished: Sequence[Sequence[Planes]],
        corners: Sequence[tuple[float, float]],
        size: float,
    ) -> None:
        # About 23 pixels per cell are enough to read a digit. Larger cells are reduced by squares of `by` pixels.
        by = max(1, round(size / 23))
        side = max(3, int(size / by * 0.72))
        width = drawings[0][0].shape[2]
        inset = (size - side * by) / 2
        origins = np.array([round(y + inset) * width + round(x + inset) for x, y in corners])
        squares = (np.arange(side)[:, None] * width + np.arange(side)[None, :]).ravel() * by
        inner = (np.arange(by)[:, None] * width + np.arange(by)[None, :]).ravel()
        self._pixels = origins[:, None, None] + squares[:, None] + inner
        variants = [*drawings, *unfinished]
        # A glyph may be off its place by up to a tenth of the cell.
        reach = range(-2, 3)
        shifts = [(dy * width + dx) * by for dy in reach for dx in reach if abs(dx) + abs(dy) <= 2]
        depths = [[self._depth(planes) for planes in drawn] for drawn in variants]
        shapes = np.stack([[self._ink(d, shift).mean(0) for d in drawn] for drawn in depths for shift in shifts])
        self._mass = shapes.sum(2)
        self._readable = len(shapes) // len(variants) * len(drawings)
        # Shape (variants and shifts, glyphs, pixels).
        self._templates = shapes / np.linalg.norm(shapes, axis=2, keepdims=True)
        # Pixels where a glyph has no ink, not even within a pixel.
        wide = spread(shapes.reshape(-1, side, side)).reshape(shapes.shape)
        self._off = (wide < 0.06 * shapes.max()).astype(np.float32)

    def _depth(self, planes: Planes) -> npt.NDArray[np.int16]:
        """Return how far each pixel is from white, in any color."""
        # A light color is hardly darker than paper, but has chroma.
        chroma = most(np.abs(planes[1:].astype(np.int16) - 128))
        depth: npt.NDArray[np.int16] = np.minimum(255 - planes[0] + chroma, 255)
        return depth

    def _ink(self, depth: npt.NDArray[np.int16], shift: int = 0) -> Floats:
        """Return the ink in each cell from 0 to 1, shape (cells, pixels), after a shift by some pixels in memory."""
        seen = depth.ravel().take(self._pixels - shift)
        # Pixel by pixel, because a mean over such a short axis is many times slower.
        mean = sum(seen[..., k] for k in range(seen.shape[2])) / np.float32(seen.shape[2])
        ink: Floats = np.maximum(mean - _FAINT, 0) / (255 - _FAINT)
        return ink

    def read(self, planes: Planes) -> npt.NDArray[np.intp]:
        """Return the number of the glyph in each cell, counted from 1; 0 if it is empty, -1 if it cannot be read."""
        ink = self._ink(self._depth(planes))
        mass = ink.sum(1)
        length = np.maximum(np.linalg.norm(ink, axis=1), 1e-6)
        likeness = self._templates @ ink.T / length
        shape = likeness.max(0)
        cells = np.arange(len(mass))
        best = shape.argmax(0)
        variant = likeness[:, best, cells].argmax(0)
        lead = shape[best, cells] - np.partition(shape, -2, axis=0)[-2]
        share = mass / self._mass[variant, best]
        elsewhere = (ink * self._off[variant, best]).sum(1) / np.maximum(mass, 1e-6)
        clear = (shape[best, cells] > 0.85) & (lead > 0.04) & (share > 0.66) & (share < 1.6) & (elsewhere < 0.1)
        clear &= variant < self._readable
        empty = mass < 0.15 * self._mass.min()
        answer: npt.NDArray[np.intp] = np.where(empty, 0, np.where(clear, best + 1, -1))
        return answer


def spread(shapes: Floats) -> Floats:
    """Return the largest value within a pixel; shape (count, height, width)."""
    padded = np.pad(shapes, ((0, 0), (1, 1), (1, 1)))
    height, width = shapes.shape[1:]
    around = [padded[:, y : y + height, x : x + width] for y in range(3) for x in range(3)]
    spread: Floats = np.stack(around).max(0)
    return spread
