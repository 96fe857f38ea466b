"""Mirror clock: color the dots of each empty clock to which the mirror images of the hands beside it point.

     . . .      |      . . .        Each clock has twelve dots and no digits. The left one has a long blue hand, which
    .     .     |     .     .       points to 3, and a short orange one, which points to 6. Their images in the mirror
    .  o---     |     #     .       line point to 9 and to 6. A video passes if these dots of the empty clock get the
    .  |  .     |     .     .       color of their hand, one dot after another and in any order, and if they keep it. No
     . . .      |      . * .        other dot may be colored, not even for a moment, and the hands must stay.

The mirror lines are vertical or, from difficulty 2 on, in half of the questions horizontal. The clock with hands may be
on either side of the line. The plan length is twice the number of empty clocks. There are far more than 10,000
questions at every difficulty.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import NamedTuple

from vmevalkit.tasks.base import register_task
from vmevalkit.tasks.toolkit.cells import CELL_REASONS, Board, CellsTask, Looks, changed, middle_of, square_box, swept
from vmevalkit.tasks.toolkit.compass import cell_in_words
from vmevalkit.tasks.toolkit.dials import HUB, draw_dial, toward
from vmevalkit.tasks.toolkit.draw import BLUE, GRAY, INK, ORANGE, Box, Point, Sketch
from vmevalkit.tasks.toolkit.levels import levels
from vmevalkit.types import Record, Size

# The hours from 0 to 11, clockwise from the top, to which the long and the short hand point.
Hands = tuple[int, int]


class Level(NamedTuple):
    """Settings of one difficulty.

    Attributes:
        upright: columns and rows of pairs if the mirror lines are vertical.
        flat: the same if they are horizontal; None if they never are.
        pairs: number of pairs of clocks.
    """

    upright: tuple[int, int]
    flat: tuple[int, int] | None
    pairs: int


LEVELS = levels(
    Level(upright=(2, 2), flat=None, pairs=3),
    Level(upright=(2, 2), flat=(3, 1), pairs=3),
    Level(upright=(2, 2), flat=(4, 1), pairs=4),
    Level(upright=(2, 3), flat=(4, 2), pairs=6),
    Level(upright=(3, 3), flat=(4, 2), pairs=8),
)
# Look of a dot for each hand, and its color.
_LONG, _SHORT = 1, 2
_COLORS = {_LONG: BLUE, _SHORT: ORANGE}
_WORDS = {0: "gray", _LONG: "blue", _SHORT: "orange"}
# In diameters of a clock: size of the area of a pair across its line and along it, distance between the centers of its
# clocks, and length and width of its line.
_ACROSS, _ALONG, _APART, _LINE, _LINE_WIDTH = 2.42, 1.12, 1.3, 1.0, 0.09
# In radii of a clock: length and width of each hand, and distance of the dots from the center and their radius.
_HANDS = {_LONG: (0.57, 0.13), _SHORT: (0.41, 0.19)}
_FAR, _DOT = 0.75, 0.18


class Pair(Record):
    """A clock with hands and an empty one on the other side of a mirror line.

    Attributes:
        column, row: of the pair among the pairs.
        hands: of the given clock.
        after: whether the given clock is on the right of the line, or below it.
    """

    column: int
    row: int
    hands: Hands
    after: bool


class Puzzle(Record):
    """Pairs of clocks in a grid of `columns` x `rows`. The mirror lines are horizontal if `flat`."""

    columns: int
    rows: int
    flat: bool
    pairs: tuple[Pair, ...]


@register_task
class MirrorClock(CellsTask[Puzzle]):
    """The places are the dots of the empty clocks, twelve for each, and a look is the color of a hand."""

    name = "mirror_clock"
    tags = ("geometry", "perception")
    puzzle_type = Puzzle
    reasons = {**CELL_REASONS, "wrong_place": "A dot gets a wrong color, or something else changes."}
    rubric = {
        "outcome": (
            "Each empty clock has one blue and one orange dot, to which the mirror images of the long blue and of the "
            "short orange hand of its partner point."
        ),
        "process": "One dot after another is colored, in any order, and never a wrong one.",
    }

    def generate(self, rng: random.Random, difficulty: int) -> Puzzle:
        level = LEVELS[difficulty]
        while True:
            flat = level.flat is not None and rng.random() < 0.5
            columns, rows = level.flat if flat and level.flat else level.upright
            cells = rng.sample([(row, column) for row in range(rows) for column in range(columns)], level.pairs)
            pairs = tuple(
                Pair(column=column, row=row, hands=_random_hands(rng, flat), after=rng.random() < 0.5)
                for row, column in sorted(cells)
            )
            puzzle = Puzzle(columns=columns, rows=rows, flat=flat, pairs=pairs)
            dots = _dots(puzzle)
            # `swept` takes the width of a look as 0.72 cells, and a dot has that of two radii.
            cell = _DOT / 0.72
            if not swept([(dots[place][1] / cell, dots[place][0] / cell) for place in self.order(puzzle)]):
                return puzzle

    def goal(self, puzzle: Puzzle) -> Looks:
        return _looks([_mirrored(pair.hands, puzzle.flat) for pair in puzzle.pairs])

    def looks(self, puzzle: Puzzle) -> int:
        return 3

    def steps(self, puzzle: Puzzle) -> list[str]:
        goal = self.goal(puzzle)
        return [f"color {self.place_in_words(puzzle, place)} {_WORDS[goal[place]]}" for place in self.order(puzzle)]

    def plan_text(self, puzzle: Puzzle) -> str:
        rows: dict[int, list[str]] = {}
        for pair in puzzle.pairs:
            long, short = ((hour - 1) % 12 + 1 for hour in _mirrored(pair.hands, puzzle.flat))
            rows.setdefault(pair.row, []).append(f"{long} blue and {short} orange")
        text = "; ".join(f"row {row + 1}: {', '.join(dots)}" for row, dots in rows.items())
        return f"color the dots at these hours, {text}"

    def place_in_words(self, puzzle: Puzzle, place: int) -> str:
        pair, hour = puzzle.pairs[place // 12], (place - 1) % 12 + 1
        return f"the dot at {hour} of the empty clock {cell_in_words((pair.row, pair.column))}"

    def look_in_words(self, puzzle: Puzzle, look: int) -> str:
        return _WORDS[look]

    def phrasings(self, puzzle: Puzzle) -> Sequence[str]:
        where = "above or below" if puzzle.flat else "left or right of"
        return (
            "Clocks with twelve gray dots and no digits, in pairs with a dark mirror line between them. One clock of a "
            "pair has a long blue and a short orange hand, the other has none. On the empty clock, the two dots to "
            "which the mirror images of these hands point turn blue and orange, in the color of the hand. One dot "
            "after another is colored; hands and other dots stay as they are. The camera is fixed.",
            f"Where do the hands point in the mirror? Each empty clock lies {where} a dark line, on the other side of "
            "which is its partner with hands. Reflect the long hand in the line and color the dot that it points to "
            "blue; reflect the short hand and color its dot orange. One dot at a time, no wrong dot, and the hands "
            "do not move. Static camera.",
            "Mirror the clocks in the dark lines: dots of the empty clocks fill with color one by one, blue in the "
            "mirrored direction of the partner's long blue hand and orange in that of its short orange hand. Colored "
            "dots keep their color, all other dots stay gray, the given hands stay, and the camera does not move.",
        )

    def cheats(self, puzzle: Puzzle) -> dict[str, list[Board]]:
        found, path, order, goal = super().cheats(puzzle), self.solution(puzzle), self.order(puzzle), self.goal(puzzle)
        answers = [_mirrored(pair.hands, puzzle.flat) for pair in puzzle.pairs]
        long, short = answers[-1]
        mistakes = {
            "nearly_copied": [pair.hands for pair in puzzle.pairs],
            "nearly_in_the_other_line": [_mirrored(pair.hands, not puzzle.flat) for pair in puzzle.pairs],
            "nearly_one_copied": [*answers[:-1], puzzle.pairs[-1].hands],
            "nearly_colors_exchanged": [*answers[:-1], (short, long)],
        }
        for name, hands in mistakes.items():
            looks = _looks(hands)
            found[name] = self.filled(puzzle, [place for place, look in enumerate(looks) if look], looks)
        last = order[-1]
        beside = next(other for by in (1, -1) if not goal[other := _around(last, by)])
        wrong = changed(goal, {last: 0, beside: goal[last]})
        found["nearly_one_hour_off"] = [*path[:-1], Board(wrong)]
        return found

    def sheet(self, puzzle: Puzzle, canvas: Size, downscale: float = 1) -> tuple[Sketch, list[Box]]:
        size = (_ALONG, _ACROSS) if puzzle.flat else (_ACROSS, _ALONG)
        wide, high = puzzle.columns * size[0], puzzle.rows * size[1]
        unit = min(0.97 * canvas[0] / wide, 0.97 * canvas[1] / high)
        left, top, radius = (canvas[0] - wide * unit) / 2, (canvas[1] - high * unit) / 2, unit / 2
        sketch = Sketch(canvas, downscale=downscale)
        for pair in puzzle.pairs:
            given, empty = ((left + x * unit, top + y * unit) for x, y in _centers(puzzle, pair))
            middle = ((given[0] + empty[0]) / 2, (given[1] + empty[1]) / 2)
            ends = [toward(middle, way, _LINE / 2 * unit) for way in ((90, 270) if puzzle.flat else (0, 180))]
            sketch.line(ends, _LINE_WIDTH * unit, INK)
            for center in (given, empty):
                draw_dial(sketch, center, radius, ticks=False)
                for hour in range(12):
                    sketch.circle(toward(center, 30 * hour, _FAR * radius), _DOT * radius, GRAY)
            for look, hour in zip((_LONG, _SHORT), pair.hands, strict=True):
                length, width = (share * radius for share in _HANDS[look])
                sketch.line([given, toward(given, 30 * hour, length - width / 2)], width, _COLORS[look])
            sketch.circle(given, HUB * radius, INK)
        dots = [(left + x * unit, top + y * unit) for x, y in _dots(puzzle)]
        return sketch, [square_box(dot, _DOT * radius) for dot in dots]

    def draw_look(self, puzzle: Puzzle, sketch: Sketch, box: Box, look: int, size: float) -> None:
        x, y, radius = middle_of(box)
        sketch.circle((x, y), radius * size, _COLORS[look])


def _mirrored(hands: Hands, flat: bool) -> Hands:
    """Return the image of hands in a vertical line, or in a horizontal one if `flat`."""
    long, short = (((6 if flat else 0) - hour) % 12 for hour in hands)
    return long, short


def _random_hands(rng: random.Random, flat: bool) -> Hands:
    """Return hands in two directions that are unlike their image."""
    while True:
        long, short = rng.sample(range(12), 2)
        if _mirrored((long, short), flat) != (long, short):
            return long, short


def _looks(hands: Sequence[Hands]) -> Looks:
    """Return the looks of the dots, for the hands of each empty clock."""
    return tuple({long: _LONG, short: _SHORT}.get(hour, 0) for long, short in hands for hour in range(12))


def _around(place: int, by: int) -> int:
    """Return the place that is some hours after another one on the same clock."""
    return 12 * (place // 12) + (place + by) % 12


def _centers(puzzle: Puzzle, pair: Pair) -> tuple[Point, Point]:
    """Return the centers (x, y) of the given and of the empty clock, in diameters from the upper left corner."""
    given, empty = (_APART / 2, -_APART / 2) if pair.after else (-_APART / 2, _APART / 2)
    if puzzle.flat:
        x, y = (pair.column + 0.5) * _ALONG, (pair.row + 0.5) * _ACROSS
        return (x, y + given), (x, y + empty)
    x, y = (pair.column + 0.5) * _ACROSS, (pair.row + 0.5) * _ALONG
    return (x + given, y), (x + empty, y)


def _dots(puzzle: Puzzle) -> list[Point]:
    """Return the center (x, y) of each place, in diameters from the upper left corner."""
    empty = (_centers(puzzle, pair)[1] for pair in puzzle.pairs)
    return [toward(center, 30 * hour, _FAR / 2) for center in empty for hour in range(12)]
