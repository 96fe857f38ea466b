"""The machine: gears and belts, how they are linked, and which way they turn."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from functools import lru_cache

from vmevalkit.tasks.toolkit.cells import Looks
from vmevalkit.tasks.toolkit.draw import Box
from vmevalkit.types import Record

# Arrows, as looks.
CLOCKWISE, COUNTER = 1, 2
# All lengths are in distances between teeth. A tooth reaches from below to above the circle on which gears mesh.
ABOVE, _BELOW = 0.3, 0.36


class Gear(Record):
    """A gear: its center, its number of teeth, and the number of its color, which says nothing."""

    x: float
    y: float
    teeth: int
    shade: int

    @property
    def radius(self) -> float:
        """Radius of the circle on which the gear meshes with others."""
        return self.teeth / math.tau

    @property
    def tip(self) -> float:
        """Radius with the teeth."""
        return self.radius + ABOVE

    @property
    def root(self) -> float:
        """Radius without the teeth."""
        return self.radius - _BELOW


class Belt(Record):
    """A belt around two gears, by their numbers."""

    gears: tuple[int, int]
    crossed: bool


class Puzzle(Record):
    """Gears and belts. The gear with the number 0 drives; `look` is its arrow: 1 is clockwise, 2 counterclockwise."""

    gears: tuple[Gear, ...]
    belts: tuple[Belt, ...]
    look: int


def bounds(gears: Sequence[Gear]) -> Box:
    """Return the box (left, top, right, bottom) around gears."""
    return (
        min(gear.x - gear.tip for gear in gears),
        min(gear.y - gear.tip for gear in gears),
        max(gear.x + gear.tip for gear in gears),
        max(gear.y + gear.tip for gear in gears),
    )


@lru_cache(maxsize=64)
def linked_gears(puzzle: Puzzle) -> tuple[tuple[tuple[int, bool], ...], ...]:
    """Return for each gear the others that it is linked to, and whether they turn the same way."""
    linked: list[list[tuple[int, bool]]] = [[] for _ in puzzle.gears]
    pairs = [(a, b, False) for a, b in meshing(puzzle)]
    pairs += [(*belt.gears, not belt.crossed) for belt in puzzle.belts]
    for a, b, same in pairs:
        linked[a].append((b, same))
        linked[b].append((a, same))
    return tuple(tuple(sorted(found)) for found in linked)


def meshing(puzzle: Puzzle) -> Iterator[tuple[int, int]]:
    """Yield the pairs of gears whose teeth mesh."""
    for (i, a), (j, b) in itertools.combinations(enumerate(puzzle.gears), 2):
        if math.dist((a.x, a.y), (b.x, b.y)) < a.radius + b.radius + ABOVE:
            yield i, j


def directions(puzzle: Puzzle) -> Looks:
    """Return the arrow of each gear; 0 if nothing drives it."""
    found = {0: puzzle.look}
    for gear in (order := [0]):
        for other, same in linked_gears(puzzle)[gear]:
            if other not in found:
                found[other] = found[gear] if same else 3 - found[gear]
                order.append(other)
    return tuple(found.get(gear, 0) for gear in range(len(puzzle.gears)))
