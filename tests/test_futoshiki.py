"""Futoshiki: another solver, and what the signs are needed for."""

from __future__ import annotations

import itertools

import pytest

from tests.one_task import CANVAS, score_states, score_video, video_of
from vmevalkit.tasks.futoshiki import LEVELS, Futoshiki, Puzzle

TASK = Futoshiki()


def answers(of: Puzzle, signs: tuple[tuple[int, int], ...]) -> list[tuple[int, ...]]:
    """All answers, by whole rows: each is a permutation that fits to the rows above and to the signs so far."""
    n = of.side
    found: list[tuple[int, ...]] = [()]
    for row in range(n):
        given = of.given[row * n : (row + 1) * n]
        rows = [
            p
            for p in itertools.permutations(range(1, n + 1))
            if all(g in (0, v) for g, v in zip(given, p, strict=True))
        ]
        found = [
            board
            for board in (above + line for above in found for line in rows)
            if all(len({*board[column::n]}) == row + 1 for column in range(n))
            and all(board[a] < board[b] for a, b in signs if max(a, b) < len(board))
        ]
    return found


@pytest.mark.parametrize("difficulty", range(1, 6))
def test_the_signs_leave_one_answer(difficulty: int) -> None:
    for seed in range(3):
        of = TASK.example(difficulty, seed)
        assert answers(of, of.signs) == [of.answer]
        assert len(answers(of, ())) > 1
        assert len(of.signs) <= LEVELS[difficulty].signs
        assert all(b - a in (1, of.side) for a, b in map(sorted, of.signs))


def test_an_answer_that_breaks_a_sign_fails() -> None:
    of = TASK.example(3, 1)
    found = score_states(TASK, of, TASK.cheats(of)["nearly_signs_ignored"])
    assert (found.passed, found.reason) == (False, "wrong_place")


def test_the_order_is_free() -> None:
    of = TASK.example(4, 2)
    assert all(score_states(TASK, of, boards).passed for boards in TASK.alternatives(of).values())


def test_a_sign_may_not_be_turned_to_fit_a_mistake() -> None:
    of = TASK.example(2, 1)
    frames = video_of(TASK, of)
    (few, many), *rest = of.signs
    turned = of.model_copy(update={"signs": ((many, few), *rest)})
    frames[-5:] = TASK.painter(turned, CANVAS)(TASK.solution(of)[-1])
    found = score_video(TASK, of, frames)
    assert (found.passed, found.outcome) == (False, 1.0)
    assert found.preservation < 1
