"""Arc: find the rule that turns each left grid into its right one, and fill the empty grid by the same rule.

    |#..|   |..#|      |.#.|   |.#.|      A video passes when the cells of the large empty grid get the colors that
    |.o.| > |.o.|      |##.| > |.##|      the rule gives them (here: mirrored), one cell after another and in any
                                          order, and the finished grid is held. The worked examples and the given grid
    |o#.|   |...|                         stay. A cell that must stay empty, or one that is filled wrongly, does not
    |..#| > |...|                         pass.

Rules mirror, turn, shift, let fall, exchange colors, and at difficulties 4 and 5 do two of these in turn. The worked
examples leave no choice: every rule of the family that explains them gives the same answer. The plan length is the
number of cells to be filled. There are far more than 10,000 questions at every difficulty.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Sequence

from vmevalkit.tasks.base import register_task
from vmevalkit.tasks.toolkit.cells import CELL_REASONS, CellsTask, Looks, swept
from vmevalkit.tasks.toolkit.draw import GRAY, HUES, INK, WHITE, Box, Sketch
from vmevalkit.types import Record, Size

Grid = tuple[tuple[int, ...], ...]
Rule = Callable[[Grid], Grid]

# Difficulty: side of the grids, worked examples, fewest and most cells to fill.
_LEVELS = {1: (3, 2, 4, 5), 2: (4, 2, 5, 7), 3: (5, 2, 8, 11), 4: (5, 3, 10, 14), 5: (6, 3, 14, 20)}
_COLORS = ("blue", "orange", "green")


def _fallen(line: Sequence[int]) -> tuple[int, ...]:
    """A line whose colored cells have fallen to its end."""
    return (*(look for look in line if not look), *(look for look in line if look))


def _turned(grid: Grid) -> Grid:
    """A quarter turn clockwise."""
    return tuple(zip(*grid[::-1], strict=True))


def _each(change: Callable[[Sequence[int]], Sequence[int]]) -> Rule:
    return lambda grid: tuple(tuple(change(row)) for row in grid)


def _sideways(rule: Rule) -> Rule:
    """A rule about rows, done to columns."""
    return lambda grid: tuple(zip(*rule(tuple(zip(*grid, strict=True))), strict=True))


def _swapped(a: int, b: int) -> Rule:
    names = {a: b, b: a}
    return _each(lambda row: [names.get(look, look) for look in row])


_MIRROR: Rule = _each(lambda row: row[::-1])
_RIGHT: Rule = _each(lambda row: (0, *row[:-1]))
_LEFT: Rule = _each(lambda row: (*row[1:], 0))
_FALL_RIGHT: Rule = _each(_fallen)
_FALL_LEFT: Rule = _each(lambda row: _fallen(row[::-1])[::-1])
# The rules by difficulty: each level has those of the ones before it.
_MOVES: dict[str, Rule] = {
    "mirror left and right": _MIRROR,
    "mirror top and bottom": _sideways(_MIRROR),
    "shift right": _RIGHT,
    "shift left": _LEFT,
    "shift down": _sideways(_RIGHT),
    "shift up": _sideways(_LEFT),
}
_TURNS: dict[str, Rule] = {
    "turn clockwise": _turned,
    "turn anticlockwise": lambda grid: _turned(_turned(_turned(grid))),
    "turn upside down": lambda grid: _turned(_turned(grid)),
    "fall down": _sideways(_FALL_RIGHT),
    "fall up": _sideways(_FALL_LEFT),
    "fall right": _FALL_RIGHT,
    "fall left": _FALL_LEFT,
}
_SWAPS: dict[str, Rule] = {
    f"exchange {_COLORS[a - 1]} and {_COLORS[b - 1]}": _swapped(a, b) for a, b in ((1, 2), (1, 3), (2, 3))
}


def rules(difficulty: int) -> dict[str, Rule]:
    """Every rule that a puzzle of a difficulty may have, by what it does."""
    found = dict(_MOVES)
    if difficulty >= 2:
        found |= _TURNS
    if difficulty >= 3:
        found |= _SWAPS
    if difficulty < 4:
        return found
    shapes = {**_MOVES, **_TURNS}
    seconds = {**shapes, **_SWAPS} if difficulty == 5 else _SWAPS
    pairs = {f"{a}, then {b}": _then(shapes[a], seconds[b]) for a, b in itertools.product(shapes, seconds) if a != b}
    return {**found, **pairs}


def _then(first: Rule, second: Rule) -> Rule:
    return lambda grid: second(first(grid))


class Puzzle(Record):
    """Worked examples (before, after), the given grid and its answer. A cell is a color's number from 1, or 0."""

    side: int
    examples: tuple[tuple[Grid, Grid], ...]
    given: Grid
    answer: Grid
    rule: str


@register_task
class Arc(CellsTask[Puzzle]):
    """The cells of the empty grid are the places; a look is a color."""

    name = "arc"
    puzzle_type = Puzzle
    reasons = CELL_REASONS
    rubric = {
        "outcome": (
            "The large empty grid holds the colours that the rule of the worked examples gives; cells that the "
            "rule leaves empty are empty."
        ),
        "process": "Cells are filled one after another, in any order, and never with a wrong colour.",
    }

    def generate(self, rng: random.Random, difficulty: int) -> Puzzle:
        side, count, fewest, most = _LEVELS[difficulty]
        known = rules(difficulty)
        names = list(known) if difficulty < 4 else [name for name in known if ", then " in name]
        while True:
            name = rng.choice(names)
            grids = [_random(rng, side, rng.randint(fewest, most)) for _ in range(count + 1)]
            pairs = [(grid, known[name](grid)) for grid in grids]
            given, answer = pairs[-1]
            filled = [(r, c) for r in range(side) for c in range(side) if answer[r][c]]
            if any(a == b for a, b in pairs) or not fewest <= len(filled) <= most or swept(filled):
                continue
            # Whatever rule explains the examples must give this answer: no other reading is right.
            fitting = list(known.values())
            for before, after in pairs[:-1]:
                fitting = [rule for rule in fitting if rule(before) == after]
            if all(rule(given) == answer for rule in fitting):
                return Puzzle(side=side, examples=tuple(pairs[:-1]), given=given, answer=answer, rule=name)

    def start(self, puzzle: Puzzle) -> Looks:
        return (0,) * puzzle.side**2

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

    def phrasings(self, puzzle: Puzzle) -> Sequence[str]:
        return (
            "Small grids in pairs, joined by arrows: one rule turns each left grid into its right grid. Apply the same "
            "rule to the large grid below and fill the empty grid beside it, one coloured cell after another. Only its "
            "cells change, and cells that the rule leaves empty stay white. The camera is fixed.",
            "The pairs above show worked examples of a rule. Find it, and draw its result for the large left grid into "
            "the large empty grid: coloured squares appear one at a time until it is complete. The examples and the "
            "given grid stay as they are. Static camera.",
            "Which rule leads from the left to the right grid of every example? Fill the big empty grid by this rule, "
            "cell by cell, in the right colours. Nothing else in the picture changes and the camera does not move.",
        )

    def sheet(self, puzzle: Puzzle, canvas: Size, downscale: float = 1) -> tuple[Sketch, list[Box]]:
        unit = min(canvas[1], canvas[0] / 1.5)
        left, top = (canvas[0] - 1.5 * unit) / 2, (canvas[1] - unit) / 2
        sketch = Sketch(canvas, downscale=downscale)
        small, large = 0.26 if len(puzzle.examples) == 2 else 0.172, 0.46
        gap = small * 0.36
        wide = 2 * small + gap
        room = (1.5 - len(puzzle.examples) * wide) / (len(puzzle.examples) + 1)
        for i, pair in enumerate(puzzle.examples):
            x, y = room + i * (wide + room), 0.25 - small / 2
            self._pair(puzzle, sketch, (left + x * unit, top + y * unit), small * unit, gap * unit, pair)
        x = 0.75 - large - 0.095
        corner = left + x * unit, top + 0.48 * unit
        return sketch, self._pair(puzzle, sketch, corner, large * unit, 0.19 * unit, (puzzle.given, None))

    def _pair(
        self, puzzle: Puzzle, sketch: Sketch, corner: tuple[float, float], size: float, gap: float,
        pair: tuple[Grid, Grid | None],
    ) -> list[Box]:  # fmt: skip
        """Draw two grids and an arrow between them; the boxes of the second one's cells."""
        cell, boxes = size / puzzle.side, list[Box]()
        for grid, left in ((pair[0], corner[0]), (pair[1], corner[0] + size + gap)):
            top = corner[1]
            sketch.rectangle((left, top, left + size, top + size), WHITE)
            for i in range(puzzle.side + 1):
                for line in (
                    [(left, top + i * cell), (left + size, top + i * cell)],
                    [(left + i * cell, top), (left + i * cell, top + size)],
                ):
                    sketch.line(line, max(cell * 0.07, 0.004 * size), GRAY)
            boxes = []
            for place in range(puzzle.side**2):
                row, column = divmod(place, puzzle.side)
                x, y, inset = left + column * cell, top + row * cell, 0.13 * cell
                boxes.append((x + inset, y + inset, x + cell - inset, y + cell - inset))
                if grid is not None and grid[row][column]:
                    self.draw_look(puzzle, sketch, boxes[-1], grid[row][column], 1.0)
        x, y, half = corner[0] + size + gap / 2, corner[1] + size / 2, 0.28 * gap
        sketch.line([(x - half, y), (x + half * 0.4, y)], 0.13 * gap, INK)
        sketch.polygon([(x + half, y), (x + half * 0.1, y - half * 0.7), (x + half * 0.1, y + half * 0.7)], INK)
        return boxes

    def draw_look(self, puzzle: Puzzle, sketch: Sketch, box: Box, look: int, size: float) -> None:
        x, y, half = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2, (box[2] - box[0]) / 2 * size
        sketch.rectangle((x - half, y - half, x + half, y + half), HUES[_COLORS[look - 1]], radius=half * 0.2)


def _random(rng: random.Random, side: int, count: int) -> Grid:
    """A grid with some colored cells."""
    cells = set(rng.sample(range(side * side), count))
    looks = [rng.randint(1, len(_COLORS)) if i in cells else 0 for i in range(side * side)]
    return tuple(tuple(looks[i : i + side]) for i in range(0, side * side, side))
