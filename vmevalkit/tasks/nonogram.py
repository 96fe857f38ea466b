"""Nonogram: fill cells until every row and column has the runs that its numbers state.

        1  3  1       A video passes if exactly the cells of the answer are filled dark blue, one after another and in
     1  .  #  .       any order, and if the finished image is held. Numbers and grid must stay. A cell that must stay
     3  #  #  #       empty may not be filled, not even for a moment.
     1  .  #  .

The plan length is the number of cells to fill. Every puzzle can be solved without guessing, by looking at single rows
and columns repeatedly, so it has only one answer. Difficulty 1 has 12,752 questions; higher difficulties have far more.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from functools import lru_cache, reduce
from operator import and_, or_
from typing import NamedTuple

from vmevalkit.tasks.base import register_task
from vmevalkit.tasks.toolkit.cells import (
    CELL_REASONS,
    Board,
    CellsTask,
    Looks,
    changed,
    draw_grid_lines,
    draw_square,
    inset_cell,
    swept,
)
from vmevalkit.tasks.toolkit.draw import BLUE, INK, WHITE, Box, Sketch, digit, mix
from vmevalkit.tasks.toolkit.levels import levels
from vmevalkit.types import Record, Size

Clue = tuple[int, ...]


class Level(NamedTuple):
    """Settings of one difficulty: side of the grid, range of cells to fill, and most numbers of a row or column."""

    side: int
    fewest: int
    most: int
    numbers: int


LEVELS = levels(
    Level(side=4, fewest=5, most=7, numbers=2),
    Level(side=5, fewest=6, most=7, numbers=2),
    Level(side=5, fewest=8, most=11, numbers=2),
    Level(side=5, fewest=12, most=15, numbers=3),
    Level(side=6, fewest=16, most=20, numbers=3),
)
# Close to gray, so that blends of a filled and an empty cell have no color of their own and cannot explain an object of
# another color.
_DARK = mix(INK, BLUE, 0.35)
# Distance from one number to the next, and height of a number, in cells.
_STEP, _NUMBER = 0.64, 0.5


class Puzzle(Record):
    """The rows of the answer, each a text of `#` (filled) and `.` (empty)."""

    rows: tuple[str, ...]

    @property
    def side(self) -> int:
        """Number of rows and columns."""
        return len(self.rows)

    def clues(self) -> tuple[list[Clue], list[Clue]]:
        """Return the lengths of the runs in each row and in each column."""
        return [_runs(row) for row in self.rows], [_runs("".join(column)) for column in zip(*self.rows, strict=True)]


def _runs(line: str) -> Clue:
    return tuple(len(run) for run in line.split(".") if run)


@register_task
class Nonogram(CellsTask[Puzzle]):
    """The places are all cells, and the only look is filled."""

    name = "nonogram"
    tags = ("logic",)
    puzzle_type = Puzzle
    reasons = CELL_REASONS
    rubric = {
        "outcome": "The filled cells have, in each row and column, the runs that the numbers state.",
        "process": (
            "Cells are filled dark blue one after another, in any order. A cell that must stay empty is never filled."
        ),
    }

    def generate(self, rng: random.Random, difficulty: int) -> Puzzle:
        side, fewest, most, numbers = LEVELS[difficulty]
        while True:
            cells = rng.sample(range(side * side), rng.randint(fewest, most))
            filled = ["#" if cell in cells else "." for cell in range(side * side)]
            puzzle = Puzzle(rows=tuple("".join(filled[i : i + side]) for i in range(0, side * side, side)))
            clues = puzzle.clues()
            short = all(len(clue) <= numbers for clue in itertools.chain(*clues))
            if short and not swept([divmod(cell, side) for cell in cells]) and _deduce(*clues) == puzzle.rows:
                return puzzle

    def goal(self, puzzle: Puzzle) -> Looks:
        return tuple(int(cell == "#") for row in puzzle.rows for cell in row)

    def steps(self, puzzle: Puzzle) -> list[str]:
        cells = (divmod(place, puzzle.side) for place in self.order(puzzle))
        return [f"fill row {row + 1}, column {column + 1}" for row, column in cells]

    def plan_text(self, puzzle: Puzzle) -> str:
        filled = [[str(i + 1) for i, cell in enumerate(row) if cell == "#"] for row in puzzle.rows]
        return "fill " + ", ".join(f"in row {i + 1} columns {' '.join(row)}" for i, row in enumerate(filled) if row)

    def place_in_words(self, puzzle: Puzzle, place: int) -> str:
        return f"row {place // puzzle.side + 1}, column {place % puzzle.side + 1}"

    def phrasings(self, puzzle: Puzzle) -> Sequence[str]:
        return (
            "A nonogram: an empty grid with numbers beside its rows and above its columns. Each number is the length "
            "of a run of filled cells in that row or column, in this order, with at least one empty cell between runs; "
            "0 means none. Fill the right cells dark blue, one cell at a time, until all numbers hold. The numbers "
            "do not change. The camera is fixed.",
            "Solve the picture puzzle. The numbers say how many neighbouring cells are filled in each line, from left "
            "to right and from top to bottom, with gaps between the groups; 0 is an empty line. Cells turn dark blue "
            "one after another until every number is right, and no other cell is ever filled. Static camera.",
            "Dark blue squares appear one by one in the grid until every row and every column contains exactly the "
            "groups of neighbouring squares that its numbers name, in that order, and none where the number is 0. "
            "Numbers and grid stay as they are, and the camera does not move.",
        )

    def cheats(self, puzzle: Puzzle) -> dict[str, list[Board]]:
        found, path = super().cheats(puzzle), self.solution(puzzle)
        goal = self.goal(puzzle)
        # The right number of cells, but the last one lies beside its place.
        last = self.order(puzzle)[-1]
        beside = min((place for place, look in enumerate(goal) if not look), key=lambda place: abs(place - last))
        found["nearly_one_beside"] = [*path[:-1], Board(changed(path[-2].looks, {beside: 1}))]
        return found

    def sheet(self, puzzle: Puzzle, canvas: Size, downscale: float = 1) -> tuple[Sketch, list[Box]]:
        side, (rows, columns) = puzzle.side, puzzle.clues()
        margin = _STEP * max(len(clue) for clue in (*rows, *columns))
        cell = min(canvas) * 0.86 / (side + margin)
        left, top = ((extent - cell * (side + margin)) / 2 + cell * margin for extent in canvas)
        sketch = Sketch(canvas, downscale=downscale)
        sketch.rectangle((left, top, left + side * cell, top + side * cell), WHITE)
        draw_grid_lines(sketch, (left, top), cell, side, max(min(canvas) / 120, cell * 0.07))
        for i in range(side):
            for k, number in enumerate(reversed(rows[i] or (0,))):
                center = (left - (k + 0.55) * _STEP * cell, top + (i + 0.5) * cell)
                digit(sketch, number, center, _NUMBER * cell, INK)
            for k, number in enumerate(reversed(columns[i] or (0,))):
                center = (left + (i + 0.5) * cell, top - (k + 0.62) * _STEP * cell)
                digit(sketch, number, center, _NUMBER * cell, INK)
        return sketch, [inset_cell((left, top), cell, *divmod(place, side)) for place in range(side**2)]

    def draw_look(self, puzzle: Puzzle, sketch: Sketch, box: Box, look: int, size: float) -> None:
        draw_square(sketch, box, _DARK, size)


def _deduce(rows: Sequence[Clue], columns: Sequence[Clue]) -> tuple[str, ...] | None:
    """Solve a puzzle by looking at one line at a time.

    Returns:
        The rows of the answer, or None if this leaves cells undecided.
    """
    side = len(rows)
    everything = (1 << side) - 1
    # Index 0 is for rows, 1 for columns; cells of a line are bits.
    candidates = [[_fillings(clue, side) for clue in clues] for clues in (rows, columns)]
    full, empty = [[0] * side, [0] * side], [[0] * side, [0] * side]
    progress = True
    while progress:
        progress = False
        for axis, line in itertools.product((0, 1), range(side)):
            filled, blank = full[axis][line], empty[axis][line]
            fitting = [mask for mask in candidates[axis][line] if mask & filled == filled and not mask & blank]
            candidates[axis][line] = fitting
            always = reduce(and_, fitting, everything)
            never = everything & ~reduce(or_, fitting, 0)
            for known, new in ((full, always & ~filled), (empty, never & ~blank)):
                progress = progress or new != 0
                known[axis][line] |= new
                for cell in (cell for cell in range(side) if new >> cell & 1):
                    known[1 - axis][cell] |= 1 << line
    if any(filled | blank != everything for filled, blank in zip(full[0], empty[0], strict=True)):
        return None
    return tuple("".join(".#"[mask >> cell & 1] for cell in range(side)) for mask in full[0])


@lru_cache(maxsize=512)
def _fillings(clue: Clue, side: int) -> list[int]:
    """Return every way to fill a line by its clue, as bits."""
    spare = side - sum(clue) - len(clue) + 1
    found = []
    for gaps in itertools.combinations(range(spare + len(clue)), len(clue)):
        mask = 0
        for k, (gap, run) in enumerate(zip(gaps, clue, strict=True)):
            # To the left of this run are the earlier runs, with one cell of space after each. `gap` already counts one
            # cell for each run.
            mask |= ((1 << run) - 1) << (gap + sum(clue[:k]))
        found.append(mask)
    return found
