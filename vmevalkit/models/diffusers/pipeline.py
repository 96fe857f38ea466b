"""What image-to-video pipelines of Diffusers share: device, memory plan, seeds, timing, quiet libraries."""

from __future__ import annotations

import gc
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache, wraps
from typing import Any, Literal, TypeVar

from vmevalkit.errors import ConfigError, EnvironmentMissing, GenerationError
from vmevalkit.media import Frame

log = logging.getLogger(__name__)
T = TypeVar("T")

Memory = Literal["auto", "resident", "model", "group", "tiled", "sequential"]
# From the fastest to the smallest. `resident`: everything on the GPU. `model`: without the text encoder, which is there
# only while it encodes. `group`: the transformer's weights stay in host memory and are copied just ahead of their use.
# `tiled`: the text encoder's too, and videos are coded in tiles. `sequential`: and each copy is waited for.
PLANS: tuple[Memory, ...] = ("resident", "model", "group", "tiled", "sequential")
TILED: tuple[Memory, ...] = ("tiled", "sequential")

Speed = Literal["auto", "reference", "exact", "fast"]
# `reference`: the modules of Diffusers as they are. `exact`: the same mathematics, rounded less often, in fewer passes
# over memory. `fast`: also float8 in the linear layers and in attention's first product, which shows in the video.
Attention = Literal["auto", "hopper", "fa3", "cudnn", "flash", "sdpa"]
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


def next_gpu(device: str) -> str:
    """The GPU after a GPU, for a video that is made on two.

    Raises:
        ConfigError: there is none.
    """
    import torch

    if device != "cpu":
        following = f"cuda:{(torch.device(device).index or 0) + 1}"
        if torch.device(following).index < torch.cuda.device_count():
            return following
    raise ConfigError(
        f"latency: it takes two GPUs, and there is none after '{device}'",
        "leave out --latency, or --workers, which gives each worker a GPU of its own",
    )


def on_device(device: str) -> Any:
    """What runs in this context is launched on that GPU; Triton looks at nothing else."""
    import torch

    return torch.cuda.device(-1 if device == "cpu" else device)


def has_group_offloading() -> bool:
    """Whether the installed Diffusers can offload groups of layers with a stream (since 0.33)."""
    return library_version("diffusers") >= (0, 33)


# Free memory over a measured peak: the allocator's fragments, the CUDA context, and other GPUs' kernels.
_HEADROOM = 1.08


def plans(speed: Speed, device: str) -> tuple[Memory, ...]:
    """The memory plans that are possible, from the fastest to the smallest."""
    if device == "cpu":
        return ("resident",)
    if speed != "reference":
        return PLANS[:-1]  # `tiled` is both faster and smaller than `sequential` there
    return tuple(plan for plan in PLANS if plan != "tiled" or has_group_offloading())


def pick_plan(memory: Memory, possible: Sequence[Memory], needs: Mapping[str, float], free_gib: float) -> Memory:
    """The fastest plan that fits.

    Args:
        memory: `auto`, or the plan that the user wants.
        possible: see `plans`.
        needs: peak GPU memory in GiB by plan.
        free_gib: free GPU memory.

    Raises:
        ConfigError: the wanted plan is not possible here.
    """
    if memory != "auto":
        if memory not in possible:
            raise ConfigError(f"memory = '{memory}': not possible here; there are: auto, {', '.join(possible)}")
        return memory
    if len(possible) == 1:
        return possible[0]
    for plan in possible:
        if needs.get(plan, 0.0) * _HEADROOM <= free_gib:
            return plan
    # Measured peaks are of the largest video: a smaller one may still fit.
    log.warning("%.1f GiB of GPU memory are free; plan '%s' needs %.1f", free_gib, possible[-1], needs[possible[-1]])
    return possible[-1]


def within_memory(attempt: Callable[[Memory], T], plan: Memory, possible: Sequence[Memory]) -> tuple[T, Memory]:
    """Try with a plan and, if memory runs out, once more with the next smaller one. `attempt` starts from nothing.

    Returns:
        What `attempt` returned, and the plan it returned it with.
    """
    import torch

    smaller = possible[possible.index(plan) + 1 :]
    try:
        return attempt(plan), plan
    except torch.OutOfMemoryError as error:
        if not smaller:
            raise
        log.warning("plan '%s' ran out of memory, taking '%s': %s", plan, smaller[0], str(error).split(". ")[0])
    # Outside of the handler, which keeps the frames, and so the tensors, of what failed.
    return attempt(smaller[0]), smaller[0]


def free_memory_gib(device: str) -> float:
    """Memory of a GPU that this process may still take; 0 for the CPU."""
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
    """Give memory that nothing refers to any more back to the GPU."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def pick_speed(speed: Speed, memory: Memory, device: str) -> Speed:
    """What `auto` means here: `exact` where its kernels can run on a GPU, else `reference`.

    Raises:
        ConfigError: the wanted speed is not possible here.
    """
    oldest = {"torch": (2, 6), "diffusers": (0, 33), **({"triton": (3, 0)} if device != "cpu" else {})}
    possible = all(library_version(package) >= least for package, least in oldest.items())
    if speed in ("exact", "fast") and not possible:
        raise ConfigError(f"speed = '{speed}': it needs torch 2.6, diffusers 0.33 and triton; use 'reference'")
    # What Triton needs of the GPU for bfloat16 and for float8; the CPU does both, slowly.
    capability = _capability(device)
    if (speed == "exact" and capability < (8, 0)) or (speed == "fast" and capability < (8, 9)):
        raise ConfigError(f"speed = '{speed}': this GPU is too old for it; use 'auto'")
    possible = possible and capability >= (8, 0)
    if speed != "auto":
        return speed
    return "exact" if possible and device != "cpu" and memory != "sequential" else "reference"


def _capability(device: str) -> tuple[int, int]:
    """NVIDIA's number for what a GPU can do; more than any for the CPU."""
    if device == "cpu":
        return 99, 0
    import torch

    major, minor = torch.cuda.get_device_capability(device)
    return major, minor


@lru_cache
def pick_attention(attention: Attention, tokens: int, heads: int, width: int, device: str) -> str:
    """The fastest attention kernel for a video, or the wanted one.

    Raises:
        ConfigError: the wanted kernel does not run here.
    """
    import torch

    from vmevalkit.models.diffusers.cogvideox import kernels

    times = {"sdpa": 0.0} if device == "cpu" else kernels.time_attention(tokens, heads, width, device, torch.bfloat16)
    if attention != "auto" and attention not in times:
        raise ConfigError(f"attention = '{attention}': it does not run here; there are: {', '.join(times)}")
    log.info("attention of %d tokens, ms: %s", tokens, times)
    return min(times, key=times.__getitem__) if attention == "auto" else attention


def place(pipe: Any, plan: Memory, device: str) -> None:
    """Bring a freshly loaded pipeline, without its text encoder, where its plan wants it."""
    import torch

    if plan in ("resident", "model"):
        pipe.to(device)
    elif plan == "sequential":
        pipe.enable_sequential_cpu_offload(device=device)
    elif has_group_offloading():
        from diffusers.hooks import apply_group_offloading

        apply_group_offloading(
            pipe.transformer,
            onload_device=torch.device(device),
            offload_device=torch.device("cpu"),
            offload_type="leaf_level",
            use_stream=True,
        )
        pipe.vae.to(device)
    else:
        pipe.enable_model_cpu_offload(device=torch.device(device))
    tile(pipe, plan)


def tile(pipe: Any, plan: Memory) -> None:
    """Tiles for the plans that need them: undivided decoding takes more memory than those save."""
    if plan in TILED:
        # Half of 480x720 in each direction, whatever size the checkpoint names: that bounds memory.
        pipe.vae.enable_tiling(tile_sample_min_height=240, tile_sample_min_width=360)
        pipe.vae.enable_slicing()


def place_encoder(pipe: Any, device: str, fits: bool) -> None:
    """Bring a pipeline that has a text encoder only to the GPU, or so much of it as is in use."""
    if not fits and device != "cpu":
        from vmevalkit.models.diffusers.prefetch import stream_modules

        encoder = pipe.text_encoder.encoder
        blocks, encoder.block = encoder.block, None
        pipe.to(device)
        encoder.block = blocks
        stream_modules(blocks, device)
    else:
        pipe.to(device)


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
    """While a video is made: end the stage `encode` at the first call of the transformer, and put every component back
    where its memory plan wants it, also when the video fails."""
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


def count_on_host(scheduler: Any) -> None:
    """Let a scheduler look up its tables by numbers in host memory.

    A pipeline counts in timesteps that lie on the GPU. To look one up, the host waits for the GPU in every step, and
    holds Python's lock meanwhile, so that nothing beside it gets on, such as writing the video before.
    """
    import torch

    stock, steps, numbers = scheduler.step, None, []

    # A pipeline looks at the signature to find out what a scheduler takes.
    @wraps(stock)
    def step(*arguments: Any, **named: Any) -> Any:
        nonlocal steps, numbers
        if scheduler.timesteps is not steps:
            steps, numbers = scheduler.timesteps, scheduler.timesteps.tolist()
        # The only numbers that a pipeline passes on as tensors are elements of this one.
        told = [numbers[a.storage_offset()] if torch.is_tensor(a) and a.ndim == 0 else a for a in arguments]
        return stock(*told, **named)

    scheduler.step = step


def to_frames(decoded: Any) -> list[Frame]:
    """Decoded video of shape (1, 3, frames, height, width) in [-1, 1] as uint8 frames, rounded as the pipeline does.

    Raises:
        GenerationError: it holds numbers that are none.
    """
    import torch

    frames: list[Frame] = []
    # Some frames at a time, because the whole of it as float32 takes a gigabyte.
    for piece in decoded[0].split(16, dim=1):
        finite = torch.isfinite(piece).all(dim=(0, 2, 3))
        if not bool(finite.all()):
            index = len(frames) + int(finite.int().argmin())
            raise GenerationError(f"the model computed numbers that are not finite (frame {index})",
                                  "its weights are damaged, or the data type is too small for it")  # fmt: skip
        pixels = (piece * 0.5 + 0.5).clamp(0, 1).float().mul(255).round().to(torch.uint8)
        frames += list(pixels.permute(1, 2, 3, 0).contiguous().cpu().numpy())
    return frames


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
