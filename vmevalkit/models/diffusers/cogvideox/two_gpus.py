"""One video on two GPUs: the two branches of classifier-free guidance, each on its own."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from vmevalkit.models.diffusers.devices import on_device


class Halves:
    """The forward pass of a transformer whose batch is two: one half here, one on another device, at the same time.

    One thread starts both, since a GPU works ahead of Python; they wait for each other when the halves are joined.

    Args:
        transformer: whose forward pass this becomes.
        other: the same transformer on another device.
        device: where that one is.
    """

    def __init__(self, transformer: Any, other: Any, device: str) -> None:
        self._here, self._there = transformer.forward, other.forward
        self._device = torch.device(device)
        transformer.forward = self

    def __call__(self, hidden_states: Tensor, encoder_hidden_states: Tensor, timestep: Tensor, **more: Any) -> Any:
        """Run half of the batch on each device and join the results."""
        # Each is (2, ...); the rest is the same for both.
        batch = (hidden_states, encoder_hidden_states, timestep)
        first, second = zip(*(part.chunk(2) for part in batch), strict=True)
        with on_device(str(self._device)):
            away = (part.to(self._device, non_blocking=True) for part in second)
            there = self._there(*away, **{name: self._moved(value) for name, value in more.items()})
        here = self._here(*first, **more)
        return tuple(torch.cat([a, b.to(a.device, non_blocking=True)]) for a, b in zip(here, there, strict=True))

    def _moved(self, value: Any) -> Any:
        if isinstance(value, Tensor):
            return value.to(self._device, non_blocking=True)
        return tuple(map(self._moved, value)) if isinstance(value, tuple) else value
