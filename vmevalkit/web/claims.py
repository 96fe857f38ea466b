"""What the viewer says beyond counts: the report's own statistics, worked out once for each state of the index."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import lru_cache
from itertools import groupby

import numpy as np
import sqlalchemy as sql

from vmevalkit.reporting import analysis
from vmevalkit.reporting.analysis import PassRates, ScorerAgreement
from vmevalkit.store.experiment import Key
from vmevalkit.web.index import Index, in_mode, opinions, samples


def agreement(index: Index) -> tuple[ScorerAgreement, ...]:
    """How far scorers agree, together and by task."""
    return _agreement(index, index.revision)


def passes(index: Index, mode: str, task: str = "") -> Mapping[str, PassRates]:
    """What each model passes in one mode, of all tasks or one, with one set of draws for all models."""
    return _passes(index, index.revision, mode, task)


def prepare(index: Index) -> None:
    """Work out what takes longer than a page may, before somebody asks for it."""
    agreement(index)
    choices = index.choices()
    for mode, _ in choices["mode"]:
        for task in ("", *(name for name, _ in choices["task"])):
            found = list(passes(index, mode, task).values())
            if len(found) > 1 and not task:
                found[0].against(found[1])  # the first comparison loads scipy, which takes a second


@lru_cache(maxsize=2)
def _agreement(index: Index, _revision: int) -> tuple[ScorerAgreement, ...]:
    c = opinions.c
    decided: defaultdict[Key, dict[str, bool]] = defaultdict(dict)
    for model, task, question_id, seed, scorer, passed in index.rows(
        sql.select(c.model, c.task, c.question_id, c.seed, c.scorer, c.passed)
        .where(c.passed.is_not(None)).order_by(c.task, c.question_id, c.model, c.seed)
    ):  # fmt: skip
        decided[model, task, question_id, seed][scorer] = passed
    return tuple(analysis.scorer_agreement(decided))


# Enough for 24 families in three modes, and all together.
@lru_cache(maxsize=128)
def _passes(index: Index, _revision: int, mode: str, task: str) -> Mapping[str, PassRates]:
    c = samples.c
    limits = [in_mode(mode), *([c.task == task] if task else [])]
    rows = index.rows(
        sql.select(c.model, c.task, c.question_id, c.passed)
        .where(*limits).order_by(c.model, c.task, c.question_id, c.seed)
    )  # fmt: skip
    tasks: list[str] = []
    passed = {}
    for model, own in groupby(rows, key=lambda row: row.model):
        videos = list(own)
        # Every model was asked every question, each as often as the others.
        tasks = [task for (task, _), _ in groupby(videos, key=lambda row: (row.task, row.question_id))]
        passed[model] = np.array([row.passed for row in videos]).reshape(len(tasks), -1)
    return analysis.pass_rates(tasks, passed) if passed else {}
