"""Memory plans: which weights are on the GPU, and when.

From the fastest plan to the one that needs the least memory:

- `resident`: everything stays on the GPU.
- `model`: the text encoder is on the GPU only while it encodes.
- `group`: the denoiser's weights stay in host memory and are copied just before they are used.
- `tiled`: the text encoder's too, and the VAE works in tiles.
- `sequential`: as `tiled`, and each copy is waited for.
"""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeVar

from vmevalkit.errors import ConfigError
from vmevalkit.models.diffusers.devices import library_version

log = logging.getLogger(__name__)
T = TypeVar("T")

Memory = Literal["auto", "resident", "model", "group", "tiled", "sequential"]
PLANS: tuple[Memory, ...] = ("resident", "model", "group", "tiled", "sequential")
TILED: tuple[Memory, ...] = ("tiled", "sequential")
GIB = 2**30

# Components that run once in every denoising step.
DENOISERS = ("transformer", "transformer_2", "unet")
# Free memory must exceed a measured peak by this factor: fragments, the CUDA context, and other GPUs' kernels.
_HEADROOM = 1.08


def has_group_offloading() -> bool:
    """Whether the installed Diffusers can offload groups of layers with a stream (since 0.33)."""
    return library_version("diffusers") >= (0, 33)


def stock_plans(device: str) -> tuple[Memory, ...]:
    """Return the memory plans that the modules of Diffusers allow, from the fastest to the smallest."""
    if device == "cpu":
        return ("resident",)
    return tuple(plan for plan in PLANS if plan != "tiled" or has_group_offloading())


def pick_plan(memory: Memory, possible: Sequence[Memory], needs: Mapping[str, float], free_gib: float) -> Memory:
    """Return the requested plan, or for `auto` the fastest that fits.

    Args:
        memory: the requested plan.
        possible: the plans that are possible here, from the fastest to the smallest.
        needs: peak GPU memory in GiB by plan.
        free_gib: free GPU memory in GiB.

    Raises:
        ConfigError: the requested plan is not possible here.
    """
    if memory != "auto":
        if memory not in possible:
            raise ConfigError(f"memory = '{memory}': not possible here; available: auto, {', '.join(possible)}")
        return memory
    if len(possible) == 1:
        return possible[0]
    for plan in possible:
        if needs.get(plan, 0.0) * _HEADROOM <= free_gib:
            return plan
    # The needs are those of the largest video; a smaller one may still fit.
    log.warning("%.1f GiB of GPU memory are free; plan '%s' needs %.1f", free_gib, possible[-1], needs[possible[-1]])
    return possible[-1]


def within_memory(attempt: Callable[[Memory], T], plan: Memory, possible: Sequence[Memory]) -> tuple[T, Memory]:
    """Call `attempt` with a plan and, if memory runs out, once more with the next smaller plan.

    Returns:
        What `attempt` returned, and the plan that it was called with.
    """
    import torch

    smaller = possible[possible.index(plan) + 1 :]
    try:
        return attempt(plan), plan
    except torch.OutOfMemoryError as error:
        if not smaller:
            raise
        log.warning("plan '%s' ran out of memory, using '%s': %s", plan, smaller[0], str(error).split(". ")[0])
    # Outside of the handler, because the exception keeps the failed attempt's tensors alive.
    return attempt(smaller[0]), smaller[0]


def free_memory_gib(device: str) -> float:
    """Return the GPU memory in GiB that this process may still allocate; 0 for the CPU."""
    if device == "cpu":
        return 0.0
    import torch

    gpu = torch.device(device)
    free, total = torch.cuda.mem_get_info(gpu)
    if hasattr(torch.cuda, "get_per_process_memory_fraction"):
        index = torch.cuda.current_device() if gpu.index is None else gpu.index
        free = min(free, torch.cuda.get_per_process_memory_fraction(index) * total - torch.cuda.memory_reserved(index))
    return float(free) / GIB


def release_memory() -> None:
    """Return unused memory to the GPU."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def place(pipe: Any, plan: Memory, device: str) -> None:
    """Place a newly loaded stock pipeline as a memory plan demands."""
    import torch

    if plan == "resident" or (plan == "model" and getattr(pipe, "text_encoder", None) is None):
        pipe.to(device)
    elif plan == "sequential":
        pipe.enable_sequential_cpu_offload(device=device)
    elif plan != "model" and has_group_offloading():
        from diffusers.hooks import apply_group_offloading

        for name, component in pipe.components.items():
            # A text encoder is in the pipeline only if prompts cannot be encoded ahead.
            if component is not None and (name in DENOISERS or name.startswith("text_encoder")):
                apply_group_offloading(
                    component,
                    onload_device=torch.device(device),
                    offload_device=torch.device("cpu"),
                    offload_type="leaf_level",
                    use_stream=True,
                )
            elif isinstance(component, torch.nn.Module):
                component.to(device)
    else:
        pipe.enable_model_cpu_offload(device=torch.device(device))


def place_encoder(pipe: Any, device: str, fits: bool) -> None:
    """Place a pipeline that has only a text encoder of T5's kind. If it does not fit, its blocks are streamed."""
    if not fits and device != "cpu" and hasattr(getattr(pipe.text_encoder, "encoder", None), "block"):
        from vmevalkit.models.diffusers.prefetch import stream_modules

        encoder = pipe.text_encoder.encoder
        blocks, encoder.block = encoder.block, None
        pipe.to(device)
        encoder.block = blocks
        stream_modules(blocks, device)
    else:
        pipe.to(device)
