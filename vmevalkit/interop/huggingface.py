"""A dataset for the Hugging Face hub: questions, videos and scores as Parquet with images and videos, and a card.

`datasets.load_dataset(DIR, "videos")` reads it, and the hub's viewer shows it after an upload of the folder. The types
of the columns are in the metadata of the Parquet files, where `datasets` looks for them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from vmevalkit import store
from vmevalkit.interop.base import Exported, Exporter, register_format
from vmevalkit.interop.card import Card, read_card, to_markdown
from vmevalkit.reporting.asked import read_comparable
from vmevalkit.reporting.paths import ExperimentPaths
from vmevalkit.reporting.tables import COLUMNS, rows_of, rows_of_scores
from vmevalkit.reporting.text import count
from vmevalkit.store.experiment import ExperimentData
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

_WITHOUT_VIDEO = {name: kind for name, kind in COLUMNS.items() if name not in ("prompt", "video")}

VIDEO_COLUMNS = {**_WITHOUT_VIDEO, "prompt": "string", "video": "Video"}

SCORE_COLUMNS = {**_WITHOUT_VIDEO, "measures": "string"}


@register_format
class HuggingFaceDataset(Exporter):
    """A dataset for the Hugging Face hub."""

    name = "huggingface"
    about = "A Hugging Face dataset: questions, videos and scores as Parquet with images and videos, and a card."
    url = "https://huggingface.co/docs/datasets"

    def export(self, experiment: ExperimentPaths, target: Path) -> Exported:
        """Write README.md and `data/NAME-00000.parquet` for each configuration.

        Further files of an earlier export are removed, because readers would take them for a part of this one.
        """
        data = read_comparable(experiment)
        suite = identify(experiment.questions, data.questions)
        videos, scores = rows_of(experiment.outputs, data, suite), rows_of_scores(experiment.outputs, data, suite)
        files = [
            _write(target / "data", "questions", QUESTION_COLUMNS, (_question(data, q) for q in data.questions)),
            _write(target / "data", "videos", VIDEO_COLUMNS, _with_videos(experiment, videos)),
            _write(target / "data", "scores", SCORE_COLUMNS, scores),
        ]
        store.write_text(target / "README.md", _readme(read_card(experiment), data, suite))
        numbers = (count(len(data.questions), "question"), count(len(videos), "video"), count(len(scores), "score"))
        hint = f"to upload it: hf upload OWNER/NAME {target} --repo-type dataset"
        return Exported(f"{', '.join(numbers)} in {sum(files)} files", target, hint=hint)


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


def _with_videos(experiment: ExperimentPaths, rows: Iterable[Row]) -> Iterator[Row]:
    """Yield the samples with their videos. A link that leaves the experiment may point to anything, and is left out."""
    for row in rows:
        path = experiment.outputs / row["video"] if row["video"] else None
        if path is not None and not path.resolve().is_relative_to(experiment.outputs.resolve()):
            path = None
        name = f"{row['model']}-{row['question_id']}{store.seed_suffix(row['seed'])}{path.suffix if path else ''}"
        yield {**row, "video": {"bytes": path.read_bytes(), "path": name} if path else None}


def _write(folder: Path, name: str, columns: Mapping[str, str], rows: Iterable[Row]) -> int:
    """Write rows into files `NAME-00000.parquet` and so on, and return the number of files."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = _schema(columns)
    groups = _groups(rows)
    group = next(groups, [])
    number = 0
    while group or not number:
        with store.replacing(_shard(folder, name, number)) as temporary, pq.ParquetWriter(temporary, schema) as writer:
            written = 0
            while group and written <= SHARD_BYTES:
                cells = [{column: row.get(column) for column in columns} for row in group]
                table = pa.Table.from_pylist(cells, schema=schema)
                writer.write_table(table)
                written += table.nbytes
                group = next(groups, [])
        number += 1
    for stale in range(number, number + len(store.glob(folder, f"{name}-*.parquet"))):
        _shard(folder, name, stale).unlink(missing_ok=True)
    return number


def _shard(folder: Path, name: str, number: int) -> Path:
    return folder / f"{name}-{number:05d}.parquet"


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


def _schema(columns: Mapping[str, str]) -> Any:
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
    licenses = sorted({" ".join(source.license.split()) for source in data.sources.values()})
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
                **({"default": True} if name == "videos" else {}),
            }
            for name in ("questions", "videos", "scores")
        ],
    }
    # JSON is YAML.
    lines = ["---", *(f"{key}: {json.dumps(value)}" for key, value in head.items()), "---", ""]
    lines += [
        f"Licenses of the questions: {', '.join(licenses) or 'unknown'}. Videos were made by the models named below.",
        "",
    ]
    lines += [
        "Three configurations: `questions` (first frame, prompt, reference, puzzle), `videos` (a row for each video, "
        "with the verdict of the rule scorer) and `scores` (a row for each score of each scorer). "
        "`load_dataset(DIR, NAME)` reads them; without torchcodec, cast videos to `Video(decode=False)`.",
        "",
    ]
    return "\n".join(lines) + to_markdown(card)
