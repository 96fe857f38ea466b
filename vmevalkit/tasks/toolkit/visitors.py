"""Visitors: take out of a video what comes and goes while the puzzle is solved: a cursor, a hand, sparkles, confetti.

What each frame shows of the puzzle is known from the course of the solution, also where a visitor lies over it. The
visitor is what the course does not explain. It is replaced by the drawing, and the video is scored like any other.
"""

from __future__ import annotations

import math
from collections.abc import Container, Iterator, Mapping, Sequence

import numpy as np

from vmevalkit.media import Planes, Views
from vmevalkit.tasks.toolkit.compare import Mask, distance, extreme, most, patches
from vmevalkit.tasks.toolkit.course import Course, Shown
from vmevalkit.tasks.toolkit.envelope import Envelope
from vmevalkit.tasks.toolkit.repairs import Repaired, box_of, is_tiny, travels, widened
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
# Share of the way from one color to another within which a color is a mixture; share that most pixels are.
_FAINT, _MOSTLY = 0.1, 0.6
# Something is a part of the puzzle, in a wrong place, if it has its colors, and this share of the area of its steps.
_LIKE = 0.3
# Something that moves is not seen if less than this share of it is: a finger that carries it hides half of it.
_VISIBLE = 1 / 3
# Difference in luma up to which something has only another color, as when a scene turns gray.
_SAME_LUMA = 12
# A color is usual if so large a share of pixels has it.
_USUAL = 0.1
# A solid patch has so much of its area filled. Stars have less, because their masks are widened.
_SOLID = 0.5
# Something is a copy of what moves if it differs by less than this on average, at so many pixels, most of which do
# not belong there; in so many frames.
_COMPARED, _LIKE_MOVER, _LIKE_MOST, _COPIES = 200, 24, 0.6, 3
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
    found = course.follow(frames)
    tail = len(frames) - max(_ABSENT, round(_ABSENT_SHARE * len(frames)))
    ends, least = (found[0].drawing, found[-1].drawing), course.smallest
    views: Views = frames.copy()
    masks, shown, fading = list[Mask | None](), dict[int, Mask](), 0
    for i, (frame, at, ahead) in enumerate(zip(frames, found, _yet_to_change(found, course.way), strict=True)):
        masks.append(mask := _unexplained(frame, at.drawing))
        if mask is None:
            continue
        if not _ABSENT <= i < tail or not _is_one(mask):
            return None
        off = mask & (most(distance(frame, at.drawing)) > _CHANGED)
        if _is_misplaced(frame, off, ends) or _acts(frame, off, acting, least):
            return None
        # What moves is no ghost where a small thing lies on it.
        if at.mover is not None and 2 * np.count_nonzero(off & at.mover) < np.count_nonzero(at.mover):
            ahead = ahead & ~at.mover
        fading += _fades(frame, off, ends) or _is_ghost(frame, off, at.drawing, (*ends, acting), ahead)
        views[i], shown[i] = np.where(mask, at.drawing, frame), mask
    drawings = [at.drawing for at in found]
    # Something far away may follow from what happens here, such as a door that opens; but not most of what happens.
    nearby = [near for i in shown if (near := _acts_nearby(drawings, masks, i)) is not None]
    if not shown or 2 * sum(nearby) < len(nearby) or 2 * fading > len(shown) or _is_damage(frames, drawings, shown):
        return None
    regions, steps = list(shown.values()), math.ceil(found[-1].position)
    if not travels(regions) and (not is_tiny(regions) or _is_a_mark(frames, drawings, shown)):
        return None
    if any(map(course.moves, range(steps))) and _lies_ahead(frames, found, shown, course.way):
        return None
    covered = [i in shown and _is_covered(frames[i], found[i]) for i in range(len(frames))]
    if not _is_seen_moving(course, [at.position for at in found], covered, shown):
        return None
    if any(_is_copied(frames, drawings, shown, mover) for step in range(steps) for mover in course.movers(step)):
        return None
    note = Tolerance(code="visitor", first=min(shown), last=max(shown), box=box_of(np.logical_or.reduce(regions)))
    return Repaired(views, note, frozenset(shown), frozenset(np.flatnonzero(covered).tolist()))


def _is_seen_moving(course: Course, positions: Sequence[float], covered: Sequence[bool], shown: Container[int]) -> bool:
    """Whether what moves is seen in at least half of the frames of each step during which there is a visitor."""
    for step in range(math.ceil(positions[-1])):
        on_its_way = [i for i, position in enumerate(positions) if step < position < step + 1]
        arrives = next((i for i, position in enumerate(positions) if position >= step + 1), len(positions) - 1)
        if not course.moves(step):
            continue
        if not on_its_way:
            return False
        seen = sum(not covered[i] for i in on_its_way)
        if any(i in shown for i in range(on_its_way[0], arrives + 1)) and 2 * seen < len(on_its_way):
            return False
    return True


def _is_copied(
    frames: Views, drawings: Sequence[Planes], shown: Mapping[int, Mask], mover: tuple[Planes, Mask]
) -> bool:
    """Whether a visitor looks like what moves, in several frames."""
    image, inside = mover
    at = np.argwhere(inside)
    at = at[:: 1 + len(at) // _COMPARED]
    own = image[:, at[:, 0], at[:, 1]].astype(np.int16)
    alike = 0
    for i, mask in shown.items():
        off = mask & (most(distance(frames[i], drawings[i])) > _CHANGED)
        room = [mask.shape[axis] - inside.shape[axis] + 1 for axis in (0, 1)]
        middle = mask[inside.shape[0] // 2 :, inside.shape[1] // 2 :][: room[0], : room[1]]
        for top, left in np.argwhere(middle):
            there = off[at[:, 0] + top, at[:, 1] + left]
            if there.mean() <= _LIKE_MOST:
                continue
            seen = frames[i][:, at[:, 0] + top, at[:, 1] + left]
            if most(np.abs(seen - own)).mean() < _LIKE_MOVER:
                alike += 1
                break
    return alike >= _COPIES


def _is_a_mark(frames: Views, drawings: Sequence[Planes], shown: Mapping[int, Mask]) -> bool:
    """Whether what rests is a solid patch, larger than a star, as a cell that is filled and emptied again."""
    from scipy.ndimage import label

    for i, mask in shown.items():
        parts, _ = label(mask)
        areas = np.bincount(parts.ravel())
        areas[0] = 0
        off = most(distance(frames[i], drawings[i])) > _CHANGED
        largest = int(areas.argmax())
        filled = np.count_nonzero(off & (parts == largest))
        if areas[largest] > _TINY * mask.size and filled > _SOLID * areas[largest]:
            return True
    return False


def _lies_ahead(frames: Views, found: Sequence[Shown], shown: Mapping[int, Mask], way: Mask) -> bool:
    """Whether a visitor mostly rests where things are about to move, and not on them: a way that is shown ahead."""
    waiting = [i for i in shown if found[i].position < found[-1].position]
    ahead, before = 0, np.zeros_like(way)
    for i in waiting:
        off = shown[i] & (most(distance(frames[i], found[i].drawing)) > _SAME)
        mover = found[i].mover
        free = way if mover is None else way & ~widened(mover, _WIDE)
        ahead += 2 * int(np.count_nonzero(off & before & free)) > int(np.count_nonzero(off))
        before = off
    return 2 * ahead > len(waiting)


def _is_damage(frames: Views, drawings: Sequence[Planes], shown: Mapping[int, Mask]) -> bool:
    """Whether something of the puzzle is missing, or has another color, in most frames.

    Where something is missing, most of what differs has a color of what should be around.
    """
    damaged, large = 0, not is_tiny(list(shown.values()))
    for i, mask in shown.items():
        off = (most(distance(frames[i], drawings[i])) > _CHANGED) & mask
        around = widened(off, _WIDE) & ~off
        if not off.any() or not around.any():
            continue
        seen, drawn = frames[i][:, off].astype(np.int16), drawings[i][:, off].astype(np.int16)
        is_gone = 2 * np.count_nonzero(_are_among(frames[i][:, off], drawings[i][:, around])) > seen.shape[1]
        damaged += bool(is_gone or (large and np.median(np.abs(seen[0] - drawn[0])) < _SAME_LUMA))
    return 2 * damaged > len(shown)


def _are_among(pixels: Planes, others: Planes) -> Mask:
    """Return which pixels, (3, count), have one of the usual colors of others."""
    colors, counts = np.unique(others >> 3, axis=1, return_counts=True)
    usual = colors[:, counts > _USUAL * counts.sum()].astype(np.int16)
    near = np.abs((pixels >> 3).astype(np.int16)[:, :, None] - usual[:, None]) <= 1
    found: Mask = near.all(0).any(1)
    return found


def _is_covered(frame: Planes, shown: Shown) -> bool:
    """Whether hardly anything is seen of what moves."""
    if shown.mover is None:
        return False
    seen = shown.mover & (most(distance(frame, shown.drawing)) < _SAME)
    return int(np.count_nonzero(seen)) < _VISIBLE * int(np.count_nonzero(shown.mover))


def _unexplained(frame: Planes, drawing: Planes) -> Mask | None:
    """Return a mask of what a drawing does not explain in a frame, widened; None if it explains everything."""
    from scipy.ndimage import binary_fill_holes, label

    off = Envelope(drawing).unexplained(frame)
    if np.count_nonzero(off) < _SEEN:
        return None
    # A part of a visitor may have the color of something that is drawn nearby.
    parts, _ = label(binary_fill_holes(widened(off | (most(distance(frame, drawing)) > _SAME), _WIDE)))
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


def _fades(frame: Planes, off: Mask, ends: tuple[Planes, Planes]) -> bool:
    """Whether most of what does not belong is a mixture of the start and the answer, where these differ."""
    changes = off & (most(distance(*ends)) > _CHANGED)
    mixed = _is_mixed(*(planes[:, changes] for planes in (frame, *ends)))
    return 2 * int(np.count_nonzero(mixed)) > int(np.count_nonzero(off))


def _yet_to_change(found: Sequence[Shown], way: Mask) -> Iterator[Mask]:
    """Yield for each frame the part of the way that has not changed so far, or where something moves now."""
    changed = np.zeros_like(way)
    for shown in found:
        changed = changed | (most(distance(shown.drawing, found[0].drawing)) > _CHANGED)
        passed = changed if shown.mover is None else changed & ~shown.mover
        yield way & ~passed


def _is_ghost(frame: Planes, off: Mask, drawing: Planes, others: Sequence[Planes], ahead: Mask) -> bool:
    """Whether what does not belong is the puzzle at another time, half-transparent.

    Args:
        frame: a frame.
        off: mask of what does not belong.
        drawing: what the frame should look like.
        others: what the puzzle looks like at other times, (3, height, width); or colors of what acts, (3, count).
        ahead: mask of the pixels that are yet to change, or change now. What lies elsewhere is a trail.
    """
    ghost = off & ahead
    if int(np.count_nonzero(ghost)) < _MOSTLY * int(np.count_nonzero(off)):
        return False
    seen, here = frame[:, ghost], drawing[:, ghost]
    mixed = np.zeros(seen.shape[1], bool)
    for other in others:
        if other.ndim == 3:
            mixed |= _is_mixed(seen, here, other[:, ghost])
        else:
            for color in other.T.astype(np.uint8) * 8 + 4:
                mixed |= _is_mixed(seen, here, np.broadcast_to(color[:, None], here.shape))
    return int(np.count_nonzero(mixed)) > _MOSTLY * len(mixed)


def _is_mixed(seen: Planes, a: Planes, b: Planes) -> Mask:
    """Return which pixels, (3, count), lie between two colors, and are neither."""
    way = b.astype(np.float32) - a
    off = seen.astype(np.float32) - a
    share = (off * way).sum(0) / np.maximum((way * way).sum(0), 1)
    mixed: Mask = (most(np.abs(off - share * way)) < _SAME) & (share > _FAINT) & (share < 1 - _FAINT)
    return mixed


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
