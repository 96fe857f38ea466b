"""Gears: show for each driven gear which way it turns, from the first gear along the train.

     _   _               The first gear has an arrow. A gear that meshes with another turns the other way; a belt turns
    / \\_/ \\    _       two gears the same way, and a crossed belt turns them in opposite ways. A video passes if each
    \\>/ \\ /\\  / \\      gear of the train gets the right arrow, one gear after another, each linked to a gear that
        \\_/   \\_/      has its arrow, and if the full train is held. Gears that nothing drives must stay blank.

A blue disc with a white arrow means clockwise, an orange one counterclockwise. The plan length is the number of gears
that are driven. Belts come in at difficulty 4. There are far more than 10,000 questions at every difficulty.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from vmevalkit.tasks.base import random_generator, register_task
from vmevalkit.tasks.toolkit.cells import CELL_REASONS, Board, CellsTask, Looks, middle_of, square_box
from vmevalkit.tasks.toolkit.compass import sweeps
from vmevalkit.tasks.toolkit.draw import BLUE, GRAY, INK, ORANGE, SAND, UMBER, WHITE, Box, Point, Sketch, mix, oval
from vmevalkit.tasks.toolkit.levels import levels
from vmevalkit.types import Record, Size


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
_CLOCKWISE, _COUNTER = 1, 2
_WAYS = ("clockwise", "counterclockwise")
# All lengths are in distances between teeth. A tooth reaches from below to above the circle on which gears mesh.
_ABOVE, _BELOW = 0.3, 0.36
# Radii of the disc with the arrow and of a belt's wheel, as shares of the gear without its teeth; width of a belt.
_BADGE, _WHEEL, _BELT = 0.64, 0.84, 0.22
# Smallest distance between parts that do not touch, and range of the distance between two gears with a belt.
_GAP, _FREE = 0.65, (0.7, 3.5)
_SHADES = (GRAY, SAND, mix(SAND, UMBER, 0.6))
# A belt is looked at in so many points between the centers of its gears; beside the inner ones there must be a gap.
_POINTS, _INNER = 13, range(2, 11)
# Distance along a wipe from which on two gears count as met one after the other: half the size of an arrow's disc.
_SEPARATE = 0.75
# Tries to place a gear before the machine is given up.
_TRIES = 60


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
        return self.radius + _ABOVE

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


@register_task
class Gears(CellsTask[Puzzle]):
    """The places are the middles of the gears, and a look is an arrow."""

    name = "gears"
    tags = ("physics", "logic")
    puzzle_type = Puzzle
    reasons = {
        **CELL_REASONS,
        "wrong_place": "A gear gets a wrong arrow, or a gear that nothing drives gets one.",
        "wrong_order": "A gear gets its arrow before a gear that drives it has one.",
    }
    rubric = {
        "outcome": (
            "Each gear that is driven has the arrow of its direction: blue for clockwise, orange for counterclockwise. "
            "Gears that mesh turn in opposite ways, also those with a crossed belt; a plain belt keeps the direction."
        ),
        "process": (
            "Gears get their arrows one after another, each linked to a gear that has its arrow, and never a wrong one."
        ),
    }

    def generate(self, rng: random.Random, difficulty: int) -> Puzzle:
        level = LEVELS[difficulty]
        while True:
            puzzle = _random_machine(rng, level)
            if puzzle is not None and not _swept(puzzle):
                return puzzle

    def start(self, puzzle: Puzzle) -> Looks:
        return (puzzle.look, *(0,) * (len(puzzle.gears) - 1))

    def goal(self, puzzle: Puzzle) -> Looks:
        return _directions(puzzle)

    def looks(self, puzzle: Puzzle) -> int:
        return 3

    def order(self, puzzle: Puzzle) -> list[int]:
        order = [0]
        for gear in order:
            order += [other for other, _ in _linked(puzzle)[gear] if other not in order]
        return order[1:]

    def too_early(self, puzzle: Puzzle, looks: Looks, place: int) -> bool:
        linked = _linked(puzzle)[place]
        return bool(linked) and not any(looks[other] for other, _ in linked)

    def alternatives(self, puzzle: Puzzle) -> dict[str, list[Board]]:
        """Return the solution in another order along the train, if there is one."""
        rng, first = random_generator("order", self.name, str(puzzle)), self.order(puzzle)
        for _ in range(8):
            order, left = [0], set(first)
            while left:
                order.append(
                    rng.choice([gear for gear in sorted(left) for other, _ in _linked(puzzle)[gear] if other in order])
                )
                left.remove(order[-1])
            if order[1:] != first:
                return {"other_branch_first": self.filled(puzzle, order[1:])}
        return {}

    def steps(self, puzzle: Puzzle) -> list[str]:
        goal = self.goal(puzzle)
        return [f"the gear at {_where(puzzle, gear)} turns {_WAYS[goal[gear] - 1]}" for gear in self.order(puzzle)]

    def plan_text(self, puzzle: Puzzle) -> str:
        goal = self.goal(puzzle)
        gears = (
            "{} {} {}".format(*_percent(puzzle, gear), "blue" if goal[gear] == _CLOCKWISE else "orange")
            for gear in self.order(puzzle)
        )
        return f"gears at (% from left, from top): {', '.join(gears)}"

    def place_in_words(self, puzzle: Puzzle, place: int) -> str:
        return f"the gear at {_where(puzzle, place)}"

    def look_in_words(self, puzzle: Puzzle, look: int) -> str:
        return f"marked {_WAYS[look - 1]}" if look else "blank"

    def phrasings(self, puzzle: Puzzle) -> Sequence[str]:
        belts = puzzle.belts
        drive = "teeth or belts" if belts else "teeth"
        rule = " A plain belt keeps the direction, a crossed belt reverses it." if belts else ""
        return (
            f"A machine of gears; one has an arrow that shows its turn. From it along the train, joined by {drive}, "
            "gear after gear gets a disc with a white arrow in its middle: blue if it turns clockwise, orange if "
            f"counterclockwise. Gears that mesh turn in opposite ways.{rule} Gears that nothing drives stay blank. The "
            "gears are not seen to turn, and the camera is fixed.",
            "Which way does each gear turn? Start at the gear with the arrow. One at a time, each gear that is driven "
            f"by a gear with an arrow (through {drive}) gets its own: a blue disc with a clockwise arrow or an orange "
            f"disc with a counterclockwise arrow. Meshing gears turn opposite ways.{rule} Gears that are not driven "
            "stay blank, and all gears rest where they are. Static camera.",
            f"The turn of the marked gear is passed on through {drive}. Gear by gear along the train, the blank middle "
            "fills with a disc that shows the direction: blue with a clockwise arrow, orange with a counterclockwise "
            f"one. Where teeth mesh, the direction changes.{rule} Gears apart from the train keep blank middles. The "
            "gears stand still, and the camera does not move.",
        )

    def cheats(self, puzzle: Puzzle) -> dict[str, list[Board]]:
        found, order, goal = super().cheats(puzzle), self.order(puzzle), self.goal(puzzle)
        alike = tuple(look and puzzle.look for look in goal)
        found["nearly_all_turn_alike"] = self.filled(puzzle, order, alike)
        found["all_reversed"] = self.filled(puzzle, order, tuple(look and 3 - look for look in goal))
        found["far_end_first"] = self.filled(puzzle, order[::-1])
        plain = tuple(belt.model_copy(update={"crossed": not belt.crossed}) for belt in puzzle.belts)
        if plain:
            exchanged = _directions(puzzle.model_copy(update={"belts": plain}))
            found["nearly_belts_mistaken"] = self.filled(puzzle, order, exchanged)
        return found

    def sheet(self, puzzle: Puzzle, canvas: Size, downscale: float = 1) -> tuple[Sketch, list[Box]]:
        left, top, right, bottom = _bounds(puzzle.gears)
        scale = min(0.9 * canvas[0] / (right - left), 0.88 * canvas[1] / (bottom - top), min(canvas) / 11)
        x = canvas[0] / 2 - (left + right) / 2 * scale
        y = canvas[1] / 2 - (top + bottom) / 2 * scale
        sketch = Sketch(canvas, downscale=downscale)
        for gear, phase in zip(puzzle.gears, _phases(puzzle), strict=True):
            center = x + gear.x * scale, y + gear.y * scale
            sketch.polygon(_outline(gear, phase, center, scale), mix(_SHADES[gear.shade], INK, 0.12))
        for belt in puzzle.belts:
            a, b = (puzzle.gears[number] for number in belt.gears)
            for line in _belt_lines(a, b, belt.crossed):
                sketch.line([(x + px * scale, y + py * scale) for px, py in line], _BELT * scale, INK)
        boxes = []
        for gear in puzzle.gears:
            center, radius = (x + gear.x * scale, y + gear.y * scale), _BADGE * gear.root * scale
            sketch.circle(center, radius * 1.03, WHITE)
            boxes.append(square_box(center, radius))
        return sketch, boxes

    def draw_look(self, puzzle: Puzzle, sketch: Sketch, box: Box, look: int, size: float) -> None:
        x, y, radius = middle_of(box)
        radius *= size
        sketch.circle((x, y), radius, BLUE if look == _CLOCKWISE else ORANGE)
        mirror = 1 if look == _CLOCKWISE else -1

        def at(angle: float, far: float) -> Point:
            """Return a point at an angle in degrees, clockwise from the top for a clockwise arrow."""
            turn = math.radians(angle)
            return x + mirror * far * radius * math.sin(turn), y - far * radius * math.cos(turn)

        sketch.line([at(angle, 0.52) for angle in range(-150, 76, 15)], 0.2 * radius, WHITE)
        sketch.polygon([at(70, 0.16), at(70, 0.9), at(137, 0.55)], WHITE)


def _random_machine(rng: random.Random, level: Level) -> Puzzle | None:
    """Return gears that are placed one after another; None if there is no room for one."""
    driven = rng.randint(level.fewest, level.most)
    belted = sorted(rng.sample(range(driven), level.belts))
    gears = [Gear(x=0, y=0, teeth=rng.choice(level.teeth), shade=rng.randrange(len(_SHADES)))]
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
    return Puzzle(gears=tuple(gears), belts=tuple(belts), look=rng.choice((_CLOCKWISE, _COUNTER)))


def _random_gear(
    rng: random.Random, level: Level, gears: Sequence[Gear], parent: int | None, belt: Belt | None
) -> Gear:
    """Return a gear that a parent drives with its teeth or a belt, or that lies anywhere if it has none."""
    teeth = rng.choice(level.teeth)
    if parent is None:
        left, top, right, bottom = _bounds(gears)
        x, y = rng.uniform(right - level.wide, left + level.wide), rng.uniform(bottom - level.high, top + level.high)
        shades = range(len(_SHADES))
    else:
        other, turn = gears[parent], rng.uniform(0, math.tau)
        far = other.radius + teeth / math.tau
        if belt:
            far += 2 * _ABOVE + rng.uniform(*_FREE)
        x, y = other.x + far * math.cos(turn), other.y + far * math.sin(turn)
        shades = [shade for shade in range(len(_SHADES)) if shade != other.shade]  # type: ignore[assignment]
    return Gear(x=round(x, 3), y=round(y, 3), teeth=teeth, shade=rng.choice(shades))


def _fits(
    level: Level, gears: Sequence[Gear], belts: Sequence[Belt], gear: Gear, parent: int | None, belt: Belt | None
) -> bool:
    """Return whether a new gear and its belt touch nothing but the parent, and the machine is small enough."""
    left, top, right, bottom = _bounds([*gears, gear])
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
    half = _WHEEL * max(end.root for end in span) + _BELT / 2
    return any(
        math.dist((gear.x, gear.y), at) < gear.tip + half + (_GAP / 2 if number in _INNER else 0)
        for number, at in enumerate(_along(span))
    )


def _near_spans(a: tuple[Gear, Gear], b: tuple[Gear, Gear]) -> bool:
    far = _WHEEL * sum(max(end.root for end in span) for span in (a, b)) + 2 * _BELT + _GAP
    return any(math.dist(p, q) < far for p, q in itertools.product(_along(a), _along(b)))


def _along(span: tuple[Gear, Gear]) -> list[Point]:
    """Return points between the centers of two gears."""
    (a, b), last = span, _POINTS - 1
    return [(a.x + (b.x - a.x) * k / last, a.y + (b.y - a.y) * k / last) for k in range(_POINTS)]


def _bounds(gears: Sequence[Gear]) -> Box:
    """Return the box (left, top, right, bottom) around gears."""
    return (
        min(gear.x - gear.tip for gear in gears),
        min(gear.y - gear.tip for gear in gears),
        max(gear.x + gear.tip for gear in gears),
        max(gear.y + gear.tip for gear in gears),
    )


@lru_cache(maxsize=64)
def _linked(puzzle: Puzzle) -> tuple[tuple[tuple[int, bool], ...], ...]:
    """Return for each gear the others that it is linked to, and whether they turn the same way."""
    linked: list[list[tuple[int, bool]]] = [[] for _ in puzzle.gears]
    pairs = [(a, b, False) for a, b in _meshing(puzzle)]
    pairs += [(*belt.gears, not belt.crossed) for belt in puzzle.belts]
    for a, b, same in pairs:
        linked[a].append((b, same))
        linked[b].append((a, same))
    return tuple(tuple(sorted(found)) for found in linked)


def _meshing(puzzle: Puzzle) -> Iterator[tuple[int, int]]:
    """Yield the pairs of gears whose teeth mesh."""
    for (i, a), (j, b) in itertools.combinations(enumerate(puzzle.gears), 2):
        if math.dist((a.x, a.y), (b.x, b.y)) < a.radius + b.radius + _ABOVE:
            yield i, j


def _directions(puzzle: Puzzle) -> Looks:
    """Return the arrow of each gear; 0 if nothing drives it."""
    found = {0: puzzle.look}
    for gear in (order := [0]):
        for other, same in _linked(puzzle)[gear]:
            if other not in found:
                found[other] = found[gear] if same else 3 - found[gear]
                order.append(other)
    return tuple(found.get(gear, 0) for gear in range(len(puzzle.gears)))


def _swept(puzzle: Puzzle) -> bool:
    """Return whether a straight wipe, at some angle, meets the gears of the train one by one in a legal order."""
    driven = [gear for gear, look in enumerate(_directions(puzzle)) if look and gear]
    for places in sweeps([(puzzle.gears[gear].x, puzzle.gears[gear].y) for gear in driven]):
        met = sorted(zip(places, driven, strict=True))
        if any(b - a < _SEPARATE for (a, _), (b, _) in itertools.pairwise(met)):
            continue
        order = [0, *(gear for _, gear in met)]
        if all({*order[:i]} & {other for other, _ in _linked(puzzle)[order[i]]} for i in range(1, len(order))):
            return True
    return False


def _phases(puzzle: Puzzle) -> list[float]:
    """Return the direction of a tooth of each gear, in radians, so that teeth that mesh do not overlap."""
    found: dict[int, float] = {}
    partners: dict[int, list[int]] = {}
    for a, b in _meshing(puzzle):
        partners.setdefault(a, []).append(b)
        partners.setdefault(b, []).append(a)
    for first in range(len(puzzle.gears)):
        order = [] if first in found else [first]
        found.setdefault(first, 0.0)
        for gear in order:
            for other in partners.get(gear, []):
                if other not in found:
                    found[other] = _phase_beside(puzzle.gears[gear], found[gear], puzzle.gears[other])
                    order.append(other)
    return [found[gear] for gear in range(len(puzzle.gears))]


def _phase_beside(a: Gear, phase: float, b: Gear) -> float:
    """Return the direction of a tooth of gear b that meshes with gear a: where a has a tooth, b has a gap."""
    way = math.atan2(b.y - a.y, b.x - a.x)
    share = (way - phase) * a.teeth / math.tau
    return way + math.pi - (0.5 - share) * math.tau / b.teeth


def _outline(gear: Gear, phase: float, center: Point, scale: float) -> list[Point]:
    """Return the outline of a gear in pixels."""
    # Half widths of a tooth, as shares of the distance between teeth, from its root to its tip.
    profile = ((-0.31, gear.root), (-0.14, gear.tip), (0.14, gear.tip), (0.31, gear.root))
    points = []
    for tooth, (share, far) in itertools.product(range(gear.teeth), profile):
        turn = phase + (tooth + share) * math.tau / gear.teeth
        points.append((center[0] + far * scale * math.cos(turn), center[1] + far * scale * math.sin(turn)))
    return points


def _belt_lines(a: Gear, b: Gear, crossed: bool) -> Iterator[list[Point]]:
    """Yield the parts of a belt: around both gears, and on both sides from one to the other."""
    ends = [(gear.x, gear.y, _WHEEL * gear.root) for gear in (a, b)]
    for x, y, radius in ends:
        yield oval(x, y, radius, radius)
    way, sign = math.atan2(b.y - a.y, b.x - a.x), -1 if crossed else 1
    lean = math.acos((ends[0][2] - sign * ends[1][2]) / math.dist((a.x, a.y), (b.x, b.y)))
    for side in (lean, -lean):
        across, down = math.cos(way + side), math.sin(way + side)
        (x0, y0, r0), (x1, y1, r1) = ends
        yield [(x0 + r0 * across, y0 + r0 * down), (x1 + sign * r1 * across, y1 + sign * r1 * down)]


def _percent(puzzle: Puzzle, gear: int) -> tuple[int, int]:
    """Return the center of a gear, in percent of the machine from the left and from the top."""
    (left, top, right, bottom), found = _bounds(puzzle.gears), puzzle.gears[gear]
    return round(100 * (found.x - left) / (right - left)), round(100 * (found.y - top) / (bottom - top))


def _where(puzzle: Puzzle, gear: int) -> str:
    return "{} % from the left, {} % from the top".format(*_percent(puzzle, gear))
