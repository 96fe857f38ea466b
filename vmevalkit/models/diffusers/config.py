"""Settings that every Diffusers model has, and how they are checked against the limits of the model."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import Field, ValidationInfo, field_validator, model_validator
from typing_extensions import Self

from vmevalkit.errors import ConfigError
from vmevalkit.models.base import MODELS, ModelCard, register_model, service_of
from vmevalkit.models.diffusers.limits import Variant
from vmevalkit.models.diffusers.memory import Memory
from vmevalkit.models.diffusers.random_weights import RandomWeights
from vmevalkit.types import Fit, Record, Size


class DiffusersConfig(Record):
    """What a video is made with. A setting that is not given comes from the model's catalog entry.

    Attributes:
        model_id: repository on the hub, or the id of a local checkpoint.
        resolution: width and height of the video, in pixels; also accepted as "720x480".
        num_frames: number of frames; what is possible depends on the model.
        fps: frames a second.
        num_inference_steps: number of denoising steps.
        guidance_scale: scale of classifier-free guidance; 1 turns it off.
        fit: how the question's canvas is placed in the frame.
        memory: plan for GPU memory; `auto` chooses the fastest that fits.
        weights: folder with the checkpoint, or with a folder that is named like the model.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
    """

    variants: ClassVar[dict[str, Variant]] = {}
    # Settings of the loaded model, which cannot change from video to video.
    of_the_model: ClassVar[tuple[str, ...]] = ("model_id", "memory", "weights", "device")

    model_id: str
    resolution: Size
    num_frames: int
    fps: Annotated[float, Field(ge=1, le=60)]
    num_inference_steps: Annotated[int, Field(ge=1, le=1000)] = 50
    guidance_scale: Annotated[float, Field(ge=1, le=30)]
    fit: Fit = "letterbox"
    memory: Memory = "auto"
    weights: Path | None = None
    device: Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:\d+)?)$")] = "auto"

    @classmethod
    def register(cls, *variants: Variant) -> None:
        """Add catalog entries to the family."""
        for variant in variants:
            cls.variants[variant.card.model] = variant
            register_model(variant.card)

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, data: Any) -> Any:
        """Fill in the settings of the catalog entry, and accept the names that earlier versions used."""
        if not isinstance(data, dict):
            return data
        data = dict(data)
        if "model" in data:
            data["model_id"] = data.pop("model")
        default = cls.model_fields["model_id"].default
        variant = cls.variants.get(data.get("model_id", default))
        if variant is not None:
            data = {**variant.card.args, **variant.defaults, **data}
        resolution = data.get("resolution")
        if isinstance(resolution, str):
            if not re.fullmatch(r"\d+[xX]\d+", resolution):
                raise ValueError(f"resolution = {resolution!r}: write it as 720x480")
            resolution = data["resolution"] = tuple(map(int, resolution.lower().split("x")))
        if isinstance(resolution, (tuple, list)) and len(resolution) == 2:
            data["resolution"] = (data.pop("width", resolution[0]), data.pop("height", resolution[1]))
        return data

    @field_validator("model_id")
    @classmethod
    def _model_is_known(cls, model_id: str) -> str:
        if model_id not in cls.variants:
            raise ValueError(f"must be one of {', '.join(cls.variants)}")
        return model_id

    @field_validator("resolution")
    @classmethod
    def _size_is_possible(cls, size: Size, info: ValidationInfo) -> Size:
        # A model id that is not valid has its own message.
        variant = cls.variants.get(info.data.get("model_id", ""))
        if variant and not variant.limits.allows_size(size):
            raise ValueError(f"not possible; {variant.card.name} makes {variant.limits.sizes_text}")
        return size

    @field_validator("num_frames")
    @classmethod
    def _frames_are_possible(cls, frames: int, info: ValidationInfo) -> int:
        variant = cls.variants.get(info.data.get("model_id", ""))
        if variant and frames not in variant.limits.frames:
            raise ValueError(f"not possible; {variant.card.name} makes {variant.limits.frames_text}")
        return frames

    @model_validator(mode="after")
    def _fixed_settings_are_kept(self) -> Self:
        for name, value in self.variant.fixed.items():
            if getattr(self, name) != value:
                raise ValueError(
                    f"{name} = {getattr(self, name):g}: fixed at {value:g} for {self.card.name}, so that its results "
                    "can be compared; a model card of your own may use another value"
                )
        return self

    @property
    def variant(self) -> Variant:
        """The catalog entry."""
        return self.variants[self.model_id]

    @property
    def card(self) -> ModelCard:
        """The card of the catalog entry."""
        return self.variant.card

    @property
    def width(self) -> int:
        """Width of the video, in pixels."""
        return self.resolution[0]

    @property
    def height(self) -> int:
        """Height of the video, in pixels."""
        return self.resolution[1]

    @property
    def seconds(self) -> float:
        """Length of the video."""
        return self.num_frames / self.fps

    def override(self, duration: float | None, options: dict[str, Any]) -> Self:
        """Return this configuration with the options of one video.

        Args:
            duration: seconds; chooses the nearest frame count, unless `num_frames` is among the options.
            options: settings that may change from video to video.

        Raises:
            ConfigError: an option belongs to the loaded model.
            ValidationError: an option does not exist, or the model does not allow its value.
        """
        for name in self.of_the_model:
            if name in options:
                raise ConfigError(f"{name} = {str(options[name])!r}: set it when the model is made, not per video")
        config = type(self).model_validate({**self.model_dump(), **options})
        if duration is None or "num_frames" in options:
            return config
        return config.model_copy(update={"num_frames": self.variant.limits.nearest_frames(duration, config.fps)})


def random_models() -> dict[str, tuple[str, RandomWeights]]:
    """Return the models with random weights: catalog name and how to make the weights, by architecture."""
    found: dict[str, tuple[str, RandomWeights]] = {}
    for name in MODELS:
        config = service_of(MODELS[name]).config_type
        if config is not None and issubclass(config, DiffusersConfig):
            weights = config.variants[MODELS[name].model].random
            if weights is not None:
                found[weights.like] = name, weights
    return found
