"""Habits of real models and the cheats beside them: what each run of the suite tries, a part of it for each task."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from vmevalkit import contract
from vmevalkit.contract import ContractVideo, Scene
from vmevalkit.tasks.base import FRAMES, TASKS

# The names are rows of the audit. A video that is lost here is a habit or a cheat that no verifier meets any more.
HABITS = {
    "first_frames_too_bright", "last_frames_washed_out", "flash_at_the_end", "vignette", "less_saturation",
    "more_saturation", "brighter_gamma", "darker_gamma", "push_in", "interpolated", "fade_from_black",
    "ends_with_test_card", "ends_with_black", "ends_with_logo", "caption_for_a_while", "caption_at_the_end",
    "tick_at_the_end", "ring_at_the_end", "corner_mark", "moving_corner_mark", "halo", "cell_highlighted",
    "cell_overshoots", "lit_squares", "trail_fades", "bright_tip", "thick_line", "dark_line", "haloed_line",
    "lines_overlap", "cursor", "hand", "sparkles", "confetti",
}  # fmt: skip
TWINS = {
    "flash_between", "hues_turned", "zoom_in_far", "camera_wobble", "fade_in_to_answer", "test_card_between",
    "test_card_before_answer", "black_between", "black_before_answer", "logo_between", "logo_before_answer",
    "loops_back", "caption_on_the_board", "tick_on_the_board", "halo_stays", "highlight_stays",
    "answer_highlighted_ahead", "cells_in_waves", "lit_squares_stay", "squares_lit_ahead", "trail_stays", "trail_ahead",
    "vanishes_and_reappears", "copy_stays", "recolored", "turns_too_far", "line_with_gap", "dashes_ahead",
    "lines_together", "cursor_nearly_right", "cursor_wrong_step", "cursor_several_steps", "hand_nearly_right",
    "hand_wrong_step", "hand_several_steps", "cursor_elsewhere", "hand_between", "confetti_between", "sparkles_stay",
    "copy_passes",
}  # fmt: skip
HOLES = {
    "answer_shines_at_25", "answer_shines_at_28", "answer_flashes_in_dashes", "middle_quarter_cut_out",
    "detail_fades_away", "small_detail_fades_away", "last_place_half_drawn", "empty_place_half_drawn",
    "background_recolored", "half_tinted", "thin_line_added", "gray_for_most", "faint_line_added",
    "texture_flickers", "bystander_gone",
    "bystander_turns_hue", "gray_card_moves", "mover_hops", "mover_blinks", "leaves_the_frame",
}  # fmt: skip
DIFFICULTY = 2

# One process runs these tests, because it takes seconds to make `found`.
pytestmark = pytest.mark.xdist_group("habits")

Videos = dict[str, ContractVideo]


@pytest.fixture(scope="module")
def found() -> dict[str, Videos]:
    """The videos of one question of each task, by task and name. They are drawn only when they are tried."""
    return {name: {video.name: video for video in contract.extra_videos(scene_of(name))} for name in TASKS}


def scene_of(name: str) -> Scene:
    task = TASKS[name]
    puzzles = contract.puzzle_of(task, DIFFICULTY, 0), contract.other_puzzle_of(task, DIFFICULTY, 0)
    return Scene(task, *puzzles, "solve", contract.SMALL)


def shared_out(found: dict[str, Videos]) -> dict[str, str]:
    """The task that meets each video: one of those for which it makes sense, depending on its name."""
    tasks = {video: [task for task in found if video in found[task]] for videos in found.values() for video in videos}
    return {video: names[hashlib.sha256(video.encode()).digest()[0] % len(names)] for video, names in tasks.items()}


def test_no_habit_and_no_cheat_is_lost(found: dict[str, Videos]) -> None:
    groups = {video.name: video.group for videos in found.values() for video in videos.values()}
    for names, group in ((HABITS, "habit"), (TWINS, "twin"), (HOLES, "hole")):
        assert {name for name in groups if groups[name] == group} == names
    assert groups.keys() >= contract.SETTLED


@pytest.mark.parametrize("name", TASKS)
def test_each_video_shows_what_its_name_says_to_one_task(name: str, found: dict[str, Videos]) -> None:
    """Verdicts are demanded for `contract.SETTLED`; of the others, only that they can be drawn and differ."""
    task, scene = TASKS[name], scene_of(name)
    truth, read = scene.truth(FRAMES), task.reader(scene.puzzle, contract.SMALL)
    for video in (found[name][video] for video, chosen in shared_out(found).items() if chosen == name):
        frames = video.draw(FRAMES)
        assert frames.shape == truth.shape
        assert frames.dtype == np.uint8
        assert (frames != truth).any(), video.name
        if video.name in contract.SETTLED:
            verdict = task.verify(scene.puzzle, contract.views(frames), "solve", contract.SMALL, read)
            assert verdict.passed == video.passes, f"{video.name}: {verdict}"


def test_what_is_not_yet_demanded_breaks_nothing() -> None:
    trial = next(iter(contract.try_habits(TASKS["maze"], DIFFICULTY, 0, ["vignette"])))
    assert trial.group == "habit"
    assert trial.settled == ("vignette" in contract.SETTLED)
    assert not list(contract.try_habits(TASKS["maze"], DIFFICULTY, 0, []))


def test_a_highlight_at_a_place_that_is_being_filled_is_noted() -> None:
    trial = next(contract.try_habits(TASKS["nonogram"], DIFFICULTY, 0, {"cell_highlighted"}))
    assert trial.verdict.passed
    notes = trial.verdict.tolerated
    assert {note.code for note in notes} == {"emphasis"}
    # Each place is noted by itself, with its box.
    assert len({note.box for note in notes}) == len(notes) > 1
    assert all(note.box is not None and 0 < note.box[0] < note.box[2] < 1 for note in notes)
