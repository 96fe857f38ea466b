"""What CogVideoX runs with: fused blocks, adapters, and a cache."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vmevalkit.media import Frame
from vmevalkit.models.diffusers import checkpoint as checkpoints
from vmevalkit.models.diffusers.devices import on_device, require
from vmevalkit.models.diffusers.memory import TILED, Memory
from vmevalkit.models.diffusers.output import not_finite
from vmevalkit.models.diffusers.speed import index_on_host


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
