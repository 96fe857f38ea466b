"""The experiments below a folder: each with its index, its ratings and its own pages."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import sqlalchemy as sql
from fastapi import FastAPI

from vmevalkit import store
from vmevalkit.errors import UsageError, VMEvalError
from vmevalkit.reporting.analysis import PassRates
from vmevalkit.reporting.catalog import known_models
from vmevalkit.reporting.stats import Array
from vmevalkit.store.discovery import ExperimentFolders, find_experiments
from vmevalkit.store.experiment import QuestionKey, question_set_digest
from vmevalkit.web import claims
from vmevalkit.web.app import create_app
from vmevalkit.web.index import Index
from vmevalkit.web.opening import open_index, open_ratings
from vmevalkit.web.tables import count_if, in_mode, samples


@dataclass(frozen=True)
class Overview:
    """What the list says about an experiment.

    Attributes:
        suite: name of the suite; empty if the question set is not one.
        group: digest of the suite, or of the question set. Experiments of one group can be compared.
        mode: the mode of the rates.
        rates: by model, best first, without baselines.
        changed: when the newest result was written, in seconds since 1970; None if there is no result.
    """

    suite: str
    group: str
    questions: int
    asked: int
    made: int
    scored: int
    mode: str
    rates: dict[str, PassRates]
    changed: float | None


class Experiment:
    """An experiment that was opened.

    Args:
        folders: its folders.
        raters: how many people rate each video.
        bundled: whether its pages become files.

    Attributes:
        app: its pages.
    """

    def __init__(self, folders: ExperimentFolders, raters: int, bundled: bool = False) -> None:
        if folders.questions is None:
            raise UsageError(f"no question set below the folder has the questions of {folders.outputs}")
        self.folders = folders
        self.index = open_index(folders.questions, folders.outputs, folders.scores)
        ratings, problem = open_ratings(folders.outputs)
        self.app: FastAPI = create_app(
            self.index,
            ratings,
            raters=raters,
            name=folders.name,
            guarded=False,
            rating_problem=problem,
            bundled=bundled,
        )

    def overview(self) -> Overview:
        """Return what the list says, computed once for each revision of the index."""
        return _overview(self.index, self.index.revision)


@lru_cache(maxsize=512)
def _overview(index: Index, _revision: int) -> Overview:
    manifest = store.read_manifest(index.questions)
    questions = store.iter_questions(index.questions)
    c = samples.c
    models = sql.not_(c.baseline)
    [counts] = index.rows(
        sql.select(
            sql.func.count().label("asked"),
            count_if(sql.or_(c.made.is_not(None), c.has_video)).label("made"),
            count_if(c.verdict != "not scored").label("scored"),
            sql.func.max(c.made).label("changed"),
        ).where(models)
    )
    modes = [name for name, _ in index.choices()["mode"]]
    mode = modes[0] if modes else ""
    known = known_models()
    rates = {name: rate for name, rate in claims.pass_rates(index, mode).items() if name not in known.baselines}
    return Overview(
        suite=manifest.suite or "",
        group=manifest.suite_digest or question_set_digest(questions),
        questions=len(questions),
        asked=counts.asked,
        made=counts.made or 0,
        scored=counts.scored or 0,
        mode=mode,
        rates=dict(sorted(rates.items(), key=lambda item: (-item[1].rate.value, item[0]))),
        changed=counts.changed,
    )


class Experiments:
    """All experiments below a folder. Several threads may use them; one searches at a time.

    Args:
        root: the folder.
        raters: how many people rate each video.
        bundled: whether the pages become files.
    """

    def __init__(self, root: Path, raters: int = 2, bundled: bool = False) -> None:
        self.root, self._raters, self.bundled = root, raters, bundled
        self._opened: dict[str, Experiment] = {}
        # Experiments that cannot be opened, with the reason.
        self.problems: dict[str, str] = {}
        self._searching = threading.Lock()

    def __iter__(self) -> Iterator[Experiment]:
        return iter(list(self._opened.values()))

    def get(self, slug: str) -> Experiment | None:
        """Return an experiment by its name in URLs; None if there is none."""
        return self._opened.get(slug)

    def _open(self, folders: ExperimentFolders) -> Experiment:
        return Experiment(folders, self._raters, self.bundled)

    def refresh(self) -> int:
        """Search again, and read what has changed. Return the number of changed samples.

        Raises:
            UsageError: there is no experiment.
        """
        with self._searching:
            found = find_experiments(self.root)
            if not found:
                raise UsageError(
                    f"there is no experiment below {self.root}",
                    "name a folder with questions and outputs, as `vmevalkit make` and `generate` write them",
                )
            opened, problems, changed = dict[str, Experiment](), dict[str, str](), 0
            for folders in found:
                try:
                    before = self._opened.get(folders.slug)
                    experiment = before if before and before.folders == folders else self._open(folders)
                    changed += experiment.index.refresh()
                    opened[folders.slug] = experiment
                except VMEvalError as error:
                    problems[folders.name] = str(error)
            self._opened, self.problems = opened, problems
            return changed


def results_of(experiment: Experiment, mode: str, baselines: bool) -> dict[str, dict[QuestionKey, list[bool]]]:
    """Return whether each video of an experiment passes, by model and question, seeds in order."""
    c = samples.c
    limits = [in_mode(mode), *([] if baselines else [sql.not_(c.baseline)])]
    found: dict[str, dict[QuestionKey, list[bool]]] = {}
    for row in experiment.index.rows(
        sql.select(c.model, c.task, c.question_id, c.passed)
        .where(*limits).order_by(c.model, c.task, c.question_id, c.seed)
    ):  # fmt: skip
        found.setdefault(row.model, {}).setdefault((row.task, row.question_id), []).append(row.passed)
    return found


def common_questions(results: list[dict[QuestionKey, list[bool]]]) -> list[QuestionKey]:
    """Return the questions that all were asked, sorted."""
    return sorted(set.intersection(*(set(found) for found in results))) if results else []


def as_array(results: dict[QuestionKey, list[bool]], questions: list[QuestionKey]) -> Array:
    """Return whether each video passes, (questions, seeds)."""
    return np.array([results[key] for key in questions])
