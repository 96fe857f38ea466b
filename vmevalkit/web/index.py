"""The viewer's index: all samples of an experiment in SQLite, so that no page must read the folders.

The index is a cache beside the scores. A sample is read again if the time or size of any of its files differs from when
it was read. The whole index is made again if it was deleted or is of another version.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sql
from sqlalchemy.dialects import sqlite

from vmevalkit import store
from vmevalkit.reporting.asked import check_asked
from vmevalkit.reporting.catalog import known_models
from vmevalkit.reporting.paths import ExperimentPaths
from vmevalkit.store.database import DamagedDatabase, connect
from vmevalkit.store.experiment import (
    Key,
    QuestionKey,
    SampleFiles,
    SampleRecord,
    expected_samples,
    models_of,
    prompt_of,
    read_sample,
)
from vmevalkit.types import MODES, Question, Score
from vmevalkit.web.files import file_state, signature
from vmevalkit.web.filters import FACETS, SampleFilter
from vmevalkit.web.tables import (
    KEY,
    SCORER_ORDER,
    VERSION,
    is_question,
    is_sample,
    metadata,
    questions,
    samples,
    scores,
)

log = logging.getLogger(__name__)

PAGE = 48
"""Number of samples on a page."""


@dataclass
class _Changes:
    """Rows to be written to the index, and keys of rows to be removed."""

    questions: list[dict[str, Any]] = field(default_factory=list)
    samples: list[dict[str, Any]] = field(default_factory=list)
    scores: list[dict[str, Any]] = field(default_factory=list)
    removed_samples: set[Key] = field(default_factory=set)
    removed_questions: set[QuestionKey] = field(default_factory=set)

    @property
    def altered_questions(self) -> set[QuestionKey]:
        return {(row["task"], row["question_id"]) for row in self.questions}


class Neighbors(NamedTuple):
    """The place of a sample among others, counted from 1, and the rows with the keys of those beside it."""

    place: int
    total: int
    before: Any
    after: Any


class Index:
    """The samples of an experiment. Several threads may use it; only one refreshes it at a time.

    Args:
        questions, outputs, scores: folders of the question set, the experiment's videos and its scores.
        path: path of the database; beside the scores by default.
    """

    def __init__(self, questions: Path, outputs: Path, scores: Path, path: Path | None = None) -> None:
        self.questions, self.outputs, self.scores = questions, outputs, scores
        self.engine = _open(path or scores / ".index.sqlite")
        self._refreshing = threading.Lock()
        self._choices: dict[str, list[tuple[str, int]]] | None = None
        # Increases with every change. What was computed from the index stays valid while it is the same.
        self.revision = 0
        with self.engine.begin() as db:
            if db.scalar(sql.text("PRAGMA user_version")) != VERSION:
                existing = sql.MetaData()
                existing.reflect(db)
                existing.drop_all(db)
                db.execute(sql.text(f"PRAGMA user_version = {VERSION}"))
            metadata.create_all(db)

    def refresh(self) -> int:
        """Read what has changed in the folders since the last refresh. Return the number of changed samples.

        Raises:
            UsageError: there are no questions, or results are about others. The index stays as it was.
        """
        with self._refreshing:
            changes = self._find_changes()
            self._write(changes)
            changed = len(changes.samples) + len(changes.removed_samples)
            if changed or changes.questions:
                self._choices = None
                self.revision += 1
            return changed

    def _find_changes(self) -> _Changes:
        question_set = store.iter_questions(self.questions)
        known = known_models()
        with self.engine.connect() as db:
            indexed = {tuple(row[:4]): row[4] for row in db.execute(sql.select(*_KEY_COLUMNS, samples.c.signature))}
            indexed_questions = {tuple(row[:2]): dict(row._mapping) for row in db.execute(sql.select(questions))}
        rows = {(question.task, question.id): _question_row(question) for question in question_set}
        changes = _Changes(
            questions=[row for key, row in rows.items() if indexed_questions.get(key) != row],
            removed_questions=set(indexed_questions) - set(rows),
        )
        altered, existing, records = changes.altered_questions, set[Key](), list[SampleRecord]()
        models = sorted(models_of(self.outputs, self.scores))
        for found in expected_samples(question_set, models, self.outputs, self.scores):
            key = _key_of(found.sample)
            existing.add(key)
            # Before reading the files, so that a change in the meantime is seen by the next refresh.
            state = signature(found.files)
            if indexed.get(key) == state and key[1:3] not in altered:
                continue
            record = read_sample(found, known)
            records.append(record)
            changes.samples.append({**_sample_row(found, record), "signature": state})
            changes.scores += [_score_row(score) for score in record.written_scores]
        check_asked(ExperimentPaths(self.questions, self.outputs, self.scores), question_set, records)
        changes.removed_samples = set(indexed) - existing
        return changes

    def _write(self, changes: _Changes) -> None:
        replaced = [*changes.removed_samples, *(tuple(row[name] for name in KEY) for row in changes.samples)]
        parameters = [{f"k_{name}": value for name, value in zip(KEY, key, strict=True)} for key in replaced]
        with self.engine.begin() as db:
            for task, question_id in changes.removed_questions:
                db.execute(sql.delete(questions).where(is_question(questions, task, question_id)))
            if changes.questions:
                db.execute(sqlite.insert(questions).prefix_with("OR REPLACE"), changes.questions)
            if parameters:
                for table in (scores, samples):
                    matches = sql.and_(*(table.c[name] == sql.bindparam(f"k_{name}") for name in KEY))
                    db.execute(sql.delete(table).where(matches), parameters)
            if changes.samples:
                db.execute(sql.insert(samples), changes.samples)
            if changes.scores:
                db.execute(sql.insert(scores), changes.scores)

    def rows(self, statement: Any) -> list[Any]:
        """Return the rows that a statement selects. Columns are attributes of a row."""
        with self.engine.connect() as db:
            return list(db.execute(statement).all())

    def sample(self, model: str, task: str, question_id: str, seed: int) -> Any:
        """Return the row of a sample; None if there is no such sample."""
        found = self.rows(sql.select(samples).where(is_sample(samples, model, task, question_id, seed)))
        return found[0] if found else None

    def scores_of(self, model: str, task: str, question_id: str, seed: int) -> list[Any]:
        """Return the rows of a sample's scores, that of the rule scorer first."""
        selected = sql.select(scores).where(is_sample(scores, model, task, question_id, seed))
        return self.rows(selected.order_by(*SCORER_ORDER))

    def question(self, task: str, question_id: str) -> Any:
        """Return the row of a question; None if there is no such question."""
        found = self.rows(sql.select(questions).where(is_question(questions, task, question_id)))
        return found[0] if found else None

    def page(self, selected: SampleFilter, page: int, size: int = PAGE) -> list[Any]:
        """Return one page of the selected samples. Pages are counted from 0."""
        statement = sql.select(samples).where(*selected.conditions()).order_by(*selected.order)
        return self.rows(statement.limit(size).offset(page * size))

    def count(self, selected: SampleFilter) -> int:
        """Return the number of the selected samples."""
        statement = sql.select(sql.func.count()).select_from(samples).where(*selected.conditions())
        with self.engine.connect() as db:
            return int(db.scalar(statement) or 0)

    def neighbors(self, selected: SampleFilter, key: Key) -> Neighbors | None:
        """Return a sample's place among the selected ones, and those beside it; None if it is not selected."""
        place = sql.func.row_number().over(order_by=selected.order).label("place")
        numbered = sql.select(*_KEY_COLUMNS, place).where(*selected.conditions()).subquery()
        with self.engine.connect() as db:
            own = db.scalar(sql.select(numbered.c.place).where(is_sample(numbered, *key)))
            if own is None:
                return None
            around = db.execute(sql.select(numbered).where(numbered.c.place.in_((own - 1, own + 1))))
            by_place = {row.place: row for row in around}
        return Neighbors(own, self.count(selected), by_place.get(own - 1), by_place.get(own + 1))

    def choices(self, selected: SampleFilter | None = None) -> dict[str, list[tuple[str, int]]]:
        """Return the values by which samples can be filtered, with the number of samples of each.

        Args:
            selected: count only the samples that the other fields of this filter select. Its own values stay, also if
                they select nothing.
        """
        if selected is None or not selected.words:
            if self._choices is None:
                self._choices = self._count_choices(SampleFilter())
            return self._choices
        return self._count_choices(selected)

    def _count_choices(self, selected: SampleFilter) -> dict[str, list[tuple[str, int]]]:
        # One scan for all fields: a search through texts takes long.
        columns = [samples.c[name] for name in FACETS]
        groups = self.rows(sql.select(*columns, sql.func.count()).where(*selected.text_conditions()).group_by(*columns))
        chosen = [getattr(selected, name) for name in FACETS]
        found = {}
        for place, name in enumerate(FACETS):
            others = [(at, value) for at, value in enumerate(chosen) if value and at != place]
            counts = Counter({str(chosen[place]): 0} if chosen[place] else {})
            for group in groups:
                if group[place] not in (None, "") and all(group[at] == value for at, value in others):
                    counts[str(group[place])] += group[-1]
            found[name] = sorted(counts.items())
        known = known_models()
        found["model"].sort(key=lambda item: known.sort_key(item[0]))
        found["mode"].sort(key=lambda item: (*MODES, item[0]).index(item[0]))
        return found


def _open(path: Path) -> sql.Engine:
    """Open the database. A damaged one is made again, because it is a cache."""
    try:
        return connect(path, metadata)
    except DamagedDatabase as error:
        log.warning("%s; it is made again", error.what)
        for file in (path, *path.parent.glob(f"{path.name}-*")):
            file.unlink(missing_ok=True)
        return connect(path, metadata)


_KEY_COLUMNS: Sequence[Any] = [samples.c[name] for name in KEY]


def _key_of(sample: store.Sample) -> Key:
    return sample.model, sample.task, sample.question_id, sample.seed


def _question_row(question: Question) -> dict[str, Any]:
    found = question.metadata
    return {
        "task": question.task,
        "question_id": question.id,
        "kind": found.task if found else None,
        "mode": found.mode if found else None,
        "difficulty": found.difficulty if found else None,
        "plan_length": found.plan_length if found else None,
        "prompt": prompt_of(question),
        "signature": signature({path.name: path for path in question.files}),
    }


def _sample_row(found: SampleFiles, record: SampleRecord) -> dict[str, Any]:
    score, decisions = record.score, record.decisions
    result = file_state(found.files["result"]) if "result" in found.files else None
    written = store.read_result(found.sample) if result else None
    seconds = written.duration_seconds if written and written.success else None
    row = {
        **dict(zip(KEY, record.key, strict=True)),
        **{name: getattr(record, name) for name in ("baseline", "mode", "difficulty", "plan_length")},
        **{name: getattr(score, name) for name in ("value", "reason", "explanation", "failing")},
        **{name: getattr(score, name) for name in ("evidence_frame", "evidence_box")},
        "tolerated": [tolerance.model_dump() for tolerance in score.tolerated],
        "made": result[0] / 1e9 if result else None,
        "seconds": seconds,
        "has_video": record.video is not None,
        "verdict": record.verdict,
        "passed": bool(score.passed),
        "agreement": "" if len(decisions) < 2 else "agree" if len(set(decisions.values())) == 1 else "disagree",
    }
    row["text"] = " ".join(row[name] for name in ("model", "question_id", "reason", "explanation")).lower()
    return row


def _score_row(score: Score) -> dict[str, Any]:
    return {**{column.name: getattr(score, column.name) for column in scores.columns}, "notes": " ".join(score.notes)}
