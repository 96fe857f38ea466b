"""An experiment in Python: its scores as a table, its videos, its numbers and its figures."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from vmevalkit import defaults, store
from vmevalkit.errors import UnknownName, UsageError
from vmevalkit.files import glob
from vmevalkit.reporting.asked import read_comparable
from vmevalkit.reporting.notes import notes_about
from vmevalkit.reporting.paths import ExperimentPaths
from vmevalkit.reporting.plots import difficulty_curves, length_curves
from vmevalkit.reporting.summary import Summary, summarize
from vmevalkit.reporting.tables import COLUMNS, rows_of
from vmevalkit.store.experiment import ExperimentData, SampleRecord
from vmevalkit.suites import identify
from vmevalkit.types import Mode, Question, Score

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

# Types of pandas that have a missing value.
_DTYPES = {"string": "string", "bool": "boolean", "int64": "Int64", "float64": "Float64"}


def load(
    experiment: str | Path | None = None,
    *,
    questions: Path | str | None = None,
    outputs: Path | str | None = None,
    scores: Path | str | None = None,
) -> Experiment:
    """Read an experiment: its questions, videos and scores.

    Args:
        experiment: name of the experiment, or its folder of outputs; by default, the default folders are read.
        questions, outputs, scores: folders, where they are others than those of that name.

    Raises:
        UnknownName: there is no experiment of this name.
        UsageError: there are no questions.
    """
    folders = _folders(experiment)
    given = {"questions": questions, "outputs": outputs, "scores": scores}
    folders.update({name: Path(path) for name, path in given.items() if path is not None})
    return Experiment(ExperimentPaths(**folders))


def _folders(experiment: str | Path | None) -> dict[str, Path]:
    if experiment is None:
        return {"questions": defaults.QUESTIONS, "outputs": defaults.OUTPUTS, "scores": defaults.SCORES}
    name = Path(experiment).name
    folders = defaults.experiment_folders(name)
    if name != str(experiment):
        folders["outputs"] = Path(experiment)
    if not folders["outputs"].is_dir():
        known = [folder.name for folder in glob(defaults.OUTPUTS.parent, "*") if os.path.isdir(folder)]
        if name == str(experiment):
            raise UnknownName(f"experiment in {defaults.OUTPUTS.parent}", name, known)
        raise UsageError(f"there is no folder {experiment}", "give the name of an experiment, or its folder of outputs")
    return folders


class Experiment:
    """An experiment as it was on disk when it was first looked at. `vmevalkit.load` returns it.

    Args:
        paths: its folders.

    Raises:
        UsageError: there are no questions, or results are about others.
    """

    def __init__(self, paths: ExperimentPaths) -> None:
        self.paths = paths
        self._data: ExperimentData = read_comparable(paths)
        self._suite = identify(paths.questions, self._data.questions)

    @property
    def name(self) -> str:
        """The name of the folder of outputs."""
        return self.paths.outputs.absolute().name

    @property
    def models(self) -> list[str]:
        """The models, before the baselines."""
        return list(self._data.models)

    @property
    def tags(self) -> tuple[str, ...]:
        """The words that are stored with the experiment (`generate --tag`)."""
        return store.read_tags(self.paths.outputs)

    @property
    def questions(self) -> list[Question]:
        """The whole question set."""
        return list(self._data.questions)

    @property
    def records(self) -> list[SampleRecord]:
        """Every sample of the denominator, with the scores by all scorers."""
        return list(self._data.samples)

    @property
    def videos(self) -> list[store.Sample]:
        """The samples that have a video."""
        return [self._sample(record.score) for record in self._data.samples if record.video is not None]

    @cached_property
    def scores(self) -> pandas.DataFrame:
        """One row for each sample of the denominator, scored or not, with the columns of scores.csv.

        `video` is the path of the video; it is missing where there is none.
        """
        import pandas as pd

        rows = rows_of(self.paths.outputs, self._data, self._suite)
        for row, record in zip(rows, self._data.samples, strict=True):
            row["video"] = str(record.video) if record.video is not None else None
        return pd.DataFrame(
            {name: pd.Series([row[name] for row in rows], dtype=_DTYPES[kind]) for name, kind in COLUMNS.items()}
        )

    @cached_property
    def summary(self) -> Summary:
        """The numbers of the report, as in summary.json."""
        return summarize(self.paths, self._data, notes_about(self.paths, self._data), self._suite)

    def sample(self, model: str, question_id: str, seed: int = defaults.DEFAULT_SEED) -> store.Sample:
        """Return a sample, which shows its video in a notebook.

        Raises:
            UnknownName: there is no such model or question.
        """
        if model not in self._data.models:
            raise UnknownName(f"model in {self.paths.outputs}", model, self._data.models)
        return self._sample(self.score(model, question_id, seed))

    def score(self, model: str, question_id: str, seed: int = defaults.DEFAULT_SEED) -> Score:
        """Return the score of a sample by the rule scorer.

        Raises:
            UnknownName: there is no such sample.
        """
        found = {record.score.question_id: record.score for record in self._data.samples
                 if (record.score.model, record.score.seed) == (model, seed)}  # fmt: skip
        if question_id not in found:
            raise UnknownName(f"question of {model} with seed {seed}", question_id, found)
        return found[question_id]

    def plot_difficulty(self, mode: Mode = "solve") -> Figure:
        """Plot the pass rates of the models against difficulty.

        Raises:
            UsageError: no model was asked in this mode.
        """
        counts: dict[str, dict[int, list[int]]] = {}
        for record in self._data.samples:
            if record.mode == mode and record.difficulty is not None and not record.baseline:
                cell = counts.setdefault(record.score.model, {}).setdefault(record.difficulty, [0, 0])
                cell[0] += record.verdict == "pass"
                cell[1] += 1
        self._require(counts, mode)
        return difficulty_curves(
            {model: {level: (c[0], c[1]) for level, c in cells.items()} for model, cells in counts.items()}
        )

    def plot_plan_length(self, mode: Mode = "solve") -> Figure:
        """Plot the pass rates of the models against the plan length.

        Raises:
            UsageError: no model was asked in this mode.
        """
        standings = [s for s in self.summary.analysis.standings if s.mode == mode and not s.baseline and s.bins]
        self._require(standings, mode)
        return length_curves(standings)

    def _require(self, found: object, mode: Mode) -> None:
        if not found:
            raise UsageError(f"{self.name} has no scores of models in mode {mode}", "baselines are not plotted")

    def _sample(self, score: Score) -> store.Sample:
        return store.Sample(
            outputs=self.paths.outputs, model=score.model, task=score.task, question_id=score.question_id,
            seed=score.seed,
        )  # fmt: skip

    def __repr__(self) -> str:
        videos = sum(record.video is not None for record in self._data.samples)
        return f"<Experiment {self.name}: {len(self._data.questions)} questions, {videos} videos>"

    def _repr_html_(self) -> str:
        return self.summary._repr_html_()
