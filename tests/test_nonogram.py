"""Nonogram: the numbers have one answer, and only videos that fill exactly its cells, one at a time, pass."""

from __future__ import annotations

import itertools

import pytest

from vmevalkit.contract import views
from vmevalkit.tasks.base import TASKS, as_frames, random_generator
from vmevalkit.tasks.nonogram import Nonogram, Puzzle
from vmevalkit.tasks.toolkit.cells import Board, changed
from vmevalkit.types import Verdict

CANVAS = (360, 240)
LEVELS = range(1, 6)


def task() -> Nonogram:
    found = TASKS["nonogram"]
    assert isinstance(found, Nonogram)
    return found


def puzzle_of(difficulty: int, seed: int = 0) -> Puzzle:
    return task().generate(random_generator("test nonogram", difficulty, seed), difficulty)


def verify(puzzle: Puzzle, boards: list[Board], count: int = 49) -> Verdict:
    return task().verify(puzzle, views(as_frames(task().render(puzzle, boards, CANVAS, count))), "solve", CANVAS)


def solutions(puzzle: Puzzle) -> list[tuple[str, ...]]:
    """Return every filled grid with the puzzle's numbers, found row by row; columns are checked as far as they go."""
    rows, columns = puzzle.clues()
    side = puzzle.side
    lines = ["".join(line) for line in itertools.product(".#", repeat=side)]

    def runs(line: str) -> tuple[int, ...]:
        return tuple(len(list(group)) for kind, group in itertools.groupby(line) if kind == "#")

    starts = [{line[:k] for line in lines if runs(line) == clue for k in range(side + 1)} for clue in columns]
    found: list[tuple[str, ...]] = [()]
    for clue in rows:
        longer = [(*above, line) for above in found for line in lines if runs(line) == clue]
        found = [it for it in longer if all(map(set.__contains__, starts, map("".join, zip(*it, strict=True))))]
    return found


@pytest.mark.parametrize("difficulty", LEVELS)
def test_the_numbers_have_one_answer(difficulty: int) -> None:
    for seed in range(6):
        puzzle = puzzle_of(difficulty, seed)
        assert solutions(puzzle) == [puzzle.rows]


def test_sizes_follow_the_difficulty() -> None:
    for difficulty, (side, fewest, most) in enumerate([(4, 5, 7), (5, 6, 7), (5, 8, 11), (5, 12, 15), (6, 16, 20)], 1):
        lengths = {len(task().steps(puzzle_of(difficulty, seed))) for seed in range(60)}
        assert lengths == set(range(fewest, most + 1))
        assert puzzle_of(difficulty).side == side


def test_any_order_passes() -> None:
    puzzle = puzzle_of(3)
    places = task().order(puzzle)
    assert verify(puzzle, task().filled(puzzle, places[::2] + places[1::2])).passed


def test_a_cell_that_must_stay_empty_may_not_be_filled_even_for_a_moment() -> None:
    puzzle = puzzle_of(2)
    boards = task().solution(puzzle)
    empty = task().goal(puzzle).index(0)
    with_slip = [*boards[:3], Board(changed(boards[2].looks, {empty: 1})), *boards[2:]]
    verdict = verify(puzzle, with_slip)
    assert (verdict.passed, verdict.reason, verdict.outcome) == (False, "wrong_place", 1.0)


def test_a_mirrored_answer_fails() -> None:
    puzzle = puzzle_of(4, 1)
    mirrored = Puzzle(rows=tuple(row[::-1] for row in puzzle.rows))
    assert mirrored != puzzle
    assert not verify(puzzle, task().solution(mirrored)).passed
