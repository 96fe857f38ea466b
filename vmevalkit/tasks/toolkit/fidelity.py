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
from vmevalkit.tasks.toolkit.compare import extreme, most
from vmevalkit.tasks.toolkit.envelope import REACH, RIM
from vmevalkit.tasks.toolkit.lens import Lens

# Side of a block in pixels of the view.
_SIDE = 6
# Mean difference of a block from which on it looks different, for luma and chroma, in 255ths. In the right videos of
# the contract, luma differs by 8 and chroma by 7 at most.
_LIMITS = np.array((15, 12, 12))[:, None, None] * _SIDE * _SIDE


class Fidelity:
    """Compares frames with drawings.

    Args:
        start: the drawing of the first frame, to which light and position are corrected.
    """

    def __init__(self, start: Planes) -> None:
        self._lens = Lens(start)

    def differs(self, frame: Planes, drawings: Sequence[Planes]) -> int:
        """Return the number of blocks of a frame that none of the drawings, and no blend of them, explains."""
        low, high = drawings[0], drawings[0]
        for drawing in drawings[1:]:
            low, high = np.minimum(low, drawing), np.maximum(high, drawing)
        low, high = extreme(low, REACH, np.minimum), extreme(high, REACH, np.maximum)
        count = _outside(self._lens.planes(frame), low, high)
        # What moves may be mistaken for a drift of the camera, so the frame is also compared where it is.
        return count and min(count, _outside(self._lens.relit(frame), low, high))


def _outside(planes: Planes, low: Planes, high: Planes) -> int:
    """Return the number of blocks whose mean is clearly below or above their bounds."""
    # Differences of bytes that cannot wrap around.
    above, below = np.maximum(planes, high) - high, low - np.minimum(planes, low)
    return int(np.count_nonzero(most(np.abs(_sums(above) - _sums(below)) > _LIMITS)))


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
