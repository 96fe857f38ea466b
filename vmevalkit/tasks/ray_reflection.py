"""Ray reflection: send the ray from the lamp over the mirrors to the pad that it reaches.

    +--o-----o---+        A video passes if a red line grows from the lamp L straight ahead, is reflected like light by
    |            |        each mirror that it meets, and ends at the pad (o) that it reaches, and if the finished ray is
    L----\\   /   o        held. Lamp, mirrors and pads must stay. A video fails if the ray grows from the wrong end,
    |    |       |        passes through a mirror, goes to another pad or appears all at once.
    |    \\-------o
    +------------+

Mirrors stand on the points of a grid. Rays meet them in their middle, from either side. Their angles are multiples of
45 degrees at difficulties 1 and 2, so that rays follow rows and columns, and of 22.5 degrees above, so that rays follow
diagonals as well.

The plan length is the number of straight pieces. There are far more than 10,000 questions at every difficulty.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Sequence
from typing import NamedTuple

from vmevalkit.defaults import DEFAULT_CANVAS
from vmevalkit.tasks.base import register_task
from vmevalkit.tasks.toolkit.compass import STEPS, WORDS, line_between
from vmevalkit.tasks.toolkit.draw import GRAY, GREEN, INK, SKY, VERMILION, WHITE, Point, Sketch
from vmevalkit.tasks.toolkit.levels import levels
from vmevalkit.tasks.toolkit.strokes import STROKE_REASONS, Lines, Stroke, StrokesTask, swept
from vmevalkit.tasks.toolkit.sums import added
from vmevalkit.types import Record, Size

Spot = tuple[int, int]


class Level(NamedTuple):
    """Settings of one difficulty.

    Attributes:
        columns, rows: size of the board in grid steps.
        pieces: range of straight pieces of the ray.
        idle: range of mirrors that the ray does not meet.
        pads: number of pads.
        turns: angles by which a mirror may turn the ray, in steps of 45 degrees.
        crossings: how often the ray may cross itself.
    """

    columns: int
    rows: int
    pieces: tuple[int, int]
    idle: tuple[int, int]
    pads: int
    turns: tuple[int, ...]
    crossings: int


_RIGHT_ANGLES, _ALL_ANGLES = (2, -2), (2, -2, 3, -3)
LEVELS = levels(
    Level(columns=6, rows=4, pieces=(3, 4), idle=(1, 2), pads=4, turns=_RIGHT_ANGLES, crossings=0),
    Level(columns=6, rows=4, pieces=(5, 6), idle=(1, 2), pads=5, turns=_RIGHT_ANGLES, crossings=1),
    Level(columns=7, rows=5, pieces=(6, 7), idle=(2, 3), pads=6, turns=_ALL_ANGLES, crossings=1),
    Level(columns=8, rows=5, pieces=(8, 9), idle=(2, 4), pads=7, turns=_ALL_ANGLES, crossings=2),
    Level(columns=9, rows=6, pieces=(10, 12), idle=(3, 5), pads=8, turns=_ALL_ANGLES, crossings=3),
)
# In grid steps: half the length of a mirror, its width, and the radius of a pad.
_HALF, _WIDTH, _PAD = 0.33, 0.23, 0.23
# The longest piece as a multiple of the mean one. A longer piece would grow too fast to be seen in a short video.
_LONGEST = 2.2
# A ray with more pieces runs in a circle.
_MOST_PIECES = 50


class Puzzle(Record):
    """A board of grid points (x, y) from (0, 0) to (columns, rows), with lamp and pads on its edge.

    A mirror is (x, y, turn): its angle from the right, clockwise, in steps of 22.5 degrees.
    """

    columns: int
    rows: int
    lamp: Spot
    mirrors: tuple[tuple[int, int, int], ...]
    pads: tuple[Spot, ...]

    def inside(self, spot: Spot) -> bool:
        """Return whether a point is on the board and not on its edge."""
        return 0 < spot[0] < self.columns and 0 < spot[1] < self.rows

    def ahead(self) -> int:
        """Return the direction in which the lamp shines, as an index of `compass.STEPS`."""
        x, y = self.lamp
        return 0 if x == 0 else 4 if x == self.columns else 2 if y == 0 else 6

    def ray(self) -> list[tuple[Spot, int]]:
        """Trace the ray from mirror to mirror.

        Returns:
            The lamp, each mirror and the end point, with the direction of the ray from there; empty if the ray does not
            leave the board.
        """
        turns = {(x, y): turn for x, y, turn in self.mirrors}
        spot, direction = self.lamp, self.ahead()
        corners = [(spot, direction)]
        while len(corners) < _MOST_PIECES:
            spot = _next(spot, direction)
            if not self.inside(spot):
                return [*corners, (spot, direction)]
            if spot in turns:
                direction = (turns[spot] - direction) % 8
                corners.append((spot, direction))
        return []


@register_task
class RayReflection(StrokesTask[Puzzle]):
    """One line from the lamp to a pad. The state is how much of it is drawn."""

    name = "ray_reflection"
    tags = ("physics", "geometry")
    puzzle_type = Puzzle
    reasons = STROKE_REASONS
    rubric = {
        "outcome": (
            "A red line leads from the lamp over every mirror that it meets, reflected like light, to the pad that "
            "it reaches."
        ),
        "process": "The line grows from the lamp straight ahead, from one end only and not all at once.",
    }

    def generate(self, rng: random.Random, difficulty: int) -> Puzzle:
        level = LEVELS[difficulty]
        while True:
            puzzle = _random_ray(rng, level)
            if puzzle is None:
                continue
            spots = [spot for spot, _ in puzzle.ray()]
            if _has_long_piece(spots) or _crossings(spots) > level.crossings or swept([spots]):
                continue
            puzzle = _with_idle_mirrors(rng, puzzle, rng.randint(*level.idle))
            puzzle = _with_pads(rng, puzzle, level.pads)
            if _traced(puzzle) == spots:
                return puzzle

    def steps(self, puzzle: Puzzle) -> list[str]:
        directions = [WORDS[direction] for _, direction in puzzle.ray()[:-1]]
        ends = ["to a mirror"] * (len(directions) - 1) + ["to a pad"]
        return [f"the ray goes {direction} {end}" for direction, end in zip(directions, ends, strict=True)]

    def plan_text(self, puzzle: Puzzle) -> str:
        return "the ray goes " + ", ".join(WORDS[direction] for _, direction in puzzle.ray()[:-1]) + " to a pad"

    def line_in_words(self, puzzle: Puzzle, line: int) -> str:
        return "the ray"

    def phrasings(self, puzzle: Puzzle) -> Sequence[str]:
        return (
            "A red ray grows from the lamp straight into the board. Each mirror bar that it meets turns it like light: "
            "the angle out equals the angle in. It goes on until it hits one of the green pads at the edge and ends "
            "there. The whole ray stays. Lamp, mirrors and pads do not change. The camera is fixed.",
            "Switch on the lamp and show how its light travels: a thick red line leaves the lamp in the direction it "
            "points, is reflected in the middle of every blue mirror in its way, on either side of the mirror, and "
            "stops at the green disc that it reaches. The line is never erased, the mirrors stay. Static camera.",
            "Which green pad does the ray hit? Draw the ray as one red line that grows from the lamp, straight from "
            "mirror to mirror, reflected at each by the law of reflection, until it arrives at a pad. No shortcuts, "
            "and the camera does not move.",
        )

    def strokes(self, puzzle: Puzzle, canvas: Size) -> list[Stroke]:
        layout = _Layout(puzzle, canvas)
        return [Stroke(tuple(layout.at(spot) for spot, _ in puzzle.ray()), VERMILION)]

    def pen(self, puzzle: Puzzle, canvas: Size) -> float:
        return 0.026 * min(canvas[1], canvas[0] / 1.5)

    def cheats(self, puzzle: Puzzle) -> dict[str, list[Lines]]:
        path, lamp = self.solution(puzzle), puzzle.lamp
        last_mirror, direction = puzzle.ray()[-2]
        layout, (width, height) = _Layout(puzzle, DEFAULT_CANVAS), DEFAULT_CANVAS

        def straight(spot: Spot, direction: int) -> tuple[Point, ...]:
            """Return a line from a spot to the edge, in shares of the canvas."""
            ends = map(layout.at, (spot, _exit(puzzle, spot, direction)))
            return tuple((x / width, y / height) for x, y in ends)

        other_pad = path[-2]._replace(elsewhere=straight(last_mirror, direction + 4))
        through = path[0]._replace(elsewhere=straight(lamp, puzzle.ahead()))
        return {
            **super().cheats(puzzle),
            "nearly_another_pad": [*path[:-1], other_pad],
            "through_the_mirrors": [path[0], through],
        }

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
            sketch.line(ends, _WIDTH * step, INK)
            sketch.line(ends, 0.5 * _WIDTH * step, SKY)
        for pad in puzzle.pads:
            sketch.circle(layout.at(pad), _PAD * step, GREEN)
            sketch.circle(layout.at(pad), 0.4 * _PAD * step, WHITE)
        (x, y), (across, down) = layout.at(puzzle.lamp), STEPS[puzzle.ahead()]
        back, front = 0.24 * step, 0.36 * step
        sketch.rectangle((x - back, y - back, x + back, y + back), INK, radius=0.1 * step)
        side = 0.15 * step
        tip = (x + front * across, y + front * down)
        sketch.line([(x, y), tip], 2 * side, INK)
        sketch.line([(x + 0.2 * step * across, y + 0.2 * step * down), tip], side, VERMILION)


class _Layout:
    """Positions of grid points in pixels of a canvas."""

    def __init__(self, puzzle: Puzzle, canvas: Size) -> None:
        self.step = min(canvas[0] * 0.84 / puzzle.columns, canvas[1] * 0.82 / puzzle.rows)
        self.left = (canvas[0] - self.step * puzzle.columns) / 2
        self.top = (canvas[1] - self.step * puzzle.rows) / 2

    def at(self, spot: tuple[float, float]) -> Point:
        """Return the position of a grid point."""
        return self.left + spot[0] * self.step, self.top + spot[1] * self.step


def _next(spot: Spot, direction: int) -> Spot:
    across, down = STEPS[direction % 8]
    return spot[0] + across, spot[1] + down


def _exit(puzzle: Puzzle, spot: Spot, direction: int) -> Spot:
    """Return where a straight line leaves the board."""
    spot = _next(spot, direction)
    while puzzle.inside(spot):
        spot = _next(spot, direction)
    return spot


def _bar(x: int, y: int, turn: int, half: float) -> tuple[Point, Point]:
    """Return the ends of a mirror in grid steps."""
    across, down = half * math.cos(turn * math.pi / 8), half * math.sin(turn * math.pi / 8)
    return (x - across, y - down), (x + across, y + down)


def _edge(columns: int, rows: int) -> list[Spot]:
    """Return the points on the edge of the board, without corners."""
    horizontal = [(x, y) for x in range(1, columns) for y in (0, rows)]
    return [*horizontal, *((x, y) for y in range(1, rows) for x in (0, columns))]


class _GrowingRay:
    """A ray that is laid piece by piece, with a mirror after each piece but the last."""

    def __init__(self, board: Puzzle) -> None:
        self.board = board
        self.mirrors: list[tuple[int, int, int]] = []
        self.direction = board.ahead()
        self._edge = _edge(board.columns, board.rows)
        self._spot = board.lamp
        self._corners: set[Spot] = set()
        # The lines (directions modulo 180 degrees) in which the ray has passed each point.
        self._passed: dict[Spot, set[int]] = {}

    def grow(self, rng: random.Random, directions: Sequence[int], last: bool) -> bool:
        """Add a piece in the first of some directions that allows one.

        Args:
            last: whether the piece must end at the edge, not at a mirror.

        Returns:
            False if no direction allows a piece.
        """
        for direction in directions:
            free, end = self._free(direction)
            untouched = [i for i, spot in enumerate(free) if spot not in self._passed]
            if not last and untouched:
                # At least one step away from the previous mirror and the edge, if possible two.
                reach = rng.choice(untouched[1:] or untouched)
                self._add(direction, free[: reach + 1], free[reach])
                return True
            if last and end in self._edge and end != self.board.lamp:
                self._add(direction, free, end)
                return True
        return False

    def _free(self, direction: int) -> tuple[list[Spot], Spot]:
        """Return the points ahead that the ray may pass, and the point after them."""
        free, spot = [], _next(self._spot, direction)
        while self.board.inside(spot) and direction % 4 not in self._passed.get(spot, ()) and spot not in self._corners:
            free.append(spot)
            spot = _next(spot, direction)
        return free, spot

    def _add(self, direction: int, passed: Sequence[Spot], end: Spot) -> None:
        if self._corners:
            self.mirrors.append((*self._spot, (self.direction + direction) % 8))
        self._spot, self.direction = end, direction % 8
        self._corners.add(end)
        for spot in passed:
            self._passed.setdefault(spot, set()).add(direction % 4)


def _random_ray(rng: random.Random, level: Level) -> Puzzle | None:
    """Return a lamp and the mirrors that its ray meets; None if the ray cannot be completed."""
    lamp = rng.choice(_edge(level.columns, level.rows))
    board = Puzzle(columns=level.columns, rows=level.rows, lamp=lamp, mirrors=(), pads=())
    pieces = rng.randint(*level.pieces)
    ray = _GrowingRay(board)
    directions = [ray.direction]
    for piece in range(pieces):
        rng.shuffle(directions)
        if not ray.grow(rng, directions, last=piece == pieces - 1):
            return None
        directions = [ray.direction + turn for turn in level.turns]
    return board.model_copy(update={"mirrors": tuple(ray.mirrors)})


def _with_idle_mirrors(rng: random.Random, puzzle: Puzzle, count: int) -> Puzzle:
    """Add mirrors that the ray does not meet."""
    spots = [spot for spot, _ in puzzle.ray()]
    passed = {spot for a, b in itertools.pairwise(spots) for spot in line_between(a, b)}
    free = [(x, y) for x in range(1, puzzle.columns) for y in range(1, puzzle.rows) if (x, y) not in passed]
    turns = sorted({turn for *_, turn in puzzle.mirrors})
    idle = [(*spot, rng.choice(turns)) for spot in rng.sample(free, min(count, len(free)))]
    return puzzle.model_copy(update={"mirrors": tuple(sorted([*puzzle.mirrors, *idle]))})


def _with_pads(rng: random.Random, puzzle: Puzzle, count: int) -> Puzzle:
    """Add the pad that the ray reaches, some that it would reach if a mirror were missing, and others."""
    ray = puzzle.ray()
    pads = {ray[-1][0]}
    edge = [spot for spot in _edge(puzzle.columns, puzzle.rows) if spot != puzzle.lamp]
    missed = [_exit(puzzle, spot, direction) for (spot, _), (_, direction) in zip(ray[1:-1], ray, strict=False)]
    rng.shuffle(missed)
    rng.shuffle(edge)
    for pad in (*missed[: count // 2], *edge):
        if len(pads) < count and pad in edge and all(math.dist(pad, other) > 1.2 for other in pads):
            pads.add(pad)
    return puzzle.model_copy(update={"pads": tuple(sorted(pads))})


def _crossings(spots: Sequence[Spot]) -> int:
    """Return how often a ray crosses or touches itself."""

    def side(a: Spot, b: Spot, c: Spot) -> int:
        return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])

    pieces = list(itertools.pairwise(spots))
    return sum(
        side(*p, q[0]) * side(*p, q[1]) <= 0 and side(*q, p[0]) * side(*q, p[1]) <= 0
        for i, p in enumerate(pieces)
        for q in pieces[i + 2 :]
    )


def _has_long_piece(spots: Sequence[Spot]) -> bool:
    lengths = [math.dist(a, b) for a, b in itertools.pairwise(spots)]
    return max(lengths) > _LONGEST * added(lengths) / len(lengths)


def _traced(puzzle: Puzzle) -> list[Spot]:
    """Trace the ray by geometry alone, to confirm `Puzzle.ray`: intersect it with the mirrors as drawn and reflect it.

    Returns:
        The lamp, each mirror and the end point; empty if the ray does not end at a pad.
    """
    x, y = map(float, puzzle.lamp)
    across, down = map(float, STEPS[puzzle.ahead()])
    corners = [puzzle.lamp]
    # Slightly longer than drawn, so that no ray passes close to the end of a mirror.
    half = 1.3 * _HALF
    bars = [_bar(*mirror, half) for mirror in puzzle.mirrors]
    while len(corners) < _MOST_PIECES:
        walls = [(limit - at) / speed for at, speed, limits in ((x, across, (0, puzzle.columns)),
                 (y, down, (0, puzzle.rows))) if abs(speed) > 1e-9 for limit in limits]  # fmt: skip
        nearest, normal = min(distance for distance in walls if distance > 1e-6), (0.0, 0.0)
        for (ax, ay), (bx, by) in bars:
            nx, ny = ay - by, bx - ax
            speed = across * nx + down * ny
            distance = ((ax - x) * nx + (ay - y) * ny) / speed if abs(speed) > 1e-9 else -1.0
            hit, middle = (x + distance * across, y + distance * down), ((ax + bx) / 2, (ay + by) / 2)
            if 1e-6 < distance < nearest and math.dist(hit, middle) < half:
                nearest, normal = distance, (nx, ny)
        x, y = x + nearest * across, y + nearest * down
        corners.append((round(x), round(y)))
        if math.dist(corners[-1], (x, y)) > 1e-6:
            return []
        if normal == (0.0, 0.0):
            return corners if corners[-1] in puzzle.pads else []
        over = 2 * (across * normal[0] + down * normal[1]) / (normal[0] ** 2 + normal[1] ** 2)
        across, down = across - over * normal[0], down - over * normal[1]
    return []
