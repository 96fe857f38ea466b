"""Graph traversal: another solver, and the rules of arrows and numbers as videos."""

from __future__ import annotations

import itertools

import pytest

from tests.one_task import score_states
from vmevalkit.tasks.graph_traversal import GraphTraversal, Puzzle
from vmevalkit.tasks.toolkit.walk import Moment
from vmevalkit.types import Verdict

TASK = GraphTraversal()


def verdict(of: Puzzle, way: list[int], frames: int = 49) -> Verdict:
    return score_states(TASK, of, [Moment(of.places[circle]) for circle in way], frames)


def circles(of: Puzzle) -> list[int]:
    return [of.places.index(moment.place) for moment in TASK.solution(of)]


def powers(of: Puzzle, a: int, b: int) -> int:
    """Least number of arrows from one circle to another: the first power of the adjacency matrix that joins them."""
    reached, count = {a}, 0
    while b not in reached:
        reached = {end for start, end in of.arrows if start in reached}
        count += 1
    return count


@pytest.mark.parametrize("difficulty", range(1, 6))
def test_the_solution_is_as_short_as_possible(difficulty: int) -> None:
    for seed in range(6):
        of = TASK.example(difficulty, seed)
        way = circles(of)
        assert set(itertools.pairwise(way)) <= {*of.arrows}
        legs = itertools.pairwise((of.start, *of.goals))
        assert sum(powers(of, a, b) for a, b in legs) == len(way) - 1
        assert len({*of.places}) == len(of.places)


@pytest.mark.parametrize("seed", range(2))
def test_no_arrow_leads_back(seed: int) -> None:
    of = TASK.example(2, seed)
    way = circles(of)
    found = verdict(of, [*way[:2], way[0], *way])
    assert (found.passed, found.reason) == (False, "against_arrow")


def test_a_later_number_may_be_passed_first() -> None:
    # From the second goal to the first, and back to the second.
    of = next(p for p in (TASK.example(3, seed) for seed in range(200))
              if p.goals[1] in circles(p)[: circles(p).index(p.goals[0])])  # fmt: skip
    assert verdict(of, circles(of)).passed


def test_a_number_left_out_is_missed() -> None:
    of = next(p for p in (TASK.example(2, seed) for seed in range(9)) if "nearly_all_numbers" in TASK.cheats(p))
    cheat = TASK.cheats(of)["nearly_all_numbers"]
    assert verdict(of, [of.places.index(moment.place) for moment in cheat]).reason == "unfinished"
