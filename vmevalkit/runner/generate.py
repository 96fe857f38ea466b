"""Generate videos: model by model, questions sorted. A rerun resumes, and one failure stops nothing else."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from vmevalkit import defaults, store
from vmevalkit.defaults import DEFAULT_CANVAS, DEFAULT_SEED
from vmevalkit.errors import StorageError, UsageError, explain_validation
from vmevalkit.models.base import MODELS, ModelCard
from vmevalkit.models.function import named
from vmevalkit.progress import track
from vmevalkit.runner.executors.base import Executor, Executors
from vmevalkit.runner.executors.choice import open_executors
from vmevalkit.runner.executors.threads import ThreadExecutor
from vmevalkit.runner.failures import Failures, until
from vmevalkit.runner.jobs import Job, cost_of, is_unfinished, publish
from vmevalkit.runner.model_run import ModelRun, ModelSpec
from vmevalkit.runner.run_log import open_log
from vmevalkit.runner.shards import WHOLE, Shard, deal, parse_shard
from vmevalkit.runner.video_worker import GenerateFactory, prompt_of
from vmevalkit.types import SEEDS, GenerationResult, Question, Record

log = logging.getLogger(__name__)

# Bytes for each pixel and frame of the least compressible video seen: 5B with random weights at crf 18
# (docs/measurements.md).
_BYTES_A_PIXEL = 0.35


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


class Summary(Record):
    """What a run did. `failed` and `unfinished` have a folder and a reason for each video.

    `unfinished` are videos that the run did not reach, for example because of `--limit-cost`. The same command resumes.
    `cost` is what the finished videos cost in dollars, as far as it is known, also if an earlier run submitted them.
    """

    made: int = 0
    complete_before: int = 0
    failed: tuple[tuple[str, str], ...] = ()
    unfinished: tuple[tuple[str, str], ...] = ()
    cost: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether nothing failed and nothing is left."""
        return not self.failed and not self.unfinished


def generate(
    model: ModelSpec | Sequence[ModelSpec],
    *,
    name: str | None = None,
    task: str | Sequence[str] = (),
    task_id: str | Sequence[str] = (),
    limit: int | None = None,
    tags: Sequence[str] = (),
    samples: int = 1,
    seed: int = DEFAULT_SEED,
    shard: str | None = None,
    questions: Path | str = defaults.QUESTIONS,
    outputs: Path | str = defaults.OUTPUTS,
    executor: str = "local",
    ray_address: str | None = None,
    workers: int | None = None,
    retry_failed: bool = False,
    remake: bool = False,
    baselines: bool = True,
    duration: float | None = None,
    limit_cost: float | None = None,
    settings: dict[str, Any] | None = None,
    log_to: str | None = None,
) -> Summary:
    """Generate videos for the questions. Call it again to resume.

    Args:
        model: names in the catalog, `my_file.py:my_function`, `openvideo:NAME` and other forms, or callables
            `(image, prompt, seed) -> frames or path` (see `FunctionService`).
        name: of the videos' folder, for a callable; by default the name of the function or class.
        task, task_id: only these tasks and questions; all if empty.
        limit: use only so many questions, taken from each task in turn.
        tags: words for finding the experiment again, which are stored with it.
        samples: number of videos for each question, with seeds `seed`, `seed + 1`, ...
        seed: of the first video.
        shard: `I/N`, only the I-th of N parts of the videos. Give each part its own `outputs`, then `merge` them.
        questions, outputs: folders of the question set and of the experiment's videos.
        executor: `local`, or `ray` for the nodes of a Ray cluster. Models on servers are always asked from here.
        ray_address: of a running cluster; by default, Ray is started on this machine.
        workers: number of processes, each with its own copy of the model, one by default; with Ray, one a GPU or core.
            For a model on a server, the number of videos at a time, by default its setting `concurrency`.
        retry_failed: also retry what failed before.
        remake: replace videos that were made by an earlier version of a function's source file. With `task_id`, replace
            those of the named questions in any case. A video that was made elsewhere is never replaced.
        baselines: also run replay, still, noise, crossfade and jumpcut.
        duration: seconds of video, for models that can choose.
        limit_cost: dollars that this run may spend on new jobs of billed models, by list prices.
        log_to: `jsonl`, `tensorboard` or `wandb`, to log each video there.
        settings: of the named models (not of the baselines), for example `{"num_inference_steps": 20}`.

    Raises:
        UnknownName, UsageError, ConfigError, EnvironmentMissing: nothing has been touched.
    """
    options: dict[str, Any] = {
        "task": task, "task_id": task_id, "limit": limit, "samples": samples, "seed": seed,
        "shard": shard, "questions": questions, "outputs": outputs, "retry_failed": retry_failed, "remake": remake,
        "baselines": baselines, "duration": duration, "settings": settings, "limit_cost": limit_cost,
    }  # fmt: skip
    plans, runs = plan(model if name is None else named(model, name), **options)
    for p, run in zip(plans, runs, strict=True):
        # A node of a cluster may have what this machine lacks.
        if p.todo and p.obstacle and (executor == "local" or run.remote):
            raise run.obstacle() or UsageError(p.obstacle)
    checked_outputs = Path(outputs).absolute()
    store.add_tags(checked_outputs, tags)
    failed = [(str(s.folder), "failed before") for p in plans for s in p.failed_before]
    unfinished: list[tuple[str, str]] = []
    made, complete, cost = 0, sum(p.complete for p in plans), 0.0
    with ExitStack() as locks:
        todo = [(run, _claim(run, p, _checked(options), locks)) for p, run in zip(plans, runs, strict=True)]
        complete += sum(len(p.todo) for p in plans) - sum(len(jobs) for _, jobs in todo)
        run_log = locks.enter_context(open_log(log_to, checked_outputs, store.read_tags(checked_outputs)))
        place = locks.enter_context(open_executors(executor, ray_address, workers))
        for run, jobs in todo:
            if run.remote and limit_cost is not None:
                run.settings = {**run.settings, "limit_cost": max(0.0, limit_cost - cost)}
            chosen, failures = _executor(run, workers, place), Failures(run.name, run.is_function)
            left = {job.sample: job for job in jobs}
            for job, result in track(_results(chosen, run, jobs, failures), len(jobs), run.name, chosen.status):
                del left[job.sample]
                if run_log is not None:
                    run_log.video(job.sample, result)
                made += result.success
                cost += cost_of(result)
                if is_unfinished(result):
                    unfinished.append((str(job.sample.folder), result.error or "no reason given"))
                elif not result.success:
                    failed.append((str(job.sample.folder), result.error or "no reason given"))
            unfinished += [(str(sample.folder), failures.reason) for sample in left]
    return Summary(
        made=made, complete_before=complete, failed=tuple(failed), unfinished=tuple(unfinished), cost=round(cost, 6)
    )


def _executor(run: ModelRun, workers: int | None, place: Executors) -> Executor:
    """Return what distributes the jobs of a model: threads if it asks for them, else what the run was told to use."""
    threads = run.configured().service.threads
    if not threads:
        # Code in a user's file may end its process, by os._exit or a crash.
        return place.executor(workers, run.gpus, apart=run.source_folder is not None)
    return ThreadExecutor(workers if workers and run.remote else threads)


def _claim(run: ModelRun, planned: Plan, options: GenerateOptions, locks: ExitStack) -> list[Job]:
    """Lock a model's folder until the run ends, and return what is still to be made.

    A baseline that another process is running is left to it, except for a shard: the process may have another one.

    Raises:
        UsageError: another process is running the model.
    """
    folder = options.outputs / run.name
    if not planned.todo:
        _tidy(folder)
        return []
    try:
        locks.enter_context(store.locked(folder / ".lock", f"generating videos in {folder}"))
    except UsageError as error:
        if options.shard != WHOLE:
            raise UsageError(error.what, "give each shard its own --outputs, then join them: vmevalkit merge") from None
        if not run.implied:
            raise
        log.warning("%s; baseline %s is left to it", error.what, run.name)
        return []
    store.remove_temporary(folder)
    # Another process may have made some of the videos since they were planned.
    return [job for job in planned.todo if _state(run, job, options) == "todo"]


def _tidy(folder: Path) -> None:
    """Remove what a run that was killed after its last video left, unless another process is at work there."""
    lock = folder / ".lock"
    if lock.is_file():
        with suppress(UsageError, StorageError), store.locked(lock, f"generating videos in {folder}"):
            store.remove_temporary(folder)


def plan(model: ModelSpec | Sequence[ModelSpec], **options: Any) -> tuple[list[Plan], list[ModelRun]]:
    """Return what `generate` with the same arguments would do. Touches nothing; raises what `generate` raises."""
    checked = _checked(options)
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


def _checked(options: dict[str, Any]) -> GenerateOptions:
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
    jobs: dict[_State, list[Job]] = {"todo": [], "failed": [], "complete": [], "changed": [], "supplied": []}
    for job in every:
        jobs[_state(run, job, options)].append(job)
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


# Of a sample before a run. `changed` was made by another version of a function's source file; `supplied` was made
# elsewhere, and is never replaced.
_State = Literal["todo", "failed", "complete", "changed", "supplied"]


def _state(run: ModelRun, job: Job, options: GenerateOptions) -> _State:
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


def _results(
    executor: Executor, run: ModelRun, jobs: Sequence[Job], failures: Failures
) -> Iterator[tuple[Job, GenerationResult]]:
    """Run jobs and publish what comes back. Only this process writes into the experiment."""
    if not jobs:
        return
    prompts = tuple(dict.fromkeys(prompt for job in jobs if (prompt := prompt_of(job.question)) is not None))
    for outcome in until(executor.map(GenerateFactory(run, prompts), jobs), lambda: failures.stop):
        result = publish(outcome, run.requested)
        failures.note(result)
        yield outcome.job, result
