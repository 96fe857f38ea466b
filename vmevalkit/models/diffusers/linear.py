"""Linear layers, in bfloat16 or in float8, from weights that lie in one piece of memory."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as nn
from torch import Tensor

from vmevalkit.models.diffusers.cogvideox.kernels import round_rows

Weights = Mapping[str, Tensor]
"""`name.weight` (out, in) and `name.bias` (out) of each layer; in float8 also `name.scale` (1, out)."""


def rounded(weights: dict[str, Tensor], names: tuple[str, ...]) -> dict[str, Tensor]:
    """Return weights in which some layers are rounded to float8, with a scale for each output."""
    weights = dict(weights)
    for name in names:
        values, scales = round_rows(weights[f"{name}.weight"].contiguous())
        weights |= {f"{name}.weight": values, f"{name}.scale": scales.T.contiguous()}
    return weights


def linear(weights: Weights, name: str, x: Tensor, scales: Tensor | None = None) -> Tensor:
    """Apply a layer to x (..., in), which may be rounded already, with its scales (N, 1)."""
    weight, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
    if f"{name}.scale" not in weights:
        return nn.linear(x, weight, bias)
    rows = x.flatten(0, -2)
    if scales is None:
        rows, scales = round_rows(rows)
    if not x.is_cuda:
        out = (rows.float() * scales) @ (weight.float() * weights[f"{name}.scale"].T).T + bias
    else:
        out = torch._scaled_mm(
            rows, weight.T, scales, weights[f"{name}.scale"], bias, out_dtype=bias.dtype, use_fast_accum=True
        )
    return out.view(*x.shape[:-1], -1)


def linear_gelu(weights: Weights, name: str, x: Tensor, scales: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
    """Apply a layer and GELU (tanh). In float8, return what `linear` takes: rounded values and their scales."""
    if f"{name}.scale" in weights:
        hidden, scales = round_rows(linear(weights, name, x, scales).flatten(0, 1), gelu=True)
        return hidden.view(*x.shape[:2], -1), scales
    weight, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
    if x.is_cuda:
        # The product's own epilogue: cuBLAS adds the bias and applies GELU before it rounds.
        return torch._addmm_activation(bias, x.flatten(0, 1), weight.T, use_gelu=True).view(*x.shape[:2], -1), None
    return nn.gelu(nn.linear(x, weight, bias), approximate="tanh"), None
