"""Sliding puzzle: slide the numbered tiles, one at a time, until they are in order.

    +---+---+---+
    | 1 | 2 | 3 |      A video passes if tiles slide straight into the gap, one after another, until they are in reading
    | 4 | . | 6 |      order with the gap at the lower right, and stay there. A video fails if a tile jumps, leaves its
    | 7 | 5 | 8 |      row and column, or passes over another tile. Detours are allowed.
    +---+---+---+

The plan length is the least number of slides. At difficulties 1 and 2 there are fewer than 10,000 puzzles, because few
positions are so near to the end (some hundreds on boards of 3x2, 2x3 and 3x3 together).
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from vmevalkit.tasks.base import register_task
from vmevalkit.tasks.toolkit.draw import GRAY, INK, UMBER, WHITE, YELLOW, Color, Point, Sketch, digit
from vmevalkit.tasks.toolkit.grid import WORDS
from vmevalkit.tasks.toolkit.levels import levels
from vmevalkit.tasks.toolkit.pieces import PIECE_HUES, PIECE_REASONS, REST, Board, PiecesTask, Place, Places
from vmevalkit.types import Record, Size


class Level(NamedTuple):
    """Settings of one difficulty: range of the number of slides."""

    min_slides: int
    max_slides: int


LEVELS = levels(
    Level(min_slides=3, max_slides=4),
    Level(min_slides=5, max_slides=7),
    Level(min_slides=8, max_slides=10),
    Level(min_slides=11, max_slides=13),
    Level(min_slides=14, max_slides=16),
)
_BOARDS = ((2, 3), (3, 2), (3, 3))
Order = tuple[int, ...]


class Puzzle(Record):
    """Numbers of the tiles in reading order. 0 is the gap."""

    rows: int
    columns: int
    tiles: tuple[int, ...]


@register_task
class SlidingPuzzle(PiecesTask[Puzzle]):
    """Each tile is a piece; a place is (row, column)."""

    name = "sliding_puzzle"
    tags = ("planning",)
    puzzle_type = Puzzle
    reasons = {
        **PIECE_REASONS,
        "not_into_gap": "A tile rests at a place that is not the gap beside it.",
        "off_track": "A tile leaves its row and column.",
    }
    rubric = {
        "outcome": "The tiles are in reading order, with the gap at the lower right.",
        "process": "Tiles slide straight into the gap, one after another. Detours are allowed.",
    }

    def generate(self, rng: random.Random, difficulty: int) -> Puzzle:
        fewest, most = LEVELS[difficulty]
        while True:
            rows, columns = rng.choice(_BOARDS) if difficulty <= 2 else (3, 3)
            tiles, back = _ordered(rows, columns), -1
            for _ in range(rng.randint(fewest, most)):
                options = [at for at in _beside(tiles, rows, columns) if at != back]
                gap, at = tiles.index(0), rng.choice(options)
                tiles, back = _slid(tiles, at), gap
            if fewest <= len(_plan(rows, columns, tiles)) - 1 <= most:
                return Puzzle(rows=rows, columns=columns, tiles=tiles)

    def moves(self, puzzle: Puzzle) -> list[Places]:
        return [self._places(puzzle, tiles) for tiles in _plan(puzzle.rows, puzzle.columns, puzzle.tiles)]

    def _places(self, puzzle: Puzzle, tiles: Order) -> Places:
        at = {tile: divmod(i, puzzle.columns) for i, tile in enumerate(tiles)}
        return tuple((float(at[tile][0]), float(at[tile][1])) for tile in range(1, len(tiles)))

    def steps(self, puzzle: Puzzle) -> list[str]:
        found = []
        for a, b in zip(self.moves(puzzle), self.moves(puzzle)[1:], strict=False):
            tile = next(i for i in range(len(a)) if a[i] != b[i])
            step = (round(b[tile][0] - a[tile][0]), round(b[tile][1] - a[tile][1]))
            found.append(f"{tile + 1} {WORDS[step]}")
        return found

    def plan_text(self, puzzle: Puzzle) -> str:
        return "slide tile " + ", ".join(self.steps(puzzle))

    def piece_in_words(self, puzzle: Puzzle, piece: int) -> str:
        return f"tile {piece + 1}"

    def phrasings(self, puzzle: Puzzle) -> Sequence[str]:
        last = puzzle.rows * puzzle.columns - 1
        return (
            "A sliding puzzle with one gap. One tile at a time slides straight into the gap, until the tiles stand in "
            f"order from 1 to {last}, row by row, with the gap at the lower right. Tiles never jump or overlap, and "
            "their colours and numbers stay. The camera is fixed.",
            f"Solve the sliding puzzle: slide numbered tiles into the empty space, one after another, until they read "
            f"1 to {last} from the upper left, and the last place is empty. Smooth sliding only. Static camera.",
            "The tiles of this puzzle glide one by one into the free place next to them, until the numbers are sorted "
            "row by row and the gap is in the lower right corner. No tile is lifted, and the camera does not move.",
        )

    def colors(self, puzzle: Puzzle) -> Sequence[Color]:
        return list(PIECE_HUES.values())[: len(puzzle.tiles) - 1]

    def sheet(self, puzzle: Puzzle, canvas: Size, downscale: float = 1) -> tuple[Sketch, Point, float]:
        unit = min(canvas[0] * 0.86 / puzzle.columns, canvas[1] * 0.86 / puzzle.rows)
        left, top = (canvas[0] - unit * puzzle.columns) / 2, (canvas[1] - unit * puzzle.rows) / 2
        rim = min(canvas) * 0.035
        sketch = Sketch(canvas, downscale=downscale)
        right, bottom = canvas[0] - left, canvas[1] - top
        sketch.rectangle((left - rim, top - rim, right + rim, bottom + rim), UMBER, radius=rim)
        sketch.rectangle((left, top, right, bottom), GRAY, radius=rim / 2)
        return sketch, (left + unit / 2, top + unit / 2), unit

    def draw_piece(self, puzzle: Puzzle, sketch: Sketch, piece: int, center: Point, unit: float) -> None:
        x, y, half = *center, 0.455 * unit
        color = self.colors(puzzle)[piece]
        sketch.rectangle((x - half, y - half, x + half, y + half), color, radius=0.08 * unit)
        digit(sketch, piece + 1, center, 0.52 * unit, INK if color == YELLOW else WHITE)

    def extent(self, puzzle: Puzzle, piece: int) -> tuple[float, float]:
        return 0.46, 0.46

    def slot(self, puzzle: Puzzle, homes: Places, piece: int, place: Place) -> Place:
        return (
            float(min(max(round(place[0]), 0), puzzle.rows - 1)),
            float(min(max(round(place[1]), 0), puzzle.columns - 1)),
        )

    def astray(self, puzzle: Puzzle, homes: Places, piece: int, place: Place) -> str | None:
        down, right = abs(place[0] - homes[piece][0]), abs(place[1] - homes[piece][1])
        return "off_track" if min(down, right) > REST or max(down, right) > 1 + REST else None

    def against(self, puzzle: Puzzle, homes: Places, piece: int, slot: Place, aloft: Sequence[int]) -> str | None:
        apart = abs(slot[0] - homes[piece][0]) + abs(slot[1] - homes[piece][1])
        return "not_into_gap" if apart != 1 or slot in homes else None

    def closeness(self, puzzle: Puzzle, homes: Places) -> float:
        at = {place: piece + 1 for piece, place in enumerate(homes)}
        cells = [divmod(i, puzzle.columns) for i in range(len(puzzle.tiles))]
        tiles = tuple(at.get((float(row), float(column)), 0) for row, column in cells)
        far, here = (len(_plan(puzzle.rows, puzzle.columns, order)) for order in (puzzle.tiles, tiles))
        # There is no plan if tiles were exchanged against the rules.
        return max(0.0, 1 - (here - 1) / (far - 1)) if here else 0.0

    def cheats(self, puzzle: Puzzle) -> dict[str, list[Board]]:
        path = self.solution(puzzle)
        first, last = path[0].places, path[-1].places
        swapped = list(last)
        swapped[0], swapped[1] = swapped[1], swapped[0]
        return {
            "all_at_once": [path[0], path[-1]],
            "nearly_one_slide_missing": path[:-1],
            "nearly_two_swapped": [*path[:-1], Board(tuple(swapped))],
            "two_slides_at_once": [path[0], *path[2:]],
            "over_another": [path[0], Board((*first[:1], first[2], first[1], *first[3:])), *path],
        }


def _ordered(rows: int, columns: int) -> Order:
    return (*range(1, rows * columns), 0)


def _beside(tiles: Order, rows: int, columns: int) -> list[int]:
    """Return the positions next to the gap."""
    row, column = divmod(tiles.index(0), columns)
    near = ((row + down, column + right) for down, right in WORDS)
    return [r * columns + c for r, c in near if 0 <= r < rows and 0 <= c < columns]


def _slid(tiles: Order, at: int) -> Order:
    found = list(tiles)
    gap = tiles.index(0)
    found[gap], found[at] = found[at], 0
    return tuple(found)


@lru_cache(maxsize=4096)
def _plan(rows: int, columns: int, tiles: Order) -> tuple[Order, ...]:
    """Return the orders of a shortest solution, found by search from both ends; empty if there is none."""
    goal = _ordered(rows, columns)
    if tiles == goal:
        return (tiles,)
    ways: tuple[dict[Order, Order], dict[Order, Order]] = ({tiles: tiles}, {goal: goal})
    edges = [[tiles], [goal]]
    while edges[0] and edges[1]:
        side = 0 if len(edges[0]) <= len(edges[1]) else 1
        new = []
        for order in edges[side]:
            for at in _beside(order, rows, columns):
                after = _slid(order, at)
                if after in ways[side]:
                    continue
                ways[side][after] = order
                if after in ways[1 - side]:
                    return (*_back(ways[0], after)[::-1], *_back(ways[1], after)[1:])
                new.append(after)
        edges[side] = new
    return ()


def _back(ways: dict[Order, Order], order: Order) -> list[Order]:
    found = [order]
    while ways[found[-1]] != found[-1]:
        found.append(ways[found[-1]])
    return found
