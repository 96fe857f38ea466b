"""Reading of frames: the digits, and whether the grid stays."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from vmevalkit.media import Planes
from vmevalkit.tasks.base import Reader, Reading
from vmevalkit.tasks.sudoku.drawing import board_painter, grid_of
from vmevalkit.tasks.sudoku.puzzle import Board, Puzzle
from vmevalkit.tasks.toolkit.vision import Blocks, Envelope, Glyphs, Lens, lost, patches, to_view, view_size
from vmevalkit.types import Size

# Sizes at which a digit is read, and at which it is still growing. Without the latter, a small 6 would be read as a 4.
_READ, _COMING = (1.0, 0.86), (0.72, 0.58)


def board_reader(puzzle: Puzzle, first: Planes, canvas: Size) -> Reader[Board]:
    """Return a function that reads boards, given the first frame at the size of the view."""
    side, start, missing = puzzle.side, puzzle.start(), puzzle.missing()
    corners, size = cells_of(side, canvas)
    glyphs = _glyphs(puzzle.box, canvas)
    lens, envelope = Lens(first), Envelope(first)
    free = np.ones(first.shape[1:], bool)
    for x, y in (corners[at] for at in missing):
        near, far = 0.08 * size, 0.92 * size
        free[round(y + near) : round(y + far), round(x + near) : round(x + far)] = False
    blocks = Blocks(first, free)
    # The thin lines are too fine for blocks. Together they must keep half of their gray.
    band = np.zeros(first.shape[1:], bool)
    xs, ys = ([round(corners[0][axis] + i * size) for i in range(side + 1)] for axis in (0, 1))
    for i in range(1, side):
        band[ys[i] - 2 : ys[i] + 2, xs[0] : xs[-1]] |= i % puzzle.box[0] > 0
        band[ys[0] : ys[-1], xs[i] - 2 : xs[i] + 2] |= i % puzzle.box[1] > 0
    thin = np.flatnonzero(band & free & (first[0] > 120) & (first[0] < 253))
    faintest = (255 + first[0].ravel()[thin].mean()) / 2
    given = np.array(start)

    def read(frame: Planes) -> Reading[Board]:
        planes = lens.planes(frame)
        unexplained = envelope.unexplained(planes) & free
        if lost(unexplained):
            return Reading(None, False, "scene_lost")
        digits = glyphs.read(planes)
        unclear = np.flatnonzero(digits < 0)
        board = Board(tuple(np.maximum(digits, 0).tolist()), tuple((int(c), 0, 0.0) for c in unclear))
        if (given[unclear] > 0).any():
            return Reading(board, False, "given_changed")
        if planes[0].ravel()[thin].mean() > faintest:
            return Reading(board, False, "scene_lost")
        if (unexplained.any() and patches(unexplained)) or blocks.changed(planes):
            return Reading(board, False, "extra_object")
        return Reading(board)

    return read


def cells_of(side: int, canvas: Size) -> tuple[list[tuple[float, float]], float]:
    """Return the corners (left, top) and the size of the cells, in pixels of the view."""
    left, top, cell = grid_of(side, canvas)
    scale = view_size(canvas)[0] / canvas[0]
    corners = [((left + c * cell) * scale, (top + r * cell) * scale) for r in range(side) for c in range(side)]
    return corners, cell * scale


@lru_cache(maxsize=8)
def _glyphs(box: tuple[int, int], canvas: Size) -> Glyphs:
    """Return a reader of the digits. Its templates are drawings with one digit in every cell, at a few sizes."""
    side = box[0] * box[1]
    blank = ("." * side,) * side
    paint = board_painter(Puzzle(box=box, given=blank, answer=blank), canvas)

    def shown(size: float) -> list[Planes]:
        digits = range(1, side + 1)
        boards = [Board((0,) * side * side, tuple((c, d, size) for c in range(side * side))) for d in digits]
        return [to_view(paint(board)) for board in boards]

    return Glyphs([shown(s) for s in _READ], [shown(s) for s in _COMING], *cells_of(side, canvas))
