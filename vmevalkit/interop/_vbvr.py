"""What the formats of VBVR share: a folder with a few files for each question."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from vmevalkit.errors import QuestionError
from vmevalkit.interop._folder import SourceFolder
from vmevalkit.interop.base import (
    ForeignQuestion,
    ForeignScore,
    ForeignVideo,
    Unreadable,
    each,
    mapping,
    number,
    within,
)
from vmevalkit.store import PROMPT_LIMIT

_METADATA_LIMIT = 2**20


def files_of(folder: SourceFolder, first_frame: Path) -> dict[str, Any]:
    """Return prompt, references and details of the question whose first frame lies at a path."""
    where = folder.name(first_frame.parent)
    found = {name: _beside(folder, where, name) for name in ("prompt.txt", "final_frame.png", "ground_truth.mp4")}
    details: dict[str, Any] = {}
    if (file := _beside(folder, where, "metadata.json")) is not None:
        if file.stat().st_size > _METADATA_LIMIT:
            raise QuestionError(f"{file} has more than {_METADATA_LIMIT} bytes")
        details["metadata"] = folder.json(folder.name(file))
    if found["prompt.txt"] is None:
        raise QuestionError(f"{first_frame.parent} has no prompt.txt")
    return {
        "first_frame": first_frame,
        "prompt": folder.text(folder.name(found["prompt.txt"]), PROMPT_LIMIT),
        "final_frame": found["final_frame.png"],
        "ground_truth": found["ground_truth.mp4"],
        "details": details,
    }


def _beside(folder: SourceFolder, where: str, name: str) -> Path | None:
    return folder.optional(name if where == "." else f"{where}/{name}")


def in_folder(folder: SourceFolder, place: tuple[str, ...], first_frame: Path) -> ForeignQuestion:
    """Return the question at `{split}/{task}/{index}/`."""
    _, task, index = place
    return ForeignQuestion("/".join(place), task, id=f"{task}_{index}", **files_of(folder, first_frame))


def places(folder: SourceFolder, name: str, depth: int) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """Yield each file of a name below a folder, with the names of the last `depth` folders that it lies in.

    Folders above the one that the user named count, too, so that naming a part of the benchmark gives the same ids.
    """
    above = folder.root.resolve().parts
    for path in folder.files(f"**/{name}"):
        place = (*above, *path.relative_to(folder.root).parts[:-1])[-depth:]
        if len(place) == depth:
            yield path, place


def predictions(folder: SourceFolder) -> Iterator[ForeignVideo]:
    """Yield the videos at `{model}/{split}/{task}/{index}.mp4`; that of the named folder itself if it is a model's."""
    for path, (model, split, task) in places(folder, "*.mp4", 3):
        yield ForeignVideo(f"{split}/{task}/{path.stem}", model, path)


def results(folder: SourceFolder, source: Path, scorer: str) -> Iterator[ForeignScore | Unreadable]:
    """Yield the scores of the files `*.json` that VBVR's evaluators write.

    Those of VBVR-Bench have a list `detailed`, those of VBVR-Pro-Bench a list `samples`.
    """
    for path in [source] if source.is_file() else folder.files("**/*.json"):
        found = folder.json(folder.name(path))
        rows = found.get("detailed") or found.get("samples") if isinstance(found, Mapping) else None
        if isinstance(rows, list):
            name = found.get("model_name")
            model = name if isinstance(name, str) else path.stem.removesuffix("_eval_results")
            named = ((f"{path}, row {place}", row) for place, row in enumerate(rows))
            yield from each(named, partial(_score, model=model, scorer=scorer, path=path))


def _score(row: object, model: str, scorer: str, path: Path) -> ForeignScore:
    row = mapping(row, path)
    if row.get("error"):
        # The evaluator counts it as 0, which would be a score of the evaluator, not of the video.
        raise QuestionError(f"its evaluator failed: {str(row['error'])!r:.100}")
    value = number(row.get("score"), path)
    dimensions = row.get("dimensions")
    named = dimensions.items() if isinstance(dimensions, Mapping) else ()
    return ForeignScore(
        original_id=_original_id(row, path),
        model=model,
        scorer=scorer,
        value=within(value, 0.0, 1.0),
        measures={"score": value, **{str(k): number(v, path) for k, v in named if isinstance(v, (int, float))}},
    )


def _original_id(row: Mapping[str, Any], path: Path) -> str:
    """Return the id of the question that a row is about: from the path of its video, which ends like the layout."""
    task, video = row.get("task_name"), row.get("video_path") or row.get("video_file")
    if not isinstance(task, str) or not isinstance(video, str) or not Path(video).name:
        raise QuestionError(f"{path}: a row has no task_name and video_path or video_file")
    parts = Path(video.replace("\\", "/")).parts
    split = row.get("folder") or row.get("file_split")
    if not isinstance(split, str):
        split = parts[-3] if len(parts) >= 3 else str(row.get("split"))
    index = row.get("video_idx")
    return f"{split}/{task}/{index if isinstance(index, str) else Path(parts[-1]).stem}"
