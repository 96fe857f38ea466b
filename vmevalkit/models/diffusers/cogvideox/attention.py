"""Attention for CogVideoX's heads of 64 channels on NVIDIA's Hopper GPUs.

With so narrow heads the exponentials and sums of softmax cost as much as the matrix products, and the GPU's power limit
decides: what counts is to do less. Queries and keys are normalized, so that their products are bounded, and the scale
and base of the exponentials are part of the queries already (`_kernels.rotate_heads`). So a weight is 2^(q k), without
the running maximum by which other kernels keep it in range, and without what follows from that: sums in every step
across threads, and a correction of what was added up before.

Should a row's weights leave the range where float32 loses nothing, whose sum tells, the row's tile is computed again by
a second kernel, which does keep a maximum. It looks at one flag a tile, and nearly always that is all that it does.

One program is 256 rows of queries of a head: four groups of four warps with 64 rows each, and one warp that loads keys
and values ahead of them. While the tensor cores add up the values of a tile, a group computes the weights of the next.

Gluon is Triton's lower level, and still changes: the kernel is for the versions named in `VERSIONS`.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor
from triton.experimental import gluon
from triton.experimental.gluon import language as gl
from triton.experimental.gluon.language.nvidia.hopper import (
    fence_async_shared,
    mbarrier,
    tma,
    warpgroup_mma,
    warpgroup_mma_wait,
)
from triton.experimental.gluon.nvidia.hopper import TensorDescriptor

VERSIONS = ("3.6.0",)

WIDTH = 64
# Rows of a group, and keys of a tile.
TILE = 64
GROUPS = 4
# Tiles under way; more than these were not faster.
STAGES = 8
# Sums of weights outside are computed again: below, weights may have been flushed to zero that count (there are fewer
# than 2^20 of them, and the smallest number is 2^-126); above, values as large as 2^27 would overflow.
SMALLEST, LARGEST = 2.0**-80, 2.0**100


@gluon.jit
def _weigh(scores):
    return gl.inline_asm_elementwise(
        "ex2.approx.ftz.f32 $0, $1;", "=f,f", [scores], dtype=gl.float32, is_pure=True, pack=1
    )


@gluon.jit
def _sum(weights, TILE: gl.constexpr):
    # Of what one thread holds; the threads' sums are added up once, at the end.
    return gl.sum(gl.reshape(weights, [TILE, TILE // 8, 8]), 1)


@gluon.jit
def _consume(
    shared, out, doubts, smallest, largest, tokens, heads,
    GROUP: gl.constexpr, GROUPS: gl.constexpr, TILE: gl.constexpr, STAGES: gl.constexpr, PRODUCT: gl.constexpr,
):  # fmt: skip
    """64 rows of queries with all keys and values."""
    queries, keys, values, queries_ready, ready, free = shared
    scored: gl.constexpr = gl.NVMMADistributedLayout([3, 0], [4, 1], [16, TILE, PRODUCT])
    added: gl.constexpr = gl.NVMMADistributedLayout([3, 0], [4, 1], [16, 64, 16])
    operand: gl.constexpr = gl.DotOperandLayout(0, added, 2)
    tiles = (tokens + TILE - 1) // TILE
    nothing = gl.zeros([TILE, TILE], gl.float32, scored)
    mine = queries.index(GROUP)

    mbarrier.wait(queries_ready, 0)
    mbarrier.wait(ready.index(0), 0)
    scores = warpgroup_mma(mine, keys.index(0).permute((1, 0)), nothing, use_acc=False, is_async=True)
    scores = warpgroup_mma_wait(0, deps=(scores,))
    mbarrier.arrive(free.index(0), count=1)
    # The last tile comes first: it alone may reach beyond the end.
    column = (tiles - 1) * TILE + gl.arange(0, TILE, gl.SliceLayout(0, scored))
    scores = gl.where((column < tokens)[None, :], scores, float("-inf"))
    weights = _weigh(scores)
    total = _sum(weights, TILE)
    rounded = gl.convert_layout(weights.to(gl.bfloat16), operand, assert_trivial=True)
    result = gl.zeros([TILE, 64], gl.float32, added)
    slot = 1
    phase = 0
    for _ in range(1, tiles):
        mbarrier.wait(ready.index(slot), phase)
        scores = warpgroup_mma(mine, keys.index(slot).permute((1, 0)), nothing, use_acc=False, is_async=True)
        adding = warpgroup_mma(rounded, values.index(slot), result, is_async=True)
        scores = warpgroup_mma_wait(1, deps=(scores,))
        weights = _weigh(scores)
        total += _sum(weights, TILE)
        # `rounded` is waited for too: it is read until then, and must not make room for something else.
        result, rounded = warpgroup_mma_wait(0, deps=(adding, rounded))
        mbarrier.arrive(free.index(slot), count=1)
        rounded = gl.convert_layout(weights.to(gl.bfloat16), operand, assert_trivial=True)
        slot += 1
        wrap = slot == STAGES
        slot = gl.where(wrap, 0, slot)
        phase = phase ^ wrap.to(gl.int32)
    mbarrier.wait(ready.index(slot), phase)
    adding = warpgroup_mma(rounded, values.index(slot), result, is_async=True)
    result, rounded = warpgroup_mma_wait(0, deps=(adding, rounded))

    share = gl.convert_layout(gl.sum(total, 1), gl.SliceLayout(1, added))
    tile = gl.program_id(0) * GROUPS + GROUP
    row = tile * TILE + gl.arange(0, TILE, gl.SliceLayout(1, added))
    inside = row < tokens
    head = gl.program_id(1)
    # Written so that a sum that is no number is doubtful too.
    safe = (share > smallest) & (share < largest)
    doubt = gl.max(gl.where(inside & (safe == 0), 1, 0), 0)
    gl.store(doubts + head * gl.num_programs(0) * GROUPS + tile, doubt)
    place = ((head // heads) * tokens + row).to(gl.int64) * heads + head % heads
    at = place[:, None] * 64 + gl.arange(0, 64, gl.SliceLayout(0, added))[None, :]
    gl.store(out + at, (result / share[:, None]).to(gl.bfloat16), mask=inside[:, None])


@gluon.jit
def _produce(
    shared, from_queries, from_keys, from_values, tokens, heads,
    GROUPS: gl.constexpr, TILE: gl.constexpr, STAGES: gl.constexpr,
):  # fmt: skip
    """Loads what the groups work on: a stage is a tile of keys and the tile of values of the keys before."""
    queries, keys, values, queries_ready, ready, free = shared
    head = gl.program_id(1)
    start = head // heads * tokens
    column = head % heads * 64
    mbarrier.expect(queries_ready, GROUPS * from_queries.block_type.nbytes)
    for group in gl.static_range(GROUPS):
        row = start + (gl.program_id(0) * GROUPS + group) * TILE
        tma.async_copy_global_to_shared(from_queries, [row, column], queries_ready, queries.index(group))
    tiles = (tokens + TILE - 1) // TILE
    for stage in range(tiles + 1):
        slot = stage % STAGES
        # The first stage has no values and the last no keys to wait for; some are loaded all the same.
        key = start + gl.where(stage == 0, tiles - 1, stage - 1) * TILE
        value = start + gl.where(stage < 2, tiles - 1, stage - 2) * TILE
        mbarrier.wait(free.index(slot), (stage // STAGES & 1) ^ 1)
        mbarrier.expect(ready.index(slot), from_keys.block_type.nbytes + from_values.block_type.nbytes)
        tma.async_copy_global_to_shared(from_keys, [key, column], ready.index(slot), keys.index(slot))
        tma.async_copy_global_to_shared(from_values, [value, column], ready.index(slot), values.index(slot))


@gluon.jit
def _attend(
    from_queries, from_keys, from_values, out, doubts, smallest, largest, tokens, heads,
    GROUPS: gl.constexpr, TILE: gl.constexpr, STAGES: gl.constexpr, PRODUCT: gl.constexpr,
):  # fmt: skip
    barrier: gl.constexpr = mbarrier.MBarrierLayout()
    queries = gl.allocate_shared_memory(from_queries.dtype, [GROUPS, TILE, 64], from_queries.layout)
    keys = gl.allocate_shared_memory(from_keys.dtype, [STAGES, TILE, 64], from_keys.layout)
    values = gl.allocate_shared_memory(from_values.dtype, [STAGES, TILE, 64], from_values.layout)
    queries_ready = gl.allocate_shared_memory(gl.int64, [1], barrier)
    ready = gl.allocate_shared_memory(gl.int64, [STAGES, 1], barrier)
    free = gl.allocate_shared_memory(gl.int64, [STAGES, 1], barrier)
    mbarrier.init(queries_ready, count=1)
    for slot in gl.static_range(STAGES):
        mbarrier.init(ready.index(slot), count=1)
        mbarrier.init(free.index(slot), count=GROUPS)
    fence_async_shared()
    shared = (queries, keys, values, queries_ready, ready, free)
    # 512 threads with 112 registers each and the loading warp's group with 24: what the GPU has.
    gl.warp_specialize(
        [
            (_consume, (shared, out, doubts, smallest, largest, tokens, heads, 0, GROUPS, TILE, STAGES, PRODUCT)),
            (_consume, (shared, out, doubts, smallest, largest, tokens, heads, 1, GROUPS, TILE, STAGES, PRODUCT)),
            (_consume, (shared, out, doubts, smallest, largest, tokens, heads, 2, GROUPS, TILE, STAGES, PRODUCT)),
            (_consume, (shared, out, doubts, smallest, largest, tokens, heads, 3, GROUPS, TILE, STAGES, PRODUCT)),
            (_produce, (shared, from_queries, from_keys, from_values, tokens, heads, GROUPS, TILE, STAGES)),
        ],
        [4, 4, 4, 1],
        [112, 112, 112, 24],
    )


@triton.jit
def _attend_again(
    queries, keys, values, out, doubts, query_stride, key_stride, value_stride, tokens, heads,
    TILE: tl.constexpr, WIDTH: tl.constexpr,
):  # fmt: skip
    """The tiles of queries that are in doubt, with a running maximum."""
    tile = tl.program_id(0)
    head = tl.program_id(1)
    if tl.load(doubts + head * tl.num_programs(0) + tile) != 0:
        start = (head // heads * tokens).to(tl.int64)
        at = head % heads * WIDTH + tl.arange(0, WIDTH)[None, :]
        row = tile * TILE + tl.arange(0, TILE)
        inside = (row < tokens)[:, None]
        query = tl.load(queries + (start + row)[:, None] * query_stride + at, mask=inside, other=0.0)
        peak = tl.full([TILE], float("-inf"), tl.float32)
        total = tl.zeros([TILE], tl.float32)
        result = tl.zeros([TILE, WIDTH], tl.float32)
        for first in range(0, tokens, TILE):
            column = first + tl.arange(0, TILE)
            there = (column < tokens)[:, None]
            key = tl.load(keys + (start + column)[:, None] * key_stride + at, mask=there, other=0.0)
            value = tl.load(values + (start + column)[:, None] * value_stride + at, mask=there, other=0.0)
            scores = tl.where((column < tokens)[None, :], tl.dot(query, tl.trans(key)), float("-inf"))
            higher = tl.maximum(peak, tl.max(scores, 1))
            weights = tl.exp2(scores - higher[:, None])
            before = tl.exp2(peak - higher)
            total = total * before + tl.sum(weights, 1)
            result = tl.dot(weights.to(value.dtype), value, result * before[:, None])
            peak = higher
        place = (start + row) * heads + head % heads
        result = (result / total[:, None]).to(out.dtype.element_ty)
        tl.store(out + place[:, None] * WIDTH + tl.arange(0, WIDTH)[None, :], result, mask=inside)


def runs_on(device: torch.device) -> bool:
    return triton.__version__ in VERSIONS and torch.cuda.get_device_capability(device) == (9, 0)


def _rows(part: Tensor) -> TensorDescriptor:
    """(B, S, H, 64) as tiles of a matrix (B S, H 64)."""
    batch, tokens, heads, width = part.shape
    matrix = part.as_strided((batch * tokens, heads * width), (part.stride(1), 1))
    size = part.element_size()
    return TensorDescriptor.from_tensor(matrix, [TILE, width], gl.NVMMASharedLayout(size * width, size * 8, 2))


def attend(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Sums of values, weighted by 2^(q k) and divided by the sum of the weights.

    Args:
        queries, keys: (B, S, H, 64) of bfloat16 or float8 e4m3. Tokens lie one stride apart, through all batches.
        values: the same, of bfloat16.

    Returns:
        (B, S, H, 64) of bfloat16.

    Raises:
        RuntimeError: another GPU, another version of Triton, or another width.
    """
    batch, tokens, heads, width = queries.shape
    if width != WIDTH or not runs_on(queries.device):
        raise RuntimeError(f"for heads of {WIDTH} channels on Hopper, with Triton {' or '.join(VERSIONS)}")
    out = torch.empty(batch, tokens, heads, width, device=values.device, dtype=values.dtype)
    programs = triton.cdiv(tokens, GROUPS * TILE)
    doubts = torch.empty(batch * heads, programs * GROUPS, device=values.device, dtype=torch.int32)
    _attend[(programs, batch * heads)](
        _rows(queries), _rows(keys), _rows(values), out, doubts, SMALLEST, LARGEST, tokens, heads,
        GROUPS=GROUPS, TILE=TILE, STAGES=STAGES, PRODUCT=32 // queries.element_size(), num_warps=4,
    )  # fmt: skip
    _attend_again[(programs * GROUPS, batch * heads)](
        queries, keys, values, out, doubts, queries.stride(1), keys.stride(1), values.stride(1), tokens, heads,
        TILE=TILE, WIDTH=width, num_warps=4,
    )  # fmt: skip
    return out
