"""Movement of the camera: small movements are undone and noted, larger ones fail by their own reason."""

from __future__ import annotations

import math

import numpy as np
import pytest
from PIL import Image

from tests.one_task import CANVAS, video_of
from vmevalkit import contract
from vmevalkit.media import Frames
from vmevalkit.tasks.base import TASKS
from vmevalkit.tasks.toolkit.camera import Camera, Fit, Pose
from vmevalkit.types import Verdict

WIDTH, HEIGHT = CANVAS


def truth(task: str) -> Frames:
    """Return a ground-truth video."""
    return video_of(TASKS[task], TASKS[task].example(2))


def moved(frames: Frames, scale: float = 0.0, turn: float = 0.0, shift: float = 0.0, at: float = 0.5) -> Frames:
    """Move the camera evenly over the video: by a scale around the share `at` of the canvas, an angle and a shift."""
    found = []
    for i, frame in enumerate(frames):
        t = i / (len(frames) - 1)
        size, angle = 1 + t * scale, math.radians(t * turn)
        a, b = math.cos(angle) / size, math.sin(angle) / size
        x, y = at * WIDTH, at * HEIGHT
        far = t * shift * WIDTH
        # The edge is continued, so that no black enters the frame.
        wide = Image.fromarray(np.pad(frame, ((40, 40), (40, 40), (0, 0)), mode="edge"))
        back = (a, -b, x - a * (x + far) + b * y + 40, b, a, y - b * (x + far) - a * y + 40)
        found.append(np.asarray(wide.transform(CANVAS, Image.Transform.AFFINE, back, Image.Resampling.BICUBIC)))
    return np.stack(found)


def verdict(task: str, frames: Frames, mode: str = "solve") -> Verdict:
    """Score a video of the same puzzle."""
    of = TASKS[task].example(2)
    return TASKS[task].verify(of, contract.views(frames), mode, CANVAS)  # type: ignore[arg-type]


# Tasks take turns.
@pytest.mark.parametrize(
    ("task", "how"),
    [
        ("clock", {"scale": 0.03}),
        ("rotation", {"scale": 0.03, "at": 0.25}),
        ("light_sequence", {"scale": -0.02}),
        ("clock", {"shift": 0.025}),
        ("rotation", {"turn": 1.2}),
        ("light_sequence", {"turn": 1.2}),
    ],
    ids=str,
)
def test_small_movements_are_undone(task: str, how: dict[str, float]) -> None:
    found = verdict(task, moved(truth(task), **how))
    assert found.passed
    assert [t.code for t in found.tolerated] == ["zoom"]
    assert 0 < found.tolerated[0].first < found.tolerated[0].last == 48


@pytest.mark.parametrize("how", [{"scale": 0.15}, {"scale": 0.08}, {"shift": 0.1}, {"turn": 6}], ids=str)
def test_larger_movements_fail_by_their_own_reason(how: dict[str, float]) -> None:
    assert verdict("clock", moved(truth("clock"), **how)).reason == "camera_moved"


def test_a_jump_to_another_scale_is_called_a_movement() -> None:
    frames = truth("maze")
    frames[16:] = moved(frames, scale=0.15)[-1:]
    assert verdict("maze", frames).reason == "camera_moved"


def test_in_mode_hold_the_camera_must_not_move() -> None:
    still = np.repeat(truth("maze")[:1], 24, axis=0)
    assert verdict("maze", moved(still, scale=0.03), "hold").reason == "camera_moved"


def test_in_mode_hold_a_drift_that_nobody_sees_is_undone() -> None:
    still = np.repeat(truth("sliding_puzzle")[:1], 24, axis=0)
    found = verdict("sliding_puzzle", moved(still, shift=0.01), "hold")
    assert (found.reason, [t.code for t in found.tolerated]) == ("held_still", ["zoom"])
    assert verdict("sliding_puzzle", moved(still, shift=0.02), "hold").reason == "camera_moved"


def test_mistakes_stay_mistakes_when_the_camera_moves() -> None:
    frames = truth("clock")
    frames[24:, 150:180, 100:130] = (200, 30, 110)
    assert verdict("clock", moved(frames, scale=0.02)).reason == "extra_object"
    assert not verdict("clock", moved(contract.crossfade(frames[0], frames[23], 49), scale=0.02)).passed


def test_poses_are_exact() -> None:
    of = TASKS["maze"].example(2)
    drawing = TASKS["maze"].drawing(of, TASKS["maze"].solution(of)[0], CANVAS)
    camera = Camera(drawing, np.zeros(drawing.shape[1:], bool))
    darker = (moved(truth("maze"), scale=0.03, turn=1, shift=0.01) * 0.9).astype(np.uint8)
    frame = contract.views(darker)[-1]
    fit = camera.find(frame, Fit(Pose(), 1.0, 1.0, 0.0))
    assert fit is not None
    angle = math.radians(1)
    # The shift is that of the middle, in pixels of the view.
    assert fit.pose == pytest.approx((1.03 * math.cos(angle), -1.03 * math.sin(angle), 3.7, 0.0), abs=0.15)
