"""The decoder of CogVideoX's VAE, with its normalisations in two passes over memory instead of a dozen.

The stock layer spreads the latents over every pixel and only then turns them into a factor and an offset for each
channel. Both steps treat pixels alike, so they can change places: factor and offset are computed at the latents' size,
and read from there while the features are normalized.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from vmevalkit.models.diffusers.cogvideox import kernels


class SpatialNorm(torch.nn.Module):
    """CogVideoXSpatialNorm3D and the SiLU that follows it."""

    def __init__(self, stock: Any) -> None:
        super().__init__()
        self.norm = stock.norm_layer
        self.factor, self.offset = stock.conv_y.conv, stock.conv_b.conv

    def forward(
        self, f: Tensor, zq: Tensor, conv_cache: dict[str, Tensor] | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Features (N, C, T, H, W) and latents (N, 16, T', H', W'), as the stock layer takes them."""
        times = _times(f.shape[2], zq.shape[2]).to(f.device)
        norm = self.norm
        normed = kernels.spatial_norm(
            f, self.factor(zq), self.offset(zq), times, norm.weight, norm.bias, norm.num_groups, norm.eps
        )
        return normed, {}


def _times(frames: int, latents: int) -> Tensor:
    """Which latent belongs to each frame. With an odd number of frames, the first has the first latent to itself."""
    if frames > 1 and frames % 2:
        rest = torch.arange(frames - 1) * (latents - 1) // (frames - 1) + 1
        return torch.cat([torch.zeros(1, dtype=rest.dtype), rest]).int()
    return (torch.arange(frames) * latents // frames).int()


def fuse_decoder(vae: Any) -> None:
    """Replace the decoder's normalisations, in place."""
    for module in vae.decoder.modules():
        if type(module).__name__ == "CogVideoXResnetBlock3D":
            module.norm1, module.norm2 = SpatialNorm(module.norm1), SpatialNorm(module.norm2)
            module.nonlinearity = torch.nn.Identity()
    vae.decoder.norm_out = SpatialNorm(vae.decoder.norm_out)
    vae.decoder.conv_act = torch.nn.Identity()
