"""CogVideoX image-to-video: CogVideoX-5B-I2V and CogVideoX1.5-5B-I2V through Diffusers.

Sizes, frame counts and rates are those that the models were trained with; the pipeline accepts others and returns
garbage. The catalog also has a small model that is trained on the kit's own tasks (training/), and a tiny checkpoint of
each architecture with random weights, for tests.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import Field, model_validator

from vmevalkit import installation
from vmevalkit.errors import ConfigError, UnknownName, VMEvalError, WeightsError
from vmevalkit.media import Frame
from vmevalkit.models.base import ModelCard
from vmevalkit.models.diffusers import checkpoint as checkpoints
from vmevalkit.models.diffusers import limits
from vmevalkit.models.diffusers.attention import Attention, pick_attention
from vmevalkit.models.diffusers.checkpoint import Checkpoint
from vmevalkit.models.diffusers.cogvideox import acceleration, shapes
from vmevalkit.models.diffusers.config import DiffusersConfig
from vmevalkit.models.diffusers.devices import Stopwatch, next_gpu
from vmevalkit.models.diffusers.hub import how_to_get
from vmevalkit.models.diffusers.memory import Memory, place
from vmevalkit.models.diffusers.random_weights import RandomWeights
from vmevalkit.models.diffusers.service import PACKAGES, Call, DiffusersService
from vmevalkit.models.diffusers.service import Loaded as PlainLoaded
from vmevalkit.models.diffusers.speed import Speed, pick_speed, plans_at
from vmevalkit.models.wrapper import ModelWrapper
from vmevalkit.types import GenerationResult, Size

__all__ = ["CogVideoXConfig", "CogVideoXService", "CogVideoXWrapper", "GenerationResult", "weights_status"]

# Frames of a latent, of all but the first: the VAE's compression in time.
LATENT_FRAMES = 4


class Variant(limits.Variant):
    """A catalog entry of CogVideoX.

    Attributes:
        patch_size_t: latents in time that the transformer takes together; tells the architectures apart.
        latent_side: pixels of a latent's side, the VAE's compression in space.
    """

    patch_size_t: int | None = None
    latent_side: int = 8


VARIANTS: dict[str, Variant] = {}


class CogVideoXConfig(DiffusersConfig):
    """Settings of CogVideoX, beside those of every Diffusers model (`DiffusersConfig`).

    Attributes:
        speed: `reference` runs the modules of Diffusers, `exact` the same mathematics in fewer passes over memory,
            `fast` also in float8, which shows in the video; `auto` is `exact` on a GPU that can run it.
        cache: with speed `fast`, skip all blocks but the first while its output has changed by less than this share
            since the others were computed; 0 computes all.
        attention: the attention kernel; `auto` measures those that are available and uses the fastest.
        lora: folder with an adapter for the transformer (`pytorch_lora_weights.safetensors`), merged into it.
        latency: make each video on two GPUs, this one and the next, one for each branch of guidance.
    """

    variants: ClassVar[dict[str, Variant]] = VARIANTS  # type: ignore[assignment]
    of_the_model: ClassVar[tuple[str, ...]] = (
        *DiffusersConfig.of_the_model, "speed", "cache", "attention", "lora", "latency",
    )  # fmt: skip

    model_id: str = "THUDM/CogVideoX-5b-I2V"
    speed: Speed = "auto"
    cache: Annotated[float, Field(ge=0, lt=1)] = 0.0
    attention: Attention = "auto"
    lora: Path | None = None
    latency: bool = False

    @model_validator(mode="after")
    def _settings_agree(self) -> CogVideoXConfig:
        if self.latency and self.guidance_scale == 1:
            raise ValueError("latency: without guidance (guidance_scale above 1) there is nothing to divide")
        if self.cache and self.speed != "fast":
            raise ValueError(f"cache = {self.cache:g}: changes the video, so it needs --speed fast as well")
        return self

    @property
    def tokens(self) -> int:
        """Number of tokens of the transformer: text, and patches of 2x2 latents (1.5: of two latents in time)."""
        variant = VARIANTS[self.model_id]
        latents = (self.num_frames - 1) // LATENT_FRAMES + 1
        times = -(-latents // (variant.patch_size_t or 1))
        patch = 2 * variant.latent_side
        return variant.limits.prompt_tokens + times * (self.height // patch) * (self.width // patch)


@dataclass(frozen=True)
class Loaded(PlainLoaded):
    """A pipeline in memory, without its text encoder, and how it was loaded."""

    speed: Speed
    attention: str
    caches: Sequence[Any] = ()


class CogVideoXService(DiffusersService):
    """Makes videos with CogVideoX. Arguments: see `CogVideoXConfig`."""

    pipeline = "CogVideoXImageToVideoPipeline"
    config_type = CogVideoXConfig

    def call_arguments(self, call: Call) -> dict[str, Any]:
        """Return the arguments of the stock pipeline's call."""
        config = call.config
        (prompt,), (negative,) = call.embeddings
        return {
            "prompt_embeds": prompt,
            "negative_prompt_embeds": negative,
            "height": config.height,
            "width": config.width,
            "num_frames": config.num_frames,
            "num_inference_steps": config.num_inference_steps,
            "guidance_scale": config.guidance_scale,
            # Its formula takes a timestep where the number of a step was meant.
            "use_dynamic_cfg": False,
            "max_sequence_length": config.variant.limits.prompt_tokens,
        }

    def run(self, loaded: Loaded, call: Call, watch: Stopwatch) -> list[Frame]:
        """Denoise, then decode apart from it, for timing and without frames that do not belong to the video."""
        pipe = loaded.pipe
        for cache in loaded.caches:
            cache.forget()
        latents = pipe(
            image=call.image, generator=call.generator, output_type="latent", **self.call_arguments(call)
        ).frames
        watch.lap("denoise")
        # CogVideoX1.5 takes latents in pairs. An odd count is padded in front, with a latent that is not of the video.
        padding = latents.shape[1] - ((call.config.num_frames - 1) // LATENT_FRAMES + 1)
        frames = acceleration.decoded_frames(pipe.decode_latents(latents[:, padding:]))
        watch.lap("decode")
        return frames

    def plans(self, config: CogVideoXConfig, device: str) -> Sequence[Memory]:
        """Return the memory plans that the speed allows; on two GPUs, only those without offloading."""
        possible = plans_at(pick_speed(config.speed, config.memory, device), device)
        if config.latency:
            next_gpu(device)
            return tuple(plan for plan in possible if plan in ("resident", "model"))
        return possible

    def load(self, checkpoint: Checkpoint, config: CogVideoXConfig, device: str, plan: Memory) -> Loaded:
        """Load the transformer, on two GPUs twice, with fused blocks unless the speed is `reference`."""
        speed = pick_speed(config.speed, config.memory, device)
        attention = self._attention(speed, checkpoint, device)
        devices = [device, next_gpu(device)] if config.latency else [device]
        caches = acceleration.caches(config.cache, len(devices))
        placed = [
            self._placed(checkpoint, where, speed, plan, attention, cache)
            for where, cache in zip_longest(devices, caches)
        ]
        pipe, adapter = placed[0]
        if config.latency:
            from vmevalkit.models.diffusers.cogvideox.two_gpus import Halves

            Halves(pipe.transformer, placed[1][0].transformer, devices[1])
        return Loaded(pipe, plan, {**checkpoint.describe(), **adapter}, speed, attention, caches)

    def _placed(
        self, checkpoint: Checkpoint, device: str, speed: Speed, plan: Memory, attention: str, cache: Any
    ) -> tuple[Any, dict[str, Any]]:
        """Return the placed pipeline without its text encoder, and what identifies its adapter."""
        pipe = self.load_pipeline(checkpoint, device, without=["text_encoder"])
        adapter = acceleration.merge_adapter(pipe, self.config.lora) if self.config.lora is not None else {}
        if speed == "reference":
            place(pipe, plan, device)
        else:
            acceleration.fuse(pipe, plan, device, attention, speed == "fast", cache)
        acceleration.tile(pipe, plan)
        return pipe, adapter

    def _attention(self, speed: Speed, checkpoint: Checkpoint, device: str) -> str:
        """Return the attention kernel."""
        requested = self.config.attention
        if speed != "reference":
            shape = checkpoints.component_config(checkpoint, "transformer")
            heads, width = shape["num_attention_heads"], shape["attention_head_dim"]
            return pick_attention(requested, self.config.tokens, heads, width, device)
        if requested not in ("auto", "sdpa"):
            raise ConfigError(f"attention = '{requested}': speed 'reference' has only 'sdpa'")
        return "sdpa"

    def settings(self, config: CogVideoXConfig, loaded: Loaded) -> dict[str, Any]:
        """Return speed and attention kernel, and what was used of two GPUs and the cache."""
        return {
            "speed": loaded.speed,
            "attention": loaded.attention,
            **({"latency": True} if config.latency else {}),
            **({"cache": config.cache, "cached_steps": loaded.caches[0].kept} if loaded.caches else {}),
        }

    def notes(self, config: CogVideoXConfig, loaded: Loaded) -> list[str]:
        """Return what less precision or a cache changes."""
        notes = []
        if loaded.speed == "fast":
            what = "linear layers, queries and keys" if loaded.attention == "hopper" else "linear layers"
            notes.append(f"speed 'fast': {what} in float8; the video differs from an exact one")
        if loaded.caches:
            skipped = f"{loaded.caches[0].kept} of {config.num_inference_steps}"
            notes.append(f"cache {config.cache:g}: {skipped} steps skipped all blocks but the first")
        return notes

    def check_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Check that a checkpoint is of the configured architecture and, where positions are learned, of the size."""
        variant, config = VARIANTS[self.config.model_id], self.config
        transformer = checkpoints.component_config(checkpoint, "transformer")
        positions = tuple(transformer.get(f"sample_{name}") for name in ("width", "height", "frames"))
        side = variant.latent_side
        expected = (config.width // side, config.height // side, config.num_frames)
        # Learned positions are for one size and length; with another the pipeline fails late, or computes wrong ones.
        learned = transformer.get("use_learned_positional_embeddings")
        if transformer.get("patch_size_t") != variant.patch_size_t or (learned and positions != expected):
            raise WeightsError(
                f"the weights in {checkpoint.folder} are not for {variant.card.name}: "
                f"patch_size_t {transformer.get('patch_size_t')} and positions for {positions}, "
                f"not {variant.patch_size_t} and {expected}",
                how_to_get(variant.card, variant.get),
            )

    def obstacle(self) -> VMEvalError | None:
        """Return what is wrong with the adapter or the weights, unless the weights can be downloaded."""
        if self.config.lora is not None:
            checkpoints.check_adapter(self.config.lora)
        return super().obstacle()


class CogVideoXWrapper(ModelWrapper):
    """The boundary around `CogVideoXService`."""

    service_class = CogVideoXService
    packages = PACKAGES


def weights_status(name: str, weights: Path | None = None) -> tuple[bool, str]:
    """Return whether a catalog entry's weights are on this machine, and where they are or how to get them.

    Raises:
        UnknownName: there is no such CogVideoX model.
    """
    cards = {variant.card.name: variant.card for variant in VARIANTS.values()}
    if name not in cards:
        raise UnknownName("CogVideoX model", name, cards)
    return CogVideoXService.weights_status(cards[name], weights)


def locate(variant: Variant, config: CogVideoXConfig) -> Checkpoint:
    """Find the checkpoint for a configuration; download it if it is on the hub.

    Raises:
        WeightsError: there is none, it is incomplete, or it is another model's.
    """
    return CogVideoXService(variant.card.model, weights=config.weights).locate()


def _card(size: Size, frames: int, fps: int, guidance: float = 6.0, **card: Any) -> ModelCard:
    args = {"resolution": size, "num_frames": frames, "fps": fps, "guidance_scale": guidance}
    return ModelCard(
        wrapper=f"{__name__}:CogVideoXWrapper",
        service="CogVideoXService",
        args=args,
        size=size,
        frames=frames,
        fps=fps,
        packages=PACKAGES,
        **card,
    )


def _limits(widths: Size, heights: Size, frames: tuple[int, ...], **more: Any) -> limits.Limits:
    return limits.Limits(**{"widths": widths, "heights": heights, "frames": frames, "prompt_tokens": 226, **more})


# Frame counts 16N+1 with N up to 10: the model card of CogVideoX1.5.
_COUNTS_15 = tuple(range(17, 162, 16))
_LICENSE = "CogVideoX License: free for research, commercial use must register"
_NEEDS_15 = {"diffusers": (0, 32)}

# Memory: peaks measured on one H200 (docs/measurements.md), except `model`, `group` and `sequential` of 1.5: estimates.
CogVideoXConfig.register(
    Variant(
        card=_card(
            (720, 480),
            49,
            8,
            family="CogVideoX",
            name="cogvideox-5b-i2v",
            model="THUDM/CogVideoX-5b-I2V",
            about="CogVideoX-5B image-to-video.",
            environment="cogvideox-5b-i2v",
            revision="a6f0f4858a8395e7429d82493864ce92bf73af11",
            download_gb=21.6,
            memory_gib={"resident": 34.6, "model": 25.7, "group": 15.2, "tiled": 4.3, "sequential": 4.0},
            seconds_a_video=94.6,
            license=_LICENSE,
            when="the usual choice: a quarter of the time of 1.5",
        ),
        limits=_limits((720, 720), (480, 480), (49,)),
        fixed={"guidance_scale": 6.0},
    ),
    Variant(
        card=_card(
            (1360, 768),
            81,
            16,
            family="CogVideoX",
            name="cogvideox1.5-5b-i2v",
            model="THUDM/CogVideoX1.5-5B-I2V",
            about="CogVideoX1.5-5B image-to-video.",
            environment="cogvideox1.5-5b-i2v",
            revision="46c90528707aebbe69066390b4fe7e7d24c9c2a4",
            download_gb=31.0,
            memory_gib={"resident": 64.3, "model": 55.5, "group": 45.0, "tiled": 4.9, "sequential": 10.0},
            seconds_a_video=416.0,
            license=_LICENSE,
            when="fine detail, other aspect ratios, smooth motion, or videos of ten seconds",
        ),
        limits=_limits((768, 1360), (768, 1360), _COUNTS_15, shorter=768, lengths=(81, 161)),
        fixed={"guidance_scale": 6.0},
        needs=_NEEDS_15,
        patch_size_t=2,
    ),
    Variant(
        card=_card(
            (96, 96),
            17,
            8,
            guidance=1.0,
            family="CogVideoX small",
            name="cogvideox-tiny-i2v",
            model="cogvideox-tiny-i2v",
            about="CogVideoX-5B's architecture, small, trained on eight tasks; its weights come with the kit.",
            environment="cogvideox-5b-i2v",
            license="Apache-2.0",
            memory_gib={"resident": 1.0},
            when="to see a real model's videos without a GPU or a download; use questions of `make --size 96x96`",
        ),
        limits=_limits((96, 96), (96, 96), (17,), prompt_tokens=128),
        defaults={"num_inference_steps": 12},
        latent_side=4,
        get=installation.in_checkout("bash training/train.sh"),
    ),
    Variant(
        card=_card(
            (96, 64),
            49,
            8,
            family="CogVideoX small",
            name="cogvideox-tiny-random",
            model="cogvideox-tiny-random",
            about="CogVideoX-5B's architecture, very small, with random weights: its videos show nothing.",
            environment="cogvideox-5b-i2v",
            license="Apache-2.0",
            memory_gib={"resident": 1.0},
            seconds_a_video=2.0,
            when="to try the real pipeline without a GPU or a download",
        ),
        limits=_limits((96, 96), (64, 64), (49,)),
        defaults={"num_inference_steps": 4},
        random=RandomWeights(
            like="5b",
            pipeline="CogVideoXImageToVideoPipeline",
            components=shapes.components_5b,
            tokens=226,
            real="cogvideox-5b-i2v",
        ),
    ),
    Variant(
        card=_card(
            (112, 64),
            81,
            16,
            family="CogVideoX small",
            name="cogvideox1.5-tiny-random",
            model="cogvideox1.5-tiny-random",
            about="CogVideoX1.5-5B's architecture, very small, with random weights: its videos show nothing.",
            environment="cogvideox1.5-5b-i2v",
            license="Apache-2.0",
            memory_gib={"resident": 1.0},
            seconds_a_video=3.0,
            when="to try the real pipeline without a GPU or a download",
        ),
        limits=_limits((64, 112), (64, 112), _COUNTS_15, shorter=64, lengths=(81, 161)),
        defaults={"num_inference_steps": 4},
        needs=_NEEDS_15,
        patch_size_t=2,
        random=RandomWeights(
            like="1.5",
            pipeline="CogVideoXImageToVideoPipeline",
            components=shapes.components_15,
            tokens=226,
            real="cogvideox1.5-5b-i2v",
        ),
    ),
)
