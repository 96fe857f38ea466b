"""Time maps: when each pixel of an answer changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vmevalkit.media import Views
from vmevalkit.tasks.toolkit.compare import Floats, Mask
from vmevalkit.tasks.toolkit.draw import Box
from vmevalkit.tasks.toolkit.lens import Lens

Integers = npt.NDArray[np.intp]

# A pixel changes if it differs by this much, in 255ths, between the first and the last frame.
_CLEAR = 40
# The ink of a line changes a pixel by at least this share of the largest change nearby. The edge of a line changes
# less, and again whenever the line moves by a part of a pixel.
_INK = 0.6
# The camera drifts if so large a share of the pixels around the places changes.
_DRIFT = 0.005
# At most this many pixels are looked at, shared out among the places, but at least _FEW of each.
_MOST, _FEW = 120, 5
# Instead of the number of a line, for pieces of lines where lines cross.
CROSSED = -1
# A pixel is covered by something else if it differs by this much, in 255ths, from all blends of its first and its last
# value (coding reaches 15), or if it has gone the first share of the way and is later back at the second.
_COVERED = 24
_AFTER, _BEFORE = 0.75, 0.25
# If fewer of the places are seen than this share, it is the light that differs, and all pixels are looked at.
_SEEN_PLACES = 0.5
# Where the camera drifts, a pixel is left out if it changes earlier or later than the median of its place by more than
# this many median differences. In a place that changes steadily, none differs by more than 2.
_ODD = 4.5


class Places(NamedTuple):
    """Where an answer changes the frame.

    Attributes:
        boxes: of the places, in pixels of the view.
        lines: if the places are pieces of lines, in their order, the number of the line of each; CROSSED for a piece
            where lines cross. Such a piece is not looked at, because it is drawn on twice.
        margin: how far around the boxes the answer may change the frame, in pixels of the view.
        groups: the number of the group of each place, if only the places of one group take turns.
    """

    boxes: Sequence[Box]
    lines: Sequence[int] = ()
    margin: float = 2.0
    groups: Sequence[int] = ()


class TimeMap(NamedTuple):
    """When pixels change.

    Attributes:
        x, y: of each pixel, as shares of the width and of the height, shape (count,).
        place: number of the place of each pixel.
        time: when it passes half way from before to after, in frames.
        aspect: width of the frame divided by its height.
        frames: number of frames of the video.
    """

    x: Floats
    y: Floats
    place: Integers
    time: Floats
    aspect: float
    frames: int

    def where(self, pixels: Mask | slice) -> TimeMap:
        """Return the map of some of the pixels."""
        x, y, place, time = self.x[pixels], self.y[pixels], self.place[pixels], self.time[pixels]
        return TimeMap(x, y, place, time, self.aspect, self.frames)


def time_map(frames: Views, places: Places) -> TimeMap:
    """Return when the pixels of some places change. `frames` is uint8 (count, 3, height, width)."""
    height, width = frames.shape[2:]
    drifts = _drifts(frames, places)
    if drifts:
        lens = Lens(frames[0])
        frames = np.stack([lens.planes(frame) for frame in frames])
    change = np.abs(frames[-1].astype(np.int16) - frames[0]).max(0)
    differs = change > _CLEAR
    if drifts:
        # The lens corrects whole pixels. At edges, the rest changes pixels, too, at times of its own.
        inside = differs.copy()
        inside[1:-1, 1:-1] &= differs[:-2, 1:-1] & differs[2:, 1:-1] & differs[1:-1, :-2] & differs[1:-1, 2:]
        differs = inside
    most = max(_FEW, _MOST // max(1, len(places.boxes)))
    found = []
    for number, (left, top, right, bottom) in enumerate(places.boxes):
        if places.lines and places.lines[number] == CROSSED:
            continue
        x, y = max(0, int(left)), max(0, int(top))
        box = slice(y, int(np.ceil(bottom)) + 1), slice(x, int(np.ceil(right)) + 1)
        inked = change[box] > _INK * change[box].max(initial=0) if places.lines else True
        rows, columns = np.nonzero(differs[box] & inked)
        # Multiples of the golden ratio are spread evenly, and fall into step with no row or column.
        pick = (np.arange(min(len(rows), most)) * 0.618034 % 1 * len(rows)).astype(np.intp)
        found.append(np.stack([rows[pick] + y, columns[pick] + x, np.full(len(pick), number)]))
    ys, xs, place = np.concatenate(found, axis=1)
    values = frames[:, :, ys, xs].astype(np.float32)
    seen = TimeMap(
        ((xs + 0.5) / width).astype(np.float32),
        ((ys + 0.5) / height).astype(np.float32),
        place,
        _half_way(values),
        width / height,
        len(frames),
    )
    seen = seen.where(_uncovered(values, place))
    return seen.where(typical(seen)) if drifts else seen


def _uncovered(values: Floats, place: Integers) -> Mask:
    """Return a mask of the pixels that nothing covers at any time: what covers a pixel hides when it changes.

    Args:
        values: shape (frames, planes, pixels).
        place: number of the place of each pixel.
    """
    change = values[-1] - values[0]
    gone = values - values[0]
    share = np.clip((gone * change).sum(1) / np.maximum((change * change).sum(0), 1.0), 0, 1)
    is_blend = np.abs(gone - share[:, None] * change).max((0, 1)) < _COVERED
    goes_back = (np.maximum.accumulate(share > _AFTER) & (share < _BEFORE)).any(0)
    clear: Mask = is_blend & ~goes_back
    counts = np.bincount(place), np.bincount(place, clear)
    seen = counts[1] >= np.minimum(np.maximum(counts[0], 1), _FEW)
    is_enough = np.count_nonzero(seen) >= _SEEN_PLACES * np.count_nonzero(counts[0])
    return clear if is_enough else np.ones(len(clear), bool)


def typical(seen: TimeMap) -> Mask:
    """Return a mask of the pixels that change when most of their place does: not much earlier or later."""
    typical = np.zeros(len(seen.time), bool)
    for place in np.unique(seen.place):
        here = seen.place == place
        off = np.abs(seen.time[here] - np.median(seen.time[here]))
        typical[here] = off <= _ODD * np.median(off) + 1
    return typical


def _drifts(frames: Views, places: Places) -> bool:
    """Whether the camera drifts: then much changes around the places."""
    luma, rest = frames[:, 0], np.ones(frames.shape[2:], bool)
    boxes = np.array(places.boxes) + places.margin * np.array((-1, -1, 1, 1))
    for left, top, right, bottom in np.maximum(boxes, 0).astype(np.intp).tolist():
        rest[top : bottom + 1, left : right + 1] = False
    moved = np.abs(luma[-1].astype(np.int16) - luma[0])[rest] > _CLEAR
    return bool(np.count_nonzero(moved) > _DRIFT * moved.size)


def _half_way(values: Floats) -> Floats:
    """Return when each pixel last passes half way from its first to its last value, in frames, shape (pixels,).

    Args:
        values: shape (frames, planes, pixels).
    """
    change = values[-1] - values[0]
    share = ((values - values[0]) * change).sum(1) / np.maximum((change * change).sum(0), 1.0)
    before = len(share) - 1 - (share < 0.5)[::-1].argmax(0)
    before = np.minimum(before, len(share) - 2)
    pixel = np.arange(share.shape[1])
    low, high = share[before, pixel], share[before + 1, pixel]
    passed: Floats = (before + np.clip((0.5 - low) / np.maximum(high - low, 1e-3), 0, 1)).astype(np.float32)
    return passed
