"""Sorting: plan lengths by search over all swaps, and videos of pairs that do and do not exchange their places."""

from __future__ import annotations

from itertools import combinations, pairwise

import pytest

from tests.one_task import score_states
from vmevalkit.tasks.sorting import Puzzle, Sorting
from vmevalkit.tasks.toolkit.pieces import Board
from vmevalkit.types import Size, Verdict

SORTING = Sorting()
SMALL: Size = (240, 160)
# Small, middle and large disc stand in the third, first and second place.
TURNED = Puzzle(order=(2, 0, 1), hues=("blue", "red", "green"), ratio=1.3, falling=False)
Spot = tuple[float, float]


def score_moves(*moments: tuple[Spot, ...], of: Puzzle = TURNED) -> Verdict:
    """Score a video in which discs move between places and rest at each."""
    held = [Board(moment) for moment in moments for _ in range(2)]
    return score_states(SORTING, of, held, canvas=SMALL)


def fewest(of: Puzzle) -> int:
    """Smallest number of swaps, by a search over all swaps."""
    goal = tuple(sorted(of.order, reverse=of.falling))
    edge, swaps = {of.order}, 0
    while goal not in edge:
        swaps += 1
        edge = {
            tuple({a: order[b], b: order[a]}.get(i, at) for i, at in enumerate(order))
            for order in edge for a, b in combinations(range(len(order)), 2)
        }  # fmt: skip
    return swaps


@pytest.mark.parametrize("difficulty", [1, 2])
def test_the_solution_has_the_fewest_swaps(difficulty: int) -> None:
    for seed in range(10):
        of = SORTING.example(difficulty, seed)
        assert len(SORTING.solution(of)) - 1 == fewest(of)


@pytest.mark.parametrize("difficulty", range(1, 6))
def test_each_step_swaps_two_discs_and_the_last_sorts_them(difficulty: int) -> None:
    for seed in range(10):
        of = SORTING.example(difficulty, seed)
        path = [[place[1] for place in board.places if place] for board in SORTING.solution(of)]
        for a, b in pairwise(path):
            assert sum(old != new for old, new in zip(a, b, strict=True)) == 2
        assert path[-1] == sorted(path[-1], reverse=of.falling)
        assert of.ratio >= 1.12


def test_other_swaps_that_sort_pass() -> None:
    found = score_moves(((0, 2), (0, 0), (0, 1)), ((0, 2), (0, 1), (0, 0)), ((0, 0), (0, 1), (0, 2)))
    assert found.reason == "solved"


def test_both_discs_of_a_pair_may_wait_beside_the_row() -> None:
    found = score_moves(
        ((0, 2), (0, 0), (0, 1)), ((0, 2), (-1, 0), (1, 1)), ((0, 2), (0, 1), (1, 1)), ((0, 2), (0, 1), (0, 0)),
        ((0, 0), (0, 1), (0, 2)),
    )  # fmt: skip
    assert found.reason == "solved"


def test_three_discs_that_exchange_places_in_a_cycle_fail() -> None:
    found = score_moves(
        ((0, 2), (0, 0), (0, 1)), ((1, 2), (-1, 0), (0, 1)), ((0, 0), (-1, 0), (0, 1)), ((0, 0), (-1, 0), (-1, 2)),
        ((0, 0), (0, 1), (-1, 2)), ((0, 0), (0, 1), (0, 2)),
    )  # fmt: skip
    assert found.reason == "not_exchanged"


def test_three_at_once_fail() -> None:
    found = score_moves(((0, 2), (0, 0), (0, 1)), ((0, 0), (0, 1), (0, 2)))
    assert not found.passed


def test_a_disc_that_comes_to_rest_on_another_fails() -> None:
    found = score_moves(
        ((0, 2), (0, 0), (0, 1)), ((0, 2), (0, 1), (0, 1)), ((0, 2), (0, 1), (0, 0)), ((0, 0), (0, 1), (0, 2))
    )
    assert not found.passed


def test_the_wrong_direction_is_not_the_answer() -> None:
    found = score_moves(((0, 2), (0, 0), (0, 1)), ((0, 2), (0, 1), (0, 0)))
    assert not found.passed
