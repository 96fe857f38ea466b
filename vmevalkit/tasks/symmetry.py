"""Symmetry: complete the image so that its two halves mirror each other in the dark line.

    # . # | . . .          A video passes if the empty half gets the mirror image of the given half (#), one cell after
    . # # | . . .          another and in the same colors, and if the finished image is held. The given half, the line
    . . # | . . .          and the grid must stay. The order of the cells is free.

The mirror line is vertical or horizontal. The plan length is the number of cells to fill. There are far more than
10,000 questions at every difficulty.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import NamedTuple

from vmevalkit.tasks.base import register_task
from vmevalkit.tasks.toolkit.cells import (
    CELL_REASONS,
    CellsTask,
    Looks,
    draw_grid_lines,
    draw_square,
    inset_cell,
    swept,
)
from vmevalkit.tasks.toolkit.draw import HUES, INK, WHITE, Box, Sketch
from vmevalkit.tasks.toolkit.levels import levels
from vmevalkit.types import Record, Size


class Level(NamedTuple):
    """Settings of one difficulty: range of the grid's side (even), range of cells to fill, and most colors."""

    smallest: int
    largest: int
    fewest: int
    most: int
    colors: int


LEVELS = levels(
    Level(smallest=4, largest=6, fewest=4, most=5, colors=1),
    Level(smallest=6, largest=6, fewest=5, most=7, colors=2),
    Level(smallest=6, largest=8, fewest=8, most=11, colors=2),
    Level(smallest=8, largest=8, fewest=12, most=15, colors=3),
    Level(smallest=8, largest=8, fewest=16, most=20, colors=3),
)
_COLORS = ("blue", "orange", "green", "purple")


class Puzzle(Record):
    """The given half of an image: a color's number (from 1) or 0 for each cell, row by row.

    The half has `side` rows and `side` / 2 columns if the mirror line is vertical, and is on its left, or on its right
    if `flipped`. If the line is horizontal (`flat`), rows and columns are exchanged: the half is above it, or below if
    `flipped`.
    """

    side: int
    colours: tuple[str, ...]
    half: tuple[int, ...]
    flat: bool
    flipped: bool


@register_task
class Symmetry(CellsTask[Puzzle]):
    """The places are the cells of the empty half, and a look is a color."""

    name = "symmetry"
    tags = ("geometry", "perception")
    puzzle_type = Puzzle
    reasons = CELL_REASONS
    rubric = {
        "outcome": "The empty half is the mirror image of the given half, in the same colors.",
        "process": "Cells are filled one after another, in any order.",
    }

    def generate(self, rng: random.Random, difficulty: int) -> Puzzle:
        level = LEVELS[difficulty]
        while True:
            side = rng.randrange(level.smallest, level.largest + 1, 2)
            names = tuple(rng.sample(_COLORS, rng.randint(1, level.colors)))
            cells = rng.sample(range(side * side // 2), rng.randint(level.fewest, level.most))
            half = [0] * (side * side // 2)
            for cell in cells:
                half[cell] = rng.randint(1, len(names))
            puzzle = Puzzle(
                side=side, colours=names, half=tuple(half), flat=rng.random() < 0.5, flipped=rng.random() < 0.5
            )
            # If a half is symmetrical itself, copying it instead of mirroring it would give the right answer.
            rows = [half[i : i + side // 2] for i in range(0, len(half), side // 2)]
            copied = [look for row in rows for look in reversed(row)]
            positions = [divmod(cell, side // 2) for cell in cells]
            if set(half) >= set(range(1, len(names) + 1)) and not swept(positions) and copied != half:
                return puzzle

    def goal(self, puzzle: Puzzle) -> Looks:
        return puzzle.half

    def looks(self, puzzle: Puzzle) -> int:
        return len(puzzle.colours) + 1

    def steps(self, puzzle: Puzzle) -> list[str]:
        steps = []
        for place in self.order(puzzle):
            row, column = _cell(puzzle, place, mirrored=True)
            steps.append(f"fill row {row + 1}, column {column + 1} {puzzle.colours[puzzle.half[place] - 1]}")
        return steps

    def plan_text(self, puzzle: Puzzle) -> str:
        cells_by_color: dict[str, list[str]] = {}
        for place in self.order(puzzle):
            row, column = _cell(puzzle, place, mirrored=True)
            color = puzzle.colours[puzzle.half[place] - 1]
            cells_by_color.setdefault(color, []).append(f"{row + 1}-{column + 1}")
        return (
            "; ".join(f"fill {', '.join(cells)} {color}" for color, cells in cells_by_color.items()) + " (row-column)"
        )

    def place_in_words(self, puzzle: Puzzle, place: int) -> str:
        row, column = _cell(puzzle, place, mirrored=True)
        return f"row {row + 1}, column {column + 1}"

    def look_in_words(self, puzzle: Puzzle, look: int) -> str:
        return puzzle.colours[look - 1] if look else "empty"

    def phrasings(self, puzzle: Puzzle) -> Sequence[str]:
        where = ("below", "above") if puzzle.flat else ("to the right of", "to the left of")
        side = where[puzzle.flipped]
        return (
            f"A grid with a dark mirror line. One cell after another, the empty half {side} the line is filled with "
            "coloured squares until it is the exact mirror image of the other half. Same colours, one cell at a time. "
            "The given half, the grid and the line never change. The camera is fixed.",
            f"Complete the symmetrical picture: coloured squares appear one by one {side} the dark line, each at the "
            "mirrored position of a square on the other side and in its colour. The given half stays. Static camera.",
            f"Mirror the pattern across the dark line. The cells {side} it fill in one at a time, in matching colours, "
            "until both halves are reflections of each other. The finished half stays as it is and the camera does "
            "not move.",
        )

    def sheet(self, puzzle: Puzzle, canvas: Size, downscale: float = 1) -> tuple[Sketch, list[Box]]:
        side = puzzle.side
        cell = min(canvas) * 0.86 / side
        left, top = (canvas[0] - cell * side) / 2, (canvas[1] - cell * side) / 2
        thin, thick = max(min(canvas) / 120, cell * 0.07), max(min(canvas) / 40, cell * 0.16)
        sketch = Sketch(canvas, downscale=downscale)
        sketch.rectangle((left, top, left + cell * side, top + cell * side), WHITE)
        draw_grid_lines(sketch, (left, top), cell, side, thin)
        middle = side * cell / 2
        line = [(left, top + middle), (left + 2 * middle, top + middle)]
        if not puzzle.flat:
            line = [(left + middle, top), (left + middle, top + 2 * middle)]
        sketch.line(line, thick, INK)
        boxes = []
        for place, look in enumerate(puzzle.half):
            given, empty = (
                inset_cell((left, top), cell, *_cell(puzzle, place, mirrored)) for mirrored in (False, True)
            )
            if look:
                self.draw_look(puzzle, sketch, given, look, 1.0)
            boxes.append(empty)
        return sketch, boxes

    def draw_look(self, puzzle: Puzzle, sketch: Sketch, box: Box, look: int, size: float) -> None:
        draw_square(sketch, box, HUES[puzzle.colours[look - 1]], size)


def _cell(puzzle: Puzzle, place: int, mirrored: bool) -> tuple[int, int]:
    """Return row and column of a cell of the given half, or of its mirror image."""
    # As if the line were vertical and the given half on its left.
    row, column = divmod(place, puzzle.side // 2)
    if mirrored != puzzle.flipped:
        column = puzzle.side - 1 - column
    return (column, row) if puzzle.flat else (row, column)
