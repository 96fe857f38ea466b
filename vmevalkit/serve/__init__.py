"""The video server: OpenAI's `/v1/videos` in front of local models."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vmevalkit import defaults, store
from vmevalkit.errors import UsageError

_STOP_SECONDS = 5


def serve(
    model: str | Sequence[str],
    *,
    jobs: Path | str = defaults.JOBS,
    host: str = "127.0.0.1",
    port: int = 8000,
    limit: int = 100,
    workers: int | None = None,
    settings: dict[str, Any] | None = None,
) -> None:
    """Serve videos of models until stopped. Call it again to continue with the same jobs.

    Args:
        model: names in the catalog, or `my_file.py:my_function`.
        jobs: folder of the jobs and their videos.
        host: address to listen on. Any host other than 127.0.0.1 requires a token: the environment variable
            VMEVALKIT_TOKEN, or a new one, which is printed.
        port: port to listen on.
        limit: how many videos may wait.
        workers: number of processes, each with one model in memory; by default one a GPU.
        settings: of the models, for example `{"memory": "group"}`.

    Raises:
        UsageError: a model cannot be served, the address cannot be used, or another server uses the folder.
        EnvironmentMissing, WeightsError: a model cannot run on this machine.
    """
    try:
        import uvicorn

        from vmevalkit.serve.app import create_app
    except ModuleNotFoundError as error:
        raise UsageError(f"the server needs {error.name}", "install it: pip install 'vmevalkit[serve]'") from None
    from vmevalkit.serve.jobs import JobQueue
    from vmevalkit.serve.models import ServedModels
    from vmevalkit.serve.worker import Workers
    from vmevalkit.web.connections import TimedProtocol
    from vmevalkit.web.guard import listen, required_token

    folder = Path(jobs).absolute()
    models = ServedModels([model] if isinstance(model, str) else model, folder, settings)
    token = required_token(host)
    with listen(host, port) as listener, store.locked(folder / ".lock", f"serving videos from {folder}"):
        queue = JobQueue(folder, limit)
        pool = Workers(queue, models.runs, _places(workers))
        print(f"serving {', '.join(models)} at http://{host}:{port}/v1", flush=True)
        if token:
            print(f"token: {token}", flush=True)
        config = uvicorn.Config(
            create_app(models, queue, pool, token), http=TimedProtocol, log_level="warning", access_log=False,
            server_header=False, timeout_graceful_shutdown=_STOP_SECONDS,
        )  # fmt: skip
        pool.start()
        try:
            uvicorn.Server(config).run(sockets=[listener])
        finally:
            pool.stop()


def _places(workers: int | None) -> list[str | None]:
    """Return the GPU of each worker, in turn; None where there is no GPU."""
    from vmevalkit.runner.executors.local import gpus

    found: list[str | None] = [*gpus()] or [None]
    return [found[i % len(found)] for i in range(workers or len(found))]
