"""Comparison of planes, pixel by pixel. All planes are uint8 (3, height, width): luma and chroma."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from vmevalkit.media import Planes

Mask = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float32]
Numbers = TypeVar("Numbers", bound=npt.NDArray[Any])

# Neighbors in a grainy image differ by more than this in luma. In videos at crf 35 at most a fifth of them do.
_GRAIN = 6
# Change that compression causes between frames that show the same.
_STILL = 3
# Squares of so many pixels differ by so much on average only if they show something else. In some eighty videos of
# cogvideox-tiny-i2v that hold still they differ by 26 at most; the smallest step of their puzzles changes one by 45.
_SQUARE, _BLURRED = 5, 32
# Share of the pixels that blur may change visibly: 0.13 at most in those videos, 0.34 at least in one with noise.
_TOUCHED = 0.25
# A difference of two drawings up to this does not count.
_SLIGHT = 8


def most(planes: Numbers) -> Numbers:
    """Return the largest value of each pixel over the planes; the first axis is removed."""
    # Many times faster than `max(0)`.
    largest: Numbers = reduce(np.maximum, planes)
    return largest


def tone_numbers(planes: Planes) -> npt.NDArray[np.uint16]:
    """Return the color of each pixel as one number: 5 bits of each plane."""
    y, cb, cr = planes.astype(np.uint16) >> 3
    numbers: npt.NDArray[np.uint16] = (y << 10) | (cb << 5) | cr
    return numbers


def distance(a: Planes, b: Planes) -> Planes:
    """Return the absolute difference of two uint8 arrays, without wrapping around."""
    off = np.maximum(a, b)
    off -= np.minimum(a, b)
    return off


def extreme(planes: Planes, reach: int, pick: Callable[..., Planes]) -> Planes:
    """Return the smallest or largest value of each plane within `reach` pixels in both directions.

    Args:
        planes: uint8 (count, height, width).
        reach: half the side of the square window, in pixels.
        pick: `np.minimum` or `np.maximum`.
    """
    down = planes.copy()
    for k in range(1, reach + 1):
        pick(down[:, k:], planes[:, :-k], out=down[:, k:])
        pick(down[:, :-k], planes[:, k:], out=down[:, :-k])
    # Sideways the whole memory is shifted at once, which is faster than row by row. Margins keep the rows apart.
    count, height, width = planes.shape
    wide = np.empty((count, height, width + 2 * reach), np.uint8)
    wide[:, :, reach:-reach], wide[:, :, :reach], wide[:, :, -reach:] = down, down[:, :, :1], down[:, :, -1:]
    rows = wide.ravel()
    picked = rows.copy()
    for k in range(1, 2 * reach + 1):
        pick(picked[:-k], rows[k:], out=picked[:-k])
    result: Planes = picked.reshape(wide.shape)[:, :, :width].copy()
    return result


def differing(a: Planes, b: Planes, reach: int = 3) -> Mask:
    """Return a mask of the pixels where two drawings differ, widened by `reach` pixels."""
    off = most(np.abs(a.astype(np.int16) - b)) > _SLIGHT
    wide: Mask = extreme(off[None].view(np.uint8), reach, np.maximum)[0].astype(bool)
    return wide


def looks_like(a: Planes, b: Planes) -> bool:
    """Whether two images differ nowhere by more than compression changes a still image."""

    def near(a: Planes, b: Planes) -> bool:
        return bool(distance(a, b).max() <= _STILL)

    # A few rows are enough to notice most movements.
    return near(a[:, ::8], b[:, ::8]) and near(a, b)


def shows(planes: Planes, drawing: Planes) -> bool:
    """Whether an image may be a drawing, however blurred: the means of small squares agree, and there is no noise."""
    off = planes.astype(np.int16) - drawing
    if np.count_nonzero(np.abs(off[0]) > _SLIGHT) > _TOUCHED * off[0].size:
        return False
    return all(np.abs(sums_of_squares(plane)).max() <= _BLURRED * _SQUARE * _SQUARE for plane in off)


def sums_of_squares(plane: npt.NDArray[np.int16]) -> npt.NDArray[np.int16]:
    """Return the sums of all squares of `_SQUARE` pixels."""
    # Adding slices is many times faster than cumulative sums.
    height, width = plane.shape[0] - _SQUARE + 1, plane.shape[1] - _SQUARE + 1
    rows = plane[:height].copy()
    for i in range(1, _SQUARE):
        rows += plane[i : i + height]
    sums: npt.NDArray[np.int16] = rows[:, :width].copy()
    for i in range(1, _SQUARE):
        sums += rows[:, i : i + width]
    return sums


def is_grainy(planes: Planes) -> bool:
    """Whether half of the pixels differ clearly from their neighbors. No video of a drawing is like that."""
    rows = planes[0, ::8]
    steps = distance(rows[:, 1:], rows[:, :-1])
    return bool(np.count_nonzero(steps > _GRAIN) > 0.5 * steps.size)


def patches(mask: Mask) -> int:
    """Return the number of squares of 4x4 pixels of which at least half are set. So single pixels do not count."""
    if not mask.any():
        return 0
    height, width = mask.shape[0] // 4 * 4, mask.shape[1] // 4 * 4
    ones = mask[:height, :width].view(np.uint8)
    # Adding slices is many times faster than a sum over two axes.
    rows = ones[::4] + ones[1::4] + ones[2::4] + ones[3::4]
    blocks = rows[:, ::4] + rows[:, 1::4] + rows[:, 2::4] + rows[:, 3::4]
    return int(np.count_nonzero(blocks >= 8))


def lost(mask: Mask) -> bool:
    """Whether so many pixels are unexplained that the frame shows another scene."""
    return int(np.count_nonzero(mask)) > 0.25 * mask.size
