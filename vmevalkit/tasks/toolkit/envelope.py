"""Envelope: which pixels of a frame a drawing explains."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from vmevalkit.media import Planes, difference
from vmevalkit.tasks.toolkit.compare import Mask, extreme, most

# Ringing of H.264 at crf 35 next to strokes reaches about 25 of 255 in luma. Chroma is coarser and changes less.
TOLERANCE = (34, 22, 22)
# Pixels of the view by which blur and small shifts move an edge.
REACH = 2
# Width in pixels of the edge of the view that is ignored.
RIM = 3


class Envelope:
    """Range of the values that a drawing may have after blur and a shift of up to `REACH` pixels of the view.

    A pixel is explained if each plane lies between the smallest and the largest value that the drawing has within
    `REACH` pixels of it, within `TOLERANCE`. With several drawings, any of them or a blend of them explains a pixel.

    Args:
        drawings: the drawings, uint8 (3, height, width).
        like: an envelope of equally many drawings. Bounds that did not change are copied from it. It can be used only
            once, because it then drops its drawings.
    """

    def __init__(self, *drawings: Planes, like: Envelope | None = None) -> None:
        self._drawings = drawings
        if like is None:
            self.low, self.span = _bounds(drawings)
            return
        before, like._drawings = like._drawings, ()
        self.low, self.span = like.low, like.span
        height, width = drawings[0].shape[1:]
        boxes = [_changed(new, old) for new, old in zip(drawings, before, strict=True)]
        changed = np.array([box for box in boxes if box is not None])
        if not len(changed):
            return
        (top, left), (bottom, right) = changed[:, ::2].min(0) - REACH, changed[:, 1::2].max(0) + REACH + 1
        # Bounds change within `REACH` of the changed pixels. Computing them needs the pixels within another `REACH`.
        inner = slice(max(0, top), min(height, bottom)), slice(max(0, left), min(width, right))
        outer = (slice(max(0, top - REACH), bottom + REACH), slice(max(0, left - REACH), right + REACH))
        low, span = _bounds([drawing[:, outer[0], outer[1]] for drawing in drawings])
        cut = (
            slice(inner[0].start - outer[0].start, inner[0].stop - outer[0].start),
            slice(inner[1].start - outer[1].start, inner[1].stop - outer[1].start),
        )
        self.low, self.span = self.low.copy(), self.span.copy()
        self.low[:, inner[0], inner[1]] = low[:, cut[0], cut[1]]
        self.span[:, inner[0], inner[1]] = span[:, cut[0], cut[1]]

    def unexplained(self, planes: Planes) -> Mask:
        """Return a mask (height, width) of the pixels that the drawing does not explain."""
        # A value below the lowest one wraps around, and is far above the span.
        off = (planes - self.low) > self.span
        mask: Mask = off[0] | off[1] | off[2]
        # Letterbox bars may bleed into the outermost pixels. No puzzle draws anything there.
        mask[:RIM] = mask[-RIM:] = False
        mask[:, :RIM] = mask[:, -RIM:] = False
        return mask


def _changed(a: Planes, b: Planes) -> tuple[int, int, int, int] | None:
    """Return the box (top, bottom, left, right) in which planes differ; None if they do not."""
    off = most(a ^ b)
    return difference(off, np.zeros_like(off))


def _bounds(drawings: Sequence[Planes]) -> tuple[Planes, Planes]:
    """Return the lowest value of each pixel, and the distance of the highest one from it."""
    low = extreme(_either(drawings, np.minimum), REACH, np.minimum)
    high = extreme(_either(drawings, np.maximum), REACH, np.maximum)
    # One plane at a time is ten times as fast as all at once. Values must stay in 0..255, because bytes wrap around.
    for plane, slack in zip(low, TOLERANCE, strict=True):
        np.maximum(plane, slack, out=plane)
        plane -= slack
    for plane, slack in zip(high, TOLERANCE, strict=True):
        np.minimum(plane, 255 - slack, out=plane)
        plane += slack
    high -= low
    return low, high


def _either(drawings: Sequence[Planes], pick: Callable[..., Planes]) -> Planes:
    found = drawings[0]
    for drawing in drawings[1:]:
        found = pick(found, drawing)
    return found
