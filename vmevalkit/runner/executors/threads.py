"""Run jobs in threads of this process, for models on servers: workers share the pace and the budget of one model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TypeVar

from vmevalkit.runner.executors.base import Executor, Worker, WorkerFactory

J = TypeVar("J")
R = TypeVar("R")


class ThreadExecutor(Executor):
    """Runs jobs in threads that share one worker, which must allow that.

    Args:
        threads: number of jobs at a time.
    """

    def __init__(self, threads: int) -> None:
        self._threads = threads

    def map(self, factory: WorkerFactory[J, R], jobs: Sequence[J]) -> Iterator[R]:
        """Run every job; results come in the order in which they are finished."""
        if not jobs:
            return
        worker = factory.create()
        pool = ThreadPoolExecutor(min(self._threads, len(jobs)))
        try:
            for future in as_completed([pool.submit(_run, worker, job) for job in jobs]):
                yield future.result()
        except BaseException:
            worker.abandon()
            raise
        finally:
            # After ctrl-C nothing new is started.
            pool.shutdown(wait=True, cancel_futures=True)
            worker.close()


def _run(worker: Worker[J, R], job: J) -> R:
    return worker.start(job).finish()
