"""Rotation: turn the colored shape about the marked point by an angle, in the direction that is asked for.

      ##                        A video passes when the shape is seen to turn about the ring, by the angle and in the
      ##                        direction asked for, without changing its form or its distance, and rests there, while
      ####    -->     ####      the ring and other things stay. Turning the other way, jumping, going straight across,
                      ##        a mirrored or second shape, and an end that is 20 degrees off do not pass.
         o     o    ####

The ring lies inside the shape at difficulty 1, on its edge at 2, and beside it above, where other shapes stand by. The
plan length is the number of turns by 30 degrees (45 for an angle that is no multiple of 30). There are far more than
10,000 questions at every difficulty.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vmevalkit.media import Frame, Planes
from vmevalkit.tasks.base import Painter, Reader, Reading, Task, lerp, register_task
from vmevalkit.tasks.toolkit.draw import HUES, INK, WHITE, Box, Point, Sketch
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

# Difficulty: the angles, how many squares a shape has, and how many other shapes there are.
_LEVELS = {
    1: ((60, 90), (4, 5), 0), 2: ((120, 135), (5, 5), 0), 3: ((150, 180), (5, 5), 1), 4: ((210, 240), (5, 6), 2),
    5: ((270, 300), (6, 6), 2),
}  # fmt: skip
_SHARES = {
    60: "a sixth of a turn", 90: "a quarter turn", 120: "a third of a turn", 135: "three eighths of a turn",
    150: "less than half a turn", 180: "half a turn", 210: "more than half a turn", 240: "two thirds of a turn",
    270: "three quarters of a turn", 300: "five sixths of a turn",
}  # fmt: skip
_COLORS = ("blue", "orange", "green", "purple", "red", "brown")
# In shares of the picture's height: the ring, how far from the point a shape reaches, and the largest square.
_RING, _REACH, _SQUARE = 0.036, 0.37, 0.12
# The board (left, top, right, bottom) in a picture of 1.5 x 1, and the thickness of its edge.
_BOARD, _EDGE = (0.055, 0.055, 1.445, 0.945), 0.028
# Degrees: a farther turn from one seen moment to the next is a jump; further back is backwards; the end's tolerance.
_LEAP, _BACK, _EXACT = 40.0, 8.0, 8.0
# How much nearer to the point or farther from it the shape may be, in shares of the picture's height.
_STRAY = 0.05


class Thing(Record):
    """A shape of unit squares (column, row), and where its point (in half squares) is, in thousandths of the height.

    `square` is a square's side in thousandths, `tilt` how far the shape is turned clockwise in degrees.
    """

    cells: Cells
    point: tuple[int, int]
    at: tuple[int, int]
    square: int
    tilt: int
    colour: str

    def middle(self) -> Point:
        """The shape's center of gravity, in squares."""
        return (sum(x for x, _ in self.cells) / len(self.cells) + 0.5,
                sum(y for _, y in self.cells) / len(self.cells) + 0.5)  # fmt: skip

    def arm(self) -> Point:
        """From the point to the middle, in shares of the height, if the shape were not turned at all."""
        (x, y), side = self.middle(), self.square / 1000
        return (x - self.point[0] / 2) * side, (y - self.point[1] / 2) * side

    def corners(self, cell: tuple[int, int]) -> list[Point]:
        """Corners of a square, from the shape's middle, in shares of the height, if the shape were not turned."""
        (x, y), side = self.middle(), self.square / 1000
        return [((cell[0] + right - x) * side, (cell[1] + down - y) * side)
                for right, down in ((0, 0), (1, 0), (1, 1), (0, 1))]  # fmt: skip


class Puzzle(Record):
    """A shape, by how many degrees to turn it (clockwise if positive), and the shapes that stand by."""

    thing: Thing
    turn: int
    others: tuple[Thing, ...]


class Pose(NamedTuple):
    """A moment: by how many degrees the shape has gone clockwise about the point, and what else is the matter with it.

    Attributes:
        lag: by how many degrees it is turned in itself, over and above that.
        out: how much farther from the point it is, in shares of its distance.
        size, mirrored, copy: its scale, whether it is mirrored, and where a second one is.
        clear: whether it was seen clearly, not smeared.
        wrong: what was against the rules so far, in states that are judged.
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
    """One shape turns about a point; the state is how far."""

    name = "rotation"
    puzzle_type = Puzzle
    reasons = {
        "backwards": "The shape turns in the wrong direction.",
        "off_centre": "The shape does not keep its distance from the marked point.",
        "out_of_shape": "The shape is deformed, mirrored, or not turned as its way about the point demands.",
        "object_lost": "The shape is gone.",
        "two_agents": "The shape is in more than one place.",
    }
    rubric = {
        "outcome": (
            "The shape is turned about the ring by the angle and in the direction that was asked for, give or "
            "take some degrees, and is not mirrored."
        ),
        "process": "The shape is seen to turn about the ring, with its form and its distance from the ring kept.",
    }

    def generate(self, rng: random.Random, difficulty: int) -> Puzzle:
        angles, counts, others = _LEVELS[difficulty]
        while True:
            colors = rng.sample(_COLORS, others + 1)
            thing = _thing(rng, rng.randint(*counts), difficulty, colors[0], bool(others))
            aside = _others(rng, thing, colors[1:]) if thing else None
            if thing and aside is not None:
                return Puzzle(thing=thing, turn=rng.choice(angles) * rng.choice((-1, 1)), others=aside)

    def solution(self, puzzle: Puzzle) -> list[Pose]:
        step = 30 if puzzle.turn % 30 == 0 else 45
        count = abs(puzzle.turn) // step
        return [Pose(puzzle.turn * i / count) for i in range(count + 1)]

    def steps(self, puzzle: Puzzle) -> list[str]:
        step = abs(puzzle.turn) // (len(self.solution(puzzle)) - 1)
        return [f"turn the {puzzle.thing.colour} shape {_way(puzzle)} to {i * step} degrees from where it was"
                for i in range(1, abs(puzzle.turn) // step + 1)]  # fmt: skip

    def plan_text(self, puzzle: Puzzle) -> str:
        step = abs(puzzle.turn) // (len(self.solution(puzzle)) - 1)
        angles = ", ".join(str(i * step) for i in range(1, abs(puzzle.turn) // step + 1))
        return f"the {puzzle.thing.colour} shape turns {_way(puzzle)} to {angles} degrees from where it was"

    def phrasings(self, puzzle: Puzzle) -> Sequence[str]:
        color, angle, way = puzzle.thing.colour, f"{abs(puzzle.turn)} degrees", _way(puzzle)
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

    # ---------------------------------------------------------------------------------------------------- the states

    def painter(self, puzzle: Puzzle, canvas: Size, downscale: float = 1, object_scale: float = 1) -> Painter[Pose]:
        sheet, thing = _sheet(puzzle, canvas, downscale), puzzle.thing
        base = sheet.pixels()

        def draw(pose: Pose) -> Frame:
            frame: Frame = base.copy()
            for pose_ in (pose, *([] if pose.copy is None else [Pose(pose.copy)])):
                squares = _squares(thing, canvas, pose_, object_scale)
                xs, ys = zip(*itertools.chain.from_iterable(squares), strict=True)
                part = sheet.region((min(xs) - 1, min(ys) - 1, max(xs) + 1, max(ys) + 1))
                for square in squares:
                    part.polygon(square, HUES[thing.colour])
                _ring(part, thing, canvas)
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
        return [a._replace(turn=lerp(a.turn, b.turn, t), lag=lerp(a.lag, b.lag, t), out=lerp(a.out, b.out, t))
                for t in (0, 0.25, 0.5, 0.75, 1)]  # fmt: skip

    def alternatives(self, puzzle: Puzzle) -> dict[str, list[Pose]]:
        return {"at_once": self._slowly(Pose(0.0), Pose(float(puzzle.turn)))}

    # ----------------------------------------------------------------------------------------------------- judging

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
        eye = _Eye(puzzle.thing, start, empty.unexplained(start), bare, center, unit / downscale)

        def read(frame: Planes) -> Reading[Pose]:
            planes, wrong = scene.look(frame)
            if wrong:
                return Reading(None, False, wrong)
            strange = empty.unexplained(planes)
            if lost(strange):
                return Reading(None, False, "scene_lost")
            return eye.read(planes, strange)

        return read

    def judge(self, puzzle: Puzzle, readings: Sequence[Reading[Pose]]) -> Verdict:
        return super().judge(puzzle, self._followed(puzzle, readings))

    def _followed(self, puzzle: Puzzle, readings: Sequence[Reading[Pose]]) -> list[Reading[Pose]]:
        """Readings with the turns added up, and what was against the rules."""
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
        # What cannot be told from the start is worth nothing.
        return min(max(0.0, 1 - off / (abs(puzzle.turn) - _EXACT)), 0.99)

    def same(self, puzzle: Puzzle, a: Pose, b: Pose) -> bool:
        return abs((a.turn - b.turn + 180) % 360 - 180) <= _EXACT and abs(a.lag - b.lag) <= _EXACT


def _way(puzzle: Puzzle) -> str:
    return "clockwise" if puzzle.turn > 0 else "counterclockwise"


# ------------------------------------------------------------------------------------------------------- the puzzle


def _thing(rng: random.Random, count: int, difficulty: int, color: str, aside: bool) -> Thing | None:
    """A shape and its point; None if they do not suit each other."""
    cells = _shape(rng, count)
    # In half squares: the middle of a square, a corner, or a place beside the shape.
    inner = {(2 * x + 1, 2 * y + 1) for x, y in cells}
    edge = {(2 * x + right, 2 * y + down) for x, y in cells for right in (0, 2) for down in (0, 2)}
    beside = {(x + right, y + down) for x, y in inner for right in (-4, -2, 0, 2, 4) for down in (-4, -2, 0, 2, 4)}
    choice = {1: inner, 2: edge}.get(difficulty, beside - inner)
    point = rng.choice(sorted(choice))
    far = max(math.hypot(x - point[0] / 2, y - point[1] / 2) for x, y in ((a / 2, b / 2) for a, b in edge))
    square = min(_SQUARE, _REACH / far)
    left, top, right, bottom = _within(square * far + 0.03)
    if left > right or top > bottom:
        return None
    # To one side, where others need room.
    x = rng.choice((left, right)) if aside else rng.uniform(left, right)
    thing = Thing(cells=cells, point=point, at=(round(1000 * x), round(1000 * rng.uniform(top, bottom))),
                  square=int(1000 * square), tilt=15 * rng.randrange(24), colour=color)  # fmt: skip
    # The middle must lie clearly off the point, for which way the shape points to be unmistakable.
    return thing if math.hypot(*thing.arm()) >= 0.09 and square >= 0.07 else None


def _within(room: float) -> Box:
    """The part of the board that is so far from its edge."""
    left, top, right, bottom = _BOARD
    return left + _EDGE + room, top + _EDGE + room, right - _EDGE - room, bottom - _EDGE - room


def _shape(rng: random.Random, count: int) -> Cells:
    """Joined squares without any symmetry."""
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


def _others(rng: random.Random, thing: Thing, colors: Sequence[str]) -> tuple[Thing, ...] | None:
    """Shapes that stand by, clear of where the other one turns; None if there is no room."""
    corners = itertools.chain.from_iterable(map(thing.corners, thing.cells))
    # Places that are taken, with the room around them.
    taken = [((thing.at[0] / 1000, thing.at[1] / 1000), max(math.hypot(*_added(thing.arm(), c)) for c in corners))]
    found: list[Thing] = []
    for color in colors:
        other = Thing(cells=_shape(rng, rng.randint(4, 5)), point=(0, 0), at=(0, 0), square=70,
                      tilt=15 * rng.randrange(24), colour=color)  # fmt: skip
        room = max(math.hypot(*c) for cell in other.cells for c in other.corners(cell))
        left, top, right, bottom = _within(room + 0.03)
        for _ in range(60):
            middle = (rng.uniform(left, right), rng.uniform(top, bottom))
            if all(math.dist(middle, place) > room + wide + 0.06 for place, wide in taken):
                break
        else:
            return None
        taken.append((middle, room))
        x, y = _added(middle, _turned(other.arm(), other.tilt), -1)
        found.append(other.model_copy(update={"at": (round(1000 * x), round(1000 * y))}))
    return tuple(found)


# ------------------------------------------------------------------------------------------------------ the drawing


def _place(at: tuple[int, int], canvas: Size) -> tuple[Point, float]:
    """A place in pixels, and the picture's height, which a canvas may exceed."""
    unit = min(canvas[1], canvas[0] / 1.5)
    left, top = (canvas[0] - 1.5 * unit) / 2, (canvas[1] - unit) / 2
    return (left + at[0] / 1000 * unit, top + at[1] / 1000 * unit), unit


def _turned(point: Point, degrees: float) -> Point:
    """A point turned clockwise about the origin."""
    across, down = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return point[0] * across - point[1] * down, point[0] * down + point[1] * across


def _added(a: Point, b: Point, times: float = 1.0) -> Point:
    return a[0] + b[0] * times, a[1] + b[1] * times


def _squares(thing: Thing, canvas: Size, pose: Pose, object_scale: float) -> list[list[Point]]:
    """The squares of a shape in pixels."""
    center, unit = _place(thing.at, canvas)
    middle = _added(center, _turned(thing.arm(), thing.tilt + pose.turn), (1 + pose.out) * unit)
    flip, scale = -1 if pose.mirrored else 1, pose.size * object_scale * unit
    return [[_added(middle, _turned((flip * x, y), thing.tilt + pose.turn + pose.lag), scale)
             for x, y in thing.corners(cell)] for cell in thing.cells]  # fmt: skip


def _ring(sketch: Sketch, thing: Thing, canvas: Size) -> None:
    center, unit = _place(thing.at, canvas)
    sketch.circle(center, _RING * unit, INK)
    sketch.circle(center, 0.45 * _RING * unit, WHITE)


def _sheet(puzzle: Puzzle, canvas: Size, downscale: float) -> Sketch:
    """Everything but the shape that turns."""
    sheet = Sketch(canvas, downscale=downscale)
    (left, top), unit = _place((round(1000 * _BOARD[0]), round(1000 * _BOARD[1])), canvas)
    right, bottom = left + (_BOARD[2] - _BOARD[0]) * unit, top + (_BOARD[3] - _BOARD[1]) * unit
    edge = _EDGE * unit
    sheet.rectangle((left, top, right, bottom), INK, radius=2 * edge)
    sheet.rectangle((left + edge, top + edge, right - edge, bottom - edge), WHITE, radius=edge)
    for other in puzzle.others:
        for square in _squares(other, canvas, Pose(0.0), 1):
            sheet.polygon(square, HUES[other.colour])
    _ring(sheet, puzzle.thing, canvas)
    return sheet


# ------------------------------------------------------------------------------------------------------ the reading


class _Eye:
    """Reads how far a shape has turned: from where its middle is, checked with its form.

    Places are complex numbers: pixels of the view to the right of the point, and downwards.
    """

    # Share of the shape's ink that must be there, and how much more may be.
    LEAST, MOST = 0.72, 1.32
    # Degrees by which it may be turned in itself against its way, and by which it may be smeared about the point.
    LAGS, SMEARS = (0.0, -4.0, 4.0, -8.0, 8.0), (-12.0, -6.0, 0.0, 6.0, 12.0)
    # Share of the places inside it that must be inked, clearly or smeared.
    INKED = 0.93

    def __init__(self, thing: Thing, start: Planes, strange: Mask, bare: Planes, center: Point, unit: float) -> None:
        ys, xs = np.mgrid[: bare.shape[1], : bare.shape[2]].reshape(2, -1)
        self._center, self._width, self._shape = center, bare.shape[2], bare.shape[1:]
        self._place = (xs - center[0] + 1j * (ys - center[1])).astype(np.complex64)
        self._bare = bare.reshape(3, -1).astype(np.float32)
        self._tone = np.asarray(tone(HUES[thing.colour]), np.float32)[:, None]
        self._ring = _RING * unit + 2
        # How far outside the shape, as it is at the start, each place about its middle is.
        side = thing.square / 1000 * unit
        corners = [_turned(corner, thing.tilt) for cell in thing.cells for corner in thing.corners(cell)]
        self._reach = math.ceil(max(math.hypot(*corner) for corner in corners) * unit) + 24
        ys, xs = np.mgrid[-self._reach : self._reach + 1, -self._reach : self._reach + 1]
        upright = (xs + 1j * ys) * _spun(-thing.tilt)
        self._off = np.full(xs.shape, np.inf, np.float32)
        for cell in thing.cells:
            about = upright - complex(*np.mean(thing.corners(cell), 0)) * unit
            beyond = [np.maximum(np.abs(part) - side / 2, 0) for part in (about.real, about.imag)]
            self._off = np.minimum(self._off, np.hypot(*beyond))
        self._slack = min(3.5, 1.2 + 0.2 * side)
        # Some places well inside, where the shape's color must be.
        deep, step = self._off == 0, max(1, min(3, round(0.12 * side)))
        for axis, move in itertools.product((0, 1), (-step, step)):
            deep &= np.roll(self._off == 0, move, axis)
        inner = np.argwhere(deep) - self._reach
        inner = inner[:: max(1, len(inner) // 150)]
        self._inner = inner[:, 1] + 1j * inner[:, 0]
        # What is seen of it at the start: the ring hides a part, always the same.
        at = np.flatnonzero(strange)
        ink = self._opacity(start.reshape(3, -1), at)
        self._mass = float(ink.sum())
        self._seen = complex((self._place[at] * ink).sum() / self._mass)
        self._hidden = complex(*_turned(thing.arm(), thing.tilt)) * unit - self._seen

    def read(self, planes: Planes, strange: Mask) -> Reading[Pose]:
        at, pixels = np.flatnonzero(strange), planes.reshape(3, -1)
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
        """Whether all strange pixels belong to the shape in some position, and all of it is there."""
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
            # Back to where the pixel's place is in the shape at the start.
            about = (self._place[at] * _spun(-smear) - middle) * (_spun(-turn) / size)
            column, row = (np.clip(np.rint(part).astype(np.intp) + self._reach, 0, 2 * self._reach)
                           for part in (about.real, about.imag))  # fmt: skip
            off = np.minimum(off, self._off[row, column])
        left: Mask = np.zeros(self._shape, bool)
        left.ravel()[at[off * size > self._slack]] = True
        return not patches(left)

    def _opacity(self, pixels: Planes, at: npt.NDArray[np.intp]) -> Floats:
        """How much of the shape's color some pixels have."""
        behind = self._bare.take(at, 1)
        toward, seen = self._tone - behind, pixels.take(at, 1) - behind
        share = np.clip((seen * toward).sum(0) / np.maximum((toward * toward).sum(0), 1.0), 0, 1)
        other = most(np.abs(seen - share * toward)) > 48
        ink: Floats = np.where(other | (share < 0.15), 0, share).astype(np.float32)
        return ink


def _spun(degrees: float) -> complex:
    """What turns a place clockwise, by multiplication."""
    return complex(math.cos(math.radians(degrees)), math.sin(math.radians(degrees)))
