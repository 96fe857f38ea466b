"""Scene: what stays in a puzzle, and what is wrong with it in a frame."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from vmevalkit.media import Planes
from vmevalkit.tasks.toolkit.compare import Floats, Mask, extreme, lost, most, patches
from vmevalkit.tasks.toolkit.envelope import Envelope
from vmevalkit.tasks.toolkit.lens import Lens

# Fewer pixels of lines than this cannot show that lines have vanished.
_FEW = 24
# Lines are compared in zones: numbers of them, (down, across).
_ZONES = (4, 6)
# Share of single unexplained pixels from which on an image is noise.
_NOISE = 0.04


class Blocks:
    """Compares the mean colors of blocks with those of a drawing, to find objects that change color or vanish.

    Blur and small shifts do not matter. Blocks average small dark objects away; `Envelope` finds those.

    Args:
        drawing: the drawing at the size of the view, uint8 (3, height, width).
        where: mask of the pixels to compare. Only blocks that lie inside it count.
        side: width and height of a block in pixels.
        tolerance: difference of the means in 255ths from which on a block has changed.
    """

    def __init__(self, drawing: Planes, where: Mask, side: int = 8, tolerance: int = 45) -> None:
        self._side, self._tolerance = side, tolerance * side * side
        self._inside = self._sums(where[None].astype(np.uint8))[0] == side * side
        self._known = self._sums(drawing)

    def _sums(self, planes: Planes) -> Floats:
        """Return the exact sum of the pixels of each block, shape (planes, rows, columns)."""
        side = self._side
        height, width = planes.shape[1] // side * side, planes.shape[2] // side * side
        whole = planes[:, :height, :width]
        # Adding slices, then a product, is many times faster than a sum over two axes.
        rows = whole[:, ::side].astype(np.uint16)
        for i in range(1, side):
            rows += whole[:, i::side]
        sums: Floats = rows.astype(np.float32).reshape(-1, side) @ np.ones(side, np.float32)
        return sums.reshape(len(planes), height // side, width // side)

    def changed(self, planes: Planes) -> int:
        """Return the number of blocks whose color differs from the drawing."""
        off = most(np.abs(self._sums(planes) - self._known))
        return int(np.count_nonzero((off > self._tolerance) & self._inside))


class Linework:
    """Finds lines that have vanished. They are too thin for `Blocks`, and `Envelope` accepts paper in their place.

    The image is divided into zones. In each zone, the lines together must keep half of their contrast.

    Args:
        drawing: the drawing at the size of the view, uint8 (3, height, width).
        where: mask of the pixels where lines must stay.
    """

    def __init__(self, drawing: Planes, where: Mask) -> None:
        luma = drawing[:1]
        # The paper behind the lines: the brightest value nearby. A morphological closing keeps the corners in place.
        paper = extreme(extreme(luma, 5, np.maximum), 5, np.minimum)[0].astype(np.int16)
        depth = paper - drawing[0]
        at = np.flatnonzero((depth > 24) & where)
        ys, xs = np.divmod(at, luma.shape[2])
        zone = ys * _ZONES[0] // luma.shape[1] * _ZONES[1] + xs * _ZONES[1] // luma.shape[2]
        # Zones that have hardly any lines are joined to one.
        rest = _ZONES[0] * _ZONES[1]
        zone = np.where(np.bincount(zone, minlength=rest)[zone] >= _FEW, zone, rest)
        counts = np.bincount(zone)
        at = at[np.argsort(zone, kind="stable")][(counts >= _FEW).repeat(counts)]
        self._at, self._paper = at, paper.ravel()[at]
        self._first = np.cumsum([0, *counts[counts >= _FEW][:-1]])
        self._whole = self._depths(drawing) if len(at) else None

    def _depths(self, planes: Planes) -> npt.NDArray[np.int32]:
        """Return how much darker than paper the lines of each zone are, in total."""
        depth = np.maximum(self._paper - planes[0].ravel().take(self._at), 0)
        return np.add.reduceat(depth, self._first, dtype=np.int32)

    def gone(self, planes: Planes) -> bool:
        """Whether lines have vanished from some zone."""
        return self._whole is not None and bool((2 * self._depths(planes) < self._whole).any())


class Scene:
    """The parts of a puzzle that stay. It corrects light and position of frames, and finds what is wrong in them.

    Args:
        start: the first frame, uint8 (3, height, width).
        others: further drawings that a frame may agree with, in part or as a blend, for objects that appear.
        moving: mask of the pixels that may change. Elsewhere colors and lines must stay.
    """

    def __init__(self, start: Planes, others: Sequence[Planes] = (), moving: Mask | None = None) -> None:
        still = np.ones(start.shape[1:], bool) if moving is None else ~moving
        self.lens, self._envelope = Lens(start, still), Envelope(start, *others)
        self._blocks, self._lines = Blocks(start, still), Linework(start, still)

    def unexplained(self, planes: Planes) -> Mask:
        """Return a mask (height, width) of the pixels of corrected planes that no drawing explains."""
        return self._envelope.unexplained(planes)

    def look(self, frame: Planes) -> tuple[Planes, str]:
        """Return the corrected planes of a frame, and the reason code if the scene is not intact ("" if it is)."""
        planes = self.lens.planes(frame)
        unexplained = self._envelope.unexplained(planes)
        if unexplained.any():
            if lost(unexplained):
                return planes, "scene_lost"
            if patches(unexplained):
                return planes, "extra_object"
            # Single pixels everywhere are noise. Correct videos have far fewer.
            if np.count_nonzero(unexplained) > _NOISE * unexplained.size:
                return planes, "scene_lost"
        if self._lines.gone(planes):
            return planes, "scene_lost"
        return planes, "extra_object" if self._blocks.changed(planes) else ""
