"""scores.csv and scores.parquet: one row for each sample."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from vmevalkit.reporting.paths import relative
from vmevalkit.store.experiment import ExperimentData, SampleRecord
from vmevalkit.suites import SuiteId
from vmevalkit.types import Score

COLUMNS: dict[str, Literal["string", "bool", "int64", "float64"]] = {
    "model": "string",
    "baseline": "bool",
    "task": "string",
    "question_id": "string",
    "seed": "int64",
    "kind": "string",
    "mode": "string",
    "difficulty": "int64",
    "plan_length": "int64",
    "phrasing": "int64",
    "suite": "string",
    "suite_digest": "string",
    "scorer": "string",
    "scorer_version": "string",
    "status": "string",
    "passed": "bool",
    "value": "float64",
    "outcome": "float64",
    "process": "float64",
    "preservation": "float64",
    "reason": "string",
    "explanation": "string",
    "notes": "string",
    "evidence_frame": "int64",
    "prompt": "string",
    "video": "string",
}

SCORE_COLUMNS = (*COLUMNS, "measures")


def rows_of(outputs: Path, data: ExperimentData, suite: SuiteId | None = None) -> list[dict[str, Any]]:
    """Return the samples as flat rows with the fields `COLUMNS`. `video` is relative to the folder of outputs."""
    return [_row(outputs, data, suite, sample, sample.score) for sample in data.samples]


def rows_of_scores(outputs: Path, data: ExperimentData, suite: SuiteId | None = None) -> list[dict[str, Any]]:
    """Return a row for each score of each scorer, and for each sample without any, with the fields `SCORE_COLUMNS`."""
    return [
        {
            **_row(outputs, data, suite, sample, score),
            "measures": json.dumps(score.measures) if score.measures else None,
        }
        for sample in data.samples
        for score in sample.written_scores or (sample.score,)
    ]


def _row(
    outputs: Path, data: ExperimentData, suite: SuiteId | None, sample: SampleRecord, score: Score
) -> dict[str, Any]:
    question_fields = {"baseline", "kind", "mode", "difficulty", "plan_length", "phrasing"}
    return {
        **score.model_dump(exclude={"tolerated"}),
        "notes": " ".join(score.notes),
        **sample.model_dump(include=question_fields),
        "suite": suite.name if suite else None,
        "suite_digest": suite.digest if suite else None,
        "prompt": data.prompts[score.task, score.question_id],
        "video": relative(sample.video, outputs) if sample.video else None,
    }


# Characters with which a formula may begin.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def to_csv(rows: list[dict[str, Any]], columns: Iterable[str] = COLUMNS) -> str:
    """Return the rows as CSV with a header. Texts are quoted, booleans are `true` and `false`, None is empty."""
    out = io.StringIO(newline="")
    # Texts are always quoted, because most readers end a line at a carriage return in a prompt that is not quoted.
    names = list(columns)
    writer = csv.DictWriter(out, names, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _plain(row[name]) for name in names})
    return out.getvalue()


def _plain(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else without_formula(value)


def without_formula(value: Any) -> Any:
    """Quote a text that a spreadsheet would take for a formula."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def to_parquet(rows: list[dict[str, Any]]) -> bytes:
    """Return the same table as Parquet, with types and nulls."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([(name, pa.type_for_alias(kind)) for name, kind in COLUMNS.items()])
    table = pa.Table.from_pylist([{name: row[name] for name in COLUMNS} for row in rows], schema=schema)
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    data: bytes = sink.getvalue().to_pybytes()
    return data
