"""Sprites: find a small image in front of a known background, at one spot or smeared over two."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from vmevalkit.media import Planes
from vmevalkit.tasks.toolkit.vision import Floats

Spot = tuple[int, int]
Place = tuple[float, float]


class Sprite:
    """A small square image with opacity, computed from its drawings on black and on white paper.

    Attributes:
        side: width and height in pixels; even.
        alpha: opacity in [0, 1], shape (side, side).
        ink: values added to the planes behind it, shape (3, side, side).
    """

    __slots__ = ("alpha", "ink", "side")

    def __init__(self, on_black: Planes, on_white: Planes) -> None:
        self.side = on_black.shape[1] // 2 * 2
        black = on_black[:, : self.side, : self.side].astype(np.float32)
        white = on_white[:, : self.side, : self.side].astype(np.float32)
        self.alpha: Floats = np.clip(1 - (white[0] - black[0]) / np.float32(255), 0, 1)
        # Black paper has no luma, but chroma of 128.
        self.ink: Floats = black - (1 - self.alpha) * np.array([0, 128, 128], np.float32)[:, None, None]

    def at(self, spot: Spot) -> tuple[slice, slice]:
        """Return the rows and columns of the sprite if its upper left corner (y, x) is at a spot."""
        return slice(spot[0], spot[0] + self.side), slice(spot[1], spot[1] + self.side)

    def over(self, planes: Planes, spots: Sequence[Spot], shares: Sequence[float]) -> Planes:
        """Return planes with the sprite in front: a mixture of the drawings that have it at each spot."""
        top, left = min(y for y, _ in spots), min(x for _, x in spots)
        bottom, right = max(y for y, _ in spots) + self.side, max(x for _, x in spots) + self.side
        mixed = planes[:, top:bottom, left:right].astype(np.float32)
        for (y, x), share in zip(spots, shares, strict=True):
            rows, columns = self.at((y - top, x - left))
            behind = planes[:, y : y + self.side, x : x + self.side]
            mixed[:, rows, columns] += share * (self.ink - self.alpha * behind)
        drawn: Planes = planes.copy()
        drawn[:, top:bottom, left:right] = np.clip(mixed + np.float32(0.5), 0, 255)
        return drawn


def _half(plane: Floats) -> Floats:
    """Return a plane at half size, shape (height // 2, width // 2)."""
    # Adding slices is many times faster than a mean over two axes.
    even = plane[: plane.shape[0] // 2 * 2, : plane.shape[1] // 2 * 2]
    rows = even[::2] + even[1::2]
    half: Floats = (rows[:, ::2] + rows[:, 1::2]) * np.float32(0.25)
    return half


class Seeker:
    """Finds a sprite in front of a known background, by least squares over its spot and its share.

    A mixture of two drawings differs from the background by the difference of each drawing times its share. So a
    smeared sprite is found at two spots, with shares that add up to one. Only luma is searched.
    """

    def __init__(self, behind: Planes, sprite: Sprite) -> None:
        self.sprite = sprite
        self._behind = behind[0].astype(np.float32)
        small = _half(self._behind)
        alpha, ink = _half(sprite.alpha), _half(sprite.ink[0])
        self._small = small
        self._room = small.shape[0] - alpha.shape[0] + 1, small.shape[1] - alpha.shape[1] + 1
        self._alpha, self._ink = self._kernel(alpha), self._kernel(ink)
        power = np.fft.rfft2(small * small) * self._kernel(alpha * alpha)
        power -= 2 * np.fft.rfft2(small) * self._kernel(alpha * ink)
        self._power = np.maximum(self._map(power) + float((ink * ink).sum()), 1.0)

    def find(self, seen: Planes) -> Spot:
        """Return the spot at which the sprite explains most of the frame."""
        error = seen[0] - self._behind
        return self._settle(error, self._search(error, None, 0.0))

    def refine(self, seen: Planes, spot: Spot) -> Spot:
        """Return the best spot within two pixels."""
        return self._settle(seen[0] - self._behind, spot)

    def pair(self, seen: Planes, one: Spot, within: float) -> tuple[Spot, Spot]:
        """Return the two spots, about `within` pixels apart at most and one near `one`, whose mixture explains most."""
        error = seen[0] - self._behind
        two = self._search(self._less(error, one, self.shares(seen, [one])[0]), one, within)
        for _ in range(4):
            before = one, two
            shares = self.shares(seen, [one, two])
            one = self._settle(self._less(error, two, shares[1]), one)
            two = self._settle(self._less(error, one, shares[0]), two)
            if before == (one, two):
                break
        return one, two

    def shares(self, seen: Planes, spots: Sequence[Spot]) -> list[float]:
        """Return the share of the sprite at each spot."""
        error = (seen[0] - self._behind).ravel()
        changes = np.stack([self._less(np.zeros_like(self._behind), spot, -1.0).ravel() for spot in spots])
        normal = changes @ changes.T
        # Slight damping, because two equal spots have no unique solution.
        normal[np.diag_indices_from(normal)] *= 1.001
        return [float(v) for v in np.linalg.solve(normal + np.eye(len(spots)), changes @ error)]

    def _less(self, error: Floats, spot: Spot, share: float) -> Floats:
        left: Floats = error.copy()
        window = self.sprite.at(spot)
        left[window] -= share * (self.sprite.ink[0] - self.sprite.alpha * self._behind[window])
        return left

    def _search(self, error: Floats, near: Spot | None, within: float) -> Spot:
        small = _half(error)
        match = self._map(np.fft.rfft2(small) * self._ink - np.fft.rfft2(small * self._small) * self._alpha)
        score = np.maximum(match, 0) ** 2 / self._power
        if near is not None:
            rows, columns = np.ogrid[: self._room[0], : self._room[1]]
            score = np.where(np.hypot(2 * rows - near[0], 2 * columns - near[1]) <= within, score, 0.0)
        y, x = divmod(int(score.argmax()), self._room[1])
        return 2 * y, 2 * x

    def _settle(self, error: Floats, spot: Spot) -> Spot:
        side, limit, reach = self.sprite.side, self._behind.shape, 2
        top, left = (min(max(0, spot[i] - reach), limit[i] - side - 2 * reach) for i in (0, 1))
        box = slice(top, top + side + 2 * reach), slice(left, left + side + 2 * reach)
        wrong, back = (sliding_window_view(a[box], (side, side)) for a in (error, self._behind))
        change = self.sprite.ink[0] - self.sprite.alpha * back
        match = np.maximum(np.einsum("abij,abij->ab", wrong, change), 0)
        score = match * match / np.maximum(np.einsum("abij,abij->ab", change, change), 1.0)
        y, x = divmod(int(score.argmax()), 2 * reach + 1)
        return top + y, left + x

    def _kernel(self, sprite: Floats) -> npt.NDArray[np.complex128]:
        padded = np.zeros(self._small.shape, np.float32)
        padded[: sprite.shape[0], : sprite.shape[1]] = sprite
        kernel: npt.NDArray[Any] = np.fft.rfft2(padded).conj()
        return kernel

    def _map(self, spectrum: npt.NDArray[np.complex128]) -> npt.NDArray[np.float64]:
        rows, columns = self._room
        return np.fft.irfft2(spectrum, self._small.shape)[:rows, :columns]


def around(spots: Sequence[Spot], side: int) -> tuple[slice, slice]:
    """Return the rows and columns that sprites of `side` pixels fill at some spots."""
    rows, columns = [spot[0] for spot in spots], [spot[1] for spot in spots]
    return slice(min(rows), max(rows) + side), slice(min(columns), max(columns) + side)


def phases(center: Place) -> Place:
    """Return the fractions of a pixel of a place (y, x), rounded down to an eighth."""
    return math.floor(center[0] % 1 * 8) / 8, math.floor(center[1] % 1 * 8) / 8


def slight_changes(drawn: Floats) -> Floats:
    """Return how a plane changes if it moves down or right by a pixel, or is blurred: shape (3, height, width)."""
    down, right = slope(drawn), slope(drawn.T).T
    return np.stack([down, right, slope(down) + slope(right.T).T])


def slope(plane: Floats) -> Floats:
    """Return how a plane changes from row to row."""
    # `np.gradient` gives the same, but is many times slower for planes this small.
    change = np.empty_like(plane)
    np.subtract(plane[2:], plane[:-2], out=change[1:-1])
    change[1:-1] /= 2
    change[0], change[-1] = plane[1] - plane[0], plane[-1] - plane[-2]
    return change


def soften(planes: npt.NDArray[np.uint8]) -> Floats:
    """Blur planes by about a pixel, so that a shift of half a pixel or a slight blur hardly counts."""
    soft = planes.astype(np.float32)
    for _ in range(2):
        soft[:, 1:-1] = (soft[:, :-2] + 2 * soft[:, 1:-1] + soft[:, 2:]) / 4
        soft[:, :, 1:-1] = (soft[:, :, :-2] + 2 * soft[:, :, 1:-1] + soft[:, :, 2:]) / 4
    return soft
