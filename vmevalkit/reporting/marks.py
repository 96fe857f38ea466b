"""The boxes that the report and the viewer draw over the frames of a video."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from vmevalkit.types import Box, Geometry, Tolerance

EVIDENCE = "evidence"
"""Code of the box around what shows why the video fails."""


class Mark(NamedTuple):
    """A box over the frames `first` to `last`; `style` is its place in CSS, in per cent of the frame."""

    code: str
    first: int
    last: int
    style: str


def marks_of(
    evidence: int | None, box: Box | None, tolerated: Sequence[Tolerance], geometry: Geometry | None
) -> list[Mark]:
    """Return the boxes of a score.

    Args:
        evidence, box: `evidence_frame` and `evidence_box` of the score.
        tolerated: `tolerated` of the score. Its boxes are shares of the canvas.
        geometry: where the canvas is in the video. If that is not known, what is tolerated has no boxes.
    """
    found = [] if evidence is None or box is None else [Mark(EVIDENCE, evidence, evidence, _style(box))]
    if geometry is not None:
        found += [Mark(t.code, t.first, t.last, _style(geometry.in_frame(t.box))) for t in tolerated if t.box]
    return found


def _style(box: Box) -> str:
    left, top, right, bottom = (100 * end for end in box)
    return f"left:{left:.2f}%;top:{top:.2f}%;width:{right - left:.2f}%;height:{bottom - top:.2f}%"
