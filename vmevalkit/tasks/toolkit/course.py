"""Course: what a puzzle looks like in each frame of a video, although something lies over parts of it.

A solution is drawn at many moments. The pixels that it changes fall into *regions* that do not touch: each cell of a
board, or the whole way of what moves. In each region, the moments that are shown go forward. The sequence that agrees
best with all frames tells what a region shows, also while a cursor or hand lies over a part of it: a wrong guess for
one frame would disagree with the frames after it. Where several agree equally, what is hidden stays as it was last
seen.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from functools import cached_property, lru_cache

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
# So many drawings are kept, of 64 KB each.
_KEPT = 200


Draw = Callable[[float], Planes]


class Shown:
    """What a frame shows of the puzzle. What is expensive is found when it is asked for.

    Args:
        course: the course of the puzzle.
        frame: a frame of the video.
        moments: the moment that each region of the course shows.

    Attributes:
        position: how far the solution has come, from 0 to the number of steps.
    """

    def __init__(self, course: Course, frame: Planes, moments: tuple[int, ...]) -> None:
        self._course, self._frame, self._moments = course, frame, moments
        self.position = max(map(course.position, moments), default=0.0)

    @cached_property
    def drawing(self) -> Planes:
        """What the frame would look like without anything that lies over it."""
        return self._course.composed(self._frame, self._moments)

    @cached_property
    def mover(self) -> Mask | None:
        """Mask of the pixels of what is on its way from one place to another; None if nothing is."""
        return self._course.mover(self._moments)


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

        self._draw, self._draw_bare, self._acting = lru_cache(_KEPT)(draw), draw_bare, acting
        # The videos of a question ask for the same positions.
        self._moving: Callable[[float], Mask] = lru_cache(None)(self._find_moving)
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

    def follow(self, frames: Views) -> list[Shown]:
        """Return what each frame shows: in each region, its own moment."""
        moments = zip(*(region.follow(frames).tolist() for region in self._regions), strict=True)
        return [Shown(self, frame, shown) for frame, shown in zip(frames, moments, strict=True)]

    def position(self, moment: int) -> float:
        """Return how far the solution has come at a moment."""
        return float(self._positions[moment])

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

    def mover(self, moments: Sequence[int]) -> Mask | None:
        """Return the pixels of what is on its way at the moments that the regions show; None if nothing is."""
        for region, moment in zip(self._regions, moments, strict=True):
            position = self.position(moment)
            if position % 1:
                mover = self._moving(position)
                inside = np.zeros_like(mover)
                inside.ravel()[region.at] = mover.ravel()[region.at]
                if inside.any():
                    return inside
        return None

    def _find_moving(self, position: float) -> Mask:
        """Return the pixels of what is on its way at a position."""
        here = self._draw(position)
        if self._draw_bare is not None:
            return most(distance(here, self._draw_bare(position))) > _OTHER
        # What turns is neither where it was nor where it will be. What fades is there, too, but in a mixed color, and
        # what grows in its place was nowhere before.
        before, after = self._draw(float(int(position))), self._draw(float(int(position) + 1))
        left = most(distance(here, before)) > _OTHER
        away = left & (most(distance(here, after)) > _OTHER)
        least = _OWN * np.count_nonzero(away)
        turns = min(self._count_acting(here, away), self._count_acting(before, left)) > least
        return away if turns else np.zeros_like(away)

    def _count_acting(self, drawing: Planes, where: Mask) -> int:
        """Return how many pixels of a part of a drawing have the color of something that acts."""
        tones = (drawing[:, where] >> 3).astype(np.int16)
        acts = (np.abs(tones[:, :, None] - self._acting[:, None]) <= 1).all(0).any(1)
        return int(np.count_nonzero(acts))

    def composed(self, frame: Planes, moments: Sequence[int]) -> Planes:
        """Return a drawing of the moments that the regions show; between two moments, of what agrees with the frame."""
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
        look, at = region.look(moment), self.position(moment)
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
        cost = np.stack(self._disagreements(frames))
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

    def _disagreements(self, frames: Views) -> list[npt.NDArray[np.float64]]:
        """Return for each frame how much each look differs from it, in some of the pixels."""
        found, before = list[npt.NDArray[np.float64]](), None
        for frame in frames:
            seen = frame.reshape(3, -1).take(self.at[self._some], 1)
            # Videos hold still for long, and equal frames have equal costs.
            if before is None or not np.array_equal(seen, before):
                before = seen
                off = [np.minimum(most(distance(seen, look)), _OTHER).sum(dtype=np.float64) for look in self._fewer]
                costs = np.array(off)
            found.append(costs)
        return found
