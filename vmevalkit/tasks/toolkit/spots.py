"""Spots: small details of a scene that must stay, such as rings, arrows and thin lines.

`Blocks` and `Envelope` of `vision` find what vanishes or changes over a large area. Details that carry the question are
smaller: each is checked by the mean color of a few spots on it, wherever what moves does not hide them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from vmevalkit.media import Planes
from vmevalkit.tasks.toolkit.vision import Floats

# A spot has changed if its mean differs by more than this in luma or in chroma. Blur and compression change thin lines
# by up to 35 and 20. A detail has another hue if so many spots differ by more than the third number from the rest.
_LUMA, _CHROMA = 45, 26
_HUE, _SEVERAL = 7, 6


class MeanChanges:
    """Measures how the mean colors of sets of pixels differ from those of a drawing.

    Args:
        drawing: uint8 (3, height, width).
        pixels: numbers of the pixels of each set, counted row by row.
    """

    def __init__(self, drawing: Planes, pixels: Sequence[npt.NDArray[np.intp]]) -> None:
        self._at = np.concatenate(pixels)
        self._number = np.repeat(np.arange(len(pixels)), [len(spot) for spot in pixels])
        self._count = np.bincount(self._number)
        self._known = self._means(drawing)

    def of(self, planes: Planes) -> Floats:
        """Return the differences of a frame, shape (3, sets)."""
        return self._means(planes) - self._known

    def _means(self, planes: Planes) -> Floats:
        seen = planes.reshape(3, -1).take(self._at, 1)
        return np.stack([np.bincount(self._number, values) / self._count for values in seen]).astype(np.float32)


class Spots:
    """Compares the mean colors of small discs with those of a drawing.

    Args:
        drawing: the scene without what moves, at the size of the view, uint8 (3, height, width).
        spots: x, y and radius of each disc, in pixels of the view.
        most: largest number of changed spots that compression may explain.
        hues: whether a detail of another hue has changed. Only for details that are large and of one color.
    """

    def __init__(
        self, drawing: Planes, spots: Iterable[tuple[float, float, float]], most: int = 0, hues: bool = False
    ) -> None:
        self._discs, self._most, self._hues = np.array([*spots], np.float32), most, hues
        rows, columns = np.indices(drawing.shape[1:]) + 0.5
        pixels = []
        for x, y, radius in self._discs.tolist():
            near = np.s_[max(0, int(y - radius) - 1) : int(y + radius) + 2,
                         max(0, int(x - radius) - 1) : int(x + radius) + 2]  # fmt: skip
            off = np.hypot(rows[near] - y, columns[near] - x)
            inside = off <= max(radius, off.min())
            pixels.append(rows[near][inside].astype(np.intp) * drawing.shape[2] + columns[near][inside].astype(np.intp))
        self._changes = MeanChanges(drawing, pixels)

    def are_intact(self, planes: Planes, x: float, y: float, reach: float) -> bool:
        """Whether the spots have their colors, except for those that what moves may hide.

        Args:
            planes: a corrected frame.
            x, y: where the middle of what moves is, in pixels.
            reach: how far it reaches, with its smear.
        """
        off = self._changes.of(planes)
        changed = (np.abs(off[0]) > _LUMA) | (np.abs(off[1:]).max(0) > _CHROMA)
        seen = np.hypot(self._discs[:, 0] - x, self._discs[:, 1] - y) > reach + self._discs[:, 2]
        if np.count_nonzero(changed & seen) > self._most:
            return False
        hues = np.abs(off[1:] - np.median(off[1:], axis=1, keepdims=True)).max(0) > _HUE
        return not self._hues or int(np.count_nonzero(hues & seen)) < _SEVERAL
