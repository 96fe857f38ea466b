"""The Triton kernels behind `kernels.py`, which says what each computes.

A program takes a row of a matrix, loads it once, computes in float32 and stores it once.
"""

import triton
import triton.language as tl


@triton.jit
def gated_norm(
    x, update, gates, scale, shift, kinds, out, channels, eps, update_row, norm_row,
    BLOCK: tl.constexpr, UPDATE: tl.constexpr, GATED: tl.constexpr, KINDS: tl.constexpr, NORM: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0).to(tl.int64)
    at = tl.arange(0, BLOCK)
    inside = at < channels
    here = row * channels + at
    kind = tl.load(kinds + row).to(tl.int64) if KINDS else 0
    value = tl.load(x + here, mask=inside, other=0.0).to(tl.float32)
    if UPDATE:
        added = tl.load(update + here, mask=inside, other=0.0).to(tl.float32)
        if GATED:
            added *= tl.load(gates + kind * update_row + at, mask=inside, other=0.0)
        rounded = (value + added).to(x.dtype.element_ty)
        tl.store(x + here, rounded, mask=inside)
        value = rounded.to(tl.float32)
    if NORM:
        mean = tl.sum(value, 0) / channels
        centered = tl.where(inside, value - mean, 0.0)
        normed = centered * tl.rsqrt(tl.sum(centered * centered, 0) / channels + eps)
        normed *= tl.load(scale + kind * norm_row + at, mask=inside, other=0.0)
        normed += tl.load(shift + kind * norm_row + at, mask=inside, other=0.0)
        tl.store(out + here, normed.to(out.dtype.element_ty), mask=inside)


@triton.jit
def norm_rotate(
    x, q_weight, k_weight, q_factor, cosine, sine, tokens, channels, stride, eps,
    BLOCK: tl.constexpr, WIDTH: tl.constexpr, ROTATE: tl.constexpr,
):  # fmt: skip
    # Queries of a token come first, then its keys.
    row = tl.program_id(0).to(tl.int64)
    is_key = tl.program_id(1)
    at = tl.arange(0, BLOCK)
    inside = at < channels
    here = row * stride + is_key * channels + at
    value = tl.load(x + here, mask=inside, other=0.0).to(tl.float32)
    value *= tl.rsqrt(tl.sum(value * value, 0) / channels + eps)
    weight = k_weight if is_key else q_weight
    value *= tl.load(weight + at, mask=inside, other=0.0).to(tl.float32)
    if ROTATE:
        place = row % tokens * WIDTH + at % WIDTH
        cos = tl.load(cosine + place)
        sin = tl.load(sine + place)
        even, odd = tl.split(tl.reshape(value, (BLOCK // 2, 2)))
        value = value * cos + tl.reshape(tl.join(-odd, even), (BLOCK,)) * sin
    value *= tl.where(is_key, 1.0, q_factor)
    tl.store(x + here, value.to(x.dtype.element_ty), mask=inside)
