"""Generation of machines."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Sequence
from typing import NamedTuple

from vmevalkit.tasks.gears.drawing import BELT, SHADES, WHEEL
from vmevalkit.tasks.gears.puzzle import ABOVE, CLOCKWISE, COUNTER, Belt, Gear, Puzzle, bounds, directions, linked_gears
from vmevalkit.tasks.toolkit.compass import sweeps
from vmevalkit.tasks.toolkit.draw import Point
from vmevalkit.tasks.toolkit.levels import levels


class Level(NamedTuple):
    """Settings of one difficulty.

    Attributes:
        fewest, most: range of the gears that are driven.
        idle: number of gears that nothing drives.
        teeth: possible numbers of teeth.
        belts: number of belts; the first is crossed.
        wide, high: largest size of the machine, in distances between teeth.
    """

    fewest: int
    most: int
    idle: int
    teeth: tuple[int, ...]
    belts: int
    wide: float
    high: float


LEVELS = levels(
    Level(fewest=4, most=5, idle=1, teeth=(10, 12, 14, 16), belts=0, wide=19, high=12.5),
    Level(fewest=6, most=7, idle=2, teeth=(9, 11, 13), belts=0, wide=20, high=13),
    Level(fewest=8, most=9, idle=2, teeth=(9, 10, 12), belts=0, wide=21.5, high=14),
    Level(fewest=10, most=11, idle=3, teeth=(9, 10, 12), belts=1, wide=25, high=16.5),
    Level(fewest=12, most=14, idle=3, teeth=(9, 10, 11), belts=2, wide=27, high=18),
)
# Smallest distance between parts that do not touch, and range of the distance between two gears with a belt.
_GAP, _FREE = 0.65, (0.7, 3.5)
# A belt is looked at in so many points between the centers of its gears; beside the inner ones there must be a gap.
_POINTS, _INNER = 13, range(2, 11)
# Distance along a wipe from which on two gears count as met one after the other: half the size of an arrow's disc.
_SEPARATE = 0.75
# Tries to place a gear before the machine is given up.
_TRIES = 60


def generate_puzzle(rng: random.Random, difficulty: int) -> Puzzle:
    """Generate a machine that no straight wipe solves."""
    level = LEVELS[difficulty]
    while True:
        puzzle = _random_machine(rng, level)
        if puzzle is not None and not _swept(puzzle):
            return puzzle


def _random_machine(rng: random.Random, level: Level) -> Puzzle | None:
    """Return gears that are placed one after another; None if there is no room for one."""
    driven = rng.randint(level.fewest, level.most)
    belted = sorted(rng.sample(range(driven), level.belts))
    gears = [Gear(x=0, y=0, teeth=rng.choice(level.teeth), shade=rng.randrange(len(SHADES)))]
    belts: list[Belt] = []
    for number in range(driven + level.idle):
        for _ in range(_TRIES):
            # Half of the gears go on from the newest one, so that the train is long.
            driver = number if rng.random() < 0.5 else rng.randrange(number + 1)
            parent = driver if number < driven else None
            belt = None
            if number in belted:
                belt = Belt(gears=(driver, len(gears)), crossed=number == belted[0] or rng.random() < 0.5)
            gear = _random_gear(rng, level, gears, parent, belt)
            if _fits(level, gears, belts, gear, parent, belt):
                break
        else:
            return None
        gears.append(gear)
        belts += [belt] if belt else []
    return Puzzle(gears=tuple(gears), belts=tuple(belts), look=rng.choice((CLOCKWISE, COUNTER)))


def _random_gear(
    rng: random.Random, level: Level, gears: Sequence[Gear], parent: int | None, belt: Belt | None
) -> Gear:
    """Return a gear that a parent drives with its teeth or a belt, or that lies anywhere if it has none."""
    teeth = rng.choice(level.teeth)
    if parent is None:
        left, top, right, bottom = bounds(gears)
        x, y = rng.uniform(right - level.wide, left + level.wide), rng.uniform(bottom - level.high, top + level.high)
        shades = range(len(SHADES))
    else:
        other, turn = gears[parent], rng.uniform(0, math.tau)
        far = other.radius + teeth / math.tau
        if belt:
            far += 2 * ABOVE + rng.uniform(*_FREE)
        x, y = other.x + far * math.cos(turn), other.y + far * math.sin(turn)
        shades = [shade for shade in range(len(SHADES)) if shade != other.shade]  # type: ignore[assignment]
    return Gear(x=round(x, 3), y=round(y, 3), teeth=teeth, shade=rng.choice(shades))


def _fits(
    level: Level, gears: Sequence[Gear], belts: Sequence[Belt], gear: Gear, parent: int | None, belt: Belt | None
) -> bool:
    """Return whether a new gear and its belt touch nothing but the parent, and the machine is small enough."""
    left, top, right, bottom = bounds([*gears, gear])
    if right - left > level.wide or bottom - top > level.high:
        return False
    others = [other for number, other in enumerate(gears) if number != parent]
    if any(math.dist((gear.x, gear.y), (other.x, other.y)) < gear.tip + other.tip + _GAP for other in others):
        return False
    spans = [(gears[a], gears[b]) for a, b in (old.gears for old in belts)]
    if any(_near_span(gear, span) for span in spans):
        return False
    if belt is None or parent is None:
        return True
    span = gears[parent], gear
    # A second belt may not share a gear with the first or cross it.
    apart = all(not _near_spans(span, old) for old in spans)
    return apart and not any(_near_span(other, span) for other in others)


def _near_span(gear: Gear, span: tuple[Gear, Gear]) -> bool:
    """Return whether a gear is in the way of a belt around two others; it may mesh with one of them."""
    half = WHEEL * max(end.root for end in span) + BELT / 2
    return any(
        math.dist((gear.x, gear.y), at) < gear.tip + half + (_GAP / 2 if number in _INNER else 0)
        for number, at in enumerate(_along(span))
    )


def _near_spans(a: tuple[Gear, Gear], b: tuple[Gear, Gear]) -> bool:
    far = WHEEL * sum(max(end.root for end in span) for span in (a, b)) + 2 * BELT + _GAP
    return any(math.dist(p, q) < far for p, q in itertools.product(_along(a), _along(b)))


def _along(span: tuple[Gear, Gear]) -> list[Point]:
    """Return points between the centers of two gears."""
    (a, b), last = span, _POINTS - 1
    return [(a.x + (b.x - a.x) * k / last, a.y + (b.y - a.y) * k / last) for k in range(_POINTS)]


def _swept(puzzle: Puzzle) -> bool:
    """Return whether a straight wipe, at some angle, meets the gears of the train one by one in a legal order."""
    driven = [gear for gear, look in enumerate(directions(puzzle)) if look and gear]
    for places in sweeps([(puzzle.gears[gear].x, puzzle.gears[gear].y) for gear in driven]):
        met = sorted(zip(places, driven, strict=True))
        if any(b - a < _SEPARATE for (a, _), (b, _) in itertools.pairwise(met)):
            continue
        order = [0, *(gear for _, gear in met)]
        if all({*order[:i]} & {other for other, _ in linked_gears(puzzle)[order[i]]} for i in range(1, len(order))):
            return True
    return False
