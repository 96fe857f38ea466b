"""Videos to be made: the job that a worker is given, its outcome, and how the outcome enters the experiment."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from vmevalkit import store
from vmevalkit.errors import JobFailed, StorageError, Unfinished
from vmevalkit.models.wrapper import original_of
from vmevalkit.types import GenerationResult, Question, Record

# Failures that say nothing about the model.
_NOT_STORED = frozenset({StorageError.__name__, Unfinished.__name__})


class Job(Record):
    """One video to be made. `staging` is its file, below the folder of outputs, until it is published."""

    sample: store.Sample
    question: Question
    staging: str
    duration: float | None = None


class Outcome(Record):
    """What a worker returns for a job. The video of a successful one is in the staging file."""

    job: Job
    result: GenerationResult


def failed_outcome(job: Job, error: str) -> Outcome:
    """Return the outcome of a job without a video, with the reason."""
    sample = job.sample
    identity = f"{sample.task}-{sample.question_id}-{sample.seed}"
    return Outcome(job=job, result=GenerationResult.failure(error, model=sample.model, generation_id=identity))


def is_unfinished(result: GenerationResult) -> bool:
    """Whether the run ended before the video, so that the same command resumes."""
    return result.metadata.get("error_type") == Unfinished.__name__


def cost_of(result: GenerationResult) -> float:
    """Return the dollars that a video cost, as far as known, also if it failed."""
    job = result.metadata.get("job")
    cost = job.get("cost_usd") if isinstance(job, dict) else None
    return float(cost) if isinstance(cost, (int, float)) else 0.0


def publish(outcome: Outcome, requested: dict[str, Any]) -> GenerationResult:
    """Move a video to its place: question copy first, then the result, and the video last.

    A result without its video is made again after a kill; a video without its result would count as user-supplied.
    A failure to replace a complete video keeps the video and its result: it is put aside before the new result is
    written, because the old video beside the new result would count as user-supplied. A failure to write and an
    unfinished video are not stored, so that the same command tries again. The record of a remote job is removed last,
    when the job is over.

    Returns:
        The result as it was stored; a failure if it could not be stored.
    """
    job, result = outcome.job, outcome.result
    sample, staged = job.sample, job.sample.outputs / job.staging
    if result.success and not staged.is_file():
        result = failed_outcome(job, "the model reported success, but wrote no video").result
    if result.success and store.is_user_supplied(sample):
        result = failed_outcome(job, f"a video was put into {sample.video.parent} meanwhile, and is kept").result
    earlier = store.read_result(sample) if store.is_complete(sample) else None
    aside = sample.video.with_name(store.temporary_name(sample.video.stem, ".mp4"))
    if not result.success:
        _discard(staged)
        if earlier is not None or result.metadata.get("error_type") in _NOT_STORED:
            return result
    try:
        if result.success:
            store.copy_question(job.question, sample)
            # Relative, so that an experiment's folder can be moved or sent to somebody.
            video_path = sample.video.relative_to(sample.folder).as_posix()
            metadata = {**result.metadata, "requested": requested, "video_sha256": store.sha256(staged)}
            result = result.model_copy(update={"video_path": video_path, "metadata": metadata})
            if earlier is not None:
                store.move(sample.video, aside)
        store.write_record(sample.result, result)
        if result.success:
            if original_of(staged).is_file():
                store.move(original_of(staged), sample.original)
            store.move(staged, sample.video)
            _discard(aside)
        if result.success or result.metadata.get("error_type") == JobFailed.__name__:
            with suppress(OSError):
                sample.job.unlink(missing_ok=True)
    except StorageError as error:
        result = failed_outcome(job, str(error)).result
        _discard(staged)
        if earlier is not None:
            with suppress(StorageError):
                store.write_record(sample.result, earlier)
            if aside.is_file():
                with suppress(StorageError):
                    store.move(aside, sample.video)
    return result


def _discard(staged: Path) -> None:
    """Remove a staging file, and what a killed worker may have left of one. Its random name belongs to one job."""
    for path in store.glob(staged.parent, f"*{staged.name}*"):
        with suppress(OSError):
            path.unlink()
