"""Score an experiment: every question that was asked, every model folder, every seed."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, groupby
from pathlib import Path
from typing import Any

from vmevalkit import defaults, store
from vmevalkit.defaults import DEFAULT_SEED
from vmevalkit.errors import QuestionError, UnknownName, UsageError
from vmevalkit.progress import track
from vmevalkit.runner.executors.local import map_local
from vmevalkit.scorers.base import SCORERS, STOPPED, Scorer
from vmevalkit.types import Question, Score

log = logging.getLogger(__name__)

Asked = tuple[Question, store.Sample]


def score(
    scorer: str | Sequence[str] = "rule",
    *,
    model: str | Sequence[str] | None = None,
    questions: Path | str = defaults.QUESTIONS,
    outputs: Path | str = defaults.OUTPUTS,
    scores: Path | str = defaults.SCORES,
    workers: int = 1,
    judge_model: str | None = None,
    judge_url: str | None = None,
    limit_cost: float | None = None,
    settings: Mapping[str, Any] | None = None,
) -> list[Score]:
    """Score every model folder that is there (or those named) for every question of the set.

    A question without a video gets a score too: `missing`. Scores that are up to date are kept.

    Args:
        workers: processes side by side; a scorer that waits for a server has its own number of threads instead.
        judge_model, judge_url, limit_cost, settings: of the scorer `judge`, see `scorers.judge.JudgeConfig`.

    Raises:
        UnknownName, UsageError: nothing has been written.
    """
    found = iter_score(
        scorer, model=model, questions=questions, outputs=outputs, scores=scores, workers=workers,
        judge_model=judge_model, judge_url=judge_url, limit_cost=limit_cost, settings=settings,
    )  # fmt: skip
    return list(found)


def iter_score(
    scorer: str | Sequence[str] = "rule",
    *,
    model: str | Sequence[str] | None = None,
    questions: Path | str = defaults.QUESTIONS,
    outputs: Path | str = defaults.OUTPUTS,
    scores: Path | str = defaults.SCORES,
    workers: int = 1,
    judge_model: str | None = None,
    judge_url: str | None = None,
    limit_cost: float | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Iterator[Score]:
    """Like `score`, one at a time and in order: scorer by scorer, then question by question."""
    names = [scorer] if isinstance(scorer, str) else list(scorer)
    own = {"model": judge_model, "url": judge_url, "limit_cost": limit_cost, **(settings or {})}
    own = {name: value for name, value in own.items() if value is not None}
    for name in names:
        SCORERS[name]
    if own and "judge" not in names:
        raise UsageError(f"{', '.join(own)} is for the judge, which was not asked", "add --scorer judge")
    scorers = [SCORERS[name].configured(own if name == "judge" else {}) for name in names]
    outputs, scores = Path(outputs), Path(scores)
    found = store.iter_models(outputs)
    wanted = [model] if isinstance(model, str) else list(model or found)
    for name in wanted:
        if name not in found:
            raise UnknownName(f"model in {outputs}", name, found)
    if not wanted:
        raise UsageError(f"there are no videos in {outputs}", "make some: vmevalkit generate --model NAME")
    asked = store.iter_questions(Path(questions))
    samples = _samples(outputs, wanted, asked)
    for chosen in scorers:
        yield from track(_decide(chosen, samples, scores, workers), len(samples), f"scoring by {chosen.name}")


def _decide(scorer: Scorer, samples: Sequence[Asked], scores: Path, workers: int) -> Iterator[Score]:
    """Every sample, in processes or in the threads that the scorer wants."""
    if not scorer.threads:
        # By name, because processes make their scorers anew. All videos of a question by one process, which reads the
        # puzzle once.
        jobs = [
            (scorer.name, tuple(own), scores)
            for _, own in groupby(samples, key=lambda pair: (pair[0].task, pair[0].id))
        ]
        yield from chain.from_iterable(map_local(score_some, jobs, workers))
        return
    with ThreadPoolExecutor(scorer.threads) as pool:
        try:
            yield from pool.map(lambda pair: _score(scorer, pair[0], pair[1], scores), samples)
        finally:
            scorer.close()
            pool.shutdown(cancel_futures=True)


def _samples(outputs: Path, models: Sequence[str], questions: Sequence[Question]) -> list[Asked]:
    """Every question with every seed that a model has answered anywhere, so that no gap leaves the denominator."""
    seeds = {
        model: sorted({s for q in questions for s in store.seeds_of(outputs, model, q.task, q.id)}) or [DEFAULT_SEED]
        for model in models
    }
    return [
        (q, store.Sample(outputs=outputs, model=model, task=q.task, question_id=q.id, seed=seed))
        for q in questions
        for model in models
        for seed in seeds[model]
    ]


def score_some(job: tuple[str, Sequence[Asked], Path]) -> list[Score]:
    """Score samples and write the scores, unless their stored scores are still right."""
    name, samples, scores = job
    return [_score(SCORERS[name], question, sample, scores) for question, sample in samples]


def _score(scorer: Scorer, question: Question, sample: store.Sample, scores: Path) -> Score:
    stored = _current(scorer, question, sample, scores)
    if stored is not None:
        return stored
    result, details = scorer.examine(question, sample)
    if details is not None and result.reason != STOPPED:
        store.write_record(store.details_path(scores, result), details)
    for other in scorer.others(question, sample):
        store.write_score(scores, other)
    # Last: it says that all of them are there.
    if result.reason != STOPPED:
        store.write_score(scores, result)
    return result


def _current(scorer: Scorer, question: Question, sample: store.Sample, scores: Path) -> Score | None:
    """The stored score if it is newer than everything that it depends on. What was not scored is always tried again."""
    folder = store.question_folder(scores / sample.model, sample.task, sample.question_id)
    path = folder / f"{scorer.name}{store.seed_suffix(sample.seed)}.json"
    video = store.find_video(sample)
    if video is None or not path.is_file():
        return None
    try:
        stored = store.read_record(path, Score)
    except QuestionError:
        return None
    if stored.status != "scored" or stored.scorer_version != scorer.version(question):
        return None
    written = path.stat().st_mtime_ns
    sources = (video, sample.result, question.metadata_file, *scorer.sources(sample))
    return stored if all(s.stat().st_mtime_ns < written for s in sources if s.is_file()) else None
