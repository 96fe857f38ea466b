"""Marks beside the puzzle, blends of neighboring frames, and cameras over puzzles whose things all move."""

from __future__ import annotations

import numpy as np
import pytest

from vmevalkit import contract
from vmevalkit.tasks.base import TASKS
from vmevalkit.tasks.toolkit.repairs import unblended
from vmevalkit.types import Verdict


def verdict_of(name: str, difficulty: int, video: str) -> Verdict:
    return next(contract.try_habits(TASKS[name], difficulty, 0, [video])).verdict


@pytest.mark.parametrize("name", ["dot_to_dot", "symmetry"])
def test_a_mark_may_lie_in_a_corner_that_the_puzzle_leaves_free(name: str) -> None:
    """In dot_to_dot, the corner lies inside the box of the puzzle; in symmetry, the mark is as gray as the grid."""
    verdict = verdict_of(name, 3, "corner_mark")
    assert verdict.passed, verdict
    assert [tolerance.code for tolerance in verdict.tolerated] == ["caption"]


def test_things_that_all_move_are_not_a_camera_that_moves() -> None:
    verdict = verdict_of("sorting", 1, "moving_corner_mark")
    assert verdict.passed, verdict
    assert [tolerance.code for tolerance in verdict.tolerated] == ["caption"]


def test_a_hand_may_have_the_color_of_what_is_drawn_nearby() -> None:
    assert verdict_of("chess", 3, "hand").passed


def test_lines_may_be_interpolated() -> None:
    verdict = verdict_of("dot_to_dot", 3, "interpolated")
    assert verdict.passed, verdict
    assert not verdict.tolerated


def test_only_single_blends_are_dropped() -> None:
    width = 60
    frames = np.zeros((7, 3, 40, width), np.uint8)
    for i in range(7):
        frames[i, 0, 10:14, 6 * i : 6 * i + 4] = 200
    frames[3] = (frames[2].astype(int) + frames[4] + 1) // 2
    assert unblended(frames).tolist() == [0, 1, 2, 4, 5, 6]
    fade = (frames[0] + (np.arange(7)[:, None, None, None] / 6) * (frames[6].astype(float) - frames[0])).astype(
        np.uint8
    )
    assert len(unblended(fade)) == 7


def test_a_place_that_is_covered_for_long_is_not_emphasized() -> None:
    assert not verdict_of("symmetry", 5, "bystander_gone").passed
