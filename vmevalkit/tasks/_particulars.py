"""The frame and the place that show why a video fails, and the sentence that names them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vmevalkit.media import Planes, Views
from vmevalkit.tasks.toolkit.compare import Mask, differing, distance, most
from vmevalkit.tasks.toolkit.envelope import Envelope
from vmevalkit.types import Box, Verdict

# Reasons that are seen in what is missing at the end, not in what is shown.
_MISSING = frozenset({"unfinished", "undone", "no_change"})
# A box around more than this share of the canvas would point at nothing.
_LARGEST = 0.6
# Planes of neighboring frames differ by more than this where something moved or appeared, not by compression alone.
_CHANGED = 40
# Pixels of the view in a square that counts, and around the box.
_BLOCK, _MARGIN = 4, 4
_ROWS, _COLUMNS = ("top", "middle", "bottom"), ("left", "center", "right")


def place_of(reason: str, evidence: int, frames: Views, drawings: Sequence[Planes]) -> Box | None:
    """Return where the evidence frame of a failed video shows the reason, as shares of the canvas; None if unknown.

    It is the place of the pixels that no drawing of the solution explains; or else of what has changed since the frame
    before; or, if the answer was not reached, of what the answer changes.

    Args:
        reason: reason code.
        evidence: index of the evidence frame.
        frames: uint8 (count, 3, height, width).
        drawings: the solution, from the start to the answer.
    """
    frame = frames[evidence]
    unexplained = _box(Envelope(*drawings).unexplained(frame))
    if unexplained is not None:
        return _near(unexplained)
    if reason in _MISSING:
        found = _box(differing(frame, drawings[-1], 1) & differing(drawings[0], drawings[-1]))
    elif evidence > 0:
        found = _box(most(distance(frame, frames[evidence - 1])) > _CHANGED)
    else:
        found = None
    return found and _near(found)


def explained(verdict: Verdict, fps: float | None = None) -> str:
    """Return the explanation of a failed video, with the evidence frame, its time, and the place in words."""
    if verdict.passed or verdict.evidence_frame is None:
        return verdict.explanation
    when = f"Frame {verdict.evidence_frame}" + (f" ({verdict.evidence_frame / fps:.1f} s)" if fps else "")
    place = _in_words(verdict.evidence_box) if verdict.evidence_box is not None else None
    if verdict.reason in _MISSING:
        return f"{when}: {verdict.explanation}" + (f" The answer is missing here: {place}." if place else "")
    return f"{when}{f', {place}' if place else ''}: {verdict.explanation}"


def _in_words(box: Box) -> str:
    left, top, right, bottom = box
    row, column = _ROWS[min(2, int(1.5 * (top + bottom)))], _COLUMNS[min(2, int(1.5 * (left + right)))]
    return "center" if (row, column) == ("middle", "center") else f"{row} {column}"


def _box(mask: Mask) -> Box | None:
    """Return the box around all squares of which half is set, as shares of the mask; None if there are none."""
    height, width = (side // _BLOCK * _BLOCK for side in mask.shape)
    squares = mask[:height, :width].reshape(height // _BLOCK, _BLOCK, width // _BLOCK, _BLOCK).sum((1, 3))
    rows, columns = np.nonzero(squares >= _BLOCK * _BLOCK // 2)
    if not len(rows):
        return None
    top, left = (_BLOCK * int(ends.min()) - _MARGIN for ends in (rows, columns))
    bottom, right = (_BLOCK * (int(ends.max()) + 1) + _MARGIN for ends in (rows, columns))
    ends = (left / mask.shape[1], top / mask.shape[0], right / mask.shape[1], bottom / mask.shape[0])
    left_, top_, right_, bottom_ = (round(min(1.0, max(0.0, end)), 4) for end in ends)
    return left_, top_, right_, bottom_


def _near(box: Box) -> Box | None:
    """Return the box, unless it surrounds most of the canvas."""
    left, top, right, bottom = box
    return box if (right - left) * (bottom - top) <= _LARGEST else None
