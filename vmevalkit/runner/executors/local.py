"""On this machine: in this process, or in several processes side by side."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context
from typing import Any, TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")

_loaded: dict[str, Any] = {}


@contextmanager
def crew(workers: int, start: Callable[[], None] | None = None) -> Iterator[Callable[..., Iterator[Any]]]:
    """Processes that stay for several rounds of work: a `map` whose answers come in the order of the items.

    Processes are spawned, not forked: the same on every system, and no lock of the parent is inherited. Spawned
    processes import the calling script, so a script that asks for several workers needs the usual
    `if __name__ == "__main__":`; with one worker nothing is spawned.
    """
    if workers <= 1:
        if start is not None:
            start()
        yield map
        return
    # For the processes to come: numpy's BLAS would keep a thread of each spinning on every core, in the others' way.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    pool = ProcessPoolExecutor(max_workers=workers, mp_context=get_context("spawn"), initializer=start)
    try:
        yield pool.map
    finally:
        # After ctrl-C nothing new is begun.
        pool.shutdown(wait=True, cancel_futures=True)


def map_local(
    function: Callable[[Item], Answer], items: Sequence[Item], workers: int, start: Callable[[], None] | None = None
) -> Iterator[Answer]:
    """Call a function for each item, in processes that are there for this alone (see `crew`)."""
    if items:
        with crew(min(workers, len(items)), start) as share:
            yield from share(function, items)


def gpus() -> list[str]:
    """The NVIDIA GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them. Loads no torch."""
    allowed = os.environ.get("CUDA_VISIBLE_DEVICES")
    if allowed is not None:
        return [name.strip() for name in allowed.split(",") if name.strip()]
    command = ["nvidia-smi", "-L"]
    try:
        listed = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    return re.findall(r"^GPU (\d+):", listed, re.MULTILINE)


def run_local(
    load: Callable[[], Any],
    begin: Callable[[Any, Item], Callable[[], Answer]],
    items: Sequence[Item],
    workers: int,
) -> Iterator[Answer]:
    """Answer items with a model that `load` brings, once in each process. Processes take turns at the GPUs.

    Args:
        begin: does the model's part of an item and returns what does the rest. With one process, the rest of one item
            is done in a thread while the model works at the next.
    """
    workers = min(workers, len(items))
    if workers > 1:
        there = gpus()
        turns: Any = get_context("spawn").SimpleQueue() if len(there) > 1 else None
        for worker in range(workers if turns is not None else 0):
            turns.put(there[worker % len(there)])
        yield from map_local(partial(_answer, begin), items, workers, partial(_start, load, turns))
        return
    if not items:
        return
    model = load()
    close = getattr(model, "close", lambda: None)
    try:
        with ThreadPoolExecutor(max_workers=1) as rest:
            try:
                waiting: Future[Answer] | None = None
                for item in items:
                    following = rest.submit(begin(model, item))
                    if waiting is not None:
                        yield waiting.result()
                    waiting = following
                if waiting is not None:
                    yield waiting.result()
            except BaseException:
                # Ctrl-C, say: else the thread would wait for a film that nobody wants.
                getattr(model, "abandon", close)()
                raise
    finally:
        close()


def _start(load: Callable[[], Any], turns: Any) -> None:
    if turns is not None:
        # Before anything asks for a GPU; what this process starts inherits it.
        os.environ["CUDA_VISIBLE_DEVICES"] = turns.get()
    _loaded["model"] = load()


def _answer(begin: Callable[[Any, Item], Callable[[], Answer]], item: Item) -> Answer:
    return begin(_loaded["model"], item)()
