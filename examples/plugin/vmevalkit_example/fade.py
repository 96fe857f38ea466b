"""Fade: a model that fades to white. It shows what a model with settings needs, not how to reason."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from vmevalkit import ModelCard, ModelWrapper, Record, Request, Service, Video, media, register_model


class FadeConfig(Record):
    """Settings of the model.

    Attributes:
        frames: number of frames.
    """

    frames: Annotated[int, Field(ge=2, le=200)] = 25


class FadeService(Service):
    """Makes the video. Heavy imports belong into `generate`, so that listing the catalog stays quick."""

    config_type = FadeConfig

    def __init__(self, model: str, **args: Any) -> None:
        self._config = FadeConfig(**args)

    def generate(self, request: Request, **options: Any) -> Video:
        """Make one video."""
        config = FadeConfig(**{**self._config.model_dump(), **options})
        placed, geometry = media.place(request.image, media.even(request.image.size))
        first = np.asarray(placed, dtype=np.float32)

        def frames() -> Iterator[media.Frame]:
            for share in np.linspace(0.0, 1.0, config.frames):
                yield (first + (255 - first) * share).astype(np.uint8)

        return Video(frames=frames(), fps=8.0, geometry=geometry, settings=config.model_dump())


class FadeWrapper(ModelWrapper):
    """The boundary around `FadeService`."""

    service_class = FadeService


register_model(
    ModelCard(
        name="fade",
        family="example",
        wrapper=f"{__name__}:FadeWrapper",
        service="FadeService",
        model="fade",
        about="Fades to white.",
        packages=("numpy",),
        seconds_a_video=0.2,
        when="as an example",
    )
)
