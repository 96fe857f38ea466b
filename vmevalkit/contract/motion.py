"""What happens in a video of states: where each frame changes, which object acts there, and what each step is."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from vmevalkit.media import Frame, Frames
from vmevalkit.tasks.base import Task, as_frames, positions
from vmevalkit.tasks.toolkit.cells import CellsTask
from vmevalkit.types import Size

Mask = npt.NDArray[np.bool_]
Spot = tuple[float, float]
# left, top, right, bottom in pixels; right and bottom are beyond the last pixel.
PixelBox = tuple[int, int, int, int]
# What a step does: an object goes elsewhere, an object turns or changes its shape, a look appears in its place, a line
# grows, or a look disappears.
Kind = Literal["travels", "turns", "fills", "grows", "clears"]

# Drawn at this share of their size, objects that move or appear are invisible.
_GONE = 0.02
# A pixel has changed if a channel differs by more than this, of 255.
_CHANGED = 24
# A look that appears grows around its middle, a line from an end. The middle of what is seen after a third of a step is
# then farther from the middle of the whole than this share of its diagonal. (Measured: looks < 0.03, lines > 0.2.)
_OFF_CENTER = 0.1


class Step(NamedTuple):
    """One step of a solution.

    Attributes:
        kind: what happens.
        before, after: frames.
        new, gone: pixels that objects cover only after, or only before the step.
    """

    kind: Kind
    before: Frame
    after: Frame
    new: Mask
    gone: Mask

    @property
    def place(self) -> Mask:
        """The pixels of the object after the step; or before it, if the step takes the object away."""
        return self.gone if self.kind == "clears" else self.new


class Motion:
    """A video of states, and what happens in it.

    Args:
        task, puzzle, canvas: what is drawn.
        states: shown one after another, as in the ground-truth video.
        count: number of frames.
    """

    def __init__(self, task: Task[Any, Any], puzzle: Any, canvas: Size, states: Sequence[Any], count: int) -> None:
        self._task, self._puzzle, self._canvas, self.count = task, puzzle, canvas, count
        self._states = task.paced(puzzle, states)
        self.positions = positions(len(self._states) - 1, count)

    @cached_property
    def frames(self) -> Frames:
        """The video, uint8 (count, height, width, 3)."""
        return self.drawn(self.positions)

    @cached_property
    def _empty(self) -> Frames:
        return self.drawn(self.positions, _GONE)

    def drawn(self, at: Sequence[float], object_scale: float = 1) -> Frames:
        """Return what is shown at some positions; see `positions`."""
        draw = self._task.painter(self._puzzle, self._canvas, object_scale=object_scale)
        return as_frames(draw(self._task.moment(self._puzzle, self._states, p)) for p in at)

    @property
    def count_of_steps(self) -> int:
        """How many steps the video shows."""
        return len(self._states) - 1

    @cached_property
    def steps(self) -> list[Step]:
        """The steps."""
        return [self.step(k) for k in range(self.count_of_steps)]

    def step(self, k: int) -> Step:
        """Return the step k."""
        before, after = self.drawn([k, k + 1])
        # Some painters draw an object at rest as a part of the scene, so it is invisible only shortly after and before.
        halfway = self.drawn([k + 0.35])[0]
        empty = self.drawn([k + 0.02, k + 0.35, k + 0.98], _GONE)
        a, m, b = (changed(x, y) for x, y in zip((before, halfway, after), empty, strict=True))
        # What changes its color, such as a lamp, appears in its new color.
        differing = changed(before, after)
        new, gone = b & (~a | differing), a & (~b | differing)
        kind = _kind(b & ~a, a & ~b, m & changed(before, halfway), new)
        if kind in ("travels", "turns") and not (m & ~(a | b)).any():
            # Nothing is on its way: some looks appear in their places and others disappear, as of lamps.
            kind = "fills"
        if kind == "grows" and isinstance(self._task, CellsTask):
            # A look that grows from a side of its place is no line: its color says which look it is.
            kind = "fills"
        return Step(kind, before, after, new, gone)

    @cached_property
    def kind(self) -> Kind:
        """What most steps do."""
        # A few are enough, because most are alike.
        few = {self.count_of_steps * k // 3 for k in range(3)}
        return Counter(self.step(k).kind for k in few).most_common(1)[0][0]

    def during(self, k: int) -> range:
        """Return the frames that show the step k."""
        return range(
            next(i for i, p in enumerate(self.positions) if p > k),
            next(i for i, p in enumerate(self.positions) if p >= k + 1),
        )

    @cached_property
    def objects(self) -> list[Mask]:
        """For each frame the pixels of all objects that may move or appear, bool (height, width)."""
        return [changed(a, b) for a, b in zip(self.frames, self._empty, strict=True)]

    @cached_property
    def background(self) -> Frames:
        """The video without the object that acts in each frame."""
        return as_frames(
            np.where(mask[..., None], empty, frame)
            for frame, empty, mask in zip(self.frames, self._empty, self.acting, strict=True)
        )

    @cached_property
    def acting(self) -> list[Mask]:
        """For each frame the pixels of the object that moves, appears or grows; of a line, its tip. False at rest."""
        found = []
        for i, objects in enumerate(self.objects):
            # What has just changed; or at the beginning, what is about to.
            changes = changed(self.frames[max(0, i - 1)], self.frames[i])
            if not changes.any():
                changes = changed(self.frames[i], self.frames[min(i + 1, self.count - 1)])
            if not changes.any():
                found.append(changes)
                continue
            left, top, right, bottom = box_of(changes)
            inside = np.zeros_like(changes)
            inside[top:bottom, left:right] = objects[top:bottom, left:right]
            found.append(connected(inside & widened(changes, 2), inside))
        return found

    @cached_property
    def spots(self) -> list[Spot]:
        """For each frame the middle (x, y) of what acts; at rest, of what acts next, or acted last."""
        seen: dict[int, Spot] = {}
        last: Spot | None = None
        for i in range(1, self.count):
            mask = self.acting[i] if self.acting[i].any() else changed(self.frames[i], self.frames[i - 1])
            if not mask.any():
                continue
            ys, xs = np.nonzero(mask)
            # Of two objects, look at the one that was seen last.
            k = 0 if last is None else int(np.argmin(np.hypot(xs - last[0], ys - last[1])))
            seed = np.zeros_like(mask)
            seed[ys[k], xs[k]] = True
            left, top, right, bottom = box_of(connected(seed, mask))
            last = seen[i] = ((left + right) / 2, (top + bottom) / 2)
        if not seen:
            return [(self._canvas[0] / 2, self._canvas[1] / 2)] * self.count
        at = list(seen)
        across, down = (np.interp(range(self.count), at, [seen[i][axis] for i in at]).tolist() for axis in (0, 1))
        return list(zip(across, down, strict=True))

    @cached_property
    def tips(self) -> list[Spot]:
        """For each frame the end (x, y) of the line that grows; at rest, the same as in `spots`."""
        before = self.drawn([max(0.0, p - 0.15) for p in self.positions])
        fresh = [changed(a, b) for a, b in zip(before, self.frames, strict=True)]
        return [middle_of(mask) if mask.any() else spot for mask, spot in zip(fresh, self.spots, strict=True)]

    @property
    def target(self) -> Spot:
        """The middle (x, y) of the object after the last step, or of what the last step took away."""
        last = self.step(self.count_of_steps - 1)
        left, top, right, bottom = box_of(last.place)
        return (left + right) / 2, (top + bottom) / 2

    @property
    def ended(self) -> int:
        """The first frame that shows the last state."""
        return next(i for i, p in enumerate(self.positions) if p >= self.count_of_steps)


def _kind(new: Mask, gone: Mask, halfway: Mask, colored: Mask) -> Kind:
    """Return what a step does.

    Args:
        new, gone: pixels that objects cover only after, or only before it.
        halfway: pixels that have changed after a third of it.
        colored: pixels that objects cover after it, and that have changed.
    """
    if new.sum() < 0.3 * gone.sum():
        return "clears"
    if new.any() and gone.sum() > 0.3 * new.sum():
        return "travels" if _same_shape(new, gone) else "turns"
    if not halfway.any() or not colored.any():
        return "fills"
    (x, y), (u, v) = middle_of(halfway), middle_of(colored)
    left, top, right, bottom = box_of(colored)
    far = math.hypot(x - u, y - v) / math.hypot(right - left, bottom - top)
    return "grows" if far > _OFF_CENTER else "fills"


def _same_shape(a: Mask, b: Mask) -> bool:
    """Whether two masks are about the same, but for their place."""
    (l1, t1, r1, b1), (l2, t2, r2, b2) = box_of(a), box_of(b)
    width, height = min(r1 - l1, r2 - l2), min(b1 - t1, b2 - t2)
    if max(r1 - l1, r2 - l2) > width + 4 or max(b1 - t1, b2 - t2) > height + 4:
        return False
    p, q = a[t1 : t1 + height, l1 : l1 + width], b[t2 : t2 + height, l2 : l2 + width]
    return float((p & q).sum()) > 0.6 * float((p | q).sum())


def changed(a: Frame, b: Frame) -> Mask:
    """Return the pixels in which two frames clearly differ."""
    differing: Mask = np.maximum(a, b) - np.minimum(a, b) > _CHANGED
    # Several times as fast as any(2).
    return differing[..., 0] | differing[..., 1] | differing[..., 2]


def box_of(mask: Mask) -> PixelBox:
    """Return the box around the pixels of a mask that is not empty."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def middle_of(mask: Mask) -> Spot:
    """Return the mean (x, y) of the pixels of a mask that is not empty."""
    ys, xs = np.nonzero(mask)
    return float(xs.mean()), float(ys.mean())


def widened(mask: Mask, pixels: int) -> Mask:
    """Return a mask grown by a number of pixels in each direction."""
    for _ in range(pixels):
        wide = mask.copy()
        wide[1:] |= mask[:-1]
        wide[:-1] |= mask[1:]
        wide[:, 1:] |= mask[:, :-1]
        wide[:, :-1] |= mask[:, 1:]
        mask = wide
    return mask


def connected(seed: Mask, mask: Mask) -> Mask:
    """Return the parts of a mask that touch a seed."""
    found = np.zeros_like(mask)
    if not mask.any():
        return found
    left, top, right, bottom = box_of(mask)
    inside = mask[top:bottom, left:right]
    reached, more = np.zeros_like(inside), seed[top:bottom, left:right] & inside
    while more.sum() > reached.sum():
        reached, more = more, widened(more, 4) & inside
    found[top:bottom, left:right] = more
    return found
