"""LTX-Video image-to-video through Diffusers (https://huggingface.co/Lightricks/LTX-Video).

The 2B model has one pipeline; the 13B models of release 0.9.7 and later have another, which takes images as conditions.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, ClassVar

from pydantic import Field

from vmevalkit.models.base import Capabilities, ModelCard
from vmevalkit.models.diffusers import ENVIRONMENT, PACKAGES, Call, Limits, Variant
from vmevalkit.models.diffusers.compiled import CompiledConfig, CompiledService
from vmevalkit.models.diffusers.random_weights import TINY_T5, Builders, RandomWeights, Scale
from vmevalkit.models.wrapper import ModelWrapper
from vmevalkit.types import Size


class LTXConfig(CompiledConfig):
    """Settings of LTX-Video, beside those of every Diffusers model.

    Attributes:
        decode_timestep, decode_noise_scale: noise with which the VAE of release 0.9.1 and later decodes; others ignore
            it. The defaults are those of the documentation of Diffusers.
    """

    variants: ClassVar[dict[str, Variant]] = {}

    decode_timestep: Annotated[float, Field(ge=0, le=1)] = 0.05
    decode_noise_scale: Annotated[float, Field(ge=0, le=1)] = 0.025


class LTXService(CompiledService):
    """Makes videos with LTX-Video. Arguments: see `LTXConfig`."""

    pipeline = "LTXImageToVideoPipeline"
    config_type = LTXConfig
    # Attention to the prompt.
    masked = ("attn2",)

    def call_arguments(self, call: Call) -> dict[str, Any]:
        """Return the arguments of the stock pipeline's call. The frame rate influences the motion."""
        config = call.config
        (prompt, mask), (negative, negative_mask) = call.embeddings
        return {
            "prompt_embeds": prompt,
            "prompt_attention_mask": mask,
            "negative_prompt_embeds": negative,
            "negative_prompt_attention_mask": negative_mask,
            "height": config.height,
            "width": config.width,
            "num_frames": config.num_frames,
            "frame_rate": config.fps,
            "num_inference_steps": config.num_inference_steps,
            "guidance_scale": config.guidance_scale,
            "decode_timestep": config.decode_timestep,
            "decode_noise_scale": config.decode_noise_scale,
            "max_sequence_length": config.variant.limits.prompt_tokens,
        }


class LTXWrapper(ModelWrapper):
    """The boundary around `LTXService`."""

    service_class = LTXService
    packages = PACKAGES


class LTXConditionVariant(Variant):
    """A catalog entry of LTX-Video 13B.

    Attributes:
        timesteps: those that a distilled model was trained for; empty for the usual schedule.
    """

    timesteps: tuple[float, ...] = ()


class LTXConditionConfig(LTXConfig):
    """Settings of LTX-Video 13B.

    Attributes:
        image_cond_noise_scale: noise added to the first frame in each step. The default is that of the documentation of
            Diffusers.
        guidance_rescale: how far the contrast that guidance adds is taken back.
    """

    variants: ClassVar[dict[str, Variant]] = {}

    image_cond_noise_scale: Annotated[float, Field(ge=0, le=1)] = 0.0
    guidance_rescale: Annotated[float, Field(ge=0, le=1)] = 0.7


class LTXConditionService(LTXService):
    """Makes videos with LTX-Video 13B. Arguments: see `LTXConditionConfig`."""

    pipeline = "LTXConditionPipeline"
    config_type = LTXConditionConfig

    def call_arguments(self, call: Call) -> dict[str, Any]:
        """Return the arguments of the stock pipeline's call."""
        timesteps = call.config.variant.timesteps
        return {
            **super().call_arguments(call),
            "image_cond_noise_scale": call.config.image_cond_noise_scale,
            "guidance_rescale": call.config.guidance_rescale,
            **({"timesteps": list(timesteps)} if timesteps else {}),
        }


class LTXConditionWrapper(ModelWrapper):
    """The boundary around `LTXConditionService`."""

    service_class = LTXConditionService
    packages = PACKAGES


# Networks with random weights: every kind of layer, and a VAE that compresses space and time as the published one. The
# defaults of Diffusers are the published shapes.
_TINY_TRANSFORMER: dict[str, Any] = {
    "in_channels": 8, "out_channels": 8, "num_attention_heads": 4, "attention_head_dim": 8, "cross_attention_dim": 32,
    "num_layers": 1, "caption_channels": 32,
}  # fmt: skip
_TINY_VAE: dict[str, Any] = {
    "latent_channels": 8, "block_out_channels": (8, 8, 8, 8), "decoder_block_out_channels": (8, 8, 8, 8),
    "layers_per_block": (1, 1, 1, 1, 1), "decoder_layers_per_block": (1, 1, 1, 1, 1),
}  # fmt: skip
_FULL_13B: dict[str, Any] = {
    "num_attention_heads": 32, "attention_head_dim": 128, "cross_attention_dim": 4096, "num_layers": 48,
}  # fmt: skip
_FULL_T5 = {
    "d_model": 4096, "d_kv": 64, "d_ff": 10240, "num_layers": 24, "num_heads": 64, "feed_forward_proj": "gated-gelu",
}  # fmt: skip


def _components(published: dict[str, Any], scale: Scale, vocabulary: int) -> Builders:
    """Return how to build the components of an LTX-Video."""
    import diffusers
    import transformers

    tiny = scale != "full"
    t5 = {**TINY_T5, "vocab_size": vocabulary} if tiny else _FULL_T5
    return {
        "scheduler": lambda: diffusers.FlowMatchEulerDiscreteScheduler(),
        "vae": lambda: diffusers.AutoencoderKLLTXVideo(**(_TINY_VAE if tiny else {})),
        "transformer": lambda: diffusers.LTXVideoTransformer3DModel(**(_TINY_TRANSFORMER if tiny else published)),
        "text_encoder": lambda: transformers.T5EncoderModel(transformers.T5Config(**t5)),
    }


def _variant(
    size: Size,
    frames: int,
    sides: Size,
    family: str,
    *,
    steps: int = 50,
    random: RandomWeights | None = None,
    **card: Any,
) -> Variant:
    return Variant(
        card=ModelCard(
            family=family,
            wrapper=f"{__name__}:LTXWrapper",
            service="LTXService",
            args={"resolution": size, "num_frames": frames, "fps": 25, "guidance_scale": 3.0},
            size=size,
            frames=frames,
            fps=25,
            packages=PACKAGES,
            environment=ENVIRONMENT,
            capabilities=Capabilities(chooses_length=True),
            **card,
        ),
        # The VAE makes one frame, and eight more for each latent after the first.
        limits=Limits(
            widths=sides, heights=sides, multiple=32, pixels=size[0] * size[1],
            frames=tuple(range(9, frames + 1, 8)), prompt_tokens=128,
        ),
        defaults={"num_inference_steps": steps},
        needs={"diffusers": (0, 32)},
        random=random,
    )  # fmt: skip


LTXConfig.register(
    _variant(
        (704, 512), 161, (256, 1280), "LTX-Video",
        name="ltx-video",
        model="Lightricks/LTX-Video",
        about="LTX-Video image-to-video, 2B.",
        revision="8984fa25007f376c1a299016d0957a37a2f797bb",
        download_gb=26.5,
        # Estimates from the number of parameters, in bfloat16.
        memory_gib={"resident": 18.8, "model": 9.9, "group": 8.9, "tiled": 8.9, "sequential": 8.9},
        license="LTX-Video Open Weights License",
        when="speed: the smallest real model here",
    ),
    _variant(
        (96, 64), 17, (64, 128), "LTX-Video small", steps=2,
        random=RandomWeights(
            like="ltx", pipeline="LTXImageToVideoPipeline", components=partial(_components, {}), tokens=128,
            real="ltx-video",
        ),
        name="ltx-tiny-random",
        model="ltx-tiny-random",
        about="LTX-Video's architecture, very small, with random weights: its videos show nothing.",
        license="Apache-2.0",
        memory_gib={"resident": 1.0},
        when="to try the real pipeline without a GPU or a download",
    ),
)  # fmt: skip


def _condition(name: str, model: str, *, distilled: bool, steps: int = 30, **more: Any) -> LTXConditionVariant:
    """Return a catalog entry of LTX-Video 13B, with the settings of the documentation of Diffusers for it."""
    size, sides, frames, tiny = ((704, 512), (256, 1280), 161, False)
    if "random" in more:
        size, sides, frames, tiny = ((96, 64), (64, 128), 17, True)
    random = more.pop("random", None)
    base = _variant(size, frames, sides, "LTX-Video small" if tiny else "LTX-Video", name=name, model=model, **more)
    guidance = 1.0 if distilled else 5.0
    args = {**base.card.args, "guidance_scale": guidance}
    card = base.card.model_copy(
        update={"wrapper": f"{__name__}:LTXConditionWrapper", "service": "LTXConditionService", "args": args}
    )
    steps = len(_DISTILLED) if distilled else steps
    return LTXConditionVariant(
        card=card,
        limits=base.limits if tiny else base.limits.model_copy(update={"pixels": 1216 * 704}),
        defaults={"num_inference_steps": steps},
        fixed={"num_inference_steps": steps, "guidance_scale": guidance} if distilled else {},
        needs={"diffusers": (0, 34)},
        random=random,
        timesteps=_DISTILLED if distilled else (),
    )


def _condition_random(like: str, real: str) -> RandomWeights:
    components = partial(_components, _FULL_13B)
    return RandomWeights(like=like, pipeline="LTXConditionPipeline", components=components, tokens=128, real=real)


# https://huggingface.co/docs/diffusers/api/pipelines/ltx_video
_DISTILLED = (1000, 993, 987, 981, 975, 909, 725, 0.03)
# Memory: estimates from the number of parameters, in bfloat16.
_REAL_13B: dict[str, Any] = {
    "license": "LTX-Video Open Weights License",
    "download_gb": 46.3,
    "memory_gib": {"resident": 42.0, "model": 32.0, "group": 10.0, "tiled": 8.0, "sequential": 8.0},
}
_TINY: dict[str, Any] = {
    "about": "The architecture of LTX-Video 13B, very small, with random weights: its videos show nothing.",
    "license": "Apache-2.0",
    "memory_gib": {"resident": 1.0},
    "when": "to try the real pipeline without a GPU or a download",
}
LTXConditionConfig.register(
    _condition(
        "ltx-video-13b-0.9.7", "Lightricks/LTX-Video-0.9.7-dev", distilled=False,
        about="LTX-Video image-to-video, 13B, release 0.9.7.", when="the best quality of LTX-Video", **_REAL_13B,
    ),
    _condition(
        "ltx-video-13b-0.9.7-distilled", "Lightricks/LTX-Video-0.9.7-distilled", distilled=True,
        about="LTX-Video image-to-video, 13B, release 0.9.7, distilled to eight steps.",
        when="to compare with ltx-video-13b-0.9.7", **_REAL_13B,
    ),
    _condition(
        "ltx-video-13b-0.9.8-distilled", "Lightricks/LTX-Video-0.9.8-13B-distilled", distilled=True,
        about="LTX-Video image-to-video, 13B, release 0.9.8, distilled to eight steps.",
        when="speed with a large model", **_REAL_13B,
    ),
    _condition(
        "ltx-13b-tiny-random", "ltx-13b-tiny-random", distilled=False, steps=2, **_TINY,
        random=_condition_random("ltx-13b", "ltx-video-13b-0.9.7"),
    ),
    _condition(
        "ltx-13b-distilled-tiny-random", "ltx-13b-distilled-tiny-random", distilled=True, **_TINY,
        random=_condition_random("ltx-13b-distilled", "ltx-video-13b-0.9.8-distilled"),
    ),
)  # fmt: skip
