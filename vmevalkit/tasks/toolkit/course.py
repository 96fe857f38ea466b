"""Course: what a puzzle looks like in each frame of a video, although something lies over parts of it.

A solution is drawn at many moments. The pixels that it changes fall into *regions* that do not touch: each cell of a
board, or the whole way of what moves. In each region, the moments that are shown go forward. The sequence that agrees
best with all frames tells what a region shows, also while a cursor or hand lies over a part of it: a wrong guess for
one frame would disagree with the frames after it. Where several agree equally, what is hidden stays as it was last
seen.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vmevalkit.media import Planes, Views
from vmevalkit.tasks.toolkit.compare import Mask, distance, extreme, most, patches
from vmevalkit.tasks.toolkit.lens import Lens

# A pixel changes if it differs by more than this between drawings. Regions are widened by the reach.
_CHANGED, _REACH = 16, 1
# A pixel that differs by more than this counts as entirely different, whatever lies over it.
_OTHER = 40
# Disagreement by which a later moment must be better in each frame, so that noise moves nothing ahead: one pixel.
_LATER = float(_OTHER)
# So many pixels of a region are compared. A thing that moves then keeps dozens of pixels.
_COMPARED = 4000
# Two moments that differ by so many pixels are refined: what moves is farther in one than its soft edge tells.
_COARSE = 60
# Something is what it was before, and does not fade, if this share of it has the colors of what acts.
_OWN = 0.1
# A moment is refined to this share of the distance between two moments.
_FINE = 1 / 16


Draw = Callable[[float], Planes]


class Shown(NamedTuple):
    """What a frame shows of the puzzle.

    Attributes:
        drawing: what it would look like without anything that lies over it.
        position: how far the solution has come, from 0 to the number of steps.
        mover: mask of the pixels of what is on its way from one place to another; None if nothing is.
    """

    drawing: Planes
    position: float
    mover: Mask | None


class Course:
    """Follows a video through the moments of a solution.

    Args:
        draw: draws a moment, given as a position from 0 to `end`; uint8 (3, height, width).
        draw_bare: draws it without what moves; None if nothing moves from place to place.
        end: position of the answer.
        count: number of moments that are drawn; between them, `draw` is asked again.
        acting: colors of what moves or appears; see `acting_colors`.

    Attributes:
        smallest: number of pixels that the smallest step changes.
        way: mask of the pixels that change at any moment.
    """

    def __init__(self, draw: Draw, draw_bare: Draw | None, end: float, count: int, acting: Planes) -> None:
        from scipy.ndimage import label

        self._draw, self._draw_bare, self._acting = draw, draw_bare, acting
        self._positions = np.linspace(0, end, count + 1)
        drawings = [draw(float(position)) for position in self._positions]
        self._start = drawings[0]
        steps = [drawings[round(k)] for k in np.linspace(0, count, round(end) + 1)]
        areas = [np.count_nonzero(most(distance(a, b)) > _OTHER) for a, b in itertools.pairwise(steps)]
        self.smallest = int(min(areas))
        changes = np.zeros(self._start.shape[1:], bool)
        for drawing in drawings[1:]:
            changes |= most(distance(drawing, self._start)) > _CHANGED
        self.lens = Lens(self._start, ~extreme(changes[None].view(np.uint8), 3, np.maximum)[0].astype(bool))
        wide = extreme(changes[None].view(np.uint8), _REACH, np.maximum)[0]
        parts, found = label(wide)
        self.way: Mask = changes
        self._regions = [_Region(np.flatnonzero(parts == k + 1), drawings) for k in range(found)]

    def follow(self, frames: Views) -> Iterator[Shown]:
        """Yield what each frame shows: in each region, its own moment."""
        shown = [region.follow(frames) for region in self._regions]
        for i, frame in enumerate(frames):
            moments = [int(moments[i]) for moments in shown]
            position = max((float(self._positions[moment]) for moment in moments), default=0.0)
            yield Shown(self._composed(frame, moments), position, self._mover(moments))

    def moves(self, step: int) -> bool:
        """Whether something moves from place to place in a step; else things appear, change or vanish in place."""
        return bool(self.movers(step))

    def movers(self, step: int) -> list[tuple[Planes, Mask]]:
        """Return what moves in a step, halfway: an image and a mask of the size of the box of each thing."""
        from scipy.ndimage import find_objects, label

        mask, image = self._moving(step + 0.5), self._draw(step + 0.5)
        parts, _ = label(mask)
        boxes = find_objects(parts)
        return [
            (image[:, box[0], box[1]], parts[box] == number)
            for number, box in enumerate(boxes, start=1)
            if patches(parts == number)
        ]

    def _mover(self, moments: Sequence[int]) -> Mask | None:
        for region, moment in zip(self._regions, moments, strict=True):
            position = float(self._positions[moment])
            if position % 1:
                mover = self._moving(position)
                inside = np.zeros_like(mover)
                inside.ravel()[region.at] = mover.ravel()[region.at]
                if inside.any():
                    return inside
        return None

    def _moving(self, position: float) -> Mask:
        """Return the pixels of what is on its way at a position."""
        here = self._draw(position)
        if self._draw_bare is not None:
            return most(distance(here, self._draw_bare(position))) > _OTHER
        # What turns is neither where it was nor where it will be. What fades is there, too, but in a mixed color.
        before, after = self._draw(float(int(position))), self._draw(float(int(position) + 1))
        away = (most(distance(here, before)) > _OTHER) & (most(distance(here, after)) > _OTHER)
        own = np.zeros_like(away)
        own[away] = (
            (np.abs((here[:, away] >> 3).astype(np.int16)[:, :, None] - self._acting[:, None]) <= 1).all(0).any(1)
        )
        return away if np.count_nonzero(own) > _OWN * np.count_nonzero(away) else np.zeros_like(away)

    def _composed(self, frame: Planes, moments: Sequence[int]) -> Planes:
        planes: Planes = self._start.copy()
        flat = planes.reshape(3, -1)
        for region, moment in zip(self._regions, moments, strict=True):
            if region.is_coarse(moment):
                flat[:, region.at] = self._refined(frame, region, moment)
            elif moment:
                flat[:, region.at] = region.look(moment)
        return planes

    def _refined(self, frame: Planes, region: _Region, moment: int) -> Planes:
        """Return what a region shows between two moments: the look that agrees best with a frame."""
        look, at = region.look(moment), float(self._positions[moment])
        least = region.disagreement(frame, look)
        step = share = float(self._positions[1])
        while share > _FINE * step and least:
            share /= 2
            for position in (at - share, at + share):
                if 0 <= position <= self._positions[-1]:
                    other = self._draw(position).reshape(3, -1).take(region.at, 1)
                    if (off := region.disagreement(frame, other)) < least - _LATER:
                        least, look, at = off, other, position
        return look


class _Region:
    """Pixels that change together.

    Args:
        at: their numbers.
        drawings: all moments.
    """

    def __init__(self, at: npt.NDArray[np.intp], drawings: Sequence[Planes]) -> None:
        self.at = at
        looks = [drawings[0].reshape(3, -1).take(at, 1)]
        self._which = [0]
        for drawing in drawings[1:]:
            look = drawing.reshape(3, -1).take(at, 1)
            if not np.array_equal(look, looks[-1]):
                looks.append(look)
            self._which.append(len(looks) - 1)
        self._looks = looks
        self._moments = np.searchsorted(self._which, np.arange(len(looks)))
        self._some = slice(None, None, 1 + len(at) // _COMPARED)
        self._fewer = np.stack(looks)[:, :, self._some].copy()

    def look(self, moment: int) -> Planes:
        """Return the pixels at a moment, shape (3, count)."""
        return self._looks[self._which[moment]]

    def is_coarse(self, moment: int) -> bool:
        """Whether the next or the last moment is so different that what lies between them is neither."""
        here = self._which[moment]
        beside = (k for k in (here - 1, here + 1) if 0 <= k < len(self._looks))
        return any(np.count_nonzero(most(distance(self._looks[k], self._looks[here])) > _OTHER) > _COARSE
                   for k in beside)  # fmt: skip

    def follow(self, frames: Views) -> npt.NDArray[np.intp]:
        """Return the number of the moment that each frame shows."""
        cost = np.stack([self._disagreements(frame) for frame in frames])
        cost += _LATER * np.arange(cost.shape[1]) / cost.shape[1]
        for i in range(1, len(cost)):
            cost[i] += np.minimum.accumulate(cost[i - 1])
        shown = np.empty(len(cost), np.intp)
        last = cost.shape[1] - 1
        for i in range(len(cost) - 1, -1, -1):
            shown[i] = last = int(np.argmin(cost[i, : last + 1]))
        return self._moments[shown]

    def disagreement(self, frame: Planes, look: Planes) -> float:
        """Return how much a look differs from a frame."""
        return float(np.minimum(most(distance(frame.reshape(3, -1).take(self.at, 1), look)), _OTHER).sum())

    def _disagreements(self, frame: Planes) -> npt.NDArray[np.float64]:
        """Return how much each look differs from a frame, in some of the pixels."""
        seen = frame.reshape(3, -1).take(self.at[self._some], 1)
        return np.array([np.minimum(most(distance(seen, look)), _OTHER).sum(dtype=np.float64) for look in self._fewer])
