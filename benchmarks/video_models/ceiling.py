"""The time of a pass if nothing but its matrix products and its attention took time."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from benchmarks.video_models import networks
from benchmarks.video_models.machine import Machine, timed
from vmevalkit.models.diffusers.attention_kernels import ATTENTION, time_attention

# Layers that do not see each token in each step: keys and values of prompt and image are computed once for all steps,
# and modulation once a step.
_RARE = ("attn2.to_k", "attn2.to_v", "add_k_proj", "add_v_proj", "norm1.linear", "norm2.linear")


@dataclass(frozen=True)
class Ceiling:
    """What this GPU can do.

    Attributes:
        seconds: of one pass of one guidance branch.
        flop: of the same.
        kernels: the attention kernels that run here, the fastest first.
        text: the rates, for people.
    """

    seconds: float
    flop: float
    kernels: tuple[str, ...]
    text: str


def measure_ceiling(model: str, where: Machine) -> Ceiling:
    """Measure the rates of a matrix product and of attention; on a CPU, return only the work."""
    transformer, inputs = networks.shape(model, where), networks.make_inputs(model, where)
    heads, width = transformer.config.num_attention_heads, transformer.config.attention_head_dim
    blocks = getattr(transformer, networks.blocks_name(transformer))
    weights = sum(
        p.numel() for name, p in blocks.named_parameters() if p.ndim == 2 and not any(part in name for part in _RARE)
    )
    linear, tokens = 2 * inputs.tokens * weights, inputs.tokens
    attention = 4 * tokens * (tokens + inputs.others) * heads * width * len(blocks)
    if where.device == "cpu":
        return Ceiling(math.nan, linear + attention, ("sdpa",), "not measured on a CPU")
    a, b = torch.randn(2, 8192, 8192, device=where.device, dtype=where.dtype)
    product = rate(where, lambda: a @ b, 2 * 8192**3)
    times = time_attention(tokens, heads, width, where.device, where.dtype)
    kernels = tuple(sorted(times, key=times.__getitem__))
    q, k, v = torch.randn(3, 1, tokens, heads, width, device=where.device, dtype=where.dtype).unbind(0)
    q /= width**0.5  # close to the spread of what a model computes
    attend = rate(where, lambda: ATTENTION[kernels[0]](q, k, v), 4 * tokens**2 * heads * width)
    text = f"matrix product {product / 1e12:.0f} TFLOP/s, attention {attend / 1e12:.0f} TFLOP/s ({kernels[0]}); "
    text += "kernels alone, ms: " + ", ".join(f"{name} {ms:.2f}" for name, ms in times.items())
    return Ceiling(linear / product + attention / attend, linear + attention, kernels, text)


def rate(where: Machine, work: Callable[[], Any], flop: float) -> float:
    """Return FLOP/s of a hot GPU: a rested one is faster."""
    repeats = max(3, int(1e15 / flop))

    def together() -> None:
        for _ in range(repeats):
            work()

    together()
    return flop * repeats / timed(where, together, 1)
