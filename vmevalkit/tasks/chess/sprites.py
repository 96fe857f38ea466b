"""A small picture found in front of a known background, at one spot or smeared over two: what chess pieces need."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from vmevalkit.media import Planes
from vmevalkit.tasks.toolkit.vision import Floats

Spot = tuple[int, int]


class Sprite:
    """A small square picture with opacity, cut out of two drawings of it: on black and on white paper.

    Attributes:
        side: pixels a side, even.
        alpha: opacity in [0, 1], shape (side, side).
        ink: what it adds to the planes behind it, shape (3, side, side).
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
        """The rows and columns that the sprite fills when its upper left corner (y, x) is at a spot."""
        return slice(spot[0], spot[0] + self.side), slice(spot[1], spot[1] + self.side)

    def over(self, planes: Planes, spots: Sequence[Spot], shares: Sequence[float]) -> Planes:
        """Planes with the sprite in front, as the mixture of drawings that have it at each spot."""
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
    """A plane at half size, shape (height // 2, width // 2). Slices: many times quicker than a mean over two axes."""
    even = plane[: plane.shape[0] // 2 * 2, : plane.shape[1] // 2 * 2]
    rows = even[::2] + even[1::2]
    half: Floats = (rows[:, ::2] + rows[:, 1::2]) * np.float32(0.25)
    return half


class Seeker:
    """Finds a sprite in front of a known background, by least squares over its spot and its share.

    A mixture of two drawings differs from the background by each drawing's difference times its share, so a smeared
    sprite is found as one at two spots with shares that add up to one. Only luma is searched.
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
        """Where the sprite explains most."""
        error = seen[0] - self._behind
        return self._settle(error, self._search(error, None, 0.0))

    def refine(self, seen: Planes, spot: Spot) -> Spot:
        """The best spot within two pixels."""
        return self._settle(seen[0] - self._behind, spot)

    def pair(self, seen: Planes, one: Spot, within: float) -> tuple[Spot, Spot]:
        """The two spots, at most about `within` pixels apart, whose mixture explains most; `one` is near either."""
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
        """How much of the sprite is at each spot."""
        error = (seen[0] - self._behind).ravel()
        changes = np.stack([self._less(np.zeros_like(self._behind), spot, -1.0).ravel() for spot in spots])
        normal = changes @ changes.T
        # A trace of damping: two equal spots have no solution of their own.
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

    def _settle(self, error: Floats, spot: Spot, reach: int = 2) -> Spot:
        side, limit = self.sprite.side, self._behind.shape
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
        kernel: npt.NDArray[np.complex128] = np.fft.rfft2(padded).conj()
        return kernel

    def _map(self, spectrum: npt.NDArray[np.complex128]) -> npt.NDArray[np.float64]:
        rows, columns = self._room
        return np.fft.irfft2(spectrum, self._small.shape)[:rows, :columns]
