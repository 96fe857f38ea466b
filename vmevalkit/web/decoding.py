"""What the verifier decodes in each frame of a video."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image
import PIL.ImageFilter

from vmevalkit import media, store
from vmevalkit.errors import VMEvalError
from vmevalkit.scorers.rule import puzzle_of, video_of
from vmevalkit.tasks.base import TASKS, Reading
from vmevalkit.types import Geometry, QuestionMetadata
from vmevalkit.web.files import file_state

START = -1
"""In place of the number of a frame: the start of the puzzle."""

# Colors of neighbors that differ by more than this, of 255, have an edge between them.
_EDGE = 40

Image = npt.NDArray[np.uint8]
"""Height x width x 3."""


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

    @cached_property
    def shown(self) -> list[int]:
        """For each frame, the frame whose state is drawn over it: the first one with the same state.

        A frame without a state shows the last state before it, or `START`, so that the difference shows
        what is in the way.
        """
        first: dict[str, int] = {}
        shown, latest = [], START
        for number, reading in enumerate(self.readings):
            if reading.state is not None:
                latest = first.setdefault(repr(reading.state), number)
            shown.append(latest)
        return shown

    @property
    def remarks(self) -> list[tuple[str, str]]:
        """For each frame, what to say about its reading, and about its overlay; nothing about a clear state."""
        said = []
        for kind, reading, shown in zip(self.kinds, self.readings, self.shown, strict=True):
            reason = f" ({reading.note})" if reading.note else ""
            if reading.state is None:
                drawn = "the start of the puzzle" if shown == START else "the last state before it"
                said.append((f"No state can be read from this frame{reason}.", f"The overlay shows {drawn}."))
            else:
                said.append(("" if kind == "state" else f"A state is read, but the scene is not intact{reason}.", ""))
        return said

    def drawing(self, frame: int) -> Image | None:
        """Return the puzzle in the state that was decoded from a frame, or at its start; None if there is no state."""
        task = TASKS[self.metadata.task]
        puzzle = task.puzzle_type.model_validate(self.metadata.puzzle)
        if frame == START:
            state = task.solution(puzzle)[0]
        elif 0 <= frame < len(self.readings) and self.readings[frame].state is not None:
            state = self.readings[frame].state
        else:
            return None
        return np.asarray(task.painter(puzzle, self.metadata.canvas)(state))


def as_state(drawing: Image) -> bytes:
    """Return a drawing as PNG."""
    return media.png(drawing)


def as_outline(drawing: Image) -> bytes:
    """Return the edges of a drawing as PNG: a bright line between light ones, so that it shows on any ground."""
    pixels = drawing.astype(np.int16)
    edge = np.zeros(pixels.shape[:2], dtype=bool)
    edge[:, 1:] |= np.abs(np.diff(pixels, axis=1)).max(axis=2) > _EDGE
    edge[1:] |= np.abs(np.diff(pixels, axis=0)).max(axis=2) > _EDGE
    mask = PIL.Image.fromarray(edge.astype(np.uint8) * 255)
    halo, line = (np.asarray(mask.filter(PIL.ImageFilter.MaxFilter(size))) > 0 for size in (7, 3))
    out = np.zeros((*edge.shape, 4), dtype=np.uint8)
    out[halo] = (255, 255, 255, 200)
    out[line] = (225, 0, 160, 255)
    buffer = io.BytesIO()
    PIL.Image.fromarray(out).save(buffer, "PNG")
    return buffer.getvalue()


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
