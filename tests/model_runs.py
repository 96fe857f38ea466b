"""What tests of models give to a model, and read from its answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from vmevalkit.types import GenerationResult, Provenance


def write_first_frame(folder: Path) -> Path:
    """Write a white image of 720x480 with a red box."""
    path = folder / "first_frame.png"
    pixels = np.full((480, 720, 3), 255, np.uint8)
    pixels[100:200, 100:300] = (200, 30, 30)
    Image.fromarray(pixels).save(path)
    return path


def provenance_of(answer: dict[str, Any]) -> Provenance:
    """Return the provenance in the answer of a wrapper, which must be a success."""
    assert answer["success"], answer["error"]
    provenance = GenerationResult.model_validate(answer).provenance
    assert provenance is not None
    return provenance
