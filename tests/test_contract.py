"""The contract over every registered task. A task file that is dropped into the folder is tested by being there."""

from __future__ import annotations

import itertools
import re
from typing import get_args

import pytest

from vmevalkit import contract
from vmevalkit.defaults import DEFAULT_CANVAS
from vmevalkit.tasks.base import TASKS, Tag, as_frames, random_generator
from vmevalkit.tasks.toolkit.cells import CellsTask
from vmevalkit.tasks.toolkit.vision import view_size
from vmevalkit.types import MODES, Mode

DIFFICULTIES = range(1, 6)
SEEDS = range(3)


# The names are rows of the audit. A video that is lost here is an attack that no verifier meets any more.
MUST_FAIL = {
    "still_with_noise", "black", "white", "noise", "crossfade", "cut_half_way", "another_question",
    "redrawn_elsewhere", "extra_object",
}  # fmt: skip
MUST_FAIL_SOLVING = MUST_FAIL | {
    "still", "wipe_right", "wipe_left", "wipe_down", "wipe_up", "wipe_aslant", "wipe_back_aslant", "dissolve",
    "cut_at_once", "cut_late", "cut_at_the_end", "flash_of_answer", "flashing", "reversed", "mirrored", "zoomed_out",
    "two_at_once", "ghosts", "stopped_halfway", "solved_then_undone", "solved_then_destroyed",
    "mover_hops", "mover_blinks", "mover_seen_in_one_frame_of_three", "mover_vanishes", "mover_half_transparent",
    "mover_is_a_card", "middle_cut_out", "stop_motion",
}  # fmt: skip
MUST_PASS_SOLVING = {
    "ground_truth", "blended", "blurred", "color_drift", "camera_drift", "slower", "faster", "other_pace",
    "with_pauses", "larger", "smaller", "mover_flickers", "mover_gone_for_two_frames", "mover_pale",
    "one_frame_dropped",
}  # fmt: skip
MUST_PASS_HOLDING = {"still", "still_blended", "still_blurred", "still_color_drift", "still_camera_drift"}


def names_of(mode: Mode, passes: bool) -> set[str]:
    """The contract videos of a maze that are the same for all tasks."""
    puzzle, other = (contract.puzzle_of(TASKS["maze"], 2, seed) for seed in (1, 1001))
    found = contract.videos(TASKS["maze"], puzzle, other, mode)
    return {video.name for video in found if video.passes == passes and not video.own}


def test_no_contract_video_is_lost() -> None:
    assert names_of("solve", passes=False) == MUST_FAIL_SOLVING
    assert names_of("solve", passes=True) == MUST_PASS_SOLVING
    # The solution moves, so in mode hold it must fail.
    assert names_of("hold", passes=False) == MUST_FAIL | {"ground_truth"}
    assert names_of("hold", passes=True) == MUST_PASS_HOLDING


# What models and lazy programs do most, besides the ground truth.
COMMON = ("blended", "still", "crossfade", "wipe_right", "cut_half_way", "reversed")
# A task meets one of so many of the videos that are made for every task.
PARTS = 6


def shared_out(name: str) -> list[str]:
    """The videos that a task meets of those that are made for every task. Tasks take turns."""
    turn = list(TASKS).index(name)
    every = sorted(MUST_PASS_SOLVING | MUST_FAIL_SOLVING)
    return ["ground_truth", *(video for number, video in enumerate(every) if (number + turn) % PARTS == 0)]


@pytest.mark.parametrize("difficulty", DIFFICULTIES)
@pytest.mark.parametrize("name", TASKS)
def test_right_videos_pass_and_cheap_videos_fail(name: str, difficulty: int) -> None:
    """`make audit` tries every video at every difficulty; here, they are shared out.

    At one difficulty, a task meets all its own videos and a sixth of those of all tasks. At each other one, it meets
    the ground truth, one video in mode hold, and at difficulty 3 one of the commonest cheats.
    """
    task, turn = TASKS[name], list(TASKS).index(name)
    seed = 20 + difficulty
    if turn % len(DIFFICULTIES) + 1 == difficulty:
        pair = contract.puzzle_of(task, difficulty, seed), contract.other_puzzle_of(task, difficulty, seed)
        names = shared_out(name) + [video.name for video in contract.videos(task, *pair, "solve") if video.own]
    else:
        names = ["ground_truth", COMMON[turn % len(COMMON)]] if difficulty == 3 else ["ground_truth"]
    holding = (("still", "ground_truth", "crossfade", "cut_half_way")[(turn + difficulty) % 4],)
    # guided differs from solve in the prompt alone.
    trials = [
        *contract.try_videos(task, difficulty, "solve", seed, names=names),
        *contract.try_videos(task, difficulty, "hold", seed, names=holding),
    ]
    assert len(trials) >= 2
    broken = [str(trial) for trial in trials if not trial.as_expected]
    assert not broken, "\n".join(broken)


def test_every_video_is_met_by_a_task() -> None:
    met = set()
    for name in TASKS:
        task = TASKS[name]
        found = contract.videos(task, contract.puzzle_of(task, 2, 1), contract.puzzle_of(task, 2, 1001), "solve")
        met |= {video.name for video in found} & set(shared_out(name))
    assert met == MUST_PASS_SOLVING | MUST_FAIL_SOLVING


@pytest.mark.parametrize("name", TASKS)
def test_images_of_nothing_do_not_hold_still_at_a_small_size(name: str) -> None:
    names = ("ground_truth", "black", "white", "noise", "still_with_noise")
    trials = contract.try_videos(TASKS[name], 3, "hold", 53, (96, 96), names=names)
    broken = [str(trial) for trial in trials if not trial.as_expected]
    assert not broken, "\n".join(broken)


@pytest.mark.parametrize("name", list(TASKS)[::10])
def test_a_change_too_slow_to_see_between_two_frames_is_seen(name: str) -> None:
    """255 steps of light over 400 frames."""
    for mode in ("solve", "hold"):
        (trial,) = contract.try_videos(TASKS[name], 2, mode, 4, (96, 96), frames=400, names=("crossfade",))
        assert trial.as_expected, str(trial)


@pytest.mark.parametrize("name", list(TASKS)[::2])
def test_transforms_change_no_verdict(name: str) -> None:
    """Tasks, difficulties and transforms take turns: every second task meets one transform, in `make audit` all."""
    turn = list(TASKS).index(name)
    number = turn // 2 % len(contract.TRANSFORMS)
    names = ("ground_truth",) if turn % 3 else ("ground_truth", "crossfade")
    trials = contract.try_transform(
        TASKS[name], 1 + turn % 5, "solve", number, contract.TRANSFORMS[number], names
    )  # fmt: skip
    broken = [str(trial) for trial in trials if not trial.as_expected]
    assert not broken, "\n".join(broken)


@pytest.mark.parametrize("name", TASKS)
def test_a_task_has_an_illegal_way_and_a_nearly_right_one_at_each_difficulty(name: str) -> None:
    for difficulty in DIFFICULTIES:
        names = [n for seed in SEEDS for n in TASKS[name].cheats(contract.puzzle_of(TASKS[name], difficulty, seed))]
        assert any(n.startswith("nearly_") for n in names), f"difficulty {difficulty}"
        assert any(not n.startswith("nearly_") for n in names), f"difficulty {difficulty}"


@pytest.mark.parametrize("name", [name for name in TASKS if isinstance(TASKS[name], CellsTask)])
def test_a_step_that_is_taken_back_is_seen_in_a_frame(name: str) -> None:
    task, puzzle = TASKS[name], contract.puzzle_of(TASKS[name], 5, 0)
    frames = list(task.render(puzzle, task.cheats(puzzle)["taken_back"], contract.SMALL, 49))
    at_start = [bool((frame == frames[0]).all()) for frame in frames]
    assert any(at_start[at_start.index(False) :])


@pytest.mark.parametrize("name", TASKS)
def test_solution_video_shows_every_step_twice(name: str) -> None:
    task = TASKS[name]
    for difficulty in DIFFICULTIES:
        puzzle = contract.puzzle_of(task, difficulty, difficulty)
        states = task.solution(puzzle)
        for count in (49, 17) if difficulty <= 2 else (49,):
            frames = list(task.render(puzzle, states, contract.SMALL, count))
            changes = sum(not (a == b).all() for a, b in itertools.pairwise(frames))
            assert len(frames) == count
            assert changes >= 2 * (len(states) - 1), f"{name} {difficulty}: {changes} changes in {count} frames"


@pytest.mark.parametrize("name", TASKS)
def test_questions_of_one_set_are_different_and_plans_grow(name: str) -> None:
    from vmevalkit.runner.make import Batch, choose_puzzles

    task = TASKS[name]
    lengths = []
    for difficulty in DIFFICULTIES:
        puzzles = choose_puzzles(Batch(task=name, seed=7, difficulty=difficulty, numbers=tuple(range(24))))
        assert len({str(puzzle) for puzzle in puzzles}) == 24
        plans = [task.steps(task.puzzle_type.model_validate(puzzle)) for puzzle in puzzles[:10]]
        assert all(plans), "no question is without a step"
        assert max(map(len, plans)) <= (7 if difficulty <= 2 else 20)
        lengths.append(sum(map(len, plans)))
    assert lengths == sorted(lengths), f"the plans get shorter: {lengths}"


@pytest.mark.parametrize("name", TASKS)
def test_prompts_fit_and_vary(name: str) -> None:
    task = TASKS[name]
    for difficulty in DIFFICULTIES:
        puzzles = [contract.puzzle_of(task, difficulty, seed) for seed in SEEDS]
        for mode in MODES:
            prompts = [
                task.prompt(p, mode, random_generator("prompt", name, i, j))
                for i, p in enumerate(puzzles)
                for j in range(12)
            ]
            assert len(set(prompts)) >= 3, f"{name} {mode}: one phrasing only"
            for prompt in prompts:
                # The T5 tokenizer splits rare words in two or three; common ones, digits and marks are one token each.
                pieces = re.findall(r"[A-Za-z]+|\d|[^\sA-Za-z\d]", prompt)
                tokens = sum(1 + (len(piece) > 9) for piece in pieces)
                assert tokens <= 215, f"{name} {mode} {difficulty}: about {tokens} of 226 tokens: {prompt}"
    assert all(len(task.phrasings(puzzle)) >= 3 for puzzle in puzzles)


# What a prompt says if nothing else may happen in the frame, not only to the parts of the puzzle.
NOTHING_ELSE = re.compile(
    r"nothing (else|new|moves|changes|comes|appears)|everything else|only (the|this) (disc|piece|hands) moves?",
    re.IGNORECASE,
)


@pytest.mark.parametrize("name", TASKS)
def test_the_phrasings_of_a_task_are_equally_strict(name: str) -> None:
    task = TASKS[name]
    for phrasing in task.phrasings(contract.puzzle_of(task, 3, 0)):
        assert bool(NOTHING_ELSE.search(phrasing)) == task.strict, phrasing


@pytest.mark.parametrize("name", TASKS)
def test_other_canvases_are_judged_too(name: str) -> None:
    """Tasks take turns with the canvases. The smallest is that of the small model, whose questions are easy."""
    task, turn = TASKS[name], list(TASKS).index(name)
    sizes = ((96, 96), 1), ((512, 512), 3), ((832, 480), 4), ((480, 480), 5), ((1360, 768), 2)
    size, difficulty = sizes[turn % len(sizes)]
    puzzle = contract.puzzle_of(task, difficulty, 0)
    states = task.solution(puzzle)
    videos = {
        True: as_frames(task.render(puzzle, states, size)),
        False: as_frames(task.render(puzzle, [states[0], states[0]], size)),
    }
    for passes, frames in videos.items():
        verdict = task.verify(puzzle, contract.views(frames), "solve", size)
        assert verdict.passed == passes, f"{name} at {size}: {verdict}"


@pytest.mark.parametrize("name", TASKS)
def test_a_drawing_at_the_size_of_the_view_is_the_drawing_made_small(name: str) -> None:
    """Verifiers draw what they expect at the size of the view: it must be what the video shows there."""
    from vmevalkit.tasks.toolkit.vision import to_view

    task = TASKS[name]
    puzzle = contract.puzzle_of(task, 3, 0)
    for state in (task.solution(puzzle)[0], task.solution(puzzle)[-1]):
        direct = task.drawing(puzzle, state, DEFAULT_CANVAS)
        assert direct.shape[1:] == view_size(DEFAULT_CANVAS)[::-1]
        shown = to_view(task.painter(puzzle, DEFAULT_CANVAS)(state))
        assert abs(direct.astype(int) - shown).mean() < 3


@pytest.mark.parametrize("name", TASKS)
def test_every_reason_has_a_sentence_and_every_task_a_summary(name: str) -> None:
    task = TASKS[name]
    assert task.summary.endswith(".")
    assert all(sentence.endswith(".") for sentence in task.reasons.values())


@pytest.mark.parametrize("name", TASKS)
def test_levels_have_named_fields_and_tasks_have_tags(name: str) -> None:
    task = TASKS[name]
    levels = task.levels
    assert list(levels) == [1, 2, 3, 4, 5]
    assert len({type(level) for level in levels.values()}) == 1
    assert levels[1]._fields
    assert task.tags
    assert set(task.tags) <= set(get_args(Tag))
    assert task.summary
