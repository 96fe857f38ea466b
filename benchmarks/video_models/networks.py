"""Transformers with random weights, and the arguments of one pass of one guidance branch, by model family."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from benchmarks.video_models.machine import Machine, random_model
from vmevalkit.models.base import MODELS, ModelCard, service_of
from vmevalkit.models.diffusers.cogvideox.blocks import Blocks
from vmevalkit.models.diffusers.wan.blocks import Transformer


def blocks_name(transformer: Any) -> str:
    """Return the name of the list of a transformer's blocks."""
    return "blocks" if hasattr(transformer, "blocks") else "transformer_blocks"


def build(model: str, where: Machine, blocks: int | None = None) -> Any:
    """Build a transformer, or its first blocks, with random weights.

    The kit's kernels also compute norms and biases. As PyTorch initializes these, they would have no effect.
    """
    _, weights = random_model(model, where.scale)
    torch.manual_seed(0)
    torch.set_default_dtype(where.dtype)
    with torch.device(where.device):
        transformer = weights.components(where.scale, 1000)["transformer"]()
    torch.set_default_dtype(torch.float32)
    transformer = transformer.to(where.dtype).eval().requires_grad_(False)
    kept = getattr(transformer, blocks_name(transformer))[:blocks]
    setattr(transformer, blocks_name(transformer), kept)
    random = torch.Generator(where.device).manual_seed(1)
    for parameter in kept.parameters():
        if parameter.ndim == 1 and has_kernels(model):
            noise = torch.randn(parameter.shape, device=where.device, generator=random)
            parameter.add_(0.1 * noise.to(where.dtype))
    return transformer


def shape(model: str, where: Machine) -> Any:
    """Return a transformer without weights."""
    _, weights = random_model(model, where.scale)
    with torch.device("meta"):
        return weights.components(where.scale, 1000)["transformer"]()


@dataclass(frozen=True)
class Inputs:
    """The arguments of a pass for the largest video of a model.

    Attributes:
        call: the arguments.
        tokens: how many queries attention has.
        others: how many keys it has beside those of `tokens`.
    """

    call: dict[str, Any]
    tokens: int
    others: int = 0


class Noise:
    """Random tensors, the same on each device."""

    def __init__(self, where: Machine) -> None:
        self.where, self.random = where, torch.Generator().manual_seed(2)

    def __call__(self, *shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=self.random).to(self.where.device, self.where.dtype)


def make_inputs(model: str, where: Machine) -> Inputs:
    """Return the arguments of a pass."""
    card, _ = random_model(model, where.scale)
    if MODELS[model].family not in _INPUTS:
        raise SystemExit(f"{model}: passes are measured of {', '.join(_INPUTS)}")
    return _INPUTS[MODELS[model].family](card, shape(model, where).config, where)


def _tokens(card: ModelCard) -> int:
    kind: Any = service_of(card)
    return int(kind(card.model, **card.args).config.tokens)


def _inputs_of_cogvideox(card: ModelCard, config: Any, where: Machine) -> Inputs:
    (width, height), frames, noise = card.size, card.frames, Noise(where)  # type: ignore[misc]
    latents = (frames - 1) // 4 + 1  # type: ignore[operator]
    latents += latents % (config.patch_size_t or 1)
    tokens = latents // (config.patch_size_t or 1) * (height // 16) * (width // 16)
    angles = torch.randn(tokens, config.attention_head_dim // 2, generator=noise.random).to(where.device)
    angles = angles.repeat_interleave(2, dim=1)
    call = {
        "hidden_states": noise(1, latents, config.in_channels, height // 8, width // 8),
        "encoder_hidden_states": noise(1, 226, config.text_embed_dim),
        "timestep": torch.full((1,), 500, device=where.device),
        "image_rotary_emb": (angles.cos(), angles.sin()),
        "ofs": torch.full((1,), 2.0, device=where.device, dtype=where.dtype) if config.patch_size_t else None,
        "return_dict": False,
    }
    return Inputs(call, _tokens(card))


def _inputs_of_wan(card: ModelCard, config: Any, where: Machine) -> Inputs:
    (width, height), frames, noise = card.size, card.frames, Noise(where)  # type: ignore[misc]
    # The sides of a token, which is a patch of 2x2 latents.
    side = service_of(card).config_type.variants[card.model].limits.multiple  # type: ignore[union-attr]
    times, rows, columns = (frames - 1) // 4 + 1, height // side, width // side  # type: ignore[operator]
    timestep = torch.full((1,), 500, device=where.device)
    if config.in_channels == config.out_channels:  # a timestep for each token; the first frame is given
        timestep = torch.full((1, times * rows * columns), 500, device=where.device)
        timestep[:, : rows * columns] = 0
    call = {
        "hidden_states": noise(1, config.in_channels, times, 2 * rows, 2 * columns),
        "timestep": timestep,
        "encoder_hidden_states": noise(1, 512, config.text_dim),
        "return_dict": False,
    }
    if config.image_dim:
        call["encoder_hidden_states_image"] = noise(1, 257, config.image_dim)
    return Inputs(call, _tokens(card), 512 + (257 if config.image_dim else 0))


def _inputs_of_ltx(card: ModelCard, config: Any, where: Machine) -> Inputs:
    # A token is 32x32 pixels of 8 frames.
    (width, height), frames, noise = card.size, card.frames, Noise(where)  # type: ignore[misc]
    times, rows, columns = (frames - 1) // 8 + 1, height // 32, width // 32  # type: ignore[operator]
    mask = torch.zeros(1, 128, device=where.device)
    mask[:, :60] = 1
    call = {
        "hidden_states": noise(1, times * rows * columns, config.in_channels),
        "encoder_hidden_states": noise(1, 128, config.caption_channels),
        "timestep": torch.full((1, 1), 500.0, device=where.device, dtype=where.dtype),
        "encoder_attention_mask": mask,
        "num_frames": times,
        "height": rows,
        "width": columns,
        "rope_interpolation_scale": (8 / 25, 32, 32),
        "return_dict": False,
    }
    return Inputs(call, times * rows * columns)


def _inputs_of_hunyuanvideo15(card: ModelCard, config: Any, where: Machine) -> Inputs:
    # A token is 16x16 pixels of 4 frames. The prompt has 120 of the 1000 tokens that the pipeline passes.
    (width, height), frames, noise = card.size, card.frames, Noise(where)  # type: ignore[misc]
    times, rows, columns = (frames - 1) // 4 + 1, height // 16, width // 16  # type: ignore[operator]
    mask = torch.zeros(1, 1000, device=where.device)
    mask[:, :120] = 1
    call = {
        "hidden_states": noise(1, config.in_channels, times, rows, columns),
        "timestep": torch.full((1,), 500.0, device=where.device, dtype=where.dtype),
        "encoder_hidden_states": noise(1, 1000, config.text_embed_dim),
        "encoder_attention_mask": mask,
        "encoder_hidden_states_2": noise(1, 256, config.text_embed_2_dim),
        "encoder_attention_mask_2": torch.zeros(1, 256, device=where.device),
        "image_embeds": noise(1, 729, config.image_embed_dim),
        "return_dict": False,
    }
    return Inputs(call, times * rows * columns)


_INPUTS: dict[str, Callable[[ModelCard, Any, Machine], Inputs]] = {
    "CogVideoX": _inputs_of_cogvideox,
    "Wan": _inputs_of_wan,
    "LTX-Video": _inputs_of_ltx,
    "HunyuanVideo-1.5": _inputs_of_hunyuanvideo15,
}


def has_kernels(model: str) -> bool:
    """Whether the kit has kernels of its own for a model."""
    return MODELS[model].family in ("CogVideoX", "Wan")


def fuse(transformer: Any, where: Machine, attention: str, streamed: bool = False, fp8: bool = False) -> None:
    """Let a transformer of CogVideoX or Wan run with the kit's kernels."""
    if blocks_name(transformer) == "blocks":
        transformer.forward = Transformer(transformer, where.device, attention, streamed, fp8)
    else:
        fused = Blocks(transformer.transformer_blocks, where.device, attention, streamed, fp8)
        transformer.transformer_blocks = torch.nn.ModuleList([fused])
