"""Run models on questions: models outer, questions sorted, resumable, one failure stops nothing else."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from vmevalkit import defaults, store
from vmevalkit.defaults import DEFAULT_CANVAS, DEFAULT_SEED
from vmevalkit.errors import EnvironmentMissing, StorageError, UsageError, VMEvalError
from vmevalkit.models.base import MODELS, ModelCard, ModelWrapper
from vmevalkit.models.function import FunctionWrapper, load_function
from vmevalkit.progress import track
from vmevalkit.runner.environment import needs_environment, require_python
from vmevalkit.runner.executors.local import run_local
from vmevalkit.runner.remote import RemoteModel
from vmevalkit.types import GenerationResult, Question, Record

log = logging.getLogger(__name__)


def _load_model_wrapper(name: str) -> type[ModelWrapper]:
    """The wrapper class of a model in the catalog, imported when asked for.

    Raises:
        UnknownName: with "did you mean".
    """
    module, wrapper = MODELS[name].wrapper.split(":")
    return getattr(importlib.import_module(module), wrapper)  # type: ignore[no-any-return]


class Job(Record):
    """One sample to be made."""

    sample: store.Sample
    question: Question
    duration: float | None = None


class ModelRun:
    """A model of this run, before it is loaded: a catalog entry with settings, or a user's function.

    It can be sent to a worker process, which calls `load`.
    """

    def __init__(
        self,
        model: str | Callable[..., Any],
        outputs: Path,
        settings: dict[str, Any] | None = None,
        duration: float | None = None,
    ) -> None:
        self.outputs = outputs
        self.settings = settings or {}
        self.duration = duration
        self.card: ModelCard | None = None
        self._target = model
        if callable(model):
            self.name = model.__name__
        elif ".py:" in model:
            self.name = load_function(model).__name__
        else:
            self.card = MODELS[model]
            self.name = model
        if self.card is None and (not store.is_name(self.name) or self.name in MODELS):
            raise UsageError(f"a function called '{self.name}' cannot be a model's name here", "rename the function")

    def load(self, prompts: Sequence[str] = ()) -> Any:
        """What has `generate`: the wrapper, or a stand-in that runs it inside the model's own environment.

        Args:
            prompts: which it will be asked about.
        """
        wrapper: Any = self.configured()
        if self.card is not None and needs_environment(self.card):
            wrapper = RemoteModel(self.name, require_python(self.card), self.outputs, self.settings)
        wrapper.announce(prompts)
        return wrapper

    def configured(self) -> ModelWrapper:
        """The wrapper with its settings checked; nothing heavy is loaded yet.

        Raises:
            ConfigError: a setting that the model does not have or cannot take.
        """
        if self.card is None:
            return FunctionWrapper(self.name, self.outputs, function=self._target, **self.settings)
        wrapper = _load_model_wrapper(self.name)
        return wrapper(self.card.model, self.outputs, name=self.name, **{**self.card.args, **self.settings})

    def obstacle(self) -> VMEvalError | None:
        """Why the model cannot run on this machine as it is, found without loading it."""
        if self.card is None:
            return None
        if needs_environment(self.card):
            try:
                require_python(self.card)
            except EnvironmentMissing as error:
                return error
        return self.configured().obstacle()

    def can_answer(self, question: Question) -> bool:
        """Whether the question has what the model needs beyond first frame and prompt."""
        return self.card is None or all((question.folder / name).is_file() for name in self.card.needs)


class Plan(Record):
    """What a run will do, for one model."""

    model: str
    todo: tuple[Job, ...]
    complete: int
    failed_before: tuple[store.Sample, ...]
    unanswerable: int
    seconds: float | None
    bytes: int
    obstacle: str | None = None


class Summary(Record):
    """What a run did."""

    made: int = 0
    complete_before: int = 0
    failed: tuple[tuple[str, str], ...] = ()

    @property
    def ok(self) -> bool:
        return not self.failed


# Bytes a pixel and frame of the least compressible video seen, 5B with random weights at crf 18 (docs/measurements.md).
_BYTES_A_PIXEL = 0.35


def generate(
    model: str | Callable[..., Any] | Sequence[str | Callable[..., Any]],
    *,
    task: str | Sequence[str] = (),
    task_id: str | Sequence[str] = (),
    samples: int = 1,
    seed: int = DEFAULT_SEED,
    questions: Path | str = defaults.QUESTIONS,
    outputs: Path | str = defaults.OUTPUTS,
    workers: int = 1,
    retry_failed: bool = False,
    baselines: bool = True,
    duration: float | None = None,
    settings: dict[str, Any] | None = None,
) -> Summary:
    """Let models answer questions with videos. Run it again and it goes on where it stopped.

    Args:
        model: names in the catalog, `file.py:function`, or functions `(image, prompt, seed) -> frames or path`.
        task, task_id: only these; all where empty.
        samples: videos a question, with seeds `seed`, `seed + 1`, ...
        workers: processes side by side, each with its own copy of the model.
        retry_failed: also try again what failed before.
        baselines: let replay, still, noise, crossfade and jumpcut answer the same questions.
        duration: seconds of video, for models that can choose.
        settings: of the models named (not of the baselines), for example `{"num_inference_steps": 20}`.

    Raises:
        UnknownName, UsageError, ConfigError, EnvironmentMissing: nothing has been touched.
    """
    plans, model_runs = plan(
        model, task=task, task_id=task_id, samples=samples, seed=seed, questions=questions, outputs=outputs,
        retry_failed=retry_failed, baselines=baselines, duration=duration, settings=settings,
    )  # fmt: skip
    for p, model_run in zip(plans, model_runs, strict=True):
        if p.todo and p.obstacle:
            raise model_run.obstacle() or UsageError(p.obstacle)
    failed = [(str(s.folder), "failed before") for p in plans for s in p.failed_before]
    made = 0
    for p, model_run in zip(plans, model_runs, strict=True):
        for job, result in track(_run(model_run, p.todo, workers), len(p.todo), model_run.name):
            made += result.success
            if not result.success:
                log.warning("%s/%s: %s", job.sample.model, job.sample.question_id, result.error)
                failed.append((str(job.sample.folder), result.error or "no reason given"))
    return Summary(made=made, complete_before=sum(p.complete for p in plans), failed=tuple(failed))


def plan(
    model: str | Callable[..., Any] | Sequence[str | Callable[..., Any]],
    *,
    task: str | Sequence[str] = (),
    task_id: str | Sequence[str] = (),
    samples: int = 1,
    seed: int = DEFAULT_SEED,
    questions: Path | str = defaults.QUESTIONS,
    outputs: Path | str = defaults.OUTPUTS,
    retry_failed: bool = False,
    baselines: bool = True,
    duration: float | None = None,
    settings: dict[str, Any] | None = None,
) -> tuple[list[Plan], list[ModelRun]]:
    """What `generate` with the same arguments would do. Touches nothing; raises what `generate` raises."""
    if samples < 1:
        raise UsageError(f"samples = {samples}: at least 1")
    if duration is not None and duration <= 0:
        raise UsageError(f"duration = {duration}: a positive number of seconds")
    outputs = Path(outputs)
    models = [model] if isinstance(model, str) or callable(model) else list(model)
    model_runs = [ModelRun(m, outputs, settings, duration) for m in dict.fromkeys(models)]
    named = {c.name for c in model_runs}
    if baselines:
        model_runs += [ModelRun(name, outputs) for name in MODELS if MODELS[name].baseline and name not in named]
    asked = store.iter_questions(
        Path(questions), [task] if isinstance(task, str) else task, [task_id] if isinstance(task_id, str) else task_id
    )
    for model_run in model_runs:
        model_run.configured()
    return [_plan(c, asked, range(seed, seed + samples), retry_failed) for c in model_runs], model_runs


def _plan(model_run: ModelRun, questions: Sequence[Question], seeds: range, retry_failed: bool) -> Plan:
    todo, complete, failed, unanswerable = [], 0, [], 0
    for question in questions:
        if not model_run.can_answer(question):
            unanswerable += 1
            continue
        for seed in seeds:
            sample = store.Sample(outputs=model_run.outputs, model=model_run.name, task=question.task,
                                  question_id=question.id, seed=seed)  # fmt: skip
            if store.is_complete(sample):
                _check_same(model_run, question, sample)
                complete += 1
            elif store.has_failed(sample) and not retry_failed:
                failed.append(sample)
            else:
                todo.append(Job(sample=sample, question=question, duration=model_run.duration))
    each = model_run.card.seconds_a_video if model_run.card is not None else None
    return Plan(
        model=model_run.name,
        todo=tuple(todo),
        complete=complete,
        failed_before=tuple(failed),
        unanswerable=unanswerable,
        seconds=each * len(todo) if each is not None else None,
        bytes=len(todo) * _video_bytes(model_run.card),
        obstacle=str(obstacle) if (obstacle := model_run.obstacle()) else None,
    )


def _video_bytes(card: ModelCard | None) -> int:
    """Disk that a video takes at most."""
    width, height = (card.size if card is not None else None) or DEFAULT_CANVAS
    frames = (card.frames if card is not None else None) or 49
    return round(_BYTES_A_PIXEL * width * height * frames)


def _check_same(model_run: ModelRun, question: Question, sample: store.Sample) -> None:
    """Refuse to mix videos of other questions or settings into one experiment."""
    result = store.read_result(sample)
    provenance = result.provenance if result is not None else None
    if provenance is None:
        return
    if question.first_frame.is_file() and provenance.image_sha256 != store.sha256(question.first_frame):
        raise UsageError(
            f"{sample.folder} answers another question: its first frame is not {question.first_frame}",
            "choose another --outputs folder for this question set",
        )
    asked = _requested(model_run)
    if provenance.requested != asked:
        raise UsageError(
            f"{sample.folder} was made with settings {provenance.requested}, now asked are {asked}",
            "choose another --outputs folder for other settings",
        )


def _requested(model_run: ModelRun) -> dict[str, Any]:
    asked = {name: str(value) if isinstance(value, Path) else value for name, value in model_run.settings.items()}
    return {**asked, "duration": model_run.duration} if model_run.duration is not None else asked


def _run(model_run: ModelRun, jobs: Sequence[Job], workers: int) -> Iterator[tuple[Job, GenerationResult]]:
    if not jobs:
        return iter(())
    prompts = tuple(dict.fromkeys(prompt for job in jobs if (prompt := _prompt(job)) is not None))
    return run_local(
        partial(model_run.load, prompts), begin, [(job, _requested(model_run)) for job in jobs], workers, _lost
    )  # fmt: skip


def _prompt(job: Job) -> str | None:
    """A question's prompt, or None where it cannot be read, which `begin` says."""
    try:
        return store.read_prompt(job.question)
    except VMEvalError:
        return None


def begin(model: Any, item: tuple[Job, dict[str, Any]]) -> Callable[[], tuple[Job, GenerationResult]]:
    """Make one sample: copy the question and generate. What is returned writes the video, and result.json last."""
    job, requested = item
    sample = job.sample
    path = sample.video.relative_to(sample.outputs)
    try:
        prompt = store.read_prompt(job.question)
        store.copy_question(job.question, sample)
    except VMEvalError as error:
        failed = _failed(sample, str(error))
        return lambda: _keep(job, failed, requested)
    pending = model.start(job.question.first_frame, prompt, job.duration, str(path), seed=sample.seed)
    return lambda: _keep(job, GenerationResult.model_validate(pending.finish()), requested)


def _lost(item: tuple[Job, dict[str, Any]]) -> tuple[Job, GenerationResult]:
    """A sample whose worker was killed; the video may have been there already."""
    job, requested = item
    result = store.read_result(job.sample) if store.is_complete(job.sample) else None
    if result is not None:
        return job, result
    return _keep(job, _failed(job.sample, "its worker process was killed, as happens when memory runs out"), requested)


def _failed(sample: store.Sample, error: str) -> GenerationResult:
    return GenerationResult(
        success=False, video_path=None, error=error, duration_seconds=0.0,
        generation_id=f"{sample.task}-{sample.question_id}-{sample.seed}", model=sample.model, status="failed",
    )  # fmt: skip


def _keep(job: Job, result: GenerationResult, requested: dict[str, Any]) -> tuple[Job, GenerationResult]:
    sample = job.sample
    if result.success:
        # Relative, so that an experiment's folder can be moved or sent to somebody.
        video_path = sample.video.relative_to(sample.folder).as_posix()
        metadata = {**result.metadata, "requested": requested}
        result = result.model_copy(update={"video_path": video_path, "metadata": metadata})
    try:
        store.write_record(sample.result, result)
    except StorageError as error:
        result = result.model_copy(
            update={"success": False, "video_path": None, "error": str(error), "status": "failed"}
        )
    return job, result
