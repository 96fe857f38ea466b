"""Frames from the output of a pipeline."""

from __future__ import annotations

from typing import Any

import numpy as np

from vmevalkit.errors import GenerationError
from vmevalkit.media import Frame


def to_frames(video: Any) -> list[Frame]:
    """Convert a pipeline's output, float (frames, height, width, 3) in [0, 1], to uint8 frames.

    Raises:
        GenerationError: it contains NaN or infinity.
    """
    frames: list[Frame] = []
    for index, frame in enumerate(np.asarray(video)):
        if not np.isfinite(frame).all():
            raise not_finite(index)
        frames.append((np.clip(frame, 0, 1) * 255).round().astype(np.uint8))
    return frames


def not_finite(index: int) -> GenerationError:
    """Return the error for a frame that contains NaN or infinity."""
    return GenerationError(
        f"the model's output contains NaN or infinity (frame {index})",
        "its weights are damaged, or the data type is too small for it",
    )
