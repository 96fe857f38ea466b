"""SANA-Video image-to-video through Diffusers (https://huggingface.co/Efficient-Large-Model)."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Field

from vmevalkit.models.base import Capabilities, ModelCard
from vmevalkit.models.diffusers import ENVIRONMENT, PACKAGES, Call, DiffusersConfig, DiffusersService, Limits, Variant
from vmevalkit.models.diffusers.prompts import Embedding
from vmevalkit.models.diffusers.random_weights import WORDS, Builders, RandomWeights, Scale, word_tokenizer
from vmevalkit.models.wrapper import ModelWrapper
from vmevalkit.types import Size


class SanaVideoConfig(DiffusersConfig):
    """Settings of SANA-Video, beside those of every Diffusers model.

    Attributes:
        motion_score: how much moves. It is a part of the prompt, as in the documentation of Diffusers.
    """

    variants: ClassVar[dict[str, Variant]] = {}
    # Prompts are encoded with it ahead of the first video.
    of_the_model: ClassVar[tuple[str, ...]] = (*DiffusersConfig.of_the_model, "motion_score")

    motion_score: Annotated[int, Field(ge=0, le=100)] = 30


class SanaVideoService(DiffusersService):
    """Makes videos with SANA-Video. Arguments: see `SanaVideoConfig`."""

    pipeline = "SanaImageToVideoPipeline"
    config_type = SanaVideoConfig
    # As in the documentation of Diffusers.
    float32 = ("vae",)

    def encode(self, pipe: Any, text: str) -> Embedding:
        """Return embedding and mask of a text. The pipeline puts its instruction before a prompt, if not negative."""
        prompt = f"{text} motion score: {self.config.motion_score}." if text else ""
        embedding, mask, *_ = pipe.encode_prompt(
            prompt, do_classifier_free_guidance=False, complex_human_instruction=instruction() if text else None
        )
        return embedding, mask

    def call_arguments(self, call: Call) -> dict[str, Any]:
        """Return the arguments of the stock pipeline's call."""
        (prompt, mask), (negative, negative_mask) = call.embeddings
        return {
            "prompt_embeds": prompt,
            "prompt_attention_mask": mask,
            # A text here would be refused beside its embedding.
            "negative_prompt": None,
            "negative_prompt_embeds": negative,
            "negative_prompt_attention_mask": negative_mask,
            "height": call.config.height,
            "width": call.config.width,
            "frames": call.config.num_frames,
            "num_inference_steps": call.config.num_inference_steps,
            "guidance_scale": call.config.guidance_scale,
            # With it, the pipeline would stretch the question to another size.
            "use_resolution_binning": False,
        }

    def settings(self, config: SanaVideoConfig, loaded: Any) -> dict[str, Any]:
        """Return the motion score."""
        return {"motion_score": config.motion_score}


def instruction() -> list[str]:
    """Return what the pipeline puts before each prompt."""
    import inspect

    import diffusers

    call = inspect.signature(diffusers.SanaImageToVideoPipeline.__call__)
    return list(call.parameters["complex_human_instruction"].default)


class SanaVideoWrapper(ModelWrapper):
    """The boundary around `SanaVideoService`."""

    service_class = SanaVideoService
    packages = PACKAGES


# Very small networks with random weights.
_TRANSFORMER: dict[str, Any] = {
    "in_channels": 16, "out_channels": 16, "num_attention_heads": 2, "attention_head_dim": 12, "num_layers": 2,
    "num_cross_attention_heads": 2, "cross_attention_head_dim": 12, "cross_attention_dim": 24, "caption_channels": 8,
    "rope_max_seq_len": 32,
}  # fmt: skip
_VAE: dict[str, Any] = {"base_dim": 3, "dim_mult": [1, 1, 1, 1], "num_res_blocks": 1}
_GEMMA: dict[str, Any] = {
    "vocab_size": WORDS, "hidden_size": 8, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
    "num_key_value_heads": 1, "head_dim": 4, "sliding_window": 8,
}  # fmt: skip


def _components(scale: Scale, vocabulary: int) -> Builders:
    """Return how to build the components of a SANA-Video."""
    import diffusers
    import transformers

    schedule: dict[str, Any] = {"prediction_type": "flow_prediction", "use_flow_sigmas": True, "flow_shift": 8.0}
    return {
        "scheduler": lambda: diffusers.DPMSolverMultistepScheduler(**schedule),
        "vae": lambda: diffusers.AutoencoderKLWan(**_VAE),
        "transformer": lambda: diffusers.SanaVideoTransformer3DModel(**_TRANSFORMER),
        "text_encoder": lambda: transformers.Gemma2Model(transformers.Gemma2Config(**_GEMMA)),
        "tokenizer": lambda: word_tokenizer("\n".join(instruction()), 300),
    }


def _variant(size: Size, frames: int, *, steps: int = 50, random: RandomWeights | None = None, **card: Any) -> Variant:
    sides = (32, max(size))
    return Variant(
        card=ModelCard(
            wrapper=f"{__name__}:SanaVideoWrapper",
            service="SanaVideoService",
            args={"resolution": size, "num_frames": frames, "fps": 16, "guidance_scale": 6.0},
            size=size,
            frames=frames,
            fps=16,
            packages=PACKAGES,
            environment=ENVIRONMENT,
            capabilities=Capabilities(chooses_length=True),
            **card,
        ),
        # The VAE makes one frame, and four more for each latent after the first. The model reads 300 tokens, and 24 of
        # them are kept for the motion score.
        limits=Limits(
            widths=sides, heights=sides, multiple=32, pixels=size[0] * size[1],
            frames=tuple(range(5, frames + 1, 4)), prompt_tokens=276,
        ),
        defaults={"num_inference_steps": steps},
        needs={"diffusers": (0, 36)},
        random=random,
    )  # fmt: skip


SanaVideoConfig.register(
    _variant(
        (832, 480), 81, name="sana-video-2b-480p", model="Efficient-Large-Model/SANA-Video_2B_480p_diffusers",
        family="SANA-Video", about="SANA-Video image-to-video, 2B, with linear attention, for 480p.",
        license="Apache-2.0 (text encoder: Gemma Terms of Use)",
        when="speed: its attention is linear in the length of the video",
        # Estimates from the number of parameters: 1.9 billion of the transformer and 2.6 of the text encoder.
        download_gb=13.0, memory_gib={"resident": 16.0, "model": 11.0, "group": 9.0, "tiled": 6.0, "sequential": 6.0},
    ),
    _variant(
        (64, 32), 9, name="sana-video-tiny-random", model="sana-video-tiny-random", family="SANA-Video small",
        license="Apache-2.0", memory_gib={"resident": 1.0}, steps=2,
        random=RandomWeights(like="sana-video", pipeline=SanaVideoService.pipeline, components=_components),
        about="The architecture of SANA-Video, very small, with random weights: its videos show nothing.",
        when="to try the real pipeline without a GPU or a download",
    ),
)  # fmt: skip
