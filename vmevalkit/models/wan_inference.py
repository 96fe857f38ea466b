"""Wan image-to-video through Diffusers: Wan2.1-I2V-14B, Wan2.2-I2V-A14B and Wan2.2-TI2V-5B, and tuned ones.

Sizes, steps and guidance are those of the model cards (https://huggingface.co/Wan-AI). The shift of the noise schedule
is part of each checkpoint. The models of VBVR (https://huggingface.co/Video-Reason) were trained on reasoning tasks,
without changes to the architecture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, ClassVar

from pydantic import Field, model_validator

from vmevalkit.models.base import Capabilities, ModelCard
from vmevalkit.models.diffusers import ENVIRONMENT, PACKAGES, Call, DiffusersConfig, DiffusersService, Limits, Variant
from vmevalkit.models.diffusers.attention import Attention, pick_attention
from vmevalkit.models.diffusers.checkpoint import Checkpoint, component_config
from vmevalkit.models.diffusers.memory import TILED, Memory
from vmevalkit.models.diffusers.random_weights import TINY_T5, Builders, RandomWeights, Scale, image_processor
from vmevalkit.models.diffusers.service import Loaded as PlainLoaded
from vmevalkit.models.diffusers.speed import Speed, pick_speed, plans_at
from vmevalkit.models.wrapper import ModelWrapper
from vmevalkit.types import Size


class WanVariant(Variant):
    """A catalog entry of Wan. With `two_experts`, a second transformer takes over when little noise is left."""

    two_experts: bool = False


class WanConfig(DiffusersConfig):
    """Settings of Wan, beside those of every Diffusers model.

    Attributes:
        guidance_scale_2: guidance of the second expert of Wan2.2-A14B; by default that of the first.
        speed: `reference` runs the modules of Diffusers, `exact` the same mathematics in fewer passes over memory,
            `fast` also linear layers in float8, which shows in the video; `auto` is `exact` on a GPU that can run it.
        attention: the attention kernel; `auto` measures those that are available and uses the fastest.
    """

    variants: ClassVar[dict[str, Variant]] = {}
    of_the_model: ClassVar[tuple[str, ...]] = (*DiffusersConfig.of_the_model, "speed", "attention")

    speed: Speed = "auto"
    attention: Attention = "auto"
    guidance_scale_2: Annotated[float, Field(ge=1, le=30)] | None = None

    @model_validator(mode="after")
    def _second_guidance_needs_a_second_expert(self) -> WanConfig:
        if self.guidance_scale_2 is not None and not getattr(self.variant, "two_experts", False):
            raise ValueError(f"guidance_scale_2 = {self.guidance_scale_2:g}: {self.card.name} has one transformer")
        return self

    @property
    def tokens(self) -> int:
        """Number of tokens of the transformer: patches of 2x2 latents."""
        # Of both VAEs: four frames to a latent; a patch is as wide as the least divisor of a size.
        side = self.variant.limits.multiple
        return ((self.num_frames - 1) // 4 + 1) * (self.height // side) * (self.width // side)


@dataclass(frozen=True)
class Loaded(PlainLoaded):
    """A pipeline in memory, without its text encoder, and how it was loaded."""

    speed: Speed
    attention: str


class WanService(DiffusersService):
    """Makes videos with Wan. Arguments: see `WanConfig`."""

    pipeline = "WanImageToVideoPipeline"
    config_type = WanConfig
    # https://huggingface.co/docs/diffusers/api/pipelines/wan: both lose quality in bfloat16.
    float32 = ("vae", "image_encoder")

    def call_arguments(self, call: Call) -> dict[str, Any]:
        """Return the arguments of the stock pipeline's call."""
        (prompt,), (negative,) = call.embeddings
        second = call.config.guidance_scale_2
        return {
            "prompt_embeds": prompt,
            "negative_prompt_embeds": negative,
            "height": call.config.height,
            "width": call.config.width,
            "num_frames": call.config.num_frames,
            "num_inference_steps": call.config.num_inference_steps,
            "guidance_scale": call.config.guidance_scale,
            **({"guidance_scale_2": second} if second is not None else {}),
        }

    def plans(self, config: WanConfig, device: str) -> Sequence[Memory]:
        """Return the memory plans that the speed allows."""
        return plans_at(pick_speed(config.speed, config.memory, device), device)

    def load(self, checkpoint: Checkpoint, config: WanConfig, device: str, plan: Memory) -> Loaded:
        """Load the pipeline without its text encoder, with fused transformers unless the speed is `reference`."""
        speed = pick_speed(config.speed, config.memory, device)
        if speed == "reference":
            plain = super().load(checkpoint, config, device, plan)
            return Loaded(plain.pipe, plain.plan, plain.weights, speed, "sdpa")
        from vmevalkit.models.diffusers.wan.blocks import fuse

        shape = component_config(checkpoint, "transformer")
        heads, width = shape["num_attention_heads"], shape["attention_head_dim"]
        attention = pick_attention(config.attention, config.tokens, heads, width, device)
        pipe = self.load_pipeline(checkpoint, device, without=["text_encoder"])
        fuse(pipe, plan, device, attention, speed == "fast")
        if plan in TILED:
            pipe.vae.enable_tiling()
        return Loaded(pipe, plan, checkpoint.describe(), speed, attention)

    def settings(self, config: WanConfig, loaded: Loaded) -> dict[str, Any]:
        """Return speed and attention kernel."""
        return {"speed": loaded.speed, "attention": loaded.attention}

    def notes(self, config: WanConfig, loaded: Loaded) -> list[str]:
        """Return what less precision changes."""
        if loaded.speed == "fast":
            return ["speed 'fast': linear layers in float8; the video differs from an exact one"]
        return []


class WanWrapper(ModelWrapper):
    """The boundary around `WanService`."""

    service_class = WanService
    packages = (*PACKAGES, "ftfy")


# Networks with random weights. The tiny ones have every kind of layer, and their VAEs compress space and time as the
# published ones do. The full ones have the published shapes (transformer/config.json and vae/config.json there).
_TRANSFORMER = {"cross_attn_norm": True, "qk_norm": "rms_norm_across_heads"}
_FULL_TRANSFORMER: dict[str, dict[str, Any]] = {
    "wan2.1": {"in_channels": 36, "image_dim": 1280, "added_kv_proj_dim": 5120},
    "wan2.2-a14b": {"in_channels": 36},
    "wan2.2-ti2v": {
        "in_channels": 48, "out_channels": 48, "num_attention_heads": 24, "ffn_dim": 14336, "num_layers": 30,
    },
}  # fmt: skip
_TINY_TRANSFORMER: dict[str, Any] = {
    "num_attention_heads": 2, "attention_head_dim": 12, "text_dim": 32, "ffn_dim": 32, "num_layers": 2,
    "rope_max_seq_len": 32,
}  # fmt: skip
_TINY_CHANNELS: dict[str, dict[str, Any]] = {
    "wan2.1": {"in_channels": 36, "image_dim": 4, "added_kv_proj_dim": 24},
    "wan2.2-a14b": {"in_channels": 36},
    "wan2.2-ti2v": {"in_channels": 48, "out_channels": 48},
}
_TINY_VAE: dict[str, Any] = {"base_dim": 3, "dim_mult": [1, 1, 1, 1], "num_res_blocks": 1}
# The VAE of Wan2.2-TI2V compresses 16 times in space.
_VAE_22: dict[str, Any] = {
    "z_dim": 48, "in_channels": 12, "out_channels": 12, "is_residual": True, "patch_size": 2,
    "latents_mean": [0.0] * 48, "latents_std": [1.0] * 48, "scale_factor_spatial": 16, "scale_factor_temporal": 4,
}  # fmt: skip
_FULL_VAE_22: dict[str, Any] = {"base_dim": 160, "decoder_base_dim": 256}
_FULL_T5 = {"d_model": 4096, "d_kv": 64, "d_ff": 10240, "num_layers": 24, "num_heads": 64, "vocab_size": 256384}
_TINY_CLIP: dict[str, Any] = {
    "hidden_size": 4, "projection_dim": 4, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 32,
    "intermediate_size": 16, "patch_size": 8,
}  # fmt: skip
_FULL_CLIP: dict[str, Any] = {
    "hidden_size": 1280, "projection_dim": 1024, "num_hidden_layers": 32, "num_attention_heads": 16, "image_size": 224,
    "intermediate_size": 5120, "patch_size": 14,
}  # fmt: skip


def _components(like: str, scale: Scale, vocabulary: int) -> Builders:
    """Return how to build the components of a Wan."""
    import diffusers
    import transformers

    tiny = scale != "full"
    is_ti2v, has_encoder = like == "wan2.2-ti2v", like == "wan2.1"
    transformer = {**_TRANSFORMER, **(_TINY_TRANSFORMER | _TINY_CHANNELS[like] if tiny else _FULL_TRANSFORMER[like])}
    vae = {**(_TINY_VAE if tiny else {}), **(_VAE_22 | ({} if tiny else _FULL_VAE_22) if is_ti2v else {})}
    t5 = {**TINY_T5, "vocab_size": vocabulary} if tiny else _FULL_T5
    clip = _TINY_CLIP if tiny else _FULL_CLIP
    scheduler: dict[str, Any] = {"prediction_type": "flow_prediction", "use_flow_sigmas": True}
    found: Builders = {
        "scheduler": lambda: diffusers.UniPCMultistepScheduler(**scheduler, flow_shift=5.0 if is_ti2v else 3.0),
        "vae": lambda: diffusers.AutoencoderKLWan(**vae),
        "transformer": lambda: diffusers.WanTransformer3DModel(**transformer),
        "text_encoder": lambda: transformers.UMT5EncoderModel(transformers.UMT5Config(**t5)),
    }
    if like == "wan2.2-a14b":
        found["transformer_2"] = found["transformer"]
    if has_encoder:
        found["image_encoder"] = lambda: transformers.CLIPVisionModel(transformers.CLIPVisionConfig(**clip))
        found["image_processor"] = lambda: image_processor(crop_size=clip["image_size"], size=clip["image_size"])
    return found


def _variant(
    size: Size, frames: int, fps: int, guidance: float, *, tiny: bool = False, multiple: int = 16,
    two_experts: bool = False, steps: int = 50, random: RandomWeights | None = None, **card: Any,
) -> WanVariant:  # fmt: skip
    sides = (2 * multiple, max(size)) if not tiny else (multiple, max(size))
    return WanVariant(
        card=ModelCard(
            family="Wan small" if tiny else "Wan",
            wrapper=f"{__name__}:WanWrapper",
            service="WanService",
            args={"resolution": size, "num_frames": frames, "fps": fps, "guidance_scale": guidance},
            size=size,
            frames=frames,
            fps=fps,
            packages=WanWrapper.packages,
            environment=ENVIRONMENT,
            license="Apache-2.0",
            capabilities=Capabilities(chooses_length=True),
            **card,
        ),
        # The VAE makes one frame, and four more for each latent after the first.
        limits=Limits(
            widths=sides, heights=sides, multiple=multiple, pixels=size[0] * size[1],
            frames=tuple(range(5, frames + 1, 4)), prompt_tokens=512,
        ),
        defaults={"num_inference_steps": steps},
        # Two experts and `expand_timesteps` came with 0.35.
        # Without ftfy, the pipeline ends with a NameError.
        needs={"diffusers": (0, 35) if two_experts or multiple == 32 else (0, 33), "ftfy": (6, 0)},
        two_experts=two_experts,
        random=random,
    )  # fmt: skip


def _tiny(
    name: str, like: str, size: Size, real: str | None = None, values: dict[str, Any] | None = None, **more: Any
) -> WanVariant:
    # The published index of Wan2.2-TI2V names WanPipeline, although the model takes an image.
    pipeline = "WanPipeline" if like == "wan2.2-ti2v" else "WanImageToVideoPipeline"
    random = RandomWeights(
        like=like, pipeline=pipeline, components=partial(_components, like), values=values or {}, tokens=512, real=real
    )
    return _variant(
        size, 9, 16, 5.0, tiny=True, steps=2, name=name, model=name, random=random,
        about=f"The architecture of {like}, very small, with random weights: its videos show nothing.",
        when="to try the real pipeline without a GPU or a download", memory_gib={"resident": 1.0}, **more,
    )  # fmt: skip


# Memory: estimates from the number of parameters, with text encoder and transformer in bfloat16.
_MEMORY_14B = {"resident": 60.0, "model": 48.0, "group": 16.0, "tiled": 12.0, "sequential": 10.0}
_LIKE_A14B: dict[str, Any] = {"download_gb": 126.2, "memory_gib": {**_MEMORY_14B, "resident": 88.0, "model": 76.0}}
_LIKE_5B: dict[str, Any] = {
    "download_gb": 34.2,
    "memory_gib": {"resident": 44.2, "model": 33.6, "group": 25.0, "tiled": 10.9, "sequential": 10.9},
}
WanConfig.register(
    _variant(
        (832, 480), 81, 16, 5.0, name="wan2.1-i2v-14b-480p", model="Wan-AI/Wan2.1-I2V-14B-480P-Diffusers",
        about="Wan2.1 image-to-video, 14B, for 480p.", revision="b184e23a8a16b20f108f727c902e769e873ffc73",
        download_gb=90.1, memory_gib=_MEMORY_14B, when="the usual choice of Wan2.1",
    ),
    _variant(
        (1280, 720), 81, 16, 5.0, name="wan2.1-i2v-14b-720p", model="Wan-AI/Wan2.1-I2V-14B-720P-Diffusers",
        about="Wan2.1 image-to-video, 14B, for 720p.", download_gb=90.1, memory_gib=_MEMORY_14B,
        when="fine detail; several times as slow as 480p",
    ),
    _variant(
        (832, 480), 81, 16, 3.5, name="wan2.2-i2v-a14b", model="Wan-AI/Wan2.2-I2V-A14B-Diffusers", two_experts=True,
        about="Wan2.2 image-to-video, two experts of 14B.", revision="596658fd9ca6b7b71d5057529bbf319ecbc61d74",
        when="the best published reasoning scores of the open models that were not trained on such tasks",
        **_LIKE_A14B,
    ),
    _variant(
        (1280, 704), 121, 24, 5.0, name="wan2.2-ti2v-5b", model="Wan-AI/Wan2.2-TI2V-5B-Diffusers", multiple=32,
        about="Wan2.2 text- and image-to-video, 5B.", revision="b8fff7315c768468a5333511427288870b2e9635",
        when="720p on one GPU of 24 GB", **_LIKE_5B,
    ),
    _variant(
        (832, 480), 81, 16, 3.5, name="vbvr-wan2.2", model="Video-Reason/VBVR-Wan2.2", two_experts=True,
        about="Wan2.2-I2V-A14B trained on the reasoning tasks of VBVR.", when="to compare with wan2.2-i2v-a14b",
        **_LIKE_A14B,
    ),
    _variant(
        (832, 480), 81, 16, 3.5, name="vbvr-pro-wan2.2-i2v-a14b", model="Video-Reason/VBVR-Pro-Wan2.2-I2V-A14B",
        about="Wan2.2-I2V-A14B trained on the reasoning tasks of VBVR-Pro.", two_experts=True,
        when="the best published reasoning scores of the open models", **_LIKE_A14B,
    ),
    _variant(
        (1280, 704), 121, 24, 5.0, name="vbvr-pro-wan2.2-ti2v-5b", model="Video-Reason/VBVR-Pro-Wan2.2-TI2V-5B",
        about="Wan2.2-TI2V-5B trained on the reasoning tasks of VBVR-Pro.", multiple=32,
        when="to compare with wan2.2-ti2v-5b", **_LIKE_5B,
    ),
    _tiny("wan2.1-tiny-random", "wan2.1", (64, 48), "wan2.1-i2v-14b-480p"),
    _tiny("wan2.2-a14b-tiny-random", "wan2.2-a14b", (64, 48), values={"boundary_ratio": 0.9}, two_experts=True),
    _tiny(
        "wan2.2-ti2v-tiny-random", "wan2.2-ti2v", (96, 64), "wan2.2-ti2v-5b",
        values={"expand_timesteps": True}, multiple=32,
    ),
)  # fmt: skip
