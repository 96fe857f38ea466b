"""Tally: fill as many cells of the bar as there are dots above it.

    . o o o .              A video passes when the cells of the bar fill from the left, one after another, until as many
    [#][#][#][ ][ ]        are filled as there are dots, and nothing else changes.

The plan length is the number of dots.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import NamedTuple

from vmevalkit import Record, register_task
from vmevalkit.tasks.toolkit.cells import CELL_REASONS, CellsTask, Looks
from vmevalkit.tasks.toolkit.draw import BLUE, GRAY, INK, WHITE, Box, Sketch
from vmevalkit.tasks.toolkit.levels import levels

Size = tuple[int, int]


class Level(NamedTuple):
    """Number of cells, and the fewest and most dots."""

    cells: int
    fewest: int
    most: int


LEVELS = levels(Level(6, 2, 4), Level(8, 4, 6), Level(10, 6, 8), Level(12, 8, 10), Level(14, 10, 12))


class Puzzle(Record):
    """Number of cells, and the positions of the dots in a row of as many places."""

    cells: int
    dots: tuple[int, ...]


@register_task
class Tally(CellsTask[Puzzle]):
    """The places are the cells of the bar. Their only look is filled."""

    name = "tally"
    tags = ("counting",)
    puzzle_type = Puzzle
    reasons = {**CELL_REASONS, "wrong_order": "A cell is filled before one on its left."}

    def generate(self, rng: random.Random, difficulty: int) -> Puzzle:
        level = LEVELS[difficulty]
        count = rng.randint(level.fewest, level.most)
        return Puzzle(cells=level.cells, dots=tuple(sorted(rng.sample(range(level.cells), count))))

    def goal(self, puzzle: Puzzle) -> Looks:
        return tuple(int(cell < len(puzzle.dots)) for cell in range(puzzle.cells))

    def too_early(self, puzzle: Puzzle, looks: Looks, place: int) -> bool:
        return not all(looks[:place])

    def steps(self, puzzle: Puzzle) -> list[str]:
        return [f"fill cell {cell + 1}" for cell in range(len(puzzle.dots))]

    def phrasings(self, puzzle: Puzzle) -> Sequence[str]:
        return (
            "A row of dots above an empty bar of cells. The cells turn blue from the left, one after another, until as "
            "many are blue as there are dots. Everything else stays as it is. The camera is fixed.",
            "Count the dots, then fill that many cells of the bar with blue, from left to right, one at a time.",
        )

    def sheet(self, puzzle: Puzzle, canvas: Size, downscale: float = 1) -> tuple[Sketch, list[Box]]:
        side = min(canvas[0] * 0.92 / puzzle.cells, canvas[1] * 0.3)
        left, top = (canvas[0] - side * puzzle.cells) / 2, canvas[1] * 0.55
        sketch = Sketch(canvas, downscale=downscale)
        boxes: list[Box] = []
        for cell in range(puzzle.cells):
            x = left + cell * side
            sketch.rectangle((x + 0.03 * side, top, x + 0.97 * side, top + side), GRAY)
            box = (x + 0.1 * side, top + 0.07 * side, x + 0.9 * side, top + 0.93 * side)
            sketch.rectangle(box, WHITE)
            boxes.append(box)
        for dot in puzzle.dots:
            sketch.circle((left + (dot + 0.5) * side, canvas[1] * 0.35), 0.28 * side, INK)
        return sketch, boxes

    def draw_look(self, puzzle: Puzzle, sketch: Sketch, box: Box, look: int, size: float) -> None:
        left, top, right, bottom = box
        x, y = (left + right) / 2, (top + bottom) / 2
        half_width, half_height = (right - left) / 2 * size, (bottom - top) / 2 * size
        sketch.rectangle((x - half_width, y - half_height, x + half_width, y + half_height), BLUE)
