"""Raven: a plain search for rules finds one card, the answers alone reveal nothing, and videos of other cards fail."""

from __future__ import annotations

import itertools
from collections import Counter

import pytest

from tests.one_task import CANVAS, score_video, video_of
from vmevalkit.tasks.raven import Puzzle, Raven
from vmevalkit.tasks.toolkit.pieces import Board

TASK = Raven()
LEVELS = range(1, 6)


def follows_rule(values: list[int], feature: int) -> bool:
    """Whether the nine values of a feature follow some rule along the rows, tried one by one."""
    rows = [values[i : i + 3] for i in (0, 3, 6)]
    turning = feature == 4
    return (
        all(a == b == c for a, b, c in rows)
        or all(len(set(row)) == 3 and set(row) == set(rows[0]) for row in rows)
        or (
            feature != 0
            and any(
                all(
                    (b - a - by) % (4 if turning else 99) == (c - b - by) % (4 if turning else 99) == 0
                    for a, b, c in rows
                )
                for by in range(-3, 4)
            )
        )
        or (feature == 1 and (all(a + b == c for a, b, c in rows) or all(a - b == c for a, b, c in rows)))
    )


@pytest.mark.parametrize("difficulty", LEVELS)
def test_one_answer_follows_rules_in_every_feature(difficulty: int) -> None:
    for seed in range(40):
        puzzle = TASK.example(difficulty, seed)
        fits = [
            all(follows_rule([*(panel[f] for panel in puzzle.given), card[f]], f) for f in range(5))
            for card in puzzle.answers
        ]
        assert fits.count(True) == 1
        assert fits.index(True) == puzzle.right


def test_no_other_value_of_any_feature_follows_a_rule() -> None:
    """The rules determine one card among all possible cards, not only among the answers."""
    domains = (range(8), range(1, 5), range(3), range(3), range(4))
    for difficulty, seed in itertools.product(LEVELS, range(20)):
        puzzle = TASK.example(difficulty, seed)
        for feature, domain in enumerate(domains):
            known = [panel[feature] for panel in puzzle.given]
            assert [v for v in domain if follows_rule([*known, v], feature)] == [puzzle.answers[puzzle.right][feature]]


def test_the_answers_alone_reveal_nothing() -> None:
    for difficulty, seed in itertools.product(LEVELS, range(20)):
        answers = TASK.example(difficulty, seed).answers
        assert len(set(answers)) == len(answers) == (4 if difficulty < 3 else 6)
        for feature in range(5):
            counts = Counter(card[feature] for card in answers)
            assert len(counts) == 1 or sorted(counts.values()) == [len(answers) // 2] * 2


def test_more_features_change_at_higher_difficulty() -> None:
    def changing(puzzle: Puzzle) -> int:
        return sum(len({panel[f] for panel in puzzle.given}) > 1 for f in range(5))

    assert [{changing(TASK.example(d, seed)) for seed in range(20)} for d in LEVELS] == [{2}, {2}, {3}, {3}, {4}]


@pytest.mark.parametrize("difficulty", [2, 5])
def test_the_right_border_around_other_figures_fails(difficulty: int) -> None:
    puzzle = TASK.example(difficulty, 1)
    boards = TASK.solution(puzzle)
    right = video_of(TASK, puzzle, boards, 25)
    assert score_video(TASK, puzzle, right).passed
    for card in range(len(puzzle.answers)):
        if card != puzzle.right:
            # The figures of two cards change places during the video; borders and places stay.
            answers = list(puzzle.answers)
            answers[card], answers[puzzle.right] = answers[puzzle.right], answers[card]
            other = puzzle.model_copy(update={"answers": tuple(answers)})
            start = TASK.solution(other)[0]
            places = list(start.places)
            pieces = [index for index in range(len(answers)) if index != other.right] + [other.right]
            places[pieces.index(puzzle.right)] = (2.0, 2.0)
            frames = right.copy()
            frames[15:] = video_of(TASK, other, [start, Board(tuple(places))], 25)[-1]
            assert not score_video(TASK, puzzle, frames).passed


def test_given_cards_that_change_places_fail() -> None:
    puzzle = TASK.example(3, 2)
    right = video_of(TASK, puzzle, frames=25)
    assert score_video(TASK, puzzle, right).passed
    _, (x, y), unit = TASK.sheet(puzzle, CANVAS)
    half = round(unit / 2) - 1
    one, two = (
        (slice(round(y + row * unit) - half, round(y + row * unit) + half), slice(round(x) - half, round(x) + half))
        for row in (0, 1)
    )
    frames = right.copy()
    frames[20:, one[0], one[1]], frames[20:, two[0], two[1]] = right[20:, two[0], two[1]], right[20:, one[0], one[1]]
    assert not score_video(TASK, puzzle, frames).passed
