"""Run jobs on a Ray cluster: one actor for each GPU or core. The driver keeps the queue.

Ray restarts an actor that was killed, on another node if its own is gone. The driver sends the jobs that the actor was
running again, to any worker. A worker is given a job only after it has reported that the model is loaded, so that
nothing waits for an actor that Ray cannot place.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import signal
import socket
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from vmevalkit._version import __version__
from vmevalkit.errors import Unfinished, UsageError, VMEvalError, first_line
from vmevalkit.runner.executors.base import Executor, Executors, Worker, WorkerFactory

log = logging.getLogger(__name__)

J = TypeVar("J")
R = TypeVar("R")

# One job is run while the result of the one before is written.
_IN_FLIGHT = 2
# A job is sent so often if its worker is killed. From the second time on, its worker runs nothing else.
_ATTEMPTS = 3
_LOAD_RETRIES = 2
_POLL_SECONDS = 1.0
_CLOSE_SECONDS = 5.0
# A cluster may need this long to start machines.
_PATIENCE_SECONDS = 1800.0
# Names of files and modules with plug-ins, which every worker must know.
_FORWARDED = ("VMEVALKIT_TASKS", "VMEVALKIT_MODELS", "VMEVALKIT_SCORERS", "VMEVALKIT_WEIGHTS")


@contextmanager
def connected(address: str | None, workers: int | None) -> Iterator[RayExecutors]:
    """Join a cluster, or start Ray on this machine; leave or end it afterwards. If Ray runs already, use that.

    Raises:
        UsageError: Ray is not installed, or the cluster cannot be reached.
    """
    if importlib.util.find_spec("ray") is None:
        raise UsageError("--executor ray needs Ray", "pip install 'vmevalkit[ray]'")
    # Nothing is sent to the authors of Ray, and a worker without a GPU of its own sees none.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    logging.getLogger("ray").setLevel(logging.ERROR)
    import ray

    started = not ray.is_initialized()
    if started:
        _start(ray, address, workers)
    _keep_off_stdout()
    try:
        yield RayExecutors(ray)
    finally:
        if started:
            ray.shutdown()


def _start(ray: Any, address: str | None, workers: int | None) -> None:
    options = {} if address else {"num_cpus": max(os.cpu_count() or 1, workers or 1), "include_dashboard": False}
    handler = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(address=address or "local", log_to_driver=False, logging_level=logging.ERROR, **options)
    except (ConnectionError, ValueError, RuntimeError) as error:
        where = f"--ray-address {address}: the cluster cannot be reached" if address else "Ray does not start"
        raise UsageError(f"{where}: {first_line(error)}", "see `ray status`") from None
    finally:
        # Ray installs its own, which leaves workers behind.
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, handler)


def _keep_off_stdout() -> None:
    """Drop Ray's messages about workers, which it prints on stdout. What matters is reported by the run."""
    with suppress(ImportError, AttributeError, KeyError):
        from ray._private.ray_logging import global_worker_stdstream_dispatcher as dispatcher

        dispatcher.remove_handler("ray_print_logs")


class RayExecutors(Executors):
    """Distributes jobs to the nodes of the cluster to which this process is connected."""

    shares_files = False

    def __init__(self, ray: Any) -> None:
        self._ray = ray

    def executor(self, workers: int | None, gpus: int = 0, apart: bool = False) -> RayExecutor:
        """Return an executor. By default, it has as many workers as the cluster has room for."""
        if not self._ray.cluster_resources().get("GPU"):
            gpus = 0
        needed = {"GPU": gpus} if gpus else {"CPU": 1}
        room = sum(
            int(min(node["Resources"].get(name, 0) // amount for name, amount in needed.items()))
            for node in self._ray.nodes()
            if node["Alive"]
        )
        return RayExecutor(self._ray, workers or max(1, room), gpus)


class RayExecutor(Executor):
    """Runs jobs in actors.

    Args:
        ray: the module, connected to a cluster.
        workers: number of actors.
        gpus: number of GPUs for each; with 0, each has a core.
    """

    def __init__(self, ray: Any, workers: int, gpus: int = 0) -> None:
        self._ray, self._workers = ray, workers
        self._needs = {"num_gpus": gpus} if gpus else {"num_cpus": 1}
        self._run: _Run[Any, Any] | None = None

    def map(self, factory: WorkerFactory[J, R], jobs: Sequence[J]) -> Iterator[R]:
        """Run every job; results come in the order in which they are finished."""
        if jobs:
            workers = min(self._workers, len(jobs))
            self._run = _Run(self._ray, factory, jobs, workers, self._needs)
            yield from self._run.results()

    def status(self) -> str:
        """Return the number of workers that hold the model."""
        return self._run.status() if self._run is not None else ""


@dataclass(eq=False)
class _Task(Generic[J]):
    """A job, and how often it was sent."""

    job: J
    attempts: int = 0


@dataclass(eq=False)
class _Member(Generic[J]):
    """An actor. `ready` says that it holds the model, `proven` that it has finished something."""

    actor: Any
    ready: bool = False
    proven: bool = False
    running: list[_Task[J]] = field(default_factory=list)


class _Run(Generic[J, R]):
    """The driver's side of one `map`."""

    def __init__(
        self, ray: Any, factory: WorkerFactory[J, R], jobs: Sequence[J], workers: int, needs: dict[str, Any]
    ) -> None:
        self._ray, self._factory, self._jobs = ray, factory, iter(jobs)
        self._again: deque[_Task[J]] = deque()
        self._left = len(jobs)
        variables = {name: os.environ[name] for name in _FORWARDED if name in os.environ}
        environment = {"runtime_env": {"env_vars": variables}} if variables else {}
        self._actor = ray.remote(NodeWorker).options(
            max_restarts=-1, max_concurrency=_IN_FLIGHT, **needs, **environment
        )
        # In a tuple, so that the worker fetches it: a restarted node must not wait for arguments.
        self._packed = (ray.put(ray.cloudpickle.dumps(factory.portable())),)
        self._requests: dict[Any, tuple[_Member[J], _Task[J] | None]] = {}
        self._members: list[_Member[J]] = []
        self._problems: dict[str, str] = {}
        self._waiting_since = time.monotonic()
        for _ in range(workers):
            self._add_member()

    def status(self) -> str:
        ready = sum(member.ready for member in self._members)
        starting = len(self._members) - ready
        return f"{ready} worker{'s' * (ready != 1)}" + (f", {starting} starting" if starting else "")

    def results(self) -> Iterator[R]:
        """Run all jobs and yield their results."""
        try:
            while self._left:
                if not self._can_continue():
                    yield from self._give_up()
                    return
                for reference in self._completed():
                    for result in self._handle(reference):
                        self._left -= 1
                        yield result
                for result in self._distribute():
                    self._left -= 1
                    yield result
        finally:
            self._end()

    def _add_member(self) -> None:
        member: _Member[J] = _Member(self._actor.remote())
        self._members.append(member)
        self._load(member)

    def _load(self, member: _Member[J]) -> None:
        member.ready = False
        # Waits until Ray has placed the actor, also after a restart.
        reference = member.actor.load.options(max_task_retries=_LOAD_RETRIES).remote(self._packed, __version__)
        self._requests[reference] = (member, None)

    def _completed(self) -> list[Any]:
        """Wait until something is done, and return everything that is."""
        references = list(self._requests)
        done, _ = self._ray.wait(references, num_returns=1, timeout=_POLL_SECONDS)
        return self._ray.wait(references, num_returns=len(references), timeout=0)[0] if done else []

    def _handle(self, reference: Any) -> list[R]:
        errors = self._ray.exceptions
        member, task = self._requests.pop(reference)
        if task is not None:
            member.running.remove(task)
        try:
            answer = self._ray.get(reference)
        except errors.RayTaskError:
            # A mistake in the worker's own code, as in any other executor.
            raise
        except errors.RayError as error:
            return self._died(member, task, error)
        if isinstance(answer, NotLoaded):
            self._drop(member, answer.node, answer.reason)
            return []
        if task is None:
            member.ready = member in self._members
            return []
        if isinstance(answer, Restarted):
            if member.ready:
                self._load(member)
            self._again.append(task)
            return []
        member.proven = True
        return [self._factory.unpack(task.job, answer)]

    def _died(self, member: _Member[J], task: _Task[J] | None, error: Exception) -> list[R]:
        """Handle the death of a worker: let it start again, and return the results of jobs that are given up."""
        log.debug("a worker was killed: %s", error)
        known = member in self._members
        if task is None:
            if known and member.proven:
                # Killed for good, from outside.
                self._members.remove(member)
                self._add_member()
            elif known:
                reason = "its process was killed while it loaded the model, probably because memory ran out"
                self._drop(member, "a node", reason)
            return []
        if member.ready:
            self._load(member)
        task.attempts += known
        if task.attempts >= _ATTEMPTS:
            return [self._factory.lost(task.job)]
        self._again.append(task)
        return []

    def _drop(self, member: _Member[J], node: str, reason: str) -> None:
        """Do without a worker that cannot load the model, and report each node once."""
        if member in self._members:
            self._members.remove(member)
            member.ready = False
            self._ray.kill(member.actor)
        if node not in self._problems:
            self._problems[node] = reason
            log.warning("the model cannot be loaded on %s: %s", node, reason)

    def _distribute(self) -> list[R]:
        """Give jobs to the workers that have room. Return the results of jobs that cannot be sent."""
        failed = []
        for member in self._members:
            while member.ready and self._has_room(member):
                task = self._next(alone=not member.running)
                if task is None:
                    break
                try:
                    packed = self._factory.pack(task.job)
                except VMEvalError as error:
                    failed.append(self._factory.failed(task.job, error))
                    continue
                member.running.append(task)
                self._requests[member.actor.run.remote(packed)] = (member, task)
        return failed

    def _has_room(self, member: _Member[J]) -> bool:
        return len(member.running) < _IN_FLIGHT and not any(task.attempts for task in member.running)

    def _next(self, alone: bool) -> _Task[J] | None:
        """Return the next job: one whose worker was killed, if nothing else would be lost with it again."""
        if alone and self._again:
            return self._again.popleft()
        job = next(self._jobs, None)
        return _Task(job) if job is not None else None

    def _can_continue(self) -> bool:
        if any(member.ready for member in self._members):
            self._waiting_since = time.monotonic()
        return bool(self._members) and time.monotonic() - self._waiting_since < _PATIENCE_SECONDS

    def _give_up(self) -> Iterator[R]:
        """Yield a result for each job that is left, because there is no worker."""
        reasons = "; ".join(f"{node}: {reason}" for node, reason in self._problems.items())
        error = Unfinished(f"the model cannot be loaded on {reasons}" if reasons else "no node has room for a worker")
        running = [task for member in self._members for task in member.running]
        for job in [*(task.job for task in (*running, *self._again)), *self._jobs]:
            yield self._factory.failed(job, error)

    def _end(self) -> None:
        """Let the workers release the model, then end them."""
        with suppress(self._ray.exceptions.RayError):
            idle = [member.actor.close.remote() for member in self._members if member.ready and not member.running]
            if idle:
                self._ray.wait(idle, num_returns=len(idle), timeout=_CLOSE_SECONDS)
        for member in self._members:
            with suppress(self._ray.exceptions.RayError):
                self._ray.kill(member.actor)


@dataclass(frozen=True)
class NotLoaded:
    """The answer of a worker that cannot load the model."""

    node: str
    reason: str


class Restarted:
    """The answer of a worker that was given a job after Ray had restarted it without the model."""


class NodeWorker:
    """The actor: holds a worker, and runs one job while it finishes another."""

    def __init__(self) -> None:
        self._worker: Worker[Any, Any] | None = None
        # Everything that touches the model happens in one thread, as some libraries require.
        self._thread = ThreadPoolExecutor(1)

    def load(self, factory: tuple[Any], version: str) -> NotLoaded | None:
        """Load the model.

        Args:
            factory: reference to what creates the worker, pickled, so that a failure to unpickle it is reported, too.
            version: of the driver's kit.
        """
        return self._thread.submit(self._load, factory[0], version).result()

    def run(self, job: Any) -> Any:
        """Run a job, and return its result."""
        if self._worker is None:
            return Restarted()
        return self._thread.submit(self._worker.start, job).result().finish()

    def close(self) -> None:
        """Release the model."""
        if self._worker is not None:
            self._thread.submit(self._worker.close).result()

    def _load(self, factory: Any, version: str) -> NotLoaded | None:
        import ray

        if __version__ != version:
            return NotLoaded(_node(), f"it has vmevalkit {__version__}, and the driver has {version}")
        try:
            self._worker = ray.cloudpickle.loads(ray.get(factory)).create()
        except VMEvalError as error:
            return NotLoaded(_node(), str(error))
        except Exception as error:  # noqa: BLE001 - anything may happen on another machine, and the others go on
            return NotLoaded(_node(), f"{type(error).__name__}: {first_line(error)}")
        return None


def _node() -> str:
    """Return the name of this node: its host, and the start of its id in the cluster, as `ray list nodes` shows it."""
    import ray

    return f"node {socket.gethostname()} ({ray.get_runtime_context().get_node_id()[:8]})"
