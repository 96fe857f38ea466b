"""Where a measurement runs, and how it takes times."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from vmevalkit.models.base import MODELS, ModelCard
from vmevalkit.models.diffusers.config import random_models
from vmevalkit.models.diffusers.random_weights import RandomWeights, Scale

PACKAGES = ("torch", "diffusers", "transformers", "triton", "fa3-fwd")


@dataclass(frozen=True)
class Machine:
    """The device, the data type of weights, and which shapes of networks are used."""

    device: str
    dtype: torch.dtype
    scale: Scale

    @property
    def name(self) -> str:
        return torch.cuda.get_device_name() if self.device == "cuda" else "CPU"

    @property
    def versions(self) -> str:
        installed = [p for p in PACKAGES if importlib.util.find_spec(p.replace("-", "_")) is not None]
        return ", ".join(f"{p} {importlib.metadata.version(p)}" for p in installed)

    def synchronize(self) -> None:
        if self.device == "cuda":
            torch.cuda.synchronize()


def machine(tiny: bool) -> Machine:
    """Return the GPU with the published shapes, or the CPU with the smallest ones."""
    if tiny:
        return Machine("cpu", torch.float32, "tiny")
    if not torch.cuda.is_available():
        raise SystemExit("PyTorch sees no NVIDIA GPU here; add --tiny for the smallest shapes on the CPU")
    return Machine("cuda", torch.bfloat16, "full")


def random_model(model: str, scale: Scale) -> tuple[ModelCard, RandomWeights]:
    """Return the random weights of a model, and the card whose sizes they have: its own, or that of the tiny model."""
    for tiny, weights in random_models().values():
        if weights.real == model:
            return MODELS[tiny if scale == "tiny" else model], weights
    known = ", ".join(sorted(w.real for _, w in random_models().values() if w.real))
    raise SystemExit(f"{model}: there are no random weights of its shapes; there are for {known}")


def timed(where: Machine, run: Callable[[], Any], repeats: int) -> float:
    """Return the median of seconds."""
    spans = []
    for _ in range(repeats):
        where.synchronize()
        start = time.perf_counter()
        run()
        where.synchronize()
        spans.append(time.perf_counter() - start)
    return statistics.median(spans)


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


@contextmanager
def limited(gigabytes: float) -> Iterator[None]:
    """Let this process use only so many 10^9 bytes of the GPU's memory."""
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction(min(1.0, gigabytes * 1e9 / total))
    try:
        yield
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
