"""Shapes, puzzles and poses of the rotation task, and how puzzles are generated."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Sequence
from typing import Literal, NamedTuple

from vmevalkit.tasks.toolkit.draw import Box, Point
from vmevalkit.tasks.toolkit.levels import levels
from vmevalkit.types import Record

Cells = tuple[tuple[int, int], ...]


class Level(NamedTuple):
    """Settings of one difficulty.

    Attributes:
        angles: angles to choose from, in degrees.
        min_squares, max_squares: range of the number of squares of the shape.
        ring: whether the ring lies inside the shape, on its edge or beside it.
        others: number of other shapes.
    """

    angles: tuple[int, ...]
    min_squares: int
    max_squares: int
    ring: Literal["inside", "edge", "beside"]
    others: int


LEVELS = levels(
    Level(angles=(60, 90), min_squares=4, max_squares=5, ring="inside", others=0),
    Level(angles=(120, 135), min_squares=5, max_squares=5, ring="edge", others=0),
    Level(angles=(150, 180), min_squares=5, max_squares=5, ring="beside", others=1),
    Level(angles=(210, 240), min_squares=5, max_squares=6, ring="beside", others=2),
    Level(angles=(270, 300), min_squares=6, max_squares=6, ring="beside", others=2),
)
_COLORS = ("blue", "orange", "green", "purple", "red", "brown")
# In shares of the height of the image: radius of the ring, how far a shape may reach from the ring, and the side of the
# largest square.
RING, REACH, _SQUARE = 0.036, 0.37, 0.12
# The board (left, top, right, bottom) in an image of 1.5 x 1, and the thickness of its edge.
BOARD, EDGE = (0.055, 0.055, 1.445, 0.945), 0.028


class Shape(Record):
    """A shape of unit squares and the point that it turns about.

    Lengths on the canvas are in thousandths of the height of the image.

    Attributes:
        cells: column and row of each square.
        point: the point to turn about, in half squares of the shape.
        at: where the point lies on the canvas.
        square: side of a square.
        tilt: initial clockwise turn of the shape, in degrees.
        colour: name of its color.
    """

    cells: Cells
    point: tuple[int, int]
    at: tuple[int, int]
    square: int
    tilt: int
    colour: str

    def middle(self) -> Point:
        """Center of gravity of the shape, in squares."""
        return (sum(x for x, _ in self.cells) / len(self.cells) + 0.5,
                sum(y for _, y in self.cells) / len(self.cells) + 0.5)  # fmt: skip

    def arm(self) -> Point:
        """Vector from the point to the middle of the shape without tilt, in shares of the height."""
        (x, y), side = self.middle(), self.square / 1000
        return (x - self.point[0] / 2) * side, (y - self.point[1] / 2) * side

    def corners(self, cell: tuple[int, int]) -> list[Point]:
        """Corners of a square of the shape without tilt, relative to its middle, in shares of the height."""
        (x, y), side = self.middle(), self.square / 1000
        return [((cell[0] + right - x) * side, (cell[1] + down - y) * side)
                for right, down in ((0, 0), (1, 0), (1, 1), (0, 1))]  # fmt: skip


class Puzzle(Record):
    """A shape, the degrees to turn it (clockwise if positive), and the other shapes, which stay."""

    thing: Shape
    turn: int
    others: tuple[Shape, ...]


class Pose(NamedTuple):
    """Position and orientation of the shape.

    Attributes:
        turn: degrees that the shape has moved clockwise about the point.
        lag: degrees that it has turned about its own middle in addition.
        out: how much farther from the point it is, in shares of its initial distance.
        size: scale.
        mirrored: whether it is mirrored.
        copy: `turn` of a second shape, if there is one.
        clear: whether it was seen clearly, not smeared.
        wrong: reason code of the first violation, when a video is judged.
    """

    turn: float
    lag: float = 0.0
    out: float = 0.0
    size: float = 1.0
    mirrored: bool = False
    copy: float | None = None
    clear: bool = True
    wrong: str | None = None


def generate_puzzle(rng: random.Random, difficulty: int) -> Puzzle:
    """Choose a puzzle of a difficulty from 1 to 5."""
    level = LEVELS[difficulty]
    while True:
        colors = rng.sample(_COLORS, level.others + 1)
        shape = _random_shape(rng, level, colors[0])
        others = _random_others(rng, shape, colors[1:]) if shape else None
        if shape and others is not None:
            return Puzzle(thing=shape, turn=rng.choice(level.angles) * rng.choice((-1, 1)), others=others)


def _random_shape(rng: random.Random, level: Level, color: str) -> Shape | None:
    """Choose a shape and its point; None if the point does not suit the shape."""
    cells = _random_cells(rng, rng.randint(level.min_squares, level.max_squares))
    # In half squares: the middle of a square, a corner, or a place beside the shape.
    inner = {(2 * x + 1, 2 * y + 1) for x, y in cells}
    edge = {(2 * x + right, 2 * y + down) for x, y in cells for right in (0, 2) for down in (0, 2)}
    beside = {(x + right, y + down) for x, y in inner for right in (-4, -2, 0, 2, 4) for down in (-4, -2, 0, 2, 4)}
    points = {"inside": inner, "edge": edge, "beside": beside - inner}[level.ring]
    point = rng.choice(sorted(points))
    far = max(math.hypot(x - point[0] / 2, y - point[1] / 2) for x, y in ((a / 2, b / 2) for a, b in edge))
    square = min(_SQUARE, REACH / far)
    left, top, right, bottom = _within(square * far + 0.03)
    if left > right or top > bottom:
        return None
    # Place it at one side if other shapes need room.
    x = rng.choice((left, right)) if level.others else rng.uniform(left, right)
    shape = Shape(cells=cells, point=point, at=(round(1000 * x), round(1000 * rng.uniform(top, bottom))),
                  square=int(1000 * square), tilt=15 * rng.randrange(24), colour=color)  # fmt: skip
    # The middle must lie well away from the point, so that the direction of the shape is unambiguous.
    return shape if math.hypot(*shape.arm()) >= 0.09 and square >= 0.07 else None


def _within(room: float) -> Box:
    """Part of the board at least `room` away from its edge."""
    left, top, right, bottom = BOARD
    return left + EDGE + room, top + EDGE + room, right - EDGE - room, bottom - EDGE - room


def _random_cells(rng: random.Random, count: int) -> Cells:
    """Choose connected squares without any symmetry."""
    while True:
        cells = {(0, 0)}
        while len(cells) < count:
            x, y = rng.choice(sorted(cells))
            right, down = rng.choice(((1, 0), (-1, 0), (0, 1), (0, -1)))
            cells.add((x + right, y + down))
        looks = set()
        for flip in (1, -1):
            flipped = [(flip * x, y) for x, y in cells]
            for _ in range(4):
                flipped = [(-y, x) for x, y in flipped]
                left, top = min(x for x, _ in flipped), min(y for _, y in flipped)
                looks.add(tuple(sorted((x - left, y - top) for x, y in flipped)))
        if len(looks) == 8:
            return rng.choice(sorted(looks))


def _random_others(rng: random.Random, shape: Shape, colors: Sequence[str]) -> tuple[Shape, ...] | None:
    """Choose other shapes outside the area where `shape` turns; None if there is no room."""
    corners = itertools.chain.from_iterable(map(shape.corners, shape.cells))
    # Center and radius of each area that is taken.
    taken = [((shape.at[0] / 1000, shape.at[1] / 1000), max(math.hypot(*added(shape.arm(), c)) for c in corners))]
    found: list[Shape] = []
    for color in colors:
        other = Shape(cells=_random_cells(rng, rng.randint(4, 5)), point=(0, 0), at=(0, 0), square=70,
                      tilt=15 * rng.randrange(24), colour=color)  # fmt: skip
        room = max(math.hypot(*c) for cell in other.cells for c in other.corners(cell))
        left, top, right, bottom = _within(room + 0.03)
        for _ in range(60):
            middle = (rng.uniform(left, right), rng.uniform(top, bottom))
            if all(math.dist(middle, place) > room + radius + 0.06 for place, radius in taken):
                break
        else:
            return None
        taken.append((middle, room))
        x, y = added(middle, turned(other.arm(), other.tilt), -1)
        found.append(other.model_copy(update={"at": (round(1000 * x), round(1000 * y))}))
    return tuple(found)


def turned(point: Point, degrees: float) -> Point:
    """Turn a point clockwise about the origin."""
    across, down = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return point[0] * across - point[1] * down, point[0] * down + point[1] * across


def added(a: Point, b: Point, times: float = 1.0) -> Point:
    """Return a + times * b."""
    return a[0] + b[0] * times, a[1] + b[1] * times
