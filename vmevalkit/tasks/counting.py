"""Counting: draw a ring round every figure of the named kind, one after another, then write their number.

     A   o   A           Named kind A: a video passes if dark rings are drawn round all A, one after another and in any
     o  [ ]  x           order, and if their number (here 3) then appears in the box in the middle. No other figure may
     x   A   o           get a ring, and nothing else may change.

The plan length is the number of figures to ring, plus one for the total. The figures to ring lie around the box, so
that a wipe never reaches the box last. There are far more than 10,000 questions at every difficulty.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import NamedTuple

from vmevalkit.tasks.base import register_task
from vmevalkit.tasks.toolkit.cells import CELL_REASONS, Board, CellsTask, Looks, changed, middle_of, square_box
from vmevalkit.tasks.toolkit.compass import cell_in_words, sweeps
from vmevalkit.tasks.toolkit.draw import FIGURES, HUES, INK, WHITE, Box, Point, Sketch, digit, figure
from vmevalkit.tasks.toolkit.levels import levels
from vmevalkit.types import Record, Size


class Level(NamedTuple):
    """Settings of one difficulty.

    Attributes:
        columns, rows: size of the board; odd, because the box is in the middle.
        figures: number of figures.
        fewest, most: range of figures to ring.
        kinds: number of other kinds of figures.
        similar: how many of these share the color or the shape of the named kind.
    """

    columns: int
    rows: int
    figures: int
    fewest: int
    most: int
    kinds: int
    similar: int


LEVELS = levels(
    Level(columns=3, rows=3, figures=7, fewest=2, most=4, kinds=2, similar=0),
    Level(columns=5, rows=3, figures=11, fewest=4, most=6, kinds=3, similar=1),
    Level(columns=5, rows=3, figures=14, fewest=5, most=7, kinds=4, similar=3),
    Level(columns=7, rows=5, figures=22, fewest=6, most=8, kinds=5, similar=4),
    Level(columns=7, rows=5, figures=30, fewest=7, most=9, kinds=7, similar=6),
)
_COLORS = ("blue", "orange", "green", "purple", "yellow", "brown")
# The look of a ringed figure. Looks above it are the digits in the box.
_RINGED = 1
# Shares of a cell: radius of a figure, half the side of its place, and half the inner and outer side of the box.
_FIGURE, _PLACE, _INSIDE, _OUTSIDE = 0.31, 0.47, 0.38, 0.47
# Shares of half a place: radius of a ring, width of its pen, and height of the total.
_RING, _PEN, _TOTAL = 0.86, 0.24, 1.55


class Figure(Record):
    """A figure and its cell (column, row)."""

    shape: str
    colour: str
    cell: tuple[int, int]


class Puzzle(Record):
    """Figures on a board of `columns` x `rows`, and the named color and shape."""

    columns: int
    rows: int
    figures: tuple[Figure, ...]
    colour: str
    shape: str

    def named(self) -> list[int]:
        """Return the indices of the figures of the named kind."""
        return [i for i, it in enumerate(self.figures) if (it.colour, it.shape) == (self.colour, self.shape)]


@register_task
class Counting(CellsTask[Puzzle]):
    """The places are the figures and, as the last one, the box. A look is a ring or a digit."""

    name = "counting"
    tags = ("counting", "perception")
    puzzle_type = Puzzle
    reasons = {**CELL_REASONS, "wrong_order": "The total is written before every figure of the kind has its ring."}
    rubric = {
        "outcome": "Every figure of the named kind has a ring, no other has one, and the box shows their number.",
        "process": "Rings are drawn one after another in any order, and the number comes after the last ring.",
    }

    def generate(self, rng: random.Random, difficulty: int) -> Puzzle:
        level = LEVELS[difficulty]
        columns, rows = level.columns, level.rows
        middle = (columns // 2, rows // 2)
        color, shape = rng.choice(_COLORS), rng.choice(FIGURES)
        kinds = [(c, s) for c in _COLORS for s in FIGURES if (c, s) != (color, shape)]
        similar = [kind for kind in kinds if kind[0] == color or kind[1] == shape]
        others = rng.sample(similar, level.similar)
        others += rng.sample([kind for kind in kinds if kind not in similar], level.kinds - level.similar)
        free = [(x, y) for y in range(rows) for x in range(columns) if (x, y) != middle]
        while True:
            cells = rng.sample(free, level.figures)
            count = rng.randint(level.fewest, level.most)
            if not _surround(cells[:count], middle):
                continue
            # Each kind at least once, the rest by chance.
            chosen = [(color, shape)] * count + others
            chosen += rng.choices(others, k=level.figures - len(chosen))
            figures = [Figure(shape=s, colour=c, cell=cell) for (c, s), cell in zip(chosen, cells, strict=True)]
            figures.sort(key=lambda it: (it.cell[1], it.cell[0]))
            puzzle = Puzzle(columns=columns, rows=rows, figures=tuple(figures), colour=color, shape=shape)
            if len(puzzle.named()) == count:
                return puzzle

    def goal(self, puzzle: Puzzle) -> Looks:
        named = puzzle.named()
        return (*(_RINGED * (i in named) for i in range(len(puzzle.figures))), len(named))

    def looks(self, puzzle: Puzzle) -> int:
        return 10

    def choices(self, puzzle: Puzzle) -> list[tuple[int, ...]]:
        return [(0, _RINGED)] * len(puzzle.figures) + [(0, *range(2, 10))]

    def too_early(self, puzzle: Puzzle, looks: Looks, place: int) -> bool:
        return place == len(puzzle.figures) and not all(looks[i] for i in puzzle.named())

    def steps(self, puzzle: Puzzle) -> list[str]:
        cells = [puzzle.figures[i].cell for i in puzzle.named()]
        rings = [f"draw a ring round the {puzzle.colour} {puzzle.shape} {cell_in_words((y, x))}"
                 for x, y in cells]  # fmt: skip
        return [*rings, f"write {len(cells)} in the box"]

    def plan_text(self, puzzle: Puzzle) -> str:
        cells = [puzzle.figures[i].cell for i in puzzle.named()]
        where = ", ".join(f"{y + 1} {x + 1}" for x, y in cells)
        return f"ring the figures in (row column) {where}, then write {len(cells)} in the box"

    def place_in_words(self, puzzle: Puzzle, place: int) -> str:
        if place == len(puzzle.figures):
            return "the box"
        figure = puzzle.figures[place]
        return f"the {figure.colour} {figure.shape} {cell_in_words(figure.cell[::-1])}"

    def look_in_words(self, puzzle: Puzzle, look: int) -> str:
        return {0: "without a mark", _RINGED: "ringed"}.get(look, f"filled with {look}")

    def phrasings(self, puzzle: Puzzle) -> Sequence[str]:
        kind = f"{puzzle.colour} {puzzle.shape}"
        kinds = f"{kind}{'es' if puzzle.shape == 'cross' else 's'}"
        return (
            f"Coloured figures around an empty box. A dark ring is drawn round every {kind}, one after another, and "
            f"when all of them have a ring, their number appears as a large dark digit in the box. No other figure "
            "gets a ring. Figures and rings stay where they are. The camera is fixed.",
            f"Count the {kinds}: put a dark ring around each of them, one at a time, then write how many there are in "
            "the box in the middle, as one big dark digit. The total comes last, no other figure is marked, and "
            "none moves or disappears. Static camera.",
            f"How many {kinds} are there? Mark every one with a dark ring, one by one, leave all other figures "
            "alone, and at the end show the total as a digit in the empty box. The rings stay. The camera does not "
            "move.",
        )

    def cheats(self, puzzle: Puzzle) -> dict[str, list[Board]]:
        found, path, order, goal = super().cheats(puzzle), self.solution(puzzle), self.order(puzzle), self.goal(puzzle)
        box, count = order[-1], goal[-1]
        other = goal.index(0)
        more = count + 1 if count < 9 else count - 1
        found["nearly_total_off_by_one"] = [*path[:-1], Board(changed(goal, {box: more}))]
        found["nearly_no_rings"] = [path[0], Board(changed(path[0].looks, {box: count}))]
        found["nearly_one_ring_missing"] = self.filled(puzzle, [*order[:-2], box])
        wrong = changed(goal, {order[0]: 0, other: _RINGED})
        found["nearly_wrong_figure"] = self.filled(puzzle, [*order[1:-1], other, box], wrong)
        wrong = changed(goal, {other: _RINGED, box: more})
        found["nearly_one_ring_too_many_and_counted"] = self.filled(puzzle, [*order[:-1], other, box], wrong)
        return found

    def alternatives(self, puzzle: Puzzle) -> dict[str, list[Board]]:
        *rings, box = self.order(puzzle)
        return {"rings_backwards": self.filled(puzzle, [*rings[::-1], box]),
                "rings_in_another_order": self.filled(puzzle, [*rings[1::2], *rings[::2], box])}  # fmt: skip

    def sheet(self, puzzle: Puzzle, canvas: Size, downscale: float = 1) -> tuple[Sketch, list[Box]]:
        cell = min(canvas[0] * 0.9 / puzzle.columns, canvas[1] * 0.88 / puzzle.rows)
        left, top = (canvas[0] - puzzle.columns * cell) / 2, (canvas[1] - puzzle.rows * cell) / 2
        sketch = Sketch(canvas, downscale=downscale)

        def center(column: int, row: int) -> Point:
            return left + (column + 0.5) * cell, top + (row + 0.5) * cell

        for it in puzzle.figures:
            figure(sketch, it.shape, center(*it.cell), _FIGURE * cell, HUES[it.colour])
        middle = center(puzzle.columns // 2, puzzle.rows // 2)
        for half, color in ((_OUTSIDE, INK), (_INSIDE, WHITE)):
            sketch.rectangle(square_box(middle, half * cell), color, radius=0.1 * cell)
        boxes = [square_box(center(*it.cell), _PLACE * cell) for it in puzzle.figures]
        return sketch, [*boxes, square_box(middle, _INSIDE * cell)]

    def draw_look(self, puzzle: Puzzle, sketch: Sketch, box: Box, look: int, size: float) -> None:
        x, y, half = middle_of(box)
        if look != _RINGED:
            digit(sketch, look, (x, y), _TOTAL * half * size, INK)
            return
        # A pen draws the ring clockwise from the top. At the smallest size of a look, 0.2, it has just begun.
        whole = max(size - 0.2, 0.0) / 0.8
        angles = [2 * math.pi * whole * k / 30 for k in range(31)]
        ring = [(x + _RING * half * math.sin(a), y - _RING * half * math.cos(a)) for a in angles]
        sketch.line(ring, _PEN * half, INK)


def _surround(cells: Sequence[tuple[int, int]], middle: tuple[int, int]) -> bool:
    """Return whether a straight wipe, at any angle, meets some of the cells not before the middle."""
    around = [(x - middle[0], y - middle[1]) for x, y in cells]
    return all(max(met) >= -0.3 for met in sweeps(around))
