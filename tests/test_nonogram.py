"""Nonogram: the numbers have one answer, and only videos that fill exactly its cells, one at a time, pass."""

from __future__ import annotations

import itertools

import pytest

from tests.one_task import score_states
from vmevalkit.tasks.nonogram import Nonogram, Puzzle
from vmevalkit.tasks.toolkit.cells import Board, changed

TASK = Nonogram()
LEVELS = range(1, 6)


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
        puzzle = TASK.example(difficulty, seed)
        assert solutions(puzzle) == [puzzle.rows]


def test_sizes_follow_the_difficulty() -> None:
    for difficulty, (side, fewest, most) in enumerate([(4, 5, 7), (5, 6, 7), (5, 8, 11), (5, 12, 15), (6, 16, 20)], 1):
        lengths = {len(TASK.steps(TASK.example(difficulty, seed))) for seed in range(60)}
        assert lengths == set(range(fewest, most + 1))
        assert TASK.example(difficulty).side == side


def test_any_order_passes() -> None:
    puzzle = TASK.example(3)
    places = TASK.order(puzzle)
    assert score_states(TASK, puzzle, TASK.filled(puzzle, places[::2] + places[1::2])).passed


def test_a_cell_that_must_stay_empty_may_not_be_filled_even_for_a_moment() -> None:
    puzzle = TASK.example(2)
    boards = TASK.solution(puzzle)
    empty = TASK.goal(puzzle).index(0)
    with_slip = [*boards[:3], Board(changed(boards[2].looks, {empty: 1})), *boards[2:]]
    verdict = score_states(TASK, puzzle, with_slip)
    assert (verdict.passed, verdict.reason, verdict.outcome) == (False, "wrong_place", 1.0)


def test_a_mirrored_answer_fails() -> None:
    puzzle = TASK.example(4, 1)
    mirrored = Puzzle(rows=tuple(row[::-1] for row in puzzle.rows))
    assert mirrored != puzzle
    assert not score_states(TASK, puzzle, TASK.solution(mirrored)).passed
