"""Collect in order: another solver, and when figures may vanish."""

from __future__ import annotations

import itertools

import pytest

from tests.one_task import score_states
from vmevalkit.tasks.collect_in_order import CollectInOrder, Puzzle

TASK = CollectInOrder()
Cell = tuple[int, int]


def flooded(of: Puzzle, start: Cell, goal: Cell, closed: set[Cell]) -> int:
    """Steps from tile to tile around figures."""
    reached, count = {start}, 0
    while goal not in reached:
        steps = {(r + a, c + b) for r, c in reached for a, b in ((0, 1), (1, 0), (0, -1), (-1, 0))}
        reached |= {(r, c) for r, c in steps if 0 <= r < of.rows and 0 <= c < of.columns} - closed
        count += 1
    return count


@pytest.mark.parametrize("difficulty", range(1, 6))
def test_the_solution_is_as_short_as_possible(difficulty: int) -> None:
    for seed in range(6):
        of = TASK.example(difficulty, seed)
        stops = [of.start, *(item.cell for item in of.items)]
        legs = (
            flooded(of, a, b, {*stops[i + 2 :]}) for i, (a, b) in enumerate(itertools.pairwise(stops[: of.count + 1]))
        )
        assert sum(legs) == len(TASK.solution(of)) - 1
        assert len({(item.name, item.colour) for item in of.items}) == len(of.items)


def test_a_figure_vanishes_only_when_the_disc_reaches_it_and_in_order() -> None:
    of = TASK.example(2, 0)
    path = TASK.solution(of)
    early = [m._replace(shown=path[-1].shown if i else m.shown) for i, m in enumerate(path)]
    assert score_states(TASK, of, early).reason == "untouched"
    found = score_states(TASK, of, TASK.cheats(of)["wrong_order"])
    assert (found.passed, found.reason) == (False, "not_due")
    assert score_states(TASK, of, path).passed
