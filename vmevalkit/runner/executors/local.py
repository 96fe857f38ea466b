"""On this machine: in this process, or in several processes side by side."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any, TypeVar

from vmevalkit.errors import WorkerKilled

Item = TypeVar("Item")
Answer = TypeVar("Answer")


@contextmanager
def crew(workers: int, start: Callable[[], None] | None = None) -> Iterator[Callable[..., Iterator[Any]]]:
    """Processes that stay for several rounds of work: a `map` whose answers come in the order of the items.

    Processes are spawned, not forked: the same on every system, and no lock of the parent is inherited. Spawned
    processes import the calling script, so a script that asks for several workers needs the usual
    `if __name__ == "__main__":`; with one worker nothing is spawned.

    Raises:
        WorkerKilled: one of them was.
    """
    if workers <= 1:
        if start is not None:
            start()
        yield map
        return
    pool = _pool(workers, start)
    try:
        yield pool.map
    except BrokenProcessPool:
        raise WorkerKilled from None
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
            # Else the thread would wait for a video that nobody wants.
            getattr(self._model, "abandon", close)()
        self._rest.shutdown()
        close()


def run_local(
    load: Callable[[], Any],
    begin: Callable[[Any, Item], Callable[[], Answer]],
    items: Sequence[Item],
    workers: int,
    lost: Callable[[Item], Answer],
) -> Iterator[Answer]:
    """Answer items with a model that `load` brings, once in each process. Processes take turns at the GPUs.

    Args:
        begin: does the model's part of an item and returns what does the rest, which is done while the model works at
            the next item.
        lost: answers an item whose process was killed, as happens when memory runs out. Another takes its place.

    Returns:
        The answers, in the order in which they come.

    Raises:
        WorkerKilled: a process was killed before it had done anything.
    """
    workers = min(workers, len(items))
    if workers > 1:
        yield from _side_by_side(load, begin, items, workers, lost)
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


def _side_by_side(load: Any, begin: Any, items: Sequence[Any], workers: int, lost: Any) -> Iterator[Any]:
    there = gpus()

    def hire(worker: int) -> ProcessPoolExecutor:
        return _pool(1, _start, load, begin, there[worker % len(there)] if len(there) > 1 else None)

    # One process each, because every process must be asked for its last answer, and may be killed alone.
    pools = [hire(worker) for worker in range(workers)]
    held: list[list[Any]] = [[] for _ in pools]
    at_work: set[int] = set()
    asked: dict[Future[Any], int] = {}
    todo = iter(items)

    def ask(worker: int) -> None:
        item = next(todo, None)
        if item is not None:
            held[worker].append(item)
        if held[worker]:
            asked[_submit(pools[worker], item)] = worker

    try:
        for worker in range(workers):
            ask(worker)
        while asked:
            for future in wait(asked, return_when=FIRST_COMPLETED).done:
                worker = asked.pop(future)
                try:
                    answer, more = future.result()
                except BrokenProcessPool:
                    if worker not in at_work:
                        raise WorkerKilled from None
                    at_work.discard(worker)
                    gone, held[worker] = held[worker], []
                    pools[worker] = hire(worker)
                    ask(worker)
                    yield from map(lost, gone)
                    continue
                at_work.add(worker)
                if answer is not None:
                    held[worker].pop(0)
                if more:
                    ask(worker)
                if answer is not None:
                    yield answer
    finally:
        # After ctrl-C nothing new is begun.
        for pool in pools:
            pool.shutdown(wait=True, cancel_futures=True)


def _submit(pool: ProcessPoolExecutor, item: Any) -> Future[Any]:
    try:
        return pool.submit(_next, item)
    except BrokenProcessPool as error:
        broken: Future[Any] = Future()
        broken.set_exception(error)
        return broken


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
