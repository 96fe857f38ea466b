"""Videos whose steps are right, but in which the answer shines through or something that stays has changed."""

from __future__ import annotations

import numpy as np
import pytest

from vmevalkit import contract
from vmevalkit.media import Views
from vmevalkit.tasks.base import TASKS
from vmevalkit.tasks.toolkit.ahead import shown_ahead


@pytest.mark.parametrize(("name", "difficulty", "video"), [
    ("tic_tac_toe", 1, "answer_shines_at_28"),
    ("rotation", 3, "bystander_turns_hue"),
    ("light_sequence", 5, "bystander_turns_hue"),
    ("subway", 1, "small_detail_fades_away"),
    ("shape_sorter", 1, "texture_flickers"),
    ("dot_to_dot", 2, "small_detail_fades_away"),
    ("chess", 2, "small_detail_fades_away"),
])  # fmt: skip
def test_a_changed_scene_is_no_solution(name: str, difficulty: int, video: str) -> None:
    (trial,) = contract.try_habits(TASKS[name], difficulty, 0, [video])
    assert trial.verdict.reason == "altered"


def test_a_faint_piece_that_rests_beside_another_is_a_second_one() -> None:
    """The move is so short that the two overlap, as in a blend of two frames."""
    trials = contract.try_habits(TASKS["chess"], 2, 0, ["answer_shines_at_28", "interpolated"])
    assert {trial.video: trial.verdict.reason for trial in trials} == {
        "interpolated": "solved", "answer_shines_at_28": "extra_object",
    }  # fmt: skip


def test_something_small_in_an_empty_place_does_not_hold_still() -> None:
    names = ["extra_object", "still", "still_blurred"]
    trials = list(contract.try_videos(TASKS["map_coloring"], 2, "hold", 0, names=names))
    assert {trial.video: trial.verdict.reason for trial in trials} == {
        "still": "held_still", "still_blurred": "held_still", "extra_object": "altered",
    }  # fmt: skip


@pytest.mark.parametrize(("name", "videos"), [
    ("rotation", ["first_frames_too_bright", "darker_gamma", "less_saturation"]),
    ("light_sequence", ["cell_highlighted", "vignette", "brighter_gamma"]),
])  # fmt: skip
def test_another_light_changes_nothing(name: str, videos: list[str]) -> None:
    for trial in contract.try_habits(TASKS[name], 3, 0, videos):
        assert trial.verdict.passed, str(trial)


def _of_share(share: float) -> Views:
    """A square that is a share of the answer, from the second frame to the middle; then the answer."""
    frames: Views = np.full((30, 3, 60, 90), 128, np.uint8)
    frames[:, 0] = 240
    frames[1:15, 0, 20:40, 30:50] = 240 - round(200 * share)
    frames[15:, 0, 20:40, 30:50] = 40
    return frames


def test_an_answer_shines_from_an_eighth_on() -> None:
    for share, found in ((0.0, None), (0.08, None), (0.2, 1), (0.45, 1)):
        frames = _of_share(share)
        assert shown_ahead(frames, lambda i, frames=frames: frames[0 if i < 15 else 15]) == found  # type: ignore[misc]


def test_a_place_that_is_read_as_changing_does_not_shine() -> None:
    frames = _of_share(0.45)
    assert shown_ahead(frames, lambda i: frames[i]) is None
