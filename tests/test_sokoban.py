"""Sokoban: another solver, and the rules of pushing as videos."""

from __future__ import annotations

import pytest

from tests.one_task import score_states
from vmevalkit.tasks.sokoban import Puzzle, Sokoban

TASK = Sokoban()
Cell = tuple[int, int]


def pushing(of: Puzzle) -> int:
    """Least number of steps, by forward search over complex numbers: generation searches backwards from the answer."""
    floor = {complex(r, c) for r, c in of.cells}
    goal = frozenset(complex(*cell) for cell in of.squares)
    edge = {(complex(*of.disc), frozenset(complex(*cell) for cell in of.boxes))}
    known, count = set(edge), 0
    while not any(boxes == goal for _, boxes in edge):
        new = set()
        for disc, boxes in edge:
            for way in (1, -1, 1j, -1j):
                at, beyond = disc + way, disc + 2 * way
                if at in boxes and beyond in floor - boxes:
                    new.add((at, boxes - {at} | {beyond}))
                elif at in floor - boxes:
                    new.add((at, boxes))
        edge, count = new - known, count + 1
        known |= new
    return count


@pytest.mark.parametrize("difficulty", range(1, 6))
def test_the_solution_is_as_short_as_possible(difficulty: int) -> None:
    of = TASK.example(difficulty, 0)
    assert pushing(of) == len(TASK.solution(of)) - 1


def test_boxes_are_pushed_not_pulled() -> None:
    of = TASK.example(1, 0)
    plan = TASK.solution(of)
    pushed = next(i for i, board in enumerate(plan) if board.places[1] != plan[0].places[1])
    found = score_states(TASK, of, [*plan[: pushed + 1], plan[pushed - 1], *plan[pushed:]])
    assert (found.passed, found.reason) == (False, "not_pushed")


def test_any_box_may_be_on_any_square_and_a_detour_is_allowed() -> None:
    of = TASK.example(1, 0)
    assert score_states(TASK, of, TASK.solution(of)).passed
    other = TASK.alternatives(of)
    assert not other or score_states(TASK, of, other["another_way"]).passed
    two = TASK.example(3, 0)
    swapped = two.model_copy(update={"boxes": two.boxes[::-1]})
    assert len(TASK.solution(swapped)) == len(TASK.solution(two))
