"""The catalog entries of CogVideoX: sizes, frame counts and rates that each model was trained with."""

from __future__ import annotations

from typing import Any

from vmevalkit import installation
from vmevalkit.models.base import ModelCard
from vmevalkit.models.diffusers import limits
from vmevalkit.models.diffusers.cogvideox import shapes
from vmevalkit.models.diffusers.random_weights import RandomWeights
from vmevalkit.models.diffusers.service import PACKAGES
from vmevalkit.types import Size


class Variant(limits.Variant):
    """A catalog entry of CogVideoX.

    Attributes:
        patch_size_t: latents in time that the transformer takes together; tells the architectures apart.
        latent_side: pixels of a latent's side, the VAE's compression in space.
    """

    patch_size_t: int | None = None
    latent_side: int = 8


def _card(size: Size, frames: int, fps: int, guidance: float = 6.0, **card: Any) -> ModelCard:
    args = {"resolution": size, "num_frames": frames, "fps": fps, "guidance_scale": guidance}
    return ModelCard(
        wrapper="vmevalkit.models.cogvideox_inference:CogVideoXWrapper",
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
ENTRIES = (
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
            about="CogVideoX-5B's architecture, small, trained on twelve tasks; its weights come with the kit.",
            environment="cogvideox-5b-i2v",
            license="Apache-2.0",
            memory_gib={"resident": 1.0},
            when="to see a real model's videos without a GPU or a download; use questions of `make --size 96x96`",
        ),
        limits=_limits((96, 96), (96, 96), (17,), prompt_tokens=160),
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
