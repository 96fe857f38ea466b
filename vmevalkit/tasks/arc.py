"""Arc: find the rule that turns each left grid into its right grid, and fill the empty grid by the same rule.

    |#..|   |..#|      |.#.|   |.#.|      A video passes if the cells of the large empty grid get the colors that the
    |.o.| > |.o.|      |##.| > |.##|      rule gives them (here: mirrored), one cell after another and in any order, and
                                          if the finished grid is held. The worked examples and the given grid must
    |o#.|   |...|                         stay. A video fails if a cell gets a wrong color, or if a cell is filled that
    |..#| > |...|                         the rule leaves empty.

Rules mirror, turn or shift the grid, let its colors fall, or exchange two colors. At difficulties 4 and 5 a rule does
two of these in sequence. The worked examples determine the answer: every rule of the task that explains them gives the
same one. The plan length is the number of cells to fill. There are far more than 10,000 questions at every difficulty.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Sequence
from functools import partial
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
from vmevalkit.tasks.toolkit.draw import HUES, INK, WHITE, Box, Point, Sketch, arrow
from vmevalkit.tasks.toolkit.levels import levels
from vmevalkit.types import Record, Size

Grid = tuple[tuple[int, ...], ...]
Rule = Callable[[Grid], Grid]


class Level(NamedTuple):
    """Settings of one difficulty: side of the grids, number of worked examples, and range of cells to fill."""

    side: int
    examples: int
    fewest: int
    most: int


LEVELS = levels(
    Level(side=3, examples=2, fewest=4, most=5),
    Level(side=4, examples=2, fewest=5, most=7),
    Level(side=5, examples=2, fewest=8, most=11),
    Level(side=5, examples=3, fewest=10, most=14),
    Level(side=6, examples=3, fewest=14, most=20),
)
_COLORS = ("blue", "orange", "green")


def _mirror(grid: Grid) -> Grid:
    return tuple(row[::-1] for row in grid)


def _turn(grid: Grid) -> Grid:
    """Turn a grid clockwise by a quarter."""
    return tuple(zip(*grid[::-1], strict=True))


def _transpose(grid: Grid) -> Grid:
    return tuple(zip(*grid, strict=True))


def _shift_right(grid: Grid) -> Grid:
    return tuple((0, *row[:-1]) for row in grid)


def _shift_left(grid: Grid) -> Grid:
    return tuple((*row[1:], 0) for row in grid)


def _fall_right(grid: Grid) -> Grid:
    """Move the colored cells of each row to its end, in their order."""
    return tuple((*(look for look in row if not look), *(look for look in row if look)) for row in grid)


def _fall_left(grid: Grid) -> Grid:
    return tuple((*(look for look in row if look), *(look for look in row if not look)) for row in grid)


def _exchange(a: int, b: int, grid: Grid) -> Grid:
    """Exchange two colors."""
    other = {a: b, b: a}
    return tuple(tuple(other.get(look, look) for look in row) for row in grid)


def _by_columns(rule: Rule, grid: Grid) -> Grid:
    """Apply a rule about rows to columns."""
    return _transpose(rule(_transpose(grid)))


def _in_sequence(rules: Sequence[Rule], grid: Grid) -> Grid:
    for rule in rules:
        grid = rule(grid)
    return grid


# The order of the rules is part of the questions: random choices depend on it.
_MOVES: dict[str, Rule] = {
    "mirror left and right": _mirror,
    "mirror top and bottom": partial(_by_columns, _mirror),
    "shift right": _shift_right,
    "shift left": _shift_left,
    "shift down": partial(_by_columns, _shift_right),
    "shift up": partial(_by_columns, _shift_left),
}
_TURNS: dict[str, Rule] = {
    "turn clockwise": _turn,
    "turn anticlockwise": partial(_in_sequence, (_turn, _turn, _turn)),
    "turn upside down": partial(_in_sequence, (_turn, _turn)),
    "fall down": partial(_by_columns, _fall_right),
    "fall up": partial(_by_columns, _fall_left),
    "fall right": _fall_right,
    "fall left": _fall_left,
}
_EXCHANGES: dict[str, Rule] = {
    f"exchange {_COLORS[a - 1]} and {_COLORS[b - 1]}": partial(_exchange, a, b) for a, b in ((1, 2), (1, 3), (2, 3))
}


def rules(difficulty: int) -> dict[str, Rule]:
    """Return every rule that a puzzle of a difficulty may have, by its name. A level has all rules of lower levels."""
    found = dict(_MOVES)
    if difficulty >= 2:
        found |= _TURNS
    if difficulty >= 3:
        found |= _EXCHANGES
    if difficulty < 4:
        return found
    shapes = {**_MOVES, **_TURNS}
    seconds = {**shapes, **_EXCHANGES} if difficulty == 5 else _EXCHANGES
    pairs: dict[str, Rule] = {
        f"{a}, then {b}": partial(_in_sequence, (shapes[a], seconds[b]))
        for a, b in itertools.product(shapes, seconds)
        if a != b
    }
    return {**found, **pairs}


class Puzzle(Record):
    """Worked examples (before, after), the given grid and its answer. A cell is a color's number from 1, or 0."""

    side: int
    examples: tuple[tuple[Grid, Grid], ...]
    given: Grid
    answer: Grid
    rule: str


@register_task
class Arc(CellsTask[Puzzle]):
    """The places are the cells of the empty grid, and a look is a color."""

    name = "arc"
    tags = ("logic", "perception")
    puzzle_type = Puzzle
    reasons = CELL_REASONS
    rubric = {
        "outcome": (
            "The large empty grid has the colors that the rule of the worked examples gives. Cells that the rule "
            "leaves empty are empty."
        ),
        "process": "Cells are filled one after another, in any order, and never with a wrong color.",
    }

    def generate(self, rng: random.Random, difficulty: int) -> Puzzle:
        level, known = LEVELS[difficulty], rules(difficulty)
        names = list(known) if difficulty < 4 else [name for name in known if ", then " in name]
        while True:
            name = rng.choice(names)
            grids = [
                _random_grid(rng, level.side, rng.randint(level.fewest, level.most)) for _ in range(level.examples + 1)
            ]
            pairs = [(grid, known[name](grid)) for grid in grids]
            *examples, (given, answer) = pairs
            filled = [(r, c) for r in range(level.side) for c in range(level.side) if answer[r][c]]
            if any(a == b for a, b in pairs) or not level.fewest <= len(filled) <= level.most or swept(filled):
                continue
            # Every rule that explains the examples must give this answer, so that no other answer is right.
            fitting = [rule for rule in known.values() if all(rule(before) == after for before, after in examples)]
            if all(rule(given) == answer for rule in fitting):
                return Puzzle(side=level.side, examples=tuple(examples), given=given, answer=answer, rule=name)

    def goal(self, puzzle: Puzzle) -> Looks:
        return tuple(itertools.chain(*puzzle.answer))

    def looks(self, puzzle: Puzzle) -> int:
        return len(_COLORS) + 1

    def steps(self, puzzle: Puzzle) -> list[str]:
        goal = self.goal(puzzle)
        return [
            f"fill row {place // puzzle.side + 1}, column {place % puzzle.side + 1} {_COLORS[goal[place] - 1]}"
            for place in self.order(puzzle)
        ]

    def plan_text(self, puzzle: Puzzle) -> str:
        return f"{puzzle.rule}, cell by cell from the upper left"

    def place_in_words(self, puzzle: Puzzle, place: int) -> str:
        return f"row {place // puzzle.side + 1}, column {place % puzzle.side + 1}"

    def look_in_words(self, puzzle: Puzzle, look: int) -> str:
        return _COLORS[look - 1] if look else "empty"

    def phrasings(self, puzzle: Puzzle) -> Sequence[str]:
        return (
            "Small grids in pairs, joined by arrows: one rule turns each left grid into its right grid. Apply the same "
            "rule to the large grid below and fill the empty grid beside it, one coloured cell after another. Only its "
            "cells change, and cells that the rule leaves empty stay white. The camera is fixed.",
            "The pairs above show worked examples of a rule. Find it, and draw its result for the large left grid into "
            "the large empty grid: coloured squares appear one at a time until it is complete. The examples and the "
            "given grid stay as they are. Static camera.",
            "Which rule leads from the left to the right grid of every example? Fill the big empty grid by this rule, "
            "cell by cell, in the right colours. The examples stay as they are and the camera does not move.",
        )

    def sheet(self, puzzle: Puzzle, canvas: Size, downscale: float = 1) -> tuple[Sketch, list[Box]]:
        """Draw the examples above, and the given and the empty grid below."""
        # All sizes are shares of the height of an image that is 1.5 times as wide as high.
        unit = min(canvas[1], canvas[0] / 1.5)
        left, top = (canvas[0] - 1.5 * unit) / 2, (canvas[1] - unit) / 2
        sketch = Sketch(canvas, downscale=downscale)
        small, large = 0.26 if len(puzzle.examples) == 2 else 0.172, 0.46
        gap = small * 0.36
        width = 2 * small + gap
        space = (1.5 - len(puzzle.examples) * width) / (len(puzzle.examples) + 1)
        for i, (before, after) in enumerate(puzzle.examples):
            x, y = left + (space + i * (width + space)) * unit, top + (0.25 - small / 2) * unit
            _draw_grid(sketch, (x, y), small * unit, before)
            _draw_grid(sketch, (x + small * unit + gap * unit, y), small * unit, after)
            _arrow_after(sketch, (x, y), small * unit, gap * unit)
        x, y = left + (0.75 - large - 0.095) * unit, top + 0.48 * unit
        size, gap = large * unit, 0.19 * unit
        _draw_grid(sketch, (x, y), size, puzzle.given)
        boxes = _draw_grid(sketch, (x + size + gap, y), size, ((0,) * puzzle.side,) * puzzle.side)
        _arrow_after(sketch, (x, y), size, gap)
        return sketch, boxes

    def draw_look(self, puzzle: Puzzle, sketch: Sketch, box: Box, look: int, size: float) -> None:
        draw_square(sketch, box, HUES[_COLORS[look - 1]], size)


def _draw_grid(sketch: Sketch, corner: Point, size: float, grid: Grid) -> list[Box]:
    """Draw a grid and return the boxes of its cells."""
    side = len(grid)
    cell = size / side
    sketch.rectangle((*corner, corner[0] + size, corner[1] + size), WHITE)
    draw_grid_lines(sketch, corner, cell, side, max(cell * 0.07, 0.004 * size))
    boxes = []
    for row, column in itertools.product(range(side), repeat=2):
        boxes.append(inset_cell(corner, cell, row, column, inset=0.13))
        if grid[row][column]:
            draw_square(sketch, boxes[-1], HUES[_COLORS[grid[row][column] - 1]], 1.0)
    return boxes


def _arrow_after(sketch: Sketch, corner: Point, size: float, gap: float) -> None:
    """Draw an arrow in the gap to the right of a grid of a size (its upper left corner is given)."""
    arrow(sketch, (corner[0] + size + gap / 2, corner[1] + size / 2), 0.28 * gap, INK)


def _random_grid(rng: random.Random, side: int, count: int) -> Grid:
    """Return a grid with `count` colored cells."""
    cells = set(rng.sample(range(side * side), count))
    looks = [rng.randint(1, len(_COLORS)) if i in cells else 0 for i in range(side * side)]
    return tuple(tuple(looks[i : i + side]) for i in range(0, side * side, side))
