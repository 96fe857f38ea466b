"""What image-to-video pipelines of Diffusers share: device, memory plan, seeds, timing, quiet libraries."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np

from vmevalkit.errors import ConfigError, EnvironmentMissing, GenerationError
from vmevalkit.video import Frame

log = logging.getLogger(__name__)

Memory = Literal["auto", "resident", "model", "group", "sequential"]
# From the fastest to the smallest. `resident`: everything on the GPU. `model`: one component at a time. `group`: one
# layer at a time, the next one copied meanwhile. `sequential`: one layer at a time, waiting for each copy.
# `group` and `sequential` also decode in tiles, because undivided decoding needs more memory than they save.
PLANS: tuple[Memory, ...] = ("resident", "model", "group", "sequential")
TILED: tuple[Memory, ...] = ("group", "sequential")
GIB = 2**30


def library_version(package: str) -> tuple[int, int]:
    """Major and minor version of an installed package; (0, 0) where there is none."""
    from importlib import metadata

    try:
        major, minor = metadata.version(package).split(".")[:2]
    except metadata.PackageNotFoundError:
        return 0, 0
    return int(major), int(minor)


def require(package: str, oldest: tuple[int, int], why: str) -> None:
    """Raises EnvironmentMissing where an installed package is older than `oldest`."""
    if library_version(package) < oldest:
        wanted = ".".join(map(str, oldest))
        raise EnvironmentMissing(
            f"{package} {'.'.join(map(str, library_version(package)))} is too old: {why}",
            f"pip install '{package}>={wanted}', or use the model's own environment",
        )


def pick_device(device: str) -> str:
    """`auto` is the first NVIDIA GPU, else the CPU.

    Raises:
        ConfigError: a GPU is asked for and there is none.
    """
    import torch

    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise ConfigError(f"device = '{device}': PyTorch sees no NVIDIA GPU here; use 'cpu' or 'auto'")
    return device


def has_group_offloading() -> bool:
    """Whether the installed Diffusers can offload groups of layers with a stream (since 0.33)."""
    return library_version("diffusers") >= (0, 33)


# Free memory over a measured peak: the allocator's fragments, the CUDA context, and other GPUs' kernels.
_HEADROOM = 1.08


def pick_plan(memory: Memory, device: str, needs: Mapping[str, float], free_gib: float) -> Memory:
    """The fastest plan that fits.

    Args:
        memory: `auto`, or the plan that the user wants.
        needs: peak GPU memory in GiB by plan.
        free_gib: free GPU memory; not looked at on the CPU.

    Raises:
        ConfigError: the wanted plan is not possible here.
    """
    if device == "cpu":
        if memory not in ("auto", "resident"):
            raise ConfigError(f"memory = '{memory}': it moves layers to a GPU, and there is none; use 'auto'")
        return "resident"
    if memory == "group" and not has_group_offloading():
        raise ConfigError("memory = 'group': it needs diffusers 0.33 or newer; use 'model' or 'sequential'")
    if memory != "auto":
        return memory
    possible = [plan for plan in PLANS if plan != "group" or has_group_offloading()]
    for plan in possible:
        if needs.get(plan, 0.0) * _HEADROOM <= free_gib:
            return plan
    # Measured peaks are of the largest film: a smaller one may still fit.
    log.warning("%.1f GiB of GPU memory are free; plan '%s' needs %.1f", free_gib, possible[-1], needs[possible[-1]])
    return possible[-1]


def free_memory_gib(device: str) -> float:
    """Free memory of a GPU; 0 for the CPU."""
    if device == "cpu":
        return 0.0
    import torch

    return float(torch.cuda.mem_get_info(torch.device(device))[0]) / GIB


def apply_plan(pipe: Any, plan: Memory, device: str) -> None:
    """Bring a freshly loaded pipeline where its plan wants it."""
    import torch

    if plan == "resident":
        pipe.to(device)
    elif plan == "model":
        pipe.enable_model_cpu_offload(device=device)
    elif plan == "sequential":
        pipe.enable_sequential_cpu_offload(device=device)
    else:
        from diffusers.hooks import apply_group_offloading

        for module in (pipe.text_encoder, pipe.transformer):
            apply_group_offloading(
                module,
                onload_device=torch.device(device),
                offload_device=torch.device("cpu"),
                offload_type="leaf_level",
                use_stream=True,
            )
        pipe.vae.to(device)
    if plan in TILED:
        pipe.vae.enable_tiling()
        pipe.vae.enable_slicing()


def dtype_argument(dtype: Any) -> dict[str, Any]:
    """How `from_pretrained` is told the data type: its name changed, and the old one warns now."""
    return {"dtype" if library_version("diffusers") >= (0, 42) else "torch_dtype": dtype}


def generator(seed: int) -> Any:
    """A new random generator. On the CPU, because a GPU's numbers differ from one model of GPU to the next."""
    import torch

    if not -(2**63) <= seed < 2**64:
        raise ConfigError(f"seed = {seed}: must fit into 64 bits")
    return torch.Generator("cpu").manual_seed(seed)


class Stopwatch:
    """Seconds by stage. A GPU works ahead of Python, so each lap waits for it."""

    def __init__(self, device: str = "cpu") -> None:
        self.device = device
        self.seconds: dict[str, float] = {}
        self._last = time.monotonic()

    def lap(self, stage: str) -> None:
        """What passed since the last lap belongs to `stage`."""
        if self.device != "cpu":
            import torch

            torch.cuda.synchronize(self.device)
        now = time.monotonic()
        self.seconds[stage] = round(self.seconds.get(stage, 0.0) + now - self._last, 3)
        self._last = now


@contextmanager
def running(pipe: Any, watch: Stopwatch) -> Iterator[None]:
    """While a film is made: end the stage `encode` at the first call of the transformer, and put every component back
    where its memory plan wants it, also when the film fails."""
    called = False

    def before(*_: Any) -> None:
        nonlocal called
        if not called:
            called = True
            watch.lap("encode")

    hook = pipe.transformer.register_forward_pre_hook(before)
    try:
        yield
    finally:
        hook.remove()
        pipe.maybe_free_model_hooks()


def to_frames(processor: Any, decoded: Any) -> Iterator[Frame]:
    """Decoded video of shape (1, 3, frames, height, width) in [-1, 1] as uint8 frames, rounded as the pipeline does.

    Frame by frame, because the whole of it as float32 takes a gigabyte.

    Raises:
        GenerationError: it holds numbers that are none.
    """
    for index in range(decoded.shape[2]):
        pixels = processor.postprocess_video(decoded[:, :, index : index + 1], output_type="np")[0, 0]
        if not np.isfinite(pixels).all():
            raise GenerationError(f"the model computed numbers that are not finite (frame {index})",
                                  "its weights are damaged, or the data type is too small for it")  # fmt: skip
        yield (pixels * 255).round().astype(np.uint8)


def reset_peak(device: str) -> None:
    """Start counting a GPU's peak memory anew."""
    if device != "cpu":
        import torch

        torch.cuda.init()  # else there are no statistics yet, which is an error
        torch.cuda.reset_peak_memory_stats(device)


def peak_memory(device: str) -> dict[str, int]:
    """Most GPU memory in use since `reset_peak`, in bytes; empty for the CPU."""
    if device == "cpu":
        return {}
    import torch

    return {"cuda": int(torch.cuda.max_memory_allocated(device))}


def quiet_libraries() -> None:
    """Silence the progress bars and hints of Diffusers and Transformers, unless this kit's own are wanted (-v)."""
    if log.isEnabledFor(logging.INFO):
        return
    import diffusers
    import transformers

    for library in (diffusers, transformers):
        library.utils.logging.set_verbosity_error()
        library.utils.logging.disable_progress_bar()
