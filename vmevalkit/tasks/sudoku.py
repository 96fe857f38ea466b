"""Sudoku: write the missing digits, one cell after another, and leave the given digits as they are.

    +-----+-----+
    | 1 . | 3 4 |      A video passes if each empty cell (.) gets its correct digit and the full grid is held at the
    | 3 4 | . 2 |      end. Two cells must not be filled at the same time, no wrong digit may be written, and the given
    +-----+-----+      digits and the lines must stay as they are. The cells may be filled in any order. Digits may have
    | 2 1 | 4 3 |      any color, and may be written, grow or fade in.
    | . 3 | 2 1 |
    +-----+-----+

The plan length is the number of missing cells. They are placed so that wiping in the answer, straight or diagonally,
fills two cells at once. There are about 20,000 questions at difficulty 1, and far more than 10,000 at the others.
"""

from __future__ import annotations

import itertools
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vmevalkit.media import Frame, Planes, Views
from vmevalkit.tasks.base import Fault, Painter, Reader, Reading, Task, register_task
from vmevalkit.tasks.toolkit.cell_boards import changed, changing_looks
from vmevalkit.tasks.toolkit.cells import swept
from vmevalkit.tasks.toolkit.compass import cell_in_words
from vmevalkit.tasks.toolkit.draw import BLUE, GRAY, HUES, INK, WHITE, Color, Sketch, digit, downscaled, square_board
from vmevalkit.tasks.toolkit.levels import levels
from vmevalkit.tasks.toolkit.reversal import find_reversal
from vmevalkit.tasks.toolkit.transition import Places, find_transition
from vmevalkit.tasks.toolkit.vision import Blocks, Envelope, Glyphs, Lens, lost, patches, to_view, view_size
from vmevalkit.types import Record, Size, Verdict


class Level(NamedTuple):
    """Settings of one difficulty: rows and columns of a box, and range of the number of missing cells."""

    box_rows: int
    box_columns: int
    min_missing: int
    max_missing: int


# With 20 steps, a step takes two frames in a video of 49 frames.
LEVELS = levels(
    Level(box_rows=2, box_columns=2, min_missing=4, max_missing=4),
    Level(box_rows=2, box_columns=2, min_missing=5, max_missing=7),
    Level(box_rows=2, box_columns=3, min_missing=8, max_missing=11),
    Level(box_rows=3, box_columns=3, min_missing=12, max_missing=15),
    Level(box_rows=3, box_columns=3, min_missing=16, max_missing=20),
)
# A digit grows from the first share of its size. It is complete after the second share of its step, and then rests.
_SMALLEST, _WHOLE = 0.25, 0.7
_HEIGHT = 0.64
# Sizes at which a digit is read, and at which it is still growing. Without the latter, a small 6 would be read as a 4.
_READ, _COMING = (1.0, 0.86), (0.72, 0.58)


class Puzzle(Record):
    """A grid with a single solution. `given` and `answer` hold a string of digits per row. A dot is a missing digit."""

    box: tuple[int, int]
    given: tuple[str, ...]
    answer: tuple[str, ...]

    @property
    def side(self) -> int:
        """Number of rows and of columns."""
        return self.box[0] * self.box[1]

    def start(self) -> tuple[int, ...]:
        """Return the given digits row by row; 0 is an empty cell."""
        return tuple(0 if d == "." else int(d) for d in "".join(self.given))

    def goal(self) -> tuple[int, ...]:
        """Return the digits of the answer row by row."""
        return tuple(map(int, "".join(self.answer)))

    def missing(self) -> list[int]:
        """Return the cells to be filled, counted row by row from 0."""
        return [cell for cell, d in enumerate("".join(self.given)) if d == "."]


class Board(NamedTuple):
    """A moment of the puzzle: the digit in each cell (0 is empty), and the cells that are being written.

    `writing` holds (cell, digit, size) of each digit that is being written. Readers set digit 0, because they cannot
    read it. In a board that `judge` scores, `digits` has the digit that was last read in such a cell.
    """

    digits: tuple[int, ...]
    writing: tuple[tuple[int, int, float], ...] = ()
    ink: Color = BLUE

    def fresh(self) -> set[int]:
        """Return the cells that are being filled."""
        return {cell for cell, *_ in self.writing if not self.digits[cell]}


@register_task
class Sudoku(Task[Puzzle, Board]):
    """Digits are written. The state is the filled cells and the cell that is being written."""

    name = "sudoku"
    tags = ("logic",)
    version = 2
    puzzle_type = Puzzle
    reasons = {
        "given_changed": "A given digit changes.",
        "wrong_digit": "A wrong digit is written.",
        "several_at_once": "Several cells are filled at the same time.",
        "digit_removed": "A digit that was written disappears again.",
    }
    rubric = {
        "outcome": "Every empty cell holds its correct digit.",
        "process": "Digits are written one cell after another, in any order and any color, and never a wrong one.",
    }

    def generate(self, rng: random.Random, difficulty: int) -> Puzzle:
        rows, columns, fewest, most = LEVELS[difficulty]
        side = rows * columns
        count = rng.randint(fewest, most)
        while True:
            answer = next(_solutions([0] * side * side, (rows, columns), rng))
            for _ in range(20):
                missing = rng.sample(range(side * side), count)
                if swept([divmod(cell, side) for cell in missing]):
                    continue
                given = [0 if cell in missing else d for cell, d in enumerate(answer)]
                if sum(1 for _ in itertools.islice(_solutions(given, (rows, columns)), 2)) == 1:
                    return Puzzle(box=(rows, columns), given=_rows(given, side), answer=_rows(answer, side))

    def solution(self, puzzle: Puzzle) -> list[Board]:
        return _fill(puzzle, puzzle.missing())

    def steps(self, puzzle: Puzzle) -> list[str]:
        goal, side = puzzle.goal(), puzzle.side
        return [f"write {goal[c]} {cell_in_words(divmod(c, side))}" for c in puzzle.missing()]

    def plan_text(self, puzzle: Puzzle) -> str:
        goal, side = puzzle.goal(), puzzle.side
        rows: dict[int, list[str]] = defaultdict(list)
        for cell in puzzle.missing():
            row = rows[cell // side + 1]
            row.append(f"{goal[cell]} in {'' if row else 'column '}{cell % side + 1}")
        return "; ".join(f"row {row}: {', '.join(parts)}" for row, parts in rows.items())

    def in_words(self, puzzle: Puzzle, state: Board) -> dict[str, str]:
        fresh, side = state.fresh(), puzzle.side
        looks = ("being written" if cell in fresh else str(digit or "empty") for cell, digit in enumerate(state.digits))
        return {f"row {cell // side + 1}, column {cell % side + 1}": look for cell, look in enumerate(looks)}

    def phrasings(self, puzzle: Puzzle) -> Sequence[str]:
        n = puzzle.side
        return (
            f"A {n}x{n} sudoku. The empty cells are filled one at a time with blue digits from 1 to {n}, until every "
            "row, every column and every box with dark borders holds each digit exactly once. "
            "The dark digits and the lines never change. The camera is fixed.",
            f"Solve this {n}x{n} sudoku: write the missing digits in blue, one cell after another. Each row, column "
            f"and thick-bordered box must contain the digits 1 to {n} once each. The given dark digits stay, and "
            "the camera does not move.",
            f"One after another, blue digits appear in the empty cells of this {n}x{n} number grid. Only 1 to {n} are "
            "allowed, and no digit repeats in a row, a column or a dark-edged box. "
            "The dark digits keep their places. Static camera.",
        )

    def painter(self, puzzle: Puzzle, canvas: Size, downscale: float = 1, object_scale: float = 1) -> Painter[Board]:
        left, top, cell = _board(puzzle.side, canvas)
        start = puzzle.start()
        base = _sheet(puzzle.box, canvas).copy()

        def put(frame: Frame, at: int, glyph: Frame) -> None:
            row, column = divmod(at, puzzle.side)
            edge = (cell - glyph.shape[0]) // 2
            y, x = top + row * cell + edge, left + column * cell + edge
            frame[y : y + glyph.shape[0], x : x + glyph.shape[1]] = glyph

        for at, value in enumerate(start):
            if value:
                put(base, at, _glyph(value, INK, cell, 1.0))

        def draw(board: Board) -> Frame:
            frame: Frame = base.copy()
            for at, value in enumerate(board.digits):
                if value != start[at]:
                    put(frame, at, _glyph(value, board.ink, cell, object_scale))
            for at, value, size in board.writing:
                put(frame, at, _glyph(value, INK if value == start[at] else BLUE, cell, size * object_scale))
            return downscaled(frame, downscale)

        return draw

    def between(self, puzzle: Puzzle, a: Board, b: Board, t: float) -> Board:
        return Board(*changing_looks(a.digits, b.digits, t, _grown))

    def cheats(self, puzzle: Puzzle) -> dict[str, list[Board]]:
        path, goal, cells = self.solution(puzzle), puzzle.goal(), puzzle.missing()
        last, wrong = cells[-1], goal[cells[-1]] % puzzle.side + 1
        given = next(c for c in range(len(goal)) if c not in cells)
        other = next(c for c in cells if goal[c] != goal[last])
        swapped = changed(goal, {other: goal[last], last: goal[other]})
        return {
            "nearly_last_digit": [*path[:-1], Board(changed(goal, {last: wrong}))],
            "wrong_then_corrected": [*path[:-1], Board(changed(goal, {last: wrong})), path[-1]],
            "nearly_two_swapped": _fill(puzzle, cells, swapped),
            "given_overwritten": [*path, Board(changed(goal, {given: goal[given] % puzzle.side + 1}))],
            "given_gone_for_a_while": [path[0], *[Board(changed(path[0].digits, {given: 0}))] * 2, *path],
            "two_at_once": [path[0], *path[2:]],
            "all_at_once": [path[0], path[-1]],
        }

    def alternatives(self, puzzle: Puzzle) -> dict[str, list[Board]]:
        cells = puzzle.missing()
        by_column = sorted(cells, key=lambda c: (c % puzzle.side, c))
        return {"last_cell_first": _fill(puzzle, cells[::-1]), "column_by_column": _fill(puzzle, by_column)}

    def reader(self, puzzle: Puzzle, canvas: Size) -> Reader[Board]:
        side, start, missing = puzzle.side, puzzle.start(), puzzle.missing()
        first = self.drawing(puzzle, Board(start), canvas)
        corners, size = _cells(side, canvas)
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

    def drawn(self, puzzle: Puzzle, state: Board) -> list[Board]:
        # Digits may be written in any color.
        return [state, *(state._replace(ink=color) for color in HUES.values())]

    def is_drawable(self, puzzle: Puzzle, state: Board) -> bool:
        return not state.writing

    def judge(self, puzzle: Puzzle, readings: Sequence[Reading[Board]]) -> Verdict:
        return super().judge(puzzle, list(_remembering(readings)))

    def inspect(self, puzzle: Puzzle, frames: Views, readings: Sequence[Reading[Board]], canvas: Size) -> Fault | None:
        corners, size = _cells(puzzle.side, canvas)
        # Without the lines between the cells.
        near, far = 0.08 * size, 0.92 * size
        places = [(x + near, y + near, x + far, y + far) for x, y in (corners[cell] for cell in puzzle.missing())]
        return find_reversal(frames, places) or find_transition(frames, Places(places))

    def illegal(self, puzzle: Puzzle, a: Board, b: Board) -> str | None:
        start, goal = puzzle.start(), puzzle.goal()
        changed = [c for c, (old, new) in enumerate(zip(a.digits, b.digits, strict=True)) if old != new]
        if any(start[c] for c in changed):
            return "given_changed"
        # Two cells may not begin or end together. If both are in progress for one frame, this may be the end of one and
        # the beginning of the other, but not in two successive frames.
        before, now = a.fresh(), b.fresh()
        begun = [c for c in {*changed, *now} - before if not a.digits[c]]
        if len(begun) > 1 or len({*changed} | (before & now)) > 1:
            return "several_at_once"
        if any(b.digits[c] not in (0, goal[c]) for c in changed):
            return "wrong_digit"
        return "digit_removed" if any(a.digits[c] for c in changed) else None

    def progress(self, puzzle: Puzzle, state: Board) -> float:
        goal, cells = puzzle.goal(), puzzle.missing()
        unclear = {cell for cell, *_ in state.writing}
        if state.digits == goal and not unclear:
            return 1.0
        correct = sum(state.digits[c] == goal[c] and c not in unclear for c in cells)
        return min(correct / len(cells), 0.99)

    def same(self, puzzle: Puzzle, a: Board, b: Board) -> bool:
        return a == b


def _remembering(readings: Sequence[Reading[Board]]) -> Iterator[Reading[Board]]:
    """Yield the readings with the last clear digit in unclear cells: a flicker is no change, a slow erasure is one."""
    known: tuple[int, ...] = ()
    for reading in readings:
        state = reading.state
        if state is None:
            yield reading
            continue
        if known:
            state = Board(changed(state.digits, {cell: known[cell] for cell, *_ in state.writing}), state.writing)
        known = state.digits
        yield Reading(state, reading.scene_intact, reading.note)


def _fill(puzzle: Puzzle, order: Sequence[int], goal: tuple[int, ...] = ()) -> list[Board]:
    """Return the boards that result from filling cells in an order."""
    goal = goal or puzzle.goal()
    boards = [Board(puzzle.start())]
    for cell in order:
        boards.append(Board(changed(boards[-1].digits, {cell: goal[cell]})))
    return boards


def _rows(digits: Sequence[int], side: int) -> tuple[str, ...]:
    text = "".join(str(d) if d else "." for d in digits)
    return tuple(text[i : i + side] for i in range(0, len(text), side))


def _solutions(grid: Sequence[int], box: tuple[int, int], rng: random.Random | None = None) -> Iterator[list[int]]:
    """Yield the solutions of a grid (0 is empty), in random order with `rng`; cells with few candidates come first."""
    side = box[0] * box[1]
    units = [(c // side, side + c % side, 2 * side + c // side // box[0] * box[0] + c % side // box[1])
             for c in range(side * side)]  # fmt: skip
    free = [(1 << side) - 1] * (3 * side)
    for cell, value in enumerate(grid):
        if value:
            for unit in units[cell]:
                free[unit] &= ~(1 << (value - 1))
    filled = list(grid)
    empty = [c for c, value in enumerate(grid) if not value]
    if rng:
        rng.shuffle(empty)

    def search() -> Iterator[list[int]]:
        if not empty:
            yield list(filled)
            return
        masks = [free[units[c][0]] & free[units[c][1]] & free[units[c][2]] for c in empty]
        best = min(range(len(empty)), key=lambda i: masks[i].bit_count())
        cell = empty.pop(best)
        values = [v for v in range(1, side + 1) if masks[best] >> (v - 1) & 1]
        if rng:
            rng.shuffle(values)
        for value in values:
            filled[cell] = value
            for unit in units[cell]:
                free[unit] ^= 1 << (value - 1)
            yield from search()
            for unit in units[cell]:
                free[unit] ^= 1 << (value - 1)
        filled[cell] = 0
        empty.insert(best, cell)

    return search()


def _grown(t: float) -> float:
    """Return the size of a digit at share `t` of its step."""
    return round(min(1.0, _SMALLEST + (1 - _SMALLEST) * max(t, 0.0) / _WHOLE), 4)


def _board(side: int, canvas: Size) -> tuple[int, int, int]:
    """Return left, top and cell size in whole pixels, so that every digit has the same pixels."""
    left, top, cell = square_board(canvas, side, margin=0.06)
    return round(left), round(top), max(1, int(cell))


@lru_cache(maxsize=256)
def _glyph(value: int, color: Color, cell: int, size: float) -> npt.NDArray[np.uint8]:
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
    left, top, cell = _board(count, canvas)
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


def _cells(side: int, canvas: Size) -> tuple[list[tuple[float, float]], float]:
    """Return the corners (left, top) and the size of the cells, in pixels of the view."""
    left, top, cell = _board(side, canvas)
    scale = view_size(canvas)[0] / canvas[0]
    corners = [((left + c * cell) * scale, (top + r * cell) * scale) for r in range(side) for c in range(side)]
    return corners, cell * scale


@lru_cache(maxsize=8)
def _glyphs(box: tuple[int, int], canvas: Size) -> Glyphs:
    """Return a reader of the digits. Its templates are drawings with one digit in every cell, at a few sizes."""
    side = box[0] * box[1]
    blank = ("." * side,) * side
    paint = Sudoku().painter(Puzzle(box=box, given=blank, answer=blank), canvas)

    def shown(size: float) -> list[Planes]:
        digits = range(1, side + 1)
        boards = [Board((0,) * side * side, tuple((c, d, size) for c in range(side * side))) for d in digits]
        return [to_view(paint(board)) for board in boards]

    return Glyphs([shown(s) for s in _READ], [shown(s) for s in _COMING], *_cells(side, canvas))
