"""Videos of one task and their verdicts, for the tests of tasks."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from vmevalkit import contract
from vmevalkit.media import Frame, Frames
from vmevalkit.tasks.base import FRAMES, Reading, Task, as_frames
from vmevalkit.types import Record, Size, Verdict

P = TypeVar("P", bound=Record)
S = TypeVar("S")

# Half of the default canvas: verifiers see the same pixels, and drawing takes a quarter of the time.
CANVAS: Size = contract.SMALL


def video_of(
    task: Task[P, S], puzzle: P, states: Sequence[S] | None = None, frames: int = FRAMES, canvas: Size = CANVAS
) -> Frames:
    """Draw states of a puzzle as a video. By default, these are its solution."""
    return as_frames(task.render(puzzle, task.solution(puzzle) if states is None else states, canvas, frames))


def score_video(task: Task[P, S], puzzle: P, video: Frames | Sequence[Frame]) -> Verdict:
    """Score a video that has the size of the canvas."""
    height, width = video[0].shape[:2]
    return task.verify(puzzle, contract.views(np.asarray(video)), canvas=(width, height))


def score_states(
    task: Task[P, S], puzzle: P, states: Sequence[S], frames: int = FRAMES, canvas: Size = CANVAS
) -> Verdict:
    """Draw states as a video and score it."""
    return score_video(task, puzzle, video_of(task, puzzle, states, frames, canvas))


def judge_states(task: Task[P, S], puzzle: P, states: Sequence[S], moments: int = 3) -> Verdict:
    """Score what a perfect reader sees: each state in two frames, and so many moments on the way to the next one."""
    seen = [states[0]]
    for a, b in itertools.pairwise(states):
        seen += [*(task.between(puzzle, a, b, k / (moments + 1)) for k in range(1, moments + 1)), b, b]
    return task.judge(puzzle, [Reading(state) for state in seen])
