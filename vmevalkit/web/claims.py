"""Statistics of the report, computed once for each revision of the index."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import lru_cache
from itertools import groupby

import numpy as np
import sqlalchemy as sql

from vmevalkit import store
from vmevalkit.reporting import analysis
from vmevalkit.reporting.analysis import PassRates, ScorerAgreement
from vmevalkit.store.experiment import Key
from vmevalkit.web.index import Index
from vmevalkit.web.tables import in_mode, samples, scores


def agreement(index: Index) -> tuple[ScorerAgreement, ...]:
    """Return the agreement of scorers, on all tasks together and on each task."""
    return _agreement(index, index.revision)


def pass_rates(index: Index, mode: str, task: str = "") -> Mapping[str, PassRates]:
    """Return the pass rates of all models in one mode, on one task or all, with one set of bootstrap draws."""
    return _pass_rates(index, index.revision, mode, task)


def credits_of(index: Index) -> Mapping[str, int]:
    """Return the number of imported questions by their benchmark, license and address."""
    return _credits(index, index.revision)


def prepare(index: Index) -> None:
    """Compute in advance what would delay a page."""
    agreement(index)
    choices = index.choices()
    for mode, _ in choices["mode"]:
        for task in ("", *(name for name, _ in choices["task"])):
            found = list(pass_rates(index, mode, task).values())
            if len(found) > 1 and not task:
                found[0].against(found[1])  # The first comparison imports scipy, which takes a second.


@lru_cache(maxsize=2)
def _credits(index: Index, _revision: int) -> Mapping[str, int]:
    return store.credits_of(index.questions)


@lru_cache(maxsize=2)
def _agreement(index: Index, _revision: int) -> tuple[ScorerAgreement, ...]:
    c = scores.c
    decisions: defaultdict[Key, dict[str, bool]] = defaultdict(dict)
    for model, task, question_id, seed, scorer, passed in index.rows(
        sql.select(c.model, c.task, c.question_id, c.seed, c.scorer, c.passed)
        .where(c.passed.is_not(None)).order_by(c.task, c.question_id, c.model, c.seed)
    ):  # fmt: skip
        decisions[model, task, question_id, seed][scorer] = passed
    return tuple(analysis.scorer_agreement(decisions))


# Enough for 24 tasks in three modes, and for all tasks together.
@lru_cache(maxsize=128)
def _pass_rates(index: Index, _revision: int, mode: str, task: str) -> Mapping[str, PassRates]:
    c = samples.c
    limits = [in_mode(mode), *([c.task == task] if task else [])]
    rows = index.rows(
        sql.select(c.model, c.task, c.question_id, c.passed)
        .where(*limits).order_by(c.model, c.task, c.question_id, c.seed)
    )  # fmt: skip
    tasks: list[str] = []
    passed = {}
    for model, group in groupby(rows, key=lambda row: row.model):
        videos = list(group)
        # Every model was asked the same questions, each with the same number of seeds.
        tasks = [task for (task, _), _ in groupby(videos, key=lambda row: (row.task, row.question_id))]
        passed[model] = np.array([row.passed for row in videos]).reshape(len(tasks), -1)
    return analysis.pass_rates(tasks, passed) if passed else {}
