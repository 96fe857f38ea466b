"""Kandinsky 5 image-to-video through Diffusers (https://huggingface.co/kandinskylab)."""

from __future__ import annotations

from typing import Any, ClassVar

from vmevalkit.models.base import Capabilities, ModelCard
from vmevalkit.models.diffusers import ENVIRONMENT, PACKAGES, Call, DiffusersConfig, DiffusersService, Limits, Variant
from vmevalkit.models.diffusers.random_weights import WORDS, Builders, RandomWeights, Scale, word_tokenizer
from vmevalkit.models.wrapper import ModelWrapper
from vmevalkit.types import Size


class KandinskyConfig(DiffusersConfig):
    """Settings of Kandinsky 5."""

    variants: ClassVar[dict[str, Variant]] = {}


class KandinskyService(DiffusersService):
    """Makes videos with Kandinsky 5. Arguments: see `KandinskyConfig`."""

    pipeline = "Kandinsky5I2VPipeline"
    config_type = KandinskyConfig
    # A prompt is encoded by two text encoders.
    text_encoder = None

    def call_arguments(self, call: Call) -> dict[str, Any]:
        """Return the arguments of the stock pipeline's call."""
        return {
            "prompt": call.prompt,
            "negative_prompt": "",
            "height": call.config.height,
            "width": call.config.width,
            "num_frames": call.config.num_frames,
            "num_inference_steps": call.config.num_inference_steps,
            "guidance_scale": call.config.guidance_scale,
            "max_sequence_length": call.config.variant.limits.prompt_tokens,
        }

    def notes(self, config: KandinskyConfig, loaded: Any) -> list[str]:
        """Return what the pipeline does to the first frames."""
        return ["the pipeline adjusts brightness and contrast of the first 13 frames to the frames after them"]


class KandinskyWrapper(ModelWrapper):
    """The boundary around `KandinskyService`."""

    service_class = KandinskyService
    packages = (*PACKAGES, "ftfy", "torchvision")


# Very small networks with random weights. The VAE compresses space and time as the published one does.
_TRANSFORMER: dict[str, Any] = {
    "in_visual_dim": 4, "out_visual_dim": 4, "in_text_dim": 16, "in_text_dim2": 8, "time_dim": 16, "model_dim": 16,
    "ff_dim": 32, "num_text_blocks": 1, "num_visual_blocks": 1, "axes_dims": (4, 2, 2), "visual_cond": True,
}  # fmt: skip
_VAE: dict[str, Any] = {
    "latent_channels": 4, "block_out_channels": (8, 8, 8, 8), "layers_per_block": 1, "norm_num_groups": 4,
}  # fmt: skip
_QWEN: dict[str, Any] = {
    "text_config": {
        "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
        "num_key_value_heads": 2, "vocab_size": WORDS, "rope_theta": 1e6,
        "rope_scaling": {"mrope_section": [1, 1, 2], "rope_type": "default", "type": "default"},
    },
    "vision_config": {
        "depth": 1, "hidden_size": 16, "intermediate_size": 16, "num_heads": 2, "out_hidden_size": 16,
    },
}  # fmt: skip
_CLIP: dict[str, Any] = {
    "hidden_size": 8, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "vocab_size": WORDS,
    "projection_dim": 8,
}  # fmt: skip


def _components(scale: Scale, vocabulary: int) -> Builders:
    """Return how to build the components of a Kandinsky 5."""
    import diffusers
    import transformers

    qwen = transformers.Qwen2_5_VLForConditionalGeneration
    return {
        "scheduler": lambda: diffusers.FlowMatchEulerDiscreteScheduler(shift=5.0),
        "vae": lambda: diffusers.AutoencoderKLHunyuanVideo(**_VAE),
        "transformer": lambda: diffusers.Kandinsky5Transformer3DModel(**_TRANSFORMER),
        "text_encoder": lambda: qwen(transformers.Qwen2_5_VLConfig(**_QWEN)),
        "tokenizer": _tokenizer,
        "text_encoder_2": lambda: transformers.CLIPTextModel(transformers.CLIPTextConfig(**_CLIP)),
        "tokenizer_2": lambda: word_tokenizer("", 77),
    }


def _tokenizer() -> Any:
    """Return a tokenizer whose tokens for the template are about as many as those of the real one."""
    import diffusers

    parts = ("transformer", "vae", "text_encoder", "tokenizer", "text_encoder_2", "tokenizer_2", "scheduler")
    template = diffusers.Kandinsky5I2VPipeline(**dict.fromkeys(parts)).prompt_template
    return word_tokenizer(template, 1024, ("<|im_start|>", "<|im_end|>"))


def _variant(size: Size, frames: int, *, steps: int = 50, random: RandomWeights | None = None, **card: Any) -> Variant:
    # Sparse attention works on squares of 128 pixels.
    multiple = 16 if random else 128
    sides = (multiple, max(size))
    return Variant(
        card=ModelCard(
            wrapper=f"{__name__}:KandinskyWrapper",
            service="KandinskyService",
            args={"resolution": size, "num_frames": frames, "fps": 24, "guidance_scale": 5.0},
            size=size,
            frames=frames,
            fps=24,
            environment=ENVIRONMENT,
            capabilities=Capabilities(chooses_length=True),
            **card,
        ),
        # The VAE makes one frame, and four more for each latent after the first. The pipeline adjusts the first four
        # latents to those after them, so that a video of fewer than five latents would be NaN.
        limits=Limits(
            widths=sides, heights=sides, multiple=multiple, pixels=size[0] * size[1],
            frames=tuple(range(17, frames + 1, 4)), prompt_tokens=512,
        ),
        defaults={"num_inference_steps": steps},
        # The processor that the real models have as a tokenizer needs torchvision.
        needs={"diffusers": (0, 36), "ftfy": (6, 0), **({} if random else {"torchvision": (0, 15)})},
        random=random,
    )  # fmt: skip


# Memory and downloads: estimates from the number of parameters, in bfloat16; the text encoders have 8.4 billion.
_REAL: dict[str, Any] = {"family": "Kandinsky 5", "license": "MIT", "packages": KandinskyWrapper.packages}
KandinskyConfig.register(
    _variant(
        (768, 512), 121, name="kandinsky5-i2v-lite", model="kandinskylab/Kandinsky-5.0-I2V-Lite-5s-Diffusers",
        about="Kandinsky 5 image-to-video, Lite, 2B.", download_gb=22.0, when="a small model with a large text encoder",
        memory_gib={"resident": 32.0, "model": 26.0, "group": 12.0, "tiled": 9.0, "sequential": 8.0}, **_REAL,
    ),
    _variant(
        (768, 512), 121, name="kandinsky5-i2v-pro", model="kandinskylab/Kandinsky-5.0-I2V-Pro-sft-5s-Diffusers",
        about="Kandinsky 5 image-to-video, Pro, 19B.", download_gb=56.0, when="the best quality of Kandinsky 5",
        memory_gib={"resident": 66.0, "model": 46.0, "group": 14.0, "tiled": 11.0, "sequential": 10.0}, **_REAL,
    ),
    _variant(
        (64, 48), 21, name="kandinsky5-tiny-random", model="kandinsky5-tiny-random", family="Kandinsky 5 small",
        license="Apache-2.0", memory_gib={"resident": 1.0}, steps=2, packages=(*PACKAGES, "ftfy"),
        random=RandomWeights(like="kandinsky5", pipeline=KandinskyService.pipeline, components=_components),
        about="The architecture of Kandinsky 5, very small, with random weights: its videos show nothing.",
        when="to try the real pipeline without a GPU or a download",
    ),
)  # fmt: skip
