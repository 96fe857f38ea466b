"""The report: one page that shows every video with its verdict, and the numbers as CSV, Parquet, JSON and LaTeX."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from types import ModuleType

from vmevalkit import defaults, store
from vmevalkit.reporting.media import question_pictures, videos
from vmevalkit.reporting.page import render
from vmevalkit.reporting.plots import drawn, figures
from vmevalkit.reporting.rows import ExperimentPaths, gather
from vmevalkit.reporting.tables import records, summarize, to_csv, to_parquet, to_tex

__all__ = ["report"]

log = logging.getLogger(__name__)


def report(
    questions: Path = defaults.QUESTIONS,
    outputs: Path = defaults.OUTPUTS,
    scores: Path = defaults.SCORES,
    report: Path = defaults.REPORT,
) -> Path:
    """Show an experiment: index.html, scores.csv, scores.parquet, summary.json, table.tex, figures as SVG and PDF for
    papers, and the page's pictures.

    The page refers to the videos where they lie, by relative paths, and opens from disk. The same input gives the same
    bytes; pictures that are up to date are kept, and nothing is deleted.

    Returns:
        Path of index.html, which is written last.

    Raises:
        UsageError: there are no questions.
        StorageError: the report's folder cannot be written.
    """
    places = ExperimentPaths(Path(questions), Path(outputs), Path(scores), Path(report))
    gathered = gather(places)
    summary = summarize(places, gathered)
    samples = records(places.outputs, gathered.rows)
    store.write_text(places.report / "scores.csv", to_csv(samples))
    store.write_bytes(places.report / "scores.parquet", to_parquet(samples))
    store.write_record(places.report / "summary.json", summary)
    store.write_text(places.report / "table.tex", to_tex(summary))
    for name, figure in figures(gathered.rows, summary.analysis).items():
        for kind in ("svg", "pdf"):
            store.write_bytes(places.report / f"{name}.{kind}", drawn(figure, kind))
    media = places.report / "media"
    pictures = question_pictures(media, gathered.questions)
    shown = videos(media, gathered.rows)
    index = places.report / "index.html"
    store.write_text(index, render(places, gathered, summary, pictures, shown))
    log.info("%d samples of %d questions in %s", summary.samples, summary.questions, index)
    return index


class _Verb(ModuleType):
    """A package that can be called."""

    def __call__(
        self,
        questions: Path = defaults.QUESTIONS,
        outputs: Path = defaults.OUTPUTS,
        scores: Path = defaults.SCORES,
        report: Path = defaults.REPORT,
    ) -> Path:
        return _report(questions, outputs, scores, report)


# The verb and its package have one name, and importing a package puts it into its parent in the verb's place: so
# `vmevalkit.reporting(...)` must mean the same whichever of the two it finds.
_report = report
sys.modules[__name__].__class__ = _Verb
