"""Fidelity: whether frames look like drawings of the states that were read from them.

Readers look for the parts of a puzzle that can change. They tolerate what blur, compression and motion do to single
pixels. So a faded digit, a tint, a thin line or an answer that shines through may not disturb them. Here, what is left
after the same tolerance is averaged over small blocks: noise cancels out, and faint changes of an area do not.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from vmevalkit.media import Planes
from vmevalkit.tasks.toolkit.compare import Floats, Mask, extreme, most
from vmevalkit.tasks.toolkit.envelope import REACH, RIM
from vmevalkit.tasks.toolkit.lens import Lens

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

    def differs(self, frame: Planes, drawings: Sequence[Planes]) -> int:
        """Return the number of blocks of a frame that none of the drawings, and no blend of them, explains."""
        low, high = drawings[0], drawings[0]
        for drawing in drawings[1:]:
            low, high = np.minimum(low, drawing), np.maximum(high, drawing)
        return self._fewest(frame, extreme(low, REACH, np.minimum), extreme(high, REACH, np.maximum), 1.0)

    def changed(self, frame: Planes, before: Planes, stays: Mask) -> int:
        """Return the number of blocks in which a frame clearly differs from one before, where everything stays."""
        # Most videos differ nowhere, which takes a fraction of the time to find out.
        if not np.count_nonzero(_levels(frame * stays, before * stays, before * stays) > _STAYS):
            return 0
        before = self._lens.planes(before)
        low = np.where(stays, extreme(before, REACH, np.minimum), np.uint8(0))
        high = np.where(stays, extreme(before, REACH, np.maximum), np.uint8(255))
        off = _levels(frame, low, high)
        is_same_light = np.count_nonzero(off > _SLIGHT) <= _SAME_LIGHT * off.size
        return self._fewest(frame, low, high, _STAYS if is_same_light else 1.0)

    def _fewest(self, frame: Planes, low: Planes, high: Planes, limit: float) -> int:
        """Return the number of blocks that lie outside of their bounds in the light that explains the most."""
        count = _outside(self._lens.planes(frame), low, high, limit)
        # What moves may be mistaken for a drift of the camera, so the frame is also compared where it is; and in the
        # finest light, which takes longer.
        for planes in (self._lens.relit(frame), self._finely_lit(frame, low, high)) if count else ():
            count = min(count, _outside(planes, low, high, limit))
        return count

    def _finely_lit(self, frame: Planes, low: Planes, high: Planes) -> Planes:
        """Return a frame in the light of a drawing, given by its bounds: without vignette, gamma and saturation.

        Each plane is a polynomial of the seen value, and of the distance from the middle of the canvas. It is fitted
        where the drawing is plain, twice: first to everything, then to what agrees. So what changed by itself stays.
        """
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


def _terms(values: Floats, far: Floats, is_luma: bool) -> Floats:
    """Return what a change of light may depend on: offset, gain, distance from the middle, and for luma gamma."""
    terms = [np.ones_like(values), values, values * far]
    if is_luma:
        terms.append(values * (1 - values))
    return np.stack(terms)


def _outside(planes: Planes, low: Planes, high: Planes, limit: float) -> int:
    """Return the number of blocks whose mean is below or above their bounds, by a share of the limits."""
    return int(np.count_nonzero(_levels(planes, low, high) > limit))


def _levels(planes: Planes, low: Planes, high: Planes) -> Floats:
    """Return how far the mean of each block is below or above its bounds, as a share of the limits."""
    # Differences of bytes that cannot wrap around.
    above, below = np.maximum(planes, high) - high, low - np.minimum(planes, low)
    shares = np.abs(_sums(above) - _sums(below)) / _LIMITS
    together = np.sqrt((shares * shares).sum(0)) / np.float32(_TOGETHER)
    levels: Floats = np.maximum(together, most(shares))
    return levels


def _sums(planes: Planes) -> npt.NDArray[np.int32]:
    """Return the sums of blocks, without the rim of the view, shape (3, rows, columns)."""
    inner = planes[:, RIM:-RIM, RIM:-RIM]
    rows, columns = (side // _SIDE * _SIDE for side in inner.shape[1:])
    inner = inner[:, :rows, :columns]
    # Adding slices is many times faster than a sum over two axes.
    down = inner[:, ::_SIDE].astype(np.uint16)
    for i in range(1, _SIDE):
        down += inner[:, i::_SIDE]
    sums = down[:, :, ::_SIDE].astype(np.int32)
    for i in range(1, _SIDE):
        sums += down[:, :, i::_SIDE]
    return sums
