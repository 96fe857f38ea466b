"""Run jobs on this machine: in this process, or in several processes."""

from __future__ import annotations

import os
import re
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from typing import Any, Generic, TypeVar

from vmevalkit.errors import WorkerKilled
from vmevalkit.runner.executors.base import Executor, Executors, Worker, WorkerFactory

J = TypeVar("J")
R = TypeVar("R")


@contextmanager
def process_pool(workers: int) -> Iterator[Callable[..., Iterator[Any]]]:
    """Give a `map` that runs in several processes and yields results in the order of the items.

    Processes are spawned, not forked: it works the same on every system, and no lock of the parent is inherited. They
    import the calling script, so a script that asks for several workers needs `if __name__ == "__main__":`. With one
    worker, nothing is spawned.

    Raises:
        WorkerKilled: one of the processes was killed.
    """
    with _opened_pool(workers) as pool:
        yield map if pool is None else pool.map


@contextmanager
def _opened_pool(workers: int) -> Iterator[ProcessPoolExecutor | None]:
    if workers <= 1:
        yield None
        return
    pool = pool_of(workers)
    try:
        yield pool
    except BrokenProcessPool:
        raise WorkerKilled from None
    finally:
        # After ctrl-C nothing new is started.
        pool.shutdown(wait=True, cancel_futures=True)


def map_processes(function: Callable[[J], R], items: Sequence[J], workers: int) -> Iterator[R]:
    """Call a function for each item in a process pool, and yield the results in order."""
    if items:
        with process_pool(min(workers, len(items))) as parallel_map:
            yield from parallel_map(function, items)


def map_unknown(
    known: Callable[[J], R | None], function: Callable[[J], R], items: Sequence[J], workers: int
) -> Iterator[R]:
    """Yield the result of each item, in order: what `known` returns or, where that is None, what `function` returns.

    `known` is called in this process. If every result is known, no other process is started.
    """
    with _opened_pool(min(workers, len(items))) as pool:
        waiting: deque[Future[R]] = deque()
        for item in items:
            result = known(item)
            if result is None and pool is not None:
                waiting.append(pool.submit(function, item))
            else:
                waiting.append(_finished(function(item) if result is None else result))
            while waiting and waiting[0].done():
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _finished(result: R) -> Future[R]:
    future: Future[R] = Future()
    future.set_result(result)
    return future


def pool_of(workers: int, start: Callable[..., None] | None = None, *arguments: Any) -> ProcessPoolExecutor:
    """Return a pool of spawned processes, which end with this one.

    Args:
        workers: number of processes.
        start: called in each process at its start, with `arguments`.
    """
    # Otherwise, numpy's BLAS keeps a spinning thread for every core in each process.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    return ProcessPoolExecutor(workers, get_context("spawn"), _begin, (start, *arguments))


def _begin(start: Callable[..., None] | None, *arguments: Any) -> None:
    """Begin a worker process."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if start is not None:
        start(*arguments)


def _end_with_parent() -> None:
    """End this process with its parent, so that a run that was killed leaves no model on the GPU."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        # At once, because the main thread may be inside compiled code that does not return.
        os._exit(1)


def gpus() -> list[str]:
    """Return the NVIDIA GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them. Imports no PyTorch."""
    allowed = os.environ.get("CUDA_VISIBLE_DEVICES")
    if allowed is not None:
        return [name.strip() for name in allowed.split(",") if name.strip()]
    command = ["nvidia-smi", "-L"]
    try:
        listed = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    return re.findall(r"^GPU (\d+):", listed, re.MULTILINE)


def _cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


# A worker that is killed so often in a row, without a result, would probably be killed by the other jobs, too.
_DEATHS = 3


class LocalExecutor(Executor):
    """Runs jobs in this process or, with several workers, in a process for each. GPUs are assigned in turn.

    Args:
        workers: number of workers, each with its own copy of the model.
        apart: whether one worker has a process of its own, too, because a job may end the process that runs it.
    """

    def __init__(self, workers: int = 1, apart: bool = False) -> None:
        self._workers, self._apart = workers, apart

    def map(self, factory: WorkerFactory[J, R], jobs: Sequence[J]) -> Iterator[R]:
        """Run every job; results come in the order in which they are finished."""
        workers = min(self._workers, len(jobs))
        if workers > 1 or (self._apart and jobs):
            yield from _Processes(factory, jobs, workers).results()
        elif jobs:
            yield from _run_here(factory, jobs)


class LocalExecutors(Executors):
    """Distributes jobs to processes of this machine, one by default."""

    def executor(self, workers: int | None, gpus: int = 0, apart: bool = False) -> LocalExecutor:
        """Return an executor. Workers share the GPUs in turn, whatever they need."""
        return LocalExecutor(workers or 1, apart)


class _Overlap(Generic[J, R]):
    """A worker that finishes one job in a thread while it starts the next."""

    def __init__(self, worker: Worker[J, R]) -> None:
        self._worker = worker
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._finishing: Future[R] | None = None

    def next(self, job: J | None) -> R | None:
        """Start a job, None for no more. Return the result of the job before; None for the first."""
        following = self._thread.submit(self._worker.start(job).finish) if job is not None else None
        finishing, self._finishing = self._finishing, following
        return finishing.result() if finishing is not None else None

    def close(self) -> None:
        """Close the worker."""
        self._thread.shutdown()
        self._worker.close()

    def interrupt(self) -> R | None:
        """Stop after an exception. Return the result of the job that was being finished, if it could be."""
        # Without this, the thread would wait for a video that is not wanted any more.
        valid = self._worker.abandon()
        self.close()
        finishing = self._finishing
        return finishing.result() if valid and finishing is not None and finishing.exception() is None else None


def _run_here(factory: WorkerFactory[J, R], jobs: Sequence[J]) -> Iterator[R]:
    overlap = _Overlap(factory.create())
    try:
        for job in (*jobs, None):
            result = overlap.next(job)
            if result is not None:
                yield result
    except BaseException:
        result = overlap.interrupt()
        if result is not None:
            yield result
        raise
    overlap.close()


class _Processes(Generic[J, R]):
    """Worker processes. If one is killed by a job, only its own jobs are lost, and another one replaces it.

    Each is a pool of one process, so that each can be asked for its last result, and can be replaced alone.
    """

    def __init__(self, factory: WorkerFactory[J, R], jobs: Sequence[J], workers: int) -> None:
        self._factory = factory
        self._jobs = iter(jobs)
        self._gpus = gpus()
        self._threads = max(1, _cores() // workers)
        self._pools = [self._new_pool(worker) for worker in range(workers)]
        # Jobs that each worker has started and not finished, workers that hold the model, and how often in a row each
        # was killed without a result.
        self._running: list[list[J]] = [[] for _ in self._pools]
        self._loaded: set[int] = set()
        # Jobs of killed workers, any of which may have killed it. Each is run again with nothing beside it.
        self._again: deque[J] = deque()
        self._deaths = [0] * workers
        self._requests: dict[Future[Any], int] = {}

    def results(self) -> Iterator[R]:
        """Run all jobs and yield their results."""
        try:
            for worker in range(len(self._pools)):
                self._load(worker)
            while self._requests:
                for future in wait(self._requests, return_when=FIRST_COMPLETED).done:
                    yield from self._completed(future)
        finally:
            # After ctrl-C nothing new is started.
            for pool in self._pools:
                pool.shutdown(wait=True, cancel_futures=True)

    def _completed(self, future: Future[Any]) -> list[R]:
        worker = self._requests.pop(future)
        try:
            result, has_more = future.result()
        except BrokenProcessPool:
            return self._replace(worker)
        self._loaded.add(worker)
        if result is not None:
            self._running[worker].pop(0)
            self._deaths[worker] = 0
        if has_more:
            self._request(worker)
        return [result] if result is not None else []

    def _replace(self, worker: int) -> list[R]:
        self._deaths[worker] += 1
        if worker not in self._loaded or self._deaths[worker] == _DEATHS:
            raise WorkerKilled from None
        self._loaded.discard(worker)
        lost, self._running[worker] = self._running[worker], []
        if len(lost) > 1:
            self._again.extend(lost)
            lost = []
        self._pools[worker] = self._new_pool(worker)
        self._load(worker)
        return [self._factory.lost(job) for job in lost]

    def _load(self, worker: int) -> None:
        """Let a worker load the model, before it is given a job that may kill it."""
        self._requests[self._submit(worker, _is_loaded)] = worker

    def _request(self, worker: int) -> None:
        """Give a worker its next job, or ask it for its last result."""
        if self._again and not self._running[worker]:
            again = self._again.popleft()
            self._running[worker].append(again)
            self._requests[self._submit(worker, _alone, again)] = worker
            return
        job = next(self._jobs, None)
        if job is not None:
            self._running[worker].append(job)
        if self._running[worker]:
            self._requests[self._submit(worker, _next, job)] = worker

    def _submit(self, worker: int, function: Callable[..., tuple[Any, bool]], *arguments: J | None) -> Future[Any]:
        try:
            return self._pools[worker].submit(function, *arguments)
        except BrokenProcessPool as error:
            broken: Future[Any] = Future()
            broken.set_exception(error)
            return broken

    def _new_pool(self, worker: int) -> ProcessPoolExecutor:
        gpu = self._gpus[worker % len(self._gpus)] if len(self._gpus) > 1 else None
        return pool_of(1, _start, self._factory, gpu, self._threads)


# The worker of this process.
_overlap: _Overlap[Any, Any]


def _start(factory: WorkerFactory[Any, Any], gpu: str | None, threads: int) -> None:
    global _overlap
    # Otherwise, PyTorch starts a spinning thread for every core in each process, which is several times slower.
    os.environ.setdefault("OMP_NUM_THREADS", str(threads))
    if gpu is not None:
        # Before anything uses a GPU; child processes inherit it.
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu
    _overlap = _Overlap(factory.create())


def _is_loaded() -> tuple[None, bool]:
    """Return, once this process holds the model, that there is no result yet, and that jobs are to come."""
    return None, True


def _alone(job: Any) -> tuple[Any, bool]:
    """Return the result of a job beside which no other one was run."""
    _overlap.next(job)
    return _overlap.next(None), True


def _next(job: Any | None) -> tuple[Any | None, bool]:
    """Return the result of the job before, and whether another one is to come."""
    result = _overlap.next(job)
    if job is None:
        _overlap.close()
    return result, job is not None
