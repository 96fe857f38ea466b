"""Tic-tac-toe: slide the waiting mark into the one best cell.

    x | o |            x   dark crosses     A video passes if the colored mark (here a cross) slides from its tray into
   ---+---+---         o   dark rings       the right cell and rests there: the cell that completes a line, the only
      | x |     [x]    [x] the colored      cell that does not lose, or the only cell that wins by force. The mark may
   ---+---+---             mark in its      take any path, also over other marks, which never change. A mark that rests
      |   | o              tray             in a wrong cell for more than a quarter of the video has made a wrong move.

The plan length is always one; difficulty is how far one must look ahead. Each question has exactly one right cell.
There are more than 10,000 questions at every difficulty: the number of positions, times two marks, six colors, and two
sides for the tray.

    1  complete a line, on 3x3                                         1,808 positions
    2  block a line of the other side, on 3x3                          652 positions
    3  fork (threaten two lines at once), on 3x3 or 4x4         124 and about 100,000 positions
    4  a quiet move on 3x3, or a fork on 4x4 with more free cells      48 and about 30,000 positions
    5  threaten first and fork later, on 4x4                           several thousand positions
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Literal, NamedTuple

from vmevalkit.tasks.base import Reading, register_task
from vmevalkit.tasks.toolkit.compass import cell_in_words
from vmevalkit.tasks.toolkit.draw import GRAY, INK, WHITE, Color, Point, Sketch, oval
from vmevalkit.tasks.toolkit.levels import levels
from vmevalkit.tasks.toolkit.pieces import PIECE_HUES, PIECE_REASONS, REST, Board, PiecesTask, Place, Places
from vmevalkit.types import Record, Size, Verdict

Kind = Literal["line", "block", "fork", "quiet", "chain"]


class Position(NamedTuple):
    """A kind of position: what the move must do, the side of the board, and the range of the number of free cells."""

    kind: Kind
    side: int
    min_free: int
    max_free: int


class Level(NamedTuple):
    """Settings of one difficulty: the kinds of positions to choose from."""

    positions: tuple[Position, ...]


LEVELS = levels(
    Level(positions=(Position("line", 3, 2, 6),)),
    Level(positions=(Position("block", 3, 3, 6),)),
    Level(positions=(Position("fork", 3, 3, 7), Position("fork", 4, 5, 6))),
    Level(positions=(Position("quiet", 3, 3, 7), Position("fork", 4, 7, 7), Position("fork", 4, 8, 8))),
    Level(positions=(Position("chain", 4, 6, 7),)),
)
_HUES = ("blue", "orange", "green", "purple", "yellow", "red")
_OTHER = {"cross": "ring", "ring": "cross"}
_PLURAL = {"cross": "crosses", "ring": "rings"}
# Distance of the tray from the board, in cells.
_TRAY_GAP = 0.3
# A mark that rests in a wrong cell for more than this share of the video counts as played there.
_PLAYED = 0.25
Goal = Literal["line", "hold", "win"]
# Bit mask with one bit for each cell of a board, row by row.
Cells = int


class Puzzle(Record):
    """A position, the side to move, and its goal.

    Attributes:
        cells: a letter for each cell, row by row: "x", "o" or ".".
        mover: the kind of mark that moves next.
        hue: color of the mark in the tray.
        left: whether the tray is on the left of the board instead of the right.
        goal: complete a line at once ("line"), do not lose ("hold"), or win by force ("win").
    """

    cells: str
    mover: Literal["cross", "ring"]
    hue: str
    left: bool
    goal: Goal

    @property
    def side(self) -> int:
        """Number of cells along a side of the board."""
        return math.isqrt(len(self.cells))

    def marks(self, kind: str) -> Cells:
        """Cells of the crosses or of the rings."""
        return sum(1 << i for i, letter in enumerate(self.cells) if letter == _letter(kind))

    def best(self) -> list[int]:
        """Indices of the right cells, row by row."""
        found = _best_cells(self.side, self.marks(self.mover), self.marks(_OTHER[self.mover]), self.goal)
        return [cell.bit_length() - 1 for cell in found]


@register_task
class TicTacToe(PiecesTask[Puzzle]):
    """The mark in the tray is the only piece. A place is (row, column)."""

    name = "tic_tac_toe"
    tags = ("planning", "logic")
    puzzle_type = Puzzle
    clear = 0.45
    reasons = {**PIECE_REASONS, "wrong_cell": "The mark rests in a cell that is not the right one."}
    rubric = {
        "outcome": "The colored mark rests in the one best cell: it completes a line, blocks one, or wins by force.",
        "process": (
            "The mark slides from its tray into the cell. It may pass over other marks, but rests in no wrong cell."
        ),
    }

    def generate(self, rng: random.Random, difficulty: int) -> Puzzle:
        kind, side, min_free, max_free = rng.choice(LEVELS[difficulty].positions)
        while True:
            free = rng.randint(min_free, max_free)
            me, you = _random_chain(rng, side, free) if kind == "chain" else _random_position(rng, side, free)
            goal = _goal(kind, side, me, you)
            if goal is None:
                continue
            mover: Literal["cross", "ring"] = rng.choice(("cross", "ring"))
            letters = {1: _letter(mover), 2: _letter(_OTHER[mover]), 0: "."}
            cells = "".join(letters[(me >> i & 1) + 2 * (you >> i & 1)] for i in range(side * side))
            puzzle = Puzzle(cells=cells, mover=mover, hue=rng.choice(_HUES), left=rng.random() < 0.5, goal=goal)
            if len(puzzle.best()) == 1:
                return puzzle

    def moves(self, puzzle: Puzzle) -> list[Places]:
        return [(_tray(puzzle),), (_answer(puzzle),)]

    def steps(self, puzzle: Puzzle) -> list[str]:
        row, column = _answer(puzzle)
        return [f"slide the {puzzle.hue} {puzzle.mover} to row {row + 1:.0f}, column {column + 1:.0f}"]

    def piece_in_words(self, puzzle: Puzzle, piece: int) -> str:
        return f"the {puzzle.hue} {puzzle.mover}"

    def place_in_words(self, puzzle: Puzzle, piece: int, place: Place) -> str:
        if math.dist(place, _tray(puzzle)) < REST:
            return "in the tray"
        inside = -0.5 < min(place) and max(place) < puzzle.side - 0.5
        return cell_in_words(place) if inside else "beside the board"

    def phrasings(self, puzzle: Puzzle) -> Sequence[str]:
        count = "three" if puzzle.side == 3 else "four"
        mine, theirs = _PLURAL[puzzle.mover], _PLURAL[_OTHER[puzzle.mover]]
        mark, where = f"{puzzle.hue} {puzzle.mover}", "left" if puzzle.left else "right"
        goal = {
            "line": f"the free cell where it completes a straight line of {count} {mine}",
            "hold": f"the only free cell that keeps the {mine} from losing if both sides then play well",
            "win": f"the only free cell from which the {mine} win by force, whatever the {theirs} answer",
        }[puzzle.goal]
        return (
            f"A game of tic-tac-toe: {count} in a row, column or diagonal win. It is the turn of the {mine}. The "
            f"{mark} slides from its tray into {goal}, and rests there. All other marks stay. The camera is fixed.",
            f"Make the best move for the {mine} in this tic-tac-toe game ({count} in a straight line win): the {mark} "
            f"on the {where} glides onto the board into {goal}. Only this one mark moves, once. Static camera.",
            f"The {mine} are to move, and {count} in a line win. Show the {mark} moving smoothly from its tray into "
            f"{goal}. It stays there. The board and the dark marks do not change, and the camera does not move.",
        )

    def colors(self, puzzle: Puzzle) -> Sequence[Color]:
        return [PIECE_HUES[puzzle.hue]]

    def sheet(self, puzzle: Puzzle, canvas: Size, downscale: float = 1) -> tuple[Sketch, Point, float]:
        side, wide = puzzle.side, puzzle.side + _TRAY_GAP + 1
        unit = min(canvas[0] * 0.86 / wide, canvas[1] * 0.86 / side)
        left = (canvas[0] - unit * wide) / 2 + (unit * (_TRAY_GAP + 1) if puzzle.left else 0)
        top = (canvas[1] - unit * side) / 2
        origin = (left + unit / 2, top + unit / 2)
        sketch = Sketch(canvas, downscale=downscale)
        long, half = unit * side, 0.5 * unit
        sketch.rectangle((left, top, left + long, top + long), WHITE, radius=0.12 * unit)
        for i in range(1, side):
            inset, line = 0.1 * unit, i * unit
            sketch.line([(left + line, top + inset), (left + line, top + long - inset)], 0.1 * unit, GRAY)
            sketch.line([(left + inset, top + line), (left + long - inset, top + line)], 0.1 * unit, GRAY)
        down, right = _tray(puzzle)
        x, y = origin[0] + right * unit, origin[1] + down * unit
        sketch.rectangle((x - half, y - half, x + half, y + half), GRAY, radius=0.16 * unit)
        half -= 0.06 * unit
        sketch.rectangle((x - half, y - half, x + half, y + half), WHITE, radius=0.1 * unit)
        for i, letter in enumerate(puzzle.cells):
            if letter != ".":
                down, right = divmod(i, side)
                _draw_mark(sketch, letter, (origin[0] + right * unit, origin[1] + down * unit), unit, INK)
        return sketch, origin, unit

    def draw_piece(self, puzzle: Puzzle, sketch: Sketch, piece: int, center: Point, unit: float) -> None:
        _draw_mark(sketch, _letter(puzzle.mover), center, unit, PIECE_HUES[puzzle.hue])

    def extent(self, puzzle: Puzzle, piece: int) -> tuple[float, float]:
        return 0.4, 0.4

    def slot(self, puzzle: Puzzle, homes: Places, piece: int, place: Place) -> Place:
        # Cells on the path are not resting places, so that the mark may pass over them.
        return min(_tray(puzzle), _answer(puzzle), key=lambda slot: math.dist(slot, place))

    def against(self, puzzle: Puzzle, homes: Places, piece: int, slot: Place, aloft: Sequence[int]) -> str | None:
        return None

    def closeness(self, puzzle: Puzzle, homes: Places) -> float:
        return 1.0 if homes[0] == _answer(puzzle) else 0.0

    def judge(self, puzzle: Puzzle, readings: Sequence[Reading[Board]]) -> Verdict:
        verdict = super().judge(puzzle, readings)
        run = longest = 0
        for reading in readings:
            run = run + 1 if reading.state and _misplaced(puzzle, reading.state.places[0]) else 0
            longest = max(longest, run)
        if verdict.reason in ("solved", "unfinished", "vanished_on_the_way") and (
            run or longest > _PLAYED * len(readings)
        ):
            return self.verdict(
                "wrong_cell", verdict.outcome, verdict.process, verdict.preservation, verdict.evidence_frame
            )
        return verdict

    def cheats(self, puzzle: Puzzle) -> dict[str, list[Board]]:
        start, end = self.solution(puzzle)
        answer = _answer(puzzle)
        cells = [(float(row), float(column)) for row, column in itertools.product(range(puzzle.side), repeat=2)]
        cells.sort(key=lambda cell: math.dist(cell, answer))
        empty = [cell for cell in cells[1:] if puzzle.cells[_index(puzzle, cell)] == "."]
        taken = [cell for cell in cells if puzzle.cells[_index(puzzle, cell)] != "."]
        beside = (answer[0], answer[1] + (0.5 if puzzle.left else -0.5))
        return {
            "nearly_the_next_free_cell": [start, Board((empty[0],))],
            "nearly_between_two_cells": [start, Board((beside,))],
            "farthest_free_cell": [start, Board((empty[-1],))],
            "onto_another_mark": [start, Board((taken[0],))],
            "vanishes": [start, end, Board((None,))],
            "jump": [start, Board((None,)), end, end],
            "wrong_move_taken_back": [start, *[Board((empty[0],))] * 3, end],
        }

    def alternatives(self, puzzle: Puzzle) -> dict[str, list[Board]]:
        start, end = self.solution(puzzle)
        tray, answer = _tray(puzzle), _answer(puzzle)
        taken = next(i for i, letter in enumerate(puzzle.cells) if letter != ".")
        over = divmod(taken, puzzle.side)
        middle = ((tray[0] + answer[0]) / 2 + 0.7, (tray[1] + answer[1]) / 2)
        return {
            "over_another_mark": [start, Board(((float(over[0]), float(over[1])),)), end],
            "in_an_arc": [start, Board((middle,)), end],
        }


def _letter(kind: str) -> str:
    return "x" if kind == "cross" else "o"


def _tray(puzzle: Puzzle) -> Place:
    return (puzzle.side - 1) / 2, -1 - _TRAY_GAP if puzzle.left else puzzle.side + _TRAY_GAP


@lru_cache(maxsize=256)
def _answer(puzzle: Puzzle) -> Place:
    row, column = divmod(puzzle.best()[0], puzzle.side)
    return float(row), float(column)


def _index(puzzle: Puzzle, cell: Place) -> int:
    return round(cell[0]) * puzzle.side + round(cell[1])


def _misplaced(puzzle: Puzzle, place: Place | None) -> bool:
    """Whether a mark rests in a wrong cell."""
    if place is None:
        return False
    cell = (round(place[0]), round(place[1]))
    inside = 0 <= min(cell) and max(cell) < puzzle.side
    return inside and math.dist(place, cell) <= REST and cell != _answer(puzzle)


def _draw_mark(sketch: Sketch, letter: str, center: Point, unit: float, color: Color) -> None:
    (x, y), pen, arm = center, 0.22 * unit, 0.26 * unit
    if letter == "o":
        sketch.line(oval(x, y, 0.28 * unit, 0.28 * unit), pen, color)
        return
    for down in (arm, -arm):
        sketch.line([(x - arm, y - down), (x + arm, y + down)], pen, color)


@lru_cache(maxsize=2)
def _lines(side: int) -> list[Cells]:
    """Rows, columns and diagonals of a board."""
    n = range(side)
    rows = [sum(1 << side * row + column for column in n) for row in n]
    columns = [sum(1 << side * row + column for row in n) for column in n]
    return [*rows, *columns, sum(1 << side * i + i for i in n), sum(1 << side * i + side - 1 - i for i in n)]


def _bits(cells: Cells) -> Iterator[Cells]:
    """Split a mask into its single cells."""
    while cells:
        yield cells & -cells
        cells &= cells - 1


def _several(cells: Cells) -> bool:
    """Whether a mask has more than one cell."""
    return bool(cells & (cells - 1))


def _free(side: int, me: Cells, you: Cells) -> Cells:
    return (1 << side * side) - 1 & ~(me | you)


def _gaps(side: int, me: Cells, you: Cells) -> Cells:
    """Free cells that complete a line of `me`."""
    found = 0
    for line in _lines(side):
        missing = line & ~me
        if missing and not missing & (missing - 1) and not missing & you:
            found |= missing
    return found


def _forces(side: int, me: Cells, you: Cells, known: dict[tuple[Cells, Cells], bool]) -> bool:
    """Whether `me`, who moves next, can win by force. No line is complete yet."""
    if (me, you) not in known:
        threats = _gaps(side, you, me)
        known[me, you] = bool(_gaps(side, me, you)) or (
            not _several(threats)
            and not all(line & you for line in _lines(side))
            and any(_wins_after(side, me | cell, you, known) for cell in _bits(threats or _free(side, me, you)))
        )
    return known[me, you]


def _wins_after(side: int, me: Cells, you: Cells, known: dict[tuple[Cells, Cells], bool]) -> bool:
    """Whether `me` wins by force after a move that completed no line."""
    free, gaps = _free(side, me, you), _gaps(side, me, you)
    if not free or _gaps(side, you, me):
        return False
    return _several(gaps) or all(_forces(side, me, you | cell, known) for cell in _bits(gaps or free))


def _best_cells(side: int, me: Cells, you: Cells, goal: Goal) -> list[Cells]:
    """Cells that reach a goal, found by searching the game to its end."""
    gaps, known = _gaps(side, me, you), dict[tuple[Cells, Cells], bool]()
    if goal == "line":
        return list(_bits(gaps))
    free = list(_bits(_free(side, me, you)))
    if goal == "win":
        return [cell for cell in free if cell & gaps or _wins_after(side, me | cell, you, known)]
    return [cell for cell in free if cell & gaps or not _forces(side, you, me | cell, known)]


def _goal(kind: Kind, side: int, me: Cells, you: Cells) -> Goal | None:
    """Goal of a position of the given kind; None if the position is not of that kind."""
    if any(line & me == line or line & you == line for line in _lines(side)):
        return None
    if kind == "line" or _gaps(side, me, you):
        return "line" if kind == "line" and _gaps(side, me, you) else None
    if kind == "block" or _gaps(side, you, me):
        return "hold" if kind == "block" and _gaps(side, you, me) else None
    forks = any(_several(_gaps(side, me | cell, you)) for cell in _bits(_free(side, me, you)))
    if forks != (kind == "fork"):
        return None
    return "win" if kind != "quiet" or _forces(side, me, you, {}) else "hold"


def _random_position(rng: random.Random, side: int, free: int) -> tuple[Cells, Cells]:
    """Choose a random position. Both sides have equally many marks, or the side that moves next has one fewer."""
    marks = [1 << cell for cell in rng.sample(range(side * side), side * side - free)]
    half = len(marks) // 2
    return sum(marks[:half]), sum(marks[half:])


def _random_chain(rng: random.Random, side: int, free: int) -> tuple[Cells, Cells]:
    """Choose a random position in which a threat in one line may prepare a fork of two others."""
    while True:
        first, second, third = rng.sample(_lines(side), 3)
        key, fork = first & second, second & third
        if not key or not fork or key == fork:
            continue
        answered = rng.choice(list(_bits(first & ~key)))
        left_open = rng.choice(list(_bits(second & ~(key | fork)))), rng.choice(list(_bits(third & ~fork)))
        if answered & third or left_open[1] & first:
            continue
        empty = key | fork | answered | left_open[0] | left_open[1]
        me = (first | second | third) & ~empty
        others = list(_bits(_free(side, me, empty)))
        rng.shuffle(others)
        marks = side * side - free
        mine, yours = marks // 2 - me.bit_count(), marks - marks // 2
        if mine >= 0 and mine + yours <= len(others):
            return me | sum(others[yours : yours + mine]), sum(others[:yours])
