"""LTX-2 and LTX-2.3 image-to-video through Diffusers (https://huggingface.co/Lightricks/LTX-2).

They make sound, too, which is dropped.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, ClassVar

from pydantic import Field

from vmevalkit.models.base import Capabilities, ModelCard
from vmevalkit.models.diffusers import ENVIRONMENT, PACKAGES, Call, DiffusersConfig, DiffusersService, Limits, Variant
from vmevalkit.models.diffusers.random_weights import WORDS, Builders, RandomWeights, Scale, word_tokenizer
from vmevalkit.models.wrapper import ModelWrapper
from vmevalkit.types import Size


class LTX2Variant(Variant):
    """A catalog entry of LTX-2.

    Attributes:
        skipped: the block that spatio-temporal guidance skips.
        cross_timestep: video and sound are modulated with the noise level of each other.
    """

    skipped: int
    cross_timestep: bool


class LTX2Config(DiffusersConfig):
    """Settings of LTX-2, beside those of every Diffusers model. The defaults are those of the pipeline.

    Attributes:
        stg_scale: scale of spatio-temporal guidance; 0 turns it off and saves a pass.
        modality_scale: scale of the guidance by sound; 1 turns it off and saves a pass.
        guidance_rescale: how far guidance keeps the contrast; 0 turns it off.
        image_crf: compression of the first frame before it is read. The pipeline's own default is 33, with which the
            video does not begin with the question; 0 keeps the frame.
    """

    variants: ClassVar[dict[str, Variant]] = {}

    stg_scale: Annotated[float, Field(ge=0, le=10)] = 1.0
    modality_scale: Annotated[float, Field(ge=1, le=10)] = 3.0
    guidance_rescale: Annotated[float, Field(ge=0, le=1)] = 0.7
    image_crf: Annotated[int, Field(ge=0, le=51)] = 0


class LTX2Service(DiffusersService):
    """Makes videos with LTX-2. Arguments: see `LTX2Config`."""

    pipeline = "LTX2ImageToVideoPipeline"
    config_type = LTX2Config
    # The embedding of one prompt has all 49 layers of the text encoder, 385 MB: too much to keep for every prompt.
    text_encoder = None

    def call_arguments(self, call: Call) -> dict[str, Any]:
        """Return the arguments of the stock pipeline's call. Without `num_frames`, it may choose the length itself."""
        config, variant = call.config, call.config.variant
        return {
            "prompt": call.prompt,
            "negative_prompt": "",
            "height": config.height,
            "width": config.width,
            "num_frames": config.num_frames,
            "frame_rate": config.fps,
            "num_inference_steps": config.num_inference_steps,
            "guidance_scale": config.guidance_scale,
            "stg_scale": config.stg_scale,
            # Sound has scales of its own, with which a pass would be made that the video does without.
            "audio_stg_scale": config.stg_scale,
            "modality_scale": config.modality_scale,
            "audio_modality_scale": config.modality_scale,
            "guidance_rescale": config.guidance_rescale,
            "spatio_temporal_guidance_blocks": [variant.skipped],
            "use_cross_timestep": variant.cross_timestep,
            "image_crf": config.image_crf,
            "max_sequence_length": variant.limits.prompt_tokens,
        }

    def notes(self, config: LTX2Config, loaded: Any) -> list[str]:
        """Return what was dropped."""
        return ["the model also made sound, which is not kept"]


class LTX2Wrapper(ModelWrapper):
    """The boundary around `LTX2Service`."""

    service_class = LTX2Service
    packages = PACKAGES


# Very small networks with random weights. The VAE compresses space and time as the published one does. What makes the
# difference of LTX-2.3 is from scripts/convert_ltx2_to_diffusers.py of Diffusers.
_TRANSFORMER: dict[str, Any] = {
    "in_channels": 8, "out_channels": 8, "num_attention_heads": 2, "attention_head_dim": 8, "cross_attention_dim": 16,
    "audio_in_channels": 4, "audio_out_channels": 4, "audio_num_attention_heads": 2, "audio_attention_head_dim": 4,
    "audio_cross_attention_dim": 8, "num_layers": 2, "caption_channels": 16, "rope_type": "split",
}  # fmt: skip
_TRANSFORMER_23: dict[str, Any] = {
    "gated_attn": True, "cross_attn_mod": True, "audio_gated_attn": True, "audio_cross_attn_mod": True,
    "use_prompt_embeddings": False, "perturbed_attn": True,
}  # fmt: skip
_CONNECTORS: dict[str, Any] = {
    "caption_channels": 16, "text_proj_in_factor": 3, "connector_rope_base_seq_len": 32, "rope_type": "split",
    "video_connector_num_attention_heads": 2, "video_connector_attention_head_dim": 8,
    "video_connector_num_layers": 1, "video_connector_num_learnable_registers": 16,
    "audio_connector_num_attention_heads": 2, "audio_connector_attention_head_dim": 8,
    "audio_connector_num_layers": 1, "audio_connector_num_learnable_registers": 16,
}  # fmt: skip
_CONNECTORS_23: dict[str, Any] = {
    "per_modality_projections": True, "video_gated_attn": True, "audio_gated_attn": True, "proj_bias": True,
    "video_hidden_dim": 16, "audio_hidden_dim": 8, "audio_connector_attention_head_dim": 4,
}  # fmt: skip
_VAE: dict[str, Any] = {
    "latent_channels": 8, "block_out_channels": (8, 8, 8, 8), "decoder_block_out_channels": (8, 16, 32),
    "layers_per_block": (1, 1, 1, 1, 1), "decoder_layers_per_block": (1, 1, 1, 1), "decoder_causal": False,
    "spatial_compression_ratio": 32, "temporal_compression_ratio": 8,
}  # fmt: skip
_AUDIO_VAE: dict[str, Any] = {
    "base_channels": 4, "ch_mult": (1,), "num_res_blocks": 1, "resolution": 32, "latent_channels": 2, "mel_bins": 8,
}  # fmt: skip
_VOCODER: dict[str, Any] = {
    "in_channels": 16, "hidden_channels": 32, "upsample_kernel_sizes": [4, 4], "upsample_factors": [2, 2],
    "resnet_kernel_sizes": [3], "resnet_dilations": [[1, 3, 5]],
}  # fmt: skip
_VOCODER_23: dict[str, Any] = {
    **_VOCODER, "bwe_in_channels": 16, "bwe_hidden_channels": 32, "bwe_resnet_kernel_sizes": [3],
    "bwe_resnet_dilations": [[1, 3, 5]], "num_mel_channels": 8,
}  # fmt: skip
_GEMMA_TEXT: dict[str, Any] = {
    "vocab_size": WORDS, "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
    "num_key_value_heads": 1, "head_dim": 8, "sliding_window": 8,
}  # fmt: skip
_GEMMA_VISION: dict[str, Any] = {
    "hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "image_size": 28,
    "patch_size": 14,
}  # fmt: skip


def _components(newer: bool, scale: Scale, vocabulary: int) -> Builders:
    """Return how to build the components of an LTX-2, or with `newer`, of an LTX-2.3."""
    import diffusers
    import transformers
    from diffusers.pipelines.ltx2 import LTX2TextConnectors
    from diffusers.pipelines.ltx2 import vocoder as vocoders

    gemma: dict[str, Any] = {
        "text_config": _GEMMA_TEXT, "vision_config": _GEMMA_VISION, "mm_tokens_per_image": 4,
        "image_token_index": WORDS - 1,
    }  # fmt: skip
    transformer = {**_TRANSFORMER, **(_TRANSFORMER_23 if newer else {})}
    connectors = {**_CONNECTORS, **(_CONNECTORS_23 if newer else {})}
    return {
        "scheduler": lambda: diffusers.FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
        "vae": lambda: diffusers.AutoencoderKLLTX2Video(**_VAE),
        "audio_vae": lambda: diffusers.AutoencoderKLLTX2Audio(**_AUDIO_VAE),
        "text_encoder": lambda: transformers.Gemma3ForConditionalGeneration(transformers.Gemma3Config(**gemma)),
        "tokenizer": lambda: word_tokenizer("", 1024),
        "connectors": lambda: LTX2TextConnectors(**connectors),
        "transformer": lambda: diffusers.LTX2VideoTransformer3DModel(**transformer),
        "vocoder": lambda: vocoders.LTX2VocoderWithBWE(**_VOCODER_23) if newer else vocoders.LTX2Vocoder(**_VOCODER),
    }


def _variant(
    size: Size,
    frames: int,
    *,
    newer: bool,
    skipped: int,
    steps: int = 30,
    random: RandomWeights | None = None,
    **card: Any,
) -> LTX2Variant:
    sides = (64, max(size))
    return LTX2Variant(
        card=ModelCard(
            wrapper=f"{__name__}:LTX2Wrapper",
            service="LTX2Service",
            args={"resolution": size, "num_frames": frames, "fps": 24, "guidance_scale": 3.0},
            size=size,
            frames=frames,
            fps=24,
            packages=PACKAGES,
            environment=ENVIRONMENT,
            capabilities=Capabilities(chooses_length=True),
            **card,
        ),
        # The VAE makes one frame, and eight more for each latent after the first.
        limits=Limits(
            widths=sides, heights=sides, multiple=32, pixels=size[0] * size[1],
            frames=tuple(range(9, frames + 1, 8)), prompt_tokens=1024,
        ),
        defaults={"num_inference_steps": steps},
        # Spatio-temporal guidance came with 0.38.
        needs={"diffusers": (0, 38)},
        skipped=skipped,
        cross_timestep=newer,
        random=random,
    )  # fmt: skip


def _tiny(like: str, newer: bool) -> LTX2Variant:
    name = f"{like}-tiny-random"
    random = RandomWeights(like=like, pipeline=LTX2Service.pipeline, components=partial(_components, newer))
    return _variant(
        (96, 64), 17, newer=newer, skipped=1, steps=2, random=random, name=name, model=name, family="LTX-2 small",
        about=f"The architecture of {like.upper()}, very small, with random weights: its videos show nothing.",
        license="Apache-2.0", memory_gib={"resident": 1.0}, when="to try the real pipeline without a GPU or a download",
    )  # fmt: skip


# Memory: estimates from the number of parameters, in bfloat16: 19 billion of the transformer, 12 of the text encoder.
_REAL: dict[str, Any] = {
    "family": "LTX-2",
    "license": "LTX-2 Community License",
    "memory_gib": {"resident": 72.0, "model": 44.0, "group": 12.0, "tiled": 10.0, "sequential": 9.0},
}
LTX2Config.register(
    _variant(
        (768, 512), 121, newer=False, skipped=29, name="ltx-2", model="Lightricks/LTX-2", download_gb=92.1,
        about="LTX-2 image-to-video, 19B.", revision="47da56e2ad66ce4125a9922b4a8826bf407f9d0a",
        when="to compare with ltx-2.3", **_REAL,
    ),
    _variant(
        (768, 512), 121, newer=True, skipped=28, name="ltx-2.3", model="diffusers/LTX-2.3-Diffusers", download_gb=92.1,
        about="LTX-2.3 image-to-video, 19B.", revision="8eee8edcf067e838b843f926ec4d4cc9b2be1aaf",
        when="the usual choice of LTX-2", **_REAL,
    ),
    _tiny("ltx2", newer=False),
    _tiny("ltx2.3", newer=True),
)  # fmt: skip
