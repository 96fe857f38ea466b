"""Find the experiments below a folder: their videos, the question set that they answer, and their scores."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

from vmevalkit.files import glob, sha256_or_none
from vmevalkit.store.paths import question_folder
from vmevalkit.store.samples import iter_models

DEPTH = 8
"""How many folders below the given one are searched."""

# Parts of usual paths that distinguish no experiments.
_PLAIN_PARTS = frozenset({"data", "outputs"})

_Kind = Literal["questions", "outputs", "scores"]


@dataclass(frozen=True)
class ExperimentFolders:
    """The folders of an experiment.

    Attributes:
        name: path of the outputs below the searched folder, without parts that every path has.
        questions: None if no question set was found that has the questions of the videos.
        scores: may not exist yet.
    """

    name: str
    questions: Path | None
    outputs: Path
    scores: Path

    @property
    def slug(self) -> str:
        """The name in a URL."""
        return re.sub(r"[^A-Za-z0-9_.-]+", ".", self.name).strip(".") or "experiment"


def find_experiments(root: Path) -> list[ExperimentFolders]:
    """Return the experiments below a folder, sorted by name. Links to folders are not followed."""
    found: dict[_Kind, list[Path]] = {"questions": [], "outputs": [], "scores": []}
    for kind, folder in _classified(root):
        if folder not in found[kind]:
            found[kind].append(folder)
    experiments = [
        ExperimentFolders(
            name=_name(outputs, root),
            questions=_questions_of(outputs, found["questions"]),
            outputs=outputs,
            scores=_scores_of(outputs, found["scores"]),
        )
        for outputs in found["outputs"]
    ]
    names = [experiment.slug for experiment in experiments]
    unique = (
        experiment
        if names.count(experiment.slug) == 1
        # Another name that is as short would differ from one search to the next.
        else ExperimentFolders(
            experiment.outputs.relative_to(root).as_posix(), experiment.questions, experiment.outputs, experiment.scores
        )
        for experiment in experiments
    )
    return sorted(unique, key=lambda experiment: experiment.name)


def _classified(root: Path) -> Iterator[tuple[_Kind, Path]]:
    """Yield each question set, folder of outputs and folder of scores."""
    for path, folders, _ in os.walk(root):
        folder = Path(path)
        tasks = [name for name in folders if name.endswith("_task")]
        if tasks:
            kind = _kind_of(folder)
            if kind is not None:
                yield kind, folder if kind == "questions" else folder.parent
        depth = len(folder.relative_to(root).parts)
        # What is below a task's folder belongs to its questions.
        folders[:] = sorted(
            name for name in folders if depth < DEPTH and not name.startswith(".") and name not in tasks
        )


def _kind_of(folder: Path) -> _Kind | None:
    """Return what the folders of questions below a folder hold, by the first of them that are not empty."""
    for question in islice(glob(folder, "*_task/*"), 20):
        if (question / "prompt.txt").is_file():
            return "questions"
        if any((question / name).is_dir() for name in ("video", "question")) or glob(question, "result*.json"):
            return "outputs"
        if glob(question, "*.json"):
            return "scores"
    return None


def _name(outputs: Path, root: Path) -> str:
    parts = [part for part in outputs.relative_to(root).parts if part not in _PLAIN_PARTS]
    return "/".join(parts) or outputs.resolve().name


def _scores_of(outputs: Path, known: list[Path]) -> Path:
    """Return the folder of scores: where `outputs` in the path is replaced by `scores`, or one of the same name."""
    parts = list(outputs.parts)
    if "outputs" in parts:
        parts[len(parts) - 1 - parts[::-1].index("outputs")] = "scores"
        expected = Path(*parts)
    else:
        expected = outputs.with_name(f"{outputs.name}_scores")
    same_name = [path for path in known if path.name == outputs.name]
    siblings = [path for path in known if path.parent == outputs.parent]
    for candidates in ([path for path in known if path == expected], same_name, siblings):
        if len(candidates) == 1:
            return candidates[0]
    return expected


def _questions_of(outputs: Path, known: list[Path]) -> Path | None:
    """Return the question set that the videos answer. Of several, the nearest that asks what was copied to a video."""
    copies = list(islice(_copies(outputs), 20))
    if not copies:
        return None

    def rank(questions: Path) -> tuple[int, int, int]:
        held = [question_folder(questions, task, name) for task, name, _ in copies]
        same = sum(
            sha256_or_none(copy / "prompt.txt") in (None, sha256_or_none(folder / "prompt.txt"))
            for (_, _, copy), folder in zip(copies, held, strict=True)
        )
        near = len(os.path.commonpath((questions.absolute(), outputs.absolute())))
        return sum(folder.is_dir() for folder in held), same, near

    best = max(known, key=rank, default=None)
    return best if best is not None and rank(best)[0] else None


def _copies(outputs: Path) -> Iterator[tuple[str, str, Path]]:
    """Yield task, question and the copy of the question beside each video."""
    for model in iter_models(outputs):
        for folder in glob(outputs / model, "*_task/*"):
            yield folder.parent.name.removesuffix("_task"), folder.name, folder / "question"
