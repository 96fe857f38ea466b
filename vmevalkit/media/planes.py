"""Arrays of pixels: RGB frames, and the planes that verifiers look at.

A *frame* is uint8 of shape (height, width, 3), RGB. *Frames* are (count, height, width, 3). *Planes* are uint8 of shape
(3, height, width): luma from 0 to 255, and chroma as videos store it, from 16 to 240 around 128. *Views* are a video as
planes, (count, 3, height, width).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

Frame = npt.NDArray[np.uint8]
Frames = npt.NDArray[np.uint8]
Planes = npt.NDArray[np.uint8]
Views = npt.NDArray[np.uint8]

# Luma as it is stored (16 to 235) to the full range.
FULL_LUMA = np.clip((np.arange(256) - 16) * 255 / 219 + 0.5, 0, 255).astype(np.uint8)


def to_planes(frame: Frame) -> Planes:
    """Convert an RGB frame (height, width, 3) to planes."""
    planes: Planes = np.asarray(Image.fromarray(frame).convert("YCbCr")).transpose(2, 0, 1).copy()
    # Full-range chroma c is stored as (c - 128) * 224 / 255 + 128.5. For every byte this equals
    # c - (249 c + 1920) // 2048 + 16, whose products fit 16 bits, which is faster than a table.
    offset = planes[1:].astype(np.uint16)
    offset *= 249
    offset += 1920
    offset >>= 11
    planes[1:] -= offset.astype(np.uint8)
    planes[1:] += 16
    return planes


def difference(a: npt.NDArray[np.uint8], b: npt.NDArray[np.uint8]) -> tuple[int, int, int, int] | None:
    """Return the first and last row and the first and last column in which two frames differ; None if they are equal.

    Args:
        a, b: uint8 of shape (height, width) or (height, width, 3).

    Returns:
        Row and column numbers, inclusive. The range of columns may be a few columns too wide.
    """
    height, width = a.shape[:2]
    row_bytes = a.size // height
    # Comparing eight bytes at a time is many times faster; it needs rows of a whole number of them.
    unit = 8 if row_bytes % 8 == 0 else 1
    words = (np.ascontiguousarray(frame).reshape(height, row_bytes).view(f"u{unit}") for frame in (a, b))
    differs = np.not_equal(*words)
    rows = np.flatnonzero(differs.any(1))
    if not len(rows):
        return None
    columns = np.flatnonzero(differs[rows[0] : rows[-1] + 1].any(0)) * unit
    channels = row_bytes // width
    last = min(width, (int(columns[-1]) + unit - 1) // channels + 1) - 1
    return int(rows[0]), int(rows[-1]), int(columns[0]) // channels, last


def plane_pixels(plane: Any) -> Planes:
    """Return a plane of a libav frame without the padding of its lines, uint8 (height, width)."""
    return np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)[:, : plane.width]


class LumaHalver:
    """Halves stored luma in both directions and expands it to the range from 0 to 255.

    Sums of 16 bits make this many times faster than libswscale. The working memory is reused, because allocating it for
    each frame takes longer than the sums.
    """

    def __init__(self) -> None:
        self._work: npt.NDArray[np.uint16] = np.empty((2, 0, 0), np.uint16)

    def __call__(self, luma: Planes) -> npt.NDArray[np.uint16]:
        """The luma at half its size: (height / 2, width / 2), the sums of four pixels."""
        # Two neighboring pixels are one number of 16 bits.
        pairs = luma.view(np.uint16)
        shape = pairs.shape[0] // 2, pairs.shape[1]
        if self._work.shape[1:] != shape:
            self._work = np.empty((2, *shape), np.uint16)
        total: npt.NDArray[np.uint16] = self._work[0]
        other = self._work[1]
        np.bitwise_and(pairs[::2], 0xFF, out=total)
        total += np.bitwise_and(pairs[1::2], 0xFF, out=other)
        total += np.right_shift(pairs[::2], 8, out=other)
        total += np.right_shift(pairs[1::2], 8, out=other)
        # (mean - 16) * 255 / 219; 149 / 256 is half of 255 / 219, so that the products fit 16 bits.
        np.clip(total, 64, 942, out=total)
        total -= 64
        total >>= 1
        total *= 149
        total += 64
        total >>= 8
        return total
