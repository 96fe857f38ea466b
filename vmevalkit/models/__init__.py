"""Models: one file a family. The public classes load lazily, so that listing the catalog imports nothing heavy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vmevalkit.models.base import MODELS, ModelCard, register_model
from vmevalkit.models.wrapper import ModelWrapper

if TYPE_CHECKING:
    from vmevalkit.models.cogvideox_inference import CogVideoXService, CogVideoXWrapper

__all__ = ["MODELS", "CogVideoXService", "CogVideoXWrapper", "ModelCard", "ModelWrapper", "register_model"]


def __getattr__(name: str) -> Any:
    if name in ("CogVideoXService", "CogVideoXWrapper"):
        from vmevalkit.models import cogvideox_inference

        return getattr(cogvideox_inference, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
