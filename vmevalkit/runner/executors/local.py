"""On this machine: in this process, or in several processes side by side."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any, TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")


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
    pool = _pool(workers, start)
    try:
        yield pool.map
    finally:
        # After ctrl-C nothing new is begun.
        pool.shutdown(wait=True, cancel_futures=True)


def _pool(workers: int, start: Callable[..., None] | None, *arguments: Any) -> ProcessPoolExecutor:
    # For the processes to come: numpy's BLAS would keep a thread of each spinning on every core, in the others' way.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    return ProcessPoolExecutor(workers, get_context("spawn"), start, arguments)


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


class _Turns:
    """A model at work: the rest of one item is done in a thread while the model works at the next."""

    def __init__(self, load: Callable[[], Any], begin: Callable[[Any, Item], Callable[[], Answer]]) -> None:
        self._model, self._begin = load(), begin
        self._rest = ThreadPoolExecutor(max_workers=1)
        self._waiting: Future[Any] | None = None

    def next(self, item: Any | None) -> Any | None:
        """Begin an item, None for no more. Returns the answer to the one before, None for the first."""
        following = self._rest.submit(self._begin(self._model, item)) if item is not None else None
        waiting, self._waiting = self._waiting, following
        return waiting.result() if waiting is not None else None

    def close(self, broken_off: bool = False) -> None:
        close = getattr(self._model, "close", lambda: None)
        if broken_off:
            # Else the thread would wait for a film that nobody wants.
            getattr(self._model, "abandon", close)()
        self._rest.shutdown()
        close()


def run_local(
    load: Callable[[], Any],
    begin: Callable[[Any, Item], Callable[[], Answer]],
    items: Sequence[Item],
    workers: int,
) -> Iterator[Answer]:
    """Answer items with a model that `load` brings, once in each process. Processes take turns at the GPUs.

    Args:
        begin: does the model's part of an item and returns what does the rest, which is done while the model works at
            the next item.

    Returns:
        The answers, in the order in which they come.
    """
    workers = min(workers, len(items))
    if workers > 1:
        yield from _side_by_side(load, begin, items, workers)
        return
    if not items:
        return
    turns = _Turns(load, begin)
    try:
        for item in (*items, None):
            answer = turns.next(item)
            if answer is not None:
                yield answer
    except BaseException:
        turns.close(broken_off=True)
        raise
    turns.close()


def _side_by_side(load: Any, begin: Any, items: Sequence[Any], workers: int) -> Iterator[Any]:
    there = gpus()
    # One process each, because every process must be asked for its last answer.
    pools = [
        _pool(1, _start, load, begin, there[worker % len(there)] if len(there) > 1 else None)
        for worker in range(workers)
    ]
    todo = iter(items)
    try:
        asked = {pool.submit(_next, next(todo)): pool for pool in pools}
        while asked:
            for future in wait(asked, return_when=FIRST_COMPLETED).done:
                pool, (answer, more) = asked.pop(future), future.result()
                if more:
                    asked[pool.submit(_next, next(todo, None))] = pool
                if answer is not None:
                    yield answer
    finally:
        # After ctrl-C nothing new is begun.
        for pool in pools:
            pool.shutdown(wait=True, cancel_futures=True)


_turns: _Turns


def _start(load: Any, begin: Any, gpu: str | None) -> None:
    global _turns
    if gpu is not None:
        # Before anything asks for a GPU; what this process starts inherits it.
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu
    _turns = _Turns(load, begin)


def _next(item: Any | None) -> tuple[Any | None, bool]:
    """The answer to the item before, and whether one is to come."""
    answer = _turns.next(item)
    if item is None:
        _turns.close()
    return answer, item is not None
