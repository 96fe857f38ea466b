"""Tower of Hanoi: plan lengths by another search, rules as videos, and the words of the plan."""

from __future__ import annotations

from collections import deque

import pytest

from tests.one_task import score_states
from vmevalkit.tasks.toolkit.pieces import Board
from vmevalkit.tasks.tower_of_hanoi import Puzzle, TowerOfHanoi
from vmevalkit.types import Size, Verdict

HANOI = TowerOfHanoi()
SMALL: Size = (180, 120)
# Two discs on the left peg, the smaller on the larger one; the goal is the right peg.
TWO = Puzzle(pegs=(0, 0), hues=("blue", "red"), goal=2)
THIRD = 2.4


def score_moves(*places: tuple[tuple[float, float], ...], of: Puzzle = TWO) -> Verdict:
    """Score a video in which discs move between places; each pause is twice as long as a move."""
    held = [Board(moment) for moment in places for _ in range(2)]
    return score_states(HANOI, of, held, canvas=SMALL)


def fewest(of: Puzzle) -> int:
    """Smallest number of moves, by a search over stacks as lists of widths."""
    stacks = tuple(tuple(d for d in reversed(range(len(of.pegs))) if of.pegs[d] == peg) for peg in range(3))
    queue, seen = deque([(stacks, 0)]), {stacks}
    while queue:
        now, moves = queue.popleft()
        if len(now[of.goal]) == len(of.pegs):
            return moves
        for a in range(3):
            for b in range(3):
                if a != b and now[a] and (not now[b] or now[b][-1] > now[a][-1]):
                    changed = list(now)
                    changed[a], changed[b] = now[a][:-1], (*now[b], now[a][-1])
                    after = tuple(changed)
                    if after not in seen:
                        seen.add(after)
                        queue.append((after, moves + 1))
    raise AssertionError("there is no solution")


@pytest.mark.parametrize("difficulty", range(1, 6))
def test_the_solution_is_a_shortest_one(difficulty: int) -> None:
    least, most = {1: (2, 4), 2: (5, 7), 3: (8, 10), 4: (11, 13), 5: (14, 16)}[difficulty]
    for seed in range(15):
        of = HANOI.example(difficulty, seed)
        moves = len(HANOI.solution(of)) - 1
        assert moves == fewest(of) == len(HANOI.steps(of))
        assert least <= moves <= most


def test_the_plan_names_disc_and_peg() -> None:
    assert HANOI.steps(TWO) == [
        "blue disc to the middle peg", "red disc to the right peg", "blue disc to the right peg",
    ]  # fmt: skip


def test_a_longer_legal_solution_passes() -> None:
    left, middle, right = 0.0, THIRD, 2 * THIRD
    found = score_moves(
        ((-1, left), (0, left)), ((0, right), (0, left)), ((0, middle), (0, left)),
        ((0, middle), (0, right)), ((-1, right), (0, right)),
    )  # fmt: skip
    assert found.reason == "solved"


def test_a_larger_disc_on_a_smaller_one_fails() -> None:
    left, middle, right = 0.0, THIRD, 2 * THIRD
    found = score_moves(
        ((-1, left), (0, left)), ((0, middle), (0, left)), ((0, middle), (-1, middle)), ((0, middle), (0, right)),
        ((-1, right), (0, right)),
    )  # fmt: skip
    assert found.reason == "onto_smaller"


def test_a_disc_from_below_another_fails() -> None:
    left, right = 0.0, 2 * THIRD
    found = score_moves(((-1, left), (0, left)), ((-1, left), (0, right)), ((-1, right), (0, right)))
    assert found.reason == "from_below"


def test_a_disc_through_a_peg_fails() -> None:
    left, middle, right = 0.0, THIRD, 2 * THIRD
    found = score_moves(
        ((-1, left), (0, left)), ((-0.5, 0.5 * THIRD), (0, left)), ((0, middle), (0, left)),
        ((0, middle), (0, right)), ((-1, right), (0, right)),
    )  # fmt: skip
    assert found.reason == "through_peg"


def test_the_wrong_peg_is_not_the_answer() -> None:
    left, middle, right = 0.0, THIRD, 2 * THIRD
    found = score_moves(
        ((-1, left), (0, left)), ((0, right), (0, left)), ((0, right), (0, middle)), ((-1, middle), (0, middle))
    )
    assert not found.passed
    assert found.reason == "unfinished"
