"""Boards: the state of a task whose places change their look, how it is drawn, and how it is read from a frame."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vmevalkit.media import Frame, Planes
from vmevalkit.tasks.base import Reading
from vmevalkit.tasks.toolkit.compare import patches
from vmevalkit.tasks.toolkit.draw import Box, Sketch, Stamp
from vmevalkit.tasks.toolkit.vision import Floats, Mask, Painted, Scene, to_planes

Looks = tuple[int, ...]
DrawLook = Callable[[Sketch, Box, int, float], None]

# Each place is sampled at this many points in each direction, and not so near to its edge, in shares of its size: a
# look that is a little too small leaves the edge free, and that would be mistaken for a share of another look.
_POINTS, _EDGE = 20, 0.05
# A look is recognized if at most this share of any other look shows through, and if its error is at most this share of
# its contrast with the nearest other look.
_GHOST, _ERROR = 0.25, 0.3
# Margin of a place, as a share of its width, that may be lit with it.
_AROUND = 0.15
# Weight of Y, Cb and Cr for the color of a look, and cosine from which on a color is that of the look.
_CHROMA, _ALIKE = np.array((1.0, 3.0, 3.0), np.float32), 0.85
# So many drawings of places are kept, up to 20 KB each at the usual size.
_TILES = 2048


class Board(NamedTuple):
    """The look of each place at one moment, and the places that are changing.

    Attributes:
        looks: a number for each place; 0 is an empty place. In a board that is scored, a changing place has the look
            that was last recognized there.
        coming: (place, look, share of its full size) of each look that grows or shrinks. A reader cannot tell which
            look it is and reports look 0; and size 0, or how much of look 1 is there if looks go from place to place.
        stressed: the place in or around which alone a frame shows something else; -1 if there is none.
        wrong: reason code of a violation at this moment, when a video is judged by `ruled_cells`.
    """

    looks: Looks
    coming: tuple[tuple[int, int, float], ...] = ()
    stressed: int = -1
    wrong: str | None = None

    def changing(self) -> set[int]:
        """Return the places that are between two looks."""
        return {place for place, *_ in self.coming}


def changed(looks: Looks, new: dict[int, int]) -> Looks:
    """Return looks with those of some places (keys of `new`) replaced."""
    return tuple(new.get(place, look) for place, look in enumerate(looks))


def changing_looks(
    old: Looks, new: Looks, t: float, grown: Callable[[float], float]
) -> tuple[Looks, tuple[tuple[int, int, float], ...]]:
    """Return what shows at a share `t` of a change: old looks shrink and new ones grow.

    Args:
        old, new: the looks before and after.
        t: from 0 to 1.
        grown: returns the size of a growing look at a share of its step.

    Returns:
        The looks, 0 where one changes; and (place, look, size) of each look that changes.
    """
    looks, coming = list(old), []
    for place, (a, b) in enumerate(zip(old, new, strict=True)):
        if a == b:
            continue
        looks[place] = 0
        if a and b:
            coming.append((place, a, grown(1 - 2 * t)) if t < 0.5 else (place, b, grown(2 * t - 1)))
        else:
            coming.append((place, b, grown(t)) if b else (place, a, grown(1 - t)))
    return tuple(looks), tuple(coming)


class BoardPainter:
    """Draw boards one after another; only places that differ from the previous board are drawn again.

    Args:
        sheet: what never changes.
        boxes: the box of each place in pixels of the canvas.
        start: the looks that are drawn first.
        draw_look: draws a look (not 0) in a box at a share of its full size.
        object_scale: size of the looks relative to the question's; more than 1 counts as 1, so that no look leaves its
            box.
    """

    def __init__(
        self, sheet: Sketch, boxes: Sequence[Box], start: Looks, draw_look: DrawLook, object_scale: float = 1
    ) -> None:
        self._sheet, self._boxes, self._draw_look = sheet, boxes, draw_look
        self._object_scale = min(object_scale, 1.0)
        self._tiles: dict[tuple[int, int, float], Stamp] = {}
        # The settled places of the previous board and its frame.
        self._looks, self._frame = start, sheet.pixels()
        for place, look in enumerate(start):
            if look:
                self._put(self._frame, place, look, 1.0)

    def __call__(self, board: Board) -> Frame:
        """Return the frame of a board, uint8 of shape (height, width, 3)."""
        settled = changed(board.looks, dict.fromkeys(board.changing(), 0))
        frame: Frame = self._frame.copy()
        for place, (old, new) in enumerate(zip(self._looks, settled, strict=True)):
            if old != new:
                self._put(frame, place, new, 1.0)
        self._looks, self._frame = settled, frame.copy()
        for place, look, size in board.coming:
            self._put(frame, place, look, size)
        return frame

    def _put(self, frame: Frame, place: int, look: int, size: float) -> None:
        key = (place, look, size)
        if key not in self._tiles:
            tile = self._sheet.region(self._boxes[place])
            if look:
                self._draw_look(tile, self._boxes[place], look, size * self._object_scale)
            if len(self._tiles) >= _TILES:
                self._tiles.clear()
            self._tiles[key] = tile.stamp()
        self._tiles[key].onto(frame)


class BoardReader:
    """Read the board that a frame shows.

    Args:
        paint: draws boards as planes of the view.
        boxes: the box of each place in pixels of the view.
        start: the looks of the first frame.
        possible: bool of shape (looks, places): which looks each place may have.
        lanes: the sheet with all that a look 1 may cover on its way from place to place; None if none goes anywhere.
    """

    def __init__(
        self, paint: Painted, boxes: Sequence[Box], start: Looks, possible: Mask, lanes: Sketch | None = None
    ) -> None:
        first = paint(Board(start))
        # One drawing for each look, in which every place that may have the look has it.
        drawings = [paint(Board(tuple((look * places).tolist()))) for look, places in enumerate(possible)]
        moving: Mask = np.zeros(first.shape[1:], bool)
        for left, top, right, bottom in boxes:
            moving[int(top) : int(np.ceil(bottom)) + 1, int(left) : int(np.ceil(right)) + 1] = True
        points = np.array([_grid_points(box, first.shape[2]) for box in boxes])
        self._passes = lanes is not None
        others = [] if lanes is None else [to_planes(lanes.pixels())]
        self._scene = Scene(first, [*drawings, *others], moving)
        self._classifier = _LookClassifier(points, drawings, possible)
        self._boxes = [_widened(box) for box in boxes]

    def __call__(self, frame: Planes) -> Reading[Board]:
        """Read a frame's planes, uint8 of shape (3, height, width)."""
        planes, wrong = self._scene.look(frame)
        if wrong == "scene_lost":
            return Reading(None, False, wrong)
        looks = self._classifier.classify(planes)
        stressed = self._stressed(planes) if wrong else -1
        unclear = {*np.flatnonzero(looks < 0).tolist()} | ({stressed} - {-1})
        shares = self._classifier.shares(planes) if self._passes and unclear else np.zeros(len(looks), np.float32)
        coming = tuple((place, 0, round(float(shares[place]), 2)) for place in sorted(unclear))
        board = Board(tuple(np.maximum(looks, 0).tolist()), coming, stressed)
        return Reading(board, not wrong, wrong or "unreadable")

    def _stressed(self, planes: Planes) -> int:
        """Return the place that has all that is unexplained in its box, or around it; -1 if there is none."""
        off = self._scene.unexplained(planes)
        rows, columns = np.nonzero(off)
        if not len(rows):
            return -1
        y, x = int(np.median(rows)), int(np.median(columns))
        for place, (left, top, right, bottom) in enumerate(self._boxes):
            if left <= x < right and top <= y < bottom:
                rest = off.copy()
                rest[top:bottom, left:right] = False
                if not patches(rest):
                    return place
        return -1


def _widened(box: Box) -> tuple[int, int, int, int]:
    """Return a box with a margin for what surrounds a place: a lit square, or a look that is too large."""
    left, top, right, bottom = box
    margin = _AROUND * (right - left) + 1
    return max(0, int(left - margin)), max(0, int(top - margin)), int(right + margin) + 1, int(bottom + margin) + 1


def _grid_points(box: Box, width: int) -> npt.NDArray[np.intp]:
    """Flat pixel indices of a grid of points in a box, for images of a width."""
    left, top, right, bottom = box
    shares = _EDGE + (1 - 2 * _EDGE) * (np.arange(_POINTS) + 0.5) / _POINTS
    ys, xs = (a + shares * (b - a) for a, b in ((top, bottom), (left, right)))
    indices: npt.NDArray[np.intp] = (ys.astype(np.intp)[:, None] * width + xs.astype(np.intp)).ravel()
    return indices


class _LookClassifier:
    """Tell which look each place has, from its distance to each look's drawing and to blends of two.

    Args:
        points: flat pixel indices, of shape (places, points).
        drawings: planes of one drawing for each look.
        possible: bool of shape (looks, places).
    """

    def __init__(self, points: npt.NDArray[np.intp], drawings: Sequence[Planes], possible: Mask) -> None:
        # Indices into all three planes at once, for each place.
        plane_size = drawings[0][0].size
        self._at = np.concatenate([points + plane * plane_size for plane in range(3)], axis=1)
        # Shape (looks, places, values).
        self._known = np.stack([self._values(planes) for planes in drawings])
        self._power: Floats = (self._known * self._known).mean(2)
        # The mean squared difference of two looks, from the products of all pairs.
        cross = np.matmul(self._known.transpose(1, 0, 2), self._known.transpose(1, 2, 0)).transpose(1, 2, 0)
        distance = self._power[:, None] + self._power[None] - cross * (2 / self._known.shape[2])
        # Shape (looks, looks, places).
        self._apart: Floats = np.maximum(distance, 1.0)
        self._apart[np.arange(len(drawings)), np.arange(len(drawings))] = np.inf
        self._apart[~possible[:, None] | ~possible[None]] = np.inf
        self._power[~possible] = 1e9

    def _values(self, planes: Planes) -> Floats:
        values: Floats = planes.ravel().take(self._at).astype(np.float32)
        return values

    def shares(self, planes: Planes) -> Floats:
        """Return how much of look 1 there is in each place: 1 if it is complete, also if it is smeared or shifted."""
        whole, there = (
            (values - self._known[0]).reshape(len(self._at), 3, -1).sum(2) * _CHROMA
            for values in (self._known[1], self._values(planes))
        )
        along = (there * whole).sum(1)
        size, length = (np.sqrt((sums * sums).sum(1)) for sums in (whole, there))
        found: Floats = np.where(along > _ALIKE * size * length, along / np.maximum(size * size, 1.0), 0.0)
        return found

    def classify(self, planes: Planes) -> npt.NDArray[np.intp]:
        """Return the look of each place; -1 if it is unclear."""
        seen = self._values(planes)
        count = seen.shape[1]
        cross = np.matmul(self._known.transpose(1, 0, 2), seen[:, :, None])[:, :, 0].T
        error = (seen * seen).sum(1) / count - cross * (2 / count) + self._power
        best = error.argmin(0)
        places = np.arange(error.shape[1])
        least, apart = error[best, places], self._apart[best, :, places].T
        # All of a look's ink distinguishes it from an empty place, but it may differ only slightly from another look.
        contrast = np.where(best > 0, apart[0], apart.min(0))
        # The share of another look that explains the place best: least squares along the line between the two.
        share = np.where(np.isfinite(apart), 0.5 + (least - error) / (2 * apart), 0.0).max(0)
        clear = (share < _GHOST) & (least < _ERROR * contrast)
        looks: npt.NDArray[np.intp] = np.where(clear, best, -1)
        return looks
