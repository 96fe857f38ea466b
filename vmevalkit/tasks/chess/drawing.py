"""Drawing of the board and the pieces."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

from vmevalkit.tasks.chess.puzzle import Place
from vmevalkit.tasks.chess.sprites import Sprite
from vmevalkit.tasks.toolkit.draw import INK, Color, Point, Sketch, oval
from vmevalkit.tasks.toolkit.vision import to_view
from vmevalkit.types import Size

_SHADES: tuple[Color, Color] = ((226, 205, 166), (160, 118, 80))
_IVORY: Color = (255, 253, 246)
_CREAM: Color = (240, 236, 224)
_RIM: Color = (108, 76, 52)


def _path(text: str) -> list[Point]:
    """Return points that are written in hundredths: "x y, x y ..."."""
    return [(int(x) / 100, int(y) / 100) for x, y in map(str.split, text.split(","))]


def _symmetric(text: str) -> list[Point]:
    """Return a symmetrical shape from its left half."""
    half = _path(text)
    return [*half, *((1 - x, y) for x, y in reversed(half))]


# Pieces in a square of side 1, y down: (filled parts, lines drawn on them in the color of the rim).
_FOOT = _symmetric("20 92, 20 84, 27 78")
_HORSE = _path(
    "30 80, 34 68, 47 55, 48 49, 36 51, 27 59, 18 57, 14 49, 22 38, 30 27, 34 19, 35 8, 46 16, 58 18, 70 27, 77 42, "
    "78 60, 75 80"
)
_SHAPES: dict[str, tuple[list[list[Point]], list[list[Point]]]] = {
    "P": (
        [
            _symmetric("26 92, 26 84, 33 79"),
            _symmetric("34 80, 42 66, 44 50"),
            _symmetric("35 53, 35 47, 50 46"),
            oval(0.5, 0.34, 0.155, 0.155),
        ],
        [],
    ),
    "R": (
        [_FOOT, _symmetric("30 80, 34 44"), _symmetric("34 46, 22 38, 22 14, 34 14, 34 25, 43 25, 43 14")],
        [_path("36 42, 64 42")],
    ),
    "B": (
        [
            _FOOT,
            _symmetric("32 80, 42 64"),
            _symmetric("36 66, 27 50, 30 38, 40 26, 50 17"),
            oval(0.5, 0.13, 0.065, 0.065),
        ],
        [_path("50 47, 58 33")],
    ),
    "N": ([_FOOT, _HORSE], [_path("37 33, 39 33")]),
    "Q": (
        [
            _FOOT,
            _symmetric("27 80, 11 34, 31 54, 31 22, 43 50, 50 17"),
            *(oval(x, y, 0.06, 0.06) for x, y in _symmetric("11 31, 31 20, 50 14")),
        ],
        [_path("32 70, 68 70")],
    ),
    "K": (
        [
            _FOOT,
            _symmetric("28 80, 15 60, 14 49, 20 41, 32 39, 42 44, 50 36"),
            _symmetric("44 42, 44 6"),
            _symmetric("36 24, 36 13"),
        ],
        [_path("50 52, 50 66"), _path("32 72, 68 72")],
    ),
}


def draw_piece(sketch: Sketch, look: str, center: Point, cell: float) -> None:
    """Draw a piece with its center at a point. Capital letters are white pieces."""
    fill, rim = (_IVORY, INK) if look.isupper() else (INK, _CREAM)
    parts, marks = _SHAPES[look.upper()]

    def at(points: Sequence[Point]) -> list[Point]:
        return [(center[0] + (x - 0.5) * 0.94 * cell, center[1] + (y - 0.5) * 0.94 * cell) for x, y in points]

    for part in parts:
        sketch.line(at([*part, part[0]]), 0.09 * cell, rim)
    for part in parts:
        sketch.polygon(at(part), fill)
    for mark in marks:
        sketch.line(at(mark), 0.055 * cell, rim)


def draw_square(sketch: Sketch, board: tuple[float, float, float], square: int, look: str) -> None:
    """Draw a square and the piece `look` on it, or "."; `board` is left, top and the side of a square."""
    left, top, cell = board
    x, y = left + square % 8 * cell, top + square // 8 * cell
    sketch.rectangle((x, y, x + cell, y + cell), square_color(square))
    if look != ".":
        draw_piece(sketch, look, (x + cell / 2, y + cell / 2), cell)


def square_color(square: int) -> Color:
    """Return the color of a square. The one at the lower right is light."""
    return _SHADES[(square // 8 + square % 8) % 2]


def board_sketch(size: Size, place: tuple[float, float, float], board: str, downscale: float = 1) -> Sketch:
    """Draw a board in an image of a size; `place` is left, top and the side of a square in pixels."""
    left, top, cell = place
    rim, side = 0.12 * cell, 8 * cell
    sketch = Sketch(size, downscale=downscale)
    sketch.rectangle((left - rim, top - rim, left + side + rim, top + side + rim), _RIM, radius=rim)
    for i in range(64):
        draw_square(sketch, place, i, board[i])
    return sketch


@lru_cache(maxsize=64)
def piece_sprites(cell: float, phase: Place) -> dict[str, Sprite]:
    """Return every piece at the size of the view, its center moved by `phase` (below one pixel) from the middle."""
    side = 2 * math.ceil(cell / 2 + 2)
    found = {}
    for look in "KQRBNPkqrbnp":
        drawings = []
        for paper in ((0, 0, 0), (255, 255, 255)):
            sketch = Sketch((side, side), paper)
            draw_piece(sketch, look, (side / 2 + phase[1], side / 2 + phase[0]), cell)
            drawings.append(to_view(sketch.pixels()))
        found[look] = Sprite(drawings[0], drawings[1])
    return found
