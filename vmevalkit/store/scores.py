"""Scores on disk."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

from vmevalkit.errors import QuestionError
from vmevalkit.files import glob
from vmevalkit.store.paths import question_folder, seed_suffix
from vmevalkit.store.records import read_record, write_record
from vmevalkit.store.samples import Sample
from vmevalkit.types import Score

log = logging.getLogger(__name__)


def score_path(scores: Path, score: Score) -> Path:
    """Return the path of a score."""
    folder = question_folder(scores / score.model, score.task, score.question_id)
    return folder / f"{score.scorer}{seed_suffix(score.seed)}.json"


def score_file(scores: Path, sample: Sample, scorer: str) -> Path:
    """Return the path of a sample's score by a scorer."""
    folder = question_folder(scores / sample.model, sample.task, sample.question_id)
    return folder / f"{scorer}{seed_suffix(sample.seed)}.json"


def details_path(scores: Path, score: Score) -> Path:
    """Return the path of the details that a scorer keeps of its score.

    They lie one folder below the scores, so that they are not read as scores.
    """
    folder = question_folder(scores / score.model, score.task, score.question_id)
    return folder / score.scorer / f"details{seed_suffix(score.seed)}.json"


def write_score(scores: Path, score: Score) -> None:
    """Write a score, atomically."""
    write_record(score_path(scores, score), score)


def iter_scores(scores: Path) -> Iterator[Score]:
    """Read every score of an experiment, sorted by path. A file that is not a score is skipped with a warning."""
    for path in glob(scores, "*/*_task/*/*.json"):
        try:
            yield read_record(path, Score)
        except QuestionError as error:
            log.warning("%s", error)
