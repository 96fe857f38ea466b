"""Lines: the state of a task whose answer is drawn as lines, how it is drawn, and how it is read from a frame."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vmevalkit.media import Frame, Planes
from vmevalkit.tasks.base import Reading, lerp
from vmevalkit.tasks.toolkit.draw import Box, Color, Point, Sketch
from vmevalkit.tasks.toolkit.sums import length_of
from vmevalkit.tasks.toolkit.vision import Floats, Scene, differing
from vmevalkit.types import Size

# Distance in pixels of the view between the points at which a line is sampled.
_SPACING = 2.5
# Below the first opacity a point is bare, above the second it is inked.
_BARE, _INKED = 0.3, 0.65
# Share of its line, or of all lines, that may be partly inked at the tips, because lines grow fast and frames may be
# blended.
_SOFT, _SOFT_OF_ALL = 0.12, 0.05
# Ink may have this share of its luma.
DARK = 0.75
# Number of points away from the tips that may have ink.
SPECKS = 2


class Stroke(NamedTuple):
    """A line of the answer: its corners in pixels of the canvas, and its color."""

    points: tuple[Point, ...]
    color: Color

    @property
    def length(self) -> float:
        """Length in pixels of the canvas."""
        return length_of(self.points)

    def part(self, start: float, end: float) -> list[Point]:
        """Return the corners from one share of the length to another."""
        total, covered = self.length, 0.0
        found: list[Point] = []
        for a, b in itertools.pairwise(self.points):
            step = math.dist(a, b) / total
            low, high = max(start, covered), min(end, covered + step)
            if step and low <= high:
                for at in (low, high):
                    t = (at - covered) / step
                    point = (lerp(a[0], b[0], t), lerp(a[1], b[1], t))
                    if not found or point != found[-1]:
                        found.append(point)
            covered += step
        return found


class Lines(NamedTuple):
    """How much of each line is drawn at one moment.

    Attributes:
        drawn: for each line, the shares drawn from its first end and from its last end.
        elsewhere: a line that the answer does not have, as points in shares of the canvas. Only cheats draw one.
        reach: like `drawn`, up to where there is any ink; empty if that is nowhere far beyond the tips. A line that
            grows fast is half-transparent at its tip in a blend of two frames.
        ahead: whether there is ink that is not connected to an end of its line.
        seen: the drawn share of what can be seen of all lines; None in states that are not read from a frame. Where
            something lies above a line, `drawn` jumps and `seen` does not.
        shade: factor of the color of the ink, for drawings of dark lines.
    """

    drawn: tuple[tuple[float, float], ...]
    elsewhere: tuple[Point, ...] = ()
    reach: tuple[tuple[float, float], ...] = ()
    ahead: bool = False
    seen: float | None = None
    shade: float = 1.0


def drawn_up_to(count: int, complete: int, share: float = 0.0) -> Lines:
    """Return `count` lines of which the first `complete` ones are drawn, and a share of the next."""
    return Lines(tuple((1.0 if i < complete else share if i == complete else 0.0, 0.0) for i in range(count)))


class LinesPainter:
    """Draw lines between two layers of a scene; only what differs from the previous drawing is drawn again.

    Args:
        sheet: what lies below the lines.
        draw_above: draws what lies above the lines.
        strokes: the lines of the answer.
        canvas: (width, height) in pixels.
        pen: width of the lines in pixels of the canvas.
    """

    def __init__(
        self, sheet: Sketch, draw_above: Callable[[Sketch], None], strokes: Sequence[Stroke], canvas: Size, pen: float
    ) -> None:
        self._sheet, self._draw_above = sheet, draw_above
        self._strokes, self._canvas, self._pen = strokes, canvas, pen
        blank = sheet.region((0.0, 0.0, float(canvas[0]), float(canvas[1])))
        draw_above(blank)
        self._last, self._frame = drawn_up_to(len(strokes), 0), blank.pixels()

    def __call__(self, lines: Lines) -> Frame:
        """Return the frame of a state, uint8 of shape (height, width, 3)."""
        frame: Frame = self._frame.copy()
        for area in self._changed(lines):
            part = self._sheet.region(area)
            for points, color in self._ink(lines):
                part.line(points, self._pen, color)
            self._draw_above(part)
            part.onto(frame)
        self._last, self._frame = lines, frame.copy()
        return frame

    def _ink(self, lines: Lines) -> list[tuple[list[Point], Color]]:
        """Return the drawn parts of the lines with their colors."""
        parts = []
        for stroke, (first, last) in zip(self._strokes, lines.drawn, strict=True):
            for start, end in ((0.0, first), (1.0 - last, 1.0)):
                if end > start:
                    red, green, blue = (round(part * lines.shade) for part in stroke.color)
                    parts.append((stroke.part(start, end), (red, green, blue)))
        if lines.elsewhere:
            width, height = self._canvas
            parts.append(([(x * width, y * height) for x, y in lines.elsewhere], self._strokes[0].color))
        return parts

    def _changed(self, lines: Lines) -> list[Box]:
        """Return boxes around what differs from the previous drawing."""
        boxes, pen = [], self._pen
        for stroke, old, new in zip(self._strokes, self._last.drawn, lines.drawn, strict=True):
            for start, end in (sorted((old[0], new[0])), sorted((1 - old[1], 1 - new[1]))):
                if start == end:
                    continue
                # One box for each straight piece, so that the box of a long line is not the whole image.
                points = stroke.part(start, end)
                for p, q in zip(points, points[1:] or points, strict=False):
                    boxes.append((min(p[0], q[0]) - pen, min(p[1], q[1]) - pen,
                                  max(p[0], q[0]) + pen, max(p[1], q[1]) + pen))  # fmt: skip
        if (self._last.elsewhere, self._last.shade) != (lines.elsewhere, lines.shade):
            boxes.append((0.0, 0.0, float(self._canvas[0]), float(self._canvas[1])))
        return boxes


class LinesReader:
    """Read how much of each line a frame shows.

    Args:
        strokes: the lines of the answer.
        start: planes of the first frame.
        full: planes of the answer.
        bold: planes of the answer with thick lines.
        pen: width of the lines in pixels of the canvas.
        downscale: how many times smaller the view is than the canvas.
    """

    def __init__(
        self, strokes: Sequence[Stroke], start: Planes, full: Planes, bold: Planes, pen: float, downscale: float
    ) -> None:
        # The scene is compared where there is never any ink, nor its soft edge.
        dark = np.where(differing(start, full, 1), full * np.float32(DARK), full).astype(np.uint8)
        dark[1:] = full[1:]
        self._scene = Scene(start, [full, bold, dark], differing(start, bold))
        self._strokes = [_StrokeReader(stroke, strokes, pen, start, full, downscale) for stroke in strokes]

    def __call__(self, frame: Planes) -> Reading[Lines]:
        """Read a frame's planes, uint8 of shape (3, height, width)."""
        planes, wrong = self._scene.look(frame)
        if wrong == "scene_lost":
            return Reading(None, False, wrong)
        inks = [stroke.read(planes) for stroke in self._strokes]
        ahead, far = any(ink.ahead for ink in inks), any(ink.far for ink in inks)
        if wrong and (ahead or far):
            # What does not belong to the scene may be over the lines.
            return Reading(None, False, wrong)
        reach = tuple(ink.reach for ink in inks) if far else ()
        seen = sum(ink.points for ink in inks) / max(1, sum(stroke.visible for stroke in self._strokes))
        lines = Lines(tuple(ink.drawn for ink in inks), reach=reach, ahead=ahead, seen=seen)
        return Reading(lines, not wrong, wrong or "unreadable")


class _Ink(NamedTuple):
    """What is drawn of one line.

    Attributes:
        drawn: the shares drawn from the first and the last end.
        reach: the same, with the partly inked tips.
        far: whether a tip is partly inked over a longer stretch than growth explains.
        ahead: whether there is ink beyond the tips.
        points: number of the visible points that are drawn.
    """

    drawn: tuple[float, float]
    reach: tuple[float, float]
    points: int
    far: bool = False
    ahead: bool = False


class _StrokeReader:
    """Read how much of one line is drawn."""

    def __init__(
        self, stroke: Stroke, strokes: Sequence[Stroke], pen: float, start: Planes, full: Planes, downscale: float
    ) -> None:
        points, shares = _samples(stroke, downscale)
        height, width = start.shape[1:]
        columns = np.clip((points[:, 0] / downscale).astype(np.intp), 1, width - 2)
        rows = np.clip((points[:, 1] / downscale).astype(np.intp), 1, height - 2)
        around = np.array([dy * width + dx for dy in (-1, 0, 1) for dx in (-1, 0, 1)])
        at = (rows * width + columns)[:, None] + around
        bare, inked = (self._mean(planes, at) for planes in (start, full))
        power = ((inked - bare) ** 2).sum(0)
        # Ignore points that are hidden by what lies above the line, and their neighbors, because the camera may drift.
        visible = power > 0.6 * np.median(power)
        visible[1:] &= visible[:-1].copy()
        visible[:-1] &= visible[1:].copy()
        # Ignore points near a crossing: their ink may belong to another part.
        for other in strokes:
            other_points, other_shares = _samples(other, downscale)
            near = np.hypot(*(points[:, None] - other_points[None]).T).T < 1.5 * pen
            if other is stroke:
                near &= np.abs(shares[:, None] - other_shares[None]) * stroke.length > 4 * pen
            visible &= ~near.any(1)
        self._at, self._shares = at[visible], shares[visible]
        self._bare, self._change = bare[:, visible], (inked - bare)[:, visible] / power[visible]
        self.visible = int(np.count_nonzero(visible))
        samples = sum(len(_samples(other, downscale)[1]) for other in strokes)
        self._soft = max(_SOFT * self.visible, _SOFT_OF_ALL * samples, 4)

    def _mean(self, planes: Planes, at: npt.NDArray[np.intp]) -> Floats:
        mean: Floats = planes.reshape(3, -1).take(at, 1).mean(2, dtype=np.float32)
        return mean

    def read(self, planes: Planes) -> _Ink:
        """Return what is drawn of the line."""
        opacity = ((self._mean(planes, self._at) - self._bare) * self._change).sum(0)
        inked, bare = opacity > _INKED, opacity < _BARE
        count = len(opacity)
        if inked.all():
            return _Ink((1.0, 0.0), (1.0, 0.0), count)
        first = int(np.argmin(inked))
        last = int(np.argmin(inked[::-1]))
        # Beyond each tip there may be a partly inked stretch, and then no more ink.
        rest = bare[first : count - last]
        soft = (int(np.argmax(rest)), int(np.argmax(rest[::-1]))) if rest.any() else (len(rest), 0)
        clear = rest[soft[0] : len(rest) - soft[1]]
        return _Ink(
            self._ends(first, last),
            self._ends(first + soft[0], last + soft[1]),
            first + last,
            far=sum(soft) > self._soft,
            ahead=int(np.count_nonzero(~clear)) > SPECKS,
        )

    def _ends(self, first: int, last: int) -> tuple[float, float]:
        """Return the shares of the line that some points at its first and its last end cover."""
        return (float(self._shares[first - 1]) if first else 0.0,
                1 - float(self._shares[len(self._shares) - last]) if last else 0.0)  # fmt: skip


@lru_cache(maxsize=32)
def _samples(stroke: Stroke, downscale: float) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Points along a line, shape (count, 2), and their shares of its length."""
    count = max(8, math.ceil(stroke.length / downscale / _SPACING))
    return evenly_spaced(stroke.points, count), (np.arange(count) + 0.5) / count


def evenly_spaced(points: Sequence[Point], count: int) -> npt.NDArray[np.float64]:
    """Return the midpoints of `count` equal pieces of a line, shape (count, 2)."""
    ends = np.cumsum([0.0, *(math.dist(a, b) for a, b in itertools.pairwise(points))])
    at = (np.arange(count) + 0.5) * ends[-1] / count
    return np.stack([np.interp(at, ends, [point[axis] for point in points]) for axis in (0, 1)], axis=1)
