"""Arc: every rule that explains the worked examples gives the same answer."""

from __future__ import annotations

import pytest

from vmevalkit.tasks.arc import Arc, rules
from vmevalkit.tasks.base import TASKS

TASK = Arc()


@pytest.mark.parametrize("difficulty", range(1, 6))
def test_every_rule_that_explains_the_examples_gives_the_answer(difficulty: int) -> None:
    for seed in range(10):
        puzzle = TASK.example(difficulty, seed)
        known = rules(difficulty)
        assert puzzle.rule in known
        fitting = [rule for rule in known.values() if all(rule(before) == after for before, after in puzzle.examples)]
        answers = {rule(puzzle.given) for rule in fitting}
        assert answers == {puzzle.answer}
        assert all(before != after for before, after in puzzle.examples)


def test_rules_do_what_their_names_say() -> None:
    grid = ((1, 0, 0), (0, 2, 0), (3, 0, 0))
    known = rules(5)
    assert known["mirror left and right"](grid) == ((0, 0, 1), (0, 2, 0), (0, 0, 3))
    assert known["turn clockwise"](grid) == ((3, 0, 1), (0, 2, 0), (0, 0, 0))
    assert known["fall down"](grid) == ((0, 0, 0), (1, 0, 0), (3, 2, 0))
    assert known["shift right"](grid) == ((0, 1, 0), (0, 0, 2), (0, 3, 0))
    assert known["exchange blue and green"](grid) == ((3, 0, 0), (0, 2, 0), (1, 0, 0))
    assert known["shift up, then fall left"](grid) == ((2, 0, 0), (3, 0, 0), (0, 0, 0))


def test_harder_puzzles_combine_two_rules() -> None:
    assert all("then" in TASK.example(5, seed).rule for seed in range(5))
    assert not any("then" in TASK.example(3, seed).rule for seed in range(5))


def test_the_start_is_empty_and_the_goal_is_the_answer() -> None:
    task = TASKS["arc"]
    assert isinstance(task, Arc)
    puzzle = TASK.example(2)
    assert set(task.start(puzzle)) == {0}
    assert task.goal(puzzle) == tuple(look for row in puzzle.answer for look in row)
    assert len(task.steps(puzzle)) == sum(map(bool, task.goal(puzzle)))
