"""CogVideoX's transformer blocks, all of them as one module that computes the same with less traffic.

It stands in for `transformer.transformer_blocks`. Text and video stay one sequence; what lies between two matrix
products is one kernel (kernels.py); queries, keys and values come from one product; GELU is part of the product before
it. A block's weights are one piece of memory: on the GPU, or in pinned host memory and copied one block ahead.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Any

import torch
import torch.nn.functional as nn
from torch import Tensor

from vmevalkit.models.diffusers.attention_kernels import ATTENTION
from vmevalkit.models.diffusers.cache import FirstBlockCache
from vmevalkit.models.diffusers.cogvideox import kernels
from vmevalkit.models.diffusers.linear import linear, linear_gelu, rounded
from vmevalkit.models.diffusers.prefetch import Layout, Stream

_LINEAR = ("qkv", "out", "up", "down")


def _parts(block: Any, device: str, fp8: bool) -> dict[str, Tensor]:
    """A stock block's weights, as they are used here."""
    attention, up, down = block.attn1, block.ff.net[0].proj, block.ff.net[2]
    projections = (attention.to_q, attention.to_k, attention.to_v)
    parts = {
        "qkv.weight": torch.cat([layer.weight.to(device) for layer in projections]),
        "qkv.bias": torch.cat([layer.bias.to(device) for layer in projections]),
    }
    layers = {
        "norm1": block.norm1.norm, "norm1.linear": block.norm1.linear, "norm_q": attention.norm_q,
        "norm_k": attention.norm_k, "out": attention.to_out[0], "norm2": block.norm2.norm,
        "norm2.linear": block.norm2.linear, "up": up, "down": down,
    }  # fmt: skip
    for name, layer in layers.items():
        parts[f"{name}.weight"], parts[f"{name}.bias"] = layer.weight.to(device), layer.bias.to(device)
    if fp8:
        parts = rounded(parts, _LINEAR)
    return {name: part.detach() for name, part in parts.items()}


def _add(x: Tensor, update: Tensor, gates: Tensor, text: int) -> Tensor:
    """Add the update of a block to x in place, and return x."""
    gate, text_gate = (gates.chunk(6, dim=1)[which][:, None] for which in (2, 5))
    x[:, text:].addcmul_(gate, update[:, text:])
    x[:, :text].addcmul_(text_gate, update[:, :text])
    return x


class Blocks(torch.nn.Module):
    """All blocks, called in their order as if they were one.

    Args:
        blocks: of a stock transformer. They lose their weights on the way, so that these are never there twice.
        device: where to compute.
        attention: a name in `attention_kernels.ATTENTION`.
        streamed: keep the weights in pinned host memory; else on the device.
        fp8: round linear layers to float8, and what `hopper` attention multiplies queries by keys. Not exact.
        cache: passes over all blocks but the first where it can. Not exact.
    """

    def __init__(
        self, blocks: Sequence[Any], device: str, attention: str, streamed: bool, fp8: bool = False,
        cache: FirstBlockCache | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        first = blocks[0]
        self.heads = first.attn1.heads
        self.eps, self.head_eps = first.norm1.norm.eps, first.attn1.norm_q.eps
        self.attention, self.fp8, self.cache = attention, fp8, cache
        self.device = torch.device(device)
        self.layout = Layout(_parts(first, device, fp8))
        self.count = len(blocks)
        self._memory = []
        for block in blocks:
            memory = torch.empty(self.layout.size, dtype=torch.uint8, device="cpu" if streamed else device)
            views = self.layout.views(memory)
            for name, part in _parts(block, device if fp8 or not streamed else "cpu", fp8).items():
                views[name].copy_(part)
            block.to("meta")
            self._memory.append(memory)
        self._stream = Stream(self._memory, self.device) if streamed else None

    def forward(
        self,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor,
        temb: Tensor,
        image_rotary_emb: tuple[Tensor, Tensor] | None = None,
        attention_kwargs: dict[str, Any] | None = None,
    ) -> tuple[Tensor, Tensor]:
        """What the blocks one after the other answer.

        Args:
            hidden_states: (B, S - T, D), of the video.
            encoder_hidden_states: (B, T, D), of the text.
            temb: (B, time embedding).
            image_rotary_emb: cosines and sines, (S - T, 64) each, float32.
        """
        text = encoder_hidden_states.shape[1]
        x = torch.cat([encoder_hidden_states, hidden_states], dim=1)
        del hidden_states, encoder_hidden_states
        time = nn.silu(temb)
        if image_rotary_emb is not None:
            image_rotary_emb = tuple(table.to(x.device).contiguous() for table in image_rotary_emb)
        weights = self._weights()
        run = partial(self._run, x=x, time=time, rotation=image_rotary_emb, text=text)
        if self.cache is None:
            _add(x, *run(weights), text)
            return x[:, text:], x[:, :text]
        before = x.clone()
        update, gates = run(islice(weights, 1))
        # The other blocks go on from x and its update, as they do without a cache: adding it here would round it.
        first = _add(x.clone(), update, gates, text)
        rest = self.cache.rest(first - before)
        if rest is None:
            _add(x, *run(weights, update=update, gates=gates), text)
            self.cache.keep(x - first)
        else:
            x = first + rest
        return x[:, text:], x[:, :text]

    def _run(
        self, pieces: Iterator[dict[str, Tensor]], x: Tensor, time: Tensor, rotation: Any, text: int,
        update: Tensor | None = None, gates: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:  # fmt: skip
        """Run some blocks one after the other. `x`, (B, S, D) with the text first, is changed in place.

        Args:
            update: what the block before these adds to x, if that has not been added yet.
            gates: the modulation (B, 6 D) that scales this update.

        Returns:
            update and gates of the last block, for `_add`.
        """
        # What is not needed any more is dropped at once: each of these is as large as x or several times that.
        for weights in pieces:
            modulation = nn.linear(time, weights["norm1.linear.weight"], weights["norm1.linear.bias"])
            normed, scales = self._norm("norm1", weights, x, update, gates, modulation, text)
            update, gates = None, modulation
            qkv = linear(weights, "qkv", normed, scales).unflatten(-1, (3, self.heads, -1))
            del normed, scales
            attended = self._attend(weights, qkv, rotation, text)
            del qkv
            update = linear(weights, "out", attended.flatten(2))
            del attended
            modulation = nn.linear(time, weights["norm2.linear.weight"], weights["norm2.linear.bias"])
            normed, scales = self._norm("norm2", weights, x, update, gates, modulation, text)
            update, gates = None, modulation
            hidden, scales = linear_gelu(weights, "up", normed, scales)
            del normed
            update = linear(weights, "down", hidden, scales)
            del hidden, scales
        assert update is not None
        assert gates is not None
        return update, gates

    def _weights(self) -> Iterator[dict[str, Tensor]]:
        memory = self._memory if self._stream is None else self._stream.pieces()
        return map(self.layout.views, memory)

    def _norm(
        self, name: str, weights: dict[str, Tensor], x: Tensor, update: Tensor | None, gates: Tensor | None,
        modulation: Tensor, text: int,
    ) -> tuple[Tensor, Tensor | None]:  # fmt: skip
        return kernels.gated_norm(
            x, update, gates, modulation, weights[f"{name}.weight"], weights[f"{name}.bias"], self.eps, text, self.fp8
        )

    def _attend(self, weights: dict[str, Tensor], qkv: Tensor, rotation: Any, text: int) -> Tensor:
        q, k, v = kernels.rotate_heads(
            qkv, weights["norm_q.weight"], weights["norm_q.bias"], weights["norm_k.weight"], weights["norm_k.bias"],
            self.head_eps, rotation, text, self.fp8 and self.attention == "hopper",
        )  # fmt: skip
        return ATTENTION[self.attention](q, k, v)
