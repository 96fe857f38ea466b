"""Saturation: bring the colors of frames to the saturation of a drawing.

A change of saturation moves colors away from gray in RGB, and clips what leaves the range. Clipping also changes the
hue and the luma of strong colors. So the colors of the drawing are searched for in the frame, wherever they are, as
they look with several saturations.
"""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from vmevalkit.media import Frame, Planes, to_planes
from vmevalkit.tasks.toolkit.compare import Floats, distance, most, tone_numbers

# Saturations that are searched for, and the number of the one that is not changed.
_FACTORS = tuple(round(0.55 + 0.05 * k, 2) for k in range(22))
_SAME = _FACTORS.index(1.0)
# Distance of chroma from gray from which on a pixel of the drawing has a color.
_COLORED = 14
# A color must cover so many of every fourth pixel. The most frequent ones count.
_SOME, _MOST = 6, 16
# Views lower than this tell no saturation: videos store chroma at half of their size, so that small things are pale.
_LEAST = 160
# A pixel that differs by this in one plane does not have a color; nearer ones count in part.
_NEAR = 14
# This share of the colors must be found again: at the end of a maze, the disc covers most of the goal. It must be so
# much more than without a change.
_AGREE, _BETTER = 0.35, 0.15
# So many colored pixels are glanced at first. If most of them differ by at most `_ALIKE`, the saturation is the same.
_GLANCED, _ALIKE = 300, 4
# A larger difference than this shows another object, not another light.
_ODD = 48
# A pixel is a mixture of a color and gray if its chroma is off by at most this share.
_MIXED = 0.35

_TO_RGB = np.array([[1, 0, 1.402], [1, -0.344136, -0.714136], [1, 1.772, 0]])
_GRAY = np.array([0.299, 0.587, 0.114])
_MIDDLE, _RANGE = np.array([0, 128, 128]), np.array([1, 255 / 224, 255 / 224])

# (Y, Cb, Cr) of some colors.
Tones = tuple[tuple[int, int, int], ...]
Floats64 = npt.NDArray[np.float64]


class Saturation:
    """Finds the saturation of frames and gives them that of a reference drawing.

    Attributes:
        places: numbers of some colored pixels. If most of them are alike, the saturation is the same.

    Args:
        reference: the drawing, uint8 (3, height, width).
    """

    def __init__(self, reference: Planes) -> None:
        colors = reference.reshape(3, -1)
        places = np.flatnonzero(_chroma(colors) > _COLORED)
        self.places = places[:: 1 + len(places) // _GLANCED]
        self._there = colors.take(self.places, 1)
        self._reference = reference

    @cached_property
    def _colors(self) -> tuple[Tones, Floats64, Floats64]:
        """The colors of the reference, their weights, and their areas. Many videos never need them."""
        some = self._reference[:, ::2, ::2].reshape(3, -1)
        # As one number each, colors are sorted ten times as fast as in three rows.
        y, cb, cr = some[:, _chroma(some) > _COLORED].astype(np.uint32)
        packed, counts = np.unique(y << 16 | cb << 8 | cr, return_counts=True)
        order = np.argsort(-counts, kind="stable")[:_MOST]
        order = order[counts[order] >= (_SOME if self._reference.shape[1] >= _LEAST else np.inf)]
        tones = np.stack([packed >> 16, packed >> 8 & 255, packed & 255]).astype(np.uint8)[:, order]
        found: Tones = tuple((y, cb, cr) for y, cb, cr in tones.T.tolist())
        # Large areas tell more than small ones, and strong colors more than pale ones.
        weights = np.sqrt(counts[order]) * _chroma(tones)
        usual = _areas(self._reference, found)[_SAME] if found else np.zeros(0)
        return found, weights / max(1.0, float(weights.sum())), usual

    def undone(self, planes: Planes) -> Planes:
        """Return a frame with the saturation of the reference, or the same array if it has it or shows none."""
        number = self._number(planes)
        return planes if number == _SAME else _changed(planes, _table(self._colors[0], number))

    def factor(self, planes: Planes) -> float:
        """Return the saturation of a frame relative to that of the reference; 1 also if the frame shows none."""
        return _FACTORS[self._number(planes)]

    def _number(self, planes: Planes) -> int:
        """Return the number of the saturation of a frame."""
        if self._looks_alike(planes):
            return _SAME
        tones, weights, usual = self._colors
        if not tones:
            return _SAME
        found = np.minimum(1, _areas(planes, tones) / usual) @ weights
        best = int(found.argmax())
        return best if found[best] >= max(_AGREE, found[_SAME] + _BETTER) else _SAME

    def error(self, planes: Planes) -> float:
        """Return the mean difference of a frame where the reference is colored; what has moved counts little."""
        off = most(distance(planes.reshape(3, -1).take(self.places, 1), self._there))
        return float(np.minimum(off, _ODD).mean())

    def _looks_alike(self, planes: Planes) -> bool:
        """Return whether most colored pixels of the reference are the same in a frame."""
        off = most(distance(planes.reshape(3, -1).take(self.places, 1), self._there))
        return 2 * int(np.count_nonzero(off <= _ALIKE)) > len(off)


def saturated(planes: Planes, factor: float) -> Planes:
    """Return planes, uint8 (3, height, width), with the saturation multiplied by a factor."""
    # Planes hold chroma in the range of videos, which is smaller (see `to_planes`).
    values = (planes.transpose(1, 2, 0) - _MIDDLE) * _RANGE
    rgb = values @ _TO_RGB.T
    gray = (rgb @ _GRAY)[..., None]
    changed: Frame = np.clip(gray + (rgb - gray) * factor + 0.5, 0, 255).astype(np.uint8)
    return to_planes(changed)


def _areas(planes: Planes, tones: Tones) -> Floats64:
    """Return the area of each color with each of the saturations, shape (factors, colors)."""
    histogram = np.bincount(tone_numbers(planes[:, ::2, ::2]).ravel(), minlength=32768)
    numbers, shares = _neighbors(tones)
    areas: npt.NDArray[Any] = (histogram[numbers] * shares).sum(2)
    return areas


def _chroma(colors: Planes) -> npt.NDArray[np.int16]:
    """Return the distance of the chroma of colors, shape (3, count), from gray."""
    return most(np.abs(colors[1:].astype(np.int16) - 128))


@lru_cache(maxsize=64)
def _saturated(tones: Tones) -> npt.NDArray[np.uint8]:
    """Return the tones with each of the saturations, shape (factors, tones, 3)."""
    planes = np.array(tones, np.uint8).T[:, None]
    return np.stack([saturated(planes, factor)[:, 0].T for factor in _FACTORS])


@lru_cache(maxsize=64)
def _neighbors(tones: Tones) -> tuple[npt.NDArray[np.intp], Floats]:
    """Return the numbers of the colors near each tone with each of the saturations, and how near they are from 0 to 1.

    Both have the shape (factors, tones, neighbors).
    """
    seen = _saturated(tones).astype(np.int16)
    around = np.stack(np.meshgrid(*[np.arange(-2, 3)] * 3, indexing="ij"), -1).reshape(-1, 3)
    cells = np.clip((seen[:, :, None] >> 3) + around, 0, 31)
    off = np.abs(cells * 8 + 3.5 - seen[:, :, None])
    shares = np.maximum(0, 1 - off / _NEAR).prod(3).astype(np.float32)
    return (cells @ (1024, 32, 1)).astype(np.intp), shares


@lru_cache(maxsize=32)
def _table(tones: Tones, number: int) -> npt.NDArray[np.int16]:
    """Return the change of each color, by 5 bits a plane, that undoes a saturation; shape (3, 32768)."""
    steps = np.arange(32, dtype=np.float32) * 8 + 3.5
    luma, blue, red = (side.ravel() for side in np.meshgrid(steps, steps - 128, steps - 128, indexing="ij"))
    chroma = blue + 1j * red
    change, light = chroma * (1 / _FACTORS[number] - 1), np.zeros_like(luma)
    least = np.full(chroma.shape, np.inf)
    for known, seen in zip(tones, _saturated(tones)[number].tolist(), strict=True):
        before, after = (complex(cb - 128, cr - 128) for _, cb, cr in (known, seen))
        opacity = np.abs(chroma) / abs(after)
        # A pale color is rather itself than a mixture of a strong color and gray.
        off = np.abs(chroma - opacity * after) + 0.6 * abs(after) * np.abs(1 - opacity)
        off += 0.15 * np.abs(luma - seen[0]) * np.minimum(opacity, 1)
        near = (off < least) & (np.abs(chroma - opacity * after) < _MIXED * np.abs(chroma))
        least = np.where(near, off, least)
        change = np.where(near, chroma * (before / after - 1), change)
        light = np.where(near, (known[0] - seen[0]) * np.minimum(opacity, 1), light)
    table: npt.NDArray[np.int16] = np.stack([light, change.real, change.imag]).round().astype(np.int16)
    return table


def _changed(planes: Planes, table: npt.NDArray[np.int16]) -> Planes:
    """Return planes changed by a table; see `_table`."""
    changed: Planes = np.clip(planes + table[:, tone_numbers(planes)], 0, 255).astype(np.uint8)
    return changed
