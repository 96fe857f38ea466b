"""Rotation: turn the colored shape about the marked point by a given angle, in a given direction.

      ##                        A video passes if the shape turns visibly about the ring, by the given angle and in the
      ##                        given direction, keeps its form and its distance, and rests there, while the ring and
      ####    -->     ####      the other shapes stay. A video fails if the shape turns the other way, jumps, moves in a
                      ##        straight line, is mirrored or doubled, or ends 20 degrees off.
         o     o    ####

The ring lies inside the shape at difficulty 1, on its edge at difficulty 2, and beside it at difficulties 3 to 5, which
also have other shapes. The plan length is the number of turns by 30 degrees (45 if the angle is not a multiple of 30).
There are far more than 10,000 questions at every difficulty.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from vmevalkit.media import Frame, Planes
from vmevalkit.tasks.base import Painter, Reader, Reading, Task, lerp, register_task
from vmevalkit.tasks.toolkit.draw import HUES, INK, WHITE, Box, Point, Sketch
from vmevalkit.tasks.toolkit.levels import levels
from vmevalkit.tasks.toolkit.vision import (
    Envelope,
    Floats,
    Mask,
    Scene,
    downscale_of,
    lost,
    most,
    patches,
    to_planes,
    tone,
)
from vmevalkit.types import Record, Size, Verdict

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
_SHARES = {
    60: "a sixth of a turn", 90: "a quarter turn", 120: "a third of a turn", 135: "three eighths of a turn",
    150: "less than half a turn", 180: "half a turn", 210: "more than half a turn", 240: "two thirds of a turn",
    270: "three quarters of a turn", 300: "five sixths of a turn",
}  # fmt: skip
_COLORS = ("blue", "orange", "green", "purple", "red", "brown")
# In shares of the height of the image: radius of the ring, how far a shape may reach from the ring, and the side of the
# largest square.
_RING, _REACH, _SQUARE = 0.036, 0.37, 0.12
# The board (left, top, right, bottom) in an image of 1.5 x 1, and the thickness of its edge.
_BOARD, _EDGE = (0.055, 0.055, 1.445, 0.945), 0.028
# In degrees: a larger turn between two readings is a jump; a larger turn back is backwards; tolerance at the end.
_LEAP, _BACK, _EXACT = 40.0, 8.0, 8.0
# By how much the distance of the shape from the ring may change, in shares of the height of the image.
_STRAY = 0.05


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


@register_task
class Rotation(Task[Puzzle, Pose]):
    """One shape turns about a point. The state is its pose."""

    name = "rotation"
    tags = ("geometry",)
    puzzle_type = Puzzle
    reasons = {
        "backwards": "The shape turns in the wrong direction.",
        "off_centre": "The distance of the shape from the marked point changes.",
        "out_of_shape": "The shape is deformed, mirrored, or not turned as its position about the point requires.",
        "object_lost": "The shape is missing.",
        "two_agents": "The shape is in more than one place.",
    }
    rubric = {
        "outcome": (
            "The shape is turned about the ring by the angle and in the direction that the prompt gives, within a few "
            "degrees, and is not mirrored."
        ),
        "process": "The shape turns visibly about the ring and keeps its form and its distance from the ring.",
    }

    def generate(self, rng: random.Random, difficulty: int) -> Puzzle:
        level = LEVELS[difficulty]
        while True:
            colors = rng.sample(_COLORS, level.others + 1)
            shape = _random_shape(rng, level, colors[0])
            others = _random_others(rng, shape, colors[1:]) if shape else None
            if shape and others is not None:
                return Puzzle(thing=shape, turn=rng.choice(level.angles) * rng.choice((-1, 1)), others=others)

    def solution(self, puzzle: Puzzle) -> list[Pose]:
        step = 30 if puzzle.turn % 30 == 0 else 45
        count = abs(puzzle.turn) // step
        return [Pose(puzzle.turn * i / count) for i in range(count + 1)]

    def steps(self, puzzle: Puzzle) -> list[str]:
        step = abs(puzzle.turn) // (len(self.solution(puzzle)) - 1)
        return [f"turn the {puzzle.thing.colour} shape {_direction(puzzle)} to {i * step} degrees from where it was"
                for i in range(1, abs(puzzle.turn) // step + 1)]  # fmt: skip

    def plan_text(self, puzzle: Puzzle) -> str:
        step = abs(puzzle.turn) // (len(self.solution(puzzle)) - 1)
        angles = ", ".join(str(i * step) for i in range(1, abs(puzzle.turn) // step + 1))
        return f"the {puzzle.thing.colour} shape turns {_direction(puzzle)} to {angles} degrees from where it was"

    def phrasings(self, puzzle: Puzzle) -> Sequence[str]:
        color, angle, way = puzzle.thing.colour, f"{abs(puzzle.turn)} degrees", _direction(puzzle)
        share = _SHARES[abs(puzzle.turn)]
        return (
            f"Turn the {color} shape by {angle} {way} ({share}) about the dark ring. It turns smoothly like a hand of "
            "a clock fixed at the ring, keeps its form and its distance, passes through all positions in between, and "
            "stops. Nothing else moves. The camera is fixed.",
            f"The {color} shape swings around the dark ring, {way}, through exactly {angle}, that is {share}, and "
            "then rests. It is a rigid flat piece: no mirroring, no bending, no sliding away. The ring and everything "
            "else stay. Static camera.",
            f"Show a rotation in the plane: the {color} piece rotates {way} by {angle} with the dark ring as its "
            f"centre ({share}). Size and form do not change, only this piece moves, and the camera does not move.",
        )

    def painter(self, puzzle: Puzzle, canvas: Size, downscale: float = 1, object_scale: float = 1) -> Painter[Pose]:
        sheet, shape = _sheet(puzzle, canvas, downscale), puzzle.thing
        base = sheet.pixels()

        def draw(pose: Pose) -> Frame:
            frame: Frame = base.copy()
            for shown in (pose, *([] if pose.copy is None else [Pose(pose.copy)])):
                squares = _squares(shape, canvas, shown, object_scale)
                xs, ys = zip(*itertools.chain.from_iterable(squares), strict=True)
                part = sheet.region((min(xs) - 1, min(ys) - 1, max(xs) + 1, max(ys) + 1))
                for square in squares:
                    part.polygon(square, HUES[shape.colour])
                _draw_ring(part, shape, canvas)
                part.onto(frame)
            return frame

        return draw

    def between(self, puzzle: Puzzle, a: Pose, b: Pose, t: float) -> Pose:
        late = b if t > 0.5 else a
        return Pose(lerp(a.turn, b.turn, t), lerp(a.lag, b.lag, t), lerp(a.out, b.out, t), lerp(a.size, b.size, t),
                    late.mirrored, late.copy)  # fmt: skip

    def cheats(self, puzzle: Puzzle) -> dict[str, list[Pose]]:
        path, turn = self.solution(puzzle), float(puzzle.turn)
        side = math.copysign(1, turn)
        return {
            "the_other_way_round": self._slowly(path[0], Pose(turn - 360 * side)),
            "nearly_20_degrees_short": self._slowly(path[0], Pose(turn - 20 * side)),
            "nearly_20_degrees_too_far": self._slowly(path[0], Pose(turn + 20 * side)),
            "nearly_mirrored": [*path, path[-1]._replace(mirrored=True)],
            "nearly_not_turned_in_itself": self._slowly(path[0], Pose(turn, -turn)),
            "nearly_turned_on_the_spot": self._slowly(path[0], Pose(0, turn)),
            "on_the_spot_and_then_about": [*self._slowly(path[0], Pose(0, turn)), path[-1]],
            "straight_across": [path[0], Pose(turn / 2, 0, -0.6), path[-1]],
            "nearly_too_far_out": self._slowly(path[0], Pose(turn, 0, 0.1 / math.hypot(*puzzle.thing.arm()))),
            "shrunk_and_grown": [path[0], Pose(0, size=0.1), Pose(turn, size=0.1), path[-1]],
            "one_stays_behind": [path[0], *(pose._replace(copy=0.0) for pose in path[1:]), path[-1]],
            "two_of_them": [*path, path[-1]._replace(copy=0.0)],
            "too_far_and_back": [*path, Pose(turn + 45 * side), path[-1]],
        }

    def _slowly(self, a: Pose, b: Pose) -> list[Pose]:
        """Go from one pose to another in four steps."""
        return [a._replace(turn=lerp(a.turn, b.turn, t), lag=lerp(a.lag, b.lag, t), out=lerp(a.out, b.out, t))
                for t in (0, 0.25, 0.5, 0.75, 1)]  # fmt: skip

    def alternatives(self, puzzle: Puzzle) -> dict[str, list[Pose]]:
        return {"at_once": self._slowly(Pose(0.0), Pose(float(puzzle.turn)))}

    def reader(self, puzzle: Puzzle, canvas: Size) -> Reader[Pose]:
        downscale = downscale_of(canvas)
        start = self.drawing(puzzle, Pose(0.0), canvas)
        bare = to_planes(_sheet(puzzle, canvas, downscale).pixels())
        (x, y), unit = _place(puzzle.thing.at, canvas)
        ys, xs = np.mgrid[: bare.shape[1], : bare.shape[2]]
        inside: Mask = np.hypot(ys + 0.5 - y / downscale, xs + 0.5 - x / downscale) < (_REACH + 0.03) * unit / downscale
        filled = bare.copy()
        filled[:, inside] = np.array(tone(HUES[puzzle.thing.colour]), np.uint8)[:, None]
        scene, empty = Scene(start, [bare, filled], inside), Envelope(bare)
        center = (x / downscale - 0.5, y / downscale - 0.5)
        shape = _ShapeReader(puzzle.thing, start, empty.unexplained(start), bare, center, unit / downscale)

        def read(frame: Planes) -> Reading[Pose]:
            planes, wrong = scene.look(frame)
            if wrong:
                return Reading(None, False, wrong)
            unexplained = empty.unexplained(planes)
            if lost(unexplained):
                return Reading(None, False, "scene_lost")
            return shape.read(planes, unexplained)

        return read

    def judge(self, puzzle: Puzzle, readings: Sequence[Reading[Pose]]) -> Verdict:
        return super().judge(puzzle, self._followed(puzzle, readings))

    def _followed(self, puzzle: Puzzle, readings: Sequence[Reading[Pose]]) -> list[Reading[Pose]]:
        """Accumulate the turns of the readings and note the first violation."""
        side = math.copysign(1, puzzle.turn)
        followed: list[Reading[Pose]] = []
        turned, farthest, wrong = 0.0, 0.0, None
        for reading in readings:
            pose = reading.state
            if pose is None:
                followed.append(reading)
                continue
            step = (pose.turn - turned + 180) % 360 - 180
            turned += step
            farthest = max(farthest, side * turned)
            if abs(step) > _LEAP:
                wrong = wrong or "teleport"
            elif side * turned < farthest - _BACK:
                wrong = wrong or "backwards"
            elif abs(pose.out) * math.hypot(*puzzle.thing.arm()) > _STRAY:
                wrong = wrong or "off_centre"
            followed.append(Reading(pose._replace(turn=turned, wrong=wrong), reading.scene_intact, reading.note))
        return followed

    def illegal(self, puzzle: Puzzle, a: Pose, b: Pose) -> str | None:
        return b.wrong

    def progress(self, puzzle: Puzzle, state: Pose) -> float:
        off = abs(state.turn - puzzle.turn)
        if state.clear and max(off, abs(state.turn + state.lag - puzzle.turn)) <= _EXACT:
            return 1.0
        # A turn too small to be told from the start earns nothing.
        return min(max(0.0, 1 - off / (abs(puzzle.turn) - _EXACT)), 0.99)

    def same(self, puzzle: Puzzle, a: Pose, b: Pose) -> bool:
        return abs((a.turn - b.turn + 180) % 360 - 180) <= _EXACT and abs(a.lag - b.lag) <= _EXACT


def _direction(puzzle: Puzzle) -> str:
    return "clockwise" if puzzle.turn > 0 else "counterclockwise"


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
    square = min(_SQUARE, _REACH / far)
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
    left, top, right, bottom = _BOARD
    return left + _EDGE + room, top + _EDGE + room, right - _EDGE - room, bottom - _EDGE - room


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
            turned = [(flip * x, y) for x, y in cells]
            for _ in range(4):
                turned = [(-y, x) for x, y in turned]
                left, top = min(x for x, _ in turned), min(y for _, y in turned)
                looks.add(tuple(sorted((x - left, y - top) for x, y in turned)))
        if len(looks) == 8:
            return rng.choice(sorted(looks))


def _random_others(rng: random.Random, shape: Shape, colors: Sequence[str]) -> tuple[Shape, ...] | None:
    """Choose other shapes outside the area where `shape` turns; None if there is no room."""
    corners = itertools.chain.from_iterable(map(shape.corners, shape.cells))
    # Center and radius of each area that is taken.
    taken = [((shape.at[0] / 1000, shape.at[1] / 1000), max(math.hypot(*_added(shape.arm(), c)) for c in corners))]
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
        x, y = _added(middle, _turned(other.arm(), other.tilt), -1)
        found.append(other.model_copy(update={"at": (round(1000 * x), round(1000 * y))}))
    return tuple(found)


def _place(at: tuple[int, int], canvas: Size) -> tuple[Point, float]:
    """A place in pixels, and the height of the image in pixels, which the canvas may exceed."""
    unit = min(canvas[1], canvas[0] / 1.5)
    left, top = (canvas[0] - 1.5 * unit) / 2, (canvas[1] - unit) / 2
    return (left + at[0] / 1000 * unit, top + at[1] / 1000 * unit), unit


def _turned(point: Point, degrees: float) -> Point:
    """Turn a point clockwise about the origin."""
    across, down = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return point[0] * across - point[1] * down, point[0] * down + point[1] * across


def _added(a: Point, b: Point, times: float = 1.0) -> Point:
    """Return a + times * b."""
    return a[0] + b[0] * times, a[1] + b[1] * times


def _squares(shape: Shape, canvas: Size, pose: Pose, object_scale: float) -> list[list[Point]]:
    """Corners of the squares of a shape in pixels."""
    center, unit = _place(shape.at, canvas)
    middle = _added(center, _turned(shape.arm(), shape.tilt + pose.turn), (1 + pose.out) * unit)
    flip, scale = -1 if pose.mirrored else 1, pose.size * object_scale * unit
    return [[_added(middle, _turned((flip * x, y), shape.tilt + pose.turn + pose.lag), scale)
             for x, y in shape.corners(cell)] for cell in shape.cells]  # fmt: skip


def _draw_ring(sketch: Sketch, shape: Shape, canvas: Size) -> None:
    center, unit = _place(shape.at, canvas)
    sketch.circle(center, _RING * unit, INK)
    sketch.circle(center, 0.45 * _RING * unit, WHITE)


def _sheet(puzzle: Puzzle, canvas: Size, downscale: float) -> Sketch:
    """Draw everything but the shape that turns."""
    sheet = Sketch(canvas, downscale=downscale)
    (left, top), unit = _place((round(1000 * _BOARD[0]), round(1000 * _BOARD[1])), canvas)
    right, bottom = left + (_BOARD[2] - _BOARD[0]) * unit, top + (_BOARD[3] - _BOARD[1]) * unit
    edge = _EDGE * unit
    sheet.rectangle((left, top, right, bottom), INK, radius=2 * edge)
    sheet.rectangle((left + edge, top + edge, right - edge, bottom - edge), WHITE, radius=edge)
    for other in puzzle.others:
        for square in _squares(other, canvas, Pose(0.0), 1):
            sheet.polygon(square, HUES[other.colour])
    _draw_ring(sheet, puzzle.thing, canvas)
    return sheet


class _ShapeReader:
    """Reads the pose of a shape from the position of its middle, and checks it against its form.

    Places are complex numbers: pixels of the view to the right of the point (real part) and below it (imaginary part).
    Ink is the opacity of the color of the shape, summed over pixels.
    """

    # Least and greatest ink of the shape, in shares of its ink at the start.
    LEAST, MOST = 0.72, 1.32
    # Degrees that the shape may be turned about its own middle, and smeared about the point.
    LAGS, SMEARS = (0.0, -4.0, 4.0, -8.0, 8.0), (-12.0, -6.0, 0.0, 6.0, 12.0)
    # Share of the places inside the shape that must have its color, clearly or smeared.
    INKED = 0.93

    def __init__(
        self, shape: Shape, start: Planes, unexplained: Mask, bare: Planes, center: Point, unit: float
    ) -> None:
        """Prepare to read a shape.

        Args:
            start: planes of the first frame.
            unexplained: pixels of `start` that differ from `bare`.
            bare: planes of the scene without the shape.
            center: the point to turn about, in pixels of the view.
            unit: height of the image in pixels of the view.
        """
        ys, xs = np.mgrid[: bare.shape[1], : bare.shape[2]].reshape(2, -1)
        self._center, self._width, self._shape = center, bare.shape[2], bare.shape[1:]
        self._place = (xs - center[0] + 1j * (ys - center[1])).astype(np.complex64)
        self._bare = bare.reshape(3, -1).astype(np.float32)
        self._tone = np.asarray(tone(HUES[shape.colour]), np.float32)[:, None]
        self._ring = _RING * unit + 2
        self._measure_form(shape, unit)
        # Measure the shape as it is seen at the start: the ring always hides the same part of it.
        at = np.flatnonzero(unexplained)
        ink = self._opacity(start.reshape(3, -1), at)
        self._mass = float(ink.sum())
        self._seen = complex((self._place[at] * ink).sum() / self._mass)
        self._hidden = complex(*_turned(shape.arm(), shape.tilt)) * unit - self._seen

    def _measure_form(self, shape: Shape, unit: float) -> None:
        """Measure the distance of each place about the middle from the shape, and choose places inside it."""
        side = shape.square / 1000 * unit
        corners = [_turned(corner, shape.tilt) for cell in shape.cells for corner in shape.corners(cell)]
        self._reach = math.ceil(max(math.hypot(*corner) for corner in corners) * unit) + 24
        ys, xs = np.mgrid[-self._reach : self._reach + 1, -self._reach : self._reach + 1]
        upright = (xs + 1j * ys) * _spun(-shape.tilt)
        self._off = np.full(xs.shape, np.inf, np.float32)
        for cell in shape.cells:
            about = upright - complex(*np.mean(shape.corners(cell), 0)) * unit
            beyond = [np.maximum(np.abs(part) - side / 2, 0) for part in (about.real, about.imag)]
            self._off = np.minimum(self._off, np.hypot(*beyond))
        self._slack = min(3.5, 1.2 + 0.2 * side)
        # Up to about 150 places well inside the shape, which must have its color.
        deep, step = self._off == 0, max(1, min(3, round(0.12 * side)))
        for axis, move in itertools.product((0, 1), (-step, step)):
            deep &= np.roll(self._off == 0, move, axis)
        inner = np.argwhere(deep) - self._reach
        inner = inner[:: max(1, len(inner) // 150)]
        self._inner = inner[:, 1] + 1j * inner[:, 0]

    def read(self, planes: Planes, unexplained: Mask) -> Reading[Pose]:
        """Read one frame; `unexplained` is a mask of the pixels that differ from the scene without the shape."""
        at, pixels = np.flatnonzero(unexplained), planes.reshape(3, -1)
        ink = self._opacity(pixels, at)
        mass = float(ink.sum())
        if mass < self.LEAST * self._mass:
            return Reading(None, False, "object_lost")
        if mass > self.MOST * self._mass:
            return Reading(None, False, "two_agents")
        middle = complex((self._place[at] * ink).sum() / mass)
        turn, size = float(np.angle(middle / self._seen, deg=True)), math.sqrt(mass / self._mass)
        out = abs(middle) / abs(self._seen) - 1
        middle += self._hidden * _spun(turn)
        for lag in self.LAGS:
            if self._fits(pixels, at, middle, turn + lag, size, (0.0,)):
                return Reading(Pose(turn, lag, out))
        if self._fits(pixels, at, middle, turn, size, self.SMEARS):
            return Reading(Pose(turn, 0.0, out, clear=False))
        return Reading(None, False, "out_of_shape")

    def _fits(
        self,
        pixels: Planes,
        at: npt.NDArray[np.intp],
        middle: complex,
        turn: float,
        size: float,
        smears: Sequence[float],
    ) -> bool:
        """Whether the shape in this pose explains all unexplained pixels and is complete."""
        inner = middle + self._inner * _spun(turn) * size
        inner = inner[np.abs(inner) > self._ring]
        column, row = (
            np.rint(part + c).astype(np.intp) for part, c in zip((inner.real, inner.imag), self._center, strict=True)
        )
        spots = np.clip(row, 0, self._shape[0] - 1) * self._width + np.clip(column, 0, self._width - 1)
        if np.mean(self._opacity(pixels, spots) > (0.6 if len(smears) == 1 else 0.3)) < self.INKED:
            return False
        off = np.full(len(at), np.inf, np.float32)
        for smear in smears:
            # Turn each pixel back to its place in the shape at the start.
            about = (self._place[at] * _spun(-smear) - middle) * (_spun(-turn) / size)
            column, row = (np.clip(np.rint(part).astype(np.intp) + self._reach, 0, 2 * self._reach)
                           for part in (about.real, about.imag))  # fmt: skip
            off = np.minimum(off, self._off[row, column])
        left: Mask = np.zeros(self._shape, bool)
        left.ravel()[at[off * size > self._slack]] = True
        return not patches(left)

    def _opacity(self, pixels: Planes, at: npt.NDArray[np.intp]) -> Floats:
        """Opacity of the color of the shape in some pixels, in [0, 1]."""
        behind = self._bare.take(at, 1)
        toward, seen = self._tone - behind, pixels.take(at, 1) - behind
        share = np.clip((seen * toward).sum(0) / np.maximum((toward * toward).sum(0), 1.0), 0, 1)
        other = most(np.abs(seen - share * toward)) > 48
        ink: Floats = np.where(other | (share < 0.15), 0, share).astype(np.float32)
        return ink


def _spun(degrees: float) -> complex:
    """Complex number that turns a place clockwise by multiplication."""
    return complex(math.cos(math.radians(degrees)), math.sin(math.radians(degrees)))
