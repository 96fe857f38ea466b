"""Lens: bring frames to the light and the position of a drawing."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import numpy.typing as npt

from vmevalkit.media import Planes
from vmevalkit.tasks.toolkit.compare import Floats, Mask, distance, extreme, most
from vmevalkit.tasks.toolkit.saturation import Saturation

# Difference of the mean of a row or column, in 255ths, from which on its size does not count.
_SETTLED = 6.0
# Range of the gain, and largest offset in 255ths, that are corrected: frames with half again as much contrast, and
# frames washed out to 70 % of it.
_GAIN = (0.67, 1.45)
_OFFSET = 80.0
# The light is not corrected if most pixels differ by less than this.
_ALIKE = 5
# Edges that differ by less than this are in place. If that holds for such a share of them, there is no drift.
_NEAR, _FITS = 16, 0.7
# A light explains the pixels if it leaves less than this share of their error. Where lines drift away from the pixels
# of the reference, a fit of less contrast leaves 0.94 to 1.
_BETTER = 0.9
# Pixels tell the light only if their 5th and 95th percentile of luma differ by more than this.
_VARIED = 40
# Chroma nearer than this to gray is neutral.
_NEUTRAL = 14
# Luma below which a light that is too bright does not clip everything; so many such pixels tell the light.
_PALE, _SOME = 236, 40
# So many dark pixels tell the light if all their neighbors are alike, so that blur does not change them.
_PLAIN = 200
# Range of the darkening of the corners that is undone. It must leave only so much of the error that another light does.
_SHADED, _EXPLAINED = (0.03, 0.25), 0.6
# Gain and offset that change nothing.
_SAME = np.ones((3, 1), np.float32), np.zeros((3, 1), np.float32)
# Luma from which on it may be clipped.
_WHITE = 254
# Number of pixels at edges that is enough to find a drift.
_ENOUGH = 300


class Lens:
    """Brings frames to the light and the position of a reference drawing.

    Gain and offset of each plane are fitted to the pixels that agree with the reference, and the saturation to its
    colors, wherever they are. Dark corners (a vignette) are brightened.

    A drift of up to 1.3 percent of the width is undone in whole pixels. The mean brightness of rows and columns
    proposes the drift. This also works for thin lines, which do not overlap themselves after two pixels. The drift is
    undone only if the pixels at edges then fit better: a large object that moves in an empty scene changes the means
    like a drift, but not these pixels.

    Args:
        reference: the drawing, uint8 (3, height, width).
        still: mask of the pixels where nothing moves. If enough edges lie there, only they are used to find a drift.
    """

    def __init__(self, reference: Planes, still: Mask | None = None) -> None:
        everything = reference[:, ::6, ::6].reshape(3, -1)
        # The light is fitted to pixels that stay, if possible to gray ones, because colored objects may move. Only a
        # part of the image that is large and varied enough is used.
        neutral = most(np.abs(everything[1:].astype(np.int16) - 128)) < _NEUTRAL
        whole = np.ones(len(neutral), bool)
        stays = whole if still is None else still[::6, ::6].ravel()
        telling = (pick for pick in (neutral & stays, stays, neutral) if np.count_nonzero(pick) > 0.2 * len(pick)
                   and np.ptp(np.percentile(everything[0, pick], (5, 95))) > _VARIED)  # fmt: skip
        every = np.arange(reference[0].size).reshape(reference.shape[1:])[::6, ::6].ravel()
        self._pick = every[next(telling, whole)]
        self._sample = self._sampled(reference)
        self._dark = self._dark_places(reference)
        self._known_dark = reference.reshape(3, -1).take(self._dark, 1)
        self._lights = self._sample.astype(np.float32)
        self._saturation = Saturation(reference)
        # Most frames need no other light. Three groups of pixels tell this: most of each must be alike.
        groups = [group for group in (self._pick, self._dark, self._saturation.places) if len(group)]
        self._glanced = np.concatenate(groups)
        self._there = reference.reshape(3, -1).take(self._glanced, 1)
        self._ends = np.cumsum([len(group) for group in groups]).tolist()
        height, width = reference.shape[1:]
        rows, columns = np.linspace(-1, 1, height, dtype=np.float32), np.linspace(-1, 1, width, dtype=np.float32)
        # Squared distance from the middle, 1 in the corners.
        self._far = ((rows[:, None] ** 2 + columns**2) / 2).astype(np.float32)
        self._most = far = max(1, round(0.013 * reference.shape[2]))
        luma = reference[:1]
        steep = (extreme(luma, 1, np.maximum) - extreme(luma, 1, np.minimum))[0] > 20
        steep[: far + 1] = steep[-far - 1 :] = False
        edges = np.flatnonzero(steep)
        if still is not None and np.count_nonzero(steep & still) > _ENOUGH:
            edges = np.flatnonzero(steep & still)
        self._edges = edges[:: 1 + len(edges) // 3000]
        self._at_edges = luma.ravel().take(self._edges)
        # The smallest move comes first, so that it wins if two fit equally well.
        self._moves = sorted(range(-far, far + 1), key=abs)
        self._reference = reference

    @cached_property
    def _profiles(self) -> list[tuple[Floats, npt.NDArray[np.intp]]]:
        """The means of the columns and of the rows, and which of them each move compares. Many videos never drift."""
        moves = np.array(self._moves)[:, None]
        return [(known, (np.arange(len(known)) + moves) % len(known)) for known in _profiles(self._reference)]

    def _dark_places(self, reference: Planes) -> npt.NDArray[np.intp]:
        """Return the numbers of dark pixels that tell the light: those that blur does not change, if there are some."""
        luma = reference[:1]
        plain = (extreme(luma, 1, np.maximum) - extreme(luma, 1, np.minimum))[0] < _ALIKE
        # Colors may have another saturation.
        plain &= most(np.abs(reference[1:].astype(np.int16) - 128)) < _NEUTRAL
        for limit in (_PALE, _WHITE - _ALIKE):
            dark = np.flatnonzero(plain & (luma[0] < limit))
            if len(dark) >= _PLAIN:
                return dark[:: 1 + len(dark) // 400]
        dark = np.flatnonzero(self._sample[0] < _PALE)
        return self._pick[dark] if len(dark) >= _SOME else self._pick

    def planes(self, frame: Planes) -> Planes:
        """Return the corrected planes of a frame, or the same array if there is nothing to correct."""
        return self.aligned(self.relit(frame))

    def aligned(self, planes: Planes) -> Planes:
        """Return planes without a drift, or the same array if there is none."""
        off = distance(planes[0].ravel().take(self._edges), self._at_edges)
        if np.count_nonzero(off < _NEAR) > _FITS * off.size:
            return planes
        dx, dy = (
            self._moves[int(np.minimum(np.abs(seen[source] - known), _SETTLED).sum(1).round(1).argmin())]
            for seen, (known, source) in zip(_profiles(planes), self._profiles, strict=True)
        )
        # If much has changed, the means are wrong by a pixel or two. The pixels at edges correct that.
        dx, dy = min((self._downhill(planes, *move) for move in {(0, 0), (dx, dy)}), key=lambda found: found[0])[1]
        return np.roll(planes, (-dy, -dx), (1, 2)) if dx or dy else planes

    def relit(self, frame: Planes) -> Planes:
        """Return a frame in the light of the reference."""
        if self._looks_alike(frame):
            return frame
        # Strong colors would be mistaken for another light, and another light for stronger colors. So try both orders.
        planes = self._saturation.undone(frame)
        if planes is frame:
            evened = self._evened(frame)
            return evened if evened is frame else self._saturation.undone(evened)
        return min(self._evened(planes), self._saturation.undone(self._evened(frame)), key=self._saturation.error)

    def saturation(self, frame: Planes) -> float:
        """Return the saturation of a frame relative to that of the reference; see `Saturation.factor`."""
        return self._saturation.factor(frame)

    def _looks_alike(self, frame: Planes) -> bool:
        """Return whether most of each group of pixels look as in the reference."""
        alike = most(distance(frame.reshape(3, -1).take(self._glanced, 1), self._there)) < _ALIKE
        starts = [0, *self._ends[:-1]]
        return all(2 * np.count_nonzero(alike[a:b]) > b - a for a, b in zip(starts, self._ends, strict=True))

    def _evened(self, frame: Planes) -> Planes:
        """Return a frame with the gain and the offset of the reference in each plane."""
        seen = self._sampled(frame)
        # In a frame that is too bright, white still looks alike. Darker pixels tell.
        seen_dark = frame.reshape(3, -1).take(self._dark, 1)
        pairs = ((seen, self._sample), (seen_dark, self._known_dark))
        if all(np.count_nonzero(most(distance(a, b)) < _ALIKE) > 0.5 * a.shape[1] for a, b in pairs):
            return frame
        frame = self._without_vignette(frame, seen.astype(np.float32))
        seen = self._sampled(frame)
        planes, levels = frame, np.arange(256, dtype=np.float32)
        for channel, (gain, offset) in enumerate(zip(*self._light(seen.astype(np.float32)), strict=True)):
            if abs(gain - 1) > 0.01 or abs(offset) > 1:
                table = np.clip(levels * gain + offset + 0.5, 0, 255).astype(np.uint8)
                if channel == 0 and (clipped := seen[0] >= _WHITE).any():
                    # Clipped white was brighter than it is seen.
                    table[_WHITE:] = max(table[_WHITE], np.uint8(np.median(self._sample[0, clipped])))
                planes = frame.copy() if planes is frame else planes
                planes[channel] = table.take(planes[channel])
        return planes

    def _without_vignette(self, frame: Planes, seen: Floats) -> Planes:
        """Return a frame without the darkening of its corners, if that explains most of its difference.

        Args:
            frame: the frame.
            seen: its pixels that tell the light.
        """
        far = self._far.ravel().take(self._pick)
        luma, known = seen[0], self._lights[0]
        darkened = luma * far
        # The median resists what moved. The fit is more exact, and leaves out what moved.
        outer = darkened > 0.3 * darkened.max()
        shade = float(np.median((known - luma)[outer] / darkened[outer])) if outer.any() else 0.0
        agree = np.abs(luma + shade * darkened - known) < _NEAR
        x = darkened[agree]
        shade = float(x @ (known - luma)[agree] / max(1.0, float(x @ x)))
        if not _SHADED[0] < shade < _SHADED[1] or np.count_nonzero(agree) < 0.5 * len(agree):
            return frame
        lit = np.stack([luma + shade * darkened, *((seen[1:] - 128) * (1 + shade * far) + 128)])
        gains, offsets = (side[:, None] for side in self._light(seen))
        # The median, because what moved counts the same for both. Washed out frames also differ in few, dark pixels.
        left, other = (float(np.median(most(np.abs(x - self._lights)))) for x in (lit, seen * gains + offsets))
        if left > _EXPLAINED * other or self._left(lit, *_SAME) > self._left(seen, gains, offsets):
            return frame
        gain = 1 + np.float32(shade) * self._far
        middle = np.array([0, 128, 128], np.float32)[:, None, None]
        planes: Planes = np.clip((frame - middle) * gain + middle + 0.5, 0, 255).astype(np.uint8)
        return planes

    def _downhill(self, planes: Planes, dx: int, dy: int) -> tuple[int, tuple[int, int]]:
        """Return the misfit of the best move that can be reached from one pixel by pixel, and that move."""
        best = self._misfit(planes, dx, dy), (dx, dy)
        while True:
            x, y = best[1]
            around = [(x - 1, y), (x + 1, y), (x, y - 1), (x, y + 1)]
            found = min((self._misfit(planes, *move), move) for move in around if max(map(abs, move)) <= self._most)
            if found[0] >= best[0]:
                return best
            best = found

    def _sampled(self, planes: Planes) -> Planes:
        """Return the pixels that tell the light, shape (3, count)."""
        return planes.reshape(3, -1).take(self._pick, 1)

    def _misfit(self, planes: Planes, dx: int, dy: int) -> int:
        """Return the squared error of a move, over the pixels at edges."""
        seen = planes[0].ravel()[self._edges + (dy * planes.shape[2] + dx)]
        # Clipped, so that a moved object counts the same wherever it is. Squared, as blur spreads an edge both ways.
        off = np.minimum(distance(seen, self._at_edges), 100).astype(np.uint16)
        return int((off * off).sum())

    def _light(self, seen: Floats) -> tuple[Floats, Floats]:
        """Return gain and offset of each plane, shape (3,)."""
        # The median resists moved objects best, but sees no contrast. Clipped white may spoil a fit. Without it, there
        # may be too few pixels. So try all.
        offset = np.median(self._lights - seen, axis=1, keepdims=True)
        shifted = _SAME[0], np.clip(offset, -_OFFSET, _OFFSET).astype(np.float32)
        fits = [_SAME, shifted, self._fitted(seen, np.ones(seen.shape[1], bool)), self._fitted(seen, seen[0] < _WHITE)]
        best = min((fit for fit in fits if fit is not None), key=lambda fit: self._left(seen, *fit))
        gain, offset = best if self._left(seen, *best) < _BETTER * self._left(seen, *_SAME) else _SAME
        return gain[:, 0], offset[:, 0]

    def _left(self, seen: Floats, gain: Floats, offset: Floats) -> float:
        """Return the error of a fit. It is clipped, so that a moved object counts the same for every fit."""
        off = np.clip(seen * gain + offset, 0, 255) - self._lights
        # Clipped white was at least as bright as it is seen.
        off[0][(seen[0] >= _WHITE) & (off[0] < 0)] = 0
        return float(np.minimum(most(np.abs(off)), 40).sum())

    def _fitted(self, seen: Floats, told: Mask) -> tuple[Floats, Floats] | None:
        """Return gain and offset, shape (3, 1), fitted to some pixels; None if too few of them agree."""
        gain, offset = np.ones((3, 1), np.float32), np.zeros((3, 1), np.float32)
        # A moved object may spoil the first fit. The second fit leaves it out.
        for limit in (120.0, 40.0):
            off = most(np.abs(seen * gain + offset - self._lights))
            agree = ((off < limit) & told).astype(np.float32)
            count = float(agree.sum())
            if count < max(_SOME, 0.3 * np.count_nonzero(told)):
                return None
            mean_x, mean_y = (seen @ agree)[:, None] / count, (self._lights @ agree)[:, None] / count
            x, y = (seen - mean_x) * agree, (self._lights - mean_y) * agree
            variance = (x * x).sum(1, keepdims=True) / count
            covariance = (x * y).sum(1, keepdims=True) / count
            # A plane that hardly varies has no measurable gain. Noise would be mistaken for contrast.
            varied = np.minimum(variance, (y * y).sum(1, keepdims=True) / count) > 60
            gain = np.clip(np.where(varied, covariance / np.maximum(variance, 1e-6), 1.0), *_GAIN)
            offset = np.clip(mean_y - gain * mean_x, -_OFFSET, _OFFSET)
        return gain, offset


def _profiles(planes: Planes) -> tuple[Floats, Floats]:
    """Return the mean brightness of the columns and of the rows."""
    luma = planes[0]
    height, width = luma.shape
    columns, rows = luma.sum(0, dtype=np.uint32) / height, luma.sum(1, dtype=np.uint32) / width
    return columns.astype(np.float32), rows.astype(np.float32)
