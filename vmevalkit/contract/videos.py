"""The videos with which a verifier is tested, and the scene that they are made from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, Literal

import numpy as np

from vmevalkit.contract.motion import Motion
from vmevalkit.media import Frames
from vmevalkit.tasks.base import Task, as_frames
from vmevalkit.types import Mode, Size

# Basic videos; habits of real models, which must pass; their evil twins and other known cheats, which must fail.
Group = Literal["basic", "habit", "twin", "hole"]


@dataclass(frozen=True)
class ContractVideo:
    """A video that a verifier must score as expected.

    Attributes:
        name: what happens in it.
        draw: returns its frames, given a number of frames.
        passes: whether it must pass.
        own: whether the task defines it; other videos are the same for all tasks.
        group: "basic", or which of the videos that come from real models and from attackers.
    """

    name: str
    draw: Callable[[int], Frames]
    passes: bool
    own: bool = False
    group: Group = "basic"


class Scene:
    """One puzzle in one mode, and the frames that the videos are made from.

    Args:
        task: the task.
        puzzle: one of its puzzles.
        other: another puzzle, whose video must not pass.
        mode: how the question is asked.
        canvas: width and height of the drawn frames.
    """

    def __init__(self, task: Task[Any, Any], puzzle: Any, other: Any, mode: Mode, canvas: Size) -> None:
        self.task, self.puzzle, self.other, self.canvas = task, puzzle, other, canvas
        self.solving = mode != "hold"
        self.states = task.solution(puzzle)
        draw = task.painter(puzzle, canvas)
        self.first, self.last = draw(self.states[0]), draw(self.states[-1])
        # Drawn once for the many videos that are made of them.
        self.truth: Callable[[int], Frames] = lru_cache(maxsize=2)(self.shot(self.states))
        self.still: Callable[[int], Frames] = lru_cache(maxsize=1)(lambda n: np.repeat(self.first[None], n, axis=0))

        self._motion = lru_cache(maxsize=4)(partial(Motion, task, puzzle, canvas))

    def held(self, count: int, extra: int) -> Frames:
        """Return the ground truth of `count` frames, of which the last is held for `extra` frames longer."""
        return np.concatenate([self.truth(count - extra), np.repeat(self.last[None], extra, axis=0)])

    def motion_of(self, states: Sequence[Any], count: int) -> Motion:
        """Return what happens in a video of states."""
        return self._motion(tuple(states), count)

    def motion(self, count: int) -> Motion:
        """Return what happens in the ground truth."""
        return self.motion_of(self.states, count)

    def shot(self, states: Sequence[Any], puzzle: Any = None, object_scale: float = 1) -> Callable[[int], Frames]:
        """Return a function that draws a list of states with a given number of frames."""
        puzzle = self.puzzle if puzzle is None else puzzle
        return lambda count: as_frames(self.task.render(puzzle, states, self.canvas, count, object_scale))
