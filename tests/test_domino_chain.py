"""Domino chain: what the drawing shows decides which dominoes fall, and rows may take turns."""

from __future__ import annotations

import pytest

from tests.one_task import CANVAS, score_states, score_video
from vmevalkit.tasks.domino_chain import DominoChain, Puzzle
from vmevalkit.tasks.toolkit.cells import Board, changed

TASK = DominoChain()
assert isinstance(TASK, DominoChain)


def toppled(of: Puzzle) -> set[int]:
    """Let the dominoes fall that an arrow pushes, and those that a fallen one touches in the drawing."""
    boxes = TASK.sheet(of, (3000, 2000))[1]
    fallen = {place for place, domino in enumerate(of.dominoes) if domino.before < 0}
    while True:
        more = set()
        for place in fallen:
            left, top, right, bottom = boxes[place]
            turned = of.leftward[of.dominoes[place].row]
            for other, (x0, y0, x1, y1) in enumerate(boxes):
                ahead = left - x1 if turned else x0 - right
                more |= {other} if -1 < ahead < 20 and y0 < bottom and y1 > top else set()
        if more <= fallen:
            return fallen
        fallen |= more


@pytest.mark.parametrize("difficulty", range(1, 6))
def test_exactly_the_dominoes_fall_that_are_reached(difficulty: int) -> None:
    for seed in range(20):
        of = TASK.example(difficulty, seed)
        assert toppled(of) == set(TASK.order(of))


def test_gaps_are_clearly_short_or_clearly_wide() -> None:
    for seed in range(40):
        of = TASK.example(5, seed)
        for domino in of.dominoes:
            if domino.before >= 0:
                before = of.dominoes[domino.before]
                share = (domino.at - before.at) / (2 if before.tall else 1)
                assert share == pytest.approx(1) or share > 1.49


def test_rows_may_take_turns_or_fall_at_the_same_time() -> None:
    of = TASK.example(4, 3)
    others = TASK.alternatives(of)
    assert set(others) == {"last_row_first", "rows_take_turns", "rows_together"}
    assert all(score_states(TASK, of, boards).passed for boards in others.values())


def test_a_row_may_begin_while_a_domino_of_another_row_falls() -> None:
    of = TASK.example(1, 0)
    goal, begin = TASK.goal(of), dict[int, float]()
    for place in TASK.order(of):
        before, row = of.dominoes[place].before, of.dominoes[place].row
        begin[place] = begin[before] + 8 if before >= 0 else 4.0 + 3 * row
    painter = TASK.painter(of, CANVAS)
    frames = []
    for i in range(49):
        falling = [p for p, first in begin.items() if first < i < first + 8]
        looks = {p: goal[p] for p, first in begin.items() if i >= first + 8}
        coming = tuple((p, goal[p], 0.2 + 0.1 * (i - begin[p])) for p in falling)
        frames.append(painter(Board(changed(TASK.start(of), looks), coming)))
    found = score_video(TASK, of, frames)
    assert found.passed, found


def test_two_dominoes_of_a_row_may_not_fall_together() -> None:
    of = TASK.example(4, 3)
    found = score_states(TASK, of, TASK.cheats(of)["two_at_once"])
    assert not found.passed
    assert found.reason in ("several_at_once", "wrong_order")


def test_a_domino_neither_falls_before_its_turn_nor_behind_a_wide_gap() -> None:
    of = TASK.example(2, 1)
    goal = TASK.goal(of)
    early = next(p for p in TASK.order(of) if of.dominoes[p].before >= 0)
    rest = [p for p in TASK.order(of) if p != early]
    found = score_states(TASK, of, TASK.filled(of, [early, *rest]))
    assert (found.passed, found.reason) == (False, "wrong_order")
    behind = next(p for p, look in enumerate(goal) if not look)
    look = TASK.choices(of)[behind][1]
    found = score_states(TASK, of, [*TASK.solution(of), Board(changed(goal, {behind: look}))])
    assert (found.passed, found.reason) == (False, "wrong_place")
