"""Filters and orders of samples, as in the query of a page's URL."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import sqlalchemy as sql
from pydantic import Field

from vmevalkit.types import Difficulty, Record
from vmevalkit.web.tables import questions, samples

_COLUMNS = samples.c

SORTS: dict[str, tuple[Any, ...]] = {
    "question": (_COLUMNS.task, _COLUMNS.question_id, _COLUMNS.baseline, _COLUMNS.model, _COLUMNS.seed),
    "model": (_COLUMNS.baseline, _COLUMNS.model, _COLUMNS.task, _COLUMNS.question_id, _COLUMNS.seed),
    "value": (_COLUMNS.value.is_(None), _COLUMNS.value, _COLUMNS.task, _COLUMNS.question_id, _COLUMNS.model),
    "-value": (_COLUMNS.value.is_(None), _COLUMNS.value.desc(), _COLUMNS.task, _COLUMNS.question_id),
    "difficulty": (_COLUMNS.difficulty, _COLUMNS.task, _COLUMNS.question_id, _COLUMNS.model, _COLUMNS.seed),
    "newest": (_COLUMNS.made.desc(), _COLUMNS.task, _COLUMNS.question_id, _COLUMNS.model, _COLUMNS.seed),
}


class SampleFilter(Record):
    """Which samples a page shows, and in which order. An empty field selects all."""

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

    @property
    def query(self) -> str:
        """The filter as the query of a URL. Fields with default values are left out."""
        return urlencode(self.model_dump(exclude_defaults=True))

    @property
    def order(self) -> tuple[Any, ...]:
        """Columns to sort by. An unknown name sorts by question."""
        return SORTS.get(self.sort, SORTS["question"])

    def conditions(self) -> Iterator[Any]:
        """Yield the conditions that all selected samples meet."""
        for name in ("model", "task", "mode", "verdict", "reason", "agreement"):
            if value := getattr(self, name):
                yield samples.c[name] == value
        if self.difficulty is not None:
            yield samples.c.difficulty == self.difficulty
        if self.question:
            yield samples.c.question_id == self.question
        for word in self.q.lower().split():
            yield _contains(word)


def _contains(word: str) -> Any:
    """Select the samples whose text, or whose question's prompt, contains a word literally."""
    pattern = "%" + word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    in_prompt = sql.select(questions.c.task, questions.c.question_id).where(
        questions.c.prompt.ilike(pattern, escape="\\")
    )
    return sql.or_(
        sql.func.instr(samples.c.text, word) > 0, sql.tuple_(samples.c.task, samples.c.question_id).in_(in_prompt)
    )
