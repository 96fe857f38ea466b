"""What a CogVideoX block computes between its matrix products, each in one pass over memory, and its attention.

Each function has two bodies: a Triton kernel for NVIDIA GPUs, and PyTorch for everything else, which also says what the
kernel computes. Both compute in float32 and round once at the end, where the stock block rounds after every operation.

Shapes: batch B (guidance branches), tokens S (T of text, then those of the video), channels D = heads H x 64.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as nn
from torch import Tensor

try:
    from vmevalkit.models.diffusers.cogvideox import triton_kernels
except ImportError:  # PyTorch for the CPU comes without
    triton_kernels = None  # type: ignore[assignment]

# Largest finite number of float8 e4m3.
E4M3_MAX = 448.0


def _power_of_2(number: int) -> int:
    """The smallest power of two that is not less."""
    return 1 << (number - 1).bit_length()


def _ceil(number: int, divisor: int) -> int:
    return -(-number // divisor)


def gated_norm(
    x: Tensor, update: Tensor | None, gates: Tensor | None, modulation: Tensor, weight: Tensor, bias: Tensor,
    eps: float, text: int, fp8: bool = False,
) -> tuple[Tensor, Tensor | None]:  # fmt: skip
    """Add what the layer before computed, normalize over channels, and modulate.

    Args:
        x: (B, S, D); becomes x + gate * update in place.
        update: (B, S, D), or None for the first layer.
        gates: (B, 6 D), of the layer that made the update: its third is for the video, its sixth for the text.
        modulation: (B, 6 D): shift, scale, gate of the video, then of the text.
        weight, bias: (D), of the layer norm.
        text: T.
        fp8: round to float8, with a scale for each token.

    Returns:
        (B, S, D), and the scales (B S, 1) for fp8.
    """
    if not x.is_cuda:
        video = torch.arange(x.shape[1], device=x.device) >= text

        def choose(parts: Tensor, which: int) -> Tensor:
            chunks = parts.float().chunk(6, dim=1)
            return torch.where(video[None, :, None], chunks[which][:, None], chunks[which + 3][:, None])

        if update is not None and gates is not None:
            x.copy_(x.float() + choose(gates, 2) * update.float())
        normed = nn.layer_norm(x.float(), (x.shape[-1],), weight.float(), bias.float(), eps)
        normed = normed * (1 + choose(modulation, 1)) + choose(modulation, 0)
        return _round_rows(normed) if fp8 else (normed.to(x.dtype), None)
    batch, tokens, channels = x.shape
    out = torch.empty_like(x, dtype=torch.float8_e4m3fn if fp8 else x.dtype)
    scales = torch.empty(batch * tokens, 1, device=x.device, dtype=torch.float32) if fp8 else None
    triton_kernels.gated_norm[(batch * tokens,)](
        x, x if update is None else update, modulation if gates is None else gates, modulation, weight, bias, out,
        out if scales is None else scales, tokens, text, channels, eps, E4M3_MAX,
        BLOCK=_power_of_2(channels), UPDATE=update is not None, FP8=fp8, num_warps=8,
    )  # fmt: skip
    return out, scales


def rotate_heads(
    qkv: Tensor, q_weight: Tensor, q_bias: Tensor, k_weight: Tensor, k_bias: Tensor, eps: float,
    rotation: tuple[Tensor, Tensor] | None, text: int, fp8: bool = False,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """Normalize each head of queries and keys, and rotate those of the video.

    Args:
        qkv: (B, S, 3, H, 64). Queries and keys change in place, unless for fp8.
        q_weight, q_bias, k_weight, k_bias: (64), of the layer norms.
        rotation: cosines and sines, (S - T, 64) each, equal in neighboring pairs.
        fp8: round queries and keys to float8.

    Returns:
        Queries, keys and values, (B, S, H, 64) each, so that the weights of attention are 2^(q k): the logarithm of 2
        and the square root of 64, by which products are divided, are part of the queries (of both for fp8, so that
        both are small).
    """
    batch, tokens, _, heads, width = qkv.shape
    factor = 1 / (math.sqrt(width) * math.log(2))
    q_factor, k_factor = (math.sqrt(factor), math.sqrt(factor)) if fp8 else (factor, 1.0)
    out = qkv.new_empty(batch, tokens, 2, heads, width, dtype=torch.float8_e4m3fn) if fp8 else qkv
    if not qkv.is_cuda:
        for index, (weight, bias, scale) in enumerate(((q_weight, q_bias, q_factor), (k_weight, k_bias, k_factor))):
            part = nn.layer_norm(qkv[:, :, index].float(), (width,), weight.float(), bias.float(), eps)
            if rotation is not None:
                cosine, sine = (table.float()[None, :, None] for table in rotation)
                video = part[:, text:]
                even, odd = video.unflatten(-1, (-1, 2)).unbind(-1)
                part[:, text:] = video * cosine + torch.stack((-odd, even), dim=-1).flatten(-2) * sine
            out[:, :, index] = (part * scale).to(out.dtype)
    else:
        cosine, sine = rotation if rotation is not None else (q_weight, q_weight)
        rows = 32
        triton_kernels.rotate_heads[(batch * tokens, _ceil(2 * heads, rows))](
            qkv, out, q_weight, q_bias, k_weight, k_bias, q_factor, k_factor, cosine, sine, tokens, text, heads,
            out.stride(1), eps, WIDTH=width, ROWS=rows, ROTATE=rotation is not None, num_warps=4,
        )  # fmt: skip
    return out[:, :, 0], out[:, :, 1], qkv[:, :, 2]


def round_rows(x: Tensor, gelu: bool = False) -> tuple[Tensor, Tensor]:
    """Round (N, D) to float8 with a scale for each row, (N, 1), after GELU (tanh) if wanted."""
    if not x.is_cuda:
        x = x.float()
        return _round_rows(nn.gelu(x, approximate="tanh") if gelu else x)
    rows, channels = x.shape
    out = torch.empty_like(x, dtype=torch.float8_e4m3fn)
    scales = torch.empty(rows, 1, device=x.device, dtype=torch.float32)
    triton_kernels.round_rows[(rows,)](
        x, out, scales, channels, E4M3_MAX, BLOCK=_power_of_2(channels), GELU=gelu, num_warps=8
    )  # fmt: skip
    return out, scales


def spatial_norm(
    x: Tensor, factor: Tensor, offset: Tensor, times: Tensor, weight: Tensor, bias: Tensor, groups: int, eps: float
) -> Tensor:
    """SiLU of a group norm of decoded features, scaled and shifted by what was computed from the latents.

    Args:
        x: (N, C, T, H, W).
        factor, offset: (N, C, T', H', W'), spread over x by nearest neighbors: H and W are multiples of H' and W'.
        times: (T), int32; which of the T' belongs to each frame.
        weight, bias: (C), of the group norm.
    """
    x = x.contiguous()
    if not x.is_cuda:
        step = (x.shape[3] // factor.shape[3], x.shape[4] // factor.shape[4])
        spread = [
            part[:, :, times].float().repeat_interleave(step[0], 3).repeat_interleave(step[1], 4)
            for part in (factor, offset)
        ]
        normed = nn.group_norm(x.float(), groups, weight.float(), bias.float(), eps)
        return nn.silu(normed * spread[0] + spread[1]).to(x.dtype)
    batch, channels, _, height, width = x.shape
    positions, size = x[0, 0].numel(), x[0].numel() // groups
    block = 8192
    chunks = _ceil(size, block)
    means, squares = torch.empty(2, batch * groups, chunks, device=x.device, dtype=torch.float32)
    triton_kernels.moments[(chunks, batch * groups)](x, means, squares, size, chunks, BLOCK=block, num_warps=8)
    # Chunks have equal sizes but for the last one of a group.
    counts = torch.full((chunks,), float(block), device=x.device)
    counts[-1] = size - (chunks - 1) * block
    mean = (means * counts).sum(1) / size
    variance = (squares.sum(1) + ((means - mean[:, None]).square() * counts).sum(1)) / size
    out = torch.empty_like(x)
    factor, offset = factor.contiguous(), offset.contiguous()
    triton_kernels.spatial_norm[(_ceil(positions, 2048), batch * channels)](
        x, mean, torch.rsqrt(variance + eps), weight, bias, factor, offset, times, out, channels, channels // groups,
        positions, height, width, factor.shape[2], factor.shape[3], factor.shape[4], BLOCK=2048, num_warps=8,
    )  # fmt: skip
    return out


def _round_rows(x: Tensor) -> tuple[Tensor, Tensor]:
    scales = (x.abs().amax(-1, keepdim=True) / E4M3_MAX).clamp(min=1e-12)
    return (x / scales).to(torch.float8_e4m3fn), scales.reshape(-1, 1)
