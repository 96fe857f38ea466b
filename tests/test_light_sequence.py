"""Light sequence: the arrows lead to the star, and only videos that light the lamps along them in order pass."""

from __future__ import annotations

import math

import pytest

from tests.one_task import score_states
from vmevalkit.tasks.light_sequence import LightSequence, Puzzle
from vmevalkit.tasks.toolkit.cells import Board, changed

TASK = LightSequence()
LEVELS = range(1, 6)


def pointed_at(puzzle: Puzzle, lamp: int) -> int:
    """Return the nearest lamp in the direction of an arrow, found by angles."""
    x, y = puzzle.lamps[lamp]
    candidates = []
    for other, (column, row) in enumerate(puzzle.lamps):
        angle = math.degrees(math.atan2(row - y, column - x)) % 360
        if other != lamp and math.isclose(angle, 45 * puzzle.arrows[lamp], abs_tol=1e-6):
            candidates.append((math.dist((x, y), (column, row)), other))
    return min(candidates)[1]


@pytest.mark.parametrize("difficulty", LEVELS)
def test_the_arrows_lead_to_the_star(difficulty: int) -> None:
    for seed in range(10):
        puzzle = TASK.example(difficulty, seed)
        lamp, path = puzzle.first, []
        while puzzle.arrows[lamp] != 8:
            lamp = pointed_at(puzzle, lamp)
            assert lamp not in path
            path.append(lamp)
        assert path == TASK.order(puzzle)
        assert puzzle.arrows.count(8) == 1


def test_sizes_follow_the_difficulty() -> None:
    for difficulty, (fewest, most) in enumerate([(4, 5), (6, 7), (8, 11), (12, 15), (16, 20)], 1):
        lengths = {len(TASK.steps(TASK.example(difficulty, seed))) for seed in range(60)}
        assert lengths == set(range(fewest, most + 1))


def test_every_lamp_but_the_star_points_at_a_lamp() -> None:
    for seed in range(20):
        puzzle = TASK.example(1 + seed % 5, seed)
        assert all(arrow == 8 or pointed_at(puzzle, lamp) >= 0 for lamp, arrow in enumerate(puzzle.arrows))


def test_two_lamps_in_the_wrong_order_fail_although_the_end_is_right() -> None:
    puzzle = TASK.example(3)
    order = TASK.order(puzzle)
    order[2], order[3] = order[3], order[2]
    verdict = score_states(TASK, puzzle, TASK.filled(puzzle, order))
    assert (verdict.passed, verdict.reason, verdict.outcome) == (False, "wrong_order", 1.0)


def test_a_lamp_beside_the_path_must_stay_dark() -> None:
    puzzle = TASK.example(2)
    boards = TASK.solution(puzzle)
    other = TASK.goal(puzzle).index(0)
    slip = Board(changed(boards[2].looks, {other: 1}))
    verdict = score_states(TASK, puzzle, [*boards[:3], slip, *boards[2:]])
    assert (verdict.passed, verdict.reason) == (False, "wrong_place")


def test_lamps_may_light_up_at_an_uneven_pace() -> None:
    puzzle = TASK.example(2, 3)
    boards = TASK.solution(puzzle)
    assert score_states(TASK, puzzle, [boards[0], boards[0], *boards[1:3], boards[2], boards[2], *boards[3:]]).passed
