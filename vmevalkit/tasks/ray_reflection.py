"""Ray reflection: send the ray from the lamp over the mirrors to the pad that it reaches.

    +--o-----o---+        A video passes when a red line grows from the lamp L straight ahead, turns at each mirror that
    |            |        it meets as light does, and ends at the pad (o) that it reaches; the finished ray is held,
    L----\\   /   o        while lamp, mirrors and pads stay. A ray that grows from the wrong end, goes through a
    |    |       |        mirror or to another pad, or comes all at once does not pass.
    |    \\-------o
    +------------+

Mirrors stand on the points of a grid and are met in their middle, from either side. They are turned by multiples of 45
degrees at difficulty 1 and 2 and of 22.5 above, so that rays go along rows, columns and (above) diagonals.

The plan length is the number of straight pieces. There are far more than 10,000 questions at every difficulty.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Sequence
from typing import NamedTuple

from vmevalkit.tasks.base import register_task
from vmevalkit.tasks.toolkit.draw import GRAY, GREEN, INK, SKY, VERMILION, WHITE, Point, Sketch
from vmevalkit.tasks.toolkit.strokes import STROKE_REASONS, Lines, Stroke, StrokesTask, swept
from vmevalkit.types import Record, Size

Spot = tuple[int, int]


class _Level(NamedTuple):
    """What a difficulty asks for; `turns` are how far a ray may be turned, in steps of 45 degrees."""

    columns: int
    rows: int
    pieces: tuple[int, int]
    idle: tuple[int, int]
    pads: int
    turns: tuple[int, ...]
    crossings: int


_LEVELS = {
    1: _Level(6, 4, (3, 4), (1, 2), 4, (2, -2), 0),
    2: _Level(6, 4, (5, 6), (1, 2), 5, (2, -2), 1),
    3: _Level(7, 5, (6, 7), (2, 3), 6, (2, -2, 3, -3), 1),
    4: _Level(8, 5, (8, 9), (2, 4), 7, (2, -2, 3, -3), 2),
    5: _Level(9, 6, (10, 12), (3, 5), 8, (2, -2, 3, -3), 3),
}
# A direction is a number of steps of 45 degrees, clockwise from the right as on a screen.
_WAYS: tuple[Spot, ...] = ((1, 0), (1, 1), (0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1))
_WORDS = ("right", "down right", "down", "down left", "left", "up left", "up", "up right")
# In grid steps: half of a mirror's length, the mirror's width, and the radius of a pad.
_HALF, _WIDE, _PAD = 0.33, 0.23, 0.23
# The longest piece may be so many times the mean one, so that no video is too quick there.
_LONGEST = 2.2


class Puzzle(Record):
    """A board of grid points (x, y) from (0, 0) to (columns, rows); lamp and pads are on its edge.

    A mirror is (x, y, turn): its angle from the right, clockwise, in steps of 22.5 degrees.
    """

    columns: int
    rows: int
    lamp: Spot
    mirrors: tuple[tuple[int, int, int], ...]
    pads: tuple[Spot, ...]

    def inside(self, spot: Spot) -> bool:
        """Whether a point is on the board and not on its edge."""
        return 0 < spot[0] < self.columns and 0 < spot[1] < self.rows

    def ahead(self) -> int:
        """The direction in which the lamp shines."""
        x, y = self.lamp
        return 0 if x == 0 else 4 if x == self.columns else 2 if y == 0 else 6

    def ray(self) -> list[tuple[Spot, int]]:
        """Where the ray turns, from the lamp on, and its direction from there; where it ends comes last."""
        turns = {(x, y): turn for x, y, turn in self.mirrors}
        spot, way = self.lamp, self.ahead()
        found = [(spot, way)]
        while len(found) < 50:
            spot = _next(spot, way)
            if not self.inside(spot):
                return [*found, (spot, way)]
            if spot in turns:
                way = (turns[spot] - way) % 8
                found.append((spot, way))
        return []


@register_task
class RayReflection(StrokesTask[Puzzle]):
    """One line from the lamp to a pad; the state is how much of it is drawn."""

    name = "ray_reflection"
    puzzle_type = Puzzle
    reasons = STROKE_REASONS
    rubric = {
        "outcome": (
            "A red line leads from the lamp over every mirror that it meets, turned as light is, to the pad that "
            "it reaches."
        ),
        "process": "The line grows from the lamp straight ahead, from one end only and not all at once.",
    }

    def generate(self, rng: random.Random, difficulty: int) -> Puzzle:
        level = _LEVELS[difficulty]
        while True:
            puzzle = _lay(rng, level)
            if puzzle is None:
                continue
            spots = [spot for spot, _ in puzzle.ray()]
            if _tedious(spots) or _crossings(spots) > level.crossings or swept([spots]):
                continue
            puzzle = _with_idle_mirrors(rng, puzzle, rng.randint(*level.idle))
            puzzle = _with_pads(rng, puzzle, level.pads)
            if _shot(puzzle) == spots:
                return puzzle

    def steps(self, puzzle: Puzzle) -> list[str]:
        ways = [_WORDS[way] for _, way in puzzle.ray()[:-1]]
        ends = ["to a mirror"] * (len(ways) - 1) + ["to a pad"]
        return [f"the ray goes {way} {end}" for way, end in zip(ways, ends, strict=True)]

    def plan_text(self, puzzle: Puzzle) -> str:
        return "the ray goes " + ", ".join(_WORDS[way] for _, way in puzzle.ray()[:-1]) + " to a pad"

    def phrasings(self, puzzle: Puzzle) -> Sequence[str]:
        return (
            "A red ray grows from the lamp straight into the board. Each mirror bar that it meets turns it like light: "
            "the angle out equals the angle in. It goes on until it hits one of the green pads at the edge and ends "
            "there. The whole ray stays. Lamp, mirrors and pads do not change. The camera is fixed.",
            "Switch on the lamp and show how its light travels: a thick red line leaves the lamp in the direction it "
            "points, is reflected in the middle of every blue mirror in its way, on either side of the mirror, and "
            "stops at the green disc that it reaches. The line is never erased and nothing else moves. Static camera.",
            "Which green pad does the ray hit? Draw the ray as one red line that grows from the lamp, straight from "
            "mirror to mirror, reflected at each by the law of reflection, until it arrives at a pad. No shortcuts, "
            "nothing else is drawn, and the camera does not move.",
        )

    def strokes(self, puzzle: Puzzle, canvas: Size) -> list[Stroke]:
        return [Stroke(tuple(_Layout(puzzle, canvas).at(spot) for spot, _ in puzzle.ray()), VERMILION)]

    def pen(self, puzzle: Puzzle, canvas: Size) -> float:
        return 0.026 * min(canvas[1], canvas[0] / 1.5)

    def cheats(self, puzzle: Puzzle) -> dict[str, list[Lines]]:
        path, ray = self.solution(puzzle), puzzle.ray()
        layout, (spot, way) = _Layout(puzzle, (720, 480)), ray[-2]

        def beside(*spots: Spot) -> tuple[Point, ...]:
            return tuple((x / 720, y / 480) for x, y in map(layout.at, spots))

        return {
            **super().cheats(puzzle),
            "nearly_another_pad": [*path[:-1], path[-2]._replace(elsewhere=beside(spot, _exit(puzzle, spot, way + 4)))],
            "through_the_mirrors": [path[0], path[0]._replace(
                elsewhere=beside(puzzle.lamp, _exit(puzzle, puzzle.lamp, puzzle.ahead())))],
        }  # fmt: skip

    def sheet(self, puzzle: Puzzle, canvas: Size, downscale: float = 1) -> Sketch:
        layout, sketch = _Layout(puzzle, canvas), Sketch(canvas, downscale=downscale)
        (left, top), (right, bottom) = layout.at((0, 0)), layout.at((puzzle.columns, puzzle.rows))
        rim = 0.09 * layout.step
        sketch.rectangle((left - rim, top - rim, right + rim, bottom + rim), GRAY, radius=3 * rim)
        sketch.rectangle((left + rim, top + rim, right - rim, bottom - rim), WHITE, radius=2 * rim)
        return sketch

    def draw_above(self, puzzle: Puzzle, sketch: Sketch, canvas: Size) -> None:
        layout = _Layout(puzzle, canvas)
        step = layout.step
        for mirror in puzzle.mirrors:
            ends = [layout.at(end) for end in _bar(*mirror, _HALF)]
            sketch.line(ends, _WIDE * step, INK)
            sketch.line(ends, 0.5 * _WIDE * step, SKY)
        for pad in puzzle.pads:
            sketch.circle(layout.at(pad), _PAD * step, GREEN)
            sketch.circle(layout.at(pad), 0.4 * _PAD * step, WHITE)
        (x, y), (across, down) = layout.at(puzzle.lamp), _WAYS[puzzle.ahead()]
        back, front = 0.24 * step, 0.36 * step
        sketch.rectangle((x - back, y - back, x + back, y + back), INK, radius=0.1 * step)
        side = 0.15 * step
        tip = (x + front * across, y + front * down)
        sketch.line([(x, y), tip], 2 * side, INK)
        sketch.line([(x + 0.2 * step * across, y + 0.2 * step * down), tip], side, VERMILION)


class _Layout:
    """Where grid points are, in pixels of a canvas."""

    def __init__(self, puzzle: Puzzle, canvas: Size) -> None:
        self.step = min(canvas[0] * 0.84 / puzzle.columns, canvas[1] * 0.82 / puzzle.rows)
        self.left = (canvas[0] - self.step * puzzle.columns) / 2
        self.top = (canvas[1] - self.step * puzzle.rows) / 2

    def at(self, spot: tuple[float, float]) -> Point:
        """A grid point's place."""
        return self.left + spot[0] * self.step, self.top + spot[1] * self.step


def _next(spot: Spot, way: int) -> Spot:
    return spot[0] + _WAYS[way % 8][0], spot[1] + _WAYS[way % 8][1]


def _exit(puzzle: Puzzle, spot: Spot, way: int) -> Spot:
    """Where a straight ray leaves the board."""
    spot = _next(spot, way)
    while puzzle.inside(spot):
        spot = _next(spot, way)
    return spot


def _bar(x: int, y: int, turn: int, half: float) -> tuple[Point, Point]:
    """The ends of a mirror, in grid points."""
    across, down = half * math.cos(turn * math.pi / 8), half * math.sin(turn * math.pi / 8)
    return (x - across, y - down), (x + across, y + down)


def _edge(columns: int, rows: int) -> list[Spot]:
    """The points of the board's edge, without corners."""
    flat = [(x, y) for x in range(1, columns) for y in (0, rows)]
    return [*flat, *((x, y) for y in range(1, rows) for x in (0, columns))]


def _lay(rng: random.Random, level: _Level) -> Puzzle | None:
    """A lamp and the mirrors that its ray meets; None if the walk fails."""
    edge = _edge(level.columns, level.rows)
    lamp = rng.choice(edge)
    bare = Puzzle(columns=level.columns, rows=level.rows, lamp=lamp, mirrors=(), pads=())
    spot, way, pieces = lamp, bare.ahead(), rng.randint(*level.pieces)
    mirrors: list[tuple[int, int, int]] = []
    # Where mirrors are, and where the ray has been, in which line.
    met: set[Spot] = set()
    passed: dict[Spot, set[int]] = {}
    ways = [way]

    def run(way: int) -> tuple[list[Spot], Spot]:
        """Free points ahead, and where they end."""
        free, there = [], _next(spot, way)
        while bare.inside(there) and way % 4 not in passed.get(there, ()) and there not in met:
            free.append(there)
            there = _next(there, way)
        return free, there

    for piece in range(pieces):
        rng.shuffle(ways)
        for onward in ways:
            free, end = run(onward)
            untouched = [i for i, at in enumerate(free) if at not in passed]
            if piece < pieces - 1 and untouched:
                # A step away from the last mirror and from the edge at least, two if possible.
                reach = rng.choice(untouched[1:] or untouched)
                free, end = free[: reach + 1], free[reach]
                break
            if piece == pieces - 1 and end in edge and end != lamp:
                break
        else:
            return None
        if piece:
            mirrors.append((*spot, (way + onward) % 8))
        spot, way = end, onward % 8
        met.add(end)
        for at in free:
            passed.setdefault(at, set()).add(way % 4)
        ways = [way + turn for turn in level.turns]
    return bare.model_copy(update={"mirrors": tuple(mirrors)})


def _with_idle_mirrors(rng: random.Random, puzzle: Puzzle, count: int) -> Puzzle:
    """Mirrors that the ray does not meet."""
    spots = [spot for spot, _ in puzzle.ray()]
    busy = {at for a, b in itertools.pairwise(spots) for at in _between(a, b)}
    free = [(x, y) for x in range(1, puzzle.columns) for y in range(1, puzzle.rows) if (x, y) not in busy]
    turns = sorted({turn for *_, turn in puzzle.mirrors})
    idle = [(*spot, rng.choice(turns)) for spot in rng.sample(free, min(count, len(free)))]
    return puzzle.model_copy(update={"mirrors": tuple(sorted([*puzzle.mirrors, *idle]))})


def _with_pads(rng: random.Random, puzzle: Puzzle, count: int) -> Puzzle:
    """The pad that the ray reaches, those that it would reach if a mirror were missing, and others."""
    ray = puzzle.ray()
    pads = {ray[-1][0]}
    edge = [spot for spot in _edge(puzzle.columns, puzzle.rows) if spot != puzzle.lamp]
    tempting = [_exit(puzzle, spot, way) for (spot, _), (_, way) in zip(ray[1:-1], ray, strict=False)]
    rng.shuffle(tempting)
    rng.shuffle(edge)
    for pad in (*tempting[: count // 2], *edge):
        if len(pads) < count and pad in edge and all(math.dist(pad, other) > 1.2 for other in pads):
            pads.add(pad)
    return puzzle.model_copy(update={"pads": tuple(sorted(pads))})


def _between(a: Spot, b: Spot) -> list[Spot]:
    """Grid points from a to b, both included."""
    count = max(abs(b[0] - a[0]), abs(b[1] - a[1]))
    return [(a[0] + (b[0] - a[0]) * i // count, a[1] + (b[1] - a[1]) * i // count) for i in range(count + 1)]


def _crossings(spots: Sequence[Spot]) -> int:
    """How often a ray meets itself."""

    def side(a: Spot, b: Spot, c: Spot) -> int:
        return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])

    pieces = list(itertools.pairwise(spots))
    return sum(
        side(*p, q[0]) * side(*p, q[1]) <= 0 and side(*q, p[0]) * side(*q, p[1]) <= 0
        for i, p in enumerate(pieces)
        for q in pieces[i + 2 :]
    )


def _tedious(spots: Sequence[Spot]) -> bool:
    """Whether a piece is so long beside the others that a short video cannot show it grow."""
    lengths = [math.dist(a, b) for a, b in itertools.pairwise(spots)]
    return max(lengths) > _LONGEST * sum(lengths) / len(lengths)


def _shot(puzzle: Puzzle) -> list[Spot]:
    """Where a ray turns and ends, by the geometry of the picture alone; empty if it does not end at a pad.

    Solves for where a straight line meets the bars as they are drawn, and reflects it with the bar's normal.
    """
    x, y = map(float, puzzle.lamp)
    across, down = map(float, _WAYS[puzzle.ahead()])
    found = [puzzle.lamp]
    # A little longer than drawn, so that no ray passes close by a mirror's end.
    bars = [_bar(*mirror, 1.3 * _HALF) for mirror in puzzle.mirrors]
    while len(found) < 50:
        walls = [(limit - at) / speed for at, speed, limits in ((x, across, (0, puzzle.columns)),
                 (y, down, (0, puzzle.rows))) if abs(speed) > 1e-9 for limit in limits]  # fmt: skip
        nearest, normal = min(far for far in walls if far > 1e-6), (0.0, 0.0)
        for (ax, ay), (bx, by) in bars:
            nx, ny = ay - by, bx - ax
            speed = across * nx + down * ny
            far = ((ax - x) * nx + (ay - y) * ny) / speed if abs(speed) > 1e-9 else -1.0
            if 1e-6 < far < nearest and math.dist((x + far * across, y + far * down),
                                                  ((ax + bx) / 2, (ay + by) / 2)) < 1.3 * _HALF:  # fmt: skip
                nearest, normal = far, (nx, ny)
        x, y = x + nearest * across, y + nearest * down
        found.append((round(x), round(y)))
        if math.dist(found[-1], (x, y)) > 1e-6:
            return []
        if normal == (0.0, 0.0):
            return found if found[-1] in puzzle.pads else []
        over = 2 * (across * normal[0] + down * normal[1]) / (normal[0] ** 2 + normal[1] ** 2)
        across, down = across - over * normal[0], down - over * normal[1]
    return []
