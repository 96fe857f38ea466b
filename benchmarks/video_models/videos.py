"""Time whole videos, beside the stock pipeline in the same run, and under limits of GPU memory.

Each row is a process of its own, so that peaks are its own and memory starts empty. It makes a video of two steps,
which loads and warms up, and one of `--steps`. From these follows the time of a video of fifty steps in a run of
twenty: everything but writing, which overlaps with the next video (stock rows: with writing). Frames are compared with
those of the first row. Without `--weights`, weights are random and in memory, and times for loading are not those of a
checkpoint. `setup/make_checkpoint.py --size full` makes one with random weights.
"""

from __future__ import annotations

import argparse
import multiprocessing
import shlex
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.video_models import networks
from benchmarks.video_models.ceiling import Ceiling, measure_ceiling
from benchmarks.video_models.machine import Machine, limited, random_model, say
from benchmarks.video_models.pipelines import Passes, RandomPipelines
from benchmarks.video_models.plot import plot
from vmevalkit import media
from vmevalkit.models.base import MODELS, Request, Video, service_of

QUESTION = Path(__file__).parents[2] / "data" / "questions" / "tests_task" / "tests_0001"
STEPS, VIDEOS = 50, 20
# Of the video that loads and warms up.
WARM = 2
COMPILED = "stock, blocks compiled"
ROWS: dict[str, dict[str, Any]] = {
    "stock": {"speed": "reference", "memory": "resident"},
    COMPILED: {"speed": "reference", "memory": "resident"},
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


@dataclass(frozen=True)
class Job:
    """One row.

    Attributes:
        model: catalog name.
        where: the device and which shapes.
        row: a name in `ROWS`.
        cap: limit of GPU memory in 10^9 bytes, under which the memory plan is chosen; None for the plan of the row.
        weights: folder of the checkpoint; None for random weights in memory.
        steps: of the measured video.
        profile: print where the GPU's time goes.
        frames: file with the frames of the first row, which writes it.
    """

    model: str
    where: Machine
    row: str
    cap: float | None
    weights: Path | None
    steps: int
    profile: bool
    frames: Path


@dataclass(frozen=True)
class Result:
    """What a row measured: seconds of a step, a video, loading and decoding, peak in GiB, and PSNR in dB.

    `psnr` is None for frames that are equal to those of the first row.
    """

    plan: str
    attention: str
    step: float
    video: float
    load: float
    decode: float
    peak: float
    psnr: float | None


def run(arguments: argparse.Namespace, where: Machine) -> int:
    """Measure the rows one after the other and print them; return the exit status."""
    if arguments.steps <= WARM:
        raise SystemExit(f"--steps {arguments.steps}: at least {WARM + 1} are needed")
    if arguments.caps and where.device == "cpu":
        raise SystemExit("--caps: they limit GPU memory, and --tiny runs on the CPU; leave out one of them")
    if arguments.plot and not arguments.caps:
        raise SystemExit(f"--plot {arguments.plot}: it shows --caps, and there are none")
    model = arguments.model
    limit = _apart(measure_ceiling, model, where) if networks.has_kernels(model) else None
    rows = [(name, None) for name in arguments.rows]
    rows += [("exact", cap) for cap in sorted(arguments.caps, reverse=True)]
    lines = [
        "| row | plan | attention | s/step | s/video | load, s | decode, s | GiB | TFLOP/s | of the ceiling | PSNR |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    points: list[tuple[float, float, str]] = []
    complete = True
    with tempfile.TemporaryDirectory() as folder:
        for name, cap in rows:
            label = name if cap is None else f"{name}, cap {cap:g} GB"
            profiled = arguments.profile and name in ("exact", "fast") and cap is None
            job = Job(
                model, where, name, cap, arguments.weights, arguments.steps, profiled, Path(folder) / "frames.npy"
            )
            try:
                result = _apart(measure, job)
            except Exception as error:  # noqa: BLE001 - the other rows are measured
                complete = False
                lines.append(f"| {label} | {type(error).__name__}: {' '.join(str(error).split())[:100]} |" + " |" * 9)
            else:
                lines.append(_line(label, result, limit))
                if cap is not None:
                    points.append((cap, result.video, result.plan))
            say(lines[-1])
    command = "python -m benchmarks.video_models " + shlex.join(sys.argv[1:])
    ceiling = f"Ceiling {2 * limit.seconds:.3f} s/step: {limit.text}. " if limit else ""
    say(
        f"\n## {model}, whole videos\n\n{where.name}, {where.versions}, {date.today()}. {ceiling}A video: {STEPS} "
        f"steps, in a run of {VIDEOS}; measured with {arguments.steps} steps.\n\n```bash\n{command}\n```\n"
    )
    say("\n".join(lines))
    if arguments.plot:
        arguments.plot.write_text(plot(points), encoding="utf-8")
    return 0 if complete else 1


def _apart(work: Any, *values: Any) -> Any:
    """Call a function in a process of its own."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(work, *values).result()


def _line(label: str, row: Result, limit: Ceiling | None) -> str:
    """Return a line of the table. A step is two passes."""
    speed = f"{2 * limit.flop / row.step / 1e12:.0f}" if limit else ""
    share = f"{2 * limit.seconds / row.step:.0%}" if limit else ""
    psnr = "same" if row.psnr is None else f"{row.psnr:.1f} dB"
    return (
        f"| {label} | {row.plan} | {row.attention} | {row.step:.3f} | {row.video:.1f} | {row.load:.1f} "
        f"| {row.decode:.2f} | {row.peak:.1f} | {speed} | {share} | {psnr} |"
    )


def measure(job: Job) -> Result:
    """Measure one row in this process."""
    with tempfile.TemporaryDirectory() as folder, limited(job.cap) if job.cap else nullcontext():
        settings = {"speed": "exact", "memory": "auto"} if job.cap else ROWS[job.row]
        service = _service(job, Path(folder), settings)
        if job.row == COMPILED:
            _compile_blocks(service)
        passes = Passes(service, job.where)
        first, _ = _video(service, WARM)
        warm = sum(taken for taken, _ in passes.seconds())
        second, frames = _video(service, job.steps)
        denoising = sum(taken for taken, _ in passes.seconds())
        if job.profile:
            _profile(service)
    seconds = second.seconds
    # Most families do not tell denoising from decoding.
    step = seconds.get("denoise", denoising) / job.steps
    decode = seconds["decode"] if "decode" in seconds else seconds["generate"] - denoising
    warm = first.seconds.get("denoise", warm) - WARM * step
    each = seconds["load"] + seconds.get("encode", 0) + step * STEPS + decode
    each += seconds["write"] if settings["speed"] == "reference" else 0
    once = first.seconds["load"] + first.seconds["encode"] + warm
    return Result(
        plan=second.memory_plan or "",
        attention=str(second.settings.get("attention", "")),
        step=step,
        video=each + once / VIDEOS,
        load=once,
        decode=decode,
        peak=max(video.peak_memory_bytes.get("cuda", 0) for video in (first, second)) / 2**30,
        psnr=_psnr(frames, job.frames),
    )


def _service(job: Job, folder: Path, settings: dict[str, Any]) -> Any:
    if job.weights is None:
        return RandomPipelines(job.model, job.where, folder).service(**settings)
    card = MODELS[job.model] if job.where.scale == "full" else random_model(job.model, job.where.scale)[0]
    kind: Any = service_of(card)
    return kind(card.model, **{**card.args, "device": job.where.device, "weights": job.weights, **settings})


def _psnr(frames: npt.NDArray[Any], path: Path) -> float | None:
    """Compare frames with those in a file; without one, write it."""
    if not path.is_file():
        np.save(path, frames)
        return None
    error = float(np.mean((np.load(path).astype(np.float32) - frames) ** 2))
    return 10 * float(np.log10(255**2 / error)) if error else None


def _video(service: Any, steps: int) -> tuple[Video, npt.NDArray[Any]]:
    """Make and write a video of a committed question. Return it and its frames."""
    first_frame = QUESTION / "first_frame.png"
    prompt = (QUESTION / "prompt.txt").read_text(encoding="utf-8")
    request = Request(media.load_image(first_frame), first_frame, prompt, seed=42, duration=None)
    made = service.generate(request, num_inference_steps=steps)
    frames = np.stack(list(made.frames))
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        media.write_video(Path(folder) / "video.mp4", frames, made.fps)
    made.seconds["write"] = time.monotonic() - started
    print(made.memory_plan, made.seconds, made.peak_memory_bytes, made.notes, file=sys.stderr)
    return made, frames


def _compile_blocks(service: Any) -> None:
    """Do what users of the stock pipeline do: each block is compiled by itself, when the pipeline is on the GPU."""
    load = service.load

    def load_and_compile(*arguments: Any) -> Any:
        loaded = load(*arguments)
        transformer = loaded.pipe.transformer
        for block in getattr(transformer, networks.blocks_name(transformer)):
            block.compile(fullgraph=True, dynamic=False)
        return loaded

    service.load = load_and_compile


def _profile(service: Any) -> None:
    """Print where the GPU's time goes in a video of four steps."""
    from torch.profiler import ProfilerActivity
    from torch.profiler import profile as record

    with record(activities=[ProfilerActivity.CUDA]) as recorded:
        _video(service, 4)
    kernels = sorted(recorded.key_averages(), key=lambda k: -k.self_device_time_total)
    total = sum(k.self_device_time_total for k in kernels)
    say(f"\n| GPU kernel, {service.config.speed} video of four steps | calls | ms | share |\n| --- | --- | --- | --- |")
    for kernel in kernels[:14]:
        spent = kernel.self_device_time_total
        say(f"| `{kernel.key[:70]}` | {kernel.count} | {spent / 1000:.1f} | {spent / total:.1%} |")
    say("")
