"""Light: exposure, color balance, saturation and contrast of a video do not change its verdict."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from vmevalkit import contract
from vmevalkit.media import Frames
from vmevalkit.tasks.base import TASKS, as_frames
from vmevalkit.types import Mode

CANVAS = contract.SMALL
Floats = npt.NDArray[np.float32]


def saturated(frame: Floats, factor: float) -> Floats:
    """Change the saturation of a frame."""
    gray = frame @ np.array([0.299, 0.587, 0.114], np.float32)
    changed: Floats = gray[..., None] + (frame - gray[..., None]) * np.float32(factor)
    return changed


def toned(frame: Floats, power: float) -> Floats:
    """Change the contrast of a frame."""
    changed: Floats = (255 * (frame / 255) ** power).astype(np.float32)
    return changed


# What happens to a frame, given the share of the video that has passed.
LIGHTS: dict[str, Callable[[Floats, float], Floats]] = {
    "less saturated": lambda frame, t: saturated(frame, 1 - 0.4 * t),
    "more saturated": lambda frame, t: saturated(frame, 1 + 0.5 * t),
    "darker tones": lambda frame, t: toned(frame, 1 + 0.3 * t),
    "brighter tones": lambda frame, t: toned(frame, 1 - 0.2 * t),
    "too bright at first": lambda frame, t: (frame - 128) * 1.15 + 158 if t < 0.08 else frame,
    "washed out at last": lambda frame, t: frame * 0.75 + 55 if t > 0.92 else frame,
    "flicker": lambda frame, t: frame * np.float32(1 + 0.12 * np.sin(40 * t)),
}


def lit(frames: Frames, light: Callable[[Floats, float], Floats]) -> Frames:
    """Change the light of a video."""
    count = len(frames)
    found = [light(frame.astype(np.float32), i / (count - 1)) for i, frame in enumerate(frames)]
    changed: Frames = np.clip(np.stack(found) + 0.5, 0, 255).astype(np.uint8)
    return changed


@pytest.mark.parametrize("name", LIGHTS)
def test_light_is_free(name: str) -> None:
    for task in (TASKS["flow_connect"], TASKS["sudoku"], TASKS["arc"]):
        of = task.example(2)
        frames = as_frames(task.render(of, task.solution(of), CANVAS))
        verdict = task.verify(of, contract.views(lit(frames, LIGHTS[name])), "solve", CANVAS)
        assert verdict.passed, (task.name, verdict.reason)


def test_a_color_that_fades_alone_is_a_change() -> None:
    task = TASKS["flow_connect"]
    of = task.example(2)
    frames = as_frames(task.render(of, task.solution(of), CANVAS))
    left = np.arange(CANVAS[0])[:, None] < CANVAS[0] // 2
    gray = np.where(left, saturated(frames.astype(np.float32), 0.2).astype(np.uint8), frames)
    assert not task.verify(of, contract.views(np.concatenate([frames[:16], gray[16:]])), "solve", CANVAS).passed


def test_saturation_is_free_where_most_colors_move() -> None:
    for task in (TASKS["maze"], TASKS["sorting"], TASKS["tic_tac_toe"]):
        names = ["more_saturation", "less_saturation", "hues_turned"]
        trials = list(contract.try_habits(task, 1, 0, names))
        assert [trial.video for trial in trials if trial.verdict.passed] == ["less_saturation", "more_saturation"]
        assert len(trials) == 3


def test_colors_that_come_later_may_be_clipped() -> None:
    """The first map has no blue; in the subway, stronger orange is clipped to a color like that of other lines."""
    for name, difficulty in (("map_coloring", 2), ("subway", 1)):
        (trial,) = contract.try_habits(TASKS[name], difficulty, 0, ["more_saturation"])
        assert trial.verdict.passed, str(trial)


def test_blur_is_not_taken_for_another_light() -> None:
    cases: list[tuple[str, Mode]] = [("maze", "solve"), ("maze", "hold"), ("nonogram", "solve")]
    for name, mode in cases:
        names = ["blurred", "still_blurred", "still_camera_drift"]
        trials = list(contract.try_videos(TASKS[name], 3, mode, 0, names=names))
        assert trials
        assert all(trial.as_expected for trial in trials), [str(trial) for trial in trials]


def test_a_blend_of_two_frames_hides_no_agent() -> None:
    for name in ("maze", "ball_bounce"):
        (trial,) = contract.try_habits(TASKS[name], 5, 0, ["interpolated"])
        assert trial.as_expected, str(trial)


def test_dark_corners_move_no_piece() -> None:
    for name in ("sorting", "sliding_puzzle"):
        (trial,) = contract.try_habits(TASKS[name], 3, 0, ["vignette"])
        assert trial.as_expected, str(trial)


def test_a_darker_board_is_not_taken_for_one_of_stronger_colors() -> None:
    """Cells of pale brown look like stronger brown in less light."""
    (darker,) = (transform for transform in contract.TRANSFORMS if transform.name == "brightness -10 %")
    (trial,) = contract.try_transform(TASKS["cost_path"], 5, "solve", 0, darker, ["ground_truth"])
    assert trial.verdict.passed, str(trial)
