"""Jobs of the video server: records on disk, and the queue in which they wait.

Each job is a folder `{jobs}/{id}/` with `job.json`, `first_frame.png` and, once it is completed, `video.mp4`. The
record is written last, so a folder without one is what a killed server left. A restarted server continues with the same
queue.
"""

from __future__ import annotations

import logging
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Container
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from vmevalkit import store
from vmevalkit.errors import QuestionError, StorageError
from vmevalkit.types import Count, GenerationResult, Name, Record, Seed, Size

log = logging.getLogger(__name__)

ATTEMPTS = 2
"""How often a video is tried whose worker or server is killed."""

MAX_KEY = 300
"""Length of an idempotency key."""

JobStatus = Literal["queued", "in_progress", "completed", "failed"]
JobId = Annotated[str, Field(pattern=r"^video_[0-9a-f]{32}$")]


class JobError(Record):
    """Why a job failed: a short stable code, and a sentence."""

    code: str
    message: str


class VideoJob(Record):
    """A video that was requested.

    Attributes:
        number: position in the order of requests.
        seconds: the requested length; None for the model's own.
        options: settings of this video, as the model names them.
        size: of the video, as far as it is known before.
        key: the Idempotency-Key of the request; a request with the same key does not make another job.
        request_sha256: digest of everything that was asked for.
        attempts: how often a worker has started it.
        result: of the model; None until it has one.
    """

    id: JobId
    number: Count
    model: Name
    prompt: str
    seed: Seed
    seconds: float | None = None
    options: dict[str, Any] = {}
    size: Size
    key: Annotated[str, Field(max_length=MAX_KEY)] | None = None
    request_sha256: str
    status: JobStatus = "queued"
    created_at: float
    started_at: float | None = None
    completed_at: float | None = None
    attempts: Count = 0
    error: JobError | None = None
    result: GenerationResult | None = None


class QueueFull(Exception):
    """As many jobs are waiting as may wait."""


class KeyReused(Exception):
    """The idempotency key belongs to another request."""


class JobQueue:
    """The jobs of a folder. All methods can be called from any thread.

    Args:
        folder: of the jobs; nobody else may use it.
        limit: how many jobs may wait.
    """

    def __init__(self, folder: Path, limit: int) -> None:
        self.folder = folder
        self.limit = limit
        self._jobs: dict[str, VideoJob] = {}
        self._changed = threading.Condition()
        self._closed = False
        for path in store.glob(folder, "video_*"):
            self._recover(path)
        self._jobs = dict(sorted(self._jobs.items(), key=lambda item: item[1].number))

    def _recover(self, folder: Path) -> None:
        """Read a job that an earlier server left."""
        if not (folder / "job.json").exists():
            shutil.rmtree(folder, ignore_errors=True)
            return
        try:
            job = store.read_record(folder / "job.json", VideoJob)
        except QuestionError as error:
            log.warning("this job is left as it is: %s", error)
            return
        if job.id != folder.name:
            log.warning("this job is left as it is: %s belongs to another folder", folder / "job.json")
            return
        store.remove_temporary(folder)
        self._jobs[job.id] = job
        if job.status == "in_progress":
            self.retry(job, "the server was killed while it made this video")

    # What the routes do.

    def add(self, make: Callable[[str, int], VideoJob], image: bytes) -> VideoJob:
        """Add a job, or return the earlier one of the same idempotency key.

        Args:
            make: returns the job with an id and a number.
            image: the first frame, PNG.

        Raises:
            QueueFull: too many jobs are waiting.
            KeyReused: the earlier job of this key was another request.
            StorageError: the job cannot be written.
        """
        with self._changed:
            number = max((job.number for job in self._jobs.values()), default=0) + 1
            job = make(f"video_{secrets.token_hex(16)}", number)
            earlier = next((e for e in self._jobs.values() if job.key is not None and e.key == job.key), None)
            if earlier is not None:
                if earlier.request_sha256 != job.request_sha256:
                    raise KeyReused
                return earlier
            if sum(job.status == "queued" for job in self._jobs.values()) >= self.limit:
                raise QueueFull
            try:
                store.write_bytes(self.first_frame(job.id), image)
                store.write_record(self._record(job.id), job)
            except StorageError:
                self.discard(job.id)
                raise
            self._jobs[job.id] = job
            self._changed.notify()
            return job

    def get(self, job_id: str) -> VideoJob | None:
        """Return a job; None if there is none with this id."""
        with self._changed:
            return self._jobs.get(job_id)

    def jobs(self) -> list[VideoJob]:
        """Return all jobs, the oldest first."""
        with self._changed:
            return list(self._jobs.values())

    def position(self, job: VideoJob) -> int:
        """Return how many jobs are before a waiting one."""
        return sum(other.status == "queued" and other.number < job.number for other in self.jobs())

    def forget(self, job_id: str) -> VideoJob | None:
        """Remove a job, but for its files. A worker may still be at it. Return None if it does not exist."""
        with self._changed:
            job = self._jobs.pop(job_id, None)
            if job is not None:
                self._record(job_id).unlink(missing_ok=True)
            return job

    def discard(self, job_id: str) -> None:
        """Remove the files of a job that was forgotten."""
        shutil.rmtree(self.folder / job_id, ignore_errors=True)

    def first_frame(self, job_id: str) -> Path:
        """Return the path of a job's first frame."""
        return self.folder / job_id / "first_frame.png"

    def video(self, job_id: str) -> Path:
        """Return the path of a job's video."""
        return self.folder / job_id / "video.mp4"

    # What the workers do.

    def take(self, models: Container[str]) -> VideoJob | None:
        """Wait for the next job of some models, and mark it as started. Return None when the queue is closed.

        Jobs of other models wait for a server that has them.
        """
        with self._changed:
            while not self._closed:
                waiting = next((j for j in self._jobs.values() if j.status == "queued" and j.model in models), None)
                if waiting is not None:
                    return self._update(
                        waiting, status="in_progress", started_at=time.time(), attempts=waiting.attempts + 1
                    )
                self._changed.wait()
            return None

    def complete(self, job: VideoJob, result: GenerationResult, staged: Path) -> None:
        """Publish the video of a job, unless it was forgotten meanwhile."""
        with self._changed:
            if job.id in self._jobs:
                store.move(staged, self.video(job.id))
                self._update(job, status="completed", completed_at=time.time(), result=result)

    def fail(self, job: VideoJob, code: str, message: str, result: GenerationResult | None = None) -> None:
        """Mark a job as failed."""
        error = JobError(code=code, message=message)
        self._update(job, status="failed", completed_at=time.time(), error=error, result=result)

    def retry(self, job: VideoJob, why: str) -> None:
        """Return a job whose worker or server was killed to the queue, or fail it if it was tried often enough."""
        if job.attempts < ATTEMPTS:
            self._update(job, status="queued", started_at=None)
        else:
            self.fail(job, "worker_died", f"{why}; it was tried {job.attempts} times")

    def give_back(self, job: VideoJob) -> None:
        """Return a job to the queue because the server is being stopped."""
        self._update(job, status="queued", started_at=None, attempts=job.attempts - 1)

    def close(self) -> None:
        """Let `take` return None, in all threads."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def closed(self) -> bool:
        """Whether the server is being stopped."""
        return self._closed

    def _update(self, job: VideoJob, **changes: Any) -> VideoJob:
        """Change a job, in memory and on disk, unless it was forgotten meanwhile."""
        with self._changed:
            if job.id in self._jobs:
                job = self._jobs[job.id] = self._jobs[job.id].model_copy(update=changes)
                try:
                    store.write_record(self._record(job.id), job)
                except StorageError as error:
                    # Clients still see the state. After a restart, the video is made again.
                    log.warning("the state of %s is not stored: %s", job.id, error)
                self._changed.notify()
            return job

    def _record(self, job_id: str) -> Path:
        return self.folder / job_id / "job.json"
