"""What the verifier decodes in each frame of a video."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from vmevalkit import media, store
from vmevalkit.errors import VMEvalError
from vmevalkit.scorers.rule import puzzle_of, video_of
from vmevalkit.tasks.base import TASKS, Reading
from vmevalkit.types import Geometry, QuestionMetadata
from vmevalkit.web.files import file_state


@dataclass(frozen=True)
class Decoded:
    """The verifier's reading of each frame, and where the canvas lies in the video."""

    readings: tuple[Reading[Any], ...]
    geometry: Geometry
    metadata: QuestionMetadata

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, width and height of the canvas, in per cent of the video."""
        g = self.geometry
        return (100 * g.x / g.frame[0], 100 * g.y / g.frame[1], 100 * g.width / g.frame[0], 100 * g.height / g.frame[1])

    @property
    def kinds(self) -> list[str]:
        """For each frame "state", "between" (no state), or "lost" (the scene is not intact)."""
        return [
            "lost" if not reading.scene_intact else "between" if reading.state is None else "state"
            for reading in self.readings
        ]

    @property
    def notes(self) -> list[str]:
        """For each frame without a state, the reason."""
        return [
            "" if kind == "state" else reading.note for kind, reading in zip(self.kinds, self.readings, strict=True)
        ]

    def state_image(self, frame: int) -> bytes | None:
        """Return the puzzle as PNG in the state that was decoded from a frame; None if there is no state."""
        if not 0 <= frame < len(self.readings) or self.readings[frame].state is None:
            return None
        task = TASKS[self.metadata.task]
        puzzle = task.puzzle_type.model_validate(self.metadata.puzzle)
        return media.png(task.painter(puzzle, self.metadata.canvas)(self.readings[frame].state))


def decode(questions: Path, sample: store.Sample) -> Decoded | None:
    """Decode a sample's video; None if it has no video that can be decoded, or no verifier."""
    path = store.find_video(sample)
    return _decode(questions, sample, file_state(path)) if path else None


@lru_cache(maxsize=16)
def _decode(questions: Path, sample: store.Sample, _state: tuple[int, int] | None) -> Decoded | None:
    try:
        question = store.read_question(questions, sample.task, sample.question_id)
        metadata = question.metadata
        if metadata is None or metadata.task not in TASKS:
            return None
        _, read = puzzle_of(metadata)
        frames, geometry, _ = video_of(question, metadata, sample)
    except VMEvalError:
        return None
    return Decoded(tuple(read(frame) for frame in frames), geometry, metadata)
