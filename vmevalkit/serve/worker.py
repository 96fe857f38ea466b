"""Workers: threads that take jobs from the queue, each with one model in a process of its own, on one GPU."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from vmevalkit import store
from vmevalkit.errors import StorageError, VMEvalError
from vmevalkit.redaction import clean
from vmevalkit.runner.model_run import ModelRun
from vmevalkit.runner.remote import WORKER_DIED, RemoteModel
from vmevalkit.serve.jobs import JobQueue, VideoJob
from vmevalkit.types import GenerationResult

log = logging.getLogger(__name__)


class Workers:
    """All workers of a server.

    Args:
        queue: where the jobs come from.
        models: the models that are served, by name.
        gpus: the GPU of each worker, as CUDA_VISIBLE_DEVICES names it; None for no restriction.
    """

    def __init__(self, queue: JobQueue, models: Mapping[str, ModelRun], gpus: Sequence[str | None]) -> None:
        self._queue = queue
        self._workers = [Worker(queue, models, gpu) for gpu in gpus]

    def start(self) -> None:
        """Start taking jobs."""
        for worker in self._workers:
            worker.thread.start()

    def cancel(self, job_id: str) -> None:
        """Stop a job that was forgotten, if a worker is at it. Its process ends, and the next job starts another."""
        for worker in self._workers:
            worker.cancel(job_id)

    def progress(self, job_id: str) -> float:
        """Return how much of a running job is done, from 0 to 1."""
        return max((worker.progress(job_id) for worker in self._workers), default=0.0)

    def stop(self) -> None:
        """Stop all workers. Unfinished jobs return to the queue."""
        self._queue.close()
        for worker in self._workers:
            worker.cancel(None)
        for worker in self._workers:
            if worker.thread.is_alive():
                worker.thread.join(timeout=10)


class Worker:
    """One thread that makes one video at a time, with the model of the last job in memory."""

    def __init__(self, queue: JobQueue, models: Mapping[str, ModelRun], gpu: str | None) -> None:
        self._queue = queue
        self._models = models
        self._environment = {"CUDA_VISIBLE_DEVICES": gpu} if gpu is not None else {}
        self._model: RemoteModel | None = None
        self._job_id: str | None = None
        # Protects the two fields above: a job is canceled in another thread.
        self._lock = threading.Lock()
        self.thread = threading.Thread(target=self._run, name="worker", daemon=True)

    def cancel(self, job_id: str | None) -> None:
        """Stop a job, or any if `job_id` is None, if it is running here."""
        # With the lock, so that the next job is not stopped instead.
        with self._lock:
            if self._model is not None and (job_id is None or job_id == self._job_id):
                self._model.abandon()

    def progress(self, job_id: str) -> float:
        """Return how much of a job is done; 0 if it is not running here."""
        with self._lock:
            return self._model.progress if self._model is not None and job_id == self._job_id else 0.0

    def _run(self) -> None:
        while (job := self._queue.take(self._models)) is not None:
            try:
                self._make(job)
            except VMEvalError as error:
                self._queue.fail(job, "server_error", clean(str(error)))
            except Exception as error:
                # The next job must still find a worker.
                log.exception("%s failed", job.id)
                self._queue.fail(job, "server_error", clean(f"{type(error).__name__}: {error}"))
        self._close()

    def _make(self, job: VideoJob) -> None:
        staged = self._queue.video(job.id).with_name(store.temporary_name("video", ".mp4"))
        result = self._generate(job, staged)
        if result is None or (self._queue.closed and not result.success):
            self._queue.give_back(job)
        elif result.success:
            self._queue.complete(job, result.model_copy(update={"video_path": "video.mp4"}), staged)
        elif result.metadata.get("error_type") == WORKER_DIED:
            self._queue.retry(job, str(result.error))
        else:
            code = "disk_full" if result.metadata.get("error_type") == StorageError.__name__ else "generation_failed"
            self._queue.fail(job, code, str(result.error), result)

    def _generate(self, job: VideoJob, staged: Path) -> GenerationResult | None:
        """Let the model make the video. Return None if the job was canceled, or the server stopped, before it began."""
        model = self._load(job.model)
        with self._lock:
            if self._queue.closed or self._queue.get(job.id) is None:
                return None
            self._job_id = job.id
            pending = model.start(
                self._queue.first_frame(job.id), job.prompt, job.seconds,
                str(staged.relative_to(self._queue.folder)), seed=job.seed, **job.options,
            )  # fmt: skip
        try:
            return GenerationResult.model_validate(pending.finish())
        finally:
            with self._lock:
                self._job_id = None

    def _load(self, name: str) -> RemoteModel:
        if self._model is None or self._model.name != name:
            self._close()
            model = self._models[name].load_apart(self._environment)
            with self._lock:
                self._model = model
        assert self._model is not None
        return self._model

    def _close(self) -> None:
        with self._lock:
            model, self._model = self._model, None
        if model is not None:
            model.close()
