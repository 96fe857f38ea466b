"""Choose where jobs are distributed to. The only place that knows the names of executors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from vmevalkit.errors import UnknownName, UsageError
from vmevalkit.runner.executors.base import Executors
from vmevalkit.runner.executors.local import LocalExecutors

NAMES = ("local", "ray")


@contextmanager
def open_executors(name: str = "local", address: str | None = None, workers: int | None = None) -> Iterator[Executors]:
    """Give the executors of a run, and release what they need when it ends.

    Args:
        name: `local` or `ray`.
        address: of a running Ray cluster; by default, Ray is started on this machine.
        workers: number of workers that will be asked for.

    Raises:
        UsageError: there is no such executor, Ray is not installed, or the cluster cannot be reached.
    """
    if name not in NAMES:
        raise UnknownName("executor", name, NAMES)
    if name == "local":
        if address is not None:
            raise UsageError(f"--ray-address {address} is for Ray", "add --executor ray")
        yield LocalExecutors()
        return
    from vmevalkit.runner.executors.ray import connected

    with connected(address, workers) as cluster:
        yield cluster
