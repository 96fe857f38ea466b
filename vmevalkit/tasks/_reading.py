"""What is read from frames: the state of one frame, and faults of a whole video."""

from __future__ import annotations

from typing import Generic, NamedTuple, TypeVar

S = TypeVar("S")


class Reading(Generic[S]):
    """What one frame shows.

    Args:
        state: the state; None between two states, or if the frame cannot be read.
        scene_intact: whether the rest of the scene is as drawn.
        note: reason code if the scene is not intact, or if the video ends with this frame.
    """

    __slots__ = ("note", "scene_intact", "state")

    def __init__(self, state: S | None, scene_intact: bool = True, note: str = "unreadable") -> None:
        self.state = state
        self.scene_intact = scene_intact
        self.note = note


class Fault(NamedTuple):
    """What is wrong with a video as a whole, although each frame shows a state and each step is legal.

    Attributes:
        reason: reason code.
        frame: the first frame that shows it.
        worthless: whether the steps count for nothing, because the video shows no steps.
    """

    reason: str
    frame: int
    worthless: bool = False
