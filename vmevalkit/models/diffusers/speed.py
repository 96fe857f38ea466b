"""Speeds: with how much of the kit's own code a model runs, and what that allows."""

from __future__ import annotations

from functools import wraps
from typing import Any, Literal

from vmevalkit.errors import ConfigError
from vmevalkit.models.diffusers.devices import capability, library_version
from vmevalkit.models.diffusers.memory import PLANS, Memory, stock_plans

Speed = Literal["auto", "reference", "exact", "fast"]
"""`reference`: the modules of Diffusers. `exact`: the same mathematics, rounded less often, in fewer passes.
`fast`: also float8 in the linear layers and in the first product of attention, which shows in the video."""


def plans_at(speed: Speed, device: str) -> tuple[Memory, ...]:
    """Return the memory plans that are possible with a speed, from the fastest to the smallest."""
    if device == "cpu" or speed == "reference":
        return stock_plans(device)
    return PLANS[:-1]  # with fused blocks, `tiled` is both faster and smaller than `sequential`


def pick_speed(speed: Speed, memory: Memory, device: str) -> Speed:
    """Resolve `auto`: `exact` where its kernels run on a GPU, else `reference`.

    Raises:
        ConfigError: the requested speed is not possible here.
    """
    oldest = {"torch": (2, 6), "diffusers": (0, 33), **({"triton": (3, 0)} if device != "cpu" else {})}
    possible = all(library_version(package) >= least for package, least in oldest.items())
    if speed in ("exact", "fast") and not possible:
        raise ConfigError(f"speed = '{speed}': it needs torch 2.6, diffusers 0.33 and triton; use 'reference'")
    # What Triton needs of a GPU for bfloat16 and for float8. The CPU computes both, slowly.
    found = capability(device)
    if (speed == "exact" and found < (8, 0)) or (speed == "fast" and found < (8, 9)):
        raise ConfigError(f"speed = '{speed}': this GPU is too old for it; use 'auto'")
    if speed != "auto":
        return speed
    return "exact" if possible and found >= (8, 0) and device != "cpu" and memory != "sequential" else "reference"


def index_on_host(scheduler: Any) -> None:
    """Let a scheduler look up its tables by numbers in host memory.

    A pipeline counts in timesteps that are on the GPU. To look one up, the host waits for the GPU in every step and
    holds Python's lock, so that nothing else can run, such as writing the previous video.
    """
    import torch

    stock, steps, numbers = scheduler.step, None, []

    # Pipelines look at the signature of `step` to find out what a scheduler takes.
    @wraps(stock)
    def step(*arguments: Any, **named: Any) -> Any:
        nonlocal steps, numbers
        if scheduler.timesteps is not steps:
            steps, numbers = scheduler.timesteps, scheduler.timesteps.tolist()
        # The only numbers that a pipeline passes as tensors are elements of this one.
        on_host = [numbers[a.storage_offset()] if torch.is_tensor(a) and a.ndim == 0 else a for a in arguments]
        return stock(*on_host, **named)

    scheduler.step = step
