"""RULER-Bench: 622 questions of 40 tasks, each with a checklist that a vision-language model answers.

Layout: `data.jsonl` (task_name, index, prompt, checklist, and paths of images below the folder), videos at
`{model}/{task}/{index}.mp4`, results at `{model}/{task}/{index}.json`. Source: hexmSeeU/RULER-Bench@c9f133d.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from vmevalkit import store
from vmevalkit.errors import QuestionError
from vmevalkit.interop._folder import SourceFolder
from vmevalkit.interop._predictions import write_predictions
from vmevalkit.interop._tables import image_in, plain
from vmevalkit.interop.base import (
    Exported,
    Exporter,
    ForeignQuestion,
    ForeignScore,
    ForeignVideo,
    Importer,
    Unreadable,
    each,
    mapping,
    register_format,
    text_of,
)
from vmevalkit.reporting.paths import ExperimentPaths

GRADES = {"Good": 2.0, "Medium": 1.0, "Poor": 0.0}
"""Points for an answer of the checklist, as in its cal_acc.py."""

_IMAGES = ("input_image_path", "image", "gt_image_path", "gt_image")


@register_format
class RULERBench(Importer, Exporter):
    """RULER-Bench."""

    name = "ruler-bench"
    about = "RULER-Bench: questions that have an image, answers, and the grades of its checklists."
    url = "https://github.com/hexmSeeU/RULER-Bench"
    license = "MIT"
    version = "c9f133d"
    files = (".jsonl", ".json")

    def questions(self, source: Path, folder: SourceFolder) -> Iterator[ForeignQuestion | Unreadable]:
        """Yield the questions of data.jsonl. Those that have only a prompt are left out."""
        for path in [source] if source.is_file() else folder.files("**/data.jsonl"):
            rows = enumerate(folder.json_lines(folder.name(path)), 1)
            yield from each(((f"line {n}", row) for n, row in rows), partial(_question, folder, path.parent))

    def videos(self, source: Path, folder: SourceFolder) -> Iterator[ForeignVideo | Unreadable]:
        """Yield the videos at `{model}/{task}/{index}.mp4`."""
        for path in folder.files("**/*.mp4"):
            *_, model, task = ("", "", *(folder.root.resolve() / folder.name(path)).parts[:-1])
            yield ForeignVideo(f"{task}/{path.stem}", model, path)

    def scores(self, source: Path, folder: SourceFolder) -> Iterator[ForeignScore | Unreadable]:
        """Yield the grades at `{model}/{task}/{index}.json`."""
        paths = [source] if source.is_file() else folder.files("**/*.json")
        return each(((folder.name(path), path) for path in paths), partial(_score, folder))

    def export(self, experiment: ExperimentPaths, target: Path) -> Exported:
        """Write the videos at `{model}/{task}/{index}.mp4`."""
        return write_predictions(self, experiment, target)


def _question(folder: SourceFolder, beside: Path, value: object) -> ForeignQuestion:
    row = mapping(value, "a line of data.jsonl")
    task, index = row.get("task_name"), row.get("index")
    if not isinstance(task, str) or not isinstance(index, (str, int)):
        raise QuestionError("it has no task_name and index")
    prefix = folder.name(beside) if beside != folder.root else ""

    def image(*names: str) -> Any:
        name = text_of(row, *names)
        return image_in(f"{prefix}/{name}" if prefix and name else name, folder)

    return ForeignQuestion(
        original_id=f"{task}/{index}",
        task=task,
        id=f"{task}_{index}",
        prompt=row.get("prompt"),
        first_frame=image("input_image_path", "image"),
        final_frame=image("gt_image_path", "gt_image"),
        reference=text_of(row, "implicit_explanation"),
        details=plain(row, "prompt", "implicit_explanation", *_IMAGES),
    )


def _score(folder: SourceFolder, path: Path) -> ForeignScore:
    row = mapping(folder.json(folder.name(path)), path)
    grades, checklist = row.get("eval_results"), row.get("checklist")
    if not isinstance(grades, list) or not isinstance(checklist, list) or len(grades) != len(checklist) or not grades:
        raise QuestionError(f"{path} has not one of eval_results for each item of its checklist")
    points: defaultdict[str, list[float]] = defaultdict(list)
    for grade, item in zip(grades, checklist, strict=True):
        if not isinstance(item, Mapping) or not item or not isinstance(grade, str) or grade not in GRADES:
            raise QuestionError(f"{path}: {grade!r:.40} is none of {', '.join(GRADES)}")
        points[str(next(iter(item)))].append(GRADES[grade])
    # The mean over dimensions of the mean in each, as its cal_acc.py computes it.
    means = {name: sum(found) / len(found) for name, found in points.items()}
    return ForeignScore(
        original_id=f"{row.get('task_name')}/{row.get('index')}",
        model=("", "", *(folder.root.resolve() / folder.name(path)).parts)[-3],
        scorer="ruler-bench",
        value=sum(means.values()) / len(means) / max(GRADES.values()),
        measures=means,
        explanation=str(row.get("reasoning") or "")[: store.PROMPT_LIMIT],
    )
