"""Balance scale: the drawn blocks, seen as pixels with a weight, tell which lamp must be lit."""

from __future__ import annotations

import numpy as np
import pytest

from tests.one_task import CANVAS, score_states, score_video, video_of
from vmevalkit.tasks.balance_scale import LEVELS, BalanceScale, Puzzle, Scale
from vmevalkit.tasks.toolkit.cells import Board, changed
from vmevalkit.tasks.toolkit.draw import BLUE
from vmevalkit.types import Size

TASK = BalanceScale()
LARGE: Size = (1440, 960)


def moments(of: Puzzle) -> list[float]:
    """The torque of each scale, positive if the right side sinks: blue pixels times their distance from the pivot.

    The unit is a block at distance 1. A scale owns the pixels that are nearest to the lamp in its middle and above it.
    """
    lamps = [((left + right) / 2, (top + bottom) / 2) for left, top, right, bottom in TASK.sheet(of, LARGE)[1]]
    middles = np.array(lamps[1::3])
    # The outer lamps are 2.55 steps from the middle one, and a block has 0.86 x 0.86 steps.
    step = (lamps[2][0] - lamps[1][0]) / 2.55
    first = TASK.painter(of, LARGE)(TASK.solution(of)[0]).astype(float)
    # Nothing else has so much more blue than red. Pixels at edges count in part.
    share = (first[..., 2] - first[..., 0]) / (BLUE[2] - BLUE[0])
    ys, xs = np.nonzero(share > 0.2)
    below = middles[:, 1, None] > ys
    distance = np.abs(middles[:, 0, None] - xs) + np.where(below, middles[:, 1, None] - ys, np.inf)
    owner = distance.argmin(0)
    torques = np.bincount(owner, share[ys, xs] * (xs + 0.5 - middles[owner, 0]), len(middles))
    found: list[float] = (torques / step / (0.86 * step) ** 2).tolist()
    return found


@pytest.mark.parametrize("difficulty", range(1, 6))
def test_the_lamps_are_where_the_drawn_blocks_pull(difficulty: int) -> None:
    level = LEVELS[difficulty]
    for seed in range(4):
        of = TASK.example(difficulty, seed)
        goal, torques = TASK.goal(of), moments(of)
        assert len(goal) == 3 * len(torques)
        for scale, torque in enumerate(torques):
            lit = goal[3 * scale : 3 * scale + 3]
            assert lit == (int(torque < -0.5), int(abs(torque) <= 0.5), int(torque > 0.5))
            # Far from the limits: level, or at least one block at distance 1.
            assert abs(torque) < 0.2 or 0.8 * level.least < abs(torque) < 1.2 * level.most


@pytest.mark.parametrize("difficulty", range(1, 6))
def test_counting_blocks_is_not_enough(difficulty: int) -> None:
    for seed in range(5):
        of, level = TASK.example(difficulty, seed), LEVELS[difficulty]
        torques = [sum((i + 1) * (r - s) for i, (r, s) in enumerate(zip(it.right, it.left, strict=True)))
                   for it in of.scales]  # fmt: skip
        counts = [sum(it.right) - sum(it.left) for it in of.scales]
        assert torques.count(0) == level.level
        assert sum(a * b < 0 for a, b in zip(torques, counts, strict=True)) >= level.fewer
        assert len({*of.scales}) == sum(level.rows)


def small() -> Puzzle:
    """Left sinks; level; right sinks although it has fewer blocks."""
    scales = (
        Scale(left=(0, 3, 0), right=(1, 0, 0)),
        Scale(left=(2, 0, 0), right=(0, 1, 0)),
        Scale(left=(4, 0, 0), right=(0, 0, 2)),
    )
    return Puzzle(rows=(2, 1), arm=3, scales=scales)


def test_a_wrong_lamp_fails_even_if_it_goes_out_again() -> None:
    of = small()
    path, goal = TASK.solution(of), TASK.goal(of)
    assert goal == (1, 0, 0, 0, 1, 0, 0, 0, 1)
    assert score_states(TASK, of, path).passed
    slip = Board(changed(path[1].looks, {3: 1}))
    found = score_states(TASK, of, [*path[:2], slip, path[1], *path[2:]])
    assert (found.passed, found.reason) == (False, "wrong_place")
    assert "left lamp of scale 2 in row 1" in found.explanation


def test_a_block_that_is_moved_to_fit_a_mistake_fails() -> None:
    of = small()
    frames = video_of(TASK, of)
    moved = Scale(left=(0, 0, 3), right=(1, 0, 0))
    other = of.model_copy(update={"scales": (moved, *of.scales[1:])})
    frames[-6:] = TASK.painter(other, CANVAS)(TASK.solution(of)[-1])
    found = score_video(TASK, of, frames)
    assert (found.passed, found.outcome) == (False, 1.0)
    assert found.preservation < 1
