"""Ball bounce: show how the blue ball continues to bounce, and where it hits the sticky wall.

     .              |=|      A video passes if the ball follows the path that gravity and its bounces determine. Each
    . .   o         | |      bounce reaches the same share of the height before, which the dotted trail shows, and the
   .   . .  :     . |=|      speed to the right is constant. The ball sticks to the field of the wall where this path
        v    :   .  | |      ends. Another field, a higher or lower bounce, a path through the floor and a jump fail.
    ------------v---|=|      The video may run at any speed.

The plan length is the number of bounces plus one for the hit. Lengths are continuous, so there are far more than 10,000
questions at every difficulty.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vmevalkit.media import Planes
from vmevalkit.tasks.base import Fault, Painter, Reader, Reading, Task, lerp, register_task
from vmevalkit.tasks.toolkit.draw import BLUE, INK, SAND, SKY, UMBER, Color, Point, Sketch
from vmevalkit.tasks.toolkit.levels import levels
from vmevalkit.tasks.toolkit.motion import Scale, first_of, jumped, popped, vanished
from vmevalkit.tasks.toolkit.sums import added
from vmevalkit.tasks.toolkit.vision import downscale_of, to_planes
from vmevalkit.tasks.toolkit.walk import AGENT_REASONS, agent_reader, disc_painter
from vmevalkit.types import Record, Size


class Level(NamedTuple):
    """Settings of one difficulty: number of bounces, of fields of the wall, and of steps of the solution."""

    bounces: int
    fields: int
    moments: int


LEVELS = levels(
    Level(bounces=1, fields=4, moments=6),
    Level(bounces=2, fields=4, moments=7),
    Level(bounces=3, fields=4, moments=12),
    Level(bounces=4, fields=5, moments=16),
    Level(bounces=5, fields=5, moments=20),
)
# In shares of the height of the image: radius of the ball, left side and width of the wall, height of a field, height
# of the floor above the lower edge, thickness of the floor.
_BALL, _WALL, _WIDE, _FIELD, _FLOOR, _BOARD = 0.034, 1.32, 0.08, 0.13, 0.14, 0.024
# Least distance of the center of the ball from the edges of the field that it hits.
_INSIDE = 0.02
# Largest distance of the ball from its path, largest movement back, and largest movement between two readings.
_OFF, _BACK, _LEAP = 0.045, 0.03, 0.33
# A shorter movement is none, and a shorter one is never a jump. Width of a part of its way in which it must be seen.
_SCALE, _STEP = Scale(still=0.006, jump=0.06), 0.2
# The ball rests if it is nearer to its resting place than this.
_RESTS = 0.04


class Puzzle(Record):
    """A throw. Lengths are in heights of the image: x from the left edge to the right, heights above the floor.

    The ball was released at (`x`, `height`) with `speed` to the right, in units in which gravity is 1. Each bounce
    keeps the share `kept` of the height. The ball has bounced once and is at the top of its next flight; `bounces`
    follow.
    """

    x: float
    height: float
    speed: float
    kept: float
    bounces: int
    fields: int
    moments: int

    @property
    def start(self) -> float:
        """Time at which the video begins: at the top after the first bounce. The ball is released at time 0."""
        return math.sqrt(2 * self.height) * (1 + math.sqrt(self.kept))

    def _flight(self, time: float) -> tuple[float, float]:
        """Return the height of the top of the flight at a time, and the time since that top (negative before it)."""
        top, left = self.height, time - math.sqrt(2 * self.height)
        if left < 0:
            return top, time
        while True:
            top *= self.kept
            flight = 2 * math.sqrt(2 * top)
            if left <= flight:
                return top, left - flight / 2
            left -= flight

    @property
    def end(self) -> float:
        """Time at which the ball hits the wall."""
        return (_WALL - _BALL - self.x) / self.speed

    @property
    def field(self) -> int:
        """Number of the field that the ball hits, counted from 0 at the bottom."""
        return int((self.place(self.end)[1] + _BALL) / _FIELD)

    def place(self, time: float) -> tuple[float, float]:
        """Return the place of the ball at a time: x, and the height of its lowest point."""
        time = min(time, self.end)
        top, after = self._flight(time)
        return self.x + self.speed * time, top - after * after / 2


class Ball(NamedTuple):
    """A moment: x and height as in `Puzzle`, and the time if it is part of a solution."""

    x: float
    height: float
    time: float | None = None


@register_task
class BallBounce(Task[Puzzle, Ball]):
    """A ball bounces. The state is its place."""

    name = "ball_bounce"
    tags = ("physics",)
    puzzle_type = Puzzle
    reasons = {
        **AGENT_REASONS,
        "off_course": "The ball leaves the path that gravity and its bounces determine.",
        "backwards": "The ball moves backwards.",
    }
    rubric = {
        "outcome": "The ball sticks to the field of the wall that its bouncing path leads to.",
        "process": (
            "The ball moves to the right along the path of gravity and its bounces. Each bounce keeps the share of the "
            "height that the dotted trail shows. The video may run at any speed."
        ),
    }

    def generate(self, rng: random.Random, difficulty: int) -> Puzzle:
        bounces, fields, moments = LEVELS[difficulty]
        while True:
            x, height, kept = rng.uniform(0.08, 0.14), rng.uniform(0.54, 0.7), rng.uniform(0.58 + 0.04 * bounces, 0.9)
            flights = [2 * math.sqrt(2 * height * kept**i) for i in range(1, bounces + 2)]
            target = rng.randrange(fields)
            # Choose the moment of the last flight at which the ball hits the wall, until it hits the target field. So
            # all fields are about equally frequent answers.
            for _ in range(20):
                hit = math.sqrt(2 * height) + added(flights[:-1]) + rng.uniform(0.05, 0.95) * flights[-1]
                puzzle = Puzzle(
                    x=round(x, 3), height=round(height, 3), speed=round((_WALL - _BALL - x) / hit, 4),
                    kept=round(kept, 3), bounces=bounces, fields=fields, moments=moments,
                )  # fmt: skip
                above = (puzzle.place(puzzle.end)[1] + _BALL) / _FIELD - puzzle.field
                if puzzle.field == target and _INSIDE / _FIELD < above < 1 - _INSIDE / _FIELD:
                    return puzzle

    def solution(self, puzzle: Puzzle) -> list[Ball]:
        # Equal intervals of time, so that the ball moves as in reality.
        times = np.linspace(puzzle.start, puzzle.end, puzzle.moments + 1).tolist()
        return [Ball(*puzzle.place(time), time) for time in times]

    def steps(self, puzzle: Puzzle) -> list[str]:
        return ["bounce once, a little lower"] * puzzle.bounces + [f"hit field {puzzle.field + 1} from below"]

    def plan_text(self, puzzle: Puzzle) -> str:
        times = f"{puzzle.bounces} times" if puzzle.bounces > 1 else "once"
        return f"bounce {times}, each time lower, then hit field {puzzle.field + 1} of the wall, counted from below"

    def in_words(self, puzzle: Puzzle, state: Ball) -> dict[str, str]:
        if state.x > _WALL - _BALL - _RESTS:
            return {"the ball": f"at field {int((state.height + _BALL) / _FIELD) + 1} of the wall"}
        way = (state.x - puzzle.place(puzzle.start)[0]) / (puzzle.place(puzzle.end)[0] - puzzle.place(puzzle.start)[0])
        where = f"{100 * way:.0f} % of the way to the wall, {state.height:.2f} heights of the image above the floor"
        return {"the ball": where}

    def phrasings(self, puzzle: Puzzle) -> Sequence[str]:
        return (
            "A blue ball flies to the right and has bounced once; the light dots show where it was, at equal times. "
            "Show how it goes on by gravity: it keeps its speed to the right, each bounce on the floor loses the same "
            "share of height as the first one, until it hits the sticky wall and stays there. The camera is fixed.",
            "The dotted trail shows a bouncing ball up to now. Continue its flight as physics demands: parabolas, each "
            "bounce lower than the one before by the same factor, until the ball sticks to one of the fields of the "
            "wall on the right. The trail stays, and the camera does not move.",
            "Let the blue ball bounce on to the right. Gravity pulls it down, every bounce keeps the same part of its "
            "height as the trail shows, and it comes to rest on the wall where this path ends. Static side view.",
        )

    def painter(self, puzzle: Puzzle, canvas: Size, downscale: float = 1, object_scale: float = 1) -> Painter[Ball]:
        sheet, (left, floor, unit) = _sheet(puzzle, canvas, downscale)

        def center(ball: Ball) -> Point:
            return left + ball.x * unit, floor - (ball.height + _BALL) * unit

        return disc_painter(sheet, BLUE, _BALL * unit * object_scale, center)

    def between(self, puzzle: Puzzle, a: Ball, b: Ball, t: float) -> Ball:
        if a.time is None or b.time is None:
            return Ball(lerp(a.x, b.x, t), lerp(a.height, b.height, t))
        time = lerp(a.time, b.time, t)
        return Ball(*puzzle.place(time), time)

    def without_mover(self, puzzle: Puzzle, state: Ball, a: Ball, b: Ball) -> Ball:
        return Ball(-9.0, -9.0)

    def cheats(self, puzzle: Puzzle) -> dict[str, list[Ball]]:
        path = self.solution(puzzle)
        # Without a time, so that the ball moves there in a straight line.
        end, half = path[-1]._replace(time=None), len(path) // 2
        aside = Ball(end.x, end.height + (_FIELD if end.height < 0.3 else -_FIELD))
        springy = puzzle.model_copy(update={"kept": min(0.98, puzzle.kept + 0.15)})
        lively = [Ball(*springy.place(time)) for time in np.linspace(puzzle.start, puzzle.end, 16).tolist()]
        return {
            "straight_to_the_wall": [path[0], end],
            "through_the_floor": [path[0], Ball(path[half].x, -0.08), end],
            "bounces_too_high": [path[0], *lively, end],
            "carried_over": [*path[:half], Ball(path[half].x, 0.5), Ball(end.x - 0.1, 0.5), end],
            "slides_up_the_wall": [*path, aside],
            "nearly_the_next_field": [*path[:-2], Ball(end.x - 0.1, aside.height), aside],
            "nearly_at_the_wall": [*path[:-1], path[-2]],
        }

    def reader(self, puzzle: Puzzle, canvas: Size) -> Reader[Ball]:
        downscale = downscale_of(canvas)
        sheet, lengths = _sheet(puzzle, canvas, downscale)
        left, floor, unit = (length / downscale for length in lengths)
        start = self.drawing(puzzle, self.solution(puzzle)[0], canvas)
        find = agent_reader(start, to_planes(sheet.pixels()), BLUE, _BALL * unit, slack=0.09 * unit)

        def read(frame: Planes) -> Reading[Ball]:
            found = find(frame)
            if found.state is None:
                return Reading(None, found.scene_intact, found.note)
            x, y = found.state
            return Reading(Ball((x - left) / unit, (floor - y) / unit - _BALL))

        return read

    def illegal(self, puzzle: Puzzle, a: Ball, b: Ball) -> str | None:
        curve = _curve(puzzle)
        if np.hypot(curve[0] - b.x, curve[1] - b.height).min() > _OFF:
            return "off_course"
        if b.x < a.x - _BACK:
            return "backwards"
        return "teleport" if math.dist(a[:2], b[:2]) > _LEAP else None

    def interrupted(self, puzzle: Puzzle, readings: Sequence[Reading[Ball]]) -> Fault | None:
        places = [reading.state and reading.state[:2] for reading in readings]
        # Only the speed to the right is constant.
        across = [place and (place[0], 0.0) for place in places]
        return first_of(
            vanished([places], _SCALE, lambda place: int(place[0] / _STEP)),
            jumped([across], _SCALE),
            popped(across, _SCALE),
        )

    def progress(self, puzzle: Puzzle, state: Ball) -> float:
        start, end = (puzzle.place(time) for time in (puzzle.start, puzzle.end))
        if math.dist(state[:2], end) < _RESTS:
            return 1.0
        return min(0.99, max(0.0, (state.x - start[0]) / (end[0] - start[0])))

    def same(self, puzzle: Puzzle, a: Ball, b: Ball) -> bool:
        return math.dist(a[:2], b[:2]) < _RESTS


@lru_cache(maxsize=64)
def _curve(puzzle: Puzzle) -> npt.NDArray[np.float64]:
    """Return places on the path of the ball, shape (2, count): x and height."""
    times = np.linspace(puzzle.start, puzzle.end, 400).tolist()
    places: npt.NDArray[np.float64] = np.array([puzzle.place(time) for time in times]).T
    return places


def _sheet(puzzle: Puzzle, canvas: Size, downscale: float) -> tuple[Sketch, tuple[float, float, float]]:
    """Draw the scene without the ball. Return it with its left edge, the y of the floor and the unit, in pixels."""
    unit = min(canvas[1], canvas[0] / 1.5)
    left, floor = (canvas[0] - 1.5 * unit) / 2, (canvas[1] + unit) / 2 - _FLOOR * unit
    sketch = Sketch(canvas, downscale=downscale)

    def bar(x: float, top: float, right: float, bottom: float, color: Color) -> None:
        sketch.rectangle((left + x * unit, floor - top * unit, left + right * unit, floor - bottom * unit), color)

    bar(0.05, 0, _WALL + _WIDE, -_BOARD, INK)
    for i in range(puzzle.fields):
        bar(_WALL, (i + 1) * _FIELD, _WALL + _WIDE, i * _FIELD, (UMBER, SAND)[i % 2])
    step = puzzle.start / 14
    for i in range(14):
        x, height = puzzle.place(i * step)
        sketch.circle((left + x * unit, floor - (height + _BALL) * unit), 0.014 * unit, SKY)
    return sketch, (left, floor, unit)
