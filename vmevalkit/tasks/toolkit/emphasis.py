"""Emphasis: take glows, tints, lit squares and fading trails out of a video, so that the rest can be scored.

Models stress what acts: it glows, its squares are lit, it leaves a trail that fades. A pixel is *odd* if it has neither
the color that it has at the start or at the end, nor one of the background, nor one of what acts in the puzzle. Odd
pixels get the color of what lies below. So a thing of another color than those of the puzzle is removed, and a mover
that is drawn in another color, or half-transparent, is not seen.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vmevalkit.media import Planes, Views
from vmevalkit.tasks.toolkit.compare import Floats, Mask, distance, most, patches, tone_numbers
from vmevalkit.tasks.toolkit.repairs import Repaired, box_of, widened
from vmevalkit.types import Tolerance

# Difference from which on a pixel is odd, and a smaller one near to odd pixels: glows have soft edges. Compression
# reaches the first, and changes of light reach the second.
_ODD, _FAINT = np.array((22, 14, 14))[:, None], np.array((8, 5, 5))[:, None]
# Pixels of the view by which a glow fades out, and by which the edge of a thing is blurred.
_FADES, _EDGE = 5, 2
# Emphasis is at least so wide, in pixels of the view.
_THICK = 3
# Largest share of the canvas that emphasis hides, as for visitors.
_MOST = 0.12
# No emphasis in the first frames and in the last ones (or a share of the video), as for visitors.
_ABSENT, _ABSENT_SHARE = 2, 0.04
# Emphasis lies this near to what changes, as a share of the width: a glow around a thing, a square around a place.
_NEAR = 0.05
# Something acts within so many frames of each frame with emphasis: a place is lit before it is filled, a glow fades.
_AROUND = 4
# A square may be lit for a whole step before something comes there. No step takes longer than this share of the video.
_LONGEST_STEP = 0.25
# Difference in luma or chroma by which a pixel has changed.
_CHANGED = 40
# Difference from the background up to which something is a tint: almost half of a clear color, whose chroma differs by
# 80 from that of paper. On a dark background, a tint is brighter by almost half of what is missing to white.
_TINT, _BRIGHTER = 38, 0.45
# A color is a part of the background if this share of a drawing without things has it.
_WIDE = 0.05
# A color acts if this share of what acts has it; edges have others.
_RARE = 0.02
# Distance from a color of the background, and share of the way towards it from which on something fades away.
_SAME, _FADED = np.array((10, 7, 7))[:, None], 0.25
# Added to the difference from a color that is unlikely to lie below an odd pixel.
_RATHER_NOT = 1000
# Side of the squares in which near places are searched.
_COARSE = 4

Indices = npt.NDArray[np.intp]


def without_emphasis(frames: Views, stage: Stage, steps: int) -> Repaired | None:
    """Take emphasis out of a video; None if there is none, or if it is more than emphasis.

    Args:
        frames: the video, uint8 (count, 3, height, width), in the light and position of the drawings.
        stage: what is seen of the puzzle.
        steps: number of steps of the solution.
    """
    odd, faint = _all_odd(frames, stage)
    marked = [i for i, mask in enumerate(odd) if patches(mask)]
    if not marked:
        return None
    views = _cleaned(frames, _Odd(odd, faint), stage)
    # A tint hides nothing.
    hidden = (np.count_nonzero(_is_more_than_a_tint(frames[i], views[i])) for i in marked)
    if max(hidden) > _MOST * odd[0].size:
        return None
    ahead = max(_AROUND, math.ceil(len(frames) * min(_LONGEST_STEP, 1 / max(1, steps))))
    if not _acts_nearby(views, odd, marked, ahead) or _is_drawn_ahead(frames, views, odd, stage):
        return None
    if _waits(views, odd, 2 * ahead):
        return None
    note = Tolerance(code="emphasis", first=marked[0], last=marked[-1], box=box_of(np.logical_or.reduce(odd)))
    return Repaired(views, note)


class _Odd(NamedTuple):
    """Odd pixels of each frame; of the first and the last frames, none.

    Attributes:
        masks: the pixels, with the faint ones beside them.
        faint: all pixels that are at least a little odd, also the edges of what moved.
    """

    masks: list[Mask]
    faint: list[Mask]


def _all_odd(frames: Views, stage: Stage) -> _Odd:
    shape, tail = frames[0, 0].shape, max(_ABSENT, round(_ABSENT_SHARE * len(frames)))
    masks, all_faint = ([np.zeros(shape, bool)] * len(frames) for _ in range(2))
    recent: list[Mask] = []
    for i in range(_ABSENT, len(frames) - tail):
        # Videos hold still for long, and equal frames have equal odd pixels.
        if i == _ABSENT or not np.array_equal(frames[i], frames[i - 1]):
            faint, clear = _odd(frames[i], (frames[0], frames[-1]), stage)
        # What fades away was clear a few frames ago.
        recent = [*recent[-_AROUND:], clear]
        all_faint[i] = faint
        if any(mask.any() for mask in recent):
            masks[i] = faint & widened(np.logical_or.reduce(recent), _FADES)
    return _Odd(masks, all_faint)


class Stage:
    """What is seen of a puzzle when nothing is wrong: things that act, and what lies below them.

    Args:
        drawings: of the solution, from the start to the answer.
        empty: the same moments without what moves or appears. A painter may draw what rests all the same.
    """

    def __init__(self, drawings: Sequence[Planes], empty: Sequence[Planes]) -> None:
        from scipy.ndimage import maximum_filter

        counts = np.zeros(1 << 15, np.intp)
        for drawing, below in zip(drawings, empty, strict=True):
            differs = most(distance(drawing, below)) > _CHANGED
            counts += np.bincount(tone_numbers(drawing[:, differs]), minlength=len(counts))
        # What is wide at all times: a large thing that rests may be drawn in some of the empty drawings.
        areas = [np.bincount(tone_numbers(below.reshape(3, -1)), minlength=len(counts)) for below in empty]
        wide = np.minimum.reduce(areas) > _WIDE * empty[0][0].size
        self.background = _colors_of(empty[0], wide)
        # Neither the soft edges of things nor the background.
        acting = (counts > _RARE * counts.sum()) & ~wide
        self._acting = maximum_filter(acting.reshape(32, 32, 32), 3).ravel()
        self.ground = self._lowest(empty)

    def _lowest(self, empty: Sequence[Planes]) -> Planes:
        """Return what lies below everything, shape (3, count): of each pixel the first color that does not act."""
        ground: Planes = empty[0].reshape(3, -1).copy()
        left = np.flatnonzero(self.acts(ground))
        for drawing in empty[1:]:
            pixels = drawing.reshape(3, -1).take(left, 1)
            free = ~self.acts(pixels)
            ground[:, left[free]] = pixels[:, free]
            left = left[~free]
        return ground

    def acts(self, pixels: Planes) -> Mask:
        """Whether pixels, shape (3, count), have a color that acts."""
        acts: Mask = self._acting.take(tone_numbers(pixels))
        return acts

    def is_background(self, pixels: Planes | Floats) -> Mask:
        """Whether pixels, shape (3, count), have a color of the background."""
        found = np.zeros(pixels.shape[1], bool)
        for color in self.background:
            found |= (np.abs(pixels - color) <= _SAME).all(0)
        return found

    def below(self, pixels: Planes, before: Planes, after: Planes, ground: Planes) -> Floats:
        """Return what lies below odd pixels; all planes have the shape (3, count).

        A thing that fades away into the background is left as it is.

        Args:
            pixels: the odd pixels.
            before, after: what they showed and will show.
            ground: what they show if nothing that acts is there.
        """
        known = (before, after, ground)
        costs = np.stack([most(distance(pixels, color)).astype(np.int32) for color in known])
        acts = np.stack([self.acts(before), self.acts(after)])
        # What acts lies below only if it rests there.
        rests = (distance(before, after) <= _ODD).all(0)
        costs[:2] += 2 * _RATHER_NOT * (acts & ~rests)
        # The ground may have changed since, as by a door that opens, so what was or will be seen is likelier.
        costs[2] += _RATHER_NOT * ~acts.all(0)
        color: Floats = np.choose(np.argmin(costs, axis=0), known).astype(np.float32)
        thing = ~self.is_background(color)
        for paper in self.background:
            toward, off = paper - color, pixels - color
            share = np.clip((off * toward).sum(0) / np.maximum((toward * toward).sum(0), 1.0), 0, 1)
            fades = thing & (np.abs(off - share * toward) < _SAME + 2).all(0)
            fades &= (share > _FADED) & (share * most(np.abs(toward)) > _ODD[0])
            color = np.where(fades, pixels, color)
        return color


def _odd(frame: Planes, ends: Sequence[Planes], stage: Stage) -> tuple[Mask, Mask]:
    """Return masks of the pixels of a frame that are at least a little odd, and of those that are clearly so."""
    from scipy.ndimage import binary_opening

    pixels, shape = frame.reshape(3, -1), frame.shape[1:]
    off = [distance(pixels, end.reshape(3, -1)) for end in ends]
    at = np.flatnonzero(np.logical_and.reduce([most(o > _FAINT) for o in off]))
    part = pixels.take(at, 1)
    at = at[~stage.acts(part) & ~stage.is_background(part)]
    faint, clear = np.zeros(shape, bool), np.zeros(shape, bool)
    faint.ravel()[at] = True
    clear.ravel()[at] = np.logical_and.reduce([most(o.take(at, 1) > _ODD) for o in off])
    # The blurred edges of things that moved are odd, too, but thin.
    if clear.any():
        clear &= binary_opening(faint, np.ones((_THICK, _THICK), bool))
    return faint, clear


def _colors_of(drawing: Planes, wanted: Mask) -> list[Floats]:
    """Return the color, shape (3, 1), of each wanted tone of a drawing."""
    pixels, found = drawing.reshape(3, -1), tone_numbers(drawing.reshape(3, -1))
    return [np.median(pixels[:, found == tone], axis=1).astype(np.float32)[:, None] for tone in np.flatnonzero(wanted)]


def _cleaned(frames: Views, odd: _Odd, stage: Stage) -> Views:
    """Return the video with the color of what lies below in place of odd pixels."""
    at = [np.flatnonzero(mask) for mask in odd.masks]
    before = _known(frames, odd.faint, at, range(len(frames)))
    after = _known(frames, odd.faint, at, range(len(frames) - 1, -1, -1))
    views: Views = frames.copy()
    for i, pixels in enumerate(views.reshape(len(views), 3, -1)):
        if len(at[i]):
            below = stage.below(pixels.take(at[i], 1), before[i], after[i], stage.ground.take(at[i], 1))
            pixels[:, at[i]] = _with_edges(frames[i], at[i], below, stage)
    return views


def _known(frames: Views, faint: Sequence[Mask], at: Sequence[Indices], order: range) -> dict[int, Planes]:
    """Return what the pixels `at` of each frame showed when they last were not odd; frames are visited in an order."""
    known: Planes = frames[order[0]].reshape(3, -1).copy()
    found = {}
    for i in order:
        known = np.where(faint[i].ravel(), known, frames[i].reshape(3, -1))
        found[i] = known.take(at[i], 1)
    return found


def _with_edges(frame: Planes, at: Indices, below: Floats, stage: Stage) -> Planes:
    """Return what odd pixels show without emphasis: what lies below, mixed with the color of a thing at its edge."""
    from scipy.ndimage import distance_transform_edt

    rows, columns = np.divmod(at, frame.shape[2])
    top, left = max(0, rows.min() - _EDGE), max(0, columns.min() - _EDGE)
    part = frame[:, top : rows.max() + _EDGE + 1, left : columns.max() + _EDGE + 1]
    acts = stage.acts(part.reshape(3, -1)).reshape(part.shape[1:])
    shown = below
    if acts.any():
        far, (down, right) = distance_transform_edt(~acts, return_indices=True)
        here = rows - top, columns - left
        color = part[:, down[here], right[here]].astype(np.float32)
        toward, off = color - below, frame.reshape(3, -1).take(at, 1) - below
        share = np.clip((off * toward).sum(0) / np.maximum((toward * toward).sum(0), 1.0), 0, 1)
        shown = below + np.where(far[here] <= _EDGE, share, 0) * toward
    planes: Planes = (shown + np.float32(0.5)).astype(np.uint8)
    return planes


def _acts_nearby(views: Views, odd: Sequence[Mask], marked: Sequence[int], ahead: int) -> bool:
    """Whether emphasis is seen only while something acts, near to what has changed or is about to."""
    count = len(views)
    acts = np.array([bool(patches(most(distance(views[i], views[max(0, i - 1)])) > _CHANGED)) for i in range(count)])
    if not all(acts[max(0, i - _AROUND) : i + _AROUND + 1].any() for i in marked):
        return False
    places, changed = list[Mask](), np.zeros(odd[0].shape, bool)
    for view in views:
        changed = changed | (most(distance(view, views[0])) > _CHANGED)
        places.append(changed)
    return not any(_is_beside(odd[i], _near(places[min(count - 1, i + ahead)])) for i in marked)


def _is_drawn_ahead(frames: Views, views: Views, odd: Sequence[Mask], stage: Stage) -> bool:
    """Whether more than a tint lies on the background before anything has changed, such as the way of a move."""
    for frame, view, mask in zip(frames, views, odd, strict=True):
        if patches((most(distance(frame, frames[0])) > _CHANGED) & ~mask):
            return False
        drawn = _is_more_than_a_tint(frame, view).ravel() & stage.is_background(view.reshape(3, -1))
        if patches(drawn.reshape(mask.shape)):
            return True
    return False


def _is_more_than_a_tint(frame: Planes, below: Planes) -> Mask:
    off = distance(frame, below)
    brighter = (frame[0] > below[0]) & (off[0] <= _BRIGHTER * (255 - below[0].astype(np.float32)))
    off[0][brighter] = 0
    return most(off) > _TINT


def _waits(views: Views, odd: Sequence[Mask], limit: int) -> bool:
    """Whether a place is odd for more frames than the limit before anything comes near: a way that is shown ahead."""
    from scipy.ndimage import binary_opening

    changed = np.zeros(odd[0].shape, bool)
    waited = np.zeros(odd[0].shape, np.intp)
    for view, mask in zip(views, odd, strict=True):
        # The edges of what was taken out may differ a little.
        changed |= binary_opening(most(distance(view, views[0])) > _CHANGED, np.ones((_THICK, _THICK), bool))
        waited += mask & ~widened(changed, 2 * _FADES)
        if patches(waited > limit):
            return True
    return False


def _is_beside(mask: Mask, near: Mask) -> bool:
    """Whether most of some region of a mask does not lie near."""
    from scipy.ndimage import label

    parts, _ = label(mask)
    far = np.bincount(parts[mask & ~near], minlength=1)
    beside = np.flatnonzero(2 * far > np.bincount(parts.ravel(), minlength=len(far))[: len(far)])
    return bool(patches(np.isin(parts, beside[beside > 0])))


def _near(mask: Mask) -> Mask:
    """Return what lies near to the pixels of a mask, in squares of a few pixels."""
    from scipy.ndimage import maximum_filter

    height, width = mask.shape
    rows, columns = -(-height // _COARSE), -(-width // _COARSE)
    padded = np.zeros((rows * _COARSE, columns * _COARSE), bool)
    padded[:height, :width] = mask
    coarse = padded.reshape(rows, _COARSE, columns, _COARSE).any((1, 3))
    near: npt.NDArray[np.bool_] = maximum_filter(coarse, 2 * math.ceil(_NEAR * width / _COARSE) + 1)
    return near.repeat(_COARSE, 0).repeat(_COARSE, 1)[:height, :width]
