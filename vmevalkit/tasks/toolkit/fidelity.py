"""Fidelity: whether frames look like drawings of the states that were read from them.

Readers look for the parts of a puzzle that can change. They tolerate what blur, compression and motion do to single
pixels. So a faded digit, a tint, a thin line or an answer that shines through may not disturb them. Here, what is left
after the same tolerance is averaged over small blocks: noise cancels out, and faint changes of an area do not.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vmevalkit.media import Planes
from vmevalkit.tasks.toolkit.compare import Floats, Mask, distance, extreme, most
from vmevalkit.tasks.toolkit.envelope import REACH, RIM
from vmevalkit.tasks.toolkit.lens import Lens
from vmevalkit.tasks.toolkit.saturation import saturated

# Light is fitted where a drawing varies by less than this within `REACH` pixels, to at least so many pixels.
_PLAIN, _ENOUGH = 6, 200
# Side of a block in pixels of the view.
_SIDE = 6
# Mean difference of a block from which on it looks different, for luma and chroma, in 255ths. In the right videos of
# the contract, luma differs by 8 and chroma by 7 at most.
_LIMITS = np.array((15, 12, 12), np.float32)[:, None, None] * _SIDE * _SIDE
# Largest root of the sum of the squared differences, in shares of these limits. Right videos reach 1.15; a brown object
# that turns olive reaches 1.2 to 1.7.
_TOGETHER = 1.2
# Share of the limits for what stays, compared with the first frame: drawings and videos do not differ there. Right
# videos reach 0.35; a part of another hue 0.86. It holds if the light stays: at most such a share of the blocks differs
# by such a share of the limits. Another gamma or saturation changes each color in another way, by up to 0.94.
_STAYS, _SAME_LIGHT, _SLIGHT = 0.7, 0.02, 0.25
# A detail is a square with so many blocks to a side, whose luma has at least this standard deviation, in 255ths. It
# has faded if less than this share of its contrast is left: below a card of its mean color, at most 0.22.
_DETAIL, _CONTRAST, _LEFT = 2, 18, 0.25


class _Part(NamedTuple):
    """A part of the blocks of a view: numbers of the first row and column, and of those after the last."""

    top: int
    bottom: int
    left: int
    right: int


class Fidelity:
    """Compares frames with drawings.

    Args:
        start: the drawing of the first frame, to which light and position are corrected.
    """

    def __init__(self, start: Planes) -> None:
        self._lens = Lens(start)
        height, width = start.shape[1:]
        rows, columns = np.linspace(-1, 1, height, dtype=np.float32), np.linspace(-1, 1, width, dtype=np.float32)
        # Squared distance from the middle, 1 in the corners.
        self._far = ((rows[:, None] ** 2 + columns**2) / 2).astype(np.float32)

    def shows(self, frame: Planes, drawings: Iterable[Planes], few: int) -> bool:
        """Whether the first of the drawings, alone or blended with those that follow, explain all blocks but a few.

        Args:
            frame: the frame.
            drawings: the likeliest first; each is drawn only if those before do not explain the frame.
            few: number of blocks that may differ.
        """
        relit = self._lens.relit(frame)
        aligned = self._lens.aligned(relit)
        whole = part = _whole(frame)
        tried: list[tuple[Planes, Planes]] = []
        drawings, again = itertools.tee(drawings)
        for low, high in _blended(drawings):
            if not tried:
                # Without tolerance, blocks differ more. Most frames need none; others only where blocks differ.
                different = _levels(_sums(_blocks(distance(aligned, low), whole))) > 1
                if np.count_nonzero(different) <= few:
                    return True
                part = _around(different)
            if _outside(aligned, low, high, part) <= few:
                return True
            # What moves may be mistaken for a drift of the camera, so the frame is also compared where it is.
            if relit is not aligned and _outside(relit, low, high, whole) <= few:
                return True
            tried.append((low, high))
        # The finest light takes longest, and few frames need it.
        if any(_outside(self._finely_lit(frame, *range_), *range_, whole) <= few for range_ in tried):
            return True
        factor = self._lens.saturation(frame)
        if factor == 1:
            return False
        # Clipped colors cannot be brought back exactly, above all those that the first frame does not have.
        aligned = self._lens.aligned(frame)
        vivid = _blended(saturated(drawing, factor) for drawing in again)
        return any(_outside(aligned, *range_, whole) <= few for range_ in vivid)

    def roughness(self, frame: Planes, drawing: Planes, stays: Mask) -> float:
        """Return the share of the blocks that clearly differ in another way than their neighbors, where all stays.

        Another light differs smoothly; a texture does not.
        """
        whole = _whole(frame)
        lit = self._lens.planes(frame)
        low, high = (extreme(drawing, REACH, pick) for pick in (np.minimum, np.maximum))
        brighter, darker = np.maximum(lit, high) - high, low - np.minimum(lit, low)
        off = _sums(_blocks(brighter * stays, whole))[0] - _sums(_blocks(darker * stays, whole))[0]
        rough = np.count_nonzero(np.abs(np.diff(off, axis=1)) > _LIMITS[0])
        return float(rough) / max(1.0, np.count_nonzero(stays) / _SIDE**2)

    def changed(self, frame: Planes, before: Planes, stays: Mask) -> int:
        """Return the number of blocks in which a frame clearly differs from one before, where everything stays."""
        whole = _whole(frame)
        # Most videos differ nowhere, which takes a fraction of the time to find out.
        if not np.count_nonzero(_levels(_sums(_blocks(distance(frame, before) * stays, whole))) > _STAYS):
            return 0
        before = self._lens.planes(before)
        low = _blocks(np.where(stays, extreme(before, REACH, np.minimum), np.uint8(0)), whole)
        high = _blocks(np.where(stays, extreme(before, REACH, np.maximum), np.uint8(255)), whole)
        off = _beyond(_blocks(frame, whole), low, high)
        is_same_light = np.count_nonzero(off > _SLIGHT) <= _SAME_LIGHT * off.size
        limit = _STAYS if is_same_light else 1.0
        relit = self._lens.relit(frame)
        aligned = self._lens.aligned(relit)
        count = int(np.count_nonzero(_beyond(_blocks(aligned, whole), low, high) > limit))
        if count:
            wide_low, wide_high = np.zeros_like(frame), np.full_like(frame, 255)
            _blocks(wide_low, whole)[:], _blocks(wide_high, whole)[:] = low, high
            finely = self._finely_lit(frame, wide_low, wide_high)
            for planes in (relit, finely):
                count = min(count, int(np.count_nonzero(_beyond(_blocks(planes, whole), low, high) > limit)))
        return count + _faded(aligned[0], before[0], stays)

    def _finely_lit(self, frame: Planes, low: Planes, high: Planes) -> Planes:
        """Return a frame in the light of drawings, given by their range: without vignette, gamma and saturation.

        Each plane is a polynomial of the seen value, and of the distance from the middle of the canvas. It is fitted
        where the drawing is plain, twice: first to everything, then to what agrees. So what changed by itself stays.
        """
        low, high = extreme(low, REACH, np.minimum), extreme(high, REACH, np.maximum)
        at = np.flatnonzero(most(high - low)[::3, ::3] < _PLAIN)
        if len(at) < _ENOUGH:
            return frame
        seen = frame[:, ::3, ::3].reshape(3, -1).take(at, 1) / np.float32(255)
        known = low[:, ::3, ::3].reshape(3, -1).take(at, 1) / np.float32(255)
        far = self._far[::3, ::3].ravel().take(at)
        planes = np.empty_like(frame)
        for plane, (x, y) in enumerate(zip(seen, known, strict=True)):
            terms = _terms(x, far, plane == 0)
            agree = np.ones(len(x), bool)
            for limit in (0.25, 0.05):
                fit = np.linalg.lstsq(terms[:, agree].T, y[agree] - x[agree], rcond=1e-4)[0]
                near = np.abs(x + fit @ terms - y) < limit
                if np.count_nonzero(near) < 0.3 * len(x):
                    break
                agree = near
            whole = frame[plane] / np.float32(255)
            change = np.tensordot(fit, _terms(whole, self._far, plane == 0), 1)
            planes[plane] = np.clip((whole + change) * 255 + 0.5, 0, 255)
        return planes


def _faded(luma: npt.NDArray[np.uint8], before: npt.NDArray[np.uint8], stays: Mask) -> int:
    """Return the number of details that have lost their contrast, as a digit does below a card of its mean color."""
    x, still = before.astype(np.float32), _detail_sums(stays.astype(np.float32))
    size = (_DETAIL * _SIDE) ** 2
    mean = _detail_sums(x) / size
    power = _detail_sums(x * x) / size - mean * mean
    clear = (power > _CONTRAST**2) & (still == size)
    if not clear.any():
        return 0
    left = np.full(mean.shape, -np.inf, np.float32)
    # A drift by a fraction of a pixel is not undone, and moves thin lines off themselves.
    for down, right in itertools.product((-1, 0, 1), repeat=2):
        y = np.roll(luma, (down, right), (0, 1)).astype(np.float32)
        np.maximum(left, _detail_sums(x * y) / size - mean * _detail_sums(y) / size, out=left)
    return int(np.count_nonzero(clear & (left < _LEFT * power)))


def _detail_sums(plane: Floats) -> Floats:
    """Return the sums of all squares of the size of a detail, which begin at each block."""
    height, width = plane.shape[0] // _SIDE, plane.shape[1] // _SIDE
    blocks = plane[: height * _SIDE, : width * _SIDE].reshape(height, _SIDE, width, _SIDE).sum((1, 3))
    rows = sum(blocks[i : height - _DETAIL + 1 + i] for i in range(_DETAIL))
    sums: Floats = sum(rows[:, i : width - _DETAIL + 1 + i] for i in range(_DETAIL))
    return sums


def _terms(values: Floats, far: Floats, is_luma: bool) -> Floats:
    """Return what a change of light may depend on: offset, gain, distance from the middle, and for luma gamma."""
    terms = [np.ones_like(values), values, values * far]
    if is_luma:
        terms.append(values * (1 - values))
    return np.stack(terms)


def _blended(drawings: Iterable[Planes]) -> Iterator[tuple[Planes, Planes]]:
    """Yield the lowest and the highest values of the first drawing, of the first two, and so on, while they change."""
    low = high = None
    for drawing in drawings:
        lower = drawing if low is None else np.minimum(low, drawing)
        higher = drawing if high is None else np.maximum(high, drawing)
        if low is None or high is None or not (np.array_equal(lower, low) and np.array_equal(higher, high)):
            low, high = lower, higher
            yield low, high


def _whole(planes: Planes) -> _Part:
    """Return all blocks of a view, without its rim."""
    height, width = planes.shape[1:]
    return _Part(0, (height - 2 * RIM) // _SIDE, 0, (width - 2 * RIM) // _SIDE)


def _around(blocks: Mask) -> _Part:
    """Return the smallest part that has all set blocks."""
    rows, columns = np.flatnonzero(blocks.any(1)).tolist(), np.flatnonzero(blocks.any(0)).tolist()
    return _Part(rows[0], rows[-1] + 1, columns[0], columns[-1] + 1)


def _blocks(planes: Planes, part: _Part, margin: int = 0) -> Planes:
    """Return the pixels of a part of the blocks, and of a margin around it."""
    top, bottom, left, right = (RIM + _SIDE * edge for edge in part)
    return planes[:, top - margin : bottom + margin, left - margin : right + margin]


def _outside(planes: Planes, low: Planes, high: Planes, part: _Part) -> int:
    """Return the number of blocks whose mean is clearly outside of what the drawings have within `REACH` pixels."""
    inner = slice(REACH, -REACH)
    low = extreme(_blocks(low, part, REACH), REACH, np.minimum)[:, inner, inner]
    high = extreme(_blocks(high, part, REACH), REACH, np.maximum)[:, inner, inner]
    return int(np.count_nonzero(_beyond(_blocks(planes, part), low, high) > 1))


def _beyond(planes: Planes, low: Planes, high: Planes) -> Floats:
    """Return how far the mean of each block is below or above its bounds, as a share of the limits."""
    # Differences of bytes that cannot wrap around.
    above, below = np.maximum(planes, high) - high, low - np.minimum(planes, low)
    return _levels(np.abs(_sums(above) - _sums(below)))


def _levels(sums: npt.NDArray[np.int32]) -> Floats:
    """Return sums of differences of blocks as a share of the limits, shape (rows, columns)."""
    shares = sums / _LIMITS
    together = np.sqrt((shares * shares).sum(0)) / np.float32(_TOGETHER)
    levels: Floats = np.maximum(together, most(shares))
    return levels


def _sums(planes: Planes) -> npt.NDArray[np.int32]:
    """Return the sums of blocks, shape (3, rows, columns)."""
    # Adding slices is many times faster than a sum over two axes.
    down = planes[:, ::_SIDE].astype(np.uint16)
    for i in range(1, _SIDE):
        down += planes[:, i::_SIDE]
    sums = down[:, :, ::_SIDE].astype(np.int32)
    for i in range(1, _SIDE):
        sums += down[:, :, i::_SIDE]
    return sums
