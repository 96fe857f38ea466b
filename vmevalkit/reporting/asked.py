"""Refuse to compare results about other questions than those of the question set."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

from vmevalkit import store
from vmevalkit.errors import UsageError
from vmevalkit.reporting.catalog import known_models
from vmevalkit.reporting.paths import ExperimentPaths
from vmevalkit.reporting.text import count
from vmevalkit.scorers.base import OTHER_QUESTION, SCORERS
from vmevalkit.store.experiment import ExperimentData, QuestionKey, SampleRecord, read_experiment
from vmevalkit.types import Question, Score

_SHOWN = 12
"""Characters of a digest in a message."""


def read_comparable(paths: ExperimentPaths) -> ExperimentData:
    """Read an experiment whose results are all about its question set.

    Raises:
        UsageError: there are no questions, or `check_asked` refuses.
    """
    data = read_experiment(paths.questions, paths.outputs, paths.scores, known_models())
    check_asked(paths, data.questions, data.samples)
    return data


def check_asked(paths: ExperimentPaths, questions: Sequence[Question], samples: Iterable[SampleRecord]) -> None:
    """Check that all results are about the questions of the set, and not about others with the same names.

    Another suite, or a set that was made with another seed, has such questions. Scores of early versions do not say
    what they are about, and are not checked.

    Raises:
        UsageError: some are not.
    """
    by_key = {(question.task, question.id): question for question in questions}

    @cache
    def digest(key: QuestionKey) -> str:
        return store.question_digest(by_key[key])

    scores = [score for sample in samples for score in sample.written_scores]
    others = [
        score
        for score in scores
        if score.question_sha256 is not None and score.question_sha256 != digest((score.task, score.question_id))
    ]
    if others:
        first = others[0]
        raise UsageError(
            f"{_counted(others, 'score')} in {paths.scores} {_verb(others)} about other questions than those in "
            f"{_named(paths)}: {first.task}/{first.question_id} has the digest "
            f"{digest((first.task, first.question_id))[:_SHOWN]}, the score is about "
            f"{(first.question_sha256 or '')[:_SHOWN]}",
            f"name the question set that was asked with --questions, or {_again(paths, others)}",
        )
    if others := [score for score in scores if score.reason == OTHER_QUESTION]:
        first = others[0]
        elsewhere = replace(paths, outputs=Path(f"{paths.outputs}_new"))
        raise UsageError(
            f"{_counted(others, 'video')} in {paths.outputs} {_verb(others)} about other questions than those in "
            f"{_named(paths)}, such as {first.task}/{first.question_id}: {first.explanation}",
            "name the question set that was asked with --questions, or answer this one in another folder: "
            + elsewhere.command("generate", "--model", first.model),
        )


def _counted(scores: Sequence[Score], word: str) -> str:
    models = ", ".join(sorted({score.model for score in scores}))
    return f"{count(len(scores), word)} of {models}"


def _verb(scores: Sequence[Score]) -> str:
    return "is" if len(scores) == 1 else "are"


def _named(paths: ExperimentPaths) -> str:
    """Return a question set with the suite that it was made as."""
    suite = store.read_manifest(paths.questions).suite
    return f"{paths.questions} (suite {suite})" if suite else str(paths.questions)


def _again(paths: ExperimentPaths, scores: Sequence[Score]) -> str:
    """Say how to get current scores in place of outdated ones."""
    names = sorted({score.scorer for score in scores})
    if not all(name in SCORERS for name in names):
        return "import the scores again"
    chosen = [] if names == ["rule"] else [word for name in names for word in ("--scorer", name)]
    return f"score again: {paths.command('score', *chosen)}"
