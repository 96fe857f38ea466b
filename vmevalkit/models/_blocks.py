"""CogVideoX's transformer blocks, all of them as one module that computes the same with less traffic.

It stands in for `transformer.transformer_blocks`. Text and film stay one sequence; what lies between two matrix
products is one kernel (_kernels.py); queries, keys and values come from one product; GELU is part of the product before
it. A block's weights are one piece of memory: on the GPU, or in pinned host memory and copied one block ahead.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
import torch.nn.functional as nn
from torch import Tensor

from vmevalkit.models import _kernels

# Where a tensor may begin inside a block's memory: what cuBLAS and the copy engine like.
_ALIGNMENT = 256
_LINEAR = ("qkv", "out", "up", "down")


class Layout:
    """Where each tensor of a block lies in the block's memory; the same for all blocks."""

    def __init__(self, parts: dict[str, Tensor]) -> None:
        self.places: dict[str, tuple[int, torch.dtype, torch.Size]] = {}
        self.size = 0
        for name, part in parts.items():
            self.places[name] = (self.size, part.dtype, part.shape)
            self.size += -(-part.nbytes // _ALIGNMENT) * _ALIGNMENT

    def views(self, memory: Tensor) -> dict[str, Tensor]:
        """The tensors in a block's memory, a uint8 tensor of `size` bytes."""
        return {
            name: memory[start : start + shape.numel() * dtype.itemsize].view(dtype).view(shape)
            for name, (start, dtype, shape) in self.places.items()
        }


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
        for name in _LINEAR:
            rounded, scales = _kernels.round_rows(parts[f"{name}.weight"].contiguous())
            parts |= {f"{name}.weight": rounded, f"{name}.scale": scales.T.contiguous()}
    return {name: part.detach() for name, part in parts.items()}


class Blocks(torch.nn.Module):
    """All blocks, called in their order as if they were one.

    Args:
        blocks: of a stock transformer. They lose their weights on the way, so that these are never there twice.
        device: where to compute.
        attention: a name in `_kernels.ATTENTION`.
        streamed: keep the weights in pinned host memory; else on the device.
        fp8: round linear layers and attention to float8. Not exact.
    """

    def __init__(self, blocks: Sequence[Any], device: str, attention: str, streamed: bool, fp8: bool = False) -> None:
        super().__init__()
        first = blocks[0]
        self.heads = first.attn1.heads
        self.eps, self.head_eps = first.norm1.norm.eps, first.attn1.norm_q.eps
        self.attention, self.fp8 = attention, fp8
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
        self._stream = _Stream(self._memory, self.layout, self.device) if streamed else None

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
            hidden_states: (B, S - T, D), of the film.
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
        update: Tensor | None = None
        gates: Tensor | None = None
        for weights in self._weights():
            modulation = nn.linear(time, weights["norm1.linear.weight"], weights["norm1.linear.bias"])
            normed, scales = self._norm("norm1", weights, x, update, gates, modulation, text)
            update = self._attend(weights, normed, scales, image_rotary_emb, text)
            gates = modulation
            modulation = nn.linear(time, weights["norm2.linear.weight"], weights["norm2.linear.bias"])
            normed, scales = self._norm("norm2", weights, x, update, gates, modulation, text)
            update = self._feed(weights, normed, scales)
            gates = modulation
            del normed, scales
        assert update is not None
        assert gates is not None
        film, _, gate, _, _, text_gate = (part[:, None] for part in (gates.chunk(6, dim=1)))
        del film
        return (
            torch.addcmul(x[:, text:], gate, update[:, text:]),
            torch.addcmul(x[:, :text], text_gate, update[:, :text]),
        )

    def _weights(self) -> Iterator[dict[str, Tensor]]:
        if self._stream is not None:
            return self._stream.blocks()
        return map(self.layout.views, self._memory)

    def _norm(
        self, name: str, weights: dict[str, Tensor], x: Tensor, update: Tensor | None, gates: Tensor | None,
        modulation: Tensor, text: int,
    ) -> tuple[Tensor, Tensor | None]:  # fmt: skip
        return _kernels.gated_norm(
            x, update, gates, modulation, weights[f"{name}.weight"], weights[f"{name}.bias"], self.eps, text, self.fp8
        )

    def _attend(self, weights: dict[str, Tensor], x: Tensor, scales: Tensor | None, rotation: Any, text: int) -> Tensor:
        batch, tokens, channels = x.shape
        qkv = self._linear("qkv", weights, x, scales).view(batch, tokens, 3, self.heads, channels // self.heads)
        _kernels.rotate_heads(
            qkv, weights["norm_q.weight"], weights["norm_q.bias"], weights["norm_k.weight"], weights["norm_k.bias"],
            self.head_eps, rotation, text,
        )  # fmt: skip
        if self.fp8 and self.attention == "fa3":
            out = _kernels.attend_fp8(qkv)
        else:
            out = _kernels.ATTENTION[self.attention](*qkv.unbind(2))
        del qkv
        return self._linear("out", weights, out.reshape(batch, tokens, channels))

    def _feed(self, weights: dict[str, Tensor], x: Tensor, scales: Tensor | None) -> Tensor:
        if self.fp8:
            hidden, scales = _kernels.round_rows(self._linear("up", weights, x, scales).flatten(0, 1), gelu=True)
            return self._linear("down", weights, hidden.view(*x.shape[:2], -1), scales)
        weight, bias = weights["up.weight"], weights["up.bias"]
        if x.is_cuda:
            # The product's own epilogue: cuBLAS adds the bias and applies GELU (tanh) before it rounds.
            hidden = torch._addmm_activation(bias, x.flatten(0, 1), weight.T, use_gelu=True).view(*x.shape[:2], -1)
        else:
            hidden = nn.gelu(nn.linear(x, weight, bias), approximate="tanh")
        return self._linear("down", weights, hidden)

    def _linear(self, name: str, weights: dict[str, Tensor], x: Tensor, scales: Tensor | None = None) -> Tensor:
        weight, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
        if not self.fp8:
            return nn.linear(x, weight, bias)
        rows = x.flatten(0, -2)
        if scales is None:
            rows, scales = _kernels.round_rows(rows)
        if not x.is_cuda:
            out = (rows.float() * scales) @ (weight.float() * weights[f"{name}.scale"].T).T + bias
        else:
            out = torch._scaled_mm(
                rows, weight.T, scales, weights[f"{name}.scale"], bias, out_dtype=bias.dtype, use_fast_accum=True
            )
        return out.view(*x.shape[:-1], -1)


class _Stream:
    """Blocks in pinned host memory, each copied to one of two places on the GPU while the one before it computes.

    The order wraps around, so that the next step's first blocks are copied while this step ends.
    """

    def __init__(self, memory: list[Tensor], layout: Layout, device: torch.device) -> None:
        runtime: Any = torch.cuda.cudart()
        for block in memory:
            # PyTorch's own pinned memory comes in powers of two, which would be twice as much.
            torch.cuda.check_error(runtime.cudaHostRegister(block.data_ptr(), block.nbytes, 0))
        self._memory = memory
        self._copies = torch.cuda.Stream(device)
        self._places = [torch.empty(layout.size, dtype=torch.uint8, device=device) for _ in range(2)]
        self._views = [layout.views(place) for place in self._places]
        self._arrived = [torch.cuda.Event() for _ in self._places]
        self._turn = 0
        for turn in range(2):
            self._copy(turn)

    def blocks(self) -> Iterator[dict[str, Tensor]]:
        """The weights of each block, in order; what one gives is valid until the next is asked for."""
        for _ in self._memory:
            place = self._turn % 2
            torch.cuda.current_stream().wait_event(self._arrived[place])
            yield self._views[place]
            # The copy waits for all that has been asked of the GPU so far: this block's own computation.
            self._copies.wait_stream(torch.cuda.current_stream())
            self._copy(self._turn + 2)
            self._turn += 1

    def _copy(self, turn: int) -> None:
        with torch.cuda.stream(self._copies):
            self._places[turn % 2].copy_(self._memory[turn % len(self._memory)], non_blocking=True)
            self._arrived[turn % 2].record()

    def __del__(self) -> None:
        torch.cuda.synchronize()
        for block in self._memory:
            torch.cuda.cudart().cudaHostUnregister(block.data_ptr())
