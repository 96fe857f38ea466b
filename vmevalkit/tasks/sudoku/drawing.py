"""Drawing of the grid and its digits."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from vmevalkit.media import Frame
from vmevalkit.tasks.base import Painter
from vmevalkit.tasks.sudoku.puzzle import Board, Puzzle
from vmevalkit.tasks.toolkit.draw import BLUE, GRAY, INK, WHITE, Color, Sketch, digit, downscaled, square_board
from vmevalkit.types import Size

# Height of a digit, in cells.
_HEIGHT = 0.64


def board_painter(puzzle: Puzzle, canvas: Size, downscale: float = 1, object_scale: float = 1) -> Painter[Board]:
    """Return a function that draws boards; see `Task.painter`."""
    left, top, cell = grid_of(puzzle.side, canvas)
    start = puzzle.start()
    base = _sheet(puzzle.box, canvas).copy()

    def put(frame: Frame, at: int, glyph: Frame) -> None:
        row, column = divmod(at, puzzle.side)
        edge = (cell - glyph.shape[0]) // 2
        y, x = top + row * cell + edge, left + column * cell + edge
        frame[y : y + glyph.shape[0], x : x + glyph.shape[1]] = glyph

    for at, value in enumerate(start):
        if value:
            put(base, at, digit_tile(value, INK, cell, 1.0))

    def draw(board: Board) -> Frame:
        frame: Frame = base.copy()
        for at, value in enumerate(board.digits):
            if value != start[at]:
                put(frame, at, digit_tile(value, board.ink, cell, object_scale))
        for at, value, size in board.writing:
            put(frame, at, digit_tile(value, INK if value == start[at] else BLUE, cell, size * object_scale))
        return downscaled(frame, downscale)

    return draw


def grid_of(side: int, canvas: Size) -> tuple[int, int, int]:
    """Return left, top and cell size in whole pixels, so that every digit has the same pixels."""
    left, top, cell = square_board(canvas, side, margin=0.06)
    return round(left), round(top), max(1, int(cell))


@lru_cache(maxsize=256)
def digit_tile(value: int, color: Color, cell: int, size: float) -> npt.NDArray[np.uint8]:
    """Draw the inner part of a cell, white, with a digit (none for 0) at a share `size` of its full height."""
    inner = max(1, cell - 2 * round(0.14 * cell))
    sketch = Sketch((inner, inner), WHITE)
    if value:
        digit(sketch, value, (inner / 2, inner / 2), _HEIGHT * cell * size, color)
    return sketch.pixels()


@lru_cache(maxsize=8)
def _sheet(box: tuple[int, int], canvas: Size) -> Frame:
    """Draw the lines: gray between cells, dark around boxes."""
    count = box[0] * box[1]
    left, top, cell = grid_of(count, canvas)
    side = cell * count
    thin = max(min(canvas) / 120, cell * 0.045)
    thick = max(min(canvas) / 60, cell * 0.1)
    sheet = Sketch(canvas)
    sheet.rectangle((left, top, left + side, top + side), WHITE)
    for width, color, dark in ((thin, GRAY, False), (thick, INK, True)):
        for i in range(count + 1):
            at = i * cell
            if dark == (i % box[0] == 0):
                sheet.line([(left, top + at), (left + side, top + at)], width, color)
            if dark == (i % box[1] == 0):
                sheet.line([(left + at, top), (left + at, top + side)], width, color)
    return sheet.pixels()
