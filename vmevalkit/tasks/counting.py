"""Counting: ring every figure of the asked kind, one after another, then write how many there are.

     A   o   A           Asked for A: a video passes when dark rings are drawn round all A, one after another and in
     o  [ ]  x           any order, and then the number of them (here 3) appears in the box in the middle. No other
     x   A   o           figure gets a ring, and nothing else changes.

The plan length is the number of figures to be ringed, and one for the total. They lie around the box, so that a wipe
never meets the box last. There are far more than 10,000 questions at every difficulty.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

from vmevalkit.tasks.base import register_task
from vmevalkit.tasks.toolkit.cells import CELL_REASONS, Board, CellsTask, Looks, changed
from vmevalkit.tasks.toolkit.draw import FIGURES, HUES, INK, WHITE, Box, Sketch, digit, figure
from vmevalkit.types import Record, Size

# Difficulty: columns and rows (odd, the box is in the middle), figures, fewest and most to count, kinds beside them,
# and how many of these have the asked color or the asked shape.
_LEVELS = {
    1: (3, 3, 7, 2, 4, 2, 0),
    2: (5, 3, 11, 4, 6, 3, 1),
    3: (5, 3, 14, 5, 7, 4, 3),
    4: (7, 5, 22, 6, 8, 5, 4),
    5: (7, 5, 30, 7, 9, 7, 6),
}
_COLORS = ("blue", "orange", "green", "purple", "yellow", "brown")
# Look of a ringed figure; the looks above it are the digits in the box.
_RINGED = 1
# In shares of a cell: radius of a figure, half of its place, and of the box inside and outside.
_FIGURE, _PLACE, _INSIDE, _OUTSIDE = 0.31, 0.47, 0.38, 0.47
# In shares of half a place: radius of a ring and its pen's width, height of the total.
_RING, _PEN, _TOTAL = 0.86, 0.24, 1.55


class Figure(Record):
    """A figure and its cell (column, row)."""

    shape: str
    colour: str
    cell: tuple[int, int]


class Puzzle(Record):
    """Figures on a board of `columns` x `rows`, and the color and shape that are asked for."""

    columns: int
    rows: int
    figures: tuple[Figure, ...]
    colour: str
    shape: str

    def asked(self) -> list[int]:
        """The figures of the asked kind."""
        return [i for i, it in enumerate(self.figures) if (it.colour, it.shape) == (self.colour, self.shape)]


@register_task
class Counting(CellsTask[Puzzle]):
    """The figures are places, and so is the box, the last one. A look is a ring or a digit."""

    name = "counting"
    puzzle_type = Puzzle
    reasons = {**CELL_REASONS, "wrong_order": "The total is written before every figure of the kind has its ring."}
    rubric = {
        "outcome": "Every figure of the asked kind has a ring, no other has one, and the box holds their number.",
        "process": "Rings are drawn one after another in any order, and the number comes after the last ring.",
    }

    def generate(self, rng: random.Random, difficulty: int) -> Puzzle:
        columns, rows, many, fewest, most, others, alike = _LEVELS[difficulty]
        middle = (columns // 2, rows // 2)
        color, shape = rng.choice(_COLORS), rng.choice(FIGURES)
        kinds = [(c, s) for c in _COLORS for s in FIGURES if (c, s) != (color, shape)]
        near = [kind for kind in kinds if kind[0] == color or kind[1] == shape]
        beside = rng.sample(near, alike)
        beside += rng.sample([kind for kind in kinds if kind not in near], others - alike)
        while True:
            cells = rng.sample([(x, y) for y in range(rows) for x in range(columns) if (x, y) != middle], many)
            count = rng.randint(fewest, most)
            if not _around(cells[:count], middle):
                continue
            # Each kind at least once, the others by chance.
            chosen = [(color, shape)] * count + beside + rng.choices(beside, k=many - count - len(beside))
            figures = [Figure(shape=s, colour=c, cell=cell) for (c, s), cell in zip(chosen, cells, strict=True)]
            figures.sort(key=lambda it: (it.cell[1], it.cell[0]))
            puzzle = Puzzle(columns=columns, rows=rows, figures=tuple(figures), colour=color, shape=shape)
            if len(puzzle.asked()) == count:
                return puzzle

    def start(self, puzzle: Puzzle) -> Looks:
        return (0,) * (len(puzzle.figures) + 1)

    def goal(self, puzzle: Puzzle) -> Looks:
        asked = puzzle.asked()
        return (*(_RINGED * (i in asked) for i in range(len(puzzle.figures))), len(asked))

    def looks(self, puzzle: Puzzle) -> int:
        return 10

    def choices(self, puzzle: Puzzle) -> list[tuple[int, ...]]:
        return [(0, _RINGED)] * len(puzzle.figures) + [(0, *range(2, 10))]

    def too_early(self, puzzle: Puzzle, looks: Looks, place: int) -> bool:
        return place == len(puzzle.figures) and not all(looks[i] for i in puzzle.asked())

    def steps(self, puzzle: Puzzle) -> list[str]:
        cells = [puzzle.figures[i].cell for i in puzzle.asked()]
        rings = [f"draw a ring round the {puzzle.colour} {puzzle.shape} in row {y + 1}, column {x + 1}"
                 for x, y in cells]  # fmt: skip
        return [*rings, f"write {len(cells)} in the box"]

    def plan_text(self, puzzle: Puzzle) -> str:
        cells = [puzzle.figures[i].cell for i in puzzle.asked()]
        where = ", ".join(f"{y + 1} {x + 1}" for x, y in cells)
        return f"ring the figures in (row column) {where}, then write {len(cells)} in the box"

    def phrasings(self, puzzle: Puzzle) -> Sequence[str]:
        kind = f"{puzzle.colour} {puzzle.shape}"
        kinds = f"{kind}{'es' if puzzle.shape == 'cross' else 's'}"
        return (
            f"Coloured figures around an empty box. A dark ring is drawn round every {kind}, one after another, and "
            f"when all of them have a ring, their number appears as a large dark digit in the box. No other figure "
            "gets a ring. Figures and rings stay where they are. The camera is fixed.",
            f"Count the {kinds}: put a dark ring around each of them, one at a time, then write how many there are in "
            "the box in the middle, as one big dark digit. The total comes last, nothing else is marked, and nothing "
            "moves or disappears. Static camera.",
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
        cell = _cell(puzzle, canvas)
        left, top = (canvas[0] - puzzle.columns * cell) / 2, (canvas[1] - puzzle.rows * cell) / 2
        sketch = Sketch(canvas, downscale=downscale)
        boxes = []
        for it in (*puzzle.figures, None):
            column, row = it.cell if it else (puzzle.columns // 2, puzzle.rows // 2)
            x, y = left + (column + 0.5) * cell, top + (row + 0.5) * cell
            half = _PLACE * cell
            if it:
                figure(sketch, it.shape, (x, y), _FIGURE * cell, HUES[it.colour])
            else:
                half = _INSIDE * cell
                for side, color in ((_OUTSIDE * cell, INK), (half, WHITE)):
                    sketch.rectangle((x - side, y - side, x + side, y + side), color, radius=0.1 * cell)
            boxes.append((x - half, y - half, x + half, y + half))
        return sketch, boxes

    def draw_look(self, puzzle: Puzzle, sketch: Sketch, box: Box, look: int, size: float) -> None:
        x, y, half = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2, (box[2] - box[0]) / 2
        if look != _RINGED:
            digit(sketch, look, (x, y), _TOTAL * half * size, INK)
            return
        # Drawn as with a pen, from the top clockwise; what is smallest is hardly begun.
        whole = max(size - 0.2, 0.0) / 0.8
        angles = [2 * math.pi * whole * k / 30 for k in range(31)]
        ring = [(x + _RING * half * math.sin(a), y - _RING * half * math.cos(a)) for a in angles]
        sketch.line(ring, _PEN * half, INK)


def _cell(puzzle: Puzzle, canvas: Size) -> float:
    return min(canvas[0] * 0.9 / puzzle.columns, canvas[1] * 0.88 / puzzle.rows)


def _around(cells: Sequence[tuple[int, int]], middle: tuple[int, int]) -> bool:
    """Whether a line that sweeps over the board, at whatever angle, meets some of the cells as late as the middle."""
    for step in range(48):
        across, down = math.cos(step * math.pi / 24), math.sin(step * math.pi / 24)
        if max((x - middle[0]) * across + (y - middle[1]) * down for x, y in cells) < -0.3:
            return False
    return True
