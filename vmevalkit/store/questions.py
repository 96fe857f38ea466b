"""Question sets on disk."""

from __future__ import annotations

import hashlib
import logging
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from vmevalkit.errors import QuestionError, UnknownName, UsageError
from vmevalkit.files import glob, sha256_or_none
from vmevalkit.store.paths import MANIFEST, is_name, question_folder
from vmevalkit.store.records import read_record
from vmevalkit.types import Question, QuestionMetadata, Record, Source

log = logging.getLogger(__name__)

PROMPT_LIMIT = 20_000


class Manifest(Record):
    """The content of manifest.json.

    Attributes:
        suite, suite_digest: name and digest of the suite that the set was made as, if any.
        questions: folder, task, mode and other facts of each question that the kit made.
    """

    suite: str | None = None
    suite_digest: str | None = None
    questions: tuple[dict[str, Any], ...] = ()


def read_manifest(root: Path) -> Manifest:
    """Read the manifest of a question set. One that is missing or damaged is as good as empty."""
    path = root / MANIFEST
    if not os.path.isfile(path):
        return Manifest()
    try:
        return read_record(path, Manifest)
    except QuestionError as error:
        log.warning("%s", error)
        return Manifest()


def read_prompt(question: Question) -> str:
    """Read a question's prompt, without surrounding space.

    Whatever uses a question reads its prompt, so the files of the question are checked here, too.

    Raises:
        QuestionError: the file is missing, empty, not UTF-8 or too long, or a file of the question is a link that
            leaves the question set.
    """
    check_links(question)
    path = question.prompt_file
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise QuestionError(f"{path} is missing") from None
    except OSError as error:
        raise QuestionError(f"{path} cannot be read: {error.strerror}") from None
    if len(data) > PROMPT_LIMIT:
        raise QuestionError(f"{path} has {len(data)} bytes; a prompt has at most {PROMPT_LIMIT}")
    try:
        text = data.decode("utf-8").strip()
    except UnicodeDecodeError as error:
        raise QuestionError(f"{path} is not UTF-8 (byte {error.start})") from None
    if not text:
        raise QuestionError(f"{path} is empty")
    return text


def check_links(question: Question) -> None:
    """Check that the files of a question are in its question set: models and judges send them away.

    Raises:
        QuestionError: a file is a link that leaves the question set.
    """
    for path in question.files:
        if not is_inside_set(question, path):
            raise QuestionError(f"{path} is a link that leaves the question set", "copy the file that it points to")


def is_inside_set(question: Question, path: Path) -> bool:
    """Whether a file of a question is no link, or one to a file in the same question set."""
    return not os.path.islink(path) or path.resolve().is_relative_to(question.folder.parents[1].resolve())


def read_question(root: Path, task: str, question_id: str) -> Question:
    """Read one question of a set. A user-supplied question has no metadata.

    Raises:
        QuestionError: the metadata is damaged.
    """
    folder = question_folder(root, task, question_id)
    question = Question(task=task, id=question_id, folder=folder)
    if not os.path.isfile(question.metadata_file):
        return question
    return question.model_copy(update={"metadata": read_record(question.metadata_file, QuestionMetadata)})


def read_source(question: Question) -> Source | None:
    """Read where an imported question comes from; None for other questions, and, with a warning, if that is damaged."""
    if not os.path.isfile(question.source_file):
        return None
    try:
        return read_record(question.source_file, Source)
    except QuestionError as error:
        log.warning("%s", error)
        return None


def iter_questions(root: Path, tasks: Iterable[str] = (), ids: Iterable[str] = ()) -> list[Question]:
    """Return the questions of a set, sorted by task and id.

    A question whose metadata is damaged is returned without it, and a warning is logged.

    Args:
        root: folder of the question set.
        tasks: only these tasks, by the names of their folders; all if empty.
        ids: only these questions; all if empty.

    Raises:
        UnknownName: the set lacks one of the tasks or ids.
        UsageError: the set does not exist or is empty.
    """
    selected_tasks, selected_ids = set(tasks), set(ids)
    ids_by_task = _ids_by_task(root)
    if not any(ids_by_task.values()):
        raise UsageError(f"there are no questions in {root}", f"make some: vmevalkit make --questions {root}")
    for name in sorted(selected_tasks - set(ids_by_task)):
        raise UnknownName(f"task in {root}", name, ids_by_task)
    if selected_tasks:
        ids_by_task = {task: found for task, found in ids_by_task.items() if task in selected_tasks}
    known_ids = {question_id for found in ids_by_task.values() for question_id in found}
    for name in sorted(selected_ids - known_ids):
        raise UnknownName("question", name, known_ids)
    return [
        _read_leniently(root, task, question_id)
        for task, found in ids_by_task.items()
        for question_id in found
        if not selected_ids or question_id in selected_ids
    ]


def limited(questions: Sequence[Question], limit: int | None) -> list[Question]:
    """Return at most `limit` questions, taken from each task in turn, in their order; all if it is None.

    Raises:
        UsageError: the limit is less than 1.
    """
    if limit is None:
        return list(questions)
    if limit < 1:
        raise UsageError(f"limit = {limit}: must be at least 1")
    turns: Counter[str] = Counter()
    turn_of: dict[tuple[str, str], int] = {}
    for question in questions:
        turn_of[question.task, question.id] = turns[question.task]
        turns[question.task] += 1
    chosen = sorted(questions, key=lambda q: turn_of[q.task, q.id])[:limit]
    keys = {(question.task, question.id) for question in chosen}
    return [question for question in questions if (question.task, question.id) in keys]


def _ids_by_task(root: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for folder in glob(root, "*_task"):
        task = folder.name.removesuffix("_task")
        if os.path.isdir(folder) and is_name(task):
            try:
                found[task] = sorted(f.name for f in folder.iterdir() if os.path.isdir(f) and is_name(f.name))
            except OSError as error:
                log.warning("%s cannot be read and is left out: %s", folder, error.strerror)
    return found


def _read_leniently(root: Path, task: str, question_id: str) -> Question:
    try:
        return read_question(root, task, question_id)
    except QuestionError as error:
        log.warning("%s", error)
        return Question(task=task, id=question_id, folder=question_folder(root, task, question_id))


def question_digest(question: Question) -> str:
    """Return the SHA-256 digest of a question: of its first frame, prompt, final frame and metadata."""
    digest = hashlib.sha256()
    for path in (question.first_frame, question.prompt_file, question.final_frame, question.metadata_file):
        digest.update(f"{path.name} {sha256_or_none(path) or '-'}\n".encode())
    return digest.hexdigest()


def prompt_digest(question: Question) -> str:
    """Return the SHA-256 digest of a question's prompt as models are given it.

    Raises:
        QuestionError: the prompt cannot be read.
    """
    return hashlib.sha256(read_prompt(question).encode()).hexdigest()


def credits_of(root: Path) -> dict[str, int]:
    """Return the number of imported questions of a set by their credit: benchmark, license and address."""
    questions = (
        Question(task=file.parents[1].name.removesuffix("_task"), id=file.parent.name, folder=file.parent)
        for file in glob(root, "*_task/*/source.json")
        if is_name(file.parents[1].name) and is_name(file.parent.name)
    )
    return dict(Counter(source.credit for q in questions if (source := read_source(q)) is not None))


def iter_metadata_files(root: Path) -> list[Path]:
    """Return the paths of the metadata of all questions that the kit made, sorted."""
    return glob(root, "*_task/*/question_metadata.json")
