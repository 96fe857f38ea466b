"""The Triton kernels behind `_kernels.py`, which says what each computes.

A program takes a row of a matrix, or a piece of one, loads it once, computes in float32 and stores it once.
"""

import triton
import triton.language as tl


@triton.jit
def gated_norm(
    x, update, gates, modulation, weight, bias, out, scales, tokens, text, channels, eps, largest,
    BLOCK: tl.constexpr, UPDATE: tl.constexpr, FP8: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0).to(tl.int64)
    at = tl.arange(0, BLOCK)
    inside = at < channels
    here = row * channels + at
    # Where this token's shift, scale and gate begin.
    part = (row // tokens) * 6 * channels + tl.where(row % tokens < text, 3 * channels, 0) + at
    value = tl.load(x + here, mask=inside, other=0.0).to(tl.float32)
    if UPDATE:
        gate = tl.load(gates + part + 2 * channels, mask=inside, other=0.0).to(tl.float32)
        value += gate * tl.load(update + here, mask=inside, other=0.0).to(tl.float32)
        rounded = value.to(x.dtype.element_ty)
        tl.store(x + here, rounded, mask=inside)
        value = rounded.to(tl.float32)
    mean = tl.sum(value, 0) / channels
    centered = tl.where(inside, value - mean, 0.0)
    normed = centered * tl.rsqrt(tl.sum(centered * centered, 0) / channels + eps)
    normed = normed * tl.load(weight + at, mask=inside, other=0.0).to(tl.float32)
    normed += tl.load(bias + at, mask=inside, other=0.0).to(tl.float32)
    normed *= 1.0 + tl.load(modulation + part + channels, mask=inside, other=0.0).to(tl.float32)
    normed += tl.load(modulation + part, mask=inside, other=0.0).to(tl.float32)
    if FP8:
        scale = tl.maximum(tl.max(tl.abs(tl.where(inside, normed, 0.0)), 0) / largest, 1e-12)
        tl.store(scales + row, scale)
        normed = normed / scale
    tl.store(out + here, normed.to(out.dtype.element_ty), mask=inside)


@triton.jit
def rotate_heads(
    qkv, out, q_weight, q_bias, k_weight, k_bias, q_factor, k_factor, cosine, sine, tokens, text, heads, stride, eps,
    WIDTH: tl.constexpr, ROWS: tl.constexpr, ROTATE: tl.constexpr,
):  # fmt: skip
    # Queries and keys of a token lie one after the other: 2 H heads, of which this takes ROWS.
    token = tl.program_id(0).to(tl.int64)
    head = tl.program_id(1) * ROWS + tl.arange(0, ROWS)
    at = tl.arange(0, WIDTH)
    inside = (head < 2 * heads)[:, None]
    here = head[:, None] * WIDTH + at[None, :]
    value = tl.load(qkv + token * 3 * heads * WIDTH + here, mask=inside, other=0.0).to(tl.float32)
    mean = tl.sum(value, 1) / WIDTH
    centered = value - mean[:, None]
    normed = centered * tl.rsqrt(tl.sum(centered * centered, 1) / WIDTH + eps)[:, None]
    query = (head < heads)[:, None]
    normed *= tl.where(query, tl.load(q_weight + at)[None, :], tl.load(k_weight + at)[None, :]).to(tl.float32)
    normed += tl.where(query, tl.load(q_bias + at)[None, :], tl.load(k_bias + at)[None, :]).to(tl.float32)
    place = token % tokens - text
    if ROTATE and place >= 0:
        cos = tl.load(cosine + place * WIDTH + at).to(tl.float32)
        sin = tl.load(sine + place * WIDTH + at).to(tl.float32)
        even, odd = tl.split(tl.reshape(normed, (ROWS, WIDTH // 2, 2)))
        normed = normed * cos[None, :] + tl.reshape(tl.join(-odd, even), (ROWS, WIDTH)) * sin[None, :]
    normed *= tl.where(query, q_factor, k_factor)
    tl.store(out + token * stride + here, normed.to(out.dtype.element_ty), mask=inside)


@triton.jit
def round_rows(x, out, scales, channels, largest, BLOCK: tl.constexpr, GELU: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    at = tl.arange(0, BLOCK)
    inside = at < channels
    value = tl.load(x + row * channels + at, mask=inside, other=0.0).to(tl.float32)
    if GELU:
        inner = 0.7978845608028654 * (value + 0.044715 * value * value * value)
        # tanh(inner) = 2 sigmoid(2 inner) - 1
        value = value * tl.sigmoid(2.0 * inner)
    scale = tl.maximum(tl.max(tl.abs(value), 0) / largest, 1e-12)
    tl.store(scales + row, scale)
    tl.store(out + row * channels + at, (value / scale).to(out.dtype.element_ty), mask=inside)


@triton.jit
def moments(x, means, squares, size, chunks, BLOCK: tl.constexpr):
    # Mean and sum of squared deviations of a piece of a group, which is one piece of memory.
    group = tl.program_id(1).to(tl.int64)
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = at < size
    value = tl.load(x + group * size + at, mask=inside, other=0.0).to(tl.float32)
    mean = tl.sum(value, 0) / tl.sum(inside.to(tl.float32), 0)
    centered = tl.where(inside, value - mean, 0.0)
    tl.store(means + group * chunks + tl.program_id(0), mean)
    tl.store(squares + group * chunks + tl.program_id(0), tl.sum(centered * centered, 0))


@triton.jit
def spatial_norm(
    x, mean, scale, weight, bias, factor, offset, times, out, channels, together, positions, height, width,
    few_times, few_rows, few_columns, BLOCK: tl.constexpr,
):  # fmt: skip
    plane = tl.program_id(1).to(tl.int64)
    channel = plane % channels
    group = plane // together
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = at < positions
    row = (at // width) % height // (height // few_rows)
    column = at % width // (width // few_columns)
    time = tl.load(times + at // (width * height), mask=inside, other=0)
    latent = ((plane * few_times + time) * few_rows + row) * few_columns + column
    value = tl.load(x + plane * positions + at, mask=inside, other=0.0).to(tl.float32)
    value = (value - tl.load(mean + group)) * tl.load(scale + group)
    value = value * tl.load(weight + channel).to(tl.float32) + tl.load(bias + channel).to(tl.float32)
    value *= tl.load(factor + latent, mask=inside, other=0.0).to(tl.float32)
    value += tl.load(offset + latent, mask=inside, other=0.0).to(tl.float32)
    value *= tl.sigmoid(value)
    tl.store(out + plane * positions + at, value.to(out.dtype.element_ty), mask=inside)
