"""Which attention kernel to use for the shape of a video."""

from __future__ import annotations

import logging
from functools import lru_cache
from typing import Literal

from vmevalkit.errors import ConfigError

log = logging.getLogger(__name__)

Attention = Literal["auto", "hopper", "fa3", "cudnn", "flash", "sdpa"]
"""Attention kernels; `hopper` is the kit's own."""


@lru_cache
def pick_attention(attention: Attention, tokens: int, heads: int, width: int, device: str) -> str:
    """Return the requested attention kernel, or for `auto` the fastest for the shape of a video.

    Raises:
        ConfigError: the requested kernel does not run here.
    """
    import torch

    from vmevalkit.models.diffusers.attention_kernels import time_attention

    times = {"sdpa": 0.0} if device == "cpu" else time_attention(tokens, heads, width, device, torch.bfloat16)
    if attention != "auto" and attention not in times:
        raise ConfigError(f"attention = '{attention}': it does not run here; available: {', '.join(times)}")
    log.info("attention of %d tokens, ms: %s", tokens, times)
    return min(times, key=times.__getitem__) if attention == "auto" else attention
