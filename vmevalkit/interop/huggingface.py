"""A dataset for the Hugging Face hub: questions and results as Parquet with images and videos, and a card.

`datasets.load_dataset(DIR, "results")` reads it, and the hub's viewer shows it after an upload of the folder. The types
of the columns are in the metadata of the Parquet files, where `datasets` looks for them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from vmevalkit import store
from vmevalkit.interop.base import Exported, Exporter, register_format
from vmevalkit.interop.card import Card, read_card, to_markdown
from vmevalkit.reporting.catalog import known_models
from vmevalkit.reporting.paths import ExperimentPaths
from vmevalkit.reporting.tables import COLUMNS, rows_of_scores
from vmevalkit.reporting.text import count
from vmevalkit.store.experiment import ExperimentData, read_experiment
from vmevalkit.suites import SuiteId, identify
from vmevalkit.types import Question

SHARD_BYTES = 400_000_000
"""Size from which a new file is begun; the hub asks for files below 5 GB, and its viewer for smaller ones."""

GROUP_BYTES = 50_000_000
"""Size of a row group: the hub's viewer reads one at a time."""

OWN_LICENSE = "apache-2.0"
"""License of questions that the kit made."""

# As the hub abbreviates them.
_LICENSES = {"Apache-2.0": "apache-2.0", "MIT": "mit", "CC-BY-NC-4.0": "cc-by-nc-4.0"}
_TYPES = {"string": "string", "bool": "bool", "int64": "int64", "float64": "float64"}

Row = dict[str, Any]

QUESTION_COLUMNS = {
    "task": "string", "question_id": "string", "prompt": "string", "first_frame": "Image", "final_frame": "Image",
    "ground_truth": "Video", "mode": "string", "difficulty": "int64", "plan_length": "int64", "seed": "int64",
    "task_version": "int64", "puzzle": "string", "source": "string", "license": "string", "original_id": "string",
}  # fmt: skip

RESULT_COLUMNS = {
    **{name: kind for name, kind in COLUMNS.items() if name not in ("prompt", "video")},
    "measures": "string", "prompt": "string", "video": "Video",
}  # fmt: skip


@register_format
class HuggingFaceDataset(Exporter):
    """A dataset for the Hugging Face hub."""

    name = "huggingface"
    about = "A Hugging Face dataset: questions and results as Parquet with images and videos, and a card."
    url = "https://huggingface.co/docs/datasets"

    def export(self, experiment: ExperimentPaths, target: Path) -> Exported:
        """Write README.md, data/questions-*.parquet and data/results-*.parquet."""
        data = read_experiment(experiment.questions, experiment.outputs, experiment.scores, known_models())
        suite = identify(experiment.questions, data.questions)
        results = rows_of_scores(experiment.outputs, data, suite)
        written = [
            _write(target / "data", "questions", QUESTION_COLUMNS, (_question(data, q) for q in data.questions)),
            _write(target / "data", "results", RESULT_COLUMNS, _results(experiment, results)),
        ]
        store.write_text(target / "README.md", _readme(read_card(experiment), data, suite))
        what = f"{count(len(data.questions), 'question')} and {count(len(results), 'score')} in {sum(written)} files"
        return Exported(what, target, hint=f"to upload it: hf upload OWNER/NAME {target} --repo-type dataset")


def _question(data: ExperimentData, question: Question) -> Row:
    metadata, source = question.metadata, data.sources.get((question.task, question.id))
    made = (
        metadata.model_dump(include={"mode", "difficulty", "plan_length", "seed", "task_version"}) if metadata else {}
    )
    return {
        "task": question.task,
        "question_id": question.id,
        "prompt": data.prompts[question.task, question.id],
        "first_frame": _file(question, question.first_frame),
        "final_frame": _file(question, question.final_frame),
        "ground_truth": _file(question, question.ground_truth),
        **made,
        "puzzle": json.dumps(metadata.puzzle) if metadata else None,
        "source": source.url if source else None,
        "license": source.license if source else OWN_LICENSE if metadata else None,
        "original_id": source.original_id if source else None,
    }


def _file(question: Question, path: Path) -> Row | None:
    """Return a file as the hub stores images and videos; None if there is none in the question set."""
    if not path.is_file() or not store.is_inside_set(question, path):
        return None
    return {"bytes": path.read_bytes(), "path": f"{question.id}{path.suffix}"}


def _results(experiment: ExperimentPaths, rows: Iterable[Row]) -> Iterator[Row]:
    """Yield the scores, each with its video. Videos of several scores are stored several times."""
    for row in rows:
        path = experiment.outputs / row["video"] if row["video"] else None
        if path is not None and not path.resolve().is_relative_to(experiment.outputs.resolve()):
            # A link that leaves the experiment may point to anything.
            path = None
        name = f"{row['model']}-{row['question_id']}{store.seed_suffix(row['seed'])}{path.suffix if path else ''}"
        yield {**row, "video": {"bytes": path.read_bytes(), "path": name} if path else None}


def _write(folder: Path, name: str, columns: dict[str, str], rows: Iterable[Row]) -> int:
    """Write rows into files `NAME-00000.parquet`, and return the number of files."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = _schema(columns)
    number = -1
    writer: Any = None
    written = 0
    for group in _groups(rows):
        table = pa.Table.from_pylist([{column: row.get(column) for column in columns} for row in group], schema=schema)
        if writer is None or written > SHARD_BYTES:
            if writer is not None:
                writer.close()
            number, written = number + 1, 0
            sink = folder / f"{name}-{number:05d}.parquet"
            sink.parent.mkdir(parents=True, exist_ok=True)
            writer = pq.ParquetWriter(sink, schema)
        writer.write_table(table)
        written += table.nbytes
    if writer is not None:
        writer.close()
    return number + 1


def _groups(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Yield rows in groups of a limited size."""
    group: list[Row] = []
    size = 0
    for row in rows:
        group.append(row)
        size += sum(len(value["bytes"]) for value in row.values() if isinstance(value, dict))
        if size >= GROUP_BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group


def _schema(columns: dict[str, str]) -> Any:
    import pyarrow as pa

    media = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    fields = [
        (name, media if kind in ("Image", "Video") else pa.type_for_alias(kind)) for name, kind in columns.items()
    ]
    described = json.dumps({"info": {"features": {name: _feature(kind) for name, kind in columns.items()}}})
    return pa.schema(fields, metadata={"huggingface": described})


def _feature(kind: str) -> Row:
    return {"_type": kind} if kind in ("Image", "Video") else {"dtype": _TYPES[kind], "_type": "Value"}


def _readme(card: Card, data: ExperimentData, suite: SuiteId | None) -> str:
    licenses = sorted({source.license for source in data.sources.values()})
    if any(question.metadata for question in data.questions):
        licenses = sorted({*licenses, "Apache-2.0"})
    known = _LICENSES.get(licenses[0]) if len(licenses) == 1 else None
    head = {
        "license": known or "other",
        "task_categories": ["image-to-video"],
        "tags": ["video-reasoning", "vmevalkit", *([suite.name] if suite else [])],
        "configs": [
            {
                "config_name": name,
                "data_files": f"data/{name}-*.parquet",
                **({"default": True} if name == "results" else {}),
            }
            for name in ("questions", "results")
        ],
    }
    # JSON is YAML.
    lines = ["---", *(f"{key}: {json.dumps(value)}" for key, value in head.items()), "---", ""]
    lines += [
        f"Licenses of the questions: {', '.join(licenses) or 'unknown'}. Videos were made by the models named below.",
        "",
    ]
    lines += [
        "Two configurations: `questions` (first frame, prompt, reference, puzzle) and `results` (a row for each score "
        "of each scorer, with the video). `load_dataset(DIR, NAME)` reads them; without torchcodec, cast videos to "
        "`Video(decode=False)`.",
        "",
    ]
    return "\n".join(lines) + to_markdown(card)
