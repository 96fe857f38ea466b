"""On this machine: in this process, or in several processes that each load the model once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any, TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")

_loaded: dict[str, Any] = {}


def run_local(
    load: Callable[[], Any], answer: Callable[[Any, Item], Answer], items: Sequence[Item], workers: int
) -> Iterator[Answer]:
    """Answer items with a model that `load` brings; answers come in the order of the items."""
    if workers <= 1 or len(items) == 1:
        model = load()
        try:
            for item in items:
                yield answer(model, item)
        finally:
            if hasattr(model, "close"):
                model.close()
        return
    pool = ProcessPoolExecutor(
        max_workers=min(workers, len(items)), mp_context=get_context("spawn"), initializer=_start, initargs=(load,)
    )
    try:
        yield from pool.map(_answer, [answer] * len(items), items)
    finally:
        # After ctrl-C nothing new is begun; what is running ends with its process group.
        pool.shutdown(wait=True, cancel_futures=True)


def _start(load: Callable[[], Any]) -> None:
    _loaded["model"] = load()


def _answer(answer: Callable[[Any, Item], Answer], item: Item) -> Answer:
    return answer(_loaded["model"], item)
