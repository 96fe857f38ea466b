"""Jobs for the tests of Ray. Nodes import this file, so it imports nothing from the tests."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

from vmevalkit.errors import UsageError
from vmevalkit.runner.executors.base import PendingResult, Worker, WorkerFactory


class Value:
    def __init__(self, value: Any) -> None:
        self._value = value

    def finish(self) -> Any:
        return self._value


class Slow(Worker[int, Any]):
    """Returns the job and the process; waits a little; is killed by some jobs."""

    def __init__(self, folder: Path, deadly: int | None) -> None:
        self._folder, self._deadly = folder, deadly

    def start(self, job: int) -> PendingResult[Any]:
        with (self._folder / "started").open("a") as file:
            file.write(f"{os.getpid()} {job}\n")
        time.sleep(0.05)
        if job == self._deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        return Value(job)


class Slows(WorkerFactory[int, Any]):
    """Cannot be loaded on the node `bad`, or everywhere; `deadly` is a job that kills its worker."""

    def __init__(self, folder: Path, deadly: int | None = None, bad: str | None = None) -> None:
        self._folder, self._deadly, self._bad = folder, deadly, bad

    def create(self) -> Slow:
        import ray

        mine = ray.get_runtime_context().get_node_id()
        with (self._folder / "loaded").open("a") as file:
            file.write(f"{os.getpid()} {mine}\n")
        if self._bad == "dies":
            os.kill(os.getpid(), signal.SIGKILL)
        if self._bad in ("everywhere", mine):
            raise UsageError("the weights are missing", "copy them")
        return Slow(self._folder, self._deadly)

    def lost(self, job: int) -> Any:
        return -job

    def failed(self, job: int, error: Any) -> Any:
        return f"{job}: {error}"
