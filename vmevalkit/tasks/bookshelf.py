"""Bookshelf: put each loose book into the gap of the row where it belongs by its height.

    |      _       |
    |  _  | |      |      A video passes if one colored book after another moves from the upper board into its gap,
    | |#| |#|      |      until the heights rise along the row. Books may go in any order. A video fails if a book is
    +--------------+      put into a wrong gap or onto another book, jumps, or changes, or if two books move at a time.
    |        _     |
    |   _   | |    |      The small book belongs in the first gap, the large one in the second. No book belongs in the
    |  | |  | |    |      third gap, so it stays empty.
    +--------------+

The plan length is the number of loose books, from 2 to 6. Each loose book has one right gap, and one gap stays empty.
Neighbors in the order differ in height by at least 25, 20, 17, 14 and 14 % at difficulty 1 to 5. Heights are random, so
there are far more than 10,000 questions at every difficulty.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from vmevalkit.tasks.base import register_task
from vmevalkit.tasks.toolkit.draw import GRAY, INK, PAPER, UMBER, Color, Point, Sketch, mix
from vmevalkit.tasks.toolkit.levels import levels
from vmevalkit.tasks.toolkit.pieces import PIECE_HUES, PIECE_REASONS, Board, PiecesTask, Place, Places
from vmevalkit.types import Record, Size


class Level(NamedTuple):
    """Settings of one difficulty.

    Attributes:
        columns: number of places in the row; one of them stays empty.
        loose: number of loose books.
        ratio: least ratio of the heights of two neighbors in the order, in percent.
    """

    columns: int
    loose: int
    ratio: int


LEVELS = levels(
    Level(columns=6, loose=2, ratio=125),
    Level(columns=7, loose=3, ratio=120),
    Level(columns=8, loose=4, ratio=117),
    Level(columns=9, loose=5, ratio=114),
    Level(columns=9, loose=6, ratio=114),
)
# Heights of the lowest and the highest possible book, in hundredths of a unit (the distance of neighboring places).
_LOWEST, _HIGHEST = 70, 200
# In units: half the width of a book, distance from the upper to the lower board, and thickness of the boards and walls.
_HALF, _DEEP, _BOARD = 0.36, 4.2, 0.18
# Height of the lane between the upper board and the row, in which books pass above the others.
_LANE = (_DEEP - _BOARD + _HIGHEST / 100) / 2
_FIXED_COLOR = mix(GRAY, INK, 0.12)


class Puzzle(Record):
    """A row of books in order, some of which are loose.

    Attributes:
        heights: height of the book that belongs at each place of the row, in hundredths of the distance between places;
            0 for the place that stays empty.
        loose: place in the row of each loose book, in their order on the upper board.
        hues: color of each loose book.
        falling: whether the highest book is on the left.
    """

    heights: tuple[int, ...]
    loose: tuple[int, ...]
    hues: tuple[str, ...]
    falling: bool


@register_task
class Bookshelf(PiecesTask[Puzzle]):
    """Each loose book is a piece. A place is the middle of a book: (below the lower board, from the left)."""

    name = "bookshelf"
    tags = ("perception", "logic")
    puzzle_type = Puzzle
    clear = 0.5
    unseen = 0.15
    hovers = True
    # A book rests before it moves, and again after it, so that no frame shows two that move.
    pause = 0.07
    noun = "book"
    reasons = {
        **PIECE_REASONS,
        "wrong_gap": "A book is put into a gap where it does not belong.",
        "onto_another": "A book is put where another one stands.",
    }
    rubric = {
        "outcome": "All colored books stand in the row, and the heights rise in the direction that the prompt names.",
        "process": "One book at a time moves into its gap, in any order. It may pass in front of others.",
    }

    def generate(self, rng: random.Random, difficulty: int) -> Puzzle:
        level = LEVELS[difficulty]
        while True:
            heights = _random_heights(rng, level.columns - 1, level.ratio)
            falling = rng.random() < 0.5
            row = sorted(heights, reverse=falling)
            row.insert(rng.randrange(level.columns), 0)
            loose = rng.sample([at for at, height in enumerate(row) if height], level.loose)
            hues = tuple(rng.sample(list(PIECE_HUES), level.loose))
            puzzle = Puzzle(heights=tuple(row), loose=tuple(loose), hues=hues, falling=falling)
            if _has_one_answer(puzzle):
                return puzzle

    def moves(self, puzzle: Puzzle) -> list[Places]:
        return self._moves(puzzle, range(len(puzzle.loose)))

    def _moves(self, puzzle: Puzzle, order: Sequence[int]) -> list[Places]:
        now, goal = list(_above(puzzle)), _goal(puzzle)
        found: list[Places] = [tuple(now)]
        for piece in order:
            now[piece] = goal[piece]
            found.append(tuple(now))
        return found

    def steps(self, puzzle: Puzzle) -> list[str]:
        gaps = _gaps(puzzle)
        return [f"{hue} book into gap {gaps.index(at) + 1}" for hue, at in zip(puzzle.hues, puzzle.loose, strict=True)]

    def plan_text(self, puzzle: Puzzle) -> str:
        return "move the " + ", then ".join(self.steps(puzzle)) + ", counted from the left"

    def place_in_words(self, puzzle: Puzzle, piece: int, place: Place) -> str:
        if math.dist(place, _above(puzzle)[piece]) < 0.5:
            return "on the upper board"
        slot = self.slot(puzzle, (), piece, place)
        if math.dist(place, slot) < 0.5:
            return f"in gap {_gaps(puzzle).index(round(slot[1])) + 1} from the left"
        return "between the boards"

    def phrasings(self, puzzle: Puzzle) -> Sequence[str]:
        way = "from right to left" if puzzle.falling else "from left to right"
        low, high = ("right", "left") if puzzle.falling else ("left", "right")
        return (
            "A bookcase: gray books in order of height stand on the lower board, with gaps between them; colored books "
            "stand on the upper board. One colored book after another moves down into the gap where it belongs, until "
            f"the heights of all books rise {way}. A book is put into its right gap at once and stays there. A gap "
            "where no book belongs stays empty. Books keep their size and color. The camera is fixed.",
            f"Put the colored books in order: one at a time, each glides from the upper board into the row below, so "
            f"that the row grows {way}, from the lowest book on the {low} to the highest on the {high}. No book is "
            "put into a wrong gap or onto another book. The gray books stay, one gap is left over, and no book "
            "changes. Static camera.",
            "The colored books leave the upper board one by one and come down into the gaps of the row below. Each "
            f"fits by height between its neighbors, and at the end the heights rise {way}. Each book goes straight to "
            "its own gap, and the gap that fits none stays free. The gray books do not move, books do not change, and "
            "the camera stays still.",
        )

    def colors(self, puzzle: Puzzle) -> Sequence[Color]:
        return [PIECE_HUES[hue] for hue in puzzle.hues]

    def sheet(self, puzzle: Puzzle, canvas: Size, downscale: float = 1) -> tuple[Sketch, Point, float]:
        columns, high = len(puzzle.heights), _DEEP + _HIGHEST / 100 + 0.3
        unit = min(canvas[0] * 0.92 / (columns + 2 * _BOARD), canvas[1] * 0.94 / (high + _BOARD))
        x, y = (canvas[0] - (columns - 1) * unit) / 2, (canvas[1] + (high - _BOARD) * unit) / 2
        left, right, wall = x - unit / 2, x + (columns - 0.5) * unit, _BOARD * unit
        sketch = Sketch(canvas, downscale=downscale)
        for side in (left - wall, right):
            sketch.rectangle((side, y - high * unit, side + wall, y + wall), UMBER)
        for floor in (y - high * unit, y - _DEEP * unit, y):
            sketch.rectangle((left - wall, floor, right + wall, floor + wall), UMBER)
        for at, height in enumerate(puzzle.heights):
            middle = x + at * unit
            if height and at not in puzzle.loose:
                _draw(sketch, (middle, y - height / 200 * unit), unit, height, _FIXED_COLOR)
            else:
                # A pale mark on the board shows where a book can stand.
                box = (middle - _HALF * unit, y + wall * 0.2, middle + _HALF * unit, y + wall * 0.8)
                sketch.rectangle(box, mix(UMBER, PAPER, 0.6), radius=wall * 0.25)
        return sketch, (x, y), unit

    def draw_piece(self, puzzle: Puzzle, sketch: Sketch, piece: int, center: Point, unit: float) -> None:
        _draw(sketch, center, unit, puzzle.heights[puzzle.loose[piece]], self.colors(puzzle)[piece])

    def extent(self, puzzle: Puzzle, piece: int) -> tuple[float, float]:
        return puzzle.heights[puzzle.loose[piece]] / 200, _HALF

    def detour(self, puzzle: Puzzle, piece: int, a: Place, b: Place) -> list[Place]:
        return [(-_LANE, a[1]), (-_LANE, b[1])] if a[0] < -_DEEP and b[0] > -_HIGHEST / 100 else []

    def slot(self, puzzle: Puzzle, homes: Places, piece: int, place: Place) -> Place:
        half = self.extent(puzzle, piece)[0]
        standing = [(-half, float(at)) for at in _gaps(puzzle)]
        return min((_above(puzzle)[piece], *standing), key=lambda slot: math.dist(slot, place))

    def against(self, puzzle: Puzzle, homes: Places, piece: int, slot: Place, aloft: Sequence[int]) -> str | None:
        if slot in (_above(puzzle)[piece], _goal(puzzle)[piece]):
            return None
        taken = any(home[0] > -_DEEP + 0.1 and home[1] == slot[1] for home in homes)
        return "onto_another" if taken else "wrong_gap"

    def closeness(self, puzzle: Puzzle, homes: Places) -> float:
        return sum(home == place for home, place in zip(homes, _goal(puzzle), strict=True)) / len(homes)

    def alternatives(self, puzzle: Puzzle) -> dict[str, list[Board]]:
        back = range(len(puzzle.loose))[::-1]
        return {"from_the_right": [Board(places) for places in self._moves(puzzle, back)]}

    def cheats(self, puzzle: Puzzle) -> dict[str, list[Board]]:
        path, above, goal = self.solution(puzzle), _above(puzzle), _goal(puzzle)
        empty = float(puzzle.heights.index(0))

        def ending(*last: Place) -> list[Board]:
            """Move the books one after another, the last ones to these places."""
            places = (*goal[: -len(last)], *last)
            return [Board((*places[:count], *above[count:])) for count in range(len(goal) + 1)]

        wrong = Board(((goal[0][0], goal[1][1]), *above[1:]))
        return {
            "all_at_once": [path[0], path[-1]],
            "two_at_once": [path[0], *path[2:]],
            "wrong_gap_first": [path[0], *[wrong] * 2, *path[1:]],
            "onto_another": ending((goal[-1][0], goal[-2][1])),
            "nearly_two_exchanged": ending((goal[-2][0], goal[-1][1]), (goal[-1][0], goal[-2][1])),
            "nearly_in_the_empty_gap": ending((goal[-1][0], empty)),
            "nearly_one_left": path[:-1],
            "nearly_above_its_gap": ending((goal[-1][0] - 0.6, goal[-1][1])),
        }


def _draw(sketch: Sketch, center: Point, unit: float, height: int, color: Color) -> None:
    """Draw the back of a book. Its height is given in hundredths of a unit.

    It has no label: the color of a label mixes with that of the book in blurred videos, and books are narrow.
    """
    (x, y), half, high = center, _HALF * unit, height / 200 * unit
    sketch.rectangle((x - half, y - high, x + half, y + high), color, radius=0.1 * unit)


def _random_heights(rng: random.Random, count: int, ratio: int) -> list[int]:
    """Return heights of books from the lowest on, each at least `ratio` percent of the one before."""
    # A little more, because heights are rounded.
    step = math.log(ratio / 100 + 0.012)
    spare = math.log(_HIGHEST / _LOWEST) - (count - 1) * step
    extra = sorted(rng.uniform(0, spare) for _ in range(count))
    return [round(_LOWEST * math.exp(i * step + more)) for i, more in enumerate(extra)]


def _gaps(puzzle: Puzzle) -> list[int]:
    """Return the places of the row where no gray book stands, from the left."""
    return [at for at, height in enumerate(puzzle.heights) if at in puzzle.loose or not height]


def _has_one_answer(puzzle: Puzzle) -> bool:
    """Whether the empty place has no loose neighbor, which could stand there instead, also after moving up."""
    empty = puzzle.heights.index(0)
    return empty - 1 not in puzzle.loose and empty + 1 not in puzzle.loose


@lru_cache(maxsize=64)
def _above(puzzle: Puzzle) -> Places:
    """Return the places of the loose books on the upper board."""
    left = (len(puzzle.heights) - len(puzzle.loose)) / 2
    return tuple((-_DEEP - puzzle.heights[at] / 200, left + i) for i, at in enumerate(puzzle.loose))


@lru_cache(maxsize=64)
def _goal(puzzle: Puzzle) -> Places:
    """Return the places of the loose books in the row."""
    return tuple((-puzzle.heights[at] / 200, float(at)) for at in puzzle.loose)
