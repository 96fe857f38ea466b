"""What distributes jobs: the Executor protocol, and the records and roles that it needs.

Execution is at least once: a job may be run again after a worker was killed. Together with "already complete" in the
driver, each result is published once. Workers never write into an experiment. They leave a video in a staging file, and
the driver, which consumes the results, publishes it.

An executor whose workers are on other machines cannot use files to pass a job. It packs each job with what the worker
needs, and unpacks the answer here; see `WorkerFactory.portable`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, Generic, Protocol, TypeVar

from vmevalkit.errors import VMEvalError

J = TypeVar("J")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class PendingResult(Protocol[R_co]):
    """A job whose model part is done; `finish` does the rest, such as writing the video."""

    def finish(self) -> R_co:
        """Finish the job. May be called in another thread, while the worker starts the next job."""


class Worker(ABC, Generic[J, R]):
    """What runs in a worker process: holds the model, and runs jobs one after another."""

    @abstractmethod
    def start(self, job: J) -> PendingResult[R]:
        """Run the part of a job that needs the model."""

    def close(self) -> None:
        """Release what the worker holds."""

    def abandon(self) -> bool:
        """Stop at once, whatever is running. Return whether a job that is being finished will still be finished."""
        return True


class WorkerFactory(ABC, Generic[J, R]):
    """Creates the worker in each process. It is sent to other processes, so it must be picklable."""

    @abstractmethod
    def create(self) -> Worker[J, R]:
        """Create a worker. Called once in each process."""

    @abstractmethod
    def lost(self, job: J) -> R:
        """Return the result of a job whose worker was killed."""

    def failed(self, job: J, error: VMEvalError) -> R:
        """Return the result of a job that could not be packed, or that no worker could run (`Unfinished`)."""
        raise error

    def portable(self) -> WorkerFactory[Any, Any]:
        """Return a factory of workers that share no file system with the driver, and are given packed jobs."""
        return self

    def pack(self, job: J) -> Any:
        """Return a job with everything that such a worker needs for it.

        Raises:
            VMEvalError: something that the job needs cannot be read.
        """
        return job

    def unpack(self, job: J, answer: Any) -> R:
        """Return the result of a job, given the answer of such a worker."""
        return answer  # type: ignore[no-any-return]


class Executor(ABC):
    """Runs jobs somewhere, and yields their results as they come."""

    @abstractmethod
    def map(self, factory: WorkerFactory[J, R], jobs: Sequence[J]) -> Iterator[R]:
        """Run every job with a worker of the factory.

        Raises:
            WorkerKilled: a worker was killed while it loaded the model, or by several jobs in a row.
        """

    def status(self) -> str:
        """Say what the workers are doing, in a few words for the progress; nothing by default."""
        return ""


class Executors(ABC):
    """Where the jobs of a run are distributed to: this machine, or a cluster."""

    shares_files = True
    """Whether the workers can use the files of this machine, and its packages and GPUs are theirs."""

    @abstractmethod
    def executor(self, workers: int | None, gpus: int = 0, apart: bool = False) -> Executor:
        """Return an executor.

        Args:
            workers: number of workers; None for the default of the place.
            gpus: number of GPUs that each worker needs, if there are any.
            apart: whether a job may end the process that runs it, which must then not be this one.
        """
