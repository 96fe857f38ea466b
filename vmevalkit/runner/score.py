"""Score an experiment: every question of the set, every model, every seed."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from vmevalkit import defaults, store
from vmevalkit.defaults import DEFAULT_SEED
from vmevalkit.errors import UnknownName, UsageError
from vmevalkit.progress import track
from vmevalkit.runner.executors.base import Executor
from vmevalkit.runner.executors.choice import open_executors
from vmevalkit.runner.executors.local import map_unknown
from vmevalkit.runner.run_log import open_log
from vmevalkit.runner.score_worker import (
    ScoreJob,
    score_question,
    score_sample,
    scores_at_once,
    scores_elsewhere,
)
from vmevalkit.runner.shards import WHOLE, Shard, deal, parse_shard
from vmevalkit.scorers.base import SCORERS, Scorer
from vmevalkit.types import Question, Record, Score

log = logging.getLogger(__name__)


# A score is written in less time; an older temporary file belongs to a process that was killed.
_IDLE_SECONDS = 3600.0


class ScoreOptions(Record):
    """What `score` is asked to do; see there."""

    scorers: tuple[str, ...]
    models: tuple[str, ...] | None
    limit: int | None = None
    shard: Shard = WHOLE
    questions: Path
    outputs: Path
    scores: Path
    executor: str = "local"
    ray_address: str | None = None
    workers: int | None = None
    settings: dict[str, Any]


def score(
    scorer: str | Sequence[str] = "rule",
    *,
    model: str | Sequence[str] | None = None,
    limit: int | None = None,
    shard: str | None = None,
    questions: Path | str = defaults.QUESTIONS,
    outputs: Path | str = defaults.OUTPUTS,
    scores: Path | str = defaults.SCORES,
    executor: str = "local",
    ray_address: str | None = None,
    workers: int | None = None,
    settings: Mapping[str, Any] | None = None,
    log_to: str | None = None,
    **scorer_settings: Any,
) -> list[Score]:
    """Score every video of an experiment, including videos made with other tools.

    A question without a video gets a score, too: `missing`. A stored score is kept if everything that it depends on is
    unchanged: video, question, result, version and settings of the scorer.

    Args:
        scorer: names of scorers.
        model: only these models; all that have a folder by default.
        limit: use only so many questions, taken from each task in turn.
        shard: `I/N`, only the I-th of N parts of the questions.
        questions, outputs, scores: folders of the question set, the experiment's videos and its scores.
        executor: `local`, or `ray` for the nodes of a Ray cluster, for scorers that need only video and question.
        ray_address: of a running cluster; by default, Ray is started on this machine.
        workers: number of processes, one by default; with Ray, one a core. A scorer that waits for a server has its own
            number of threads instead.
        log_to: `jsonl`, `tensorboard` or `wandb`, to log each score there.
        settings: settings of the scorers, as `{"judge.votes": 5}`, or `{"votes": 5}` for the only scorer that has any.
        scorer_settings: further settings, as `judge_model="..."` for `judge.model`.

    Returns:
        The scores, scorer by scorer, then question by question.

    Raises:
        UnknownName, UsageError: the request is not possible; nothing has been written.
    """
    return list(
        iter_score(
            scorer,
            model=model,
            limit=limit,
            shard=shard,
            questions=questions,
            outputs=outputs,
            scores=scores,
            executor=executor,
            ray_address=ray_address,
            workers=workers,
            settings=settings,
            log_to=log_to,
            **scorer_settings,
        )
    )


def iter_score(scorer: str | Sequence[str] = "rule", **options: Any) -> Iterator[Score]:
    """Like `score`, but yield each score when it is there."""
    names = (scorer,) if isinstance(scorer, str) else tuple(scorer)
    model = options.pop("model", None)
    shard = parse_shard(options.pop("shard", None))
    log_to = options.pop("log_to", None)
    named = {field: options.pop(field) for field in ("questions", "outputs", "scores") if field in options}
    settings = {**(options.pop("settings", None) or {})}
    how = {name: options.pop(name) for name in ("executor", "ray_address", "workers", "limit") if name in options}
    settings.update({name: value for name, value in options.items() if value is not None})
    folders = {"questions": defaults.QUESTIONS, "outputs": defaults.OUTPUTS, "scores": defaults.SCORES, **named}
    fields: dict[str, Any] = {field: Path(folder) for field, folder in folders.items()}
    wanted = ScoreOptions(
        scorers=names,
        models=None if model is None else (model,) if isinstance(model, str) else tuple(model),
        shard=shard,
        settings=settings,
        **how,
        **fields,
    )
    return _logged(_run(wanted), log_to, wanted)


def _logged(scores: Iterator[Score], log_to: str | None, options: ScoreOptions) -> Iterator[Score]:
    with open_log(log_to, options.scores, store.read_tags(options.outputs)) as run_log:
        for score in scores:
            if run_log is not None:
                run_log.score(score)
            yield score


def _run(options: ScoreOptions) -> Iterator[Score]:
    scorers = {name: SCORERS[name] for name in options.scorers}
    settings = distribute(options.settings, scorers)
    configured = {name: scorer.configured(settings[name]) for name, scorer in scorers.items()}
    models = _models(options)
    questions = store.limited(store.iter_questions(options.questions), options.limit)
    samples = _samples(options.outputs, models, questions)
    (asked,) = deal([list(zip(questions, samples, strict=True))], [None], options.shard)
    store.remove_temporary(options.scores, _IDLE_SECONDS)
    with open_executors(options.executor, options.ray_address, options.workers) as place:
        for name, scorer in configured.items():
            jobs = [
                ScoreJob(
                    scorer=name,
                    settings=settings[name],
                    question=question,
                    question_sha256=store.question_digest(question),
                    samples=tuple(own),
                    scores=options.scores,
                )
                for question, own in asked
            ]
            total = sum(len(job.samples) for job in jobs)
            executor = place.executor(options.workers)
            found = _scores(scorer, jobs, options.workers or 1, None if place.shares_files else executor)
            yield from track(found, total, f"scoring with {name}", executor.status)


def distribute(settings: Mapping[str, Any], scorers: Mapping[str, Scorer]) -> dict[str, dict[str, Any]]:
    """Return the settings of each scorer.

    A setting is addressed as `judge.votes`, or `judge_votes` in Python. Without the scorer's name it is meant for the
    only one that has this setting, or that has any.

    Raises:
        UsageError: no scorer of this run has the setting.
    """
    found: dict[str, dict[str, Any]] = {name: {} for name in scorers}
    fields = {name: scorer.settings_type.model_fields for name, scorer in scorers.items() if scorer.settings_type}
    for setting, value in settings.items():
        owner, dot, name = setting.partition(".")
        if not dot:
            owner = next((s for s in SCORERS if setting.startswith(f"{s}_")), "")
            name = setting.removeprefix(f"{owner}_") if owner else setting
            owners = [scorer for scorer in fields if name in fields[scorer]] or list(fields)
            if not owner and len(owners) > 1:
                raise UsageError(f"{setting}: {' and '.join(owners)} have settings", f"write SCORER.{setting}")
            if not owner and owners:
                owner = owners[0]
        if owner not in found:
            meant = owner if owner in SCORERS else next((s for s in SCORERS if SCORERS[s].settings_type), "NAME")
            raise UsageError(f"{setting} is a setting of no scorer in this run", f"add --scorer {meant}")
        found[owner][name] = value
    return found


def _models(options: ScoreOptions) -> Sequence[str]:
    existing = store.iter_models(options.outputs)
    models = options.models if options.models is not None else tuple(existing)
    for name in models:
        if name not in existing:
            raise UnknownName(f"model in {options.outputs}", name, existing)
    if not models:
        raise UsageError(f"there are no videos in {options.outputs}", "make some: vmevalkit generate --model NAME")
    return models


def _samples(outputs: Path, models: Sequence[str], questions: Sequence[Question]) -> list[list[store.Sample]]:
    """Return the samples of each question: every model, with every seed for which it has a video of any question.

    So a gap does not leave the denominator.
    """
    seeds = {
        model: sorted({s for q in questions for s in store.seeds_of(outputs, model, q.task, q.id)}) or [DEFAULT_SEED]
        for model in models
    }
    return [
        [
            store.Sample(outputs=outputs, model=model, task=q.task, question_id=q.id, seed=seed)
            for model in models
            for seed in seeds[model]
        ]
        for q in questions
    ]


def _scores(scorer: Scorer, jobs: Sequence[ScoreJob], workers: int, elsewhere: Executor | None) -> Iterator[Score]:
    """Score in processes, in the threads that the scorer asks for, or on other machines."""
    if not jobs:
        return
    if scorer.threads:
        yield from _scores_in_threads(scorer, jobs)
    elif elsewhere is None or scorer.needs_experiment:
        # Processes take a second to start, and finding out that nothing is to be done takes less.
        known = partial(scores_at_once, scorer)
        yield from chain.from_iterable(map_unknown(known, score_question, jobs, workers))
    else:
        yield from scores_elsewhere(scorer, jobs, elsewhere)


def _scores_in_threads(scorer: Scorer, jobs: Sequence[ScoreJob]) -> Iterator[Score]:
    single = [job.model_copy(update={"samples": (sample,)}) for job in jobs for sample in job.samples]
    path = jobs[0].scores / f".{scorer.name}.lock"
    activity = f"scoring with {scorer.name} in {jobs[0].scores}"
    # Calls cost money, and two processes would make each twice.
    with store.locked(path, activity), ThreadPoolExecutor(scorer.threads) as pool:
        try:
            yield from pool.map(lambda job: score_sample(scorer, job, job.samples[0]), single)
        finally:
            scorer.close()
            pool.shutdown(cancel_futures=True)
