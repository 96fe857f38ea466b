"""Fidelity: whether frames look like drawings of the states that were read from them.

Readers look for the parts of a puzzle that can change. They tolerate what blur, compression and motion do to single
pixels. So a faded digit, a tint, a thin line or an answer that shines through may not disturb them. Here, what is left
after the same tolerance is averaged over small blocks: noise cancels out, and faint changes of an area do not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from vmevalkit.media import Planes
from vmevalkit.tasks.toolkit.compare import Floats, distance, extreme, most
from vmevalkit.tasks.toolkit.envelope import REACH, RIM
from vmevalkit.tasks.toolkit.lens import Lens

# Light is fitted where a drawing varies by less than this within `REACH` pixels, to at least so many pixels.
_PLAIN, _ENOUGH = 6, 200
# Side of a block in pixels of the view.
_SIDE = 6
# Mean difference of a block from which on it looks different, for luma and chroma, in 255ths. In the right videos of
# the contract, luma differs by 8 and chroma by 7 at most.
_LIMITS = np.array((15, 12, 12), np.uint8)[:, None, None]


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
        aligned, relit = self._lens.planes(frame), self._lens.relit(frame)
        # What moves may be mistaken for a drift of the camera, so the frame is also compared where it is.
        corrected = (aligned,) if aligned is relit is frame else (aligned, relit)
        tried = []
        for low, high in _blended(drawings):
            # Without tolerance blocks differ more, and most frames need none.
            if low is high and _away(distance(aligned, low)) <= few:
                return True
            bounds = extreme(low, REACH, np.minimum), extreme(high, REACH, np.maximum)
            if any(_outside(planes, *bounds) <= few for planes in corrected):
                return True
            tried.append(bounds)
        # The finest light takes longest, and few frames need it.
        return any(_outside(self._finely_lit(frame, *bounds), *bounds) <= few for bounds in tried)

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


def _blended(drawings: Iterable[Planes]) -> Iterator[tuple[Planes, Planes]]:
    """Yield the lowest and the highest values of the first drawing, of the first two, and so on, while they change."""
    low = high = None
    for drawing in drawings:
        lower = drawing if low is None else np.minimum(low, drawing)
        higher = drawing if high is None else np.maximum(high, drawing)
        if low is None or high is None or not (np.array_equal(lower, low) and np.array_equal(higher, high)):
            low, high = lower, higher
            yield low, high


def _outside(planes: Planes, low: Planes, high: Planes) -> int:
    """Return the number of blocks whose mean is clearly below or above their bounds."""
    # Differences of bytes that cannot wrap around.
    above, below = np.maximum(planes, high) - high, low - np.minimum(planes, low)
    if not _any_beyond(above) and not _any_beyond(below):
        return 0
    return int(np.count_nonzero(most(np.abs(_sums(above) - _sums(below)) > _LIMITS * np.int32(_SIDE * _SIDE))))


def _away(off: Planes) -> int:
    """Return the number of blocks whose mean absolute difference is large."""
    return int(np.count_nonzero(most(_sums(off) > _LIMITS * np.int32(_SIDE * _SIDE)))) if _any_beyond(off) else 0


def _any_beyond(off: Planes) -> bool:
    """Whether any pixel differs by more than a block may. Otherwise no block does, and need not be summed."""
    return bool((off > _LIMITS).any())


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
