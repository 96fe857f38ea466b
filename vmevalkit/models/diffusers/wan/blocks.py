"""Wan's transformer as one module that computes the same with less traffic.

What lies between two matrix products is one kernel (`kernels.py`); queries, keys and values come from one product; GELU
is part of the product before it; keys and values of the prompt and of the image are computed once for all steps. A
block's weights are one piece of memory: on the GPU, or in pinned host memory and copied one block ahead.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as nn
from torch import Tensor

from vmevalkit.models.diffusers.attention_kernels import ATTENTION, attend_into
from vmevalkit.models.diffusers.devices import on_device
from vmevalkit.models.diffusers.linear import Weights, linear, linear_gelu, rounded
from vmevalkit.models.diffusers.memory import Memory
from vmevalkit.models.diffusers.prefetch import Layout, Stream
from vmevalkit.models.diffusers.wan import kernels
from vmevalkit.models.diffusers.wan.kernels import Table

_LINEAR = ("qkv", "out", "query", "out2", "up", "down")
# Contexts that are kept: those of the two branches of guidance.
_KEPT = 2


def _parts(block: Any, device: str, fp8: bool) -> dict[str, Tensor]:
    """Return a stock block's weights, as they are used here."""
    own, cross = block.attn1, block.attn2
    layers = {
        "qkv": (own.to_q, own.to_k, own.to_v), "out": (own.to_out[0],), "query": (cross.to_q,),
        "text": (cross.to_k, cross.to_v), "out2": (cross.to_out[0],), "up": (block.ffn.net[0].proj,),
        "down": (block.ffn.net[2],),
    }  # fmt: skip
    norms = {"norm_q": own.norm_q, "norm_k": own.norm_k, "norm_q2": cross.norm_q, "norm_text": cross.norm_k}
    if cross.add_k_proj is not None:
        layers["image"] = (cross.add_k_proj, cross.add_v_proj)
        norms["norm_image"] = cross.norm_added_k
    parts = {}
    for name, together in layers.items():
        parts[f"{name}.weight"] = torch.cat([layer.weight.to(device) for layer in together])
        parts[f"{name}.bias"] = torch.cat([layer.bias.to(device) for layer in together])
    parts |= {name: norm.weight.to(device) for name, norm in norms.items()}
    if isinstance(block.norm2, torch.nn.LayerNorm):
        parts |= {"norm2.weight": block.norm2.weight.float(), "norm2.bias": block.norm2.bias.float()}
    if fp8:
        parts = rounded(parts, _LINEAR)
    return {name: part.detach() for name, part in parts.items()}


class Context:
    """What a prompt and an image contribute: embedded once, and the keys and values of each block."""

    def __init__(self, embedder: Any, text: Tensor, image: Tensor | None) -> None:
        # Also keeps the tensors alive, so that no other ones take their place in memory.
        self.source = (text, image)
        self.text = embedder.text_embedder(text)
        self.image = None if image is None else embedder.image_embedder(image)
        self._pairs: dict[int, list[tuple[Tensor, Tensor]]] = {}

    def is_of(self, text: Tensor, image: Tensor | None) -> bool:
        """Whether it was made of these very tensors."""
        return self.source[0] is text and self.source[1] is image

    def pairs(self, index: int, weights: Weights, heads: int, eps: float) -> list[tuple[Tensor, Tensor]]:
        """Return keys and values of a block, (B, T, H, W) each: of the text and, if there is one, of the image."""
        if index not in self._pairs:
            parts = {"text": self.text, **({} if self.image is None else {"image": self.image})}
            self._pairs[index] = [self._pair(weights, name, part, heads, eps) for name, part in parts.items()]
        return self._pairs[index]

    @staticmethod
    def _pair(weights: Weights, name: str, embedded: Tensor, heads: int, eps: float) -> tuple[Tensor, Tensor]:
        keys, values = linear(weights, name, embedded).chunk(2, dim=-1)
        weight = weights[f"norm_{name}"]
        keys = nn.rms_norm(keys.float(), weight.shape, weight.float(), eps).to(values.dtype)
        return keys.unflatten(-1, (heads, -1)), values.contiguous().unflatten(-1, (heads, -1))


class Transformer:
    """The `forward` of a stock transformer, whose blocks it takes over.

    Args:
        stock: a `WanTransformer3DModel`. Weights of its blocks are moved, so that memory never holds them twice.
        device: where to compute.
        attention: a name in `attention_kernels.ATTENTION`.
        streamed: keep the weights of blocks in pinned host memory; else on the device.
        fp8: round linear layers to float8. Not exact.
    """

    def __init__(self, stock: Any, device: str, attention: str, streamed: bool, fp8: bool = False) -> None:
        first = stock.blocks[0]
        self.stock, self.device, self.attention = stock, torch.device(device), attention
        self.heads = first.attn1.heads
        self.eps, self.head_eps = first.norm1.eps, first.attn1.norm_q.eps
        self.layout = Layout(_parts(first, device, fp8))
        self._tables = torch.cat([block.scale_shift_table.float() for block in stock.blocks]).to(device)
        self._memory = []
        for block in stock.blocks:
            memory = torch.empty(self.layout.size, dtype=torch.uint8, device="cpu" if streamed else device)
            views = self.layout.views(memory)
            for name, part in _parts(block, device if fp8 or not streamed else "cpu", fp8).items():
                views[name].copy_(part)
            block.to("meta")
            self._memory.append(memory)
        stock.blocks = torch.nn.ModuleList()
        self._stream = Stream(self._memory, self.device) if streamed else None
        self._contexts: list[Context] = []
        self._rotation: tuple[torch.Size, tuple[Tensor, Tensor]] | None = None

    def __call__(
        self,
        hidden_states: Tensor,
        timestep: Tensor,
        encoder_hidden_states: Tensor,
        encoder_hidden_states_image: Tensor | None = None,
        return_dict: bool = True,
        attention_kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Compute what the stock transformer computes.

        Args:
            hidden_states: (B, channels, T, H, W), latents.
            timestep: (B), or (B, S) with a timestep for each token.
            encoder_hidden_states: (B, 512, text channels).
            encoder_hidden_states_image: (B, 257, image channels), for models with an image encoder.
            return_dict, attention_kwargs: as those of the stock transformer; pipelines give False and None.
        """
        stock = self.stock
        x = stock.patch_embedding(hidden_states).flatten(2).transpose(1, 2).contiguous()
        time, projected, kinds = self._times(timestep, x, encoder_hidden_states.dtype)
        context = self._context(encoder_hidden_states, encoder_hidden_states_image)
        # (blocks, 6, K, D): shift, 1 + scale, and gate of self-attention, then of the feed-forward layers.
        modulation = self._tables[:, :, None] + projected.float().transpose(0, 1)[None]
        modulation[:, [1, 4]] += 1
        update, gate = self._run(x, context, modulation, kinds, self._rotated(hidden_states))
        shift, scale = (stock.scale_shift_table.float() + time.float()[:, None]).unbind(1)
        # The last gate belongs to the blocks, so it is applied before the norm of the output.
        normed = kernels.gated_norm(
            x,
            update,
            gate,
            Table((1 + scale).contiguous(), kinds),
            Table(shift.contiguous(), kinds),
            stock.norm_out.eps,
        )
        output = self._unpatched(stock.proj_out(normed), hidden_states.shape)
        if return_dict:
            from diffusers.models.modeling_outputs import Transformer2DModelOutput

            return Transformer2DModelOutput(sample=output)
        return (output,)

    def _run(
        self, x: Tensor, context: Context, modulation: Tensor, kinds: Tensor | None, rotation: tuple[Tensor, Tensor]
    ) -> tuple[Tensor, Table]:
        """Run all blocks; x, (B, S, D), lacks only the last update, which is returned with its gate."""
        update: Tensor | None = None
        gate: Table | None = None
        # What is not needed any more is dropped at once: each of these is as large as x or several times that.
        for index, weights in enumerate(self._weights()):
            shift, scale, own_gate, shift2, scale2, gate2 = modulation[index].unbind(0)
            normed = kernels.gated_norm(x, update, gate, Table(scale, kinds), Table(shift, kinds), self.eps)
            del update
            update = self._own_attention(weights, normed, rotation)
            normed = self._between(weights, x, update, Table(own_gate, kinds))
            del update
            update = self._cross_attention(weights, normed, context, index)
            normed = kernels.gated_norm(x, update, None, Table(scale2, kinds), Table(shift2, kinds), self.eps)
            del update
            hidden, scales = linear_gelu(weights, "up", normed)
            del normed
            update, gate = linear(weights, "down", hidden, scales), Table(gate2, kinds)
            del hidden, scales
        assert update is not None
        assert gate is not None
        return update, gate

    def _own_attention(self, weights: Weights, normed: Tensor, rotation: tuple[Tensor, Tensor]) -> Tensor:
        qkv = linear(weights, "qkv", normed).unflatten(-1, (3, self.heads, -1))
        kernels.norm_rotate(qkv, weights["norm_q"], weights["norm_k"], self.head_eps, rotation)
        return linear(weights, "out", ATTENTION[self.attention](*qkv.unbind(2)).flatten(2))

    def _between(self, weights: Weights, x: Tensor, update: Tensor, gate: Table) -> Tensor:
        """Add what self-attention computed and normalize for cross-attention, if the model does."""
        if "norm2.weight" not in weights:
            kernels.add_gated(x, update, gate)
            return x
        scale, shift = (Table(weights[f"norm2.{name}"][None]) for name in ("weight", "bias"))
        return kernels.gated_norm(x, update, gate, scale, shift, self.eps)

    def _cross_attention(self, weights: Weights, normed: Tensor, context: Context, index: int) -> Tensor:
        queries = linear(weights, "query", normed).unflatten(-1, (1, self.heads, -1))
        kernels.norm_rotate(queries, weights["norm_q2"], None, self.head_eps)
        (keys, values), *others = context.pairs(index, weights, self.heads, self.head_eps)
        attended = ATTENTION[self.attention](queries[:, :, 0], keys, values)
        for keys, values in others:
            attended = attend_into(self.attention, queries[:, :, 0], keys, values, attended)
        return linear(weights, "out2", attended.flatten(2))

    def _weights(self) -> Iterator[Weights]:
        memory = self._memory if self._stream is None else self._stream.pieces()
        return map(self.layout.views, memory)

    def _times(self, timestep: Tensor, x: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return the embedding (K, D) and modulation (K, 6, D) of each timestep, and which belongs to each token.

        With a timestep for each token, only two differ: that of the first frame and that of the others.
        """
        embedder, batch, tokens = self.stock.condition_embedder, x.shape[0], x.shape[1]
        kinds: Tensor | None = None
        if timestep.ndim == 2:
            timestep, kinds = torch.unique(timestep.flatten(), return_inverse=True)
        elif batch > 1:
            kinds = torch.arange(batch, device=x.device).repeat_interleave(tokens)
        time = embedder.timesteps_proj(timestep)
        time = embedder.time_embedder(time.to(next(embedder.time_embedder.parameters()).dtype)).to(dtype)
        projected = embedder.time_proj(embedder.act_fn(time)).unflatten(1, (6, -1))
        return time, projected, None if kinds is None else kinds.int()

    def _context(self, text: Tensor, image: Tensor | None) -> Context:
        """Return the context of these tensors, which pipelines pass again in every step."""
        found = next((context for context in self._contexts if context.is_of(text, image)), None)
        if found is None:
            found = Context(self.stock.condition_embedder, text, image)
            self._contexts = [*self._contexts[1 - _KEPT :], found]
        return found

    def _rotated(self, hidden_states: Tensor) -> tuple[Tensor, Tensor]:
        """Return cosines and sines, (S, W) each, for the size of a video."""
        if self._rotation is None or self._rotation[0] != hidden_states.shape:
            cosine, sine = (table[0, :, 0].float().contiguous() for table in self.stock.rope(hidden_states))
            self._rotation = hidden_states.shape, (cosine, sine)
        return self._rotation[1]

    def _unpatched(self, x: Tensor, shape: torch.Size) -> Tensor:
        """Put patches, (B, S, channels of a patch), together to latents (B, channels, T, H, W)."""
        times, rows, columns = self.stock.config.patch_size
        grid = (shape[2] // times, shape[3] // rows, shape[4] // columns)
        x = x.reshape(shape[0], *grid, times, rows, columns, -1).permute(0, 7, 1, 4, 2, 5, 3, 6)
        return x.flatten(6, 7).flatten(4, 5).flatten(2, 3)


def fuse(pipe: Any, plan: Memory, device: str, attention: str, fp8: bool) -> None:
    """Replace the computation of a pipeline's transformers, and place the pipeline as the plan demands."""
    streamed = plan not in ("resident", "model") and device != "cpu"
    with on_device(device):
        for name in ("transformer", "transformer_2"):
            transformer = getattr(pipe, name, None)
            if transformer is not None:
                transformer.forward = Transformer(transformer, device, attention, streamed, fp8)
    pipe.to(device)
