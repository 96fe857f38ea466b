"""Drawing of the board, and the check that its dots stay."""

from __future__ import annotations

import numpy as np

from vmevalkit.media import Planes
from vmevalkit.tasks.cost_path.puzzle import Puzzle
from vmevalkit.tasks.toolkit.axes import Axes, CellAxes
from vmevalkit.tasks.toolkit.draw import GRAY, INK, ORANGE, UMBER, WHITE, Color, Sketch, mix
from vmevalkit.tasks.toolkit.grid import Place
from vmevalkit.tasks.toolkit.vision import Floats, Mask, tone
from vmevalkit.types import Size

# Places of the dots of a cell, (right, down) from its center in cells.
_DOTS = {
    1: [(0.0, 0.0)],
    2: [(-0.19, 0.19), (0.19, -0.19)],
    3: [(-0.22, 0.22), (0.0, 0.0), (0.22, -0.22)],
    4: [(-0.2, -0.2), (0.2, -0.2), (-0.2, 0.2), (0.2, 0.2)],
    5: [(-0.23, -0.23), (0.23, -0.23), (0.0, 0.0), (-0.23, 0.23), (0.23, 0.23)],
    6: [(-0.2, -0.26), (-0.2, 0.0), (-0.2, 0.26), (0.2, -0.26), (0.2, 0.0), (0.2, 0.26)],
}
# Radius of a dot and of the disc, and half the side of the goal, in cells.
_DOT, RADIUS, _GOAL = 0.095, 0.28, 0.27


def _cell_color(dots: int) -> Color:
    """Return the color of a cell. Cells with more dots are darker."""
    return mix(WHITE, UMBER, 0.16 * dots) if dots else mix(WHITE, GRAY, 0.5)


def board_sketch(puzzle: Puzzle, canvas: Size, downscale: float) -> tuple[Sketch, CellAxes]:
    """Draw the board without the disc. Return also the axes, in pixels of the canvas."""
    rows, columns = len(puzzle.dots), len(puzzle.dots[0])
    cell = min(canvas[0] / columns, canvas[1] / rows) * 0.87
    left, top = (canvas[0] - cell * columns) / 2, (canvas[1] - cell * rows) / 2
    sheet = Sketch(canvas, downscale=downscale)
    half = 0.465 * cell
    for r in range(rows):
        for c in range(columns):
            x, y, dots = left + (c + 0.5) * cell, top + (r + 0.5) * cell, puzzle.dots[r][c]
            sheet.rectangle((x - half, y - half, x + half, y + half), _cell_color(dots), radius=0.1 * cell)
            for right, down in _DOTS.get(dots, []):
                sheet.circle((x + right * cell, y + down * cell), _DOT * cell, INK)
    x, y, half = left + (puzzle.goal[1] + 0.5) * cell, top + (puzzle.goal[0] + 0.5) * cell, _GOAL * cell
    sheet.rectangle((x - half, y - half, x + half, y + half), ORANGE, radius=half * 0.25)
    return sheet, CellAxes(left, top, cell)


class DotsCheck:
    """Checks that the dots of all cells stay. Each is too small for the general check of the scene."""

    def __init__(self, puzzle: Puzzle, drawing: Planes, axes: Axes) -> None:
        left, top, cell = axes
        rows, columns = len(puzzle.dots), len(puzzle.dots[0])
        down, right = ((np.arange(drawing.shape[i + 1]) + 0.5 - (top, left)[i]) / cell - 0.5 for i in (0, 1))
        row, column = np.clip(np.rint(down), 0, rows - 1), np.clip(np.rint(right), 0, columns - 1)
        inside = (np.abs(down - row) < 0.42)[:, None] & (np.abs(right - column) < 0.42)
        number = (row[:, None] * columns + column).astype(np.intp)
        dots = np.array(puzzle.dots).ravel()
        bare = np.array([tone(_cell_color(count))[0] for count in dots])[number]
        near = widened(drawing[0] < bare - 40)
        self._spots = [(number[where], np.flatnonzero(where)) for where in (inside & near, inside & ~near)]
        self._size = rows * columns
        counts = [np.bincount(number, None, self._size) for number, _at in self._spots]
        self._counts = [np.where(count, count, np.nan) for count in counts]
        self._known = self._depths(drawing)
        self._cells, self._one = np.indices((rows, columns)).reshape(2, -1).T, 1 / np.maximum(dots, 1)

    def _depths(self, planes: Planes) -> Floats:
        """Return how much darker the pixels near the dots are than the rest of the cell, on average; 0 without dots."""
        means = [np.bincount(number, planes[0].ravel()[at], self._size) / count
                 for (number, at), count in zip(self._spots, self._counts, strict=True)]  # fmt: skip
        depths: Floats = np.nan_to_num(means[1] - means[0])
        return depths

    def is_intact(self, planes: Planes, place: Place) -> bool:
        """Whether no cell has lost a dot, except where the disc hides it."""
        seen = (np.abs(self._cells - place).max(1) > 1.2) & (self._known > 0)
        left = self._depths(planes)[seen] / self._known[seen]
        # Compare with the other cells, because the contrast may be lower everywhere.
        return bool((left > (1 - 0.6 * self._one[seen]) * np.median(left)).all())


def widened(mask: Mask) -> Mask:
    """Return a mask widened by two pixels."""
    for axis in (0, 1):
        mask = np.logical_or.reduce([np.roll(mask, step, axis) for step in range(-2, 3)])
    return mask
