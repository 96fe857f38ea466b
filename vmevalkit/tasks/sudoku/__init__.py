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

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence

from vmevalkit.media import Views
from vmevalkit.tasks.base import Fault, Painter, Reader, Reading, Task, register_task
from vmevalkit.tasks.sudoku.drawing import board_painter
from vmevalkit.tasks.sudoku.puzzle import LEVELS, Board, Level, Puzzle, filled, generate_puzzle
from vmevalkit.tasks.sudoku.reading import board_reader, cells_of
from vmevalkit.tasks.toolkit.cell_boards import changed, changing_looks
from vmevalkit.tasks.toolkit.compass import cell_in_words
from vmevalkit.tasks.toolkit.draw import HUES
from vmevalkit.tasks.toolkit.reversal import find_reversal
from vmevalkit.tasks.toolkit.transition import Places, find_transition
from vmevalkit.types import Size, Verdict

__all__ = ["LEVELS", "Board", "Level", "Puzzle", "Sudoku"]

# A digit grows from the first share of its size. It is complete after the second share of its step, and then rests.
_SMALLEST, _WHOLE = 0.25, 0.7


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
        return generate_puzzle(rng, difficulty)

    def solution(self, puzzle: Puzzle) -> list[Board]:
        return filled(puzzle, puzzle.missing())

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
        return board_painter(puzzle, canvas, downscale, object_scale)

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
            "nearly_two_swapped": filled(puzzle, cells, swapped),
            "given_overwritten": [*path, Board(changed(goal, {given: goal[given] % puzzle.side + 1}))],
            "given_gone_for_a_while": [path[0], *[Board(changed(path[0].digits, {given: 0}))] * 2, *path],
            "two_at_once": [path[0], *path[2:]],
            "all_at_once": [path[0], path[-1]],
        }

    def alternatives(self, puzzle: Puzzle) -> dict[str, list[Board]]:
        cells = puzzle.missing()
        by_column = sorted(cells, key=lambda c: (c % puzzle.side, c))
        return {"last_cell_first": filled(puzzle, cells[::-1]), "column_by_column": filled(puzzle, by_column)}

    def reader(self, puzzle: Puzzle, canvas: Size) -> Reader[Board]:
        return board_reader(puzzle, self.drawing(puzzle, Board(puzzle.start()), canvas), canvas)

    def drawn(self, puzzle: Puzzle, state: Board) -> list[Board]:
        # Digits may be written in any color.
        return [state, *(state._replace(ink=color) for color in HUES.values())]

    def is_drawable(self, puzzle: Puzzle, state: Board) -> bool:
        return not state.writing

    def judge(self, puzzle: Puzzle, readings: Sequence[Reading[Board]]) -> Verdict:
        return super().judge(puzzle, list(_remembering(readings)))

    def inspect(self, puzzle: Puzzle, frames: Views, readings: Sequence[Reading[Board]], canvas: Size) -> Fault | None:
        corners, size = cells_of(puzzle.side, canvas)
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


def _grown(t: float) -> float:
    """Return the size of a digit at share `t` of its step."""
    return round(min(1.0, _SMALLEST + (1 - _SMALLEST) * max(t, 0.0) / _WHOLE), 4)
