"""Symmetry: complete the picture so that its two halves mirror each other in the dark line.

    # . # | . . .          A video passes when the right half gets the mirror image of the left half (#), one cell after
    . # # | . . .          another and in the same colors, and the finished picture is held, while the left half, the
    # . . | . . .          line and the grid stay as they are. The order of the cells is free.

The line stands upright or lies flat. The plan length is the number of cells to be filled. There are far more than
10,000 questions at every difficulty.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from vmevalkit.tasks.base import register_task
from vmevalkit.tasks.toolkit.cells import CELL_REASONS, CellsTask, Looks, swept
from vmevalkit.tasks.toolkit.draw import GRAY, HUES, INK, WHITE, Box, Sketch
from vmevalkit.types import Record, Size

# Difficulty: smallest and largest side of the grid (even), fewest and most cells to fill, most colors.
_LEVELS = {1: (4, 6, 4, 5, 1), 2: (6, 6, 5, 7, 2), 3: (6, 8, 8, 11, 2), 4: (8, 8, 12, 15, 3), 5: (8, 8, 16, 20, 3)}


class Puzzle(Record):
    """The given half of a picture: a color's number (from 1) or 0 for each cell of `side` x `side` / 2, row by row.

    The mirror is upright and the given half on its left or right (`flipped`), or flat and the half above or below.
    """

    side: int
    colours: tuple[str, ...]
    half: tuple[int, ...]
    flat: bool
    flipped: bool


@register_task
class Symmetry(CellsTask[Puzzle]):
    """The cells of the half to be filled are the places; a look is a color."""

    name = "symmetry"
    puzzle_type = Puzzle
    reasons = CELL_REASONS
    rubric = {
        "outcome": "The empty half is the mirror image of the given half, in the same colours.",
        "process": "Cells are filled one after another, in any order.",
    }

    def generate(self, rng: random.Random, difficulty: int) -> Puzzle:
        small, large, fewest, most, colors = _LEVELS[difficulty]
        while True:
            side = rng.randrange(small, large + 1, 2)
            names = tuple(rng.sample(("blue", "orange", "green", "purple"), rng.randint(1, colors)))
            cells = rng.sample(range(side * side // 2), rng.randint(fewest, most))
            half = [0] * (side * side // 2)
            for cell in cells:
                half[cell] = rng.randint(1, len(names))
            puzzle = Puzzle(
                side=side, colours=names, half=tuple(half), flat=rng.random() < 0.5, flipped=rng.random() < 0.5
            )
            mirrored = [divmod(cell, side // 2) for cell in cells]
            # A half that is symmetrical itself could be copied instead of mirrored.
            if set(half) >= set(range(1, len(names) + 1)) and not swept(mirrored) and self._copied(puzzle) != half:
                return puzzle

    def _copied(self, puzzle: Puzzle) -> list[int]:
        width = puzzle.side // 2
        rows = [list(puzzle.half[i : i + width]) for i in range(0, len(puzzle.half), width)]
        return [look for row in rows for look in reversed(row)]

    def start(self, puzzle: Puzzle) -> Looks:
        return (0,) * len(puzzle.half)

    def goal(self, puzzle: Puzzle) -> Looks:
        return puzzle.half

    def looks(self, puzzle: Puzzle) -> int:
        return len(puzzle.colours) + 1

    def steps(self, puzzle: Puzzle) -> list[str]:
        found = []
        for place in self.order(puzzle):
            row, column = self._cell(puzzle, place, mirrored=True)
            found.append(f"fill row {row + 1}, column {column + 1} {puzzle.colours[puzzle.half[place] - 1]}")
        return found

    def plan_text(self, puzzle: Puzzle) -> str:
        parts: dict[str, list[str]] = {}
        for place in self.order(puzzle):
            row, column = self._cell(puzzle, place, mirrored=True)
            parts.setdefault(puzzle.colours[puzzle.half[place] - 1], []).append(f"{row + 1}-{column + 1}")
        return "; ".join(f"fill {', '.join(cells)} {name}" for name, cells in parts.items()) + " (row-column)"

    def phrasings(self, puzzle: Puzzle) -> Sequence[str]:
        where = ("below", "above") if puzzle.flat else ("to the right of", "to the left of")
        side = where[puzzle.flipped]
        return (
            f"A grid with a dark mirror line. One cell after another, the empty half {side} the line is filled with "
            "coloured squares until it is the exact mirror image of the other half. Same colours, one cell at a time. "
            "The given half, the grid and the line never change. The camera is fixed.",
            f"Complete the symmetrical picture: coloured squares appear one by one {side} the dark line, each at the "
            "mirrored position of a square on the other side and in its colour. Nothing else changes. Static camera.",
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
        for i in range(side + 1):
            sketch.line([(left, top + i * cell), (left + side * cell, top + i * cell)], thin, GRAY)
            sketch.line([(left + i * cell, top), (left + i * cell, top + side * cell)], thin, GRAY)
        middle = side * cell / 2
        line = [(left, top + middle), (left + 2 * middle, top + middle)]
        if not puzzle.flat:
            line = [(left + middle, top), (left + middle, top + 2 * middle)]
        sketch.line(line, thick, INK)
        boxes = []
        for place in range(len(puzzle.half)):
            given, free = (self._cell(puzzle, place, mirrored) for mirrored in (False, True))
            if puzzle.half[place]:
                self.draw_look(puzzle, sketch, _inner(left, top, cell, given), puzzle.half[place], 1.0)
            boxes.append(_inner(left, top, cell, free))
        return sketch, boxes

    def _cell(self, puzzle: Puzzle, place: int, mirrored: bool) -> tuple[int, int]:
        """Row and column of a cell of the given half, or of its mirror image."""
        # Counted in an upright picture whose given half is on the left.
        row, column = divmod(place, puzzle.side // 2)
        if mirrored != puzzle.flipped:
            column = puzzle.side - 1 - column
        return (column, row) if puzzle.flat else (row, column)

    def draw_look(self, puzzle: Puzzle, sketch: Sketch, box: Box, look: int, size: float) -> None:
        x, y, half = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2, (box[2] - box[0]) / 2 * size
        sketch.rectangle((x - half, y - half, x + half, y + half), HUES[puzzle.colours[look - 1]], radius=half * 0.2)


def _inner(left: float, top: float, cell: float, at: tuple[int, int]) -> Box:
    """A cell without its edge, so that it touches no line."""
    inset = 0.14 * cell
    x, y = left + at[1] * cell, top + at[0] * cell
    return x + inset, y + inset, x + cell - inset, y + cell - inset
