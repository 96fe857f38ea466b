"""What a video must satisfy in words, for people and for models that judge by eye."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmevalkit.tasks._reasons import REASONS
from vmevalkit.types import Mode

if TYPE_CHECKING:
    from vmevalkit.tasks.base import Task

_MISTAKES = {reason: REASONS[reason] for reason in ("teleport", "several_at_once", "erased")}

# The policy of docs/how-verdicts-work.md in short, for people and judges.
_ALWAYS_TOLERATED = (
    "These habits of video models are no mistakes: changes of the light; a drift or zoom of the camera that one hardly "
    "notices; a short fade at either end, or a cut to a card in the last moment, after the answer was held; "
)
TOLERATED = (
    f"{_ALWAYS_TOLERATED}text or marks beside the puzzle; a cursor, a hand or a glow that comes, does one step at a "
    "time, and is gone at the end."
)
TOLERATED_IF_STRICT = f"{_ALWAYS_TOLERATED}a glow that comes and is gone at the end."


def criteria_of(task: Task | None, mode: Mode) -> dict[str, str]:  # type: ignore[type-arg]
    """Return what a video must satisfy, by criterion, for a person or a model that judges by eye.

    Args:
        task: None for a user-supplied question, whose prompt alone says what is correct.
        mode: how the question was asked.
    """
    if mode == "hold":
        return {
            "outcome": "The video ends with the same image that it began with.",
            "process": "Nothing moves, appears or disappears at any time.",
            "preservation": "The whole scene is the same in every frame, and the camera does not move.",
        }
    tolerated = TOLERATED_IF_STRICT if task is not None and task.strict else TOLERATED
    general = {
        "outcome": "What the prompt asks for is reached, and is held at the end of the video.",
        "process": "The change happens by visible steps that the prompt allows.",
        "preservation": "Everything that does not need to change stays: nothing else appears, disappears or changes, "
        f"and the camera is fixed. {tolerated}",
    }
    if task is None:
        return general
    mistakes = " ".join({**_MISTAKES, **task.reasons}.values())
    of_task = {
        "outcome": f"The puzzle: {task.summary} It is solved, and the answer is held at the end of the video.",
        "process": f"Each step is legal and visible. These are mistakes: {mistakes}",
    }
    return {**general, **of_task, **task.rubric}
