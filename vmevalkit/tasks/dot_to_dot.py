"""Dot to dot: join the numbered dots in order with one blue line, and close it.

        2                    A video passes if a line grows from dot 1 to 2, 3 and so on, straight from dot to dot, and
      /   \\                  back to dot 1, and if the finished drawing is held. Dots and numbers must stay. A video
    1       3                fails if a line appears elsewhere, grows from the wrong end, or appears all at once.
      \\   /
        4

The plan length is the number of straight lines. There are far more than 10,000 questions at every difficulty.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Sequence
from typing import NamedTuple

from vmevalkit.tasks.base import register_task
from vmevalkit.tasks.toolkit.draw import BLUE, INK, Point, Sketch, digit
from vmevalkit.tasks.toolkit.levels import levels
from vmevalkit.tasks.toolkit.strokes import STROKE_REASONS, Stroke, StrokesTask
from vmevalkit.types import Record, Size


class Level(NamedTuple):
    """Settings of one difficulty: range of the number of dots."""

    fewest: int
    most: int


LEVELS = levels(
    Level(fewest=4, most=4),
    Level(fewest=5, most=6),
    Level(fewest=7, most=7),
    Level(fewest=8, most=8),
    Level(fewest=9, most=9),
)
# Shares of the height of the image: radius of a dot, least distance between dots, least distance of a dot from the
# lines of others, and height of a number.
_DOT, _APART, _CLEAR, _NUMBER = 0.03, 0.26, 0.11, 0.095


class Puzzle(Record):
    """Dots in the order of their numbers, and the center of each number, in thousandths of the image's height."""

    dots: tuple[tuple[int, int], ...]
    labels: tuple[tuple[int, int], ...]


@register_task
class DotToDot(StrokesTask[Puzzle]):
    """One line through all dots. The state is how much of it is drawn."""

    name = "dot_to_dot"
    tags = ("counting", "perception")
    puzzle_type = Puzzle
    reasons = STROKE_REASONS
    rubric = {
        "outcome": "A closed line joins the dots in the order of their numbers and returns to 1.",
        "process": "The line grows from dot 1 to 2, 3 and so on, straight from dot to dot, in one place at a time.",
    }

    def generate(self, rng: random.Random, difficulty: int) -> Puzzle:
        level = LEVELS[difficulty]
        count = rng.randint(level.fewest, level.most)
        while True:
            dots = _scatter(rng, count)
            labels = _place_labels(dots) if dots else None
            if labels:
                scaled = [tuple((round(x * 1000), round(y * 1000)) for x, y in points) for points in (dots, labels)]
                return Puzzle(dots=scaled[0], labels=scaled[1])

    def steps(self, puzzle: Puzzle) -> list[str]:
        count = len(puzzle.dots)
        return [f"draw a line from dot {i + 1} to dot {(i + 1) % count + 1}" for i in range(count)]

    def plan_text(self, puzzle: Puzzle) -> str:
        return "the line goes from " + " to ".join(str(i + 1) for i in range(len(puzzle.dots))) + " to 1"

    def line_in_words(self, puzzle: Puzzle, line: int) -> str:
        return "the line"

    def phrasings(self, puzzle: Puzzle) -> Sequence[str]:
        last = len(puzzle.dots)
        return (
            f"Connect the dots: a blue line starts at dot 1 and grows straight from number to number in order up to "
            f"{last}, then back to dot 1. The line is drawn continuously and stays. Dots and numbers do not move. "
            "The camera is fixed.",
            f"A dot-to-dot picture. Draw one blue line through the dots in the order of their numbers, 1 to {last}, "
            "with straight pieces, and close it at dot 1. Dots and numbers stay where they are. Static camera.",
            f"Watch a blue pen line join the numbered dots one after another, from 1 to 2 to 3 until {last}, and "
            "return to 1. Straight lines only, no line is erased, and the camera does not move.",
        )

    def strokes(self, puzzle: Puzzle, canvas: Size) -> list[Stroke]:
        points = _placed(puzzle.dots, canvas)
        return [Stroke((*points, points[0]), BLUE)]

    def pen(self, puzzle: Puzzle, canvas: Size) -> float:
        return 0.028 * _unit(canvas)

    def sheet(self, puzzle: Puzzle, canvas: Size, downscale: float = 1) -> Sketch:
        return Sketch(canvas, downscale=downscale)

    def draw_above(self, puzzle: Puzzle, sketch: Sketch, canvas: Size) -> None:
        unit = _unit(canvas)
        for number, (dot, label) in enumerate(
            zip(_placed(puzzle.dots, canvas), _placed(puzzle.labels, canvas), strict=True), 1
        ):
            sketch.circle(dot, _DOT * unit, INK)
            digit(sketch, number, label, _NUMBER * unit, INK)


def _unit(canvas: Size) -> float:
    """Return the height of the image; above and below it are bands if the canvas is narrower than 3:2."""
    return min(canvas[1], canvas[0] / 1.5)


def _placed(points: Sequence[tuple[int, int]], canvas: Size) -> tuple[Point, ...]:
    """Return points of a puzzle in pixels of a canvas."""
    unit = _unit(canvas)
    left, top = (canvas[0] - 1.5 * unit) / 2, (canvas[1] - unit) / 2
    return tuple((left + x / 1000 * unit, top + y / 1000 * unit) for x, y in points)


def _scatter(rng: random.Random, count: int) -> list[Point]:
    """Return random dots whose closed line does not cross itself or pass near other dots; empty if this fails."""
    dots: list[Point] = []
    for _ in range(60):
        dot = (rng.uniform(0.13, 1.37), rng.uniform(0.13, 0.87))
        if all(math.dist(dot, other) >= _APART for other in dots):
            dots.append(dot)
        if len(dots) == count:
            break
    if len(dots) < count:
        return []
    # Reverse the part between two lines that cross. This makes the whole line shorter, so it ends at some point.
    crossing = True
    while crossing:
        crossing = False
        for i, j in itertools.combinations(range(count), 2):
            if _crosses((dots[i], dots[i + 1]), (dots[j], dots[(j + 1) % count])):
                dots[i + 1 : j + 1] = dots[i + 1 : j + 1][::-1]
                crossing = True
    lines = list(itertools.pairwise([*dots, dots[0]]))
    clear = all(_distance(dot, line) >= _CLEAR for line in lines for dot in dots if dot not in line)
    return dots if clear else []


def _place_labels(dots: list[Point]) -> list[Point]:
    """Return a free place beside each dot for its number; empty if there is none."""
    lines = list(itertools.pairwise([*dots, dots[0]]))
    labels: list[Point] = []
    for dot in dots:
        around = [(dot[0] + 0.085 * math.cos(a), dot[1] + 0.085 * math.sin(a))
                  for a in (math.radians(15 * k) for k in range(24))]  # fmt: skip
        free = [spot for spot in around
                if min(_distance(spot, line) for line in lines) > 0.064
                and all(math.dist(spot, other) > 0.1 for other in (*labels, *(d for d in dots if d != dot)))
                and 0.06 < spot[0] < 1.44 and 0.06 < spot[1] < 0.94]  # fmt: skip
        if not free:
            return []
        labels.append(max(free, key=lambda spot: min(_distance(spot, line) for line in lines)))
    return labels


def _distance(point: Point, line: tuple[Point, Point]) -> float:
    """Return the distance of a point from a straight line between two points."""
    (ax, ay), (bx, by) = line
    along = ((point[0] - ax) * (bx - ax) + (point[1] - ay) * (by - ay)) / math.dist(*line) ** 2
    t = min(max(along, 0.0), 1.0)
    return math.dist(point, (ax + (bx - ax) * t, ay + (by - ay) * t))


def _crosses(a: tuple[Point, Point], b: tuple[Point, Point]) -> bool:
    """Return whether two straight lines cross."""

    def side(line: tuple[Point, Point], p: Point) -> float:
        return (line[1][0] - line[0][0]) * (p[1] - line[0][1]) - (line[1][1] - line[0][1]) * (p[0] - line[0][0])

    return side(a, b[0]) * side(a, b[1]) < 0 and side(b, a[0]) * side(b, a[1]) < 0
