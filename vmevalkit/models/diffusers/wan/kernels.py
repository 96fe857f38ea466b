"""What a Wan block computes between its matrix products, each in one pass over memory.

Each function has two bodies: a Triton kernel for NVIDIA GPUs, and PyTorch for everything else, which also says what the
kernel computes. Both compute in float32 and round once at the end, where the stock block rounds more often.

Shapes: batch B, tokens S, channels D = heads H x width W.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as nn
from torch import Tensor

try:
    from vmevalkit.models.diffusers.wan import triton_kernels
except ImportError:  # PyTorch for the CPU comes without
    triton_kernels = None  # type: ignore[assignment]


@dataclass(frozen=True)
class Table:
    """Values for each channel, of which there may be several kinds.

    Wan2.2-TI2V takes the first frame as free of noise, so that the modulation of its tokens differs from the others'.

    Attributes:
        values: (K, D), float32.
        kinds: (B S), int32; which row belongs to each token. None if all have the first.
    """

    values: Tensor
    kinds: Tensor | None = None

    def spread(self, tokens: int) -> Tensor:
        """Return the values for each token, (B, S, D) or (1, 1, D)."""
        if self.kinds is None:
            return self.values[:1, None]
        return self.values[self.kinds.long()].unflatten(0, (-1, tokens))


def gated_norm(x: Tensor, update: Tensor | None, gate: Table | None, scale: Table, shift: Table, eps: float) -> Tensor:
    """Add what the layer before computed, normalize over channels, and modulate.

    Args:
        x: (B, S, D); becomes x + gate * update in place.
        update: (B, S, D), or None for the first layer.
        gate: None stands for 1.
        scale, shift: with which normalized channels are multiplied, and what is added.

    Returns:
        (B, S, D).
    """
    if not x.is_cuda:
        add_gated(x, update, gate)
        normed = nn.layer_norm(x.float(), (x.shape[-1],), eps=eps)
        return (normed * scale.spread(x.shape[1]) + shift.spread(x.shape[1])).to(x.dtype)
    out = torch.empty_like(x)
    _gated_norm(x, update, gate, scale, shift, out, eps)
    return out


def add_gated(x: Tensor, update: Tensor | None, gate: Table | None) -> None:
    """Add what a layer computed: x, (B, S, D), becomes x + gate * update."""
    if update is None:
        return
    if x.is_cuda:
        _gated_norm(x, update, gate, None, None, x, 0.0)
    else:
        x.copy_(x.float() + update.float() * (1.0 if gate is None else gate.spread(x.shape[1])))


def norm_rotate(
    x: Tensor, q_weight: Tensor, k_weight: Tensor | None, eps: float, rotation: tuple[Tensor, Tensor] | None = None
) -> None:
    """Normalize queries, and keys if there are any, over all heads; rotate them; scale queries for attention. In place.

    Args:
        x: (B, S, N, H, W): queries, then keys if `k_weight` is given, then anything else.
        q_weight, k_weight: (D), of the RMS norms.
        rotation: cosines and sines, (S, W) each, float32, equal in neighboring pairs.

    The weights of attention are 2^(q k): the logarithm of 2 and the square root of W, by which products are divided,
    become part of the queries.
    """
    batch, tokens, _, heads, width = x.shape
    factor = 1 / (math.sqrt(width) * math.log(2))
    weights = (q_weight,) if k_weight is None else (q_weight, k_weight)
    channels = heads * width
    if not x.is_cuda:
        for index, weight in enumerate(weights):
            part = nn.rms_norm(x[:, :, index].flatten(2).float(), (channels,), weight.float(), eps)
            part = part.unflatten(-1, (heads, width))
            if rotation is not None:
                cosine, sine = (table[None, :, None] for table in rotation)
                even, odd = part.unflatten(-1, (-1, 2)).unbind(-1)
                part = part * cosine + torch.stack((-odd, even), dim=-1).flatten(-2) * sine
            x[:, :, index] = (part * (1.0 if index else factor)).to(x.dtype)
        return
    cosine, sine = rotation if rotation is not None else (q_weight, q_weight)
    triton_kernels.norm_rotate[(batch * tokens, len(weights))](
        x, q_weight, weights[-1], factor, cosine, sine, tokens, channels, x.stride(1), eps,
        BLOCK=_power_of_2(channels), WIDTH=width, ROTATE=rotation is not None, num_warps=8,
    )  # fmt: skip


def _gated_norm(
    x: Tensor, update: Tensor | None, gate: Table | None, scale: Table | None, shift: Table | None, out: Tensor,
    eps: float,
) -> None:  # fmt: skip
    kinds = next((table.kinds for table in (gate, scale) if table is not None and table.kinds is not None), None)
    channels = x.shape[-1]

    def values(table: Table | None) -> Tensor:
        return x if table is None else table.values

    # A norm with weights of its own has one row, whatever the kind.
    triton_kernels.gated_norm[(x.shape[0] * x.shape[1],)](
        x, x if update is None else update, values(gate), values(scale), values(shift), x if kinds is None else kinds,
        out, channels, eps, _row(gate), _row(scale),
        BLOCK=_power_of_2(channels), UPDATE=update is not None, GATED=gate is not None, KINDS=kinds is not None,
        NORM=scale is not None, num_warps=8,
    )  # fmt: skip


def _row(table: Table | None) -> int:
    """Elements from one row of a table to the next; 0 if all tokens have the same."""
    return 0 if table is None or table.kinds is None else table.values.stride(0)


def _power_of_2(number: int) -> int:
    """Return the smallest power of two that is not less."""
    return 1 << (number - 1).bit_length()
