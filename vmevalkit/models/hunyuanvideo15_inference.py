"""HunyuanVideo-1.5 image-to-video through Diffusers (https://huggingface.co/tencent/HunyuanVideo-1.5).

The pipeline takes no size. It chooses one by the aspect of the image, and crops the image to it. So the question is
letterboxed into one of those sizes first, and only sizes that the pipeline keeps are possible.
"""

from __future__ import annotations

from typing import Any, ClassVar

from vmevalkit.media import Frame
from vmevalkit.models.base import Capabilities, ModelCard
from vmevalkit.models.diffusers import ENVIRONMENT, PACKAGES, Call, Limits, Variant
from vmevalkit.models.diffusers.compiled import CompiledConfig, CompiledService
from vmevalkit.models.diffusers.devices import Stopwatch
from vmevalkit.models.diffusers.prompts import check_length
from vmevalkit.models.diffusers.random_weights import TINY_T5, WORDS, Builders, RandomWeights, Scale, word_tokenizer
from vmevalkit.models.wrapper import ModelWrapper
from vmevalkit.types import Size

# The number of bytes that the second text encoder reads of the text in quotation marks, but for the end of the text.
_QUOTED = 255


class HunyuanVideo15Config(CompiledConfig):
    """Settings of HunyuanVideo-1.5."""

    variants: ClassVar[dict[str, Variant]] = {}


class HunyuanVideo15Service(CompiledService):
    """Makes videos with HunyuanVideo-1.5. Arguments: see `HunyuanVideo15Config`."""

    pipeline = "HunyuanVideo15ImageToVideoPipeline"
    config_type = HunyuanVideo15Config
    # The pipeline cannot be made without its VAE, so prompts cannot be encoded ahead.
    text_encoder = None
    # As in https://huggingface.co/docs/diffusers/api/pipelines/hunyuan_video15.
    tiled = True

    def prepare(self, transformer: Any) -> None:
        """Let a transformer run without the padding of its prompts."""
        transformer.register_forward_pre_hook(_without_padding, with_kwargs=True)
        for block in transformer.transformer_blocks:
            block.attn.set_processor(_Unmasked())

    def call_arguments(self, call: Call) -> dict[str, Any]:
        """Return the arguments of the stock pipeline's call."""
        return {
            "prompt": call.prompt,
            "negative_prompt": "",
            "num_frames": call.config.num_frames,
            "num_inference_steps": call.config.num_inference_steps,
        }

    def run(self, loaded: Any, call: Call, watch: Stopwatch) -> list[Frame]:
        """Set the guidance, which is no argument of the call, and call the pipeline."""
        from diffusers.pipelines.hunyuan_video1_5.pipeline_hunyuan_video1_5_image2video import extract_glyph_texts

        pipe = loaded.pipe
        check_length(pipe.tokenizer_2, extract_glyph_texts(call.prompt) or "", _QUOTED)
        pipe.guider = pipe.guider.new(guidance_scale=call.config.guidance_scale)
        return super().run(loaded, call, watch)


def _without_padding(transformer: Any, args: tuple[Any, ...], arguments: dict[str, Any]) -> tuple[Any, Any]:
    """Drop the padding of both prompts of a video: most of 1000 tokens, which the stock attention masks."""
    shorter = dict(arguments)
    for suffix in ("", "_2"):
        tokens, mask = f"encoder_hidden_states{suffix}", f"encoder_attention_mask{suffix}"
        (kept,) = arguments[mask].bool()
        shorter[tokens], shorter[mask] = arguments[tokens][:, kept], arguments[mask][:, kept]
    return args, shorter


class _Unmasked:
    """Attention of image and prompt to both, for prompts without padding: the stock one, without its mask."""

    # Diffusers sets both.
    _attention_backend = None
    _parallel_config = None

    def __call__(
        self,
        attn: Any,
        hidden_states: Any,
        encoder_hidden_states: Any,
        attention_mask: Any = None,
        image_rotary_emb: Any = None,
    ) -> tuple[Any, Any]:
        import torch
        from diffusers.models.attention_dispatch import dispatch_attention_fn
        from diffusers.models.embeddings import apply_rotary_emb

        image, prompt = (
            [layer(states).unflatten(2, (attn.heads, -1)) for layer in layers]
            for states, layers in (
                (hidden_states, (attn.to_q, attn.to_k, attn.to_v)),
                (encoder_hidden_states, (attn.add_q_proj, attn.add_k_proj, attn.add_v_proj)),
            )
        )
        for i, (norm, added) in enumerate(((attn.norm_q, attn.norm_added_q), (attn.norm_k, attn.norm_added_k))):
            image[i] = apply_rotary_emb(norm(image[i]), image_rotary_emb, sequence_dim=1)
            prompt[i] = added(prompt[i])
        query, key, value = (torch.cat(pair, dim=1) for pair in zip(image, prompt, strict=True))
        out = dispatch_attention_fn(query, key, value, backend=self._attention_backend).flatten(2, 3)
        count = hidden_states.shape[1]
        return attn.to_out[1](attn.to_out[0](out[:, :count])), attn.to_add_out(out[:, count:])


class HunyuanVideo15Wrapper(ModelWrapper):
    """The boundary around `HunyuanVideo15Service`."""

    service_class = HunyuanVideo15Service
    packages = PACKAGES


# Networks with random weights. The defaults of Diffusers are the published shapes of transformer and VAE.
_TARGETS: dict[str, int] = {"tiny": 48, "thin": 640, "full": 640}
_TINY_TRANSFORMER: dict[str, Any] = {
    "in_channels": 9, "out_channels": 4, "num_attention_heads": 2, "attention_head_dim": 8, "num_layers": 1,
    "num_refiner_layers": 1, "mlp_ratio": 2.0, "text_embed_dim": 16, "text_embed_2_dim": 32, "image_embed_dim": 12,
    "rope_axes_dim": (2, 2, 4),
}  # fmt: skip
_TINY_VAE: dict[str, Any] = {
    "latent_channels": 4, "block_out_channels": (8, 8, 8), "layers_per_block": 1, "spatial_compression_ratio": 4,
    "temporal_compression_ratio": 4, "downsample_match_channel": False, "upsample_match_channel": False,
}  # fmt: skip
_TINY_QWEN: dict[str, Any] = {
    "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
    "num_key_value_heads": 2, "vocab_size": WORDS, "rope_theta": 1e6,
    "rope_scaling": {"mrope_section": [1, 1, 2], "rope_type": "default", "type": "default"},
}  # fmt: skip
_FULL_QWEN: dict[str, Any] = {
    "hidden_size": 3584, "intermediate_size": 18944, "num_hidden_layers": 28, "num_attention_heads": 28,
    "num_key_value_heads": 4, "vocab_size": 152064, "rope_theta": 1e6,
    "rope_scaling": {"mrope_section": [16, 24, 24], "rope_type": "default", "type": "default"},
}  # fmt: skip
_TINY_SIGLIP: dict[str, Any] = {
    "hidden_size": 12, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "image_size": 32,
    "patch_size": 8,
}  # fmt: skip
_FULL_SIGLIP: dict[str, Any] = {
    "hidden_size": 1152, "intermediate_size": 4304, "num_hidden_layers": 27, "num_attention_heads": 16,
    "image_size": 384, "patch_size": 14,
}  # fmt: skip
_FULL_BYT5: dict[str, Any] = {
    "d_model": 1472, "d_kv": 64, "d_ff": 3584, "num_layers": 12, "num_heads": 6, "feed_forward_proj": "gated-gelu",
}  # fmt: skip
_BYT5_VOCABULARY = 384
_MARKS = ("<|im_start|>", "<|im_end|>")
# As Qwen's: the pipeline cuts off the first 108 tokens, which must leave some of an empty prompt.
_CHAT = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "<|im_start|>assistant\n"
)


def _components(scale: Scale, vocabulary: int) -> Builders:
    """Return how to build the components of a HunyuanVideo-1.5."""
    import diffusers
    import transformers

    tiny = scale != "full"
    transformer = {**(_TINY_TRANSFORMER if tiny else {}), "target_size": _TARGETS[scale]}
    byt5 = {**(TINY_T5 if tiny else _FULL_BYT5), "vocab_size": _BYT5_VOCABULARY}
    siglip = _TINY_SIGLIP if tiny else _FULL_SIGLIP
    qwen = _TINY_QWEN if tiny else _FULL_QWEN
    # Without torchvision, transformers 5 has the processor under another name.
    processor = getattr(transformers, "SiglipImageProcessorPil", transformers.SiglipImageProcessor)
    sides = {"height": siglip["image_size"], "width": siglip["image_size"]}
    return {
        "scheduler": lambda: diffusers.FlowMatchEulerDiscreteScheduler(shift=5.0),
        "vae": lambda: diffusers.AutoencoderKLHunyuanVideo15(**(_TINY_VAE if tiny else {})),
        "transformer": lambda: diffusers.HunyuanVideo15Transformer3DModel(**transformer),
        "text_encoder": lambda: transformers.Qwen2_5_VLTextModel(transformers.Qwen2_5_VLTextConfig(**qwen)),
        "tokenizer": _tokenizer,
        "text_encoder_2": lambda: transformers.T5EncoderModel(transformers.T5Config(**byt5)),
        "tokenizer_2": lambda: transformers.ByT5Tokenizer(),
        "guider": lambda: diffusers.ClassifierFreeGuidance(guidance_scale=6.0),
        "image_encoder": lambda: transformers.SiglipVisionModel(transformers.SiglipVisionConfig(**siglip)),
        "feature_extractor": lambda: processor(size=sides),
    }


def _tokenizer() -> Any:
    """Return a tokenizer whose tokens for the template are about as many as those of the real one."""
    import inspect

    import diffusers

    encode = diffusers.HunyuanVideo15ImageToVideoPipeline._get_mllm_prompt_embeds
    message = str(inspect.signature(encode).parameters["system_message"].default)
    tokenizer = word_tokenizer(f"{message} system user assistant", 1108, _MARKS)
    tokenizer.chat_template = _CHAT
    return tokenizer


def _variant(
    sizes: tuple[Size, ...], frames: int, *, steps: int = 50, random: RandomWeights | None = None, **card: Any
) -> Variant:
    size = sizes[0]
    shortest, longest = min(map(min, sizes)), max(map(max, sizes))
    return Variant(
        card=ModelCard(
            wrapper=f"{__name__}:HunyuanVideo15Wrapper",
            service="HunyuanVideo15Service",
            args={"resolution": size, "num_frames": frames, "fps": 24, "guidance_scale": 6.0},
            size=size,
            frames=frames,
            fps=24,
            packages=PACKAGES,
            environment=ENVIRONMENT,
            capabilities=Capabilities(chooses_length=True),
            **card,
        ),
        # The VAE makes one frame, and four more for each latent after the first. Of the 1000 tokens that the pipeline
        # reads, the template ends with five.
        limits=Limits(
            widths=(shortest, longest), heights=(shortest, longest), multiple=1, sizes=sizes,
            frames=tuple(range(5, frames + 1, 4)), prompt_tokens=995,
        ),
        defaults={"num_inference_steps": steps},
        needs={"diffusers": (0, 36)},
        random=random,
    )  # fmt: skip


# Memory: estimates from the number of parameters, in bfloat16.
_REAL: dict[str, Any] = {
    "family": "HunyuanVideo-1.5",
    "license": "Tencent Hunyuan Community License (not in the EU, the UK and South Korea)",
    "download_gb": 58.2,
    "memory_gib": {"resident": 46.1, "model": 19.9, "group": 14.0, "tiled": 13.0, "sequential": 12.0},
}
HunyuanVideo15Config.register(
    _variant(
        ((848, 480), (720, 544), (640, 640), (544, 736), (480, 832)), 121, name="hunyuanvideo-1.5-i2v-480p",
        model="hunyuanvideo-community/HunyuanVideo-1.5-Diffusers-480p_i2v",
        about="HunyuanVideo-1.5 image-to-video, 8B, for 480p.", revision="5a700ee883ff4c1b3d887ec4188755a7a5e2f698",
        when="the usual choice of HunyuanVideo-1.5", **_REAL,
    ),
    _variant(
        ((1280, 720), (1088, 832), (960, 960), (832, 1104), (704, 1280)), 121, name="hunyuanvideo-1.5-i2v-720p",
        model="hunyuanvideo-community/HunyuanVideo-1.5-Diffusers-720p_i2v",
        about="HunyuanVideo-1.5 image-to-video, 8B, for 720p.", when="fine detail; several times as slow as 480p",
        **{**_REAL, "memory_gib": {"resident": 52.0, "model": 36.0, "group": 22.0, "tiled": 21.0, "sequential": 20.0}},
    ),
    _variant(
        ((56, 40), (48, 48), (40, 56)), 9, name="hunyuanvideo-1.5-tiny-random", model="hunyuanvideo-1.5-tiny-random",
        family="HunyuanVideo-1.5 small", license="Apache-2.0", memory_gib={"resident": 1.0}, steps=2,
        random=RandomWeights(
            like="hunyuanvideo-1.5", pipeline=HunyuanVideo15Service.pipeline, components=_components,
            real="hunyuanvideo-1.5-i2v-480p",
        ),
        about="The architecture of HunyuanVideo-1.5, very small, with random weights: its videos show nothing.",
        when="to try the real pipeline without a GPU or a download",
    ),
)  # fmt: skip
