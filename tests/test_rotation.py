"""Rotation: the final frame made by turning pixels, and videos that try to deceive the verifier."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tests.one_task import CANVAS, score_states, score_video, video_of
from vmevalkit.media import Frame
from vmevalkit.tasks.rotation import Pose, Puzzle, Rotation
from vmevalkit.tasks.toolkit.draw import HUES

ROTATION = Rotation()


def colored(frame: Frame, of: Puzzle) -> npt.NDArray[Any]:
    near: npt.NDArray[Any] = np.abs(frame.astype(int) - HUES[of.thing.colour]).sum(2) < 40
    return near


@pytest.mark.parametrize("difficulty", range(1, 6))
def test_the_answer_is_the_start_turned_pixel_by_pixel(difficulty: int) -> None:
    for seed in range(3):
        of = ROTATION.example(difficulty, seed)
        draw = ROTATION.painter(of, (720, 480))
        first, last = (colored(draw(state), of) for state in (ROTATION.solution(of)[0], ROTATION.solution(of)[-1]))
        ys, xs = np.nonzero(last)
        right, down = xs + 0.5 - of.thing.at[0] * 0.48, ys + 0.5 - of.thing.at[1] * 0.48
        angle = math.radians(-of.turn)
        from_x = right * math.cos(angle) - down * math.sin(angle) + of.thing.at[0] * 0.48
        from_y = right * math.sin(angle) + down * math.cos(angle) + of.thing.at[1] * 0.48
        assert first[from_y.astype(int), from_x.astype(int)].mean() > 0.97
        # Ignore the outline: where it is slanted, its antialiased pixels do not have the color.
        assert abs(first.sum() - last.sum()) < 0.07 * first.sum()
        assert (first & last).sum() < 0.8 * first.sum()


def test_nothing_leaves_the_board_or_meets_another_shape() -> None:
    for difficulty, seed in itertools.product(range(1, 6), range(2)):
        of = ROTATION.example(difficulty, seed)
        draw = ROTATION.painter(of, CANVAS)
        places = [colored(draw(Pose(float(turn))), of) for turn in range(0, 360, 40)]
        areas = [place.sum() for place in places]
        assert max(areas) - min(areas) < 0.04 * max(areas)
        swept = np.logical_or.reduce(places)
        for other in of.others:
            near = np.abs(draw(Pose(0.0)).astype(int) - HUES[other.colour]).sum(2) < 40
            assert near.any()
            assert not (near & swept).any()


def test_an_unsteady_turn_passes() -> None:
    of = ROTATION.example(4, 1)
    wobbly = [Pose(of.turn * i / 12 + (0, 4, -3)[i % 3], (0, 5, -4)[i % 3], (0, 0.03, -0.04)[i % 3]) for i in range(13)]
    assert score_states(ROTATION, of, wobbly, 40).passed
    assert score_states(ROTATION, of, [Pose(0.0), Pose(of.turn * 0.5), Pose(of.turn + 5.0)], 40).passed


@pytest.mark.parametrize("difficulty", [1, 5])
def test_steps_of_fading_and_side_steps_fail(difficulty: int) -> None:
    of = ROTATION.example(difficulty, 2)
    draw = ROTATION.painter(of, CANVAS)
    keys = [draw(Pose(of.turn * i / 2)).astype(float) for i in range(3)]
    faded = [a + (b - a) * t for a, b in itertools.pairwise(keys) for t in np.linspace(0, 1, 14)]
    assert not score_video(
        ROTATION, of, np.stack([*([keys[0]] * 2), *faded, *([keys[-1]] * 2)]).astype(np.uint8)
    ).passed
    steps = [draw(Pose(of.turn * i / 2)) for i in (0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2)]
    assert difficulty == 1 or not score_video(ROTATION, of, np.stack(steps)).passed
    aside = [Pose(0.0), Pose(of.turn / 3, 0, 0.8), Pose(of.turn * 2 / 3, 0, 0.8), Pose(float(of.turn))]
    assert not score_states(ROTATION, of, aside, 30).passed


def test_a_ring_or_a_shape_that_moves_along_fails() -> None:
    of = ROTATION.example(5, 1)
    right = video_of(ROTATION, of, frames=30)
    assert score_video(ROTATION, of, right).passed
    vanished = right.copy()
    near = np.abs(right.astype(int) - HUES[of.others[0].colour]).sum(3, keepdims=True) < 60
    assert near.any()
    vanished[10:] = np.where(near[10:], 255, right[10:])
    other = of.model_copy(update={"others": tuple(o.model_copy(update={"tilt": o.tilt + 90}) for o in of.others)})
    turned = np.concatenate([right[:10], video_of(ROTATION, other, frames=30)[10:]])
    ringless = right.copy()
    x, y = (round(part * 0.24) for part in of.thing.at)
    ringless[10:, y - 10 : y + 11, x + 60 - 10 : x + 60 + 11] = right[10:, y - 10 : y + 11, x - 10 : x + 11]
    ringless[10:, y - 10 : y + 11, x - 10 : x + 11] = 255
    for name, frames in {"vanished": vanished, "turned": turned, "ringless": ringless}.items():
        assert not score_video(ROTATION, of, frames).passed, name
