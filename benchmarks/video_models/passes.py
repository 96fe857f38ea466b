"""Time one pass of a transformer, and how far it is from Diffusers and from float32.

Rows: `stock` as Diffusers runs it; `stock, compiled` with compiled blocks and, for Wan, FlashAttention-3; `exact` and
`fast` of the kit; `exact, group` with the blocks in host memory. Models that run faster by shared means have the rows
`stock`, `stock` with another attention kernel, and `exact`.
"""

from __future__ import annotations

import gc
import importlib.util
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from benchmarks.video_models import networks
from benchmarks.video_models.ceiling import measure_ceiling
from benchmarks.video_models.machine import Machine, say, timed
from vmevalkit.models.base import MODELS, service_of
from vmevalkit.models.diffusers.attention import pick_attention
from vmevalkit.models.diffusers.compiled import CompiledService, can_compile, use_attention


def measure(model: str, where: Machine, repeats: int) -> None:
    """Print the rows of one model: seconds, peak GPU memory, and relative difference from stock."""
    with torch.no_grad():
        if networks.has_kernels(model):
            _measure_kernels(model, where, repeats)
        else:
            _measure_shared(model, where, repeats)
    free(where)


def _measure_kernels(model: str, where: Machine, repeats: int) -> None:
    """Print the rows of a model for which the kit has kernels."""
    inputs, limit = networks.make_inputs(model, where), measure_ceiling(model, where)
    say(f"\n{model}: {inputs.tokens} tokens, {where.name}; {where.versions}")
    say(f"limit {limit.seconds:.3f} s: {limit.text}\n")
    say("| row | s a pass | of the limit | GiB | error |\n| --- | --- | --- | --- | --- |")
    transformer = networks.build(model, where)
    expected = transformer(**inputs.call)[0].float()

    def row(name: str, transformer: Any) -> None:
        found, seconds, peak = _timed_pass(transformer, inputs.call, where, repeats)
        error = difference(found, expected)
        say(f"| {name} | {seconds:.3f} | {limit.seconds / seconds:.0%} | {peak:.1f} | {error:.1e} |")

    row("stock", transformer)
    if can_compile(where.device):
        with _compiled(transformer) as name:
            row(name, transformer)
    del transformer
    for name, attention, streamed, fp8 in _rows(where, limit.kernels):
        free(where)
        ours = networks.build(model, where)
        networks.fuse(ours, where, attention, streamed, fp8)
        row(name, ours)
        del ours


def _rows(where: Machine, kernels: tuple[str, ...]) -> list[tuple[str, str, bool, bool]]:
    """Return name, attention kernel, and whether blocks are streamed and rounded, of the kit's rows."""
    fastest = kernels[0]
    shown = [name for name in kernels if name in (fastest, "hopper", "fa3")]
    exact = [(f"exact, {name}", name, False, False) for name in shown]
    streamed = [("exact, group", fastest, True, False)] if where.device == "cuda" else []
    return [*exact, *streamed, ("fast", fastest, False, True)]


def _measure_shared(model: str, where: Machine, repeats: int) -> None:
    """Print the rows of a model that runs faster by shared means."""
    service = service_of(MODELS[model])
    assert isinstance(service, type)
    assert issubclass(service, CompiledService)
    call = networks.make_inputs(model, where).call
    transformer = networks.build(model, where)
    say(f"\n{model}, {where.name}; {where.versions}\n")
    say("| row | s a pass | of stock | GiB | difference |\n| --- | --- | --- | --- | --- |")
    expected, seconds, peak = _timed_pass(transformer, call, where, repeats)
    say(f"| stock | {seconds:.3f} | 100% | {peak:.1f} | |")

    def row(name: str) -> None:
        found, ours, peak = _timed_pass(transformer, call, where, repeats)
        say(f"| {name} | {ours:.3f} | {ours / seconds:.0%} | {peak:.1f} | {difference(found, expected):.1e} |")

    service.prepare(service.__new__(service), transformer)
    use_attention(transformer, where.device, service.masked)
    row("stock, attention without mask, cuDNN")
    if can_compile(where.device):
        transformer.compile_repeated_blocks()
        start = time.perf_counter()
        transformer(**call)
        where.synchronize()
        first = time.perf_counter() - start
        row("exact")
        say(f"\nThe first pass, which compiles, takes {first:.0f} s.")


def _timed_pass(
    transformer: Any, call: dict[str, Any], where: Machine, repeats: int
) -> tuple[torch.Tensor, float, float]:
    """Return what a pass computes, its seconds, and the peak memory in GiB."""
    found = transformer(**call)[0].float()
    if where.device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    seconds = timed(where, lambda: transformer(**call)[0], repeats)
    return found, seconds, torch.cuda.max_memory_allocated() / 2**30 if where.device == "cuda" else 0.0


def exactness(model: str, where: Machine, blocks: int | None) -> None:
    """Print how far a pass, or one through the first blocks, is from the same pass in float32."""
    if not networks.has_kernels(model):
        raise SystemExit(f"{model}: the kit has no kernels for it; `passes` compares it with stock")
    inputs, config = networks.make_inputs(model, where), networks.shape(model, where).config
    call, heads, width = inputs.call, config.num_attention_heads, config.attention_head_dim
    kernel = pick_attention("auto", inputs.tokens, heads, width, where.device)

    def run(change: Callable[[Any], Any] | None, call: dict[str, Any] = call, times: int = 1) -> list[torch.Tensor]:
        free(where)
        transformer = networks.build(model, where, blocks)
        if change is not None:
            change(transformer)
        return [transformer(**call)[0].float() for _ in range(times)]

    def fused(**how: bool) -> Callable[[Any], None]:
        return lambda transformer: networks.fuse(transformer, where, kernel, **how)

    wide = {name: x.float() if torch.is_tensor(x) and x.is_floating_point() else x for name, x in call.items()}
    with torch.no_grad():
        (stock,), (truth,) = run(None), run(lambda transformer: transformer.float(), wide)
        (exact, again), (fast,) = run(fused(), times=2), run(fused(fp8=True))
        streamed = run(fused(streamed=True))[0] if where.device == "cuda" else exact
    say(
        f"{model}, {'all' if blocks is None else blocks} blocks, {where.name}, attention by {kernel}: "
        f"stock to float32 {difference(stock, truth):.2e}, exact to float32 {difference(exact, truth):.2e}, "
        f"exact to stock {difference(exact, stock):.2e}, fast to exact {difference(fast, exact):.2e}; "
        f"the same bits again: {torch.equal(exact, again)}, and streamed: {torch.equal(exact, streamed)}"
    )


def difference(found: torch.Tensor, expected: torch.Tensor) -> float:
    """Return the relative difference."""
    return float((found - expected).norm() / expected.norm())


def free(where: Machine) -> None:
    """Return the memory of what is no longer used to the GPU."""
    torch.compiler.reset()  # compiled blocks keep their weights
    gc.collect()
    if where.device == "cuda":
        torch.cuda.empty_cache()


@contextmanager
def _compiled(transformer: Any) -> Iterator[str]:
    """Run a stock transformer with compiled blocks and, for Wan, FlashAttention-3 where it is installed.

    Yields the name of the row.
    """
    from diffusers.models.transformers import transformer_wan

    blocks, stock, name = networks.blocks_name(transformer), transformer_wan.dispatch_attention_fn, "stock, compiled"
    if blocks == "blocks" and importlib.util.find_spec("fa3_fwd_interface") is not None:
        from fa3_fwd_interface import flash_attn_func

        def attend(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
            out = flash_attn_func(q.contiguous(), k.contiguous(), v.contiguous())
            return (out[0] if isinstance(out, tuple) else out).clone()

        kernel = torch.library.custom_op(
            "vmevalkit::fa3", attend, mutates_args=(), schema="(Tensor q, Tensor k, Tensor v) -> Tensor"
        )
        kernel.register_fake(lambda q, k, v: torch.empty_like(q))
        transformer_wan.dispatch_attention_fn = lambda query, key, value, **_: torch.ops.vmevalkit.fa3(
            query, key, value
        )
        name = "stock, compiled, FlashAttention-3"
    for block in getattr(transformer, blocks):
        block.compile(fullgraph=True)
    try:
        yield name
    finally:
        transformer_wan.dispatch_attention_fn = stock
        for block in getattr(transformer, blocks):
            block._compiled_call_impl = None
