"""VMEvalKit: its questions, videos and scores, and the dataset Video-Model-Start-To-Solve of the hub.

Layout: questions at `{domain}_task/{id}/`; videos at `{model}/{domain}_task/{id}/[{run}/]video/`, with a copy of the
question beside; scores at `{model}/{domain}_task/{id}/{Evaluator}.json`. Source: VMEvalKit@ae2e8dc.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from vmevalkit import store
from vmevalkit.errors import QuestionError
from vmevalkit.interop._folder import SourceFolder
from vmevalkit.interop._predictions import Answer, answers, write_predictions
from vmevalkit.interop._tables import image_in, parquet_files, plain, rows_of
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
    number,
    register_format,
    within,
)
from vmevalkit.reporting.paths import ExperimentPaths
from vmevalkit.types import QuestionMetadata

_LOWEST, _HIGHEST = 1.0, 5.0
"""Scale of `solution_correctness_score`."""

_RUN = "run_0"


@register_format
class VMEvalKit(Importer, Exporter):
    """VMEvalKit."""

    name = "vmevalkit"
    about = "VMEvalKit: questions, videos, and scores of its evaluators and raters."
    url = "https://github.com/Video-Reason/VMEvalKit"
    license = "Apache-2.0"
    version = "ae2e8dc"
    files = (".parquet",)

    def questions(self, source: Path, folder: SourceFolder) -> Iterator[ForeignQuestion | Unreadable]:
        """Yield the questions of a folder of questions, or of Parquet files."""
        columns = ("task_id", "domain", "prompt", "first_frame", "final_frame")
        tables = parquet_files(folder, source)
        for path in tables:
            yield from each(rows_of(folder, path, columns), partial(_in_row, folder))
        if not tables:
            for path in folder.files("**/*_task/*/first_frame.*"):
                yield from each([(folder.name(path.parent), path)], partial(_in_folder, folder))

    def videos(self, source: Path, folder: SourceFolder) -> Iterator[ForeignVideo | Unreadable]:
        """Yield the video of the latest run of each question; runs are named by their time."""
        for place in folder.folders("**/*_task/*"):
            files = [path for path in folder.files(f"{folder.name(place)}/**/video/*") if store.is_video(path.name)]
            if files:
                domain, model = place.parent, ("", *(folder.root.resolve() / folder.name(place)).parts)[-3]
                yield ForeignVideo(f"{domain.name}/{place.name}", model, files[-1])

    def scores(self, source: Path, folder: SourceFolder) -> Iterator[ForeignScore | Unreadable]:
        """Yield the scores at `{model}/{domain}_task/{id}/{Evaluator}.json`."""
        paths = [source] if source.is_file() else folder.files("**/*_task/*/*.json")
        return each(((folder.name(path), path) for path in paths), partial(_score, folder))

    def export(self, experiment: ExperimentPaths, target: Path) -> Exported:
        """Write each video with its question at `{model}/{domain}_task/{id}/run_0/`, as its evaluators expect."""
        done = write_predictions(
            self, experiment, target, lambda video: f"{_place(video)}/video/video.mp4", any_question=True
        )
        for answer in answers(experiment, self, any_question=True):
            beside = target / _place(answer) / "question"
            for path in answer.question.files:
                if path.is_file() and store.is_inside_set(answer.question, path):
                    with store.replacing(beside / path.name) as temporary:
                        shutil.copyfile(path, temporary)
        return done


def _place(answer: Answer) -> str:
    return f"{answer.model}/{answer.question.task}_task/{answer.question.id}/{_RUN}"


def _in_folder(folder: SourceFolder, first_frame: Path) -> ForeignQuestion:
    place = first_frame.parent
    name = folder.name(place)
    if (place / "question_metadata.json").is_file():
        _check_foreign(place / "question_metadata.json")
    domain = place.parent.name.removesuffix("_task")
    return ForeignQuestion(
        original_id=f"{place.parent.name}/{place.name}",
        task=domain,
        id=place.name,
        prompt=folder.text(f"{name}/prompt.txt", store.PROMPT_LIMIT),
        first_frame=first_frame,
        final_frame=folder.optional(f"{name}/final_frame.png"),
        ground_truth=folder.optional(f"{name}/ground_truth.mp4"),
    )


def _check_foreign(path: Path) -> None:
    """Check that a question is not one that this kit made: an import would lose what its rule needs.

    Raises:
        QuestionError: it is.
    """
    try:
        store.read_record(path, QuestionMetadata)
    except QuestionError:
        return
    raise QuestionError("it is a question of this kit, which needs no import", "use its folder as --questions")


def _in_row(folder: SourceFolder, row: dict[str, Any]) -> ForeignQuestion:
    domain, name = str(row.get("domain") or "questions"), str(row.get("task_id"))
    return ForeignQuestion(
        original_id=f"{domain}_task/{name}",
        task=domain,
        id=name,
        prompt=row.get("prompt"),
        first_frame=image_in(row.get("first_frame"), folder),
        final_frame=image_in(row.get("final_frame"), folder),
        details=plain(row, "prompt", "task_id", "domain", "first_frame", "final_frame"),
    )


def _score(folder: SourceFolder, path: Path) -> ForeignScore:
    found = mapping(folder.json(folder.name(path)), path)
    about, result = mapping(found.get("metadata"), path), mapping(found.get("result"), path)
    if "solution_correctness_score" not in result:
        raise QuestionError(f"{path} has no solution_correctness_score: {str(result.get('error'))!r:.100}")
    stars = number(result["solution_correctness_score"], path)
    parts = ("", "", "", *(folder.root.resolve() / folder.name(path)).parts)
    named = zip(("model_name", "task_type", "task_id"), parts[-4:-1], strict=True)
    model, domain, name = (str(about.get(key) or part) for key, part in named)
    rater = about.get("annotator")
    scorer = f"{about.get('evaluator') or path.stem}{f'.{rater}' if rater else ''}"
    return ForeignScore(
        original_id=f"{domain}/{name}",
        model=model,
        scorer=f"vmevalkit.{scorer}",
        value=within(stars, _LOWEST, _HIGHEST),
        measures={"solution_correctness_score": stars},
        explanation=str(result.get("explanation") or result.get("comments") or ""),
    )
