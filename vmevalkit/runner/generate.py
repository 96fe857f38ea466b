"""Generate videos: model by model, questions sorted. A rerun resumes, and one failure stops nothing else."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from vmevalkit import defaults, store
from vmevalkit.defaults import DEFAULT_SEED
from vmevalkit.errors import StorageError, UsageError
from vmevalkit.models.function import named
from vmevalkit.progress import track
from vmevalkit.runner.executors.base import Executor, Executors
from vmevalkit.runner.executors.choice import open_executors
from vmevalkit.runner.executors.threads import ThreadExecutor
from vmevalkit.runner.failures import Failures, until
from vmevalkit.runner.jobs import Job, cost_of, is_unfinished, publish
from vmevalkit.runner.model_run import ModelRun, ModelSpec
from vmevalkit.runner.planning import GenerateOptions, Plan, checked_options, plan, state_of
from vmevalkit.runner.run_log import open_log
from vmevalkit.runner.shards import WHOLE
from vmevalkit.runner.video_worker import GenerateFactory, prompt_of
from vmevalkit.types import GenerationResult, Record

log = logging.getLogger(__name__)


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
        todo = [(run, _claim(run, p, checked_options(options), locks)) for p, run in zip(plans, runs, strict=True)]
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
    return [job for job in planned.todo if state_of(run, job, options) == "todo"]


def _tidy(folder: Path) -> None:
    """Remove what a run that was killed after its last video left, unless another process is at work there."""
    lock = folder / ".lock"
    if lock.is_file():
        with suppress(UsageError, StorageError), store.locked(lock, f"generating videos in {folder}"):
            store.remove_temporary(folder)


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
