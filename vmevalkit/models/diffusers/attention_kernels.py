"""Attention kernels by name.

All take queries (B, S, H, D), and keys and values (B, T, H, D), such that the weights of attention are 2^(q k): the
logarithm of 2 and the square root of D, by which products are divided, are part of the queries. All return
(B, S, H, D), are exact up to rounding, and give the same bits again.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as nn
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

try:
    from vmevalkit.models.diffusers import hopper
except ImportError:  # PyTorch for the CPU has no Triton, and not all versions of Triton have Gluon
    hopper = None  # type: ignore[assignment]


def _sdpa(backend: SDPBackend | None) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        q, k, v = (part.transpose(1, 2) for part in (q, k, v))
        if backend is None:
            return nn.scaled_dot_product_attention(q, k, v, scale=math.log(2)).transpose(1, 2)
        with sdpa_kernel(backend):
            return nn.scaled_dot_product_attention(q, k, v, scale=math.log(2)).transpose(1, 2)

    return attend


def _fa3(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    from fa3_fwd_interface import flash_attn_func

    out = flash_attn_func(q, k, v, softmax_scale=math.log(2))
    return out[0] if isinstance(out, tuple) else out


def _hopper(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    if hopper is None:
        raise ImportError("Gluon is not installed")
    return hopper.attend(q, k, v)


# `hopper` also takes queries and keys in float8, with heads of 64 channels.
ATTENTION: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "hopper": _hopper,
    "fa3": _fa3,
    "cudnn": _sdpa(SDPBackend.CUDNN_ATTENTION),
    "flash": _sdpa(SDPBackend.FLASH_ATTENTION),
    "sdpa": _sdpa(None),
}


def attend_into(name: str, q: Tensor, k: Tensor, v: Tensor, out: Tensor) -> Tensor:
    """Add the attention of a kernel to what there is, (B, S, H, D)."""
    if name == "hopper":
        return hopper.attend(q, k, v, into=out)
    return out + ATTENTION[name](q, k, v)


def time_attention(tokens: int, heads: int, width: int, device: str, dtype: Any) -> dict[str, float]:
    """Milliseconds of each kernel that runs here, on one guidance branch of the real shape, best of three."""
    q, k, v = torch.randn(1, tokens, 3, heads, width, device=device, dtype=dtype).unbind(2)
    times = {}
    for name, attend in ATTENTION.items():
        try:
            attend(q, k, v)
            spans = []
            for _ in range(3):
                start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
                start.record()
                attend(q, k, v)
                end.record()
                end.synchronize()
                spans.append(start.elapsed_time(end))
            times[name] = min(spans)
        except (ImportError, RuntimeError):  # not installed, or not for this GPU
            continue
    return times
