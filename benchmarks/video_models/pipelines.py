"""Services whose pipelines have random weights of the published shapes, in host memory instead of on disk.

A checkpoint of 50 GB takes minutes to write and to load. Here, weights of one kind share a piece of host memory, so a
pipeline is there in a second. A memory plan copies each weight to where it needs it, so memory on the GPU, and host
memory that is pinned, are those of the real model. Times for loading are not those of a checkpoint.
"""

from __future__ import annotations

import json
import math
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks.video_models.machine import Machine, random_model
from vmevalkit.models.base import service_of
from vmevalkit.models.diffusers.checkpoint import INDEX, Checkpoint
from vmevalkit.models.diffusers.service import DiffusersService
from vmevalkit.models.diffusers.tokenizer import train_tokenizer

# Numbers that are drawn; longer weights repeat them. Prime, so that no two rows of a matrix are equal.
_DRAWN = 16_777_213
# The most numbers of one piece of memory that several weights share: more than fits into a processor's cache.
_SHARED = 2**27


class RandomPipelines:
    """Makes services of a model, all with the same weights.

    Args:
        model: catalog name.
        where: the device and which shapes.
        folder: an empty folder for configurations, which services read.
    """

    def __init__(self, model: str, where: Machine, folder: Path) -> None:
        self.card, self.weights = random_model(model, where.scale)
        self.where, self.folder = where, folder
        self._pieces: dict[tuple[float, torch.dtype], torch.Tensor] = {}
        self._numbers = torch.empty(_DRAWN).uniform_(-1, 1, generator=torch.Generator().manual_seed(0))
        vocabulary = 0
        if self.weights.tokens is not None:
            vocabulary = train_tokenizer(folder / "tokenizer", self.weights.tokens)
        self.builders = self.weights.components(where.scale, vocabulary)
        self._describe()

    def service(self, **settings: Any) -> DiffusersService:
        """Return a service that has loaded nothing yet."""
        kind: Any = service_of(self.card)
        settings = {**self.card.args, "device": self.where.device, **settings}
        return _in_memory(kind, self)(self.card.model, **settings)

    def component(self, name: str, dtype: torch.dtype) -> Any:
        """Build a component; its weights are in host memory."""
        if name == "tokenizer" and name not in self.builders:
            import transformers

            return transformers.T5Tokenizer.from_pretrained(str(self.folder / name))
        made = self._without_weights(name)
        if isinstance(made, torch.nn.Module):
            self._fill(made, dtype)
            made.eval()
        return made

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all components."""
        return (*(("tokenizer",) if self.weights.tokens is not None else ()), *self.builders)

    def _without_weights(self, name: str) -> Any:
        from accelerate import init_empty_weights

        # Unlike on PyTorch's device "meta", buffers such as tables of rotations are computed.
        with init_empty_weights():
            made = self.builders[name]()
        # Under `init_empty_weights`, an embedding that two modules share becomes two.
        if hasattr(made, "tie_weights"):
            made.tie_weights()
        return made

    def _describe(self) -> None:
        """Write what services read of a checkpoint: the index, configurations, and how large the weights are."""
        index: dict[str, Any] = {"_class_name": self.weights.pipeline, "_random_weights": True, **self.weights.values}
        for name in self.names:
            if name not in self.builders:
                index[name] = ["transformers", "T5Tokenizer"]
                continue
            part = self._without_weights(name)
            index[name] = [type(part).__module__.split(".")[0], type(part).__name__]
            if isinstance(part, torch.nn.Module):
                folder = self.folder / name
                folder.mkdir()
                config = part.config.to_dict() if hasattr(part.config, "to_dict") else dict(part.config)
                (folder / "config.json").write_text(json.dumps(config, default=str), encoding="utf-8")
                # The prompt cache looks at the size of a file to decide whether a text encoder fits.
                with (folder / "model.safetensors").open("wb") as file:
                    file.truncate(sum(p.numel() for p in part.parameters()) * self.where.dtype.itemsize)
        (self.folder / INDEX).write_text(json.dumps(index, default=str), encoding="utf-8")

    def _fill(self, module: torch.nn.Module, dtype: torch.dtype) -> None:
        """Give each parameter its values: those that PyTorch draws for a layer, ones for norms, zeros for biases."""
        wide = tuple(getattr(module, "_keep_in_fp32_modules", None) or ()) if _is_of_diffusers(module) else ()
        names = defaultdict(list)
        for name, parameter in module.named_parameters(remove_duplicate=False):
            names[parameter].append(name)
        kinds: dict[tuple[float, torch.dtype], list[torch.nn.Parameter]] = defaultdict(list)
        made: dict[torch.nn.Parameter, torch.Tensor] = {}
        for parameter, (name, *_) in names.items():
            # `from_pretrained` of Diffusers does the same.
            kind = torch.float32 if not set(wide).isdisjoint(name.split(".")) else dtype
            if parameter.ndim < 2:
                value = 1.0 if name.endswith("weight") else 0.0
                made[parameter] = torch.full(parameter.shape, value, dtype=kind, device="cpu")
            else:
                kinds[1 / math.sqrt(math.prod(parameter.shape[1:])), kind].append(parameter)
        for (bound, kind), parameters in kinds.items():
            sizes = [p.numel() for p in parameters]
            piece = self._piece(bound, kind, max(*sizes, min(sum(sizes), _SHARED)))
            start = 0
            for parameter, size in zip(parameters, sizes, strict=True):
                start = start if start + size <= piece.numel() else 0
                made[parameter] = piece[start : start + size].view(parameter.shape)
                start += size
        for parameter, aliases in names.items():
            filled = torch.nn.Parameter(made[parameter], requires_grad=False)
            for name in aliases:
                owner, _, leaf = name.rpartition(".")
                setattr(module.get_submodule(owner), leaf, filled)

    def _piece(self, bound: float, dtype: torch.dtype, size: int) -> torch.Tensor:
        """Return at least so many numbers between the bounds."""
        piece = self._pieces.get((bound, dtype))
        if piece is None or piece.numel() < size:
            numbers = self._numbers.mul(bound).to(dtype)
            piece = torch.cat([numbers] * (size // _DRAWN) + [numbers[: size % _DRAWN]])
            self._pieces[bound, dtype] = piece
        return piece


def _is_of_diffusers(module: torch.nn.Module) -> bool:
    return type(module).__module__.startswith("diffusers.")


def _in_memory(kind: type[DiffusersService], source: RandomPipelines) -> type[DiffusersService]:
    """Return the service class of a model, but for where its checkpoint comes from."""

    class InMemory(kind):  # type: ignore[misc,valid-type]
        def locate(self, download: bool = True) -> Checkpoint:
            return Checkpoint(folder=source.folder, random=True)

        def load_pipeline(
            self, checkpoint: Checkpoint, device: str, without: Sequence[str] = (), straight: bool = False
        ) -> Any:
            import diffusers

            others = {**dict.fromkeys(self.float32, torch.float32), **dict.fromkeys(self.float16, torch.float16)}
            if device == "cpu":
                others = {}
            parts = {
                name: None if name in without else source.component(name, others.get(name, source.where.dtype))
                for name in source.names
            }
            parts |= self.components(checkpoint)
            pipe = getattr(diffusers, self.pipeline)(**source.weights.values, **parts)
            pipe.set_progress_bar_config(disable=True)
            return pipe.to(device) if straight else pipe

    return InMemory


class Passes:
    """The passes of a service's last video. The GPU is not waited for until they are asked for."""

    def __init__(self, service: Any, where: Machine) -> None:
        self._where = where
        self._marks: list[tuple[Any, Any, int]] = []
        self._start: Any = None
        self._run, service.run = service.run, self._recorded

    def seconds(self) -> list[tuple[float, int]]:
        """Return the seconds of each pass, and how many guidance branches it computes: some pipelines batch both."""
        self._where.synchronize()
        if self._where.device == "cuda":
            return [(start.elapsed_time(end) / 1000, branches) for start, end, branches in self._marks]
        return [(end - start, branches) for start, end, branches in self._marks]

    def _recorded(self, loaded: Any, call: Any, watch: Any) -> Any:
        self._marks.clear()
        transformer = loaded.pipe.transformer
        before = transformer.register_forward_pre_hook(self._before)
        after = transformer.register_forward_hook(self._after, with_kwargs=True)
        try:
            return self._run(loaded, call, watch)
        finally:
            before.remove()
            after.remove()

    def _before(self, *_: Any) -> None:
        self._start = self._mark()

    def _after(self, _: Any, args: tuple[Any, ...], named: dict[str, Any], output: Any) -> None:
        branches = len(named["hidden_states"] if "hidden_states" in named else args[0])
        self._marks.append((self._start, self._mark(), branches))

    def _mark(self) -> Any:
        if self._where.device == "cpu":
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event
