"""The viewer's index: every sample of an experiment in SQLite, so that no page reads the folders.

It is a cache: made from the folders, kept beside the scores, brought up to date by looking at the files' times, and
made anew when it is deleted or of another version.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sql
from pydantic import Field
from sqlalchemy.dialects import sqlite

from vmevalkit import store
from vmevalkit.defaults import DEFAULT_SEED
from vmevalkit.errors import QuestionError
from vmevalkit.reporting.catalog import is_baseline
from vmevalkit.store.database import connect
from vmevalkit.store.experiment import NOT_SCORED, SCORER
from vmevalkit.types import MODES, Difficulty, Mode, Question, Record, Score

log = logging.getLogger(__name__)

# Raised when the tables below change: the index is then made anew.
VERSION = 2
PAGE = 48

metadata = sql.MetaData()

_KEY = ("model", "task", "question_id", "seed")

questions = sql.Table(
    "questions", metadata,
    sql.Column("task", sql.Text, primary_key=True),
    sql.Column("question_id", sql.Text, primary_key=True),
    sql.Column("kind", sql.Text),
    sql.Column("mode", sql.Text),
    sql.Column("difficulty", sql.Integer),
    sql.Column("plan_length", sql.Integer),
    sql.Column("prompt", sql.Text),
)  # fmt: skip

samples = sql.Table(
    "samples", metadata,
    sql.Column("model", sql.Text, primary_key=True),
    sql.Column("task", sql.Text, primary_key=True),
    sql.Column("question_id", sql.Text, primary_key=True),
    sql.Column("seed", sql.Integer, primary_key=True),
    # Times and sizes of the files it was read from.
    sql.Column("signature", sql.Text, nullable=False),
    sql.Column("baseline", sql.Boolean, nullable=False),
    sql.Column("mode", sql.Text),
    sql.Column("difficulty", sql.Integer),
    sql.Column("plan_length", sql.Integer),
    # When the result was written, in seconds since 1970.
    sql.Column("made", sql.Float),
    sql.Column("has_video", sql.Boolean, nullable=False),
    sql.Column("verdict", sql.Text, nullable=False),
    sql.Column("passed", sql.Boolean, nullable=False),
    sql.Column("value", sql.Float),
    sql.Column("reason", sql.Text, nullable=False),
    sql.Column("explanation", sql.Text, nullable=False),
    sql.Column("evidence_frame", sql.Integer),
    # "agree", "disagree", or empty where fewer than two scorers decided.
    sql.Column("agreement", sql.Text, nullable=False),
    # What is searched, in small letters.
    sql.Column("text", sql.Text, nullable=False),
    *(sql.Index(f"by_{name}", name) for name in ("task", "verdict", "reason", "agreement", "made")),
    sql.Index("by_cell", "mode", "model", "task", "difficulty", "passed"),
)  # fmt: skip

opinions = sql.Table(
    "opinions", metadata,
    *(sql.Column(name, sql.Integer if name == "seed" else sql.Text, primary_key=True) for name in _KEY),
    sql.Column("scorer", sql.Text, primary_key=True),
    sql.Column("status", sql.Text, nullable=False),
    sql.Column("passed", sql.Boolean),
    sql.Column("value", sql.Float),
    sql.Column("reason", sql.Text, nullable=False),
    sql.Column("explanation", sql.Text, nullable=False),
)  # fmt: skip

# The rule scorer first, as in the report.
SCORERS = (opinions.c.scorer != SCORER, opinions.c.scorer)

SORTS: dict[str, tuple[Any, ...]] = {
    "question": (samples.c.task, samples.c.question_id, samples.c.baseline, samples.c.model, samples.c.seed),
    "model": (samples.c.baseline, samples.c.model, samples.c.task, samples.c.question_id, samples.c.seed),
    "value": (samples.c.value.is_(None), samples.c.value, samples.c.task, samples.c.question_id, samples.c.model),
    "-value": (samples.c.value.is_(None), samples.c.value.desc(), samples.c.task, samples.c.question_id),
    "difficulty": (samples.c.difficulty, samples.c.task, samples.c.question_id, samples.c.model, samples.c.seed),
    "newest": (samples.c.made.desc(), samples.c.task, samples.c.question_id, samples.c.model, samples.c.seed),
}


def in_mode(mode: str) -> Any:
    """Samples of one mode; of questions without metadata where it is empty."""
    return samples.c.mode == mode if mode else samples.c.mode.is_(None)


class SampleFilter(Record):
    """Which samples a page shows: the same words as in its address."""

    model: str = ""
    task: str = ""
    mode: str = ""
    verdict: str = ""
    reason: str = ""
    difficulty: Difficulty | None = None
    agreement: str = ""
    question: str = ""
    q: str = Field(default="", max_length=200)
    sort: str = "question"

    def conditions(self) -> Iterator[Any]:
        for name in ("model", "task", "mode", "verdict", "reason", "agreement"):
            if value := getattr(self, name):
                yield samples.c[name] == value
        if self.difficulty is not None:
            yield samples.c.difficulty == self.difficulty
        if self.question:
            yield samples.c.question_id == self.question
        for word in self.q.lower().split():
            pattern = "%" + word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
            asked = sql.select(questions.c.task, questions.c.question_id)
            named = asked.where(questions.c.prompt.ilike(pattern, escape="\\"))
            yield sql.or_(
                sql.func.instr(samples.c.text, word) > 0, sql.tuple_(samples.c.task, samples.c.question_id).in_(named)
            )


class Index:
    """An experiment's samples. Safe to be used from several threads; one refreshes at a time.

    Args:
        questions, outputs, scores: the three folders.
        path: the database; beside the scores where left out.
    """

    def __init__(self, questions: Path, outputs: Path, scores: Path, path: Path | None = None) -> None:
        self.questions, self.outputs, self.scores = questions, outputs, scores
        path = path or scores / ".index.sqlite"
        self.engine = connect(path)
        self._refreshing = threading.Lock()
        self._choices: dict[str, list[tuple[str, int]]] | None = None
        # Counts the changes: what was derived from the index is right while it stays the same.
        self.revision = 0
        with self.engine.begin() as db:
            if db.scalar(sql.text("PRAGMA user_version")) != VERSION:
                metadata.drop_all(db)
                db.execute(sql.text(f"PRAGMA user_version = {VERSION}"))
            metadata.create_all(db)

    # --------------------------------------------------------------------------------------------------- refreshing

    def refresh(self) -> int:
        """Read what has changed in the folders since the last time; how many samples that were.

        Raises:
            UsageError: there are no questions.
        """
        with self._refreshing:
            asked = store.iter_questions(self.questions)
            with self.engine.connect() as db:
                rows = db.execute(sql.select(*(samples.c[name] for name in (*_KEY, "signature"))))
                known = {tuple(row[:4]): row[4] for row in rows}
                stored = {tuple(row[:2]): tuple(row[2:]) for row in db.execute(sql.select(questions))}
            described = {(q.task, q.id): _described(q) for q in asked}
            altered = {key for key, new in described.items() if stored.get(key) != new}
            changed, seen = list[dict[str, Any]](), set[tuple[Any, ...]]()
            written = list[dict[str, Any]]()
            for sample, files in self._found(asked):
                key = (sample.model, sample.task, sample.question_id, sample.seed)
                seen.add(key)
                signature = _signature(files)
                if known.get(key) == signature and key[1:3] not in altered:
                    continue
                row, scores = _row(sample, described[key[1:3]], files)
                changed.append({**row, "signature": signature})
                written += [_opinion(score) for score in scores]
            gone = set(known) - seen
            self._store(described, altered, changed, written, gone, set(stored) - set(described))
            if changed or gone or altered:
                self._choices = None
                self.revision += 1
            return len(changed) + len(gone)

    def _found(self, asked: Sequence[Question]) -> Iterator[tuple[store.Sample, dict[str, Path]]]:
        """Every sample that was asked for, with the files that it has by now."""
        models = {*store.iter_models(self.outputs), *store.iter_models(self.scores)}
        seeds_of: dict[str, set[int]] = {}
        folders: dict[tuple[str, str, str], dict[int, dict[str, Path]]] = {}
        for model in models:
            seeds_of[model] = set()
            for question in asked:
                found = store.files_of(self.outputs, self.scores, model, question.task, question.id)
                folders[model, question.task, question.id] = found
                seeds_of[model].update(found)
        for (model, task, question_id), by_seed in folders.items():
            for seed in sorted(seeds_of[model]) or [DEFAULT_SEED]:
                sample = store.Sample(outputs=self.outputs, model=model, task=task, question_id=question_id, seed=seed)
                yield sample, by_seed.get(seed, {})

    def _store(
        self, described: Mapping[Any, Any], altered: Iterable[Any], changed: Sequence[dict[str, Any]],
        written: Sequence[dict[str, Any]], gone: Iterable[tuple[Any, ...]], forgotten: Iterable[Any],
    ) -> None:  # fmt: skip
        names = [column.name for column in questions.columns]
        fresh = [dict(zip(names, (*key, *described[key]), strict=True)) for key in altered]
        stale = [dict(zip(_KEY, key, strict=True)) for key in gone]
        with self.engine.begin() as db:
            for key in forgotten:
                db.execute(sql.delete(questions).where(questions.c.task == key[0], questions.c.question_id == key[1]))
            if fresh:
                db.execute(sqlite.insert(questions).prefix_with("OR REPLACE"), fresh)
            for table in (opinions, samples):
                at = sql.and_(*(table.c[name] == sql.bindparam(f"k_{name}") for name in _KEY))
                old = [{f"k_{name}": row[name] for name in _KEY} for row in (*stale, *changed)]
                if old:
                    db.execute(sql.delete(table).where(at), old)
            if changed:
                db.execute(sql.insert(samples), list(changed))
            if written:
                db.execute(sql.insert(opinions), list(written))

    # -------------------------------------------------------------------------------------------------------- asking

    def rows(self, statement: Any) -> list[Any]:
        """What a statement finds; rows have their columns as attributes."""
        with self.engine.connect() as db:
            return list(db.execute(statement).all())

    def sample(self, model: str, task: str, question_id: str, seed: int) -> Any:
        values = (model, task, question_id, seed)
        at = (samples.c[name] == value for name, value in zip(_KEY, values, strict=True))
        found = self.rows(sql.select(samples).where(*at))
        return found[0] if found else None

    def opinions(self, model: str, task: str, question_id: str, seed: int) -> list[Any]:
        """What every scorer said about a sample."""
        values = (model, task, question_id, seed)
        at = (opinions.c[name] == value for name, value in zip(_KEY, values, strict=True))
        return self.rows(sql.select(opinions).where(*at).order_by(*SCORERS))

    def question(self, task: str, question_id: str) -> Any:
        at = (questions.c.task == task, questions.c.question_id == question_id)
        found = self.rows(sql.select(questions).where(*at))
        return found[0] if found else None

    def page(self, wanted: SampleFilter, page: int, size: int = PAGE) -> list[Any]:
        """Some of the wanted samples; pages are counted from 0."""
        order = SORTS.get(wanted.sort, SORTS["question"])
        statement = sql.select(samples).where(*wanted.conditions()).order_by(*order)
        return self.rows(statement.limit(size).offset(page * size))

    def count(self, wanted: SampleFilter) -> int:
        with self.engine.connect() as db:
            return int(db.scalar(sql.select(sql.func.count()).select_from(samples).where(*wanted.conditions())) or 0)

    def choices(self) -> dict[str, list[tuple[str, int]]]:
        """What samples can be filtered by, with how many there are of each."""
        if self._choices is not None:
            return self._choices
        found = {}
        for name in ("model", "task", "mode", "verdict", "reason", "difficulty", "agreement"):
            column = samples.c[name]
            rows = self.rows(sql.select(column, sql.func.count()).group_by(column).order_by(column))
            found[name] = [(str(value), number) for value, number in rows if value not in (None, "")]
        found["model"].sort(key=lambda item: (is_baseline(item[0]), item[0]))
        found["mode"].sort(key=lambda item: MODES.index(item[0]))
        self._choices = found
        return found


def _described(question: Question) -> tuple[str | None, Mode | None, int | None, int | None, str | None]:
    """A question's row behind its key."""
    try:
        prompt: str | None = store.read_prompt(question)
    except QuestionError as error:
        log.warning("%s", error)
        prompt = None
    found = question.metadata
    return (found.task, found.mode, found.difficulty, found.plan_length, prompt) if found else (None,) * 4 + (prompt,)


def _signature(files: Mapping[str, Path]) -> str:
    parts = []
    for name, path in sorted(files.items()):
        status = path.stat()
        parts.append(f"{name}:{status.st_mtime_ns}:{status.st_size}")
    return " ".join(parts)


def _row(
    sample: store.Sample, described: tuple[Any, ...], files: Mapping[str, Path]
) -> tuple[dict[str, Any], list[Score]]:
    """A sample's row, and its scores."""
    scores = []
    for name, path in files.items():
        if name.startswith("score "):
            try:
                scores.append(store.read_record(path, Score))
            except QuestionError as error:
                log.warning("%s", error)
    rule = next((score for score in scores if score.scorer == SCORER), None)
    passes = {score.passed for score in scores if score.passed is not None}
    decided = sum(score.passed is not None for score in scores)
    result = files.get("result")
    row = {
        **dict(zip(_KEY, (sample.model, sample.task, sample.question_id, sample.seed), strict=True)),
        "baseline": is_baseline(sample.model),
        **dict(zip(("mode", "difficulty", "plan_length"), described[1:4], strict=True)),
        "made": result.stat().st_mtime if result else None,
        "has_video": "video" in files,
        "verdict": ("pass" if rule.passed else "fail") if rule and rule.status == "scored"
                   else rule.status if rule else "not scored",
        "passed": bool(rule and rule.passed),
        "value": rule.value if rule else None,
        "reason": rule.reason if rule else NOT_SCORED,
        "explanation": rule.explanation if rule else _why_not_scored(sample, files),
        "evidence_frame": rule.evidence_frame if rule else None,
        "agreement": "" if decided < 2 else "agree" if len(passes) == 1 else "disagree",
    }  # fmt: skip
    row["text"] = " ".join(row[name] for name in ("model", "question_id", "reason", "explanation")).lower()
    return row, scores


def _why_not_scored(sample: store.Sample, files: Mapping[str, Path]) -> str:
    if "video" in files:
        return "There is a video, and it has not been scored yet."
    result = store.read_result(sample) if "result" in files else None
    if result is not None and not result.success:
        return f"Generation failed: {result.error}"
    return "No video was made yet."


def _opinion(score: Score) -> dict[str, Any]:
    fields = score.model_dump()
    return {column.name: fields[column.name] for column in opinions.columns}
