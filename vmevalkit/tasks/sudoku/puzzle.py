"""Puzzles, their solutions, and moments of them."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from vmevalkit.tasks.toolkit.cell_boards import changed
from vmevalkit.tasks.toolkit.cells import swept
from vmevalkit.tasks.toolkit.draw import BLUE, Color
from vmevalkit.tasks.toolkit.levels import levels
from vmevalkit.types import Record


class Level(NamedTuple):
    """Settings of one difficulty: rows and columns of a box, and range of the number of missing cells."""

    box_rows: int
    box_columns: int
    min_missing: int
    max_missing: int


# With 20 steps, a step takes two frames in a video of 49 frames.
LEVELS = levels(
    Level(box_rows=2, box_columns=2, min_missing=4, max_missing=4),
    Level(box_rows=2, box_columns=2, min_missing=5, max_missing=7),
    Level(box_rows=2, box_columns=3, min_missing=8, max_missing=11),
    Level(box_rows=3, box_columns=3, min_missing=12, max_missing=15),
    Level(box_rows=3, box_columns=3, min_missing=16, max_missing=20),
)


class Puzzle(Record):
    """A grid with a single solution. `given` and `answer` hold a string of digits per row. A dot is a missing digit."""

    box: tuple[int, int]
    given: tuple[str, ...]
    answer: tuple[str, ...]

    @property
    def side(self) -> int:
        """Number of rows and of columns."""
        return self.box[0] * self.box[1]

    def start(self) -> tuple[int, ...]:
        """Return the given digits row by row; 0 is an empty cell."""
        return tuple(0 if d == "." else int(d) for d in "".join(self.given))

    def goal(self) -> tuple[int, ...]:
        """Return the digits of the answer row by row."""
        return tuple(map(int, "".join(self.answer)))

    def missing(self) -> list[int]:
        """Return the cells to be filled, counted row by row from 0."""
        return [cell for cell, d in enumerate("".join(self.given)) if d == "."]


class Board(NamedTuple):
    """A moment of the puzzle: the digit in each cell (0 is empty), and the cells that are being written.

    `writing` holds (cell, digit, size) of each digit that is being written. Readers set digit 0, because they cannot
    read it. In a board that `judge` scores, `digits` has the digit that was last read in such a cell.
    """

    digits: tuple[int, ...]
    writing: tuple[tuple[int, int, float], ...] = ()
    ink: Color = BLUE

    def fresh(self) -> set[int]:
        """Return the cells that are being filled."""
        return {cell for cell, *_ in self.writing if not self.digits[cell]}


def generate_puzzle(rng: random.Random, difficulty: int) -> Puzzle:
    """Generate a puzzle that has one solution and that no wipe solves."""
    rows, columns, fewest, most = LEVELS[difficulty]
    side = rows * columns
    count = rng.randint(fewest, most)
    while True:
        answer = next(_solutions([0] * side * side, (rows, columns), rng))
        for _ in range(20):
            missing = rng.sample(range(side * side), count)
            if swept([divmod(cell, side) for cell in missing]):
                continue
            given = [0 if cell in missing else d for cell, d in enumerate(answer)]
            if sum(1 for _ in itertools.islice(_solutions(given, (rows, columns)), 2)) == 1:
                return Puzzle(box=(rows, columns), given=_rows(given, side), answer=_rows(answer, side))


def filled(puzzle: Puzzle, order: Sequence[int], goal: tuple[int, ...] = ()) -> list[Board]:
    """Return the boards that result from filling cells in an order."""
    goal = goal or puzzle.goal()
    boards = [Board(puzzle.start())]
    for cell in order:
        boards.append(Board(changed(boards[-1].digits, {cell: goal[cell]})))
    return boards


def _rows(digits: Sequence[int], side: int) -> tuple[str, ...]:
    text = "".join(str(d) if d else "." for d in digits)
    return tuple(text[i : i + side] for i in range(0, len(text), side))


def _solutions(grid: Sequence[int], box: tuple[int, int], rng: random.Random | None = None) -> Iterator[list[int]]:
    """Yield the solutions of a grid (0 is empty), in random order with `rng`; cells with few candidates come first."""
    side = box[0] * box[1]
    units = [(c // side, side + c % side, 2 * side + c // side // box[0] * box[0] + c % side // box[1])
             for c in range(side * side)]  # fmt: skip
    free = [(1 << side) - 1] * (3 * side)
    for cell, value in enumerate(grid):
        if value:
            for unit in units[cell]:
                free[unit] &= ~(1 << (value - 1))
    filled = list(grid)
    empty = [c for c, value in enumerate(grid) if not value]
    if rng:
        rng.shuffle(empty)

    def search() -> Iterator[list[int]]:
        if not empty:
            yield list(filled)
            return
        masks = [free[units[c][0]] & free[units[c][1]] & free[units[c][2]] for c in empty]
        best = min(range(len(empty)), key=lambda i: masks[i].bit_count())
        cell = empty.pop(best)
        values = [v for v in range(1, side + 1) if masks[best] >> (v - 1) & 1]
        if rng:
            rng.shuffle(values)
        for value in values:
            filled[cell] = value
            for unit in units[cell]:
                free[unit] ^= 1 << (value - 1)
            yield from search()
            for unit in units[cell]:
                free[unit] ^= 1 << (value - 1)
        filled[cell] = 0
        empty.insert(best, cell)

    return search()
