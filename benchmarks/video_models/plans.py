"""Measure the memory plans of a model, and which of them the automatic choice picks under limits of GPU memory.

A plan is measured with a whole video of two steps: prompt, image, passes and decoding; with `sequential`, of one step,
because it is slow. Where the automatic choice picks a plan, the video is made with `memory=auto` under the smallest
limit at which it does, so the plan has to fit.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from PIL import Image

from benchmarks.video_models.machine import Machine, limited, say
from benchmarks.video_models.pipelines import Passes, RandomPipelines
from vmevalkit.models.base import Request
from vmevalkit.models.diffusers.memory import GIB, Memory, free_memory_gib, pick_plan, release_memory, stock_plans

PROMPT = "Lead the blue disc to the orange square."
LIMITS = (80.0, 24.0, 16.0, 12.0)


@dataclass(frozen=True)
class Row:
    """What one video measured.

    Attributes:
        plan: the plan that was used.
        seconds: of a pass of one guidance branch; the median of the second half of all passes.
        first: of the first pass, which may compile.
        peak: GiB in use on the GPU, loading included.
        video: seconds of the video, loading included.
    """

    plan: Memory
    seconds: float
    first: float
    peak: float
    video: float


def measure(model: str, where: Machine, limits: Sequence[float], wanted: Sequence[Memory]) -> bool:
    """Print a row for each plan, and which plan is chosen under each limit. Return whether all were measured.

    Args:
        model: catalog name.
        where: the device and which shapes. A CPU has one plan and no limits.
        limits: of GPU memory, in 10^9 bytes.
        wanted: plans to measure, beside those that are chosen under a limit.
    """
    started, complete = time.monotonic(), True
    peaks: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        source = RandomPipelines(model, where, Path(folder))
        card, service = source.card, source.service()
        possible = service.plans(service.config, where.device)
        limits = sorted(limits) if where.device == "cuda" else []
        chosen = {limit: choice(limit, possible, card.memory_gib, where) for limit in limits}
        size = "x".join(map(str, card.size or ()))
        say(f"\n{model}: {size}, {card.frames} frames, {where.name}; {where.versions}\n")
        say("| plan | chosen at, GB | s a pass | first pass, s | peak, GiB | on the card, GiB | video, s |")
        say("| --- | --- | --- | --- | --- | --- | --- |")
        for plan in dict.fromkeys((*possible, *stock_plans(where.device))):
            at = [limit for limit in limits if chosen[limit] == plan]
            for row in rows(partial(_video, source), plan, at) if plan in wanted or at else ():
                begin = f"| {plan} | {', '.join(f'{limit:g}' for limit in at)} |"
                if isinstance(row, str):
                    complete = False
                    say(f"{begin} {row} | | | | |")
                else:
                    peaks[plan] = row.peak
                    need = card.memory_gib.get(plan, 0.0)
                    say(
                        f"{begin} {row.seconds:.3f} | {row.first:.1f} | {row.peak:.1f} | {need:.1f} | {row.video:.0f} |"
                    )
    measured = [plan for plan in possible if plan in peaks]
    for limit in limits if measured else ():
        better = choice(limit, measured, peaks, where)
        say(f"\nAt {limit:g} GB, the card chooses {chosen[limit]}; the measured peaks would choose {better}.")
    say(f"\nMeasured in {time.monotonic() - started:.0f} s.")
    return complete


def rows(attempt: Callable[[Memory, float | None], Row], plan: Memory, at: Sequence[float]) -> Iterator[Row | str]:
    """Measure a plan under the smallest limit under which it fits, else without one.

    Args:
        attempt: measures a plan under a limit.
        plan: the plan.
        at: the limits at which it is chosen, ascending.

    Yields what went wrong, then the row.
    """
    for limit in (*at, None):
        try:
            row = attempt(plan, limit)
        except Exception as error:  # noqa: BLE001 - the other plans are measured
            under = f" at {limit:g} GB" if limit else ""
            yield f"{type(error).__name__}{under}: {' '.join(str(error).split())[:100]}"
        else:
            if row.plan == plan:
                yield row
                return
            yield f"out of memory at {limit:g} GB; {row.plan} was used"


def choice(limit: float, possible: Sequence[Memory], needs: Mapping[str, float], where: Machine) -> Memory:
    """Return the plan that a service chooses by itself under a limit."""
    release_memory()
    with limited(limit):
        return pick_plan("auto", possible, needs, free_memory_gib(where.device))


def _video(source: RandomPipelines, plan: Memory, limit: float | None) -> Row:
    """Make one video with a plan or, under a limit, with the automatic choice, which should be that plan."""
    torch.compiler.reset()  # compiled blocks keep the weights of the last plan
    release_memory()
    steps = 1 if plan == "sequential" else 2
    started = time.monotonic()
    with limited(limit) if limit else nullcontext():
        service = source.service(memory="auto" if limit else plan)
        passes = Passes(service, source.where)
        video = service.generate(request(source.folder), num_inference_steps=steps)
        list(video.frames)
    branch = [taken / branches for taken, branches in passes.seconds()]
    return Row(
        plan=video.memory_plan,  # type: ignore[arg-type]
        seconds=statistics.median(branch[len(branch) // 2 :]),
        first=branch[0],
        peak=video.peak_memory_bytes.get("cuda", 0) / GIB,
        video=time.monotonic() - started,
    )


def request(folder: Path) -> Request:
    """Return a request for a video of a white frame."""
    return Request(Image.new("RGB", (720, 480), "white"), folder / "first_frame.png", PROMPT, seed=42, duration=None)
