"""Reversals: places that had changed, and changed back, although that was too short or too hidden to be read."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vmevalkit.media import Views
from vmevalkit.tasks.base import Fault
from vmevalkit.tasks.toolkit.compare import distance, most
from vmevalkit.tasks.toolkit.draw import Box

# A place has changed from this share of its change on, and has changed back if it then falls below the second share of
# that in two frames in a row. A flash of light lasts one frame.
_CHANGED, _BACK = 0.5, 0.5
# Pixels tell a change if they differ by so much between the first and the last frame, in 255ths.
_TELLING = 40


def find_reversal(frames: Views, boxes: Sequence[Box]) -> Fault | None:
    """Return a fault if a place changes to what the last frame shows there, then back, and again.

    Args:
        frames: the video, uint8 (count, 3, height, width).
        boxes: of the places that change, in pixels of the view.
    """
    found = [frame for box in boxes if (frame := _reversed_at(frames, box)) is not None]
    return Fault("erased", min(found)) if found else None


def _reversed_at(frames: Views, box: Box) -> int | None:
    """Return the number of the frame in which a place has changed back; None if it never does."""
    left, top, right, bottom = (round(side) for side in box)
    part = frames[:, :, max(0, top) : bottom, max(0, left) : right]
    telling = most(distance(part[-1], part[0])) > _TELLING
    if not telling.any():
        return None
    # Few pixels are needed as floats.
    seen = part[:, :, telling].astype(np.float32)
    change = seen[-1] - seen[0]
    share = ((seen - seen[0]) * change).sum(1) / (change * change).sum(0)
    done = np.clip(share, 0, 1).mean(1)
    highest = np.maximum.accumulate(done)
    back = (highest > _CHANGED) & (done < _BACK * highest)
    lasting = np.flatnonzero(back[1:] & back[:-1])
    return int(lasting[0]) + 1 if len(lasting) else None
