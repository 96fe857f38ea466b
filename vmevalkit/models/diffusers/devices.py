"""Devices, library versions, random generators and timing: what every Diffusers pipeline needs around its call."""

from __future__ import annotations

import logging
import time
from typing import Any

from vmevalkit.errors import ConfigError, EnvironmentMissing

log = logging.getLogger(__name__)


def library_version(package: str) -> tuple[int, int]:
    """Return the major and minor version of an installed package; (0, 0) if it is not installed."""
    from importlib import metadata

    try:
        major, minor = metadata.version(package).split(".")[:2]
    except metadata.PackageNotFoundError:
        return 0, 0
    return int(major), int(minor)


def require(package: str, oldest: tuple[int, int], why: str) -> None:
    """Check that an installed package is new enough.

    Raises:
        EnvironmentMissing: it is older than `oldest`, or missing.
    """
    version = library_version(package)
    if version < oldest:
        wanted = ".".join(map(str, oldest))
        raise EnvironmentMissing(
            f"{package} {'.'.join(map(str, version))} is too old: {why}"
            if any(version)
            else f"the package {package} is not installed",
            f"pip install '{package}>={wanted}', or use the model's own environment",
        )


def pick_device(device: str) -> str:
    """Resolve `auto` to the first NVIDIA GPU, or to the CPU if there is none.

    Raises:
        ConfigError: a GPU is requested and there is none.
    """
    import torch

    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise ConfigError(f"device = '{device}': PyTorch sees no NVIDIA GPU here; use 'cpu' or 'auto'")
    return device


def next_gpu(device: str) -> str:
    """Return the GPU after a GPU, for videos that are made on two.

    Raises:
        ConfigError: there is none.
    """
    import torch

    if device != "cpu":
        following = f"cuda:{(torch.device(device).index or 0) + 1}"
        if torch.device(following).index < torch.cuda.device_count():
            return following
    raise ConfigError(
        f"latency: needs a second GPU, and there is none after '{device}'",
        "leave out --latency, or --workers, which gives each worker a GPU of its own",
    )


def on_device(device: str) -> Any:
    """Return a context manager in which kernels are launched on `device`. Triton uses nothing else to choose a GPU."""
    import torch

    return torch.cuda.device(-1 if device == "cpu" else device)


def device_name(device: str) -> str:
    """Return a device with the model of the GPU, for a video's provenance."""
    if device == "cpu":
        return device
    import torch

    return f"{device} ({torch.cuda.get_device_name(device)})"


def capability(device: str) -> tuple[int, int]:
    """Return the compute capability of a GPU; for the CPU, a number larger than any."""
    if device == "cpu":
        return 99, 0
    import torch

    major, minor = torch.cuda.get_device_capability(device)
    return major, minor


def dtype_argument(dtype: Any) -> dict[str, Any]:
    """Return the argument with which `from_pretrained` takes a data type. Diffusers 0.42 renamed it."""
    return {"dtype" if library_version("diffusers") >= (0, 42) else "torch_dtype": dtype}


def generator(seed: int) -> Any:
    """Return a new random generator on the CPU, because the numbers of a GPU depend on its model.

    Raises:
        ConfigError: the seed does not fit into 64 bits.
    """
    import torch

    if not -(2**63) <= seed < 2**64:
        raise ConfigError(f"seed = {seed}: must fit into 64 bits")
    return torch.Generator("cpu").manual_seed(seed)


def reset_peak(device: str) -> None:
    """Reset the peak of a GPU's memory statistics."""
    if device != "cpu":
        import torch

        torch.cuda.init()  # before that there are no statistics, and resetting them is an error
        torch.cuda.reset_peak_memory_stats(device)


def peak_memory(device: str) -> dict[str, int]:
    """Return the peak of GPU memory in use since `reset_peak`, in bytes; empty for the CPU."""
    if device == "cpu":
        return {}
    import torch

    return {"cuda": int(torch.cuda.max_memory_allocated(device))}


def quiet_libraries() -> None:
    """Silence progress bars and hints of Diffusers and Transformers, unless the kit's own log is verbose."""
    if log.isEnabledFor(logging.INFO):
        return
    import diffusers
    import transformers

    for library in (diffusers, transformers):
        library.utils.logging.set_verbosity_error()
        library.utils.logging.disable_progress_bar()


class Stopwatch:
    """Seconds by stage. A GPU runs asynchronously, so each lap waits for it."""

    def __init__(self, device: str = "cpu") -> None:
        self.device = device
        self.seconds: dict[str, float] = {}
        self._last = time.monotonic()

    def lap(self, stage: str) -> None:
        """Count the time since the last lap as `stage`."""
        if self.device != "cpu":
            import torch

            torch.cuda.synchronize(self.device)
        now = time.monotonic()
        self.seconds[stage] = round(self.seconds.get(stage, 0.0) + now - self._last, 3)
        self._last = now
