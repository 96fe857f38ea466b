"""The workers of `generate`: each holds a model and makes one video at a time, on this machine or on another one."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from vmevalkit import store
from vmevalkit.errors import StorageError, Unfinished, VMEvalError
from vmevalkit.models.wrapper import Pending, original_of
from vmevalkit.runner.executors.base import PendingResult, Worker, WorkerFactory
from vmevalkit.runner.jobs import Job, Outcome, failed_outcome
from vmevalkit.runner.model_run import ModelRun
from vmevalkit.runner.parcel import Parcel, relocated, work_folder
from vmevalkit.types import GenerationResult, Question, Record


def prompt_of(question: Question) -> str | None:
    """Return a question's prompt; None if it cannot be read, which the worker reports."""
    try:
        return store.read_prompt(question)
    except VMEvalError:
        return None


class Order(Record):
    """A job with the files that the model needs, for a worker on another machine."""

    job: Job
    parcel: Parcel


class Delivery(Record):
    """What such a worker returns: the result, and the content of the staging file and of what it was converted from."""

    result: GenerationResult
    video: bytes | None = None
    original: bytes | None = None


class GenerateFactory(WorkerFactory[Job, Outcome]):
    """Creates the worker that holds a model."""

    def __init__(self, run: ModelRun, prompts: Sequence[str]) -> None:
        self._run, self._prompts = run, prompts

    def create(self) -> GenerateWorker:
        """Load the model."""
        return GenerateWorker(self._run.load(self._prompts), self._run.remote)

    def lost(self, job: Job) -> Outcome:
        """Return a failure."""
        return failed_outcome(job, "its worker process was killed, probably because memory ran out")

    def failed(self, job: Job, error: VMEvalError) -> Outcome:
        """Return a failure."""
        outcome = failed_outcome(job, str(error))
        if not isinstance(error, Unfinished):
            return outcome
        metadata = {"error_type": Unfinished.__name__}
        return outcome.model_copy(update={"result": outcome.result.model_copy(update={"metadata": metadata})})

    def portable(self) -> RemoteFactory:
        """Return what loads the model on another machine."""
        return RemoteFactory(self._run, self._prompts)

    def pack(self, job: Job) -> Order:
        """Return a job with first frame, prompt, and what else the model needs."""
        store.check_links(job.question)
        needed = (job.question.folder / name for name in self._run.card.needs)
        roots = {"questions": job.question.folder.parents[1], "outputs": job.sample.outputs}
        return Order(job=job, parcel=Parcel.of(roots, (job.question.first_frame, job.question.prompt_file, *needed)))

    def unpack(self, job: Job, answer: Delivery) -> Outcome:
        """Write the video into the staging file."""
        result, staged = answer.result, job.sample.outputs / job.staging
        if self._run.source and "weights" in result.metadata:
            # On the other machine, the source of a function may be unknown.
            result = result.model_copy(update={"metadata": {**result.metadata, "weights": self._run.source}})
        contents = {staged: answer.video, original_of(staged): answer.original}
        try:
            for path, content in contents.items():
                if content is not None:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(content)
        except OSError as error:
            return self.failed(job, Unfinished(str(StorageError.from_os(staged, error))))
        return Outcome(job=job, result=result)


class RemoteFactory(WorkerFactory[Order, Delivery]):
    """Creates the worker that holds a model on another machine. Takes the source of a function along."""

    def __init__(self, run: ModelRun, prompts: Sequence[str]) -> None:
        self._run, self._prompts, self._sources = run, prompts, run.sources()

    def create(self) -> RemoteWorker:
        """Load the model.

        Raises:
            VMEvalError: the model cannot run on this machine.
        """
        folder = work_folder()
        run = self._run.with_sources(self._sources, folder / "source")
        obstacle = run.obstacle()
        if obstacle is not None:
            raise obstacle
        places = {run.source_folder: self._run.source_folder} if run.source_folder and self._run.source_folder else {}
        return RemoteWorker(GenerateWorker(run.load(self._prompts)), folder, places)

    def lost(self, job: Order) -> Delivery:
        """Return a failure."""
        return Delivery(result=failed_outcome(job.job, "its worker process was killed").result)


class RemoteWorker(Worker[Order, Delivery]):
    """Gives a worker the files of each job, and returns the content of the files that it makes.

    Args:
        worker: makes the videos.
        folder: for files; it is removed at the end.
        places: folders of the driver for folders here, beside those of the job.
    """

    def __init__(self, worker: GenerateWorker, folder: Path, places: dict[Path, Path]) -> None:
        self._worker, self._folder, self._places = worker, folder, places

    def start(self, job: Order) -> PendingResult[Delivery]:
        """Let the model make a video; finishing reads the staging file."""
        files = ExitStack()
        here = files.enter_context(job.parcel.opened(self._folder))
        asked = job.job.question
        folder = store.question_folder(here / "questions", asked.task, asked.id)
        staged = here / "outputs" / job.job.staging
        moved = {"question": asked.model_copy(update={"folder": folder}), "staging": str(staged)}
        pending = self._worker.start(job.job.model_copy(update=moved))
        return _PendingDelivery({**self._places, **job.parcel.places(here)}, staged, pending, files)

    def close(self) -> None:
        """Close the model, and remove the folder."""
        self._worker.close()
        shutil.rmtree(self._folder, ignore_errors=True)


class GenerateWorker(Worker[Job, Outcome]):
    """Holds a model and makes one video at a time."""

    def __init__(self, model: Any, remote: bool = False) -> None:
        self._model, self._remote = model, remote

    def start(self, job: Job) -> PendingResult[Outcome]:
        """Let the model make a video; finishing writes it into the staging file."""
        try:
            prompt = store.read_prompt(job.question)
        except VMEvalError as error:
            return _Finished(failed_outcome(job, str(error)))
        image = job.question.first_frame
        options = {"job_file": str(job.sample.job)} if self._remote else {}
        pending = self._model.start(image, prompt, job.duration, job.staging, seed=job.sample.seed, **options)
        return _PendingVideo(job, pending)

    def close(self) -> None:
        """Close the model."""
        self._model.close()

    def abandon(self) -> bool:
        """Stop the model at once."""
        return bool(self._model.abandon())


class _Finished:
    """A job that has its outcome already."""

    def __init__(self, outcome: Outcome) -> None:
        self._outcome = outcome

    def finish(self) -> Outcome:
        return self._outcome


class _PendingVideo:
    """A job whose video is yet to be written."""

    def __init__(self, job: Job, pending: Pending) -> None:
        self._job, self._pending = job, pending

    def finish(self) -> Outcome:
        return Outcome(job=self._job, result=GenerationResult.model_validate(self._pending.finish()))


class _PendingDelivery:
    """A video on another machine that is yet to be written and read."""

    def __init__(
        self, places: dict[Path, Path], staged: Path, pending: PendingResult[Outcome], files: ExitStack
    ) -> None:
        self._places, self._staged, self._pending, self._files = places, staged, pending, files

    def finish(self) -> Delivery:
        with self._files:
            text = self._pending.finish().result.model_dump_json()
            original = original_of(self._staged)
            return Delivery(
                result=GenerationResult.model_validate_json(relocated(text, self._places)),
                video=self._staged.read_bytes() if self._staged.is_file() else None,
                original=original.read_bytes() if original.is_file() else None,
            )
