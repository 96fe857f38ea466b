"""Repairs: take out of a video what a careful person overlooks, so that the rest can be scored.

A *caption* lies in the margin, outside of all that the puzzle uses; this module takes it out, and the blends of
interpolated videos. `emphasis` and `visitors` take out what comes and goes. A repaired video is scored like any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vmevalkit.media import Planes, Views
from vmevalkit.tasks.toolkit.compare import Mask, distance, extreme, most, tone_numbers
from vmevalkit.types import Tolerance

# Largest share of the canvas that captions or a visitor may hide. A hand that does a step hides up to 10 %.
_MOST = 0.12
# Difference from the paper, in luma and chroma, from which on a pixel of the margin is marked. Compression reaches 15.
_MARKED = np.array((22, 14, 14))[:, None, None]
# The color of the paper is told by one in so many pixels. If more of the margin differs, the light has changed.
_SPARSE, _TINTED = 16, 0.4
# Distance of the margin from the puzzle, and width of the soft edge of a mark, in pixels of the view.
_APART, _SOFT = 6, 2
# Number of pixels that are seen as something.
_FEW = 4
# All together, stars may take this share if they do not travel.
_FEW_STARS = 0.03
# A visitor moves by this share of the width.
_TRAVEL = 0.04
# Difference in luma or chroma by which a pixel has changed between two frames.
_CHANGED = 40
# Something is a part of the puzzle, in a wrong place, if this share of it has the colors of what acts in the puzzle.
_ACTING = 0.3
# Things of a puzzle are at least so thick, in pixels of the view. The strokes of small letters have one or two.
_THICK = 3
# A blend differs by less than this from the mean of two frames, at nine in ten of the pixels where these differ.
_MEAN, _BLENDED = 12, 0.9


Indices = npt.NDArray[np.intp]


class Repaired(NamedTuple):
    """A repaired video.

    Attributes:
        views: uint8 (count, 3, height, width).
        tolerated: what was taken out.
        hidden: numbers of the frames in which something lay over the puzzle.
        unseen: numbers of those in which what moves was hardly seen.
    """

    views: Views
    tolerated: Tolerance
    hidden: frozenset[int] = frozenset()
    unseen: frozenset[int] = frozenset()


def without_captions(frames: Views, margin: Mask | None, acting: Planes) -> Repaired | None:
    """Clean the margin of a video; None if there is nothing to clean.

    Args:
        frames: the video, uint8 (count, 3, height, width).
        margin: see `margin_of`.
        acting: colors of what moves or appears in the puzzle; see `acting_colors`.
    """
    if margin is None:
        return None
    views, marked, seen = frames.copy(), np.zeros(margin.shape, bool), []
    # The soft edge of a mark may reach out of the margin, which is far enough from the puzzle.
    cleaned = widened(margin, _SOFT)
    at, largest = np.flatnonzero(margin), min(_TINTED * np.count_nonzero(margin), _MOST * margin.size)
    for i, frame in enumerate(frames):
        beside = frame.reshape(3, -1).take(at, 1)
        paper = np.median(beside[:, ::_SPARSE], axis=1).astype(np.uint8)[:, None]
        off = most(distance(beside, np.broadcast_to(paper, beside.shape)) > _MARKED[:, :, 0])
        if not _FEW <= np.count_nonzero(off) <= largest:
            continue
        marks = np.zeros(margin.shape, bool)
        marks.ravel()[at[off]] = True
        if _acts(frame, marks, acting):
            return None
        views[i] = np.where(widened(marks, _SOFT) & cleaned, paper[:, :, None], frame)
        marked |= marks
        seen.append(i)
    if not seen:
        return None
    return Repaired(views, Tolerance(code="caption", first=seen[0], last=seen[-1], box=box_of(marked)))


def unblended(frames: Views) -> Indices:
    """Return the numbers of the frames that are not a blend of their neighbors, as interpolation makes them.

    Frames of a long fade are blends of blends, and count as frames.
    """
    blends = [0 < i < len(frames) - 1 and _is_blend(*frames[i - 1 : i + 2]) for i in range(len(frames))]
    single = [i for i, blend in enumerate(blends) if blend and not blends[i - 1] and not blends[i + 1]]
    return np.setdiff1d(np.arange(len(frames)), single)


def _is_blend(before: Planes, frame: Planes, after: Planes) -> bool:
    """Whether a frame shows the mean of two others wherever these differ, which is not over the whole canvas."""
    at = np.flatnonzero(most(distance(before, after)) > _CHANGED)
    if not _FEW <= len(at) <= _MOST * before[0].size:
        return False
    a, here, b = (planes.reshape(3, -1).take(at, 1).astype(np.int16) for planes in (before, frame, after))
    return bool(np.count_nonzero(most(np.abs(2 * here - a - b)) < 2 * _MEAN) > _BLENDED * len(at))


def margin_of(drawings: Sequence[Planes]) -> Mask | None:
    """Return a mask of what lies beside all that the drawings of a puzzle use; None if there is hardly any."""
    first = drawings[0]
    paper = np.median(np.concatenate([first[:, 4], first[:, -5], first[:, :, 4], first[:, :, -5]], axis=1), axis=1)
    used = np.zeros(first.shape[1:], bool)
    for drawing in drawings:
        used |= most(np.abs(drawing - paper[:, None, None])) > 10
    margin = ~_hull(used, _APART) if used.any() else np.ones(used.shape, bool)
    return margin if np.count_nonzero(margin) > 0.04 * margin.size else None


def _hull(mask: Mask, around: float) -> Mask:
    """Return the convex hull of a mask, grown by some pixels."""
    from scipy.spatial import ConvexHull

    rows = np.flatnonzero(mask.any(1))
    left, right = mask[rows].argmax(1), mask.shape[1] - 1 - mask[rows, ::-1].argmax(1)
    # The corners of pixels span an area also where all of them lie in one line.
    points = np.array([(y + dy, x + dx) for y, *ends in zip(rows, left, right, strict=True) for x in ends
                       for dy in (-0.5, 0.5) for dx in (-0.5, 0.5)])  # fmt: skip
    inside = np.ones(mask.shape, bool)
    down, across = np.ogrid[: mask.shape[0], : mask.shape[1]]
    for y, x, offset in np.unique(ConvexHull(points).equations.round(6), axis=0):
        inside &= y * down + x * across + offset <= around
    return inside


def is_tiny(shown: Sequence[Mask]) -> bool:
    """Whether a visitor is as small as a few stars."""
    return all(int(np.count_nonzero(mask)) < _FEW_STARS * mask.size for mask in shown)


def acting_colors(drawings: Sequence[Planes], moves: bool = True) -> Planes:
    """Return the tones (5 bits a plane, shape (3, count)) of what moves or appears in the drawings.

    Args:
        drawings: the solution, from the start to the answer.
        moves: whether something moves from place to place, and so uncovers the background.
    """
    first, counts = drawings[0], np.zeros(1 << 15, np.intp)
    for drawing in drawings[1:]:
        differs = most(distance(drawing, first)) > _CHANGED
        counts += np.bincount(tone_numbers(drawing[:, differs]), minlength=len(counts))
    # Neither the soft edges of things nor the background that they uncover.
    acting = counts > 0.02 * counts.sum()
    if moves:
        acting &= np.bincount(tone_numbers(first.reshape(3, -1)), minlength=len(counts)) <= 0.05 * first[0].size
    found = np.flatnonzero(acting)
    return np.stack([found >> 10, (found >> 5) & 31, found & 31]).astype(np.uint8)


def _acts(frame: Planes, mask: Mask, acting: Planes) -> bool:
    """Whether what lies under a mask has the colors of what acts in the puzzle, and is thicker than letters."""
    from scipy.ndimage import binary_opening

    seen = frame[:, mask][:, :, None].astype(np.int16) >> 3
    near = np.zeros_like(mask)
    near[mask] = (np.abs(seen - acting[:, None]) <= 1).all(0).any(1)
    thick = binary_opening(near, np.ones((_THICK, _THICK), bool))
    return bool(thick.any()) and int(np.count_nonzero(near)) > _ACTING * int(np.count_nonzero(mask))


def travels(masks: Sequence[Mask]) -> bool:
    """Whether the middle of a visitor moves."""
    middles = np.array([np.mean(np.nonzero(mask), axis=1) for mask in masks])
    return bool(np.hypot(*(middles.max(0) - middles.min(0))) > _TRAVEL * masks[0].shape[1])


def widened(mask: Mask, reach: int) -> Mask:
    """Return a mask grown by some pixels in each direction."""
    wide: npt.NDArray[np.uint8] = extreme(mask[None].view(np.uint8), reach, np.maximum)[0]
    return wide.astype(bool)


def box_of(mask: Mask) -> tuple[float, float, float, float]:
    """Return the box of a mask as shares of the canvas."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    height, width = mask.shape
    left, right = float(columns[0]) / width, float(columns[-1] + 1) / width
    return left, float(rows[0]) / height, right, float(rows[-1] + 1) / height
