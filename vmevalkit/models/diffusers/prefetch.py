"""Weights in pinned host memory, copied to the GPU just ahead of their use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

# Where a tensor may begin inside a piece of memory: what cuBLAS and the copy engine like.
_ALIGNMENT = 256


class Layout:
    """Where each of some tensors lies in one piece of memory."""

    def __init__(self, parts: Mapping[str, Tensor]) -> None:
        self.places: dict[str, tuple[int, torch.dtype, torch.Size]] = {}
        self.size = 0
        for name, part in parts.items():
            self.places[name] = (self.size, part.dtype, part.shape)
            self.size += -(-part.nbytes // _ALIGNMENT) * _ALIGNMENT

    def views(self, memory: Tensor) -> dict[str, Tensor]:
        """The tensors in a piece of memory, a uint8 tensor of at least `size` bytes."""
        return {
            name: memory[start : start + shape.numel() * dtype.itemsize].view(dtype).view(shape)
            for name, (start, dtype, shape) in self.places.items()
        }


class Stream:
    """Pieces that are used one after the other, over and over: two are on the GPU, the one in use and the next.

    The order wraps around, so that the first piece is copied while the last one is used.

    Args:
        memory: the pieces, uint8 in host memory; they are pinned as long as this lives.
        device: of the GPU.
    """

    def __init__(self, memory: Sequence[Tensor], device: torch.device) -> None:
        self._memory = memory
        runtime: Any = torch.cuda.cudart()
        for piece in memory:
            # PyTorch's own pinned memory comes in powers of two, which would be up to twice as much.
            torch.cuda.check_error(runtime.cudaHostRegister(piece.data_ptr(), piece.nbytes, 0))
        self._copies = torch.cuda.Stream(device)
        size = max(piece.nbytes for piece in memory)
        self._places = [torch.empty(size, dtype=torch.uint8, device=device) for _ in range(2)]
        self._arrived = [torch.cuda.Event() for _ in self._places]
        self._restart(0)

    def pieces(self) -> Iterator[Tensor]:
        """Each piece on the GPU, in order; one is valid until the next is asked for."""
        for index in range(len(self._memory)):
            yield self.wait(index)
            self.advance()

    def wait(self, index: int) -> Tensor:
        """A piece: what is asked of the GPU from now on finds it there. Pieces are asked for in their order."""
        if self._turn % len(self._memory) != index:  # the last time round was broken off
            self._restart(index)
        place = self._turn % 2
        torch.cuda.current_stream().wait_event(self._arrived[place])
        return self._places[place]

    def advance(self) -> None:
        """That piece has been used: the one after the next takes its place, once the GPU is done with it."""
        self._copies.wait_stream(torch.cuda.current_stream())
        self._copy(self._turn + 2)
        self._turn += 1

    def _restart(self, index: int) -> None:
        self._copies.wait_stream(torch.cuda.current_stream())
        self._turn = index
        for turn in (index, index + 1):
            self._copy(turn)

    def _copy(self, turn: int) -> None:
        piece = self._memory[turn % len(self._memory)]
        with torch.cuda.stream(self._copies):
            self._places[turn % 2][: piece.nbytes].copy_(piece, non_blocking=True)
            self._arrived[turn % 2].record()

    def __del__(self) -> None:
        torch.cuda.synchronize()
        for piece in self._memory:
            torch.cuda.cudart().cudaHostUnregister(piece.data_ptr())


def stream_modules(modules: Sequence[Any], device: str) -> None:
    """Keep the weights of modules that are called one after the other in host memory, and stream them."""
    layouts = [Layout(dict(module.named_parameters())) for module in modules]
    memory = []
    for module, layout in zip(modules, layouts, strict=True):
        memory.append(torch.empty(layout.size, dtype=torch.uint8))
        for name, view in layout.views(memory[-1]).items():
            parameter = module.get_parameter(name)
            view.copy_(parameter)
            parameter.data = view
    stream = Stream(memory, torch.device(device))

    def arrive(index: int, layout: Layout) -> Any:
        def hook(module: Any, _: Any) -> None:
            for name, view in layout.views(stream.wait(index)).items():
                module.get_parameter(name).data = view

        return hook

    for index, (module, layout) in enumerate(zip(modules, layouts, strict=True)):
        module.register_forward_pre_hook(arrive(index, layout))
        module.register_forward_hook(lambda *_: stream.advance())
