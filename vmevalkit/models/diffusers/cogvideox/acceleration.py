"""What CogVideoX runs with: speeds, attention kernels, fused blocks, adapters, and two GPUs for one video."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import lru_cache, wraps
from pathlib import Path
from typing import Any, Literal

from vmevalkit.errors import ConfigError
from vmevalkit.media import Frame
from vmevalkit.models.diffusers import checkpoint as checkpoints
from vmevalkit.models.diffusers.devices import capability, library_version, on_device, require
from vmevalkit.models.diffusers.memory import PLANS, TILED, Memory, stock_plans
from vmevalkit.models.diffusers.service import not_finite

log = logging.getLogger(__name__)

Speed = Literal["auto", "reference", "exact", "fast"]
"""`reference`: the modules of Diffusers. `exact`: the same mathematics, rounded less often, in fewer passes.
`fast`: also float8 in the linear layers and in the first product of attention, which shows in the video."""

Attention = Literal["auto", "hopper", "fa3", "cudnn", "flash", "sdpa"]
"""Attention kernels; `hopper` is the kit's own."""


def plans(speed: Speed, device: str) -> tuple[Memory, ...]:
    """Return the memory plans that are possible with a speed, from the fastest to the smallest."""
    if device == "cpu" or speed == "reference":
        return stock_plans(device)
    return PLANS[:-1]  # with fused blocks, `tiled` is both faster and smaller than `sequential`


def pick_speed(speed: Speed, memory: Memory, device: str) -> Speed:
    """Resolve `auto`: `exact` where its kernels run on a GPU, else `reference`.

    Raises:
        ConfigError: the requested speed is not possible here.
    """
    oldest = {"torch": (2, 6), "diffusers": (0, 33), **({"triton": (3, 0)} if device != "cpu" else {})}
    possible = all(library_version(package) >= least for package, least in oldest.items())
    if speed in ("exact", "fast") and not possible:
        raise ConfigError(f"speed = '{speed}': it needs torch 2.6, diffusers 0.33 and triton; use 'reference'")
    # What Triton needs of a GPU for bfloat16 and for float8. The CPU computes both, slowly.
    found = capability(device)
    if (speed == "exact" and found < (8, 0)) or (speed == "fast" and found < (8, 9)):
        raise ConfigError(f"speed = '{speed}': this GPU is too old for it; use 'auto'")
    if speed != "auto":
        return speed
    return "exact" if possible and found >= (8, 0) and device != "cpu" and memory != "sequential" else "reference"


@lru_cache
def pick_attention(attention: Attention, tokens: int, heads: int, width: int, device: str) -> str:
    """Return the requested attention kernel, or for `auto` the fastest for the shape of a video.

    Raises:
        ConfigError: the requested kernel does not run here.
    """
    import torch

    from vmevalkit.models.diffusers.cogvideox import kernels

    times = {"sdpa": 0.0} if device == "cpu" else kernels.time_attention(tokens, heads, width, device, torch.bfloat16)
    if attention != "auto" and attention not in times:
        raise ConfigError(f"attention = '{attention}': it does not run here; available: {', '.join(times)}")
    log.info("attention of %d tokens, ms: %s", tokens, times)
    return min(times, key=times.__getitem__) if attention == "auto" else attention


def caches(threshold: float, count: int) -> Sequence[Any]:
    """Return a first-block cache for each transformer, none if the threshold is 0."""
    if not threshold:
        return ()
    from vmevalkit.models.diffusers.cache import FirstBlockCache

    return [FirstBlockCache(threshold) for _ in range(count)]


def merge_adapter(pipe: Any, folder: Path) -> dict[str, Any]:
    """Add an adapter's low-rank updates to the transformer's weights. Return what identifies it."""
    checkpoints.check_adapter(folder)
    require("peft", (0, 14), "it reads adapters")
    pipe.load_lora_weights(str(folder), weight_name=checkpoints.ADAPTER)
    pipe.fuse_lora(components=["transformer"])
    pipe.unload_lora_weights()
    return {"lora": {"folder": str(folder), "fingerprint": checkpoints.fingerprint(folder)}}


def fuse(pipe: Any, plan: Memory, device: str, attention: str, fp8: bool, cache: Any) -> None:
    """Replace the transformer's blocks and the decoder's norms, and place the pipeline as the plan demands."""
    import torch

    from vmevalkit.models.diffusers.cogvideox.blocks import Blocks
    from vmevalkit.models.diffusers.cogvideox.decoder import fuse_decoder

    streamed = plan not in ("resident", "model") and device != "cpu"
    with on_device(device):
        blocks = Blocks(pipe.transformer.transformer_blocks, device, attention, streamed, fp8, cache)
    pipe.transformer.transformer_blocks = torch.nn.ModuleList([blocks])
    fuse_decoder(pipe.vae)
    index_on_host(pipe.scheduler)
    pipe.to(device)


def tile(pipe: Any, plan: Memory) -> None:
    """Make the VAE work in tiles for the plans that need it."""
    if plan in TILED:
        # Half of 480x720 in each direction, whatever size the checkpoint names: that bounds memory.
        pipe.vae.enable_tiling(tile_sample_min_height=240, tile_sample_min_width=360)
        pipe.vae.enable_slicing()


def index_on_host(scheduler: Any) -> None:
    """Let a scheduler look up its tables by numbers in host memory.

    A pipeline counts in timesteps that are on the GPU. To look one up, the host waits for the GPU in every step and
    holds Python's lock, so that nothing else can run, such as writing the previous video.
    """
    import torch

    stock, steps, numbers = scheduler.step, None, []

    # Pipelines look at the signature of `step` to find out what a scheduler takes.
    @wraps(stock)
    def step(*arguments: Any, **named: Any) -> Any:
        nonlocal steps, numbers
        if scheduler.timesteps is not steps:
            steps, numbers = scheduler.timesteps, scheduler.timesteps.tolist()
        # The only numbers that a pipeline passes as tensors are elements of this one.
        on_host = [numbers[a.storage_offset()] if torch.is_tensor(a) and a.ndim == 0 else a for a in arguments]
        return stock(*on_host, **named)

    scheduler.step = step


def decoded_frames(decoded: Any) -> list[Frame]:
    """Convert a decoded video, (1, 3, frames, height, width) in [-1, 1], to uint8 frames as the stock pipeline does.

    Raises:
        GenerationError: it contains NaN or infinity.
    """
    import torch

    frames: list[Frame] = []
    # A few frames at a time, because all of them as float32 take a gigabyte.
    for piece in decoded[0].split(16, dim=1):
        finite = torch.isfinite(piece).all(dim=(0, 2, 3))
        if not bool(finite.all()):
            raise not_finite(len(frames) + int(finite.int().argmin()))
        pixels = (piece * 0.5 + 0.5).clamp(0, 1).float().mul(255).round().to(torch.uint8)
        frames += list(pixels.permute(1, 2, 3, 0).contiguous().cpu().numpy())
    return frames
