"""Arc: the answer follows from the worked examples, by whatever rule explains them."""

from __future__ import annotations

import pytest

from vmevalkit import contract
from vmevalkit.tasks.arc import Arc, Puzzle, rules
from vmevalkit.tasks.base import TASKS


def puzzle_of(difficulty: int, seed: int = 0) -> Puzzle:
    found: Puzzle = contract.puzzle_of(TASKS["arc"], difficulty, seed)
    return found


@pytest.mark.parametrize("difficulty", range(1, 6))
def test_every_rule_that_explains_the_examples_gives_the_answer(difficulty: int) -> None:
    for seed in range(10):
        puzzle = puzzle_of(difficulty, seed)
        # Also by the rules of the other difficulties, as a person would not know which there are.
        fitting = [
            name for name, rule in rules(5).items() if all(rule(before) == after for before, after in puzzle.examples)
        ]
        assert puzzle.rule in rules(difficulty)
        answers = {rules(difficulty)[name](puzzle.given) for name in fitting if name in rules(difficulty)}
        assert answers == {puzzle.answer}
        assert all(before != after for before, after in puzzle.examples)


def test_the_rules_do_what_they_say() -> None:
    grid = ((1, 0, 0), (0, 2, 0), (3, 0, 0))
    known = rules(5)
    assert known["mirror left and right"](grid) == ((0, 0, 1), (0, 2, 0), (0, 0, 3))
    assert known["turn clockwise"](grid) == ((3, 0, 1), (0, 2, 0), (0, 0, 0))
    assert known["fall down"](grid) == ((0, 0, 0), (1, 0, 0), (3, 2, 0))
    assert known["shift right"](grid) == ((0, 1, 0), (0, 0, 2), (0, 3, 0))
    assert known["exchange blue and green"](grid) == ((3, 0, 0), (0, 2, 0), (1, 0, 0))
    assert known["shift up, then fall left"](grid) == ((2, 0, 0), (3, 0, 0), (0, 0, 0))


def test_harder_puzzles_join_two_rules() -> None:
    assert all("then" in puzzle_of(5, seed).rule for seed in range(5))
    assert not any("then" in puzzle_of(3, seed).rule for seed in range(5))


def test_the_start_is_empty_and_the_goal_is_the_answer() -> None:
    family = TASKS["arc"]
    assert isinstance(family, Arc)
    puzzle = puzzle_of(2)
    assert set(family.start(puzzle)) == {0}
    assert family.goal(puzzle) == tuple(look for row in puzzle.answer for look in row)
    assert len(family.steps(puzzle)) == sum(map(bool, family.goal(puzzle)))
