"""HunyuanVideo image-to-video through Diffusers (https://huggingface.co/hunyuanvideo-community/HunyuanVideo-I2V).

Its text encoder sees the prompt and the image together, so prompts cannot be encoded ahead.
"""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar

from vmevalkit.models.base import Capabilities, ModelCard
from vmevalkit.models.diffusers import ENVIRONMENT, PACKAGES, Call, DiffusersConfig, DiffusersService, Limits, Variant
from vmevalkit.models.diffusers.random_weights import (
    WORDS,
    Builders,
    RandomWeights,
    Scale,
    image_processor,
    word_tokenizer,
)
from vmevalkit.models.wrapper import ModelWrapper
from vmevalkit.types import Size


class HunyuanVideoVariant(Variant):
    """A catalog entry of HunyuanVideo.

    Attributes:
        dropped: how many frames the pipeline drops from the start of what it was asked for.
    """

    dropped: int = 0


class HunyuanVideoConfig(DiffusersConfig):
    """Settings of HunyuanVideo. Guidance is an input of the transformer, so it costs no second pass."""

    variants: ClassVar[dict[str, Variant]] = {}


class HunyuanVideoService(DiffusersService):
    """Makes videos with HunyuanVideo-I2V. Arguments: see `HunyuanVideoConfig`."""

    pipeline = "HunyuanVideoImageToVideoPipeline"
    config_type = HunyuanVideoConfig
    text_encoder = None
    # As in https://huggingface.co/docs/diffusers/api/pipelines/hunyuan_video: without tiles, decoding 129 frames needs
    # more memory than a GPU has.
    float16 = ("vae", "text_encoder", "text_encoder_2")
    tiled = True

    def call_arguments(self, call: Call) -> dict[str, Any]:
        """Return the arguments of the stock pipeline's call."""
        config = call.config
        return {
            "prompt": call.prompt,
            "height": config.height,
            "width": config.width,
            "num_frames": config.num_frames + config.variant.dropped,
            "num_inference_steps": config.num_inference_steps,
            "guidance_scale": config.guidance_scale,
        }


class HunyuanVideoWrapper(ModelWrapper):
    """The boundary around `HunyuanVideoService`."""

    service_class = HunyuanVideoService
    packages = PACKAGES


# Networks with random weights. The defaults of Diffusers are the published shapes of transformer and VAE, but for what
# is given here. The tiny VAE compresses space and time as the published one does, and the tiny image encoder returns as
# many tokens, 576, because the pipeline counts on it.
_TRANSFORMER: dict[str, dict[str, Any]] = {
    "token_replace": {"image_condition_type": "token_replace", "guidance_embeds": True},
    "latent_concat": {"image_condition_type": "latent_concat", "guidance_embeds": False},
}
_FULL_CHANNELS = {"token_replace": 16, "latent_concat": 33}
_TINY_CHANNELS = {"token_replace": 4, "latent_concat": 9}
_TINY_TRANSFORMER: dict[str, Any] = {
    "out_channels": 4, "num_attention_heads": 2, "attention_head_dim": 10, "num_layers": 1, "num_single_layers": 1,
    "num_refiner_layers": 1, "patch_size": 1, "text_embed_dim": 16, "pooled_projection_dim": 8,
    "rope_axes_dim": (2, 4, 4),
}  # fmt: skip
_TINY_VAE: dict[str, Any] = {
    "latent_channels": 4, "block_out_channels": (8, 8, 8, 8), "layers_per_block": 1, "norm_num_groups": 4,
}  # fmt: skip
_CLIP: dict[str, Any] = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
_TINY_TEXT: dict[str, Any] = {
    "hidden_size": 16, "intermediate_size": 16, "num_attention_heads": 2, "num_hidden_layers": 2, "vocab_size": WORDS,
}  # fmt: skip
_TINY_VISION: dict[str, Any] = {
    "hidden_size": 8, "intermediate_size": 8, "num_attention_heads": 2, "num_hidden_layers": 2, "image_size": 336,
    "patch_size": 14,
}  # fmt: skip
_FULL_TEXT: dict[str, Any] = {
    "hidden_size": 4096, "intermediate_size": 14336, "num_attention_heads": 32, "num_key_value_heads": 8,
    "num_hidden_layers": 32, "vocab_size": 128320,
}  # fmt: skip
_FULL_VISION: dict[str, Any] = {
    "hidden_size": 1024, "intermediate_size": 4096, "num_attention_heads": 16, "num_hidden_layers": 24,
    "image_size": 336, "patch_size": 14,
}  # fmt: skip
_FULL_CLIP: dict[str, Any] = {
    "hidden_size": 768, "intermediate_size": 3072, "num_attention_heads": 12, "num_hidden_layers": 12,
    "vocab_size": 49408,
}  # fmt: skip
_MARKS = ("<image>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>")
_IMAGE = 3 + _MARKS.index("<image>")


def _components(condition: str, scale: Scale, vocabulary: int) -> Builders:
    """Return how to build the components of a HunyuanVideo."""
    import diffusers
    import transformers
    from diffusers.pipelines.hunyuan_video.pipeline_hunyuan_video_image2video import DEFAULT_PROMPT_TEMPLATE

    tiny = scale != "full"
    channels = (_TINY_CHANNELS if tiny else _FULL_CHANNELS)[condition]
    transformer = {**(_TINY_TRANSFORMER if tiny else {}), **_TRANSFORMER[condition], "in_channels": channels}
    text, vision = (_TINY_TEXT, _TINY_VISION) if tiny else (_FULL_TEXT, _FULL_VISION)
    clip = {**_CLIP, **({**_TINY_TEXT, "hidden_size": 8} if tiny else _FULL_CLIP)}
    llava = {"pad_token_id": 0, "image_token_index": _IMAGE}
    template = str(DEFAULT_PROMPT_TEMPLATE["template"])
    return {
        "scheduler": lambda: diffusers.FlowMatchEulerDiscreteScheduler(shift=7.0),
        "vae": lambda: diffusers.AutoencoderKLHunyuanVideo(**(_TINY_VAE if tiny else {})),
        "transformer": lambda: diffusers.HunyuanVideoTransformer3DModel(**transformer),
        "text_encoder": lambda: transformers.LlavaForConditionalGeneration(
            transformers.LlavaConfig(
                text_config=transformers.LlamaConfig(**text, pad_token_id=0, bos_token_id=1, eos_token_id=2),
                vision_config=transformers.CLIPVisionConfig(**vision),
                **llava,
            )
        ),
        "text_encoder_2": lambda: transformers.CLIPTextModel(transformers.CLIPTextConfig(**clip)),
        "tokenizer": lambda: word_tokenizer(template, 256, _MARKS),
        "tokenizer_2": lambda: word_tokenizer(template, 77),
        "image_processor": lambda: image_processor(crop_size=336, size=336),
    }


def _variant(
    size: Size, frames: int, condition: str, sides: Size, *, steps: int = 50, random: RandomWeights | None = None,
    **card: Any,
) -> HunyuanVideoVariant:  # fmt: skip
    concat = condition == "latent_concat"
    guidance = 1.0 if concat else 6.0
    return HunyuanVideoVariant(
        card=ModelCard(
            wrapper=f"{__name__}:HunyuanVideoWrapper",
            service="HunyuanVideoService",
            args={"resolution": size, "num_frames": frames, "fps": 24, "guidance_scale": guidance},
            size=size,
            frames=frames,
            fps=24,
            packages=PACKAGES,
            environment=ENVIRONMENT,
            capabilities=Capabilities(chooses_length=True),
            **card,
        ),
        # The VAE makes one frame, and four more for each latent after the first. Of the 256 tokens that the pipeline
        # reads, the template ends with five.
        limits=Limits(
            widths=sides, heights=sides, multiple=16, pixels=size[0] * size[1],
            frames=tuple(range(5, frames + 1, 4)), prompt_tokens=251,
        ),
        defaults={"num_inference_steps": steps},
        # Its transformer has no input for guidance.
        fixed={"guidance_scale": guidance} if concat else {},
        needs={"diffusers": (0, 33)},
        random=random,
        # The pipeline's own choice for this transformer.
        dropped=4 if concat else 0,
    )  # fmt: skip


def _tiny(name: str, condition: str, frames: int, real: str) -> HunyuanVideoVariant:
    random = RandomWeights(
        like=name.removesuffix("-tiny-random"), pipeline=HunyuanVideoService.pipeline,
        components=partial(_components, condition), real=real,
    )  # fmt: skip
    return _variant(
        (48, 32), frames, condition, (32, 64), steps=2, random=random, name=name, model=name,
        family="HunyuanVideo small", license="Apache-2.0", memory_gib={"resident": 1.0},
        about=f"The architecture of {real}, very small, with random weights: its videos show nothing.",
        when="to try the real pipeline without a GPU or a download",
    )  # fmt: skip


# Memory: estimates from the number of parameters.
_REAL: dict[str, Any] = {
    "family": "HunyuanVideo",
    "license": "Tencent Hunyuan Community License (not in the EU, the UK and South Korea)",
    "download_gb": 43.0,
    "memory_gib": {"resident": 62.0, "model": 46.0, "group": 24.0, "tiled": 22.0, "sequential": 18.0},
}
HunyuanVideoConfig.register(
    _variant(
        (1280, 720), 129, "token_replace", (256, 1280), name="hunyuanvideo-i2v",
        model="hunyuanvideo-community/HunyuanVideo-I2V", about="HunyuanVideo image-to-video, 13B.",
        when="the usual choice of HunyuanVideo; keeps the first frame exactly", **_REAL,
    ),
    # Trained with 129 frames, of which the pipeline drops four.
    _variant(
        (1280, 720), 125, "latent_concat", (256, 1280), name="hunyuanvideo-i2v-33ch",
        model="hunyuanvideo-community/HunyuanVideo-I2V-33ch",
        about="HunyuanVideo image-to-video, 13B, first release, which moves more.",
        when="more motion, less faithful to the first frame", **_REAL,
    ),
    _tiny("hunyuanvideo-tiny-random", "token_replace", 9, "hunyuanvideo-i2v"),
    _tiny("hunyuanvideo-33ch-tiny-random", "latent_concat", 9, "hunyuanvideo-i2v-33ch"),
)  # fmt: skip
