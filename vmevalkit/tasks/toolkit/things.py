"""Things that are present or gone: keys, doors, and what is collected."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vmevalkit.media import Planes
from vmevalkit.tasks.toolkit.draw import Color
from vmevalkit.tasks.toolkit.vision import Floats, most, tone

# A thing is gone below the first opacity, and present above the second. It is hidden if less than the third share of it
# is visible.
_GONE, _PRESENT, _HIDDEN = 0.2, 0.6, 0.5


def shaded(
    gone: Planes, boxes: Sequence[tuple[float, float, float]], colors: Sequence[Color], part: tuple[float, float]
) -> Planes:
    """Return a drawing without things, with the cell of each filled with its color.

    As one of the further drawings of an `Envelope`, it allows a thing to have any opacity: `ThingReader` reads whether
    it is present.

    Args:
        gone, boxes: see `ThingReader`.
        colors: of the things.
        part: where the filled part of a cell begins and ends, as shares of its side.
    """
    filled: Planes = gone.copy()
    for (x, y, side), color in zip(boxes, colors, strict=True):
        rows, columns = (slice(*(round(at + share * side) for share in part)) for at in (y, x))
        filled[:, rows, columns] = np.array(tone(color), np.uint8)[:, None, None]
    return filled


class ThingReader:
    """Reads which things are present, even if something that moves hides a part of one.

    Args:
        present: drawing with all things, without what moves.
        gone: drawing without them.
        boxes: left, top and side of the cell of each thing, in pixels of the view.
    """

    def __init__(self, present: Planes, gone: Planes, boxes: Sequence[tuple[float, float, float]]) -> None:
        differs = np.abs(present.astype(np.int16) - gone).max(0) > 40
        ys, xs = np.ogrid[: present.shape[1], : present.shape[2]]
        spots = [np.flatnonzero(differs & (ys >= y) & (ys < y + side) & (xs >= x) & (xs < x + side))
                 for x, y, side in boxes]  # fmt: skip
        self._at = np.concatenate(spots)
        self._first = np.cumsum([0, *(len(spot) for spot in spots[:-1])])
        self._gone: Floats = self._values(gone)
        self._change: Floats = self._values(present) - self._gone
        self._power: Floats = (self._change**2).sum(0)
        self._whole = np.add.reduceat(self._power, self._first)

    def _values(self, planes: Planes) -> Floats:
        values: Floats = planes.reshape(3, -1).take(self._at, 1).astype(np.float32)
        return values

    def read(self, planes: Planes) -> tuple[float, ...]:
        """Return 1 for each thing that is present, 0 if it is gone, 0.5 if it is hidden or half visible."""
        off = self._values(planes) - self._gone
        opacity = (off * self._change).sum(0) / self._power
        # Pixels that are not a mixture of its color and paper show what moves.
        seen = np.where(most(np.abs(off - opacity * self._change)) < 40, self._power, 0)
        shown = np.add.reduceat(seen, self._first)
        share = np.add.reduceat(seen * np.clip(opacity, 0, 1), self._first) / np.maximum(shown, 1)
        clear = np.where(share > _PRESENT, 1.0, np.where(share < _GONE, 0.0, 0.5))
        return tuple(np.where(shown < _HIDDEN * self._whole, 0.5, clear).tolist())
