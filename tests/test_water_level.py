"""Water level: levels found by letting water flow, and the order of layers."""

from __future__ import annotations

import pytest

from tests.one_task import score_states
from vmevalkit.tasks.water_level import LEVELS, Puzzle, WaterLevel

TASK = WaterLevel()


def flowed(of: Puzzle) -> list[float]:
    """The levels after a little water has flown through each open pipe, again and again."""
    level = [float(water) for water in of.water]
    for _ in range(1500):
        for left, joint in enumerate(of.joints):
            if joint == "open":
                flow = (level[left] - level[left + 1]) / 4
                level[left] -= flow / of.widths[left]
                level[left + 1] += flow / of.widths[left + 1]
    return level


@pytest.mark.parametrize("difficulty", range(1, 6))
def test_the_answer_is_where_the_water_comes_to_rest(difficulty: int) -> None:
    level = LEVELS[difficulty]
    for seed in range(6):
        of = TASK.example(difficulty, seed)
        goal, high = TASK.goal(of), of.layers
        water = [sum(goal[vessel * high : (vessel + 1) * high]) for vessel in range(len(of.widths))]
        assert water == pytest.approx(flowed(of), abs=1e-3)
        assert level.fewest <= len(TASK.solution(of)) - 1 <= level.most
        assert TASK.solution(of)[-1].looks == goal


def test_gates_matter_and_water_comes_from_somewhere() -> None:
    of = TASK.example(2, 0)
    for name in ("nearly_gates_ignored", "water_from_nowhere"):
        found = score_states(TASK, of, TASK.cheats(of)[name])
        assert (found.passed, found.reason) == (False, "wrong_place")


def test_vessels_may_change_one_after_another() -> None:
    of = TASK.example(2, 1)
    assert score_states(TASK, of, TASK.alternatives(of)["vessel_by_vessel"]).passed


def test_a_layer_may_not_hang_in_the_air() -> None:
    of = next(of for of in (TASK.example(3, seed) for seed in range(9)) if "wrong_order" in TASK.cheats(of))
    found = score_states(TASK, of, TASK.cheats(of)["wrong_order"])
    assert (found.passed, found.reason) == (False, "wrong_order")


def test_easy_questions_are_many() -> None:
    """Among 10,000 questions, four pairs of 300 would be alike on average."""
    assert len({str(TASK.example(1, seed)) for seed in range(300)}) >= 298
