"""Stable Video Diffusion through Diffusers (https://huggingface.co/stabilityai/stable-video-diffusion-img2vid-xt).

It reads no prompt: it animates the first frame. So it cannot know what a question asks, and is a natural control.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

from pydantic import Field, model_validator

from vmevalkit.models.base import Capabilities, ModelCard
from vmevalkit.models.diffusers import ENVIRONMENT, PACKAGES, Call, DiffusersConfig, DiffusersService, Limits, Variant
from vmevalkit.models.diffusers.memory import Memory
from vmevalkit.models.diffusers.random_weights import Builders, RandomWeights, Scale, image_processor
from vmevalkit.models.wrapper import ModelWrapper
from vmevalkit.types import Size


class SVDConfig(DiffusersConfig):
    """Settings of Stable Video Diffusion, beside those of every Diffusers model. The frame rate influences the motion.

    Attributes:
        guidance_scale: guidance of the last frame; it grows linearly from the first to the last.
        min_guidance_scale: guidance of the first frame.
        motion_bucket_id: how much moves.
        noise_aug_strength: noise added to the first frame; more lets the video differ more from it.
        decode_chunk_size: number of frames that the VAE decodes at once; fewer need less memory and may flicker.
    """

    variants: ClassVar[dict[str, Variant]] = {}

    num_inference_steps: Annotated[int, Field(ge=1, le=1000)] = 25
    min_guidance_scale: Annotated[float, Field(ge=1, le=30)] = 1.0
    motion_bucket_id: Annotated[int, Field(ge=0, le=255)] = 127
    noise_aug_strength: Annotated[float, Field(ge=0, le=10)] = 0.02
    decode_chunk_size: Annotated[int, Field(ge=1, le=25)] = 8

    @model_validator(mode="after")
    def _guidance_grows(self) -> SVDConfig:
        if self.min_guidance_scale > self.guidance_scale:
            raise ValueError(
                f"min_guidance_scale = {self.min_guidance_scale:g}: must not exceed "
                f"guidance_scale = {self.guidance_scale:g}"
            )
        return self


class SVDService(DiffusersService):
    """Makes videos with Stable Video Diffusion. Arguments: see `SVDConfig`."""

    pipeline = "StableVideoDiffusionPipeline"
    config_type = SVDConfig
    text_encoder = None
    # The weights are published in float16. The pipeline itself encodes the image in float32 where that is needed.
    float16 = ("unet", "vae", "image_encoder")

    def plans(self, config: Any, device: str) -> Sequence[Memory]:
        """Return the plans; without a text encoder and without tiles, two of them would equal others."""
        return tuple(plan for plan in super().plans(config, device) if plan not in ("model", "tiled"))

    def call_arguments(self, call: Call) -> dict[str, Any]:
        """Return the arguments of the stock pipeline's call."""
        config = call.config
        return {
            "height": config.height,
            "width": config.width,
            "num_frames": config.num_frames,
            "num_inference_steps": config.num_inference_steps,
            "min_guidance_scale": config.min_guidance_scale,
            "max_guidance_scale": config.guidance_scale,
            "fps": config.fps,
            "motion_bucket_id": config.motion_bucket_id,
            "noise_aug_strength": config.noise_aug_strength,
            "decode_chunk_size": config.decode_chunk_size,
        }

    def notes(self, config: Any, loaded: Any) -> list[str]:
        """Return that the prompt had no influence."""
        return ["the model reads no prompt"]


class SVDWrapper(ModelWrapper):
    """The boundary around `SVDService`."""

    service_class = SVDService
    packages = PACKAGES


# Networks with random weights. The UNet's published shape is the default of Diffusers; the others are those of
# vae/config.json and image_encoder/config.json there. The pipeline scales the image to 224x224.
_SCHEDULER: dict[str, Any] = {
    "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "prediction_type": "v_prediction",
    "sigma_max": 700.0, "sigma_min": 0.002, "steps_offset": 1, "timestep_spacing": "leading",
    "timestep_type": "continuous", "use_karras_sigmas": True,
}  # fmt: skip
_TINY_UNET: dict[str, Any] = {
    "block_out_channels": (32, 32), "layers_per_block": 1, "cross_attention_dim": 8, "num_attention_heads": 2,
    "projection_class_embeddings_input_dim": 24, "addition_time_embed_dim": 8,
    "down_block_types": ("CrossAttnDownBlockSpatioTemporal", "DownBlockSpatioTemporal"),
    "up_block_types": ("UpBlockSpatioTemporal", "CrossAttnUpBlockSpatioTemporal"),
}  # fmt: skip
# As many levels as published, so that it compresses space eight times.
_TINY_VAE: dict[str, Any] = {
    "block_out_channels": [32] * 4, "down_block_types": ["DownEncoderBlock2D"] * 4, "layers_per_block": 1,
}  # fmt: skip
_FULL_VAE: dict[str, Any] = {
    "block_out_channels": [128, 256, 512, 512], "down_block_types": ["DownEncoderBlock2D"] * 4, "layers_per_block": 2,
}  # fmt: skip
_TINY_CLIP: dict[str, Any] = {
    "hidden_size": 8, "projection_dim": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "image_size": 224,
    "intermediate_size": 8, "patch_size": 56,
}  # fmt: skip
_FULL_CLIP: dict[str, Any] = {
    "hidden_size": 1280, "projection_dim": 1024, "num_hidden_layers": 32, "num_attention_heads": 16, "image_size": 224,
    "intermediate_size": 5120, "patch_size": 14,
}  # fmt: skip


def _components(scale: Scale, vocabulary: int) -> Builders:
    """Return how to build the components of a Stable Video Diffusion."""
    import diffusers
    import transformers

    unet, vae, clip = ({}, _FULL_VAE, _FULL_CLIP) if scale == "full" else (_TINY_UNET, _TINY_VAE, _TINY_CLIP)
    return {
        "scheduler": lambda: diffusers.EulerDiscreteScheduler(**_SCHEDULER),
        "unet": lambda: diffusers.UNetSpatioTemporalConditionModel(**unet),
        "vae": lambda: diffusers.AutoencoderKLTemporalDecoder(**vae),
        "image_encoder": lambda: transformers.CLIPVisionModelWithProjection(transformers.CLIPVisionConfig(**clip)),
        "feature_extractor": lambda: image_processor(crop_size=224, size=224),
    }


def _variant(size: Size, frames: int, sides: Size, *, random: RandomWeights | None = None, **values: Any) -> Variant:
    defaults = values.pop("defaults", {})
    return Variant(
        card=ModelCard(
            wrapper=f"{__name__}:SVDWrapper",
            service="SVDService",
            args={"resolution": size, "num_frames": frames, "fps": 7, "guidance_scale": 3.0},
            size=size,
            frames=frames,
            fps=7,
            packages=PACKAGES,
            environment=ENVIRONMENT,
            capabilities=Capabilities(reads_prompt=False),
            **values,
        ),
        # The number of frames is the one that the model was trained with.
        limits=Limits(widths=sides, heights=sides, multiple=8, pixels=size[0] * size[1], frames=(frames,)),
        defaults=defaults,
        needs={"diffusers": (0, 24)},
        random=random,
    )


# Memory: estimates from the number of parameters, in float16.
_REAL: dict[str, Any] = {
    "family": "Stable Video Diffusion", "license": "Stability AI Community License", "download_gb": 13.7,
    "memory_gib": {"resident": 18.0, "group": 10.0, "sequential": 8.0},
}  # fmt: skip
SVDConfig.register(
    _variant(
        (1024, 576), 14, (256, 1024), name="svd", model="stabilityai/stable-video-diffusion-img2vid",
        about="Stable Video Diffusion image-to-video, 1.5B; it reads no prompt.",
        when="a control that cannot read the question; short videos", **_REAL,
    ),
    _variant(
        (1024, 576), 25, (256, 1024), name="svd-xt", model="stabilityai/stable-video-diffusion-img2vid-xt",
        about="Stable Video Diffusion XT image-to-video, 1.5B; it reads no prompt.",
        when="a control: what a model scores that cannot read the question", **_REAL,
    ),
    _variant(
        (64, 48), 5, (32, 64), name="svd-tiny-random", model="svd-tiny-random", family="Stable Video Diffusion small",
        random=RandomWeights(
            like="svd", pipeline="StableVideoDiffusionPipeline", components=_components, real="svd-xt"
        ),
        about="The architecture of Stable Video Diffusion, very small, with random weights: its videos show nothing.",
        license="Apache-2.0", memory_gib={"resident": 1.0}, defaults={"num_inference_steps": 2},
        when="to try the real pipeline without a GPU or a download",
    ),
)  # fmt: skip
