"""Two agents: another solver, and discs that meet."""

from __future__ import annotations

import itertools

import pytest

from tests.one_task import score_states
from vmevalkit.tasks.two_agents import Puzzle, TwoAgents

TASK = TwoAgents()
Cell = tuple[int, int]


def deepening(of: Puzzle, most: int) -> int:
    """Least number of steps to swap the discs: sets of positions, one step after another."""
    beside = {(a, b) for a, b in itertools.permutations(of.cells, 2) if abs(a[0] - b[0]) + abs(a[1] - b[1]) == 1}
    positions = {of.discs}
    for count in range(1, most + 1):
        positions |= {(new, b) for a, b in positions for cell, new in beside if cell == a and new != b} | {
            (a, new) for a, b in positions for cell, new in beside if cell == b and new != a
        }
        if of.discs[::-1] in positions:
            return count
    return 0


@pytest.mark.parametrize("difficulty", range(1, 6))
def test_the_solution_is_as_short_as_possible(difficulty: int) -> None:
    for seed in range(2):
        of = TASK.example(difficulty, seed)
        assert deepening(of, 20) == len(TASK.solution(of)) - 1


def test_discs_that_meet_in_a_corridor_do_not_pass_each_other() -> None:
    of = TASK.example(2, 0)
    found = score_states(TASK, of, TASK.cheats(of)["through_each_other"])
    assert (found.passed, found.reason) == (False, "clash")


def test_a_disc_may_take_another_way() -> None:
    of = TASK.example(1, 0)
    plan = TASK.solution(of)
    assert score_states(TASK, of, [*plan[:2], plan[0], *plan], 65).passed
