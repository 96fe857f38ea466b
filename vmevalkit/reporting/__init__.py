"""The report: a page with every video and its verdict, and the numbers as CSV, Parquet, JSON and LaTeX."""

from __future__ import annotations

import logging
from pathlib import Path

from vmevalkit import defaults, store
from vmevalkit.reporting.catalog import known_models
from vmevalkit.reporting.latex import to_tex
from vmevalkit.reporting.media import question_images, report_videos
from vmevalkit.reporting.notes import notes_about
from vmevalkit.reporting.page import render
from vmevalkit.reporting.paths import ExperimentPaths
from vmevalkit.reporting.plots import figures, to_bytes
from vmevalkit.reporting.summary import summarize
from vmevalkit.reporting.tables import rows_of, to_csv, to_parquet
from vmevalkit.store.experiment import read_experiment
from vmevalkit.suites import identify

__all__ = ["report"]

log = logging.getLogger(__name__)


def report(
    questions: Path = defaults.QUESTIONS,
    outputs: Path = defaults.OUTPUTS,
    scores: Path = defaults.SCORES,
    report: Path = defaults.REPORT,
    title: str | None = None,
) -> Path:
    """Write the report of an experiment.

    Its files are index.html, scores.csv, scores.parquet, summary.json, table.tex, figures as SVG and PDF, and the
    images of the page. The page links to the videos by relative paths and opens from disk. The same input gives the
    same bytes. Images that are up to date are reused, and nothing is deleted.

    Args:
        questions, outputs, scores: folders of the question set, the experiment's videos and its scores.
        report: folder of the report.
        title: heading of the page; by default the name of the experiment.

    Returns:
        Path of index.html, which is written last.

    Raises:
        UsageError: there are no questions.
        StorageError: the report's folder cannot be written.
    """
    paths = ExperimentPaths(Path(questions), Path(outputs), Path(scores), Path(report))
    data = read_experiment(paths.questions, paths.outputs, paths.scores, known_models())
    notes = notes_about(paths, data)
    suite = identify(paths.questions, data.questions)
    summary = summarize(paths, data, notes, suite)
    rows = rows_of(paths.outputs, data, suite)
    store.write_text(paths.report / "scores.csv", to_csv(rows))
    store.write_bytes(paths.report / "scores.parquet", to_parquet(rows))
    store.write_record(paths.report / "summary.json", summary)
    store.write_text(paths.report / "table.tex", to_tex(summary))
    for name, figure in figures(data.samples, summary.analysis).items():
        for kind in ("svg", "pdf"):
            store.write_bytes(paths.report / f"{name}.{kind}", to_bytes(figure, kind))
    media = paths.report / "media"
    images = question_images(media, data.questions)
    videos = report_videos(media, data.samples)
    index = paths.report / "index.html"
    for name, content in render(paths, data, summary, notes, images, videos, title):
        store.write_text(paths.report / name, content)
    log.info("%d samples of %d questions in %s", summary.samples, summary.questions, index)
    return index
