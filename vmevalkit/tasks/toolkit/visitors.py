"""Visitors: take out of a video what comes and goes while the puzzle is solved: a cursor, a hand, sparkles, confetti.

What each frame shows of the puzzle is known from the course of the solution, also where a visitor lies over it. The
visitor is what the course does not explain. It is replaced by the drawing, and the video is scored like any other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from vmevalkit.media import Planes, Views
from vmevalkit.tasks.toolkit.compare import Mask, distance, extreme, most, patches
from vmevalkit.tasks.toolkit.course import Course, Shown
from vmevalkit.tasks.toolkit.envelope import Envelope
from vmevalkit.tasks.toolkit.repairs import Repaired, box_of, is_soft, is_tiny, travels, widened
from vmevalkit.types import Tolerance

# Largest share of the canvas that a visitor may hide. A hand that does a step hides up to 10 %.
_MOST = 0.12
# Number of unexplained pixels that are seen as something, and pixels by which they are widened, to have the soft edge.
_SEEN, _WIDE = 8, 3
# Of several things at once, all but one must be as small as a star: at most this share of the canvas, when widened.
_TINY = 0.006
# A gap of twice so many pixels in a visitor is closed. Squares of boards have up to 28 pixels.
_GAP = 14
# A visitor is absent in the first frames, and in the last ones (or a share of the video).
_ABSENT, _ABSENT_SHARE = 2, 0.04
# Difference in luma or chroma by which a pixel differs, and up to which it is the same.
_CHANGED, _SAME = 40, 16
# Squares of 4x4 pixels that may look as the puzzle does at another time: the outline of a cursor is white, like paper.
_FEW = 2
# Something is a part of the puzzle, in a wrong place, if it has its colors, and this share of the area of its steps.
_LIKE = 0.3
# Something that moves is not seen if less than this share of it is: a finger that carries it hides half of it.
_VISIBLE = 1 / 3
# What happens must be this near to a visitor, as a share of the width, or to where it was so many frames before.
_NEAR, _BEFORE = 0.08, 4


def without_visitors(frames: Views, course: Course, acting: Planes) -> Repaired | None:
    """Take a visitor out of a video; None if there is none, or if it is more than a visitor.

    Args:
        frames: the video, uint8 (count, 3, height, width).
        course: the solution.
        acting: colors of what moves or appears in the puzzle; see `acting_colors`.
    """
    frames = np.stack([course.lens.planes(frame) for frame in frames])
    found = list(course.follow(frames))
    drawings = [shown.drawing for shown in found]
    masks = [_unexplained(frame, drawing) for frame, drawing in zip(frames, drawings, strict=True)]
    tail = max(_ABSENT, round(_ABSENT_SHARE * len(frames)))
    if any(mask is not None for mask in (*masks[:_ABSENT], *masks[-tail:])):
        return None
    least = course.smallest
    shown = {i: mask for i, mask in enumerate(masks) if mask is not None}
    views: Views = frames.copy()
    for i, mask in shown.items():
        views[i] = np.where(mask, drawings[i], frames[i])
        if not _is_one(mask):
            return None
        off = mask & (most(distance(frames[i], drawings[i])) > _CHANGED)
        if _is_misplaced(frames[i], off, (drawings[0], drawings[-1])):
            return None
        if _acts(frames[i], off, acting, least):
            return None
    # Something far away may follow from what happens here, such as a door that opens; but not most of what happens.
    nearby = [near for i in shown if (near := _acts_nearby(drawings, masks, i)) is not None]
    if 2 * sum(nearby) < len(nearby):
        return None
    soft = all(is_soft(frames[i], views[i], mask) for i, mask in shown.items())
    if not shown or not (soft or travels(list(shown.values())) or is_tiny(list(shown.values()))):
        return None
    note = Tolerance(
        code="emphasis" if soft else "visitor",
        first=min(shown),
        last=max(shown),
        box=box_of(np.logical_or.reduce(list(shown.values()))),
    )
    unseen = (i for i, mask in shown.items() if _is_covered(frames[i], found[i]))
    return Repaired(views, note, frozenset(shown), frozenset(unseen))


def _is_covered(frame: Planes, shown: Shown) -> bool:
    """Whether hardly anything is seen of what moves."""
    if shown.mover is None:
        return False
    seen = shown.mover & (most(distance(frame, shown.drawing)) < _CHANGED)
    return int(np.count_nonzero(seen)) < _VISIBLE * int(np.count_nonzero(shown.mover))


def _unexplained(frame: Planes, drawing: Planes) -> Mask | None:
    """Return a mask of what a drawing does not explain in a frame, widened; None if it explains everything."""
    from scipy.ndimage import binary_fill_holes, label

    off = Envelope(drawing).unexplained(frame)
    if np.count_nonzero(off) < _SEEN:
        return None
    parts, _ = label(binary_fill_holes(widened(off, _WIDE)))
    kept = np.flatnonzero(np.bincount(parts[off]) >= _SEEN)
    kept = kept[kept > 0]
    mask: Mask = np.isin(parts, kept)
    if not len(kept):
        return None
    # The gaps of what is larger than a star are closed: it may have the color of what is behind a part of it.
    parts, _ = label(mask)
    large = np.flatnonzero(np.bincount(parts.ravel()) > _TINY * mask.size)
    wide = extreme(np.isin(parts, large[large > 0])[None].view(np.uint8), _GAP, np.maximum)
    closed: Mask = extreme(wide, _GAP, np.minimum)[0].astype(bool)
    return closed | mask


def _is_one(mask: Mask) -> bool:
    """Whether a mask is one visitor, or several of the size of stars or of bits of paper."""
    from scipy.ndimage import label

    if int(np.count_nonzero(mask)) > _MOST * mask.size:
        return False
    sizes = np.sort(np.bincount(label(mask)[0].ravel())[1:])
    return bool(np.all(sizes[:-1] <= _TINY * mask.size))


def _is_misplaced(frame: Planes, off: Mask, others: Sequence[Planes]) -> bool:
    """Whether a frame shows what the puzzle shows at another time: something is missing, or too early or late."""
    other = np.zeros_like(off)
    for planes in others:
        other |= most(distance(frame, planes)) < _SAME
    return patches(off & other) > _FEW


def _acts(frame: Planes, off: Mask, acting: Planes, least: int) -> bool:
    """Whether what does not belong has the colors of what acts in the puzzle, and is as large as that."""
    from scipy.ndimage import label

    tones = (frame >> 3).astype(np.int16)
    own = np.zeros_like(off)
    own[off] = (np.abs(tones[:, off][:, :, None] - acting[:, None]) <= 1).all(0).any(1)
    parts, count = label(own)
    return bool(count > 0) and int(np.bincount(parts.ravel())[1:].max()) > _LIKE * least


def _acts_nearby(drawings: Sequence[Planes], masks: Sequence[Mask | None], i: int) -> bool | None:
    """Whether what changes in a frame lies near to where the visitor is or just was; None if nothing changes."""
    changed = most(distance(drawings[i], drawings[i - 1])) > _CHANGED
    if not patches(changed):
        return None
    near = np.logical_or.reduce([mask for mask in masks[max(0, i - _BEFORE) : i + 1] if mask is not None])
    rows, columns = np.nonzero(near)
    reach = _NEAR * changed.shape[1]
    box = np.zeros(changed.shape, bool)
    top, left = max(0, int(rows.min() - reach)), max(0, int(columns.min() - reach))
    box[top : math.ceil(rows.max() + reach), left : math.ceil(columns.max() + reach)] = True
    return bool(patches(changed & box))
