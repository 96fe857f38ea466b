"""Time one pass of a transformer with the kit's kernels, beside Diffusers and beside what the GPU can do.

    python benchmarks/video_models.py wan2.1-i2v-14b-480p wan2.2-ti2v-5b
    python benchmarks/video_models.py wan2.1-i2v-14b-480p --exactness 4
    python benchmarks/video_models.py ltx-video ltx-video-13b-0.9.7 hunyuanvideo-1.5-i2v-480p

The weights are random and have the published shapes, so nothing is downloaded. A denoising step with guidance is two
passes. Rows: `stock` as Diffusers runs it; `stock, compiled` with FlashAttention-3 and compiled blocks; `exact` and
`fast` of the kit; `exact, group` with the blocks in host memory. Prints a table in Markdown and the relative error of
each row against `stock`. The limit is the time of the matrix products and of attention alone, at the rates that were
measured in the same run. Models that run faster by shared means have the rows `stock` and `exact`. On a CPU, the
smallest shapes show that it runs.
"""

from __future__ import annotations

import argparse
import gc
import importlib.metadata
import importlib.util
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import torch

from vmevalkit.models.base import MODELS, ModelCard, service_of
from vmevalkit.models.diffusers.attention_kernels import ATTENTION, time_attention
from vmevalkit.models.diffusers.compiled import CompiledService, can_compile, use_attention
from vmevalkit.models.diffusers.config import random_models
from vmevalkit.models.diffusers.wan.blocks import Transformer

GPU = torch.cuda.is_available()
DEVICE = "cuda" if GPU else "cpu"
DTYPE = torch.bfloat16 if GPU else torch.float32


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", help="catalog names")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--exactness", type=int, metavar="BLOCKS", help="only compare so many blocks with float32")
    arguments = parser.parse_args()
    with torch.no_grad():
        for model in arguments.models:
            service = service_of(MODELS[model])
            if isinstance(service, type) and issubclass(service, CompiledService):
                measure_shared(model, service, arguments.repeats)
            elif arguments.exactness:
                exactness(model, arguments.exactness)
            else:
                measure(model, arguments.repeats)


def measure_shared(model: str, service: type[CompiledService], repeats: int) -> None:
    """Print the rows of a model that runs faster by shared means."""
    call = SHARED_INPUTS[MODELS[model].family](MODELS[model])
    transformer = random_transformer(model)
    say(f"\n{model}, {torch.cuda.get_device_name() if GPU else 'CPU'}, torch {torch.__version__}, "
        f"diffusers {importlib.metadata.version('diffusers')}")  # fmt: skip
    say("| row | s a pass | of stock | GiB | difference |\n| --- | --- | --- | --- | --- |")
    expected, seconds, peak = timed_pass(transformer, call, repeats)
    say(f"| stock | {seconds:.3f} | 100% | {peak:.1f} | |")
    prepared = service.__new__(service)
    prepared.prepare(transformer)
    use_attention(transformer, DEVICE, service.masked)
    found, ours, peak = timed_pass(transformer, call, repeats)
    change = difference(found, expected)
    say(f"| stock, attention without mask, cuDNN | {ours:.3f} | {ours / seconds:.0%} | {peak:.1f} | {change:.1e} |")
    if can_compile(DEVICE):
        transformer.compile_repeated_blocks()
        start = time.perf_counter()
        transformer(**call)
        synchronize()
        first = time.perf_counter() - start
        found, ours, peak = timed_pass(transformer, call, repeats)
        say(f"| exact | {ours:.3f} | {ours / seconds:.0%} | {peak:.1f} | {difference(found, expected):.1e} |")
        say(f"\nThe first pass, which compiles, takes {first:.0f} s.")
    del transformer, prepared
    gc.collect()
    if GPU:
        torch.cuda.empty_cache()


def timed_pass(transformer: Any, call: dict[str, Any], repeats: int) -> tuple[torch.Tensor, float, float]:
    """Return what a pass computes, its seconds, and the peak memory in GiB."""
    found = transformer(**call)[0].float()
    if GPU:
        torch.cuda.reset_peak_memory_stats()
    seconds = timed(lambda: transformer(**call), repeats)
    return found, seconds, torch.cuda.max_memory_allocated() / 2**30 if GPU else 0.0


def random_transformer(model: str) -> Any:
    """Build the transformer of a model with random weights, of the published shape on a GPU."""
    weights = next((w for _, w in random_models().values() if w.real == model), None)
    if weights is None:
        raise SystemExit(f"{model}: there are no random weights for it")
    torch.manual_seed(0)
    torch.set_default_dtype(DTYPE)
    with torch.device(DEVICE):
        transformer = weights.components("full" if GPU else "tiny", 1000)["transformer"]()
    torch.set_default_dtype(torch.float32)
    return transformer.to(DTYPE).eval().requires_grad_(False)


def noise(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(2)).to(DEVICE, DTYPE)


def inputs_of_ltx(card: ModelCard) -> dict[str, Any]:
    """Return the arguments of a pass of LTX-Video: tokens of 32x32 pixels and 8 frames, and 128 of the prompt."""
    (width, height), frames = (card.size, card.frames) if GPU else ((64, 64), 9)
    times, rows, columns = (frames - 1) // 8 + 1, height // 32, width // 32  # type: ignore[operator]
    config = random_transformer_config(card)
    mask = torch.zeros(1, 128, device=DEVICE)
    mask[:, :60] = 1
    return {
        "hidden_states": noise(1, times * rows * columns, config.in_channels),
        "encoder_hidden_states": noise(1, 128, config.caption_channels),
        "timestep": torch.full((1, 1), 500.0, device=DEVICE, dtype=DTYPE),
        "encoder_attention_mask": mask,
        "num_frames": times, "height": rows, "width": columns,
        "rope_interpolation_scale": (8 / 25, 32, 32),
        "return_dict": False,
    }  # fmt: skip


def inputs_of_hunyuanvideo15(card: ModelCard) -> dict[str, Any]:
    """Return the arguments of a pass of HunyuanVideo-1.5: latents of 16x16 pixels and 4 frames, and a prompt."""
    (width, height), frames = (card.size, card.frames) if GPU else ((32, 32), 5)
    config = random_transformer_config(card)
    mask = torch.zeros(1, 1000, device=DEVICE)
    mask[:, :120] = 1
    return {
        "hidden_states": noise(1, config.in_channels, (frames - 1) // 4 + 1, height // 16, width // 16),  # type: ignore[operator]
        "timestep": torch.full((1,), 500.0, device=DEVICE, dtype=DTYPE),
        "encoder_hidden_states": noise(1, 1000, config.text_embed_dim),
        "encoder_attention_mask": mask,
        "encoder_hidden_states_2": noise(1, 256, config.text_embed_2_dim),
        "encoder_attention_mask_2": torch.zeros(1, 256, device=DEVICE),
        "image_embeds": noise(1, 729, config.image_embed_dim),
        "return_dict": False,
    }


def random_transformer_config(card: ModelCard) -> Any:
    weights = next(w for _, w in random_models().values() if w.real == card.name)
    with torch.device("meta"):
        return weights.components("full" if GPU else "tiny", 1000)["transformer"]().config


# By family.
SHARED_INPUTS: dict[str, Callable[[ModelCard], dict[str, Any]]] = {
    "LTX-Video": inputs_of_ltx,
    "HunyuanVideo-1.5": inputs_of_hunyuanvideo15,
}


def measure(model: str, repeats: int) -> None:
    """Print the rows of one model."""
    inputs = make_inputs(model)
    transformer = build(model)
    tokens, channels = inputs["tokens"], transformer.config.num_attention_heads * transformer.config.attention_head_dim
    limit = ceilings(transformer, tokens, channels, inputs["others"])
    packages = ("torch", "diffusers", "triton", "fa3-fwd")
    versions = [p for p in packages if importlib.util.find_spec(p.replace("-", "_")) is not None]
    say(f"\n{model}: {tokens} tokens, {torch.cuda.get_device_name() if GPU else 'CPU'}; "
        + ", ".join(f"{p} {importlib.metadata.version(p)}" for p in versions))  # fmt: skip
    say(f"limit {limit['seconds']:.3f} s: {limit['text']}\n")
    say("| row | s a pass | of the limit | GiB | error |\n| --- | --- | --- | --- | --- |")
    call = inputs["call"]
    expected = transformer(**call)[0].float()

    def row(name: str, transformer: Any) -> None:
        def run() -> Any:
            return transformer(**call)[0]

        found = run().float()
        if GPU:
            torch.cuda.reset_peak_memory_stats()
        seconds = timed(run, repeats)
        peak = torch.cuda.max_memory_allocated() / 2**30 if GPU else 0.0
        share = limit["seconds"] / seconds
        say(f"| {name} | {seconds:.3f} | {share:.0%} | {peak:.1f} | {difference(found, expected):.1e} |")

    row("stock", transformer)
    if GPU:
        with compiled_with_fa3(transformer):
            row("stock, compiled, FlashAttention-3", transformer)
    del transformer
    for name, attention, streamed, fp8 in rows(limit["kernel"]):
        gc.collect()
        if GPU:
            torch.cuda.empty_cache()
        ours = build(model)
        ours.forward = Transformer(ours, DEVICE, attention, streamed, fp8)
        row(name, ours)
        del ours


def exactness(model: str, blocks: int) -> None:
    """Print how far a pass through the first blocks is from the same pass in float32."""
    call = make_inputs(model)["call"]
    stock, ours, fast, truth = (build(model, blocks) for _ in range(4))
    truth = truth.float()
    wide = {name: x.float() if torch.is_tensor(x) and x.is_floating_point() else x for name, x in call.items()}
    expected, plain = truth(**wide)[0], stock(**call)[0].float()
    del truth, stock
    ours.forward = Transformer(ours, DEVICE, rows_kernel(), False)
    fast.forward = Transformer(fast, DEVICE, rows_kernel(), False, True)
    exact, rounded = ours(**call)[0].float(), fast(**call)[0].float()
    say(
        f"{model}, {blocks} blocks: stock to float32 {difference(plain, expected):.2e}, exact to float32 "
        f"{difference(exact, expected):.2e}, exact to stock {difference(exact, plain):.2e}, fast to exact "
        f"{difference(rounded, exact):.2e}; again the same: {torch.equal(exact, ours(**call)[0].float())}"
    )


def rows_kernel() -> str:
    """Return the attention kernel of the kit that runs here."""
    return "hopper" if GPU else "sdpa"


def difference(found: torch.Tensor, expected: torch.Tensor) -> float:
    """Return the relative difference."""
    return float((found - expected).norm() / expected.norm())


def rows(kernel: str) -> list[tuple[str, str, bool, bool]]:
    """Return name, attention kernel, and whether blocks are streamed and rounded, of the kit's rows."""
    if not GPU:
        return [("exact", "sdpa", False, False)]
    exact = [(f"exact, {name}", name, False, False) for name in dict.fromkeys((kernel, "hopper", "fa3"))]
    return [*exact, ("exact, group", kernel, True, False), ("fast", kernel, False, True)]


def build(model: str, blocks: int | None = None) -> Any:
    """Build a transformer, or its first blocks, with random weights, also in norms and biases."""
    weights = next(weights for _, weights in random_models().values() if weights.real == model)
    torch.manual_seed(0)
    torch.set_default_dtype(DTYPE)
    with torch.device(DEVICE):
        transformer = weights.components("full" if GPU else "tiny", 1000)["transformer"]()
    torch.set_default_dtype(torch.float32)
    transformer = transformer.to(DTYPE).eval().requires_grad_(False)
    transformer.blocks = transformer.blocks[:blocks]
    random = torch.Generator(DEVICE).manual_seed(1)
    for parameter in transformer.blocks.parameters():
        if parameter.ndim == 1:
            parameter.add_(0.1 * torch.randn(parameter.shape, device=DEVICE, generator=random).to(DTYPE))
    return transformer


def make_inputs(model: str) -> dict[str, Any]:
    """Return the arguments of a pass for the largest video of a model, with the number of its tokens."""
    card = MODELS[model]
    variant = service_of(card).config_type.variants[card.model]  # type: ignore[union-attr]
    side = variant.limits.multiple
    width, height = card.size if GPU else (64, 64)  # type: ignore[misc]
    times = (card.frames - 1) // 4 + 1 if GPU else 3  # type: ignore[operator]
    weights = next(weights for _, weights in random_models().values() if weights.real == model)
    torch.manual_seed(0)
    with torch.device("meta"):
        config = weights.components("full" if GPU else "tiny", 1000)["transformer"]().config
    random = torch.Generator().manual_seed(2)

    def noise(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=random).to(DEVICE, DTYPE)

    rows, columns = height // side * 2, width // side * 2
    tokens, of_a_frame = times * rows * columns // 4, rows * columns // 4
    timestep = torch.full((1,), 500, device=DEVICE)
    if config.in_channels == config.out_channels:  # a timestep for each token; the first frame is given
        timestep = torch.full((1, tokens), 500, device=DEVICE)
        timestep[:, :of_a_frame] = 0
    call = {
        "hidden_states": noise(1, config.in_channels, times, rows, columns),
        "timestep": timestep,
        "encoder_hidden_states": noise(1, 512, config.text_dim),
        "return_dict": False,
    }
    if config.image_dim:
        call["encoder_hidden_states_image"] = noise(1, 257, config.image_dim)
    return {"call": call, "tokens": tokens, "others": 512 + (257 if config.image_dim else 0)}


def ceilings(transformer: Any, tokens: int, channels: int, others: int) -> dict[str, Any]:
    """Return the time of the matrix products and of attention alone, at the rates measured here."""
    # Keys and values of prompt and image are computed once for all steps.
    once = ("attn2.to_k", "attn2.to_v", "add_k_proj", "add_v_proj")
    products = [
        p for name, p in transformer.blocks.named_parameters() if p.ndim == 2 and not any(o in name for o in once)
    ]
    linear = 2 * tokens * sum(p.numel() for p in products)
    attention = 4 * tokens * (tokens + others) * channels * len(transformer.blocks)
    if not GPU:
        return {"seconds": 1e-9, "text": "not measured on a CPU", "kernel": "sdpa"}
    a, b = torch.randn(2, 8192, 8192, device=DEVICE, dtype=DTYPE)
    matmul = rate(lambda: a @ b, 2 * 8192**3)
    heads, width = transformer.config.num_attention_heads, transformer.config.attention_head_dim
    times = time_attention(tokens, heads, width, DEVICE, DTYPE)
    kernel = min(times, key=times.__getitem__)
    q, k, v = torch.randn(3, 1, tokens, heads, width, device=DEVICE, dtype=DTYPE).unbind(0)
    q /= 11  # close to the spread of what a model computes
    attend = rate(lambda: ATTENTION[kernel](q, k, v), 4 * tokens**2 * channels)
    text = f"matrix product {matmul / 1e12:.0f} TFLOP/s, attention {attend / 1e12:.0f} TFLOP/s ({kernel}); "
    text += "kernels alone, ms: " + ", ".join(f"{name} {ms:.2f}" for name, ms in times.items())
    return {"seconds": linear / matmul + attention / attend, "text": text, "kernel": kernel}


def rate(work: Callable[[], Any], flop: float) -> float:
    """Return FLOP/s of a hot GPU: a rested one is faster."""
    repeats = max(3, int(1e15 / flop))

    def together() -> None:
        for _ in range(repeats):
            work()

    together()
    return flop * repeats / timed(together, 1)


def timed(run: Callable[[], Any], repeats: int) -> float:
    """Return the median of seconds."""
    spans = []
    for _ in range(repeats):
        synchronize()
        start = time.perf_counter()
        run()
        synchronize()
        spans.append(time.perf_counter() - start)
    return statistics.median(spans)


def synchronize() -> None:
    if GPU:
        torch.cuda.synchronize()


class compiled_with_fa3:  # noqa: N801 - used like a function
    """Run a stock transformer with FlashAttention-3, where it is installed, and with compiled blocks."""

    def __init__(self, transformer: Any) -> None:
        self.transformer = transformer

    def __enter__(self) -> None:
        from diffusers.models.transformers import transformer_wan

        self.module, self.before = transformer_wan, transformer_wan.dispatch_attention_fn
        if importlib.util.find_spec("fa3_fwd_interface") is not None:
            from fa3_fwd_interface import flash_attn_func

            def attend(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
                out = flash_attn_func(q.contiguous(), k.contiguous(), v.contiguous())
                return (out[0] if isinstance(out, tuple) else out).clone()

            kernel = torch.library.custom_op(
                "vmevalkit::fa3", attend, mutates_args=(), schema="(Tensor q, Tensor k, Tensor v) -> Tensor"
            )
            kernel.register_fake(lambda q, k, v: torch.empty_like(q))
            self.module.dispatch_attention_fn = lambda query, key, value, **_: torch.ops.vmevalkit.fa3(
                query, key, value
            )
        self.transformer.compile_repeated_blocks(fullgraph=True)

    def __exit__(self, *_: object) -> None:
        self.module.dispatch_attention_fn = self.before
        for block in self.transformer.blocks:
            block._compiled_call_impl = None


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
