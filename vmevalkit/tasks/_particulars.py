"""What shows in particular why a video fails: the place in the evidence frame, and the sentence that names it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vmevalkit.media import Planes, Views
from vmevalkit.tasks._wording import MISSING
from vmevalkit.tasks.toolkit.compare import Mask, differing, distance, most
from vmevalkit.tasks.toolkit.draw import GRAY, HUES, INK, SAND, WHITE
from vmevalkit.tasks.toolkit.envelope import Envelope
from vmevalkit.tasks.toolkit.views import tone
from vmevalkit.types import Box, Verdict

Values = npt.NDArray[np.float64]

# A box around more than this share of the canvas would point at nothing.
_LARGEST = 0.6
# Planes of neighboring frames differ by more than this where something moved or appeared, not by compression alone.
_CHANGED = 40
# Pixels of the view in a square that counts, and around the box.
_BLOCK, _MARGIN = 4, 4
_ROWS, _COLUMNS = ("top", "middle", "bottom"), ("left", "center", "right")
# Colors that words can tell apart: those of drawings, and some that only models show.
_COLORS = {**HUES, "white": WHITE, "black": INK, "light gray": GRAY, "gray": (120, 122, 126), "beige": SAND,
           "pink": (240, 130, 180), "bright green": (60, 220, 60)}  # fmt: skip
# Colors of the same name are told apart in words if their luma differs by this.
_SHADE = 12


class Place(NamedTuple):
    """Where the evidence frame shows the reason.

    Attributes:
        box: as shares of the canvas; None if that is not one place.
        seen: a sentence about the pixels there, if the drawings say what was expected; else empty.
    """

    box: Box | None = None
    seen: str = ""


NOISE = Place(None, "The frame is noise.")
"""The place in a frame that shows no image."""


def place_of(reason: str, evidence: int, frames: Views, drawings: Sequence[Planes]) -> Place:
    """Return where the evidence frame of a failed video shows the reason.

    If the answer was not reached, it is the place of what the answer changes; or else of the pixels that no drawing of
    the solution explains; or else of what has changed since the frame before.

    Args:
        reason: reason code.
        evidence: index of the evidence frame.
        frames: uint8 (count, 3, height, width).
        drawings: the solution, from the start to the answer.
    """
    frame = frames[evidence]
    if reason in MISSING:
        box = _box(Envelope(drawings[-1]).unexplained(frame) & differing(drawings[0], drawings[-1]))
        if box is not None:
            return _near(box)
    unexplained = Envelope(*drawings).unexplained(frame)
    box = _box(unexplained)
    if box is not None:
        found, share = _near(box), f"{100 * unexplained.mean():.0f} % of the frame does not fit the puzzle."
        is_part = found.box is not None and reason != "wrong_start"
        return found._replace(seen=(is_part and _colors(frame, unexplained, drawings)) or share)
    if evidence == 0:
        return Place()
    box = _box(most(distance(frame, frames[evidence - 1])) > _CHANGED)
    return Place() if box is None else _near(box)


def altered_place(frame: Planes, drawing: Planes) -> Place:
    """Return where a frame differs most from the drawing of what was read from it."""
    off = most(distance(frame, drawing))
    height, width = (side // _BLOCK * _BLOCK for side in off.shape)
    means = off[:height, :width].reshape(height // _BLOCK, _BLOCK, width // _BLOCK, _BLOCK).mean((1, 3))
    return _near(_around(means > 0.6 * means.max(), off.shape))


def explained(verdict: Verdict, fps: float) -> str:
    """Return the explanation of a failed video with the evidence frame, its time, and the place in words.

    This is the text that scores have, and that the report and the viewer show.
    """
    if verdict.passed or verdict.evidence_frame is None:
        return verdict.explanation
    when = f"Frame {verdict.evidence_frame} ({verdict.evidence_frame / fps:.1f} s)"
    place = f", {_in_words(verdict.evidence_box)}" if verdict.evidence_box is not None else ""
    return f"{when}{place}: {verdict.explanation}"


def _in_words(box: Box) -> str:
    left, top, right, bottom = box
    row, column = _ROWS[min(2, int(1.5 * (top + bottom)))], _COLUMNS[min(2, int(1.5 * (left + right)))]
    return "center" if (row, column) == ("middle", "center") else f"{row} {column}"


def _colors(frame: Planes, mask: Mask, drawings: Sequence[Planes]) -> str:
    """Return the color of the pixels of a mask, and that of the drawing that is most like them; empty if one word."""
    at = np.flatnonzero(mask)
    seen = np.median(frame.reshape(3, -1)[:, at], 1)
    # Drawings of the start and the answer are enough: between them lie what moves, and the ground that it uncovers.
    wanted = (np.median(drawing.reshape(3, -1)[:, at], 1) for drawing in (drawings[0], drawings[-1]))
    expected = min(wanted, key=lambda planes: float(np.abs(planes - seen).sum()))
    name, other, lighter = _color(seen), _color(expected), float(seen[0] - expected[0])
    if name == other:
        if abs(lighter) < _SHADE:
            return ""
        name = f"{'lighter' if lighter > 0 else 'darker'} {name}"
    return f"The place is {name}; expected: {other}."


def _color(planes: Values) -> str:
    """Return the name of the color that is nearest to Y, Cb and Cr."""
    known = _tones()
    return min(known, key=lambda name: float(np.abs(known[name] - planes).sum()))


@lru_cache(maxsize=1)
def _tones() -> dict[str, Values]:
    return {name: np.array(tone(color), np.float64) for name, color in _COLORS.items()}


def _box(mask: Mask) -> Box | None:
    """Return the box around all squares of which half is set, as shares of the mask; None if there are none."""
    height, width = (side // _BLOCK * _BLOCK for side in mask.shape)
    squares = mask[:height, :width].reshape(height // _BLOCK, _BLOCK, width // _BLOCK, _BLOCK).sum((1, 3))
    full = squares >= _BLOCK * _BLOCK // 2
    return _around(full, mask.shape) if full.any() else None


def _around(squares: Mask, shape: tuple[int, ...]) -> Box:
    """Return the box around squares, as shares of an image of (height, width)."""
    rows, columns = np.nonzero(squares)
    top, left = (_BLOCK * int(ends.min()) - _MARGIN for ends in (rows, columns))
    bottom, right = (_BLOCK * (int(ends.max()) + 1) + _MARGIN for ends in (rows, columns))
    ends = (left / shape[1], top / shape[0], right / shape[1], bottom / shape[0])
    left_, top_, right_, bottom_ = (round(min(1.0, max(0.0, end)), 4) for end in ends)
    return left_, top_, right_, bottom_


def _near(box: Box, seen: str = "") -> Place:
    """Return the place, unless its box surrounds most of the canvas."""
    left, top, right, bottom = box
    return Place(box, seen) if (right - left) * (bottom - top) <= _LARGEST else Place()
