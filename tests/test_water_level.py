"""Water level: levels found by letting water flow, and the order of layers."""

from __future__ import annotations

import pytest

from vmevalkit import contract
from vmevalkit.tasks.base import TASKS, as_frames
from vmevalkit.tasks.toolkit.cells import Board
from vmevalkit.tasks.water_level import LEVELS, Puzzle, WaterLevel
from vmevalkit.types import Size, Verdict

CANVAS: Size = (360, 240)


def task() -> WaterLevel:
    found = TASKS["water_level"]
    assert isinstance(found, WaterLevel)
    return found


def puzzle(difficulty: int, seed: int) -> Puzzle:
    found: Puzzle = contract.puzzle_of(task(), difficulty, seed)
    return found


def verdict(of: Puzzle, boards: list[Board]) -> Verdict:
    return task().verify(of, contract.views(as_frames(task().render(of, boards, CANVAS))), canvas=CANVAS)


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
        of = puzzle(difficulty, seed)
        goal, high = task().goal(of), of.layers
        water = [sum(goal[vessel * high : (vessel + 1) * high]) for vessel in range(len(of.widths))]
        assert water == pytest.approx(flowed(of), abs=1e-3)
        assert level.fewest <= len(task().solution(of)) - 1 <= level.most
        assert task().solution(of)[-1].looks == goal


def test_gates_matter_and_water_comes_from_somewhere() -> None:
    of = puzzle(2, 0)
    for name in ("nearly_gates_ignored", "water_from_nowhere"):
        found = verdict(of, task().cheats(of)[name])
        assert (found.passed, found.reason) == (False, "wrong_place")


def test_vessels_may_change_one_after_another() -> None:
    of = puzzle(2, 1)
    assert verdict(of, task().alternatives(of)["vessel_by_vessel"]).passed


def test_a_layer_may_not_hang_in_the_air() -> None:
    of = next(of for of in (puzzle(3, seed) for seed in range(9)) if "wrong_order" in task().cheats(of))
    found = verdict(of, task().cheats(of)["wrong_order"])
    assert (found.passed, found.reason) == (False, "wrong_order")


def test_easy_questions_are_many() -> None:
    """Among 10,000 questions, four pairs of 300 would be alike on average."""
    assert len({str(puzzle(1, seed)) for seed in range(300)}) >= 298
