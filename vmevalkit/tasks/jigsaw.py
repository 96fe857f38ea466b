"""Jigsaw: move the loose tiles into the empty places of a pattern, so that all of its circles are complete.

    +---+---+---+
    |  _|_  | _ |      A video passes if one tile after another moves from the tray to the place where it continues
    | / |   |/ \\|      the circles of its neighbors on every side, in any order, and stays there. Tiles do not turn.
    +---+---+---+      A video fails if a tile ends in another place, jumps, or changes, or if two tiles move at a
    | \\_|   |\\_/|      time.
    |   |   |   |
    +---+---+---+      The pattern has pale discs and rings around the corners where tiles meet. Loose tiles have
       [_/  ]          colors, all others are gray.

Exactly one way to place the tiles fits: in every other one, two neighbors have parts of different circles at an end of
their common edge. Different circles differ in a radius by at least 0.13 of a tile. The plan length is the number of
loose tiles, from 2 to 7. There are far more than 10,000 questions at every difficulty, because the circles of the
smallest pattern have 443,599,795 combinations.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

from vmevalkit.tasks.base import register_task
from vmevalkit.tasks.toolkit.draw import GRAY, INK, PAPER, UMBER, Color, Point, Sketch, mix
from vmevalkit.tasks.toolkit.levels import levels
from vmevalkit.tasks.toolkit.pieces import PIECE_HUES, PIECE_REASONS, Board, PiecesTask, Place, Places
from vmevalkit.tasks.toolkit.sums import added
from vmevalkit.types import Record, Size


class Level(NamedTuple):
    """Settings of one difficulty: size of the pattern in tiles, and range of the number of loose tiles."""

    rows: int
    columns: int
    min_loose: int
    max_loose: int


LEVELS = levels(
    Level(rows=2, columns=3, min_loose=2, max_loose=2),
    Level(rows=2, columns=4, min_loose=3, max_loose=3),
    Level(rows=3, columns=4, min_loose=4, max_loose=4),
    Level(rows=3, columns=5, min_loose=5, max_loose=6),
    Level(rows=3, columns=6, min_loose=7, max_loose=7),
)
# Colors of loose tiles. Pale circles would not be clear on yellow.
_HUES = tuple(name for name in PIECE_HUES if name != "yellow")
# In tiles: half the side of a tile as drawn, distance from the last row to the tray, and between tiles in the tray.
_HALF, _DEEP, _APART = 0.475, 2.0, 1.1
_FIXED_COLOR, _PLACE_COLOR = mix(GRAY, INK, 0.2), mix(GRAY, PAPER, 0.55)
# Radii of the circles around corners of tiles, and of the holes in them, in tiles. Circles do not touch: the radii of
# two neighbors have no larger sum than `_MOST`.
_CIRCLES = ((0.17, 0.0), (0.31, 0.0), (0.31, 0.16), (0.45, 0.0), (0.45, 0.28), (0.59, 0.41))
_MOST = 0.91
# Largest share of a loose tile that circles may cover.
_PALE = 0.5
# The corners of a tile, clockwise from the upper left, as (down, right).
_CORNERS = ((0, 0), (0, 1), (1, 1), (1, 0))
Cell = tuple[int, int]
# Circle at each corner of a tile, as an index into `_CIRCLES`.
Tile = tuple[int, ...]


class Puzzle(Record):
    """A pattern and its loose tiles.

    Attributes:
        rows, columns: size of the pattern in tiles.
        circles: circle around each corner of a tile, row by row, as an index into `_CIRCLES`.
        loose: cell of each loose tile as (row, column), in their order in the tray.
        hues: color of each loose tile.
    """

    rows: int
    columns: int
    circles: tuple[int, ...]
    loose: tuple[Cell, ...]
    hues: tuple[str, ...]


@register_task
class Jigsaw(PiecesTask[Puzzle]):
    """Each loose tile is a piece. A place is (row, column)."""

    name = "jigsaw"
    tags = ("perception", "geometry")
    puzzle_type = Puzzle
    clear = 0.5
    unseen = 0.15
    noun = "tile"
    reasons = PIECE_REASONS
    rubric = {
        "outcome": "Every tile of the tray is at the place where it continues the circles of all its neighbors.",
        "process": "One tile at a time moves to its place, in any order and without turning.",
    }

    def generate(self, rng: random.Random, difficulty: int) -> Puzzle:
        rows, columns, fewest, most = LEVELS[difficulty]
        while True:
            circles = _random_circles(rng, rows, columns)
            tiles = _tiles(rows, columns, circles)
            clear = [cell for cell, tile in tiles.items() if _pale(tile) <= _PALE]
            count = rng.randint(fewest, most)
            if len(clear) < count:
                continue
            loose = tuple(rng.sample(clear, count))
            if _has_one_answer(tiles, loose):
                hues = tuple(rng.sample(_HUES, count))
                return Puzzle(rows=rows, columns=columns, circles=circles, loose=loose, hues=hues)

    def moves(self, puzzle: Puzzle) -> list[Places]:
        # Upper rows first, so that no tile passes over one that has a place.
        return _moves(puzzle, sorted(puzzle.loose))

    def steps(self, puzzle: Puzzle) -> list[str]:
        hues = dict(zip(puzzle.loose, puzzle.hues, strict=True))
        return [f"{hues[row, column]} tile to row {row + 1}, column {column + 1}" for row, column in sorted(hues)]

    def plan_text(self, puzzle: Puzzle) -> str:
        return "move the " + ", then ".join(self.steps(puzzle))

    def place_in_words(self, puzzle: Puzzle, piece: int, place: Place) -> str:
        return "in the tray" if place[0] > puzzle.rows else super().place_in_words(puzzle, piece, place)

    def phrasings(self, puzzle: Puzzle) -> Sequence[str]:
        return (
            "A pattern of pale circles on square tiles. Some tiles are missing; they lie in the tray below and have "
            "colors instead of gray. One tile after another moves from the tray to the empty place where its pale "
            "arcs match those of all its neighbors, until every circle is complete. Tiles do not turn and keep their "
            "color and their arcs. The gray tiles stay. The camera is fixed.",
            "Complete the jigsaw puzzle: one at a time, each colored tile glides upright from the tray into the gap of "
            "the pattern where it belongs, so that the pale arcs at its corners fit those of the tiles around it. Put "
            "each tile into its own gap only. Gray tiles do not move, and no tile turns or changes. Static camera.",
            "The colored tiles of the tray fill the gaps of the pattern one by one. Each slides, without turning, to "
            "the place where its pale quarter circles join those of the tiles around it, and stays there, until no "
            "gap is left. The gray tiles keep their places, no tile changes, and the camera does not move.",
        )

    def colors(self, puzzle: Puzzle) -> Sequence[Color]:
        return [PIECE_HUES[hue] for hue in puzzle.hues]

    def sheet(self, puzzle: Puzzle, canvas: Size, downscale: float = 1) -> tuple[Sketch, Point, float]:
        high = puzzle.rows + _DEEP + 0.2
        unit = min(canvas[0] * 0.9 / (max(puzzle.columns, _APART * len(puzzle.loose)) + 0.2), canvas[1] * 0.94 / high)
        x, y = (canvas[0] - (puzzle.columns - 1) * unit) / 2, (canvas[1] - (high - 1.2) * unit) / 2
        sketch = Sketch(canvas, downscale=downscale)

        def board(left: float, top: float, right: float, bottom: float, margin: float, color: Color) -> None:
            """Draw a rectangle around places, given their middles."""
            far = 0.5 + margin
            box = (x + (left - far) * unit, y + (top - far) * unit, x + (right + far) * unit, y + (bottom + far) * unit)
            sketch.rectangle(box, color, radius=0.08 * unit if margin > 0 else 0)

        tray = _tray(puzzle)
        board(0, 0, puzzle.columns - 1, puzzle.rows - 1, 0.1, UMBER)
        board(tray[0][1], tray[0][0], tray[-1][1], tray[-1][0], 0.1, UMBER)
        for row, column in (*puzzle.loose, *tray):
            board(column, row, column, row, _HALF - 0.5, _PLACE_COLOR)
        for (row, column), tile in _tiles(puzzle.rows, puzzle.columns, puzzle.circles).items():
            if (row, column) not in puzzle.loose:
                _draw_tile(sketch, tile, (x + column * unit, y + row * unit), unit, _FIXED_COLOR)
        return sketch, (x, y), unit

    def draw_piece(self, puzzle: Puzzle, sketch: Sketch, piece: int, center: Point, unit: float) -> None:
        tile = _tiles(puzzle.rows, puzzle.columns, puzzle.circles)[puzzle.loose[piece]]
        _draw_tile(sketch, tile, center, unit, self.colors(puzzle)[piece])

    def extent(self, puzzle: Puzzle, piece: int) -> tuple[float, float]:
        return _HALF, _HALF

    def detour(self, puzzle: Puzzle, piece: int, a: Place, b: Place) -> list[Place]:
        lane = puzzle.rows - 1 + _DEEP / 2
        return [(lane, a[1]), (lane, b[1])] if b[0] < lane < a[0] else []

    def slot(self, puzzle: Puzzle, homes: Places, piece: int, place: Place) -> Place:
        # Only these two, because a tile may pass over every other place on its way. A tile at rest in a wrong place
        # counts as one that has not arrived.
        return min(_tray(puzzle)[piece], _goal(puzzle)[piece], key=lambda slot: math.dist(slot, place))

    def against(self, puzzle: Puzzle, homes: Places, piece: int, slot: Place, aloft: Sequence[int]) -> str | None:
        return None

    def closeness(self, puzzle: Puzzle, homes: Places) -> float:
        return sum(home == place for home, place in zip(homes, _goal(puzzle), strict=True)) / len(homes)

    def alternatives(self, puzzle: Puzzle) -> dict[str, list[Board]]:
        order = sorted(puzzle.loose, key=lambda cell: (-cell[1], cell[0]))
        return {"by_columns_from_the_right": [Board(places) for places in _moves(puzzle, order)]}

    def cheats(self, puzzle: Puzzle) -> dict[str, list[Board]]:
        path = self.solution(puzzle)
        *_, other, last = sorted(puzzle.loose)
        cells = itertools.product(range(puzzle.rows), range(puzzle.columns))
        gray = next((float(row), float(column)) for row, column in cells if (row, column) not in puzzle.loose)

        def ending(goals: dict[Cell, Place]) -> list[Board]:
            """Move the tiles one after another, some of them to other places than their own."""
            return [Board(places) for places in _moves(puzzle, sorted(puzzle.loose), goals)]

        exchanged = ending({last: other, other: last})
        return {
            "all_at_once": [path[0], path[-1]],
            "two_at_once": [path[0], *path[2:]],
            "two_change_places": [*exchanged, path[-1]],
            "onto_a_gray_tile": ending({last: gray}),
            "nearly_two_exchanged": exchanged,
            "nearly_one_left": path[:-1],
            "nearly_beside_its_place": ending({last: (last[0] + 0.4, last[1])}),
        }


def _moves(puzzle: Puzzle, order: Sequence[Cell], goals: Mapping[Cell, Place] = MappingProxyType({})) -> list[Places]:
    """Return where the tiles rest after each step, if they move one after another to their own cells, or to others."""
    now = list(_tray(puzzle))
    found: list[Places] = [tuple(now)]
    for cell in order:
        down, right = goals.get(cell, cell)
        now[puzzle.loose.index(cell)] = (float(down), float(right))
        found.append(tuple(now))
    return found


def _random_circles(rng: random.Random, rows: int, columns: int) -> tuple[int, ...]:
    """Return a circle for each corner of a tile, row by row."""
    found = list[int]()
    for place in range((rows + 1) * (columns + 1)):
        near = [found[place - columns - 1]] if place > columns else []
        near += [found[-1]] if place % (columns + 1) else []
        largest = max((_CIRCLES[kind][0] for kind in near), default=0.0)
        found.append(rng.choice([kind for kind, (radius, _) in enumerate(_CIRCLES) if radius + largest <= _MOST]))
    return tuple(found)


def _tiles(rows: int, columns: int, circles: Sequence[int]) -> dict[Cell, Tile]:
    """Return the tiles of a pattern by cell."""
    return {
        (row, column): tuple(circles[(row + down) * (columns + 1) + column + right] for down, right in _CORNERS)
        for row, column in itertools.product(range(rows), range(columns))
    }


def _pale(tile: Tile) -> float:
    """Return the share of a tile that circles cover."""
    return added(math.pi / 4 * (radius**2 - hole**2) for radius, hole in map(_CIRCLES.__getitem__, tile))


def _has_one_answer(tiles: dict[Cell, Tile], loose: Sequence[Cell]) -> bool:
    """Whether the loose tiles fit only in their own places."""
    placed = {cell: tile for cell, tile in tiles.items() if cell not in loose}

    def answers(free: Sequence[Cell], left: Sequence[Cell]) -> int:
        """Count the ways to fill the free cells with the tiles that are left, up to 2."""
        if not free:
            return 1
        count, cell = 0, free[0]
        for own in left:
            if count < 2 and _fits(placed, cell, tiles[own]):
                placed[cell] = tiles[own]
                count += answers(free[1:], [other for other in left if other != own])
                del placed[cell]
        return count

    return answers(sorted(loose), loose) == 1


def _fits(placed: dict[Cell, Tile], cell: Cell, tile: Tile) -> bool:
    """Whether a tile has the same circles as its neighbors that are placed, at both ends of their common edge."""
    for side, (down, right) in enumerate(((-1, 0), (0, 1), (1, 0), (0, -1))):
        beside = placed.get((cell[0] + down, cell[1] + right))
        if beside and (tile[side], tile[side - 3]) != (beside[side - 1], beside[side - 2]):
            return False
    return True


@lru_cache(maxsize=64)
def _tray(puzzle: Puzzle) -> Places:
    """Return the places of the loose tiles at the start."""
    count, middle = len(puzzle.loose), (puzzle.columns - 1) / 2
    return tuple((puzzle.rows - 1 + _DEEP, middle + (i - (count - 1) / 2) * _APART) for i in range(count))


@lru_cache(maxsize=64)
def _goal(puzzle: Puzzle) -> Places:
    """Return the places of the loose tiles in the pattern."""
    return tuple((float(row), float(column)) for row, column in puzzle.loose)


def _draw_tile(sketch: Sketch, tile: Tile, center: Point, unit: float, color: Color) -> None:
    (x, y), half = center, _HALF * unit
    sketch.rectangle((x - half, y - half, x + half, y + half), color)
    for kind, (down, right) in zip(tile, _CORNERS, strict=True):
        corner = (x + (2 * right - 1) * half, y + (2 * down - 1) * half)
        outer, inner = (_quarter(corner, radius * unit, 1 - 2 * right, 1 - 2 * down) for radius in _CIRCLES[kind])
        sketch.polygon([*outer, *inner[::-1]], PAPER)


def _quarter(center: Point, radius: float, right: int, down: int) -> list[Point]:
    """Return points of the quarter of a circle that lies to the right (1) or left (-1), and below (1) or above (-1)."""
    turns = [math.pi / 2 * k / 16 for k in range(17)]
    return [(center[0] + right * radius * math.cos(a), center[1] + down * radius * math.sin(a)) for a in turns]
