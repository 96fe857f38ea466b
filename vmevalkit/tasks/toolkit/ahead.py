"""Answers shown ahead: what a step changes shines through before the step, too weakly to be read as a state."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from vmevalkit.media import Planes, Views
from vmevalkit.tasks.toolkit.compare import Floats, Mask, differing, extreme, most

# Pixels tell how much of the answer is shown if they differ by so much between the first and the last frame, in 255ths.
# At most so many are looked at in each frame.
_TELLING, _MOST = 40, 400
# Range of the share of its change at which a pixel shines. From the second share on it has changed.
_SHINING = (0.1, 0.6)
# Number of the pixels, and share of those that have not changed, that must shine in a frame to look at it closely.
_ENOUGH, _SOME = 20, 0.25
# Share of the answer that is too much, and part of the difference that it must explain: a tint or glow explains less.
_SHOWN, _EXPLAINED = 0.12, 0.75
# Distance in pixels of the view to what acts at the moment, and width of the surroundings of the answer.
_CLEAR, _AROUND = 8, 4
# What comes in so large a share of the video may fade in. In two frames, at least so much of it does.
_FADES_SHARE, _CLEARER = 0.12, 0.05
# The answer is shown for more frames, or a larger share of the video.
_FRAMES, _FRAMES_SHARE = 3, 0.06


def shown_ahead(frames: Views, drawn: Callable[[int], Planes | None]) -> int | None:
    """Return the first frame of many in which the answer shines through; None if there are not so many.

    Args:
        frames: the video, uint8 (count, 3, height, width).
        drawn: returns a drawing of what was read from a frame; None if that does not say all that the frame shows.
    """
    fewest = max(_FRAMES, round(_FRAMES_SHARE * len(frames))) + 1
    possible = _shining(frames)
    if len(possible) < fewest:
        return None
    first, last = drawn(0), drawn(len(frames) - 1)
    if first is None or last is None:
        return None
    answer = most(np.abs(last.astype(np.int16) - first)) > _TELLING
    change = frames[-1].astype(np.float32) - frames[0]
    found: list[int] = []
    for number, i in enumerate(possible):
        if len(found) + len(possible) - number < fewest:
            return None
        drawing = drawn(i)
        if drawing is None:
            continue
        later = drawn(min(len(frames) - 1, i + round(_FADES_SHARE * len(frames))))
        acting = differing(drawing, first, _CLEAR)
        if later is not None:
            due = differing(later, drawing, _CLEAR)
            acting |= due & _comes_in(frames, i, due & answer, change)
        left = answer & ~acting
        if np.count_nonzero(left) < _ENOUGH:
            continue
        near = extreme(left[None].view(np.uint8), _AROUND, np.maximum)[0].astype(bool) & ~acting
        if _is_shown(frames[i][:, near].astype(np.float32) - frames[0][:, near], change[:, near]):
            found.append(i)
    return found[0] if len(found) >= fewest else None


def _comes_in(frames: Views, i: int, due: Mask, change: Floats) -> bool:
    """Whether a part of the answer gets clearer, as what fades in does; the share of what shines stays the same."""
    if not due.any():
        return False
    way = change[:, due]
    shares = [((frames[k][:, due] - frames[0][:, due].astype(np.float32)) * way).sum() for k in (max(0, i - 2), i)]
    return bool(shares[1] - shares[0] > _CLEARER * (way * way).sum())


def _shining(frames: Views) -> list[int]:
    """Return the frames in which many pixels that have not yet changed are a little like the answer."""
    at = np.flatnonzero(most(np.abs(frames[-1].astype(np.int16) - frames[0])) > _TELLING)
    at = at[:: 1 + len(at) // _MOST]
    if len(at) < _ENOUGH:
        return []
    values = frames.reshape(*frames.shape[:2], -1)[:, :, at].astype(np.float32)
    off, change = values - values[0], values[-1] - values[0]
    shares = (off * change).sum(1) / (change * change).sum(0)
    waiting = np.maximum.accumulate(shares, axis=0) < _SHINING[1]
    shining = np.count_nonzero(waiting & (shares > _SHINING[0]), axis=1)
    enough = (shining >= _ENOUGH) & (shining > _SOME * np.count_nonzero(waiting, axis=1))
    found: list[int] = np.flatnonzero(enough).tolist()
    return found


def _is_shown(off: Floats, change: Floats) -> bool:
    """Whether a difference from the first frame is a share of the answer, but for light and tint.

    Args:
        off, change: planes of the pixels of the answer and around it, shape (3, count).
    """
    # Another light, and a tint, change the surroundings, too.
    off, change = (x - x.mean(1, keepdims=True) for x in (off, change))
    power = float((change * change).sum())
    share = float((off * change).sum()) / max(power, 1.0)
    left = off - share * change
    return share > _SHOWN and float((left * left).sum()) < (1 - _EXPLAINED) * float((off * off).sum())
