"""Attention for heads of 64 channels (CogVideoX) and 128 channels (Wan) on NVIDIA's Hopper GPUs.

The GPU's power limit decides, so what counts is to do less. Queries and keys are normalized, so that their products are
bounded, and the scale and base of the exponentials are part of the queries already. So a weight is 2^(q k), without the
running maximum by which other kernels keep it in range, and without what follows from that: sums in every step across
threads, and a correction of what was added up before.

Should a row's weights leave the range where float32 loses nothing, whose sum tells, the row's tile is computed again by
a second kernel, which does keep a maximum. It looks at one flag a tile, and nearly always that is all that it does.

One program is a few groups of four warps with 64 rows of queries of a head each, and one warp that loads keys and
values ahead of them. While the tensor cores add up the values of a tile, a group computes the weights of the next.

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

# Rows of a group.
ROWS = 64
# By the channels of a head: groups, keys of a tile, and tiles under way. Registers and shared memory are full; for 64
# channels, more tiles were not faster.
SHAPES = {64: (4, 64, 8), 128: (2, 128, 3)}
# Sums of weights outside are computed again: below, weights may have been flushed to zero that count (there are fewer
# than 2^20 of them, and the smallest number is 2^-126); above, values as large as 2^27 would overflow.
SMALLEST, LARGEST = 2.0**-80, 2.0**100


@gluon.jit
def _weigh(scores):
    return gl.inline_asm_elementwise(
        "ex2.approx.ftz.f32 $0, $1;", "=f,f", [scores], dtype=gl.float32, is_pure=True, pack=1
    )


@gluon.jit
def _sum(weights, ROWS: gl.constexpr, TILE: gl.constexpr):
    # Of what one thread holds; the threads' sums are added up once, at the end.
    return gl.sum(gl.reshape(weights, [ROWS, TILE // 8, 8]), 1)


@gluon.jit
def _consume(
    shared, out, doubts, smallest, largest, tokens, others, heads,
    GROUP: gl.constexpr, GROUPS: gl.constexpr, ROWS: gl.constexpr, TILE: gl.constexpr, WIDTH: gl.constexpr,
    STAGES: gl.constexpr, PRODUCT: gl.constexpr, ADD: gl.constexpr,
):  # fmt: skip
    """One group's rows of queries with all keys and values."""
    queries, keys, values, queries_ready, ready, free = shared
    scored: gl.constexpr = gl.NVMMADistributedLayout([3, 0], [4, 1], [16, TILE, PRODUCT])
    added: gl.constexpr = gl.NVMMADistributedLayout([3, 0], [4, 1], [16, WIDTH, 16])
    operand: gl.constexpr = gl.DotOperandLayout(0, added, 2)
    tiles = (others + TILE - 1) // TILE
    nothing = gl.zeros([ROWS, TILE], gl.float32, scored)
    mine = queries.index(GROUP)

    mbarrier.wait(queries_ready, 0)
    mbarrier.wait(ready.index(0), 0)
    scores = warpgroup_mma(mine, keys.index(0).permute((1, 0)), nothing, use_acc=False, is_async=True)
    scores = warpgroup_mma_wait(0, deps=(scores,))
    mbarrier.arrive(free.index(0), count=1)
    # The last tile comes first: it alone may reach beyond the end.
    column = (tiles - 1) * TILE + gl.arange(0, TILE, gl.SliceLayout(0, scored))
    scores = gl.where((column < others)[None, :], scores, float("-inf"))
    weights = _weigh(scores)
    total = _sum(weights, ROWS, TILE)
    rounded = gl.convert_layout(weights.to(gl.bfloat16), operand, assert_trivial=True)
    result = gl.zeros([ROWS, WIDTH], gl.float32, added)
    slot = 1
    phase = 0
    for _ in range(1, tiles):
        mbarrier.wait(ready.index(slot), phase)
        scores = warpgroup_mma(mine, keys.index(slot).permute((1, 0)), nothing, use_acc=False, is_async=True)
        adding = warpgroup_mma(rounded, values.index(slot), result, is_async=True)
        scores = warpgroup_mma_wait(1, deps=(scores,))
        weights = _weigh(scores)
        total += _sum(weights, ROWS, TILE)
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
    row = tile * ROWS + gl.arange(0, ROWS, gl.SliceLayout(1, added))
    inside = row < tokens
    head = gl.program_id(1)
    # Written so that a sum that is no number is doubtful too.
    safe = (share > smallest) & (share < largest)
    doubt = gl.max(gl.where(inside & (safe == 0), 1, 0), 0)
    gl.store(doubts + head * gl.num_programs(0) * GROUPS + tile, doubt)
    place = ((head // heads) * tokens + row).to(gl.int64) * heads + head % heads
    at = place[:, None] * WIDTH + gl.arange(0, WIDTH, gl.SliceLayout(0, added))[None, :]
    result = result / share[:, None]
    # What is in doubt is left to `_attend_again`.
    sure = inside[:, None] & (doubt == 0)
    if ADD:
        result += gl.load(out + at, mask=sure, other=0.0).to(gl.float32)
    gl.store(out + at, result.to(gl.bfloat16), mask=sure)


@gluon.jit
def _produce(
    shared, from_queries, from_keys, from_values, tokens, others, heads,
    GROUPS: gl.constexpr, ROWS: gl.constexpr, TILE: gl.constexpr, WIDTH: gl.constexpr, STAGES: gl.constexpr,
):  # fmt: skip
    """Loads what the groups work on: a stage is a tile of keys and the tile of values of the keys before."""
    queries, keys, values, queries_ready, ready, free = shared
    head = gl.program_id(1)
    first = head // heads * tokens
    start = head // heads * others
    column = head % heads * WIDTH
    mbarrier.expect(queries_ready, GROUPS * from_queries.block_type.nbytes)
    for group in gl.static_range(GROUPS):
        row = first + (gl.program_id(0) * GROUPS + group) * ROWS
        tma.async_copy_global_to_shared(from_queries, [row, column], queries_ready, queries.index(group))
    tiles = (others + TILE - 1) // TILE
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
    from_queries, from_keys, from_values, out, doubts, smallest, largest, tokens, others, heads,
    GROUPS: gl.constexpr, ROWS: gl.constexpr, TILE: gl.constexpr, WIDTH: gl.constexpr, STAGES: gl.constexpr,
    PRODUCT: gl.constexpr, ADD: gl.constexpr,
):  # fmt: skip
    barrier: gl.constexpr = mbarrier.MBarrierLayout()
    queries = gl.allocate_shared_memory(from_queries.dtype, [GROUPS, ROWS, WIDTH], from_queries.layout)
    keys = gl.allocate_shared_memory(from_keys.dtype, [STAGES, TILE, WIDTH], from_keys.layout)
    values = gl.allocate_shared_memory(from_values.dtype, [STAGES, TILE, WIDTH], from_values.layout)
    queries_ready = gl.allocate_shared_memory(gl.int64, [1], barrier)
    ready = gl.allocate_shared_memory(gl.int64, [STAGES, 1], barrier)
    free = gl.allocate_shared_memory(gl.int64, [STAGES, 1], barrier)
    mbarrier.init(queries_ready, count=1)
    for slot in gl.static_range(STAGES):
        mbarrier.init(ready.index(slot), count=1)
        mbarrier.init(free.index(slot), count=GROUPS)
    fence_async_shared()
    shared = (queries, keys, values, queries_ready, ready, free)
    # The registers of all warps together are what the GPU has; the loading warp needs few.
    if GROUPS == 4:
        gl.warp_specialize(
            [
                (_consume, (shared, out, doubts, smallest, largest, tokens, others, heads,
                            0, GROUPS, ROWS, TILE, WIDTH, STAGES, PRODUCT, ADD)),
                (_consume, (shared, out, doubts, smallest, largest, tokens, others, heads,
                            1, GROUPS, ROWS, TILE, WIDTH, STAGES, PRODUCT, ADD)),
                (_consume, (shared, out, doubts, smallest, largest, tokens, others, heads,
                            2, GROUPS, ROWS, TILE, WIDTH, STAGES, PRODUCT, ADD)),
                (_consume, (shared, out, doubts, smallest, largest, tokens, others, heads,
                            3, GROUPS, ROWS, TILE, WIDTH, STAGES, PRODUCT, ADD)),
                (_produce, (shared, from_queries, from_keys, from_values, tokens, others, heads,
                            GROUPS, ROWS, TILE, WIDTH, STAGES)),
            ],
            [4, 4, 4, 1],
            [112, 112, 112, 24],
        )  # fmt: skip
    else:
        gl.warp_specialize(
            [
                (_consume, (shared, out, doubts, smallest, largest, tokens, others, heads,
                            0, GROUPS, ROWS, TILE, WIDTH, STAGES, PRODUCT, ADD)),
                (_consume, (shared, out, doubts, smallest, largest, tokens, others, heads,
                            1, GROUPS, ROWS, TILE, WIDTH, STAGES, PRODUCT, ADD)),
                (_produce, (shared, from_queries, from_keys, from_values, tokens, others, heads,
                            GROUPS, ROWS, TILE, WIDTH, STAGES)),
            ],
            [4, 1],
            [232, 24],
        )  # fmt: skip


@triton.jit
def _attend_again(
    queries, keys, values, out, doubts, query_stride, key_stride, value_stride, tokens, others, heads,
    ROWS: tl.constexpr, WIDTH: tl.constexpr, ADD: tl.constexpr,
):  # fmt: skip
    """The tiles of queries that are in doubt, with a running maximum."""
    tile = tl.program_id(0)
    head = tl.program_id(1)
    if tl.load(doubts + head * tl.num_programs(0) + tile) != 0:
        first = (head // heads * tokens).to(tl.int64)
        start = (head // heads * others).to(tl.int64)
        at = head % heads * WIDTH + tl.arange(0, WIDTH)[None, :]
        row = tile * ROWS + tl.arange(0, ROWS)
        inside = (row < tokens)[:, None]
        query = tl.load(queries + (first + row)[:, None] * query_stride + at, mask=inside, other=0.0)
        peak = tl.full([ROWS], float("-inf"), tl.float32)
        total = tl.zeros([ROWS], tl.float32)
        result = tl.zeros([ROWS, WIDTH], tl.float32)
        for key_tile in range(0, others, 64):
            column = key_tile + tl.arange(0, 64)
            there = (column < others)[:, None]
            key = tl.load(keys + (start + column)[:, None] * key_stride + at, mask=there, other=0.0)
            value = tl.load(values + (start + column)[:, None] * value_stride + at, mask=there, other=0.0)
            scores = tl.where((column < others)[None, :], tl.dot(query, tl.trans(key)), float("-inf"))
            higher = tl.maximum(peak, tl.max(scores, 1))
            weights = tl.exp2(scores - higher[:, None])
            before = tl.exp2(peak - higher)
            total = total * before + tl.sum(weights, 1)
            result = tl.dot(weights.to(value.dtype), value, result * before[:, None])
            peak = higher
        place = ((first + row) * heads + head % heads)[:, None] * WIDTH + tl.arange(0, WIDTH)[None, :]
        result = result / total[:, None]
        if ADD:
            result += tl.load(out + place, mask=inside, other=0.0).to(tl.float32)
        tl.store(out + place, result.to(out.dtype.element_ty), mask=inside)


def runs_on(device: torch.device) -> bool:
    """Whether the kernel is for this GPU and this version of Triton."""
    return triton.__version__ in VERSIONS and torch.cuda.get_device_capability(device) == (9, 0)


def _rows(part: Tensor, rows: int) -> TensorDescriptor:
    """(B, S, H, D) as tiles of a matrix (B S, H D)."""
    batch, tokens, heads, width = part.shape
    matrix = part.as_strided((batch * tokens, heads * width), (part.stride(1), 1))
    size = part.element_size()
    return TensorDescriptor.from_tensor(
        matrix, [rows, width], gl.NVMMASharedLayout(min(128, size * width), size * 8, 2)
    )


def attend(queries: Tensor, keys: Tensor, values: Tensor, into: Tensor | None = None) -> Tensor:
    """Sums of values, weighted by 2^(q k) and divided by the sum of the weights.

    Args:
        queries: (B, S, H, D) of bfloat16; D is 64 or 128. Tokens lie one stride apart, through all batches.
        keys, values: (B, T, H, D) of bfloat16, the same. With D = 64, queries and keys may be of float8 e4m3.
        into: (B, S, H, D) of bfloat16, to which the result is added.

    Returns:
        (B, S, H, D) of bfloat16.

    Raises:
        RuntimeError: another GPU, another version of Triton, or another width.
    """
    batch, tokens, heads, width = queries.shape
    if width not in SHAPES or not runs_on(queries.device):
        raise RuntimeError(f"for heads of 64 or 128 channels on Hopper, with Triton {' or '.join(VERSIONS)}")
    groups, tile, stages = SHAPES[width]
    others = keys.shape[1]
    out = torch.empty(batch, tokens, heads, width, device=values.device, dtype=values.dtype) if into is None else into
    programs = triton.cdiv(tokens, groups * ROWS)
    doubts = torch.empty(batch * heads, programs * groups, device=values.device, dtype=torch.int32)
    _attend[(programs, batch * heads)](
        _rows(queries, ROWS), _rows(keys, tile), _rows(values, tile), out, doubts, SMALLEST, LARGEST, tokens, others,
        heads, GROUPS=groups, ROWS=ROWS, TILE=tile, WIDTH=width, STAGES=stages, PRODUCT=32 // queries.element_size(),
        ADD=into is not None, num_warps=4,
    )  # fmt: skip
    _attend_again[(programs * groups, batch * heads)](
        queries, keys, values, out, doubts, queries.stride(1), keys.stride(1), values.stride(1), tokens, others, heads,
        ROWS=ROWS, WIDTH=width, ADD=into is not None, num_warps=4,
    )  # fmt: skip
    return out
