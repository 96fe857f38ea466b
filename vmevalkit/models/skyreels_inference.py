"""SkyReels-V2 image-to-video through Diffusers (https://huggingface.co/Skywork), an architecture close to Wan2.1."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Field

from vmevalkit.media import Frame
from vmevalkit.models.base import Capabilities, ModelCard
from vmevalkit.models.diffusers import ENVIRONMENT, PACKAGES, Call, DiffusersConfig, DiffusersService, Limits, Variant
from vmevalkit.models.diffusers.devices import Stopwatch
from vmevalkit.models.diffusers.random_weights import TINY_T5, Builders, RandomWeights, Scale, image_processor
from vmevalkit.models.wrapper import ModelWrapper
from vmevalkit.types import Size


class SkyReelsConfig(DiffusersConfig):
    """Settings of SkyReels-V2, beside those of every Diffusers model.

    Attributes:
        flow_shift: shift of the noise schedule. The published schedulers have 1; the documentation of Diffusers sets 5
            for image-to-video.
    """

    variants: ClassVar[dict[str, Variant]] = {}

    flow_shift: Annotated[float, Field(gt=0, le=30)] = 5.0


class SkyReelsService(DiffusersService):
    """Makes videos with SkyReels-V2. Arguments: see `SkyReelsConfig`."""

    pipeline = "SkyReelsV2ImageToVideoPipeline"
    config_type = SkyReelsConfig
    # The VAE: as in the documentation of Diffusers. Both: as for Wan2.1, which has the same ones.
    float32 = ("vae", "image_encoder")

    def call_arguments(self, call: Call) -> dict[str, Any]:
        """Return the arguments of the stock pipeline's call."""
        (prompt,), (negative,) = call.embeddings
        return {
            "prompt_embeds": prompt,
            "negative_prompt_embeds": negative,
            "height": call.config.height,
            "width": call.config.width,
            "num_frames": call.config.num_frames,
            "num_inference_steps": call.config.num_inference_steps,
            "guidance_scale": call.config.guidance_scale,
        }

    def run(self, loaded: Any, call: Call, watch: Stopwatch) -> list[Frame]:
        """Set the shift of the noise schedule, which is no argument of the call, and call the pipeline."""
        scheduler = loaded.pipe.scheduler
        loaded.pipe.scheduler = type(scheduler).from_config(scheduler.config, flow_shift=call.config.flow_shift)
        return super().run(loaded, call, watch)


class SkyReelsWrapper(ModelWrapper):
    """The boundary around `SkyReelsService`."""

    service_class = SkyReelsService
    packages = (*PACKAGES, "ftfy")


# Networks with random weights. The full ones have the shapes of the published 1.3B (transformer/config.json there).
_TINY_TRANSFORMER: dict[str, Any] = {
    "in_channels": 36, "num_attention_heads": 2, "attention_head_dim": 12, "text_dim": 32, "ffn_dim": 32,
    "num_layers": 2, "rope_max_seq_len": 32, "image_dim": 4, "added_kv_proj_dim": 24,
}  # fmt: skip
_FULL_TRANSFORMER: dict[str, Any] = {
    "in_channels": 36, "num_attention_heads": 12, "ffn_dim": 8960, "num_layers": 30, "image_dim": 1280,
    "added_kv_proj_dim": 1536,
}  # fmt: skip
_TINY_VAE: dict[str, Any] = {"base_dim": 3, "dim_mult": [1, 1, 1, 1], "num_res_blocks": 1}
_FULL_T5 = {"d_model": 4096, "d_kv": 64, "d_ff": 10240, "num_layers": 24, "num_heads": 64, "vocab_size": 256384}
_TINY_CLIP: dict[str, Any] = {
    "hidden_size": 4, "projection_dim": 4, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 32,
    "intermediate_size": 16, "patch_size": 8,
}  # fmt: skip
_FULL_CLIP: dict[str, Any] = {
    "hidden_size": 1280, "projection_dim": 1024, "num_hidden_layers": 32, "num_attention_heads": 16, "image_size": 224,
    "intermediate_size": 5120, "patch_size": 14,
}  # fmt: skip


def _components(scale: Scale, vocabulary: int) -> Builders:
    """Return how to build the components of a SkyReels-V2."""
    import diffusers
    import transformers

    tiny = scale != "full"
    t5 = {**TINY_T5, "vocab_size": vocabulary} if tiny else _FULL_T5
    clip = _TINY_CLIP if tiny else _FULL_CLIP
    network = _TINY_TRANSFORMER if tiny else _FULL_TRANSFORMER
    schedule: dict[str, Any] = {"prediction_type": "flow_prediction", "use_flow_sigmas": True, "flow_shift": 1.0}
    return {
        "scheduler": lambda: diffusers.UniPCMultistepScheduler(**schedule),
        "vae": lambda: diffusers.AutoencoderKLWan(**(_TINY_VAE if tiny else {})),
        "transformer": lambda: diffusers.SkyReelsV2Transformer3DModel(**network),
        "text_encoder": lambda: transformers.UMT5EncoderModel(transformers.UMT5Config(**t5)),
        "image_encoder": lambda: transformers.CLIPVisionModelWithProjection(transformers.CLIPVisionConfig(**clip)),
        "image_processor": lambda: image_processor(crop_size=clip["image_size"], size=clip["image_size"]),
    }


def _variant(size: Size, frames: int, *, steps: int = 50, random: RandomWeights | None = None, **card: Any) -> Variant:
    sides = (16 if random else 32, max(size))
    return Variant(
        card=ModelCard(
            wrapper=f"{__name__}:SkyReelsWrapper",
            service="SkyReelsService",
            args={"resolution": size, "num_frames": frames, "fps": 24, "guidance_scale": 5.0},
            size=size,
            frames=frames,
            fps=24,
            packages=SkyReelsWrapper.packages,
            environment=ENVIRONMENT,
            capabilities=Capabilities(chooses_length=True),
            **card,
        ),
        # The VAE makes one frame, and four more for each latent after the first. The transformer splits image and text
        # after 512 tokens of text, whatever was asked for.
        limits=Limits(
            widths=sides, heights=sides, pixels=size[0] * size[1], frames=tuple(range(5, frames + 1, 4)),
            prompt_tokens=512,
        ),
        defaults={"num_inference_steps": steps},
        needs={"diffusers": (0, 35), "ftfy": (6, 0)},
        random=random,
    )  # fmt: skip


# Memory and downloads: estimates from the number of parameters; text encoder and transformer are in bfloat16 on the GPU
# and in float32 on the hub.
_REAL: dict[str, Any] = {"family": "SkyReels-V2", "license": "Skywork Community License"}
_14B: dict[str, Any] = {
    **_REAL,
    "download_gb": 91.3,
    "memory_gib": {"resident": 62.0, "model": 50.0, "group": 18.0, "tiled": 13.0, "sequential": 11.0},
}
SkyReelsConfig.register(
    _variant(
        (960, 544), 97, name="skyreels-v2-i2v-1.3b-540p", model="Skywork/SkyReels-V2-I2V-1.3B-540P-Diffusers",
        about="SkyReels-V2 image-to-video, 1.3B, for 540p.", revision="fd853c3d47f7746c8ca1f5226c323e55e53c7bf2",
        download_gb=32.0, memory_gib={"resident": 26.0, "model": 15.0, "group": 13.0, "tiled": 8.0, "sequential": 8.0},
        when="a small model of Wan's kind, on one GPU of 16 GB", **_REAL,
    ),
    _variant(
        (960, 544), 97, name="skyreels-v2-i2v-14b-540p", model="Skywork/SkyReels-V2-I2V-14B-540P-Diffusers",
        about="SkyReels-V2 image-to-video, 14B, for 540p.", when="the usual choice of SkyReels-V2", **_14B,
    ),
    _variant(
        (1280, 720), 121, name="skyreels-v2-i2v-14b-720p", model="Skywork/SkyReels-V2-I2V-14B-720P-Diffusers",
        about="SkyReels-V2 image-to-video, 14B, for 720p.", revision="375e297a4952bacfdb01af224f495514738381c5",
        when="fine detail; several times as slow as 540p", **_14B,
    ),
    _variant(
        (64, 48), 9, name="skyreels-v2-tiny-random", model="skyreels-v2-tiny-random", family="SkyReels-V2 small",
        license="Apache-2.0", memory_gib={"resident": 1.0}, steps=2,
        random=RandomWeights(
            like="skyreels-v2", pipeline=SkyReelsService.pipeline, components=_components, tokens=512,
            real="skyreels-v2-i2v-1.3b-540p",
        ),
        about="The architecture of SkyReels-V2, very small, with random weights: its videos show nothing.",
        when="to try the real pipeline without a GPU or a download",
    ),
)  # fmt: skip
