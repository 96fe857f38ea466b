"""Reading: what the disc did to keys and doors."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from vmevalkit.tasks.base import Reading
from vmevalkit.tasks.key_door.puzzle import Moment, Puzzle
from vmevalkit.tasks.toolkit.grid import cell_of

# The disc takes a key, or opens a door, if their centers are nearer than this, in cells.
_TOUCH, _REACH = 0.85, 1.35


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
