"""Trap field: another solver, the direct way, and what counts as entering a trap."""

from __future__ import annotations

import pytest

from tests.one_task import score_states
from vmevalkit.tasks.toolkit.walk import Moment
from vmevalkit.tasks.trap_field import Puzzle, TrapField
from vmevalkit.types import Verdict

TASK = TrapField()
Cell = tuple[int, int]


def verdict(of: Puzzle, places: list[tuple[float, float]]) -> Verdict:
    return score_states(TASK, of, [Moment(place) for place in places])


def flood(of: Puzzle) -> dict[Cell, int]:
    """Steps from the start to each tile that can be reached without a trap, by flooding."""
    cells = {(r, c) for r, row in enumerate(of.gaps) for c, gap in enumerate(row) if gap is None}
    steps, edge = {of.start: 0}, {of.start}
    while edge:
        edge = {(r + a, c + b) for r, c in edge for a, b in ((0, 1), (1, 0), (0, -1), (-1, 0))} & cells - {*steps}
        steps |= dict.fromkeys(edge, max(steps.values()) + 1)
    return steps


@pytest.mark.parametrize("difficulty", range(1, 6))
def test_the_solution_is_as_short_as_possible_and_the_direct_way_is_blocked(difficulty: int) -> None:
    for seed in range(8):
        of = TASK.example(difficulty, seed)
        way = [(round(m.place[0]), round(m.place[1])) for m in TASK.solution(of)]
        assert flood(of)[of.goal] == len(way) - 1
        assert all(of.gaps[r][c] is None for r, c in way)
        apart = abs(of.start[0] - of.goal[0]) + abs(of.start[1] - of.goal[1])
        assert len(way) - 1 > apart or difficulty < 3


def test_a_trap_may_be_touched_but_not_entered() -> None:
    of = next(p for p in (TASK.example(3, seed) for seed in range(9)) if any(map(p.trap, p.around(p.start))))
    way = [m.place for m in TASK.solution(of)]
    trap = next(near for near in of.around(of.start) if of.trap(near))

    def toward(share: float) -> tuple[float, float]:
        return way[0][0] + share * (trap[0] - way[0][0]), way[0][1] + share * (trap[1] - way[0][1])

    assert verdict(of, [way[0], toward(0.2), *way]).passed
    found = verdict(of, [way[0], toward(1.0), *way])
    assert (found.passed, found.reason) == (False, "trap")
