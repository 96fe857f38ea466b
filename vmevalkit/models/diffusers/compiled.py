"""Shared means that make a transformer of Diffusers faster: the GPU's best attention kernel, and compiled blocks.

The mathematics is that of Diffusers; videos differ by rounding. A family derives its configuration and its service from
the classes here. Families with kernels of their own (CogVideoX, Wan) do not.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from vmevalkit.models.diffusers.checkpoint import Checkpoint
from vmevalkit.models.diffusers.config import DiffusersConfig
from vmevalkit.models.diffusers.devices import capability
from vmevalkit.models.diffusers.memory import Memory
from vmevalkit.models.diffusers.service import DiffusersService, Loaded
from vmevalkit.models.diffusers.speed import Speed, pick_speed

# With these plans, a transformer is on the GPU as a whole. Blocks that are moved one by one would be compiled again.
_WHOLE = ("resident", "model")


class CompiledConfig(DiffusersConfig):
    """Settings of a model that runs faster by shared means.

    Attributes:
        speed: `reference` runs the model as Diffusers does; `exact` with the GPU's attention kernel and compiled
            blocks; `auto` is `exact` where that is possible.
    """

    of_the_model: ClassVar[tuple[str, ...]] = (*DiffusersConfig.of_the_model, "speed")

    speed: Literal["auto", "reference", "exact"] = "auto"


@dataclass(frozen=True)
class Accelerated(Loaded):
    """A pipeline in memory, and how its transformer runs."""

    speed: Speed
    attention: str
    compiled: bool


class CompiledService(DiffusersService):
    """Makes videos with a transformer of Diffusers, with compiled blocks.

    Class attributes:
        masked: names of the attention modules that get a mask; they keep the stock kernel.
    """

    masked: ClassVar[tuple[str, ...]] = ()

    def prepare(self, transformer: Any) -> None:
        """Change a transformer so that its attention needs no mask, before it is compiled."""

    def load(self, checkpoint: Checkpoint, config: Any, device: str, plan: Memory) -> Accelerated:
        """Load the pipeline as the plan demands, and make its transformer faster unless the speed is `reference`."""
        plain = super().load(checkpoint, config, device, plan)
        speed = pick_speed(config.speed, plan, device)
        attention, compiled = "sdpa", False
        if speed != "reference":
            self.prepare(plain.pipe.transformer)
            attention = use_attention(plain.pipe.transformer, device, self.masked)
            compiled = plan in _WHOLE and can_compile(device)
            if compiled:
                plain.pipe.transformer.compile_repeated_blocks()
        return Accelerated(plain.pipe, plain.plan, plain.weights, speed, attention, compiled)

    def settings(self, config: Any, loaded: Accelerated) -> dict[str, Any]:
        """Return how the transformer runs."""
        return {"speed": loaded.speed, "attention": loaded.attention, "compiled": loaded.compiled}


def use_attention(transformer: Any, device: str, masked: tuple[str, ...] = ()) -> str:
    """Let the attention modules of a transformer use the fastest kernel of PyTorch, and return its name.

    On Hopper and later that is cuDNN's, which takes two thirds of the time of FlashAttention-2 (docs/measurements.md).
    Not all versions of PyTorch choose it by themselves.
    """
    if device != "cuda" or capability(device) < (9, 0):
        return "sdpa"
    from diffusers.models.attention_dispatch import AttentionBackendName

    for name, module in transformer.named_modules():
        processor: Any = getattr(module, "processor", None)
        if name.rpartition(".")[2] not in masked and hasattr(processor, "_attention_backend"):
            processor._attention_backend = AttentionBackendName._NATIVE_CUDNN
    return "cudnn"


def can_compile(device: str) -> bool:
    """Whether PyTorch can compile for a device: on a GPU, with Triton and a C compiler."""
    if device != "cuda":
        return False
    from torch.utils._triton import has_triton

    compilers = (os.environ.get("CC", "cc"), "gcc", "clang")
    return has_triton() and any(shutil.which(compiler) for compiler in compilers)
