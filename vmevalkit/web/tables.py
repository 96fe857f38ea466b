"""Tables of the viewer's index, and expressions for queries on them."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sql

from vmevalkit.store.experiment import SCORER

# Increase the version when the tables or the meaning of their columns change. The index is then made again.
VERSION = 6

KEY = ("model", "task", "question_id", "seed")

metadata = sql.MetaData()

questions = sql.Table(
    "questions", metadata,
    sql.Column("task", sql.Text, primary_key=True),
    sql.Column("question_id", sql.Text, primary_key=True),
    sql.Column("kind", sql.Text),
    sql.Column("mode", sql.Text),
    sql.Column("difficulty", sql.Integer),
    sql.Column("plan_length", sql.Integer),
    sql.Column("prompt", sql.Text),
    # Times and sizes of the question's files. Any difference means that its samples must be read again.
    sql.Column("signature", sql.Text, nullable=False),
)  # fmt: skip

samples = sql.Table(
    "samples", metadata,
    sql.Column("model", sql.Text, primary_key=True),
    sql.Column("task", sql.Text, primary_key=True),
    sql.Column("question_id", sql.Text, primary_key=True),
    sql.Column("seed", sql.Integer, primary_key=True),
    # Times and sizes of the sample's files. Any difference means that they must be read again.
    sql.Column("signature", sql.Text, nullable=False),
    sql.Column("baseline", sql.Boolean, nullable=False),
    sql.Column("mode", sql.Text),
    sql.Column("difficulty", sql.Integer),
    sql.Column("plan_length", sql.Integer),
    # When the result was written, in seconds since 1970.
    sql.Column("made", sql.Float),
    # How long its generation took, as the result says.
    sql.Column("seconds", sql.Float),
    sql.Column("has_video", sql.Boolean, nullable=False),
    sql.Column("verdict", sql.Text, nullable=False),
    sql.Column("passed", sql.Boolean, nullable=False),
    sql.Column("value", sql.Float),
    sql.Column("reason", sql.Text, nullable=False),
    sql.Column("explanation", sql.Text, nullable=False),
    sql.Column("evidence_frame", sql.Integer),
    # Left, top, right and bottom of the place in the evidence frame, as shares of the frame.
    sql.Column("evidence_box", sql.JSON(none_as_null=True)),
    # The criteria that a failed video does not fulfil.
    sql.Column("failing", sql.JSON, nullable=False),
    # Records of what the verdict does not count.
    sql.Column("tolerated", sql.JSON, nullable=False),
    # "agree", "disagree", or empty if fewer than two scorers decided.
    sql.Column("agreement", sql.Text, nullable=False),
    # The text to search, in lower case.
    sql.Column("text", sql.Text, nullable=False),
    *(sql.Index(f"by_{name}", name) for name in ("task", "verdict", "reason", "agreement", "made")),
    sql.Index("by_cell", "mode", "model", "task", "difficulty", "passed"),
)  # fmt: skip

scores = sql.Table(
    "scores", metadata,
    *(sql.Column(name, sql.Integer if name == "seed" else sql.Text, primary_key=True) for name in KEY),
    sql.Column("scorer", sql.Text, primary_key=True),
    sql.Column("status", sql.Text, nullable=False),
    sql.Column("passed", sql.Boolean),
    sql.Column("value", sql.Float),
    sql.Column("reason", sql.Text, nullable=False),
    sql.Column("explanation", sql.Text, nullable=False),
    # The codes, separated by spaces.
    sql.Column("notes", sql.Text, nullable=False),
)  # fmt: skip

SCORER_ORDER = (scores.c.scorer != SCORER, scores.c.scorer)
"""The rule scorer first, as in the report."""


def is_sample(table: sql.FromClause, model: str, task: str, question_id: str, seed: int) -> Any:
    """Select the rows of one sample."""
    values = (model, task, question_id, seed)
    return sql.and_(*(table.c[name] == value for name, value in zip(KEY, values, strict=True)))


def is_question(table: sql.Table, task: str, question_id: str) -> Any:
    """Select the rows of one question."""
    return sql.and_(table.c.task == task, table.c.question_id == question_id)


def in_mode(mode: str) -> Any:
    """Select the samples of one mode; those of questions without metadata if `mode` is empty."""
    return samples.c.mode == mode if mode else samples.c.mode.is_(None)


def count_if(condition: Any) -> Any:
    """Count the rows for which a condition holds."""
    return sql.func.sum(sql.cast(condition, sql.Integer))
