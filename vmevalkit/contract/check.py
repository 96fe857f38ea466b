"""Test the verifier of a task against every contract video."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterator, Sequence
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from vmevalkit import media
from vmevalkit.contract.attacks import WORTHLESS, attacks
from vmevalkit.contract.habits import habit_videos
from vmevalkit.contract.holes import hole_videos
from vmevalkit.contract.variations import TRANSFORMS, Transform, through_file, variations
from vmevalkit.contract.videos import ContractVideo, Group, Scene
from vmevalkit.defaults import DEFAULT_CANVAS
from vmevalkit.media import Frame, Frames, Planes, Views
from vmevalkit.tasks.base import FRAMES, TASKS, Task
from vmevalkit.tasks.toolkit.vision import to_view
from vmevalkit.types import Mode, Record, Size, Verdict

# Largest value of a video that must be worth next to nothing.
_NEAR_NOTHING = 0.02
# Distance of a question's seed to that of the other question, whose video must not pass.
_OTHER_SEED = 1000
# The canvas of most drawn videos: the size of the verifiers' view, because they are drawn for their verdicts alone.
SMALL: Size = (360, 240)

# Names of `extra_videos` whose verdicts are as intended for every task (docs/scorer-audit.md). The contract demands
# only these, until the verifiers are ready for all of them; then this list is removed, and `videos` yields them.
SETTLED = frozenset({
    "first_frames_too_bright", "flash_at_the_end", "less_saturation", "brighter_gamma", "push_in", "fade_from_black",
    "ends_with_test_card", "ends_with_black", "ends_with_logo", "tick_at_the_end", "ring_at_the_end", "thick_line",
    "flash_between", "hues_turned", "zoom_in_far", "camera_wobble", "fade_in_to_answer", "test_card_between",
    "test_card_before_answer", "black_between", "black_before_answer", "logo_between", "logo_before_answer",
    "loops_back", "caption_on_the_board", "tick_on_the_board", "halo_stays", "highlight_stays", "cells_in_waves",
    "lit_squares_stay", "trail_stays", "vanishes_and_reappears", "copy_stays", "copy_passes", "recolored",
    "turns_too_far", "dashes_ahead", "lines_together", "cursor_nearly_right", "cursor_several_steps",
    "hand_nearly_right", "hand_several_steps", "cursor_elsewhere", "hand_between", "confetti_between",
    "answer_shines_at_25", "answer_shines_at_28", "middle_quarter_cut_out", "bystander_gone", "sparkles_stay",
    "answer_flashes_in_dashes", "detail_fades_away", "last_place_half_drawn", "empty_place_half_drawn",
    "background_recolored", "faint_line_added", "texture_flickers", "gray_card_moves", "mover_hops", "mover_blinks",
    "last_frames_washed_out", "more_saturation", "vignette", "interpolated", "caption_at_the_end",
    "caption_for_a_while", "halo", "cell_highlighted", "dark_line", "lines_overlap", "answer_highlighted_ahead",
    "trail_ahead", "squares_lit_ahead", "cursor_wrong_step", "hand_wrong_step", "half_tinted",
    "small_detail_fades_away", "bystander_turns_hue",
})  # fmt: skip


class Trial(Record):
    """One contract video, how it was shown to the verifier, what is expected, and the verdict.

    Attributes:
        video: name of the contract video.
        how: how it was shown, such as "drawn at 360x240".
        passes: whether it must pass.
        own: whether the task defines the video.
        group: see `ContractVideo`.
    """

    task: str
    difficulty: int
    mode: Mode
    seed: int
    video: str
    how: str
    passes: bool
    own: bool
    group: Group
    verdict: Verdict

    @property
    def worthless(self) -> bool:
        """Whether the value must be near 0. Not in mode hold, where even a noisy still holds still."""
        return self.video in WORTHLESS and not self.passes and self.mode != "hold"

    @property
    def settled(self) -> bool:
        """Whether the verdict counts; see `SETTLED`."""
        return self.group == "basic" or self.video in SETTLED

    @property
    def as_expected(self) -> bool:
        """Whether the verdict is what the contract demands."""
        if self.worthless and self.verdict.value > _NEAR_NOTHING:
            return False
        return self.verdict.passed == self.passes

    def __str__(self) -> str:
        should = "pass" if self.passes else "fail"
        if self.worthless:
            should = f"fail with value <= {_NEAR_NOTHING}"
        return (
            f"{self.task} difficulty {self.difficulty} mode {self.mode} seed {self.seed}: video '{self.video}' "
            f"({self.how}) should {should}, but: {self.verdict.reason}, value {self.verdict.value:.3f}"
        )


def videos(task: Task[Any, Any], puzzle: Any, other: Any, mode: Mode, canvas: Size = SMALL) -> Iterator[ContractVideo]:
    """Yield every contract video of one puzzle. `other` is another puzzle of the task."""
    scene = Scene(task, puzzle, other, mode, canvas)
    yield from variations(scene)
    yield from attacks(scene)


@lru_cache(maxsize=16)
def puzzle_of(task: Task[Any, Any], difficulty: int, seed: int) -> Any:
    """Return the contract's own puzzle for a difficulty and seed. It is cached, because many videos show it."""
    return task.example(difficulty, seed)


def other_puzzle_of(task: Task[Any, Any], difficulty: int, seed: int) -> Any:
    """Return another puzzle of the same difficulty."""
    return puzzle_of(task, difficulty, seed + _OTHER_SEED)


def try_videos(
    task: Task[Any, Any],
    difficulty: int,
    mode: Mode,
    seed: int,
    canvas: Size = SMALL,
    frames: int = FRAMES,
    names: Sequence[str] = (),
) -> Iterator[Trial]:
    """Show every contract video of one question to the verifier, drawn directly; only those in `names`, if given."""
    puzzle, other = puzzle_of(task, difficulty, seed), other_puzzle_of(task, difficulty, seed)
    read = task.reader(puzzle, canvas)
    for video in videos(task, puzzle, other, mode, canvas):
        if names and video.name not in names:
            continue
        verdict = task.verify(puzzle, views(video.draw(frames)), mode, canvas, read)
        how = f"drawn at {canvas[0]}x{canvas[1]}"
        yield _trial(task, difficulty, mode, seed, video, how, verdict)


def extra_videos(scene: Scene) -> Iterator[ContractVideo]:
    """Yield the habits, their evil twins and the known holes, which are not yet a part of `videos`; see `SETTLED`."""
    yield from habit_videos(scene)
    yield from hole_videos(scene)


def try_habits(
    task: Task[Any, Any], difficulty: int, seed: int, names: Collection[str] | None = None, frames: int = FRAMES
) -> Iterator[Trial]:
    """Show the videos of `extra_videos` of one question to the verifier; only those in `names`, if given."""
    if names is not None and not names:
        return
    scene = Scene(task, puzzle_of(task, difficulty, seed), other_puzzle_of(task, difficulty, seed), "solve", SMALL)
    read = task.reader(scene.puzzle, SMALL)
    for video in extra_videos(scene):
        if names is None or video.name in names:
            verdict = task.verify(scene.puzzle, views(video.draw(frames)), "solve", SMALL, read)
            yield _trial(task, difficulty, "solve", seed, video, f"drawn at {SMALL[0]}x{SMALL[1]}", verdict)


def try_transform(
    task: Task[Any, Any], difficulty: int, mode: Mode, seed: int, transform: Transform, names: Sequence[str]
) -> Iterator[Trial]:
    """Show some contract videos of one question to the verifier, through a file and after a transform."""
    puzzle, other = puzzle_of(task, difficulty, seed), other_puzzle_of(task, difficulty, seed)
    first = task.painter(puzzle, DEFAULT_CANVAS)(task.solution(puzzle)[0])
    with tempfile.TemporaryDirectory() as folder:
        for video in videos(task, puzzle, other, mode, DEFAULT_CANVAS):
            if video.name in names:
                frames, _ = through_file(video, transform, first, DEFAULT_CANVAS, Path(folder))
                verdict = task.verify(puzzle, frames, mode, fps=transform.fps)
                yield _trial(task, difficulty, mode, seed, video, transform.name, verdict)


def _trial(
    task: Task[Any, Any], difficulty: int, mode: Mode, seed: int, video: ContractVideo, how: str, verdict: Verdict
) -> Trial:
    return Trial(
        task=task.name,
        difficulty=difficulty,
        mode=mode,
        seed=seed,
        video=video.name,
        how=how,
        passes=video.passes,
        own=video.own,
        group=video.group,
        verdict=verdict,
    )


class Batch(Record):
    """Trials that are made together: those of one difficulty and seed, or of one difficulty and transform.

    Attributes:
        transform: number of a transform; None for drawn videos.
    """

    task: str
    difficulty: int
    seed: int
    transform: int | None = None


def batches(name: str, seeds: int) -> list[Batch]:
    """Return the whole contract of one task, in parts that can be run in any order and process."""
    return [
        batch
        for difficulty in range(1, 6)
        for batch in (
            *(Batch(task=name, difficulty=difficulty, seed=seed) for seed in range(seeds)),
            *(
                Batch(task=name, difficulty=difficulty, seed=number, transform=number)
                for number in range(len(TRANSFORMS))
            ),
        )
    ]


def run_batch(batch: Batch) -> list[Trial]:
    """Make the trials of a batch. Mode guided differs from solve only in the prompt, so it is left out."""
    task, difficulty, seed = TASKS[batch.task], batch.difficulty, batch.seed
    if batch.transform is not None:
        transform = TRANSFORMS[batch.transform]
        return list(try_transform(task, difficulty, "solve", seed, transform, ("ground_truth", "crossfade")))
    # One seed is shown at full size.
    trials = [*try_videos(task, difficulty, "solve", seed, DEFAULT_CANVAS if seed == 0 else SMALL)]
    trials += try_videos(task, difficulty, "hold", seed)
    trials += try_habits(task, difficulty, seed, SETTLED)
    if difficulty <= 2 and seed == 0:
        names = ("ground_truth", "still", "crossfade", "reversed", "cut_half_way")
        short = try_videos(task, difficulty, "solve", 0, frames=17, names=names)
        trials += [trial.model_copy(update={"how": "17 frames"}) for trial in short]
    return trials


def views(frames: Frames) -> Views:
    """Return a video at the size at which verifiers see it."""
    small: list[Planes] = []
    for i, frame in enumerate(frames):
        # Videos hold still for long, and an equal frame need not be scaled again.
        small.append(small[-1] if i and np.array_equal(frame, frames[i - 1]) else to_view(frame))
    return np.stack(small)


def strip(trial: Trial) -> Frame:
    """Return twelve frames of a trial's video in two rows: evenly chosen, and those around the evidence frame."""
    task = TASKS[trial.task]
    puzzle = puzzle_of(task, trial.difficulty, trial.seed)
    other = other_puzzle_of(task, trial.difficulty, trial.seed)
    scene = Scene(task, puzzle, other, trial.mode, SMALL)
    found = chain(videos(task, puzzle, other, trial.mode), extra_videos(scene) if scene.solving else ())
    video = next(v for v in found if v.name == trial.video)
    frames = video.draw(FRAMES)
    last = len(frames) - 1
    evidence = min(trial.verdict.evidence_frame or 0, last)
    even = np.linspace(0, last, 6).round().astype(int).tolist()
    near = [min(max(0, evidence + k), last) for k in range(-3, 3)]
    image: Frame = np.concatenate([np.concatenate([frames[i] for i in row], axis=1) for row in (even, near)])
    return image


def png_of(trial: Trial) -> bytes:
    """Return the strip of a trial as PNG."""
    return media.png(strip(trial))
