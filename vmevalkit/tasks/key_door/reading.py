"""Reading: which keys and doors are visible, and what the disc did to them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from vmevalkit.media import Planes
from vmevalkit.tasks.base import Reading
from vmevalkit.tasks.key_door.puzzle import Moment, Puzzle, Shown
from vmevalkit.tasks.toolkit.grid import cell_of
from vmevalkit.tasks.toolkit.vision import Floats, most

# The disc takes a key, or opens a door, if their centers are nearer than this, in cells.
_TOUCH, _REACH = 0.85, 1.35
# A key or door is gone below the first opacity, and present above the second. It is hidden if less than the third
# share of it is visible.
_GONE, _PRESENT, _HIDDEN = 0.2, 0.6, 0.5


class ThingReader:
    """Reads which keys and doors are present, even if the disc hides a part of one.

    Args:
        present: drawing with all keys and doors, without the disc.
        gone: drawing without them.
        boxes: left, top and side of the cell of each key and door, in pixels of the view.
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

    def read(self, planes: Planes) -> Shown:
        """Return 1 for each key or door that is present, 0 if it is gone, 0.5 if it is hidden or half visible."""
        off = self._values(planes) - self._gone
        opacity = (off * self._change).sum(0) / self._power
        # Pixels that are not a mixture of its color and paper show the disc.
        seen = np.where(most(np.abs(off - opacity * self._change)) < 40, self._power, 0)
        shown = np.add.reduceat(seen, self._first)
        share = np.add.reduceat(seen * np.clip(opacity, 0, 1), self._first) / np.maximum(shown, 1)
        clear = np.where(share > _PRESENT, 1.0, np.where(share < _GONE, 0.0, 0.5))
        return tuple(np.where(shown < _HIDDEN * self._whole, 0.5, clear).tolist())


def followed(puzzle: Puzzle, readings: Sequence[Reading[Moment]]) -> Iterator[Reading[Moment]]:
    """Yield the readings with what was seen before: which keys and doors are present, and which rule was broken."""
    things, count = puzzle.things(), len(puzzle.locks)
    known: list[float] = [1.0] * len(things)
    # Smallest distance of the disc from each key and door since that was last seen.
    nearest = [math.inf] * len(things)
    # Doors that could not be read while the disc was in their cell.
    passed: set[int] = set()
    for reading in readings:
        if reading.state is None:
            yield reading
            continue
        place, shown, _ = reading.state
        wrong = None
        before = tuple(known)
        for thing, at in enumerate(things):
            # Nothing can be reached through a wall.
            far = math.dist(place, at) if cell_of(place) in (at, *puzzle.around(at)) else math.inf
            nearest[thing] = min(nearest[thing], far)
            inside = thing >= count and cell_of(place) == at
            if shown[thing] == 0.5:
                passed |= {thing} if inside else set()
            elif shown[thing] > known[thing]:
                wrong = wrong or "came_back"
            elif shown[thing] == 1.0:
                nearest[thing] = far
                if inside or thing in passed:
                    wrong = wrong or "door_closed"
            elif known[thing]:
                if nearest[thing] > (_REACH if thing >= count else _TOUCH):
                    wrong = wrong or "untouched"
                if thing >= count and before[thing - count]:
                    wrong = wrong or "no_key"
                known[thing] = 0.0
        yield Reading(Moment(place, tuple(known), wrong), reading.scene_intact, reading.note)
