"""CSV: a row for each score of each scorer, for spreadsheets and R."""

from __future__ import annotations

from pathlib import Path

from vmevalkit import store
from vmevalkit.interop.base import Exported, Exporter, register_format
from vmevalkit.reporting.asked import read_comparable
from vmevalkit.reporting.paths import ExperimentPaths
from vmevalkit.reporting.tables import SCORE_COLUMNS, rows_of_scores, to_csv
from vmevalkit.reporting.text import count
from vmevalkit.suites import identify


@register_format
class ScoresCSV(Exporter):
    """CSV."""

    name = "csv"
    about = "CSV: a row for each score of each scorer. Texts that a spreadsheet would take for formulas are quoted."
    url = "https://www.rfc-editor.org/rfc/rfc4180"

    def export(self, experiment: ExperimentPaths, target: Path) -> Exported:
        """Write scores.csv."""
        data = read_comparable(experiment)
        rows = rows_of_scores(experiment.outputs, data, identify(experiment.questions, data.questions))
        store.write_text(target / "scores.csv", to_csv(rows, SCORE_COLUMNS))
        return Exported(f"scores.csv with {count(len(rows), 'row')}", target)
