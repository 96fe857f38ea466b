"""Cursors, hands, sparkles and confetti that come and go over a puzzle."""

from __future__ import annotations

import numpy as np
import pytest

from vmevalkit import contract
from vmevalkit.contract import Scene
from vmevalkit.contract.brushes import with_cursor
from vmevalkit.media import Frames
from vmevalkit.tasks.base import FRAMES, TASKS
from vmevalkit.types import Verdict


def verdict_of(name: str, video: str) -> Verdict:
    return next(contract.try_habits(TASKS[name], 2, 0, [video])).verdict


@pytest.mark.parametrize("name", ["maze", "arc"])
@pytest.mark.parametrize("video", ["cursor", "hand"])
def test_a_cursor_or_hand_may_do_the_steps(name: str, video: str) -> None:
    verdict = verdict_of(name, video)
    assert verdict.passed, verdict
    assert "visitor" in {tolerance.code for tolerance in verdict.tolerated}


@pytest.mark.parametrize(("name", "seed"), [("bookshelf", 0), ("sequence_completion", 1)])
def test_a_cursor_may_lie_on_a_dark_thing_and_beside_a_figure_that_grows(name: str, seed: int) -> None:
    (trial,) = contract.try_habits(TASKS[name], 3, seed, ["cursor"])
    assert trial.as_expected, str(trial)


def test_a_cursor_does_not_excuse_a_thing_that_is_half_transparent() -> None:
    task, canvas = TASKS["bookshelf"], contract.SMALL
    puzzle = contract.puzzle_of(task, 3, 0)
    motion = Scene(task, puzzle, contract.other_puzzle_of(task, 3, 0), "solve", canvas).motion(FRAMES)
    faint = (motion.frames.astype(np.uint16) + motion.background) // 2
    frames = [frame if i in (0, 1) or i >= motion.ended else with_cursor(frame, motion.spots[i], canvas[1] / 18)
              for i, frame in enumerate(faint.astype(np.uint8))]  # fmt: skip
    assert not task.verify(puzzle, contract.views(np.stack(frames)), canvas=canvas).passed


@pytest.mark.parametrize("name", ["maze", "arc"])
def test_a_hand_may_not_do_a_wrong_step(name: str) -> None:
    assert not verdict_of(name, "hand_wrong_step").passed


def test_a_card_of_a_similar_color_may_not_move_instead() -> None:
    (trial,) = contract.try_habits(TASKS["tic_tac_toe"], 2, 0, ["gray_card_moves"])
    assert not trial.verdict.passed


def test_what_a_visitor_carries_must_be_seen() -> None:
    task, canvas = TASKS["maze"], contract.SMALL
    puzzle = contract.puzzle_of(task, 3, 0)
    scene = Scene(task, puzzle, contract.other_puzzle_of(task, 3, 0), "solve", canvas)
    motion = scene.motion(FRAMES)

    def with_card(reach: int, shift: int) -> Frames:
        frames: Frames = motion.frames.copy()
        for i in range(4, motion.ended + 1):
            x, y = (round(value) for value in motion.spots[i])
            top, left = max(0, y + shift - reach), max(0, x + shift - reach)
            frames[i, top : y + shift + reach, left : x + shift + reach] = (224, 172, 138)
        return frames

    covers, beside = (task.verify(puzzle, contract.views(with_card(9, shift)), "solve", canvas) for shift in (0, 9))
    assert not covers.passed
    assert beside.passed, beside
