"""Connect four: on each board, drop the waiting piece into the one column where it completes a line of four.

        [x]                  x  a dark disc    A video passes if each colored disc moves above the right
    | .  .  .  .  . |        o  a dark ring    column of its board, falls straight down onto the topmost piece there,
    | .  x  .  .  . |       [x] the colored    and rests: with it, four discs lie in a row, a column or a
    | .  o  x  o  . |           disc that      diagonal. Boards may be played in any order, one disc at a time. A disc
    | o  o  o  x  . |           waits          that enters another column has made a wrong move.

On each board, exactly one column wins. The line to complete is horizontal, vertical or diagonal with equal chance. From
difficulty 3 on, each board has a trap: three of the four pieces of a line, whose last place is taken by the other side,
or hangs in the air. The plan length is the number of boards. There are far more than 10,000 questions at every
difficulty: a board of 5 x 4 has millions of such positions.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from vmevalkit.tasks.base import register_task
from vmevalkit.tasks.toolkit.draw import GRAY, INK, PAPER, Color, Point, Sketch, oval
from vmevalkit.tasks.toolkit.levels import levels
from vmevalkit.tasks.toolkit.pieces import PIECE_HUES, PIECE_REASONS, Board, PiecesTask, Place, Places
from vmevalkit.types import Record, Size

# Row and column on a board, from the upper left.
Cell = tuple[int, int]


class Level(NamedTuple):
    """Settings of one difficulty.

    Attributes:
        across, down: numbers of boards beside and below each other.
        columns, rows: size of a board.
        free: range of the number of free cells on a board.
        traps: lines with three pieces of the side to move that cannot be completed, at least.
    """

    across: int
    down: int
    columns: int
    rows: int
    free: tuple[int, int]
    traps: int


LEVELS = levels(
    Level(across=1, down=1, columns=7, rows=6, free=(16, 30), traps=0),
    Level(across=2, down=1, columns=6, rows=5, free=(10, 18), traps=0),
    Level(across=3, down=1, columns=5, rows=5, free=(6, 14), traps=1),
    Level(across=2, down=2, columns=5, rows=4, free=(4, 11), traps=1),
    Level(across=3, down=2, columns=5, rows=4, free=(4, 10), traps=1),
)
_HUES = ("blue", "orange", "green", "purple", "yellow", "red")
# A disc moves, because rings that are blurred look like discs.
_MINE, _YOURS = "x", "o"
_WAYS = ((0, 1), (1, 0), (1, 1), (1, -1))
# In cells: height of a waiting piece above the upper cells, and distances between boards.
_ABOVE, _BESIDE, _BELOW = 1.2, 0.9, 0.55
# Radius of a hole and of a piece, and width of a ring, in cells.
_HOLE, _RADIUS, _PEN = 0.43, 0.38, 0.21
# A falling piece may be so far from the middle of its column, in cells.
_OFF = 0.35


class Position(Record):
    """A board and the piece that waits above it.

    Attributes:
        cells: a letter for each cell, row by row from the top: "x" for a disc, "o" for a ring, or ".".
        hue: color of the waiting disc.
        waits: column above which it waits.
    """

    cells: str
    hue: str
    waits: int


class Puzzle(Record):
    """Boards of `columns` x `rows` cells, `across` of them beside each other."""

    columns: int
    rows: int
    across: int
    boards: tuple[Position, ...]


@register_task
class ConnectFour(PiecesTask[Puzzle]):
    """The waiting pieces are the pieces. A place is (row, column) in cells of the first board."""

    name = "connect_four"
    tags = ("planning", "logic")
    puzzle_type = Puzzle
    clear = 0.5
    reasons = {
        **PIECE_REASONS,
        "wrong_column": "A piece enters a board elsewhere than from above through the column that wins.",
    }
    rubric = {
        "outcome": "On each board, the colored piece lies where it completes a straight line of four of its kind.",
        "process": (
            "One piece at a time moves above the right column and falls straight down to its place. It enters no other "
            "column. The order of the boards is free."
        ),
    }

    def generate(self, rng: random.Random, difficulty: int) -> Puzzle:
        level = LEVELS[difficulty]
        hues = rng.sample(_HUES, level.across * level.down)
        boards = tuple(_random_position(rng, level, hue) for hue in hues)
        return Puzzle(columns=level.columns, rows=level.rows, across=level.across, boards=boards)

    def moves(self, puzzle: Puzzle) -> list[Places]:
        return _moves(puzzle, range(len(puzzle.boards)))

    def steps(self, puzzle: Puzzle) -> list[str]:
        columns = (answer_of(puzzle, board)[1] + 1 for board in puzzle.boards)
        return [f"{board.hue} into column {column}" for board, column in zip(puzzle.boards, columns, strict=True)]

    def plan_text(self, puzzle: Puzzle) -> str:
        return f"drop {', '.join(self.steps(puzzle))} (from the left)"

    def piece_in_words(self, puzzle: Puzzle, piece: int) -> str:
        return f"the {puzzle.boards[piece].hue} disc"

    def place_in_words(self, puzzle: Puzzle, piece: int, place: Place) -> str:
        top, left = _corner(puzzle, piece)
        row, column = round(place[0] - top), round(place[1] - left)
        if 0 <= row < puzzle.rows and 0 <= column < puzzle.columns:
            return f"in column {column + 1}, row {row + 1} of its board"
        return f"above column {column + 1}" if row < 0 and 0 <= column < puzzle.columns else "beside its board"

    def phrasings(self, puzzle: Puzzle) -> Sequence[str]:
        one = len(puzzle.boards) == 1
        piece = f"the {puzzle.boards[0].hue} disc" if one else "each colored disc"
        where = "A board" if one else "Several boards"
        each = "" if one else " on its own board"
        turn = "" if one else " One disc moves at a time, in any order."
        return (
            f"{where} of connect four with dark discs and dark rings, seen from the front. Above waits {piece}: it is "
            f"the turn of the discs. It moves sideways above the one column{each} where it completes a straight line "
            f"of four discs, falls straight down onto the topmost piece there, and stays.{turn} The dark pieces and "
            "the board never change. The camera is fixed.",
            f"Win this connect four game with one move{each}: {piece} glides above the winning column and drops into "
            "the lowest free hole. Then four discs lie in a row, in a column or in a diagonal. "
            f"It enters no other column.{turn} All dark pieces stay in place. Static camera.",
            f"Show the winning move: {piece} slides along above the board and falls down the only column{each} that "
            "gives four discs in a straight line, in any direction. It comes to rest on the pieces below."
            f"{turn} The dark discs and rings stay as they are, and the camera does not move.",
        )

    def colors(self, puzzle: Puzzle) -> Sequence[Color]:
        return [PIECE_HUES[board.hue] for board in puzzle.boards]

    def sheet(self, puzzle: Puzzle, canvas: Size, downscale: float = 1) -> tuple[Sketch, Point, float]:
        down = math.ceil(len(puzzle.boards) / puzzle.across)
        wide = puzzle.across * (puzzle.columns + _BESIDE) - _BESIDE
        high = down * (puzzle.rows + _ABOVE + _BELOW) - _BELOW
        unit = min(canvas[0] * 0.92 / wide, canvas[1] * 0.92 / high)
        origin = (canvas[0] - unit * (wide - 1)) / 2, (canvas[1] - unit * (high - 1)) / 2 + unit * _ABOVE
        sketch = Sketch(canvas, downscale=downscale)
        for number, board in enumerate(puzzle.boards):
            top, left = _corner(puzzle, number)
            x, y = origin[0] + left * unit, origin[1] + top * unit
            right, bottom = x + (puzzle.columns - 0.44) * unit, y + (puzzle.rows - 0.44) * unit
            box = (x - 0.56 * unit, y - 0.53 * unit, right, bottom)
            sketch.rectangle(box, GRAY, radius=0.2 * unit)
            for i, letter in enumerate(board.cells):
                row, column = divmod(i, puzzle.columns)
                center = x + column * unit, y + row * unit
                sketch.circle(center, _HOLE * unit, PAPER)
                if letter != ".":
                    _draw(sketch, letter, center, unit, INK)
        return sketch, origin, unit

    def draw_piece(self, puzzle: Puzzle, sketch: Sketch, piece: int, center: Point, unit: float) -> None:
        board = puzzle.boards[piece]
        _draw(sketch, _MINE, center, unit, PIECE_HUES[board.hue])

    def extent(self, puzzle: Puzzle, piece: int) -> tuple[float, float]:
        return _RADIUS, _RADIUS

    def detour(self, puzzle: Puzzle, piece: int, a: Place, b: Place) -> list[Place]:
        lane = _tray(puzzle, piece)[0]
        return [(lane, a[1]), (lane, b[1])]

    def slot(self, puzzle: Puzzle, homes: Places, piece: int, place: Place) -> Place:
        # A piece that rests elsewhere is astray.
        return min(_tray(puzzle, piece), _goal(puzzle, piece), key=lambda slot: math.dist(slot, place))

    def against(self, puzzle: Puzzle, homes: Places, piece: int, slot: Place, aloft: Sequence[int]) -> str | None:
        return None

    def astray(self, puzzle: Puzzle, homes: Places, piece: int, place: Place) -> str | None:
        goal = _goal(puzzle, piece)
        for number in range(len(puzzle.boards)):
            top, left = _corner(puzzle, number)
            row, column = place[0] - top, place[1] - left
            if -0.6 < row < puzzle.rows - 0.4 and -0.7 < column < puzzle.columns - 0.3:
                falls = number == piece and abs(place[1] - goal[1]) <= _OFF and place[0] <= goal[0] + _OFF
                return None if falls else "wrong_column"
        return None

    def closeness(self, puzzle: Puzzle, homes: Places) -> float:
        return sum(home == _goal(puzzle, piece) for piece, home in enumerate(homes)) / len(homes)

    def alternatives(self, puzzle: Puzzle) -> dict[str, list[Board]]:
        if len(puzzle.boards) == 1:
            tray, goal = _tray(puzzle, 0), _goal(puzzle, 0)
            high = (tray[0] - 0.1, goal[1])
            return {"with_a_pause_above": [Board((place,)) for place in (tray, high, high, goal)]}
        back = range(len(puzzle.boards))[::-1]
        return {"from_the_last_board": [Board(places) for places in _moves(puzzle, back)]}

    def cheats(self, puzzle: Puzzle) -> dict[str, list[Board]]:
        path, last = self.solution(puzzle), len(puzzle.boards) - 1
        (top, left), goal, rest = _corner(puzzle, last), _goal(puzzle, last), path[-1].places[:-1]
        landings = {c: r for r, c in landings_of(puzzle.boards[last].cells, puzzle.columns)}
        columns = sorted(landings, key=lambda column: abs(left + column - goal[1]))
        wrong = [Board((*rest, (top + landings[column], left + column))) for column in columns[1:]]
        found = {
            "nearly_next_column": [*path[:-1], wrong[0]],
            "wrong_move_taken_back": [*path[:-1], *[wrong[0]] * 2, path[-1]],
            "farthest_column": [*path[:-1], wrong[-1]],
            "through_another_column": [*path[:-1], Board((*rest, (top, left + columns[1]))), path[-1]],
            "nearly_between_two_columns": [*path[:-1], Board((*rest, (goal[0], goal[1] + 0.5)))],
            "jump": [*path[:-1], Board((*rest, None)), path[-1], path[-1]],
        }
        if goal[0] > top:
            found["nearly_hangs_in_the_air"] = [*path[:-1], Board((*rest, (goal[0] - 1, goal[1])))]
        if last:
            found |= {"all_at_once": [path[0], path[-1]], "nearly_one_missing": path[:-1]}
        return found


@lru_cache(maxsize=8)
def _lines(columns: int, rows: int) -> tuple[tuple[int, ...], ...]:
    """Return every line of four cells, as indices row by row."""
    found = []
    for row, column, (down, right) in itertools.product(range(rows), range(columns), _WAYS):
        cells = [(row + i * down, column + i * right) for i in range(4)]
        if all(0 <= r < rows and 0 <= c < columns for r, c in cells):
            found.append(tuple(r * columns + c for r, c in cells))
    return tuple(found)


def landings_of(cells: str, columns: int) -> list[Cell]:
    """Return the cell in which a piece comes to rest, for each column that is not full."""
    free = [cells[column::columns].rfind(".") for column in range(columns)]
    return [(row, column) for column, row in enumerate(free) if row >= 0]


@lru_cache(maxsize=256)
def answer_of(puzzle: Puzzle, board: Position) -> Cell:
    """Return the only cell with which the side to move wins."""
    return _wins(board.cells, _MINE, puzzle.columns, puzzle.rows)[0]


def _wins(cells: str, letter: str, columns: int, rows: int) -> list[Cell]:
    """Return the cells with which a side that moves next completes a line."""
    gaps = {line[seen.index(".")] for line in _lines(columns, rows)
            if (seen := "".join(cells[i] for i in line)).count(letter) == 3 and "." in seen}  # fmt: skip
    return [(row, column) for row, column in landings_of(cells, columns) if row * columns + column in gaps]


def _random_position(rng: random.Random, level: Level, hue: str) -> Position:
    """Return a position that one column wins: a line with a gap, among pieces by chance."""
    columns, rows = level.columns, level.rows
    lines = _lines(columns, rows)
    by_way = [[line for line in lines if line[1] - line[0] == way] for way in (1, columns)]
    by_way.append([line for line in lines if line[1] - line[0] in (columns - 1, columns + 1)])
    while True:
        line = rng.choice(rng.choice(by_way))
        gap = min(line) if line[1] - line[0] == columns else rng.choice(line)
        tops = _random_tops(rng, columns, rows, [cell for cell in line if cell != gap], gap)
        filled = [cell for cell in range(columns * rows) if cell // columns >= tops[cell % columns]]
        # Both sides have as many pieces, or the side that moves next has one fewer.
        half, rest = len(filled) // 2, [cell for cell in filled if cell not in line]
        if half < 3 or not level.free[0] <= columns * rows - len(filled) <= level.free[1]:
            continue
        own = {*line, *rng.sample(rest, half - 3)}
        cells = "".join("." if cell == gap or cell not in filled else _MINE if cell in own else _YOURS
                        for cell in range(columns * rows))  # fmt: skip
        if not _is_over(cells, lines) and _traps(cells, lines, _MINE, gap) >= level.traps:
            wins = _wins(cells, _MINE, columns, rows)
            if len(wins) == 1:
                waits = rng.choice([column for column in range(columns) if column != wins[0][1]])
                return Position(cells=cells, hue=hue, waits=waits)


def _random_tops(rng: random.Random, columns: int, rows: int, pieces: Sequence[int], gap: int) -> list[int]:
    """Return the row of the topmost piece of each column: there are pieces in some cells, and right below the gap."""
    tops = []
    for column in range(columns):
        highest = min((cell // columns for cell in pieces if cell % columns == column), default=rows)
        tops.append(gap // columns + 1 if column == gap % columns else rng.randint(0, highest))
    return tops


def _is_over(cells: str, lines: Sequence[tuple[int, ...]]) -> bool:
    return any(cells[line[0]] != "." and len({cells[i] for i in line}) == 1 for line in lines)


def _traps(cells: str, lines: Sequence[tuple[int, ...]], letter: str, gap: int) -> int:
    """Return the number of lines with three pieces of a side that it cannot complete now."""
    return sum("".join(cells[i] for i in line).count(letter) == 3 and gap not in line for line in lines)


def _corner(puzzle: Puzzle, board: int) -> Place:
    """Return the place of the upper left cell of a board."""
    down, across = divmod(board, puzzle.across)
    return down * (puzzle.rows + _ABOVE + _BELOW), across * (puzzle.columns + _BESIDE)


def _tray(puzzle: Puzzle, piece: int) -> Place:
    top, left = _corner(puzzle, piece)
    return top - _ABOVE, left + puzzle.boards[piece].waits


def _goal(puzzle: Puzzle, piece: int) -> Place:
    (top, left), (row, column) = _corner(puzzle, piece), answer_of(puzzle, puzzle.boards[piece])
    return top + row, left + column


def _moves(puzzle: Puzzle, order: Sequence[int]) -> list[Places]:
    """Return where the pieces rest at the start, and after each of them has moved in some order."""
    now = [_tray(puzzle, piece) for piece in range(len(puzzle.boards))]
    found: list[Places] = [tuple(now)]
    for piece in order:
        now[piece] = _goal(puzzle, piece)
        found.append(tuple(now))
    return found


def _draw(sketch: Sketch, letter: str, center: Point, unit: float, color: Color) -> None:
    if letter == "x":
        sketch.circle(center, _RADIUS * unit, color)
        return
    radius = (_RADIUS - _PEN / 2) * unit
    sketch.line(oval(*center, radius, radius), _PEN * unit, color)
