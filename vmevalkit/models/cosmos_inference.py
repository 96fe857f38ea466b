"""Cosmos-Predict2.5 image-to-video through Diffusers (https://huggingface.co/nvidia/Cosmos-Predict2.5-2B).

Its license demands that the guardrail checks every prompt and video, so the real model needs the package
cosmos_guardrail, which downloads weights of its own.
"""

from __future__ import annotations

from typing import Any, ClassVar

from vmevalkit.models.base import Capabilities, ModelCard
from vmevalkit.models.diffusers import ENVIRONMENT, PACKAGES, Call, DiffusersConfig, DiffusersService, Limits, Variant
from vmevalkit.models.diffusers.checkpoint import Checkpoint
from vmevalkit.models.diffusers.random_weights import WORDS, Builders, RandomWeights, Scale, word_tokenizer
from vmevalkit.models.wrapper import ModelWrapper
from vmevalkit.types import Size


class CosmosConfig(DiffusersConfig):
    """Settings of Cosmos-Predict2.5."""

    variants: ClassVar[dict[str, Variant]] = {}


class NoGuardrail:
    """Takes the place of the guardrail where the weights are random and the video shows nothing."""

    def check_text_safety(self, prompt: str) -> bool:
        """Return that a prompt is allowed."""
        return True

    def to(self, *place: Any, **named: Any) -> NoGuardrail:
        """Stay where it is."""
        return self


class CosmosService(DiffusersService):
    """Makes videos with Cosmos-Predict2.5. Arguments: see `CosmosConfig`."""

    pipeline = "Cosmos2_5_PredictBasePipeline"
    config_type = CosmosConfig
    # The guardrail does not see prompts that were encoded ahead.
    text_encoder = None

    def components(self, checkpoint: Checkpoint) -> dict[str, Any]:
        """Return a guardrail that checks nothing for random weights. For others, the pipeline makes the real one."""
        return {"safety_checker": NoGuardrail()} if checkpoint.random else {}

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
        }


class CosmosWrapper(ModelWrapper):
    """The boundary around `CosmosService`."""

    service_class = CosmosService
    packages = (*PACKAGES, "torchvision")


# Very small networks with random weights. The VAE compresses space and time as the published one does.
_TRANSFORMER: dict[str, Any] = {
    # Latents, and where the question is.
    "in_channels": 17, "num_attention_heads": 2, "attention_head_dim": 16, "num_layers": 2, "mlp_ratio": 2,
    "text_embed_dim": 32, "adaln_lora_dim": 4, "max_size": (4, 32, 32),
}  # fmt: skip
_VAE: dict[str, Any] = {"base_dim": 3, "dim_mult": [1, 1, 1, 1], "num_res_blocks": 1}
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
_CHAT = "{% for message in messages %}{% for part in message['content'] %}{{ part['text'] }}{% endfor %}{% endfor %}"
_SYSTEM = "You are a helpful assistant who will provide prompts to an image generator."


def _components(scale: Scale, vocabulary: int) -> Builders:
    """Return how to build the components of a Cosmos-Predict2.5."""
    import diffusers
    import transformers

    # As in scripts/convert_cosmos_to_diffusers.py of Diffusers.
    schedule: dict[str, Any] = {
        "use_karras_sigmas": True, "use_flow_sigmas": True, "prediction_type": "flow_prediction", "sigma_max": 200.0,
        "sigma_min": 0.01,
    }  # fmt: skip
    qwen = transformers.Qwen2_5_VLForConditionalGeneration
    return {
        "scheduler": lambda: diffusers.UniPCMultistepScheduler(**schedule),
        "vae": lambda: diffusers.AutoencoderKLWan(**_VAE),
        "transformer": lambda: diffusers.CosmosTransformer3DModel(**_TRANSFORMER),
        "text_encoder": lambda: qwen(transformers.Qwen2_5_VLConfig(**_QWEN)),
        "tokenizer": _tokenizer,
    }


def _tokenizer() -> Any:
    tokenizer = word_tokenizer(_SYSTEM, 512)
    tokenizer.chat_template = _CHAT
    return tokenizer


def _variant(
    size: Size, frames: int, *, steps: int = 36, needs: dict[str, tuple[int, int]], random: RandomWeights | None = None,
    **card: Any,
) -> Variant:  # fmt: skip
    sides = (16 if random else 256, max(size))
    return Variant(
        card=ModelCard(
            wrapper=f"{__name__}:CosmosWrapper",
            service="CosmosService",
            args={"resolution": size, "num_frames": frames, "fps": 16, "guidance_scale": 7.0},
            size=size,
            frames=frames,
            fps=16,
            environment=ENVIRONMENT,
            capabilities=Capabilities(chooses_length=True),
            **card,
        ),
        # The VAE makes one frame, and four more for each latent after the first. The pipeline reads 512 tokens, and the
        # template takes 26 of them.
        limits=Limits(
            widths=sides, heights=sides, pixels=size[0] * size[1], frames=tuple(range(5, frames + 1, 4)),
            prompt_tokens=480,
        ),
        defaults={"num_inference_steps": steps},
        needs={"diffusers": (0, 37), "torchvision": (0, 15), **needs},
        random=random,
    )  # fmt: skip


CosmosConfig.register(
    _variant(
        (1280, 704), 93, name="cosmos-predict2.5-2b", model="nvidia/Cosmos-Predict2.5-2B", family="Cosmos-Predict2.5",
        about="Cosmos-Predict2.5 image-to-video, 2B, post-trained, for physical scenes.",
        revision="diffusers/base/post-trained", packages=(*CosmosWrapper.packages, "cosmos_guardrail"),
        license="NVIDIA Open Model License (accept it on the hub; the guardrail must stay on)",
        # Estimates from the number of parameters: 2 billion of the transformer and 8.3 of the text encoder.
        download_gb=21.5,
        memory_gib={"resident": 40.0, "model": 28.0, "group": 16.0, "tiled": 12.0, "sequential": 11.0},
        when="a model of physical scenes", needs={"cosmos_guardrail": (0, 1)},
    ),
    _variant(
        (64, 48), 9, name="cosmos-tiny-random", model="cosmos-tiny-random", family="Cosmos-Predict2.5 small",
        license="Apache-2.0", memory_gib={"resident": 1.0}, steps=2, packages=CosmosWrapper.packages, needs={},
        random=RandomWeights(like="cosmos2.5", pipeline=CosmosService.pipeline, components=_components),
        about="The architecture of Cosmos-Predict2.5, very small, with random weights: its videos show nothing.",
        when="to try the real pipeline without a GPU or a download",
    ),
)  # fmt: skip
