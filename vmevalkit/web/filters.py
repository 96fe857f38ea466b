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

_IDENTITY = (_COLUMNS.task, _COLUMNS.question_id, _COLUMNS.baseline, _COLUMNS.model, _COLUMNS.seed)

# Columns that come first in an order. Samples without a value come last, in either direction.
SORTS: dict[str, tuple[Any, ...]] = {
    "question": (_COLUMNS.task, _COLUMNS.question_id),
    "model": (_COLUMNS.baseline, _COLUMNS.model),
    "verdict": (_COLUMNS.verdict,),
    "reason": (_COLUMNS.reason,),
    "value": (_COLUMNS.value,),
    "difficulty": (_COLUMNS.difficulty,),
    "steps": (_COLUMNS.plan_length,),
    "made": (_COLUMNS.made,),
}

FACETS = ("model", "task", "mode", "verdict", "reason", "difficulty", "agreement")
"""Columns by which samples are filtered."""


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
    layout: str = ""

    @property
    def query(self) -> str:
        """The filter as the query of a URL. Fields with default values are left out."""
        return urlencode(self.model_dump(exclude_defaults=True))

    @property
    def order(self) -> tuple[Any, ...]:
        """Columns to sort by; `-` before a name reverses the order. An unknown name sorts by question."""
        columns = SORTS.get(self.sort.removeprefix("-"), SORTS["question"])
        if not self.sort.startswith("-"):
            return *(column.nulls_last() for column in columns), *_IDENTITY
        return *(column.desc().nulls_last() for column in columns), *_IDENTITY

    @property
    def words(self) -> list[str]:
        """What the filter selects, in words."""
        fields = {name: getattr(self, name) for name in (*FACETS, "question")}
        chosen = [f"{name} {value}" if name == "difficulty" else value for name, value in fields.items() if value]
        return [*chosen, f"“{self.q}”"] if self.q else chosen

    def sorted_by(self, name: str) -> str:
        """Return the query that sorts by a column, or reverses the order if it sorts by it already."""
        return self.model_copy(update={"sort": f"-{name}" if self.sort == name else name}).query

    def conditions(self) -> Iterator[Any]:
        """Yield the conditions that all selected samples meet."""
        for name in FACETS:
            if value := getattr(self, name):
                yield samples.c[name] == value
        yield from self.text_conditions()

    def text_conditions(self) -> Iterator[Any]:
        """Yield the conditions on the question and the text."""
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
