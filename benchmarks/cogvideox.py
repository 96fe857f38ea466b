"""How fast CogVideoX runs here, beside the stock pipeline in the same run, and how little memory it needs.

    python benchmarks/cogvideox.py --weights /tmp/full                              5B, all rows
    python benchmarks/cogvideox.py --weights /tmp/full --model cogvideox1.5-5b-i2v --steps 10 --rows stock exact
    python benchmarks/cogvideox.py --exactness                 one forward pass against float32; needs no weights
    python benchmarks/cogvideox.py --weights /tmp/full --caps 8 12 24 48 --document docs/measurements.md --plot plot.svg

Each row is a process of its own, so that peaks are its own and memory starts empty. It makes a video of two steps,
which loads and warms up, and one of `--steps`. From these follows the time of a video of fifty steps in a run of
twenty: everything but writing, which overlaps with the next video (stock rows: with writing). Frames are
compared with those of the first row. Weights may be random ones: `setup/make_checkpoint.py --size full`.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from vmevalkit import media
from vmevalkit.models import MODELS
from vmevalkit.models.base import Request, Video
from vmevalkit.models.cogvideox_inference import CogVideoXConfig, CogVideoXService

ROOT = Path(__file__).parents[1]
STEPS, VIDEOS = 50, 20
ROWS: dict[str, dict[str, Any]] = {
    "stock": {"speed": "reference", "memory": "resident"},
    "stock, blocks compiled": {"speed": "reference", "memory": "resident"},
    "stock, sequential": {"speed": "reference", "memory": "sequential"},
    "exact": {"speed": "exact", "memory": "resident"},
    "exact, model": {"speed": "exact", "memory": "model"},
    "exact, group": {"speed": "exact", "memory": "group"},
    "exact, tiled": {"speed": "exact", "memory": "tiled"},
    "fast": {"speed": "fast", "memory": "resident"},
    "fast, cache 0.1": {"speed": "fast", "memory": "resident", "cache": 0.1},
    "exact, two GPUs": {"speed": "exact", "memory": "resident", "latency": True},
    "fast, two GPUs": {"speed": "fast", "memory": "resident", "latency": True},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="cogvideox-5b-i2v")
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--steps", type=int, default=STEPS, help="of the measured video")
    parser.add_argument("--rows", nargs="*", default=list(ROWS), choices=ROWS)
    parser.add_argument("--caps", nargs="*", type=float, default=[], help="rows under a cap of so many 10^9 bytes")
    parser.add_argument("--profile", action="store_true", help="where the GPU's time goes, for exact and fast")
    parser.add_argument("--exactness", action="store_true", help="how far a forward pass is from float32, and no more")
    parser.add_argument("--layers", type=int, default=42, help="for --exactness: of the transformer")
    parser.add_argument("--document", type=Path, help="append the table to this file")
    parser.add_argument("--plot", type=Path, help="SVG of a video's time against the cap")
    parser.add_argument("--row", help=argparse.SUPPRESS)
    parser.add_argument("--cap", type=float, help=argparse.SUPPRESS)
    parser.add_argument("--frames", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.exactness:
        exactness(arguments.model, arguments.layers)
    elif arguments.row == "ceilings":
        print(json.dumps(ceilings(arguments.model)))
    elif arguments.row:
        print(json.dumps(measure(arguments)))
    else:
        table(arguments)


def table(arguments: argparse.Namespace) -> None:
    """Run the rows one after the other and print what they measured."""
    limit = run(arguments, "ceilings")
    rows = [(name, None) for name in arguments.rows]
    rows += [("exact", cap) for cap in sorted(arguments.caps, reverse=True)]
    lines = [
        "| row | plan | attention | s/step | s/video | load, s | decode, s | GiB | TFLOP/s | of the ceiling | PSNR |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    points = []
    for name, cap in rows:
        label = name if cap is None else f"{name}, cap {cap:g} GB"
        row = run(arguments, name, cap)
        if "error" in row:
            lines.append(f"| {label} | {row['error']} |" + " |" * 9)
        else:
            speed = limit["flop"] / row["step"] / 1e12
            psnr = "same" if row["psnr"] is None else f"{row['psnr']:.1f} dB"
            lines.append(
                f"| {label} | {row['plan']} | {row['attention']} | {row['step']:.3f} | {row['video']:.1f} "
                f"| {row['load']:.1f} | {row['decode']:.2f} | {row['peak']:.1f} | {speed:.0f} "
                f"| {limit['step'] / row['step']:.0%} | {psnr} |"
            )
            points.append((cap, row["video"], row["plan"]))
        print(lines[-1], flush=True)
    command = "python benchmarks/cogvideox.py " + shlex.join(sys.argv[1:])
    text = "\n".join(
        [
            f"\n## {arguments.model} by `benchmarks/cogvideox.py`\n",
            f"{limit['device']}, {limit['versions']}, {date.today()}. Ceiling: bf16 matrix product "
            f"{limit['matmul']:.0f} TFLOP/s, attention by {limit['kernel']} {limit['attention']:.0f} TFLOP/s, so "
            f"{limit['step']:.3f} s/step; {limit['kernels']}. A video: {STEPS} steps, in a run of {VIDEOS}; measured "
            f"with {arguments.steps} steps.\n",
            f"```bash\n{command}\n```\n",
            *lines,
        ]
    )
    print(text)
    if arguments.document:
        with arguments.document.open("a", encoding="utf-8") as file:
            file.write(text + "\n")
    if arguments.plot:
        arguments.plot.write_text(plot([p for p in points if p[0] is not None]), encoding="utf-8")


def run(arguments: argparse.Namespace, row: str, cap: float | None = None) -> dict[str, Any]:
    """Measure a row in a process of its own; `error` where it failed."""
    command = [sys.executable, __file__, "--model", arguments.model, "--row", row, "--steps", str(arguments.steps)]
    command += ["--weights", str(arguments.weights)] if arguments.weights else []
    command += ["--cap", str(cap)] if cap else []
    command += ["--profile"] if arguments.profile and row in ("exact", "fast") and cap is None else []
    command += ["--frames", str(Path(tempfile.gettempdir()) / f"frames-{os.getpid()}.npy")]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    *before, last = done.stdout.splitlines() or [""]
    if before:
        print("\n".join(before))
    return json.loads(last) if done.returncode == 0 else {"error": f"exit status {done.returncode}"}


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """One row, in this process."""
    import torch

    if arguments.cap:
        total = torch.cuda.get_device_properties(0).total_memory
        torch.cuda.set_per_process_memory_fraction(arguments.cap * 1e9 / total)
    settings = {"speed": "exact", "memory": "auto"} if arguments.cap else ROWS[arguments.row]
    card = MODELS[arguments.model]
    weights = {"weights": arguments.weights} if arguments.weights else {}
    service = CogVideoXService(card.model, **{**card.args, **settings, **weights})
    if arguments.row == "stock, blocks compiled":
        compile_blocks()
    first, _ = video(service, 2)
    second, frames = video(service, arguments.steps)
    if arguments.profile:
        profile(service)
    seconds = second.seconds
    step = seconds["denoise"] / arguments.steps
    each = seconds["load"] + seconds.get("encode", 0) + step * STEPS + seconds["decode"]
    each += seconds["write"] if settings["speed"] == "reference" else 0
    once = first.seconds["load"] + first.seconds["encode"] + first.seconds["denoise"] - 2 * step
    psnr = None
    if arguments.frames.is_file():
        difference = np.load(arguments.frames).astype(np.float32) - frames
        error = float(np.mean(difference**2))
        psnr = 10 * float(np.log10(255**2 / error)) if error else None
    else:
        np.save(arguments.frames, frames)
    peak = max(f.peak_memory_bytes.get("cuda", 0) for f in (first, second)) / 2**30
    return {"step": step, "video": each + once / VIDEOS, "plan": second.memory_plan, "peak": peak, "psnr": psnr,
            "load": once, "decode": seconds["decode"], "attention": second.settings["attention"]}  # fmt: skip


def video(service: CogVideoXService, steps: int) -> tuple[Video, np.ndarray]:
    """Make and write a video of a committed question. Returns it and its frames."""
    question = ROOT / "data" / "questions" / "tests_task" / "tests_0001"
    first_frame = question / "first_frame.png"
    prompt = (question / "prompt.txt").read_text(encoding="utf-8")
    request = Request(media.load_image(first_frame), first_frame, prompt, seed=42, duration=None)
    made = service.generate(request, num_inference_steps=steps)
    frames = np.stack(list(made.frames))
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        media.write_video(Path(folder) / "video.mp4", frames, made.fps)
    made.seconds["write"] = time.monotonic() - started
    print(made.memory_plan, made.seconds, made.peak_memory_bytes, made.notes, file=sys.stderr)
    return made, frames


def compile_blocks() -> None:
    """What users of the stock pipeline do: each block compiled by itself, when the pipeline has come to the GPU."""
    from vmevalkit.models import cogvideox_inference

    place = cogvideox_inference.place

    def place_and_compile(pipe: Any, *rest: Any) -> None:
        place(pipe, *rest)
        for block in pipe.transformer.transformer_blocks:
            block.compile(fullgraph=True, dynamic=False)

    cogvideox_inference.place = place_and_compile


def profile(service: CogVideoXService) -> None:
    """Print where the GPU's time goes in a video of four steps."""
    from torch.profiler import ProfilerActivity
    from torch.profiler import profile as record

    with record(activities=[ProfilerActivity.CUDA]) as recorded:
        video(service, 4)
    kernels = sorted(recorded.key_averages(), key=lambda k: -k.self_device_time_total)
    total = sum(k.self_device_time_total for k in kernels)
    speed = service.config.speed
    print(f"\n| GPU kernel, {speed} video of four steps | calls | ms | share |\n| --- | --- | --- | --- |")
    for kernel in kernels[:14]:
        spent = kernel.self_device_time_total
        print(f"| `{kernel.key[:70]}` | {kernel.count} | {spent / 1000:.1f} | {spent / total:.1%} |")


def exactness(model: str, layers: int) -> None:
    """Print relative distances of one forward pass at the real shapes (small ones on the CPU), with random weights."""
    import torch

    from vmevalkit.models.diffusers import devices
    from vmevalkit.models.diffusers.attention import pick_attention
    from vmevalkit.models.diffusers.cogvideox import shapes
    from vmevalkit.models.diffusers.cogvideox.blocks import Blocks
    from vmevalkit.models.diffusers.config import random_models

    like, weights = next((like, weights) for like, (_, weights) in random_models().items() if weights.real == model)
    device = devices.pick_device("auto")
    size, dtype = ("full", torch.bfloat16) if device == "cuda" else ("tiny", torch.float32)
    width, height, frames = (shapes.FULL_FRAME if size == "full" else shapes.TINY_FRAME)[like]
    latents = (frames - 1) // 4 + 1
    latents += latents % 2 if like == "1.5" else 0

    def build() -> Any:
        torch.manual_seed(0)
        torch.set_default_dtype(dtype)
        with torch.device(device):
            transformer = weights.components(size, 1000)["transformer"]()
        torch.set_default_dtype(torch.float32)
        transformer = transformer.to(dtype).requires_grad_(False)
        transformer.transformer_blocks = transformer.transformer_blocks[:layers]
        random = torch.Generator(device).manual_seed(1)
        for name, parameter in transformer.named_parameters():
            if "transformer_blocks" in name and parameter.ndim == 1:  # norms and biases: as made, they do nothing
                parameter.add_(0.1 * torch.randn(parameter.shape, device=device, generator=random).to(dtype))
        return transformer

    def forward(transformer: Any) -> Any:
        random, kind, config = torch.Generator().manual_seed(2), transformer.dtype, transformer.config
        tokens = latents // (config.patch_size_t or 1) * (height // 16) * (width // 16)
        angles = torch.randn(tokens, config.attention_head_dim // 2, generator=random).to(device)
        angles = angles.repeat_interleave(2, dim=1)
        video = torch.randn(1, latents, config.in_channels, height // 8, width // 8, generator=random)
        text = torch.randn(1, 226, config.text_embed_dim, generator=random)
        ofs = torch.full((1,), 2.0, device=device, dtype=kind) if like == "1.5" else None
        return transformer(
            hidden_states=video.to(device, dtype).to(kind), encoder_hidden_states=text.to(device, dtype).to(kind),
            timestep=torch.full((1,), 500, device=device), image_rotary_emb=(angles.cos(), angles.sin()), ofs=ofs,
            return_dict=False,
        )[0].float()  # fmt: skip

    def distance(a: Any, b: Any) -> str:
        return f"{float((a - b).norm() / b.norm()):.2e}"

    with torch.no_grad():
        stock = forward(build())
        exactly = forward(build().float())
        transformer = build()
        heads, channels = transformer.config.num_attention_heads, transformer.config.attention_head_dim
        attention = pick_attention("auto", latents * height * width // 256, heads, channels, device)
        transformer.transformer_blocks = torch.nn.ModuleList(
            [Blocks(transformer.transformer_blocks, device, attention, streamed=False)]
        )
        ours = forward(transformer)
        print(f"{model}, {layers} layers, {dtype}, attention by {attention}; relative distances:")
        print(f"stock to float32 {distance(stock, exactly)}, exact to float32 {distance(ours, exactly)}, "
              f"exact to stock {distance(ours, stock)}")  # fmt: skip
        print(f"the same bits again: {torch.equal(ours, forward(transformer))}")
        for streamed, fp8 in ((True, False), (False, True)) if device == "cuda" else ((False, True),):
            transformer = build()
            transformer.transformer_blocks = torch.nn.ModuleList(
                [Blocks(transformer.transformer_blocks, device, attention, streamed, fp8)]
            )
            other = forward(transformer)
            print(
                f"fast to exact {distance(other, ours)}" if fp8 else f"streamed, the same: {torch.equal(other, ours)}"
            )


def ceilings(model: str) -> dict[str, Any]:
    """What the GPU can do: its fastest matrix product and attention, and the step that follows from these alone."""
    import torch

    from vmevalkit.models.diffusers.attention_kernels import ATTENTION, time_attention

    config = CogVideoXConfig.model_validate({"model": MODELS[model].model})
    tokens, layers, heads, width = config.tokens, 42, 48, 64
    linear = 2 * 2 * tokens * 12 * (heads * width) ** 2 * layers
    attention = 4 * 2 * tokens**2 * heads * width * layers

    def rate(work: Any, flop: float) -> float:
        work()
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        # A second of it, because a GPU that has rested is faster than one that is hot.
        repeats = max(3, int(1e12 * 600 / flop))
        for _ in range(repeats):
            work()
        end.record()
        end.synchronize()
        return flop * repeats / start.elapsed_time(end) / 1e9

    a, b = torch.randn(2, 8192, 8192, device="cuda", dtype=torch.bfloat16)
    matmul = rate(lambda: a @ b, 2 * 8192**3)
    times = time_attention(tokens, heads, width, "cuda", torch.bfloat16)
    kernel = min(times, key=times.__getitem__)
    q, k, v = torch.randn(2, tokens, 3, heads, width, device="cuda", dtype=torch.bfloat16).unbind(2)
    attend = rate(lambda: ATTENTION[kernel](q, k, v), attention / layers)
    packages = ("torch", "diffusers", "transformers", "triton", "fa3-fwd")
    versions = {p: importlib.metadata.version(p) for p in packages if importlib.util.find_spec(p.replace("-", "_"))}
    return {"flop": linear + attention, "matmul": matmul, "attention": attend, "kernel": kernel,
            "kernels": "one branch alone, ms: " + ", ".join(f"{name} {ms:.2f}" for name, ms in times.items()),
            "step": linear / matmul / 1e12 + attention / attend / 1e12, "device": torch.cuda.get_device_name(),
            "versions": ", ".join(f"{p} {v}" for p, v in versions.items())}  # fmt: skip


def plot(points: list[tuple[float, float, str]]) -> str:
    """SVG: seconds a video, from zero, against the cap in GB, on a logarithmic axis."""
    width, height, left, bottom = 640, 320, 60, 50
    caps = [p[0] for p in points]
    low, high = np.log2(min(caps)) - 0.3, np.log2(max(caps)) + 0.3
    top = 1.15 * max(p[1] for p in points)

    def at(cap: float, seconds: float) -> tuple[float, float]:
        x = left + (width - left - 20) * (np.log2(cap) - low) / (high - low)
        return round(float(x), 1), round(height - bottom - (height - bottom - 20) * seconds / top, 1)

    places = [at(cap, seconds) for cap, seconds, _ in points]
    marks = "".join(
        f'<circle cx="{x}" cy="{y}" r="4"/><text x="{x}" y="{y - 12}" text-anchor="middle">{seconds:.0f} s</text>'
        f'<text x="{x}" y="{y + 20}" text-anchor="middle">{plan}</text>'
        f'<text x="{x}" y="{height - bottom + 20}" text-anchor="middle">{cap:g}</text>'
        for (x, y), (cap, seconds, plan) in zip(places, points, strict=True)
    )
    line = " ".join(f"{x},{y}" for x, y in places)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
        f'font-size="12"><rect width="{width}" height="{height}" fill="white"/>'
        f'<path d="M{left} 10V{height - bottom}H{width - 10}" fill="none" stroke="black"/>'
        f'<polyline points="{line}" fill="none" stroke="#1f77b4" stroke-width="2"/><g fill="#1f3a5f">{marks}</g>'
        f'<text x="{width / 2}" y="{height - 10}" text-anchor="middle">GPU memory allowed, GB</text>'
        f'<text transform="translate(20 {height / 2}) rotate(-90)" text-anchor="middle">seconds a video</text></svg>\n'
    )


if __name__ == "__main__":
    main()
