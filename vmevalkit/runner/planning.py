"""What a run of `generate` will do: which videos are to be made, and what they take. Nothing is written."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from vmevalkit import defaults, store
from vmevalkit.defaults import DEFAULT_CANVAS, DEFAULT_SEED
from vmevalkit.errors import UsageError, explain_validation
from vmevalkit.models.base import MODELS, ModelCard
from vmevalkit.runner.jobs import Job
from vmevalkit.runner.model_run import ModelRun, ModelSpec
from vmevalkit.runner.shards import WHOLE, Shard, deal, parse_shard
from vmevalkit.runner.video_worker import prompt_of
from vmevalkit.types import SEEDS, Question, Record

log = logging.getLogger(__name__)

# Bytes for each pixel and frame of the least compressible video seen: 5B with random weights at crf 18
# (docs/measurements.md).
_BYTES_A_PIXEL = 0.35

# Of a sample before a run. `changed` was made by another version of a function's source file; `supplied` was made
# elsewhere, and is never replaced.
State = Literal["todo", "failed", "complete", "changed", "supplied"]


class GenerateOptions(Record):
    """What `generate` is asked to do, beside the models; see there."""

    task: tuple[str, ...] = ()
    task_id: tuple[str, ...] = ()
    limit: int | None = None
    samples: int = 1
    seed: int = DEFAULT_SEED
    shard: Shard = WHOLE
    questions: Path = defaults.QUESTIONS
    outputs: Path = defaults.OUTPUTS
    retry_failed: bool = False
    remake: bool = False
    baselines: bool = True
    duration: float | None = None
    limit_cost: Annotated[float, Field(gt=0)] | None = None
    settings: dict[str, Any] = {}


class Plan(Record):
    """What a run will do for one model.

    Attributes:
        todo: the videos to be made.
        complete: number of videos that exist.
        failed_before: samples that failed in an earlier run and are not retried.
        unanswerable: number of questions that lack what the model needs.
        seconds: estimated time; None if unknown.
        cost: dollars by list prices; None if unknown. Jobs that are under way are paid already.
        bytes: upper bound of the disk space.
        obstacle: why the model cannot run on this machine.
    """

    model: str
    todo: tuple[Job, ...]
    complete: int
    failed_before: tuple[store.Sample, ...]
    unanswerable: int
    seconds: float | None
    cost: float | None
    bytes: int
    obstacle: str | None = None


def plan(model: ModelSpec | Sequence[ModelSpec], **options: Any) -> tuple[list[Plan], list[ModelRun]]:
    """Return what `generate` with the same arguments would do. Touches nothing; raises what `generate` raises."""
    checked = checked_options(options)
    models = [model] if isinstance(model, str) or callable(model) else list(model)
    runs = [ModelRun(m, checked.outputs, checked.settings, checked.duration) for m in dict.fromkeys(models)]
    names = [run.name for run in runs]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"two models are named '{name}', and would share a folder", "rename one of the functions")
    if checked.baselines:
        others = [name for name in MODELS if MODELS[name].baseline and name not in names]
        runs += [ModelRun(name, checked.outputs, implied=True) for name in others]
    found = store.iter_questions(checked.questions, checked.task, checked.task_id)
    questions = store.limited(found, checked.limit)
    for run in runs:
        if run.remote and checked.limit_cost is not None:
            run.settings = {**run.settings, "limit_cost": checked.limit_cost}
        run.configured()
    jobs = [_jobs(run, [q for q in questions if run.can_answer(q)], checked) for run in runs]
    unanswerable = [len(questions) - len(own) // checked.samples for own in jobs]
    shares = deal(jobs, [run.card.seconds_a_video if run.card else None for run in runs], checked.shard)
    plans = [_plan(*found, checked) for found in zip(runs, shares, unanswerable, strict=True)]
    return plans, runs


def checked_options(options: dict[str, Any]) -> GenerateOptions:
    """Return the options of `generate` as a record.

    Raises:
        UsageError: an option has a wrong type or is out of range.
    """
    options = {name: value for name, value in options.items() if value is not None}
    options["shard"] = parse_shard(options.get("shard"))
    # A model may change the working folder.
    for name in ("questions", "outputs"):
        if isinstance(options.get(name, ""), (str, Path)):
            options[name] = Path(options.get(name, getattr(defaults, name.upper()))).absolute()
    for name in ("task", "task_id"):
        if isinstance(options.get(name), str):
            options[name] = (options[name],)
    try:
        checked = GenerateOptions(**options)
    except ValidationError as error:
        raise UsageError(explain_validation(error, GenerateOptions.model_fields)) from None
    if checked.samples < 1:
        raise UsageError(f"samples = {checked.samples}: must be at least 1")
    if not SEEDS.start <= checked.seed <= SEEDS.stop - checked.samples:
        raise UsageError(f"seed = {checked.seed}: seeds have at most 18 digits")
    if checked.duration is not None and checked.duration <= 0:
        raise UsageError(f"duration = {checked.duration}: must be a positive number of seconds")
    return checked


def _jobs(run: ModelRun, questions: Sequence[Question], options: GenerateOptions) -> list[Job]:
    """Return a job for each video of a model, whether or not it exists."""
    samples = (
        (store.Sample(outputs=run.outputs, model=run.name, task=q.task, question_id=q.id, seed=seed), q)
        for q in questions
        for seed in range(options.seed, options.seed + options.samples)
    )
    return [
        Job(sample=sample, question=question, staging=_staging(sample), duration=run.duration)
        for sample, question in samples
    ]


def _plan(run: ModelRun, every: Sequence[Job], unanswerable: int, options: GenerateOptions) -> Plan:
    jobs: dict[State, list[Job]] = {"todo": [], "failed": [], "complete": [], "changed": [], "supplied": []}
    for job in every:
        jobs[state_of(run, job, options)].append(job)
    if jobs["changed"]:
        log.warning(
            "%d videos were made by an earlier version of %s; --remake replaces them",
            len(jobs["changed"]),
            run.source.get("function", run.name),
        )
    if jobs["supplied"]:
        log.warning(
            "%d videos of %s are not those of a result.json and are left as they are; to generate one, move it away",
            len(jobs["supplied"]),
            run.name,
        )
    each = run.card.seconds_a_video
    todo = jobs["todo"]
    price = run.configured().service.price(run.duration)
    new = [job for job in todo if not (run.remote and job.sample.job.is_file())]
    return Plan(
        model=run.name,
        todo=tuple(todo),
        complete=len(jobs["complete"]) + len(jobs["changed"]) + len(jobs["supplied"]),
        failed_before=tuple(job.sample for job in jobs["failed"]),
        unanswerable=unanswerable,
        seconds=each * len(todo) if each is not None else None,
        cost=price * len(new) if price is not None else None,
        bytes=len(todo) * _video_bytes(run.card),
        obstacle=str(obstacle) if (obstacle := run.obstacle()) else None,
    )


def state_of(run: ModelRun, job: Job, options: GenerateOptions) -> State:
    """Return the state of a sample.

    Raises:
        UsageError: there is a video of another question or prompt, or of other settings.
    """
    if not store.is_complete(job.sample):
        if store.is_user_supplied(job.sample):
            return "supplied"
        return "failed" if store.has_failed(job.sample) and not options.retry_failed else "todo"
    changed = _source_changed(run, job.sample)
    if changed and options.remake:
        return "todo"
    _check_same(run, job.question, job.sample)
    if options.remake and options.task_id:
        return "todo"
    return "changed" if changed else "complete"


def _staging(sample: store.Sample) -> str:
    """Return a file name for a video until it is published, below the folder of outputs."""
    video = sample.video.relative_to(sample.outputs)
    return str(video.with_name(store.temporary_name(video.stem, ".mp4")))


def _video_bytes(card: ModelCard) -> int:
    """Return the disk space that a video takes at most."""
    width, height = card.size or DEFAULT_CANVAS
    frames = card.frames or 49
    return round(_BYTES_A_PIXEL * width * height * frames)


def _source_changed(run: ModelRun, sample: store.Sample) -> bool:
    """Whether a video was made by another version of a function's source file."""
    result = store.read_result(sample)
    provenance = result.provenance if result is not None else None
    before = provenance.weights.get("source_sha256") if provenance is not None else None
    return before is not None and before != run.source.get("source_sha256")


def _check_same(run: ModelRun, question: Question, sample: store.Sample) -> None:
    """Refuse to mix videos of other questions or settings into one experiment."""
    result = store.read_result(sample)
    provenance = result.provenance if result is not None else None
    if provenance is None:
        return
    if store.sha256_or_none(question.first_frame) not in (None, provenance.image_sha256):
        raise UsageError(
            f"{sample.folder} answers another question: its first frame is not {question.first_frame}",
            "choose another --outputs folder for this question set",
        )
    prompt = prompt_of(question)
    if prompt is not None and provenance.prompt_sha256 != store.prompt_digest(question):
        raise UsageError(
            f"{sample.folder} answers another prompt than {question.prompt_file}",
            "choose another --outputs folder for this question set",
        )
    if provenance.requested != run.requested:
        raise UsageError(
            f"{sample.folder} was made with settings {provenance.requested}, but {run.requested} are requested",
            "choose another --outputs folder for other settings",
        )
