"""Odd one out: another way to find the odd figure, by what the others have in common, and mistakes that look right."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence

import pytest

from tests.one_task import score_states
from vmevalkit.tasks.odd_one_out import LEVELS, Figure, OddOneOut

TASK = OddOneOut()


def rules_broken_by_one(box: Sequence[Figure]) -> dict[tuple[str, ...], int]:
    """The figure that breaks each rule which exactly one breaks, by the features of the rule.

    A feature has a rule if one value is there once and another one in all other figures. Two features have one if, of
    all their combinations, one is there once, the others are there more than once and share no value with each other.
    """
    found = {}
    for count in (1, 2):
        for features in itertools.combinations(Figure.model_fields, count):
            combined = [tuple(getattr(it, feature) for feature in features) for it in box]
            counts = Counter(combined)
            single = [it for it, number in counts.items() if number == 1]
            usual = [it for it, number in counts.items() if number > 1]
            apart = all(x != y for a, b in itertools.combinations(usual, 2) for x, y in zip(a, b, strict=True))
            if len(single) == 1 and apart and len(usual) == (1 if count == 1 else max(2, len(usual))):
                found[features] = combined.index(single[0])
    return found


@pytest.mark.parametrize("difficulty", range(1, 6))
def test_one_figure_of_each_box_is_odd(difficulty: int) -> None:
    for seed in range(10):
        of = TASK.example(difficulty, seed)
        assert len(of.boxes) == LEVELS[difficulty].across * LEVELS[difficulty].down
        for box, odd in zip(of.boxes, of.odd, strict=True):
            broken = rules_broken_by_one(box)
            assert {*broken.values()} == {odd}, broken


def test_no_value_is_single_but_that_of_the_odd_figure() -> None:
    for difficulty, seed in itertools.product(range(1, 6), range(10)):
        of = TASK.example(difficulty, seed)
        for box, odd in zip(of.boxes, of.odd, strict=True):
            for feature in Figure.model_fields:
                values = [getattr(it, feature) for it in box]
                assert all(values.count(value) > 1 or i == odd for i, value in enumerate(values))


def test_rules_of_all_kinds_are_asked() -> None:
    found = {
        frozenset(min(rules_broken_by_one(box), key=lambda rule: len(tuple(rule))))
        for difficulty, seed in itertools.product(range(1, 6), range(12))
        for box in TASK.example(difficulty, seed).boxes
    }
    assert {frozenset([feature]) for feature in Figure.model_fields} < found
    assert {frozenset(("shape", "color")), frozenset(("color", "number")), frozenset(("color", "turn"))} < found


@pytest.mark.parametrize("difficulty", [1, 5])
def test_a_ring_round_a_figure_that_follows_the_rule_fails(difficulty: int) -> None:
    of = TASK.example(difficulty, 2)
    found = score_states(TASK, of, TASK.cheats(of)["nearly_figure_beside"])
    assert (found.passed, found.reason) == (False, "wrong_place")


def test_the_order_is_free() -> None:
    of = TASK.example(3, 2)
    assert all(score_states(TASK, of, boards).passed for boards in TASK.alternatives(of).values())
