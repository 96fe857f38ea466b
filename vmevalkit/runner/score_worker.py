"""The work of `score`: the samples of one question, scored on this machine or on another one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from vmevalkit import store
from vmevalkit.errors import QuestionError, Unfinished, VMEvalError
from vmevalkit.runner.executors.base import Executor, PendingResult, Worker, WorkerFactory
from vmevalkit.runner.parcel import Parcel, relocated, work_folder
from vmevalkit.scorers.base import SCORERS, STOPPED, Scorer
from vmevalkit.types import Question, Record, Score


class ScoreJob(Record):
    """All samples of one question. One process scores them, so that the puzzle is prepared once."""

    scorer: str
    settings: dict[str, Any]
    question: Question
    question_sha256: str
    samples: tuple[store.Sample, ...]
    scores: Path


class Examined(NamedTuple):
    """What a scorer says about a sample: the score, its details, and scores under other names that belong to it."""

    score: Score
    details: Record | None = None
    others: Sequence[Score] = ()


def score_question(job: ScoreJob) -> list[Score]:
    """Score the samples of one question, and store the scores."""
    scorer = SCORERS[job.scorer].configured(job.settings)
    return [score_sample(scorer, job, sample) for sample in job.samples]


def scores_at_once(scorer: Scorer, job: ScoreJob) -> list[Score] | None:
    """Return the scores of a job if no video must be decoded for them: it has a current score, or is missing."""
    found: list[Score] = []
    for sample in job.samples:
        score = _score_here(scorer, job, sample)
        if score is None:
            return None
        found.append(score)
    return found


def score_sample(scorer: Scorer, job: ScoreJob, sample: store.Sample) -> Score:
    """Return the stored score of a sample if it is current; else score the sample, and store the score."""
    return _current(scorer, job, sample) or _publish(_examine(scorer, job, sample), job.scores)


def _current(scorer: Scorer, job: ScoreJob, sample: store.Sample) -> Score | None:
    """Return the stored score of a sample; None if scoring the sample again could give another one."""
    stored = _stored(scorer, job, sample)
    if stored is None or stored.status != "scored":
        return None
    inputs = scorer.digests(job.question, sample, job.question_sha256)
    return stored if scorer.is_current(stored, job.question, sample, inputs) else None


def _stored(scorer: Scorer, job: ScoreJob, sample: store.Sample) -> Score | None:
    path = store.score_file(job.scores, sample, scorer.name)
    if not path.is_file():
        return None
    try:
        return store.read_record(path, Score)
    except QuestionError:
        return None


def _examine(scorer: Scorer, job: ScoreJob, sample: store.Sample) -> Examined:
    inputs = scorer.digests(job.question, sample, job.question_sha256)
    score, details = scorer.examine(job.question, sample, inputs)
    return Examined(score, details, scorer.others(job.question, sample))


def _publish(examined: Examined, scores: Path) -> Score:
    """Store what a scorer says, unless the run ended before it could."""
    score, details, others = examined
    if details is not None and score.reason != STOPPED:
        store.write_record(store.details_path(scores, score), details)
    for other in others:
        store.write_score(scores, other)
    # Last, because it marks the others as complete.
    if score.reason != STOPPED:
        store.write_score(scores, score)
    return score


def scores_elsewhere(scorer: Scorer, jobs: Sequence[ScoreJob], executor: Executor) -> Iterator[Score]:
    """Score on machines that share no files with this one, and yield the scores in the order of the jobs.

    Only videos without a current score are sent there.
    """
    current = [{s: score for s in job.samples if (score := _score_here(scorer, job, s))} for job in jobs]
    todo = [
        job.model_copy(update={"samples": tuple(sample for sample in job.samples if sample not in known)})
        for job, known in zip(jobs, current, strict=True)
        if len(known) < len(job.samples)
    ]
    results = executor.map(ScoreFactory(scorer), todo)
    arrived: dict[store.Sample, Score] = {}
    for job, known in zip(jobs, current, strict=True):
        for sample in job.samples:
            while sample not in known and sample not in arrived:
                arrived.update(next(results))
            yield known[sample] if sample in known else arrived.pop(sample)


def _score_here(scorer: Scorer, job: ScoreJob, sample: store.Sample) -> Score | None:
    """Return the score of a sample if no video must be decoded for it."""
    score = _current(scorer, job, sample)
    if score is None and store.find_video(sample) is None:
        return _publish(_examine(scorer, job, sample), job.scores)
    return score


Scored = dict[store.Sample, Score]


class ScoreOrder(Record):
    """A job with the files of the question and of the samples, for a worker on another machine."""

    job: ScoreJob
    parcel: Parcel


class ScoreFactory(WorkerFactory[ScoreJob, Scored]):
    """The driver's part of scoring on other machines."""

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer

    def create(self) -> Worker[ScoreJob, Scored]:
        """Not used: processes of this machine call `score_question`."""
        raise NotImplementedError

    def portable(self) -> RemoteScoreFactory:
        """Return what scores on another machine."""
        return RemoteScoreFactory()

    def pack(self, job: ScoreJob) -> ScoreOrder:
        """Return a job with its question and its videos."""
        found = ((store.find_video(sample), sample.result) for sample in job.samples)
        paths = [*job.question.files, *(path for pair in found for path in pair if path is not None)]
        roots = {"questions": job.question.folder.parents[1], "outputs": job.samples[0].outputs}
        return ScoreOrder(job=job, parcel=Parcel.of(roots, paths))

    def unpack(self, job: ScoreJob, answer: Sequence[Examined]) -> Scored:
        """Store the scores."""
        return {s: _publish(examined, job.scores) for s, examined in zip(job.samples, answer, strict=True)}

    def lost(self, job: ScoreJob) -> Scored:
        """Return scores that a rerun replaces."""
        return self._undecided(job, "scorer_error", "A worker process was killed, probably because memory ran out.")

    def failed(self, job: ScoreJob, error: VMEvalError) -> Scored:
        """Return scores that a rerun replaces."""
        return self._undecided(job, STOPPED if isinstance(error, Unfinished) else "scorer_error", str(error))

    def _undecided(self, job: ScoreJob, reason: str, explanation: str) -> Scored:
        undecided = (self._scorer.undecided(job.question, s, reason, explanation) for s in job.samples)
        return {s: _publish(Examined(score), job.scores) for s, score in zip(job.samples, undecided, strict=True)}


class RemoteScoreFactory(WorkerFactory[ScoreOrder, list[Examined]]):
    """Creates the worker that scores on another machine."""

    def create(self) -> RemoteScoreWorker:
        """Make a folder for files."""
        return RemoteScoreWorker(work_folder())

    def lost(self, job: ScoreOrder) -> list[Examined]:
        """Not used: the driver's factory does that."""
        raise NotImplementedError


class RemoteScoreWorker(Worker[ScoreOrder, list[Examined]]):
    """Scores the samples of one question, given the content of their files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def start(self, job: ScoreOrder) -> PendingResult[list[Examined]]:
        """Score; nothing is left to be finished."""
        asked = job.job
        with job.parcel.opened(self._folder) as here:
            scorer = SCORERS[asked.scorer].configured(asked.settings)
            folder = store.question_folder(here / "questions", asked.question.task, asked.question.id)
            moved = asked.model_copy(update={"question": asked.question.model_copy(update={"folder": folder})})
            samples = [sample.model_copy(update={"outputs": here / "outputs"}) for sample in asked.samples]
            examined = [_examine(scorer, moved, sample) for sample in samples]
            return _Done([_relocated(item, job.parcel.places(here)) for item in examined])

    def close(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self._folder, ignore_errors=True)


class _Done:
    """The scores of a job."""

    def __init__(self, examined: list[Examined]) -> None:
        self._examined = examined

    def finish(self) -> list[Examined]:
        return self._examined


def _relocated(examined: Examined, places: dict[Path, Path]) -> Examined:
    """Return scores whose texts name the folders of the driver."""
    score = Score.model_validate_json(relocated(examined.score.model_dump_json(), places))
    return examined._replace(score=score)
