"""One question: its prompt, its files, and whether they are complete."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vmevalkit import media, store
from vmevalkit.errors import QuestionError, UsageError
from vmevalkit.tasks.base import FPS, TASKS, random_generator
from vmevalkit.types import Difficulty, Mode, Question, QuestionMetadata, Record, Size


class QuestionSpec(Record):
    """One question to be made. `folder_task` names its folder; it differs from `task` only for the test questions."""

    root: Path
    task: str
    folder_task: str
    id: str
    seed: int
    difficulty: Difficulty
    mode: Mode
    canvas: Size
    puzzle: dict[str, Any]
    phrasing: int | None = None
    video: bool = True


def prompt_of(spec: QuestionSpec) -> str:
    """Return the prompt of a question.

    Raises:
        UsageError: the task has fewer phrasings.
    """
    task = TASKS[spec.task]
    rng = random_generator("prompt", spec.task, task.version, spec.seed, spec.id, spec.mode)
    return task.prompt(task.puzzle_type.model_validate(spec.puzzle), spec.mode, rng, spec.phrasing)


def write_question(spec: QuestionSpec) -> Path:
    """Draw a question and write its files. The metadata is written last: it marks the question as complete."""
    task = TASKS[spec.task]
    puzzle = task.puzzle_type.model_validate(spec.puzzle)
    question = _question(spec)
    states = task.solution(puzzle)
    if spec.mode == "hold":
        states = states[:1]
    draw = task.painter(puzzle, spec.canvas)
    store.write_bytes(question.first_frame, media.png(draw(states[0])))
    store.write_bytes(question.final_frame, media.png(draw(states[-1])))
    store.write_text(question.prompt_file, prompt_of(spec) + "\n")
    paths = [question.first_frame, question.final_frame, question.prompt_file]
    if spec.video:
        video = task.render(puzzle, states, spec.canvas)
        media.write_video(question.ground_truth, video, FPS, media.DRAWN)
        paths.append(question.ground_truth)
    digests = {path.name: store.sha256(path) for path in sorted(paths)}
    store.write_record(question.metadata_file, metadata_of(spec, _plan_length(spec), digests))
    return question.folder


def is_complete(spec: QuestionSpec) -> bool:
    """Whether the question exists and is complete.

    Raises:
        UsageError: the folder holds another question.
    """
    question = _question(spec)
    folder = question.folder
    if not question.metadata_file.is_file():
        if question.first_frame.is_file() and not _was_interrupted(spec, question):
            raise UsageError(f"{folder} holds a user-supplied question", "choose another --questions folder")
        return False
    try:
        old = store.read_record(question.metadata_file, QuestionMetadata)
    except QuestionError as error:
        raise UsageError(str(error), "choose another --questions folder, or move this question away") from None
    new = metadata_of(spec, _plan_length(spec), old.sha256)
    if old != new:
        fields = [f for f in QuestionMetadata.model_fields if getattr(old, f) != getattr(new, f)]
        raise UsageError(
            f"{folder} holds another question ({', '.join(fields)} differ)", "choose another --questions folder"
        )
    if spec.video and question.ground_truth.name not in old.sha256:
        return False
    return all(
        (folder / name).is_file() and store.sha256(folder / name) == digest for name, digest in old.sha256.items()
    )


def _question(spec: QuestionSpec) -> Question:
    folder = store.question_folder(spec.root, spec.folder_task, spec.id)
    return Question(task=spec.folder_task, id=spec.id, folder=folder)


def _was_interrupted(spec: QuestionSpec, question: Question) -> bool:
    """Whether a question without metadata has the first frame of `spec`: making it was interrupted."""
    task = TASKS[spec.task]
    puzzle = task.puzzle_type.model_validate(spec.puzzle)
    image = media.png(task.painter(puzzle, spec.canvas)(task.solution(puzzle)[0]))
    return question.first_frame.read_bytes() == image


def _plan_length(spec: QuestionSpec) -> int:
    task = TASKS[spec.task]
    return 0 if spec.mode == "hold" else len(task.steps(task.puzzle_type.model_validate(spec.puzzle)))


def metadata_of(spec: QuestionSpec, plan_length: int, digests: dict[str, str]) -> QuestionMetadata:
    """Return the metadata of a question; `digests` are the SHA-256 of its other files, by name."""
    return QuestionMetadata(
        task=spec.task,
        id=spec.id,
        task_version=TASKS[spec.task].version,
        seed=spec.seed,
        difficulty=spec.difficulty,
        mode=spec.mode,
        plan_length=plan_length,
        puzzle=spec.puzzle,
        canvas=spec.canvas,
        phrasing=spec.phrasing,
        sha256=digests,
    )
