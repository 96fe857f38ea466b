"""Nonogram: fill cells until every row and column holds the runs that its numbers name.

        1  3  1       A video passes when exactly the cells of the answer are filled dark blue, one after another and
     1  .  #  .       in any order, and the finished picture is held, while the numbers and the grid stay as they
     3  #  #  #       are. A cell that must stay empty is never filled, not even for a moment.
     1  .  #  .

The plan length is the number of cells to fill. Every puzzle can be solved without guessing: looking at single rows and
columns alone, again and again, gives the answer, so there is only one. Difficulty 1 has 12,752 questions;
beyond there are far more than that.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from functools import lru_cache

from vmevalkit.tasks.base import register_task
from vmevalkit.tasks.toolkit.cells import CELL_REASONS, Board, CellsTask, Looks, changed, swept
from vmevalkit.tasks.toolkit.draw import BLUE, GRAY, INK, WHITE, Box, Sketch, digit, mix
from vmevalkit.types import Record, Size

# Difficulty: the grid's side, fewest and most cells to fill, most numbers at a row or column.
_LEVELS = {1: (4, 5, 7, 2), 2: (5, 6, 7, 2), 3: (5, 8, 11, 2), 4: (5, 12, 15, 3), 5: (6, 16, 20, 3)}
# Near to gray, so that the place of a cell explains no thing of another color.
_DARK = mix(INK, BLUE, 0.35)
# Room that a number takes and its height, in cells.
_STEP, _NUMBER = 0.64, 0.5


class Puzzle(Record):
    """The answer's rows, each a text of `#` (filled) and `.` (empty)."""

    rows: tuple[str, ...]

    @property
    def side(self) -> int:
        """Rows and columns of the grid."""
        return len(self.rows)

    def clues(self) -> tuple[list[tuple[int, ...]], list[tuple[int, ...]]]:
        """The lengths of the runs in each row and in each column."""
        return [_runs(row) for row in self.rows], [_runs("".join(column)) for column in zip(*self.rows, strict=True)]


def _runs(line: str) -> tuple[int, ...]:
    return tuple(len(run) for run in line.split(".") if run)


@register_task
class Nonogram(CellsTask[Puzzle]):
    """Every cell is a place, also one that must stay empty; the only look is filled."""

    name = "nonogram"
    puzzle_type = Puzzle
    reasons = CELL_REASONS
    rubric = {
        "outcome": "The filled cells have, in each row and column, the runs that the numbers name.",
        "process": (
            "Cells are filled dark blue one after another, in any order; a cell that must stay empty is never filled."
        ),
    }

    def generate(self, rng: random.Random, difficulty: int) -> Puzzle:
        side, fewest, most, numbers = _LEVELS[difficulty]
        while True:
            cells = rng.sample(range(side * side), rng.randint(fewest, most))
            filled = ["#" if cell in cells else "." for cell in range(side * side)]
            puzzle = Puzzle(rows=tuple("".join(filled[i : i + side]) for i in range(0, side * side, side)))
            clues = puzzle.clues()
            short = all(len(clue) <= numbers for clue in itertools.chain(*clues))
            if short and not swept([divmod(cell, side) for cell in cells]) and _deduced(*clues) == puzzle.rows:
                return puzzle

    def start(self, puzzle: Puzzle) -> Looks:
        return (0,) * puzzle.side**2

    def goal(self, puzzle: Puzzle) -> Looks:
        return tuple(int(cell == "#") for row in puzzle.rows for cell in row)

    def looks(self, puzzle: Puzzle) -> int:
        return 2

    def steps(self, puzzle: Puzzle) -> list[str]:
        at = (divmod(place, puzzle.side) for place in self.order(puzzle))
        return [f"fill row {row + 1}, column {column + 1}" for row, column in at]

    def plan_text(self, puzzle: Puzzle) -> str:
        filled = [[str(i + 1) for i, cell in enumerate(row) if cell == "#"] for row in puzzle.rows]
        return "fill " + ", ".join(f"in row {i + 1} columns {' '.join(row)}" for i, row in enumerate(filled) if row)

    def phrasings(self, puzzle: Puzzle) -> Sequence[str]:
        return (
            "A nonogram: an empty grid with numbers beside its rows and above its columns. Each number is the length "
            "of a run of filled cells in that row or column, in this order, with at least one empty cell between runs; "
            "0 means none. Fill the right cells dark blue, one cell at a time, until all numbers hold. Nothing else "
            "changes. The camera is fixed.",
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
        # A picture with the right number of cells: the last of them lies beside its place.
        last = self.order(puzzle)[-1]
        beside = min((place for place, look in enumerate(goal) if not look), key=lambda place: abs(place - last))
        found["nearly_one_beside"] = [*path[:-1], Board(changed(path[-2].looks, {beside: 1}))]
        return found

    def sheet(self, puzzle: Puzzle, canvas: Size, downscale: float = 1) -> tuple[Sketch, list[Box]]:
        side, (rows, columns) = puzzle.side, puzzle.clues()
        room = _STEP * max(len(clue) for clue in (*rows, *columns))
        cell = min(canvas) * 0.86 / (side + room)
        left, top = ((extent - cell * (side + room)) / 2 + cell * room for extent in canvas)
        end, thin = side * cell, max(min(canvas) / 120, cell * 0.07)
        sketch = Sketch(canvas, downscale=downscale)
        sketch.rectangle((left, top, left + end, top + end), WHITE)
        for i in range(side + 1):
            sketch.line([(left, top + i * cell), (left + end, top + i * cell)], thin, GRAY)
            sketch.line([(left + i * cell, top), (left + i * cell, top + end)], thin, GRAY)
        for i in range(side):
            for k, number in enumerate(reversed(rows[i] or (0,))):
                center = (left - (k + 0.55) * _STEP * cell, top + (i + 0.5) * cell)
                digit(sketch, number, center, _NUMBER * cell, INK)
            for k, number in enumerate(reversed(columns[i] or (0,))):
                center = (left + (i + 0.5) * cell, top - (k + 0.62) * _STEP * cell)
                digit(sketch, number, center, _NUMBER * cell, INK)
        inset = 0.14 * cell
        corners = [(left + column * cell + inset, top + row * cell + inset)
                   for row in range(side) for column in range(side)]  # fmt: skip
        return sketch, [(x, y, x + cell - 2 * inset, y + cell - 2 * inset) for x, y in corners]

    def draw_look(self, puzzle: Puzzle, sketch: Sketch, box: Box, look: int, size: float) -> None:
        x, y, half = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2, (box[2] - box[0]) / 2 * size
        sketch.rectangle((x - half, y - half, x + half, y + half), _DARK, radius=half * 0.2)


# ------------------------------------------------------------------------------------------------- solving from clues


def _deduced(rows: Sequence[tuple[int, ...]], columns: Sequence[tuple[int, ...]]) -> tuple[str, ...] | None:
    """The answer, found from the numbers alone by looking at one line at a time; None if that leaves cells open."""
    side = len(rows)
    fits = [[_fillings(clue, side) for clue in clues] for clues in (rows, columns)]
    # Per direction and line: bits of cells that are known to be filled, and known to be empty.
    full, bare = [[0] * side, [0] * side], [[0] * side, [0] * side]
    everything = (1 << side) - 1
    stale = True
    while stale:
        stale = False
        for way, line in itertools.product((0, 1), range(side)):
            yes, no = full[way][line], bare[way][line]
            left = [mask for mask in fits[way][line] if mask & yes == yes and not mask & no]
            fits[way][line] = left
            always, never = everything, everything
            for mask in left:
                always &= mask
                never &= ~mask
            for known, new in ((full, always & ~yes), (bare, never & ~no)):
                for cell in range(side):
                    if new >> cell & 1:
                        known[way][line] |= 1 << cell
                        known[1 - way][cell] |= 1 << line
                        stale = True
    if any(yes | no != everything for yes, no in zip(full[0], bare[0], strict=True)):
        return None
    return tuple("".join(".#"[mask >> cell & 1] for cell in range(side)) for mask in full[0])


@lru_cache(maxsize=512)
def _fillings(clue: tuple[int, ...], side: int) -> list[int]:
    """Every way to fill a line by its numbers, as bits."""
    spare = side - sum(clue) - len(clue) + 1
    found = []
    for gaps in itertools.combinations(range(spare + len(clue)), len(clue)):
        mask = 0
        for k, (gap, run) in enumerate(zip(gaps, clue, strict=True)):
            # The numbers before this one, and a space after each, stand left of it; `gap` counts them as one each.
            mask |= ((1 << run) - 1) << (gap + sum(clue[:k]))
        found.append(mask)
    return found
