"""Write the videos of an experiment in the layout in which another benchmark expects answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from vmevalkit import media, store
from vmevalkit.errors import UsageError, VideoError
from vmevalkit.interop.base import Exported, Format
from vmevalkit.reporting.paths import ExperimentPaths
from vmevalkit.reporting.text import count
from vmevalkit.types import Question, Source


class Answer(NamedTuple):
    """A video of the experiment that answers a question of the benchmark."""

    question: Question
    source: Source | None
    model: str
    seed: int
    path: Path

    @property
    def original_id(self) -> str:
        """The question's name in the benchmark; in the kit, if it is from nowhere else."""
        return self.source.original_id if self.source else f"{self.question.task}_task/{self.question.id}"


def answers(experiment: ExperimentPaths, kind: Format, any_question: bool = False) -> Iterator[Answer]:
    """Yield the videos that answer questions of a format, or any question; questions, then models, then seeds.

    Raises:
        UsageError: the question set has no questions of the format.
    """
    questions = [(question, store.read_source(question)) for question in store.iter_questions(experiment.questions)]
    own = [(q, source) for q, source in questions if any_question or (source and source.benchmark == kind.name)]
    if not own:
        raise UsageError(
            f"{experiment.questions} has no questions of {kind.name}",
            f"import some: vmevalkit import {kind.name} FOLDER --questions {experiment.questions}",
        )
    for question, source in own:
        for model in store.iter_models(experiment.outputs):
            for seed in store.seeds_of(experiment.outputs, model, question.task, question.id):
                sample = store.Sample(
                    outputs=experiment.outputs, model=model, task=question.task, question_id=question.id, seed=seed
                )
                if (path := store.find_video(sample)) is not None:
                    yield Answer(question, source, model, seed, path)


def _beside_others(answer: Answer) -> str:
    return f"{answer.model}/{answer.original_id}.mp4"


def write_predictions(
    kind: Format,
    experiment: ExperimentPaths,
    target: Path,
    name: Callable[[Answer], str] = _beside_others,
    *,
    every_seed: bool = False,
    any_question: bool = False,
) -> Exported:
    """Copy videos to where a benchmark looks for them, as MP4.

    Args:
        kind: the format.
        experiment: the experiment.
        target: folder that gets them.
        name: path of a video below `target`, with `/`. By default `{model}/{original id}.mp4`.
        every_seed: whether the layout has room for several videos of a question; otherwise the first seed counts.
        any_question: whether the layout fits questions that are not of this benchmark, too.

    Raises:
        UsageError: there is nothing to write.
    """
    written: set[str] = set()
    left_out: list[tuple[str, str]] = []
    first: dict[tuple[str, str, str], int] = {}
    for answer in answers(experiment, kind, any_question):
        where = f"{answer.model}/{answer.question.id}{store.seed_suffix(answer.seed)}"
        key = answer.model, answer.question.task, answer.question.id
        if not every_seed and first.setdefault(key, answer.seed) != answer.seed:
            left_out.append((where, "the layout has one video for each question"))
            continue
        relative = name(answer)
        _check(relative)
        try:
            media.copy_playable(answer.path, target / relative)
            written.add(relative)
        except VideoError as error:
            left_out.append((where, str(error)))
    if not written:
        raise UsageError(
            f"{experiment.outputs} has no videos for questions of {kind.name}", "generate some, or name other --outputs"
        )
    return Exported(count(len(written), "video"), target, tuple(left_out))


def _check(relative: str) -> None:
    """Check that a path stays in the folder: parts of it are from source.json, which anybody may have written."""
    path = PurePosixPath(relative)
    if path.is_absolute() or ".." in path.parts or "\0" in relative or "\\" in relative:
        raise UsageError(f"source.json names a question {relative!r:.80}, which is no path below a folder")
