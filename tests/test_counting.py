"""Counting: a ring round every figure of the named kind, then their number in the box."""

from __future__ import annotations

import pytest

from tests.one_task import score_states
from vmevalkit.tasks.counting import Counting
from vmevalkit.tasks.toolkit.cells import Board, changed

TASK = Counting()
LEVELS = range(1, 6)


@pytest.mark.parametrize("difficulty", LEVELS)
def test_the_total_is_the_number_of_figures_that_the_prompt_names(difficulty: int) -> None:
    for seed in range(10):
        puzzle = TASK.example(difficulty, seed)
        named = [i for i, it in enumerate(puzzle.figures) if f" {it.colour} {it.shape}" in TASK.phrasings(puzzle)[0]]
        *rings, total = TASK.goal(puzzle)
        assert [i for i, look in enumerate(rings) if look] == named
        assert total == len(named) >= 2


def test_higher_difficulties_have_figures_that_share_the_color_or_the_shape() -> None:
    for seed in range(10):
        puzzle = TASK.example(4, seed)
        others = {(it.colour, it.shape) for it in puzzle.figures} - {(puzzle.colour, puzzle.shape)}
        assert sum(color == puzzle.colour or shape == puzzle.shape for color, shape in others) >= 3


def test_sizes_follow_the_difficulty() -> None:
    for difficulty, (fewest, most) in enumerate([(2, 4), (4, 6), (5, 7), (6, 8), (7, 9)], 1):
        lengths = {len(TASK.steps(TASK.example(difficulty, seed))) for seed in range(60)}
        assert lengths == set(range(fewest + 1, most + 2))


def test_the_total_comes_last() -> None:
    puzzle = TASK.example(2)
    *rings, box = TASK.order(puzzle)
    verdict = score_states(TASK, puzzle, TASK.filled(puzzle, [*rings[:-1], box, rings[-1]]))
    assert (verdict.passed, verdict.reason, verdict.outcome) == (False, "wrong_order", 1.0)


@pytest.mark.parametrize("off", [-1, 1])
def test_a_wrong_total_fails(off: int) -> None:
    puzzle = TASK.example(3)
    path, goal = TASK.solution(puzzle), TASK.goal(puzzle)
    wrong = Board(changed(goal, {len(goal) - 1: goal[-1] + off}))
    verdict = score_states(TASK, puzzle, [*path[:-1], wrong])
    assert (verdict.passed, verdict.reason) == (False, "wrong_place")
    assert verdict.outcome < 1.0


def test_a_ring_round_another_figure_fails_even_if_it_disappears_again() -> None:
    puzzle = TASK.example(2, 1)
    path = TASK.solution(puzzle)
    other = TASK.goal(puzzle).index(0)
    slip = Board(changed(path[1].looks, {other: 1}))
    verdict = score_states(TASK, puzzle, [*path[:2], slip, *path[1:]])
    assert (verdict.passed, verdict.reason) == (False, "wrong_place")
