"""The read model of an experiment: which samples it has, and what became of each.

Reports and the viewer take the denominator, the verdicts and the reasons for a missing score from here. This module
does not know the model catalog; callers pass in what it must know about models (`KnownModels`).
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vmevalkit.defaults import DEFAULT_SEED
from vmevalkit.errors import QuestionError
from vmevalkit.files import glob, sha256_or_none
from vmevalkit.store.paths import SCORE_FILE, VIDEO_SUFFIXES
from vmevalkit.store.questions import iter_questions, read_prompt, read_source
from vmevalkit.store.records import read_record
from vmevalkit.store.samples import Sample, files_of, find_video, iter_models, read_result
from vmevalkit.types import Difficulty, Mode, Question, QuestionMetadata, Record, Score, Source

log = logging.getLogger(__name__)

SCORER = "rule"
"""The scorer whose verdict counts; the others are shown beside it."""

NOT_SCORED = "not_scored"
"""Reason of the placeholder for a Score that has not been written yet; its status is `missing`."""

Key = tuple[str, str, str, int]
"""Model, task, question and seed: the identity of a sample."""

QuestionKey = tuple[str, str]
"""Task and id of a question."""


class KnownModels(Record):
    """What the read model must be told about models.

    Attributes:
        baselines: names of the models that answer without reasoning, in the order in which tables show them.
        needs: files of a question without which a model has no answer, by model; models that need none may be missing.
    """

    baselines: tuple[str, ...] = ()
    needs: dict[str, tuple[str, ...]] = {}

    def sort_key(self, model: str) -> tuple[int, str]:
        """Sort models by name, before the baselines in their own order."""
        return (1 + self.baselines.index(model) if model in self.baselines else 0), model

    def can_answer(self, model: str, question: Question) -> bool:
        """Whether a question has the files that a model needs."""
        return all(os.path.isfile(question.folder / name) for name in self.needs.get(model, ()))


class SampleRecord(Record):
    """One sample of the denominator: its question, its video and its scores.

    Attributes:
        baseline: the model answers without reasoning.
        kind, mode, difficulty, plan_length: from the question's metadata; None for a question without metadata.
        phrasing: number of the prompt, for a question that asks in one of several wordings.
        puzzle: digest of the puzzle and mode, for such a question: those that ask the same have the same.
        answerable: the question has the files that the model needs. Otherwise another run cannot make a video.
        video: path of the video; None if there is none.
        score: the score by the rule scorer, or a placeholder with the reason `not_scored`.
        others: scores of the same video by other scorers, sorted by name.
    """

    baseline: bool
    kind: str | None
    mode: Mode | None
    difficulty: Difficulty | None
    plan_length: int | None
    phrasing: int | None = None
    puzzle: str | None = None
    answerable: bool
    video: Path | None
    score: Score
    others: tuple[Score, ...] = ()

    @property
    def key(self) -> Key:
        """Model, task, question and seed."""
        return self.score.model, self.score.task, self.score.question_id, self.score.seed

    @property
    def is_scored(self) -> bool:
        """Whether the rule scorer has written a Score, of whatever status."""
        return not (self.score.status == "missing" and self.score.reason == NOT_SCORED)

    @property
    def verdict(self) -> str:
        """How the sample is counted: `pass`, `fail`, `not scored`, or the status of its score."""
        if self.score.status == "scored":
            return "pass" if self.score.passed else "fail"
        return self.score.status if self.is_scored else "not scored"

    @property
    def written_scores(self) -> tuple[Score, ...]:
        """The scores on disk, that of the rule scorer first."""
        return (self.score, *self.others) if self.is_scored else self.others

    @property
    def decisions(self) -> dict[str, bool]:
        """Whether the sample passes, by scorer. Scorers that could not decide are left out."""
        return {score.scorer: score.passed for score in self.written_scores if score.passed is not None}


@dataclass(frozen=True)
class SampleFiles:
    """One sample of the denominator and the files that exist of it.

    Attributes:
        files: paths by "video", "result", and "score NAME" for each scorer.
    """

    sample: Sample
    question: Question
    files: Mapping[str, Path]


@dataclass(frozen=True)
class ExperimentData:
    """An experiment as it is on disk.

    Attributes:
        questions: the whole question set, sorted.
        prompts: by question; None if the prompt cannot be read.
        sources: of imported questions.
        samples: sorted by question, then models before baselines, then seed.
        models: models before baselines.
        question_set_sha256: digest of all first frames and prompts. Reports with the same digest asked the same.
        stray_scores: number of scores by the rule scorer for questions that are not in the set.
        stray_folders: number of output folders for questions that are not in the set.
    """

    questions: list[Question]
    prompts: dict[QuestionKey, str | None]
    sources: dict[QuestionKey, Source]
    samples: list[SampleRecord]
    models: list[str]
    question_set_sha256: str
    stray_scores: int
    stray_folders: int


def read_experiment(questions: Path, outputs: Path, scores: Path, known: KnownModels) -> ExperimentData:
    """Read a question set, the videos for it and their scores.

    Raises:
        UsageError: there are no questions.
    """
    question_set = iter_questions(questions)
    keys = {(question.task, question.id) for question in question_set}
    models = sorted(models_of(outputs, scores), key=known.sort_key)
    stray_scores = (
        (match := SCORE_FILE.match(file.name)) is not None and match[1] == SCORER
        for folder in _stray_folders(scores, keys)
        for file in glob(folder, "*.json")
    )
    return ExperimentData(
        questions=question_set,
        prompts={(question.task, question.id): prompt_of(question) for question in question_set},
        sources={(q.task, q.id): source for q in question_set if (source := read_source(q)) is not None},
        samples=[read_sample(found, known) for found in expected_samples(question_set, models, outputs, scores)],
        models=models,
        question_set_sha256=question_set_digest(question_set),
        stray_scores=sum(stray_scores),
        stray_folders=sum(1 for _ in _stray_folders(outputs, keys)),
    )


def models_of(outputs: Path, scores: Path) -> set[str]:
    """Return the models that have a folder of videos or of scores."""
    return {*iter_models(outputs), *iter_models(scores)}


def expected_samples(
    questions: Sequence[Question], models: Sequence[str], outputs: Path, scores: Path
) -> Iterator[SampleFiles]:
    """Yield every sample of the denominator, question by question, whether or not it has any files.

    Every model is expected to answer every question with every seed of which it has a file for any question of the
    set; with the default seed if it has none. So a gap does not leave the denominator.
    """
    files = {
        (model, question.task, question.id): files_of(outputs, scores, model, question.task, question.id)
        for question in questions
        for model in models
    }
    seeds: dict[str, set[int]] = {model: set() for model in models}
    for (model, _, _), by_seed in files.items():
        seeds[model].update(by_seed)
    for question in questions:
        for model in models:
            for seed in sorted(seeds[model]) or [DEFAULT_SEED]:
                yield SampleFiles(
                    Sample(outputs=outputs, model=model, task=question.task, question_id=question.id, seed=seed),
                    question,
                    files[model, question.task, question.id].get(seed, {}),
                )


def read_sample(found: SampleFiles, known: KnownModels) -> SampleRecord:
    """Read what became of a sample."""
    sample, metadata = found.sample, found.question.metadata
    scores = _read_scores(found)
    rule = scores.pop(SCORER, None)
    video = found.files.get("video")
    if video is not None and video.suffix != VIDEO_SUFFIXES[0]:
        # Of several other formats, the one that `find_video` prefers.
        video = find_video(sample)
    return SampleRecord(
        baseline=sample.model in known.baselines,
        kind=metadata.task if metadata else None,
        mode=metadata.mode if metadata else None,
        difficulty=metadata.difficulty if metadata else None,
        plan_length=metadata.plan_length if metadata else None,
        phrasing=metadata.phrasing if metadata else None,
        puzzle=_puzzle_digest(metadata) if metadata else None,
        answerable=known.can_answer(sample.model, found.question),
        video=video,
        score=rule or _placeholder(sample, video),
        others=tuple(scores[name] for name in sorted(scores)),
    )


def _puzzle_digest(metadata: QuestionMetadata) -> str | None:
    if metadata.phrasing is None:
        return None
    asked = json.dumps([metadata.task, metadata.mode, metadata.puzzle], sort_keys=True)
    return hashlib.sha256(asked.encode()).hexdigest()


def prompt_of(question: Question) -> str | None:
    """Return a question's prompt; None, with a warning, if it cannot be read."""
    try:
        return read_prompt(question)
    except QuestionError as error:
        log.warning("%s", error)
        return None


def _read_scores(found: SampleFiles) -> dict[str, Score]:
    """Read a sample's scores, by scorer. The file's path says which sample and scorer it belongs to."""
    sample = found.sample
    scores = {}
    for name, path in found.files.items():
        kind, _, scorer = name.partition(" ")
        if kind != "score":
            continue
        try:
            score = read_record(path, Score)
        except QuestionError as error:
            log.warning("%s", error)
            continue
        identity = {"model": sample.model, "task": sample.task, "question_id": sample.question_id, "seed": sample.seed}
        scores[scorer] = score.model_copy(update={**identity, "scorer": scorer})
    return scores


def _placeholder(sample: Sample, video: Path | None) -> Score:
    """Return the score of a sample that has none: it stays in the denominator, with the reason."""
    result = read_result(sample)
    if video is not None:
        explanation = "There is a video, and it has not been scored yet."
    elif result is not None and not result.success:
        explanation = f"Generation failed, and that has not been scored yet: {result.error}"
    else:
        explanation = "No video was made, and nothing has been scored yet."
    return Score(
        model=sample.model,
        task=sample.task,
        question_id=sample.question_id,
        seed=sample.seed,
        scorer=SCORER,
        scorer_version="",
        status="missing",
        reason=NOT_SCORED,
        explanation=explanation,
    )


def question_set_digest(questions: Iterable[Question]) -> str:
    """Return the digest of all first frames and prompts. Experiments with the same digest asked the same."""
    digest = hashlib.sha256()
    for question in questions:
        digest.update(f"{question.task}/{question.id}".encode())
        for path in (question.first_frame, question.prompt_file):
            digest.update((sha256_or_none(path) or "-").encode())
    return digest.hexdigest()


def _stray_folders(root: Path, keys: set[QuestionKey]) -> Iterator[Path]:
    """Yield the folders, of any model below `root`, for questions that are not in the set."""
    for model in iter_models(root):
        for folder in glob(root / model, "*_task/*"):
            key = folder.parent.name.removesuffix("_task"), folder.name
            if os.path.isdir(folder) and key not in keys:
                yield folder
