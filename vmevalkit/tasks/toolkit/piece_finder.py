"""Find pieces by their colors, anywhere on the canvas."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vmevalkit.media import Planes
from vmevalkit.tasks.toolkit.piece_boards import Layout
from vmevalkit.tasks.toolkit.vision import Floats, tone

Indices = npt.NDArray[np.intp]
# Y, Cb and Cr of a color.
Tone = tuple[int, int, int]

# A pixel has the color of a piece up to this distance in (Y, Cb, Cr).
_NEAR = 42.0
# A color that covers more than this share of the empty scene is a background, with which smeared pieces mix.
_WIDE = 0.05
# Largest area of a piece, in shares of the area as drawn.
_MOST = 1.35
# Pixels of the outline of a piece that may have its color in one place and not in another, in shares of its half sides.
_OUTLINE = 1.0
# A piece lower or narrower than this is small: every pixel of it is examined. In pixels of the view.
_SMALL = 22.0
# A piece is thin if its color fills less than this share of its box, and tiny if it has fewer than this many pixels.
_THIN, _TINY = 0.25, 16
# About so many pixels of a piece are enough for its mean color.
_PICKED = 64


class Found(NamedTuple):
    """What was found of the color of one piece.

    Attributes:
        area: in pixels of the view.
        y, x: center in pixels of the view.
        stray: area far from the center.
        opacity: of its color over the empty scene.
        error: largest difference of its mean color from a mixture of its color and the empty scene, in 255ths.
    """

    area: float
    y: float
    x: float
    stray: float
    opacity: float = 0.0
    error: float = 0.0


class PieceFinder:
    """Finds each piece of a puzzle by its color.

    Attributes:
        whole: what is found in the drawing of the start.
        most: largest area that each piece may have.

    Args:
        layout: the pieces.
        drawing: planes of the start.
        large: planes of the start with pieces a little larger.
        empty: planes without pieces.
    """

    def __init__(self, layout: Layout, drawing: Planes, large: Planes, empty: Planes) -> None:
        unit, extents = layout.unit, layout.extents
        self._count = len(extents)
        self._labels = _label_table(tuple(tone(color) for color in layout.colors), _backgrounds(empty))
        # Every second pixel is enough for large pieces.
        self._step = 1 if 2 * min(map(min, extents)) * unit < _SMALL else 2
        self._sides = [((down + 0.15) * unit / self._step, (right + 0.15) * unit / self._step)
                       for down, right in extents]  # fmt: skip
        self._tones = np.array([tone(color) for color in layout.colors], np.float32)
        self._some_empty = empty[:, :: self._step, :: self._step]
        self._edges = False
        self.whole = self.find(drawing)
        boxes = [4 * down * right * (unit / self._step) ** 2 for down, right in extents]
        if self._step > 1 and any(a.area < _THIN * box for a, box in zip(self.whole, boxes, strict=True)):
            self._sides = [(self._step * down, self._step * right) for down, right in self._sides]
            self._step, self._some_empty = 1, empty
            self.whole = self.find(drawing)
        if min(a.area for a in self.whole) < _TINY:
            self._edges = True
            self.whole = self.find(drawing)
        # A piece of few pixels grows much if it is drawn a little larger, and its outline may cover more pixels in
        # other places.
        self.most = [max(_MOST * a.area, 1.1 * b.area) + _OUTLINE * sum(sides)
                     for a, b, sides in zip(self.whole, self.find(large), self._sides, strict=True)]  # fmt: skip

    def radius(self, piece: int) -> float:
        """Half of the diagonal of the area in which a piece is searched, in pixels of the view."""
        return math.hypot(*self._sides[piece]) * self._step / 2

    def find(self, planes: Planes) -> list[Found]:
        """Find each piece in a frame."""
        some = planes[:, :: self._step, :: self._step]
        y, cb, cr = some.astype(np.uint16) >> 3
        label = self._labels.take((y << 10) | (cb << 5) | cr)
        width = label.shape[1]
        # Few pixels have the color of a piece. Only these are examined further.
        rows, columns = divmod(np.flatnonzero(label[1:-1, 1:-1] > 0), width - 2)
        at, label = (rows + 1) * width + columns + 1, label.ravel()
        own = label[at]
        if not self._edges:
            # Ignore the edges of pieces, where colors mix.
            inside = (label[at - width] == own) & (label[at + width] == own)
            inside &= (label[at - 1] == own) & (label[at + 1] == own)
            rows, columns, own = rows[inside], columns[inside], own[inside]
        order = np.argsort(own, kind="stable")
        rows, columns, ends = rows[order], columns[order], np.cumsum(np.bincount(own, minlength=self._count + 1))
        found = []
        for piece, (start, end, sides) in enumerate(zip(ends, ends[1:], self._sides, strict=False)):
            measured = self._measure(rows[start:end], columns[start:end], *sides)
            if end > start:
                pick = slice(start, end, 1 + (end - start) // _PICKED)
                down, right = rows[pick], columns[pick]
                opacity, error = self._color(piece, some[:, down, right], self._some_empty[:, down, right])
                measured = measured._replace(opacity=opacity, error=error)
            found.append(measured)
        return found

    def _color(self, piece: int, seen: Planes, behind: Planes) -> tuple[float, float]:
        """Return opacity and error of pixels of a piece; see `Found`. Both planes have the shape (3, count)."""
        empty = behind.mean(1)
        toward, off = self._tones[piece] - empty, seen.mean(1) - empty
        opacity = float(toward @ off) / max(1.0, float(toward @ toward))
        return opacity, float(np.abs(off - opacity * toward).max())

    def _measure(self, rows: Indices, columns: Indices, down: float, right: float) -> Found:
        """Measure the pixels of one piece, whose rows are sorted."""
        if not len(rows):
            return Found(0.0, 0.0, 0.0, 0.0)
        # The median lies where most of the pixels are. Pixels farther away belong to something else.
        middle = rows[len(rows) // 2], np.bincount(columns).cumsum().searchsorted(len(columns) / 2)
        part = slice(rows.searchsorted(middle[0] - int(down)), rows.searchsorted(middle[0] + int(down), "right"))
        near = np.abs(columns[part] - middle[1]) <= right
        area = float(np.count_nonzero(near))
        y, x = (float(values[part] @ near) / area if area else 0.0 for values in (rows, columns))
        return Found(area, self._step * y, self._step * x, len(rows) - area)


def _backgrounds(planes: Planes) -> tuple[Tone, ...]:
    """Tones that cover large parts of a drawing."""
    y, cb, cr = planes[:, ::2, ::2].reshape(3, -1).astype(np.uint32)
    tones, counts = np.unique(y << 16 | cb << 8 | cr, return_counts=True)
    wide = tones[counts > _WIDE * counts.sum()].tolist()
    return tuple((t >> 16, t >> 8 & 255, t & 255) for t in wide)


@lru_cache(maxsize=16)
def _label_table(tones: tuple[Tone, ...], backgrounds: tuple[Tone, ...]) -> npt.NDArray[np.uint8]:
    """For each color (5 bits a plane) the number of the piece that has it, counted from 1, or 0.

    A color that more closely resembles another piece smeared over a background has no piece.
    """
    label, off = _nearest(tones)
    smears = (np.array(tones)[:, None] + np.array(backgrounds)) / 2
    smeared, nearer = _nearest(smears.reshape(-1, 3).tolist())
    # The smear must be at most half as far away.
    other = (4 * nearer < off) & (smeared // len(backgrounds) != label)
    return np.where((off < _NEAR**2) & ~other, label + 1, 0).astype(np.uint8)


def _nearest(points: Sequence[Sequence[float]]) -> tuple[npt.NDArray[np.uint16], Floats]:
    """Index of the point nearest to each color, and its squared distance; both of shape (32, 32, 32)."""
    steps = np.arange(32, dtype=np.float32) * 8 + 4
    which, least = np.zeros((32, 32, 32), np.uint16), np.full((32, 32, 32), np.inf, np.float32)
    for number, point in enumerate(points):
        y, cb, cr = ((steps - value) ** 2 for value in point)
        off = y[:, None, None] + cb[:, None] + cr
        which[off < least] = number
        np.minimum(least, off, out=least)
    return which, least
