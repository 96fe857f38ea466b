"""The only module that knows paths: where questions, outputs, scores lie, how to read and write them.

Everything is written atomically; the file that says "done" is written last; nothing here deletes a user's files.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from vmevalkit import media
from vmevalkit.defaults import DEFAULT_SEED
from vmevalkit.errors import QuestionError, UnknownName, UsageError, explain_validation
from vmevalkit.types import GenerationResult, Name, Question, QuestionMetadata, Record, Score

log = logging.getLogger(__name__)

MANIFEST = "manifest.json"
# What people said, beside the videos of an experiment.
RATINGS = "ratings.sqlite"
PROMPT_LIMIT = 20_000
_JSON_LIMIT = 16 * 2**20
_COPIED = ("first_frame.png", "prompt.txt", "final_frame.png", "ground_truth.mp4", "question_metadata.json")

R = TypeVar("R", bound=Record)


# ------------------------------------------------------------------------------------------------------ plain files


def write_text(path: Path, text: str) -> None:
    """Write atomically, UTF-8, newlines as they are."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, data: bytes) -> None:
    """Write atomically."""
    with media.replacing(path) as temporary:
        temporary.write_bytes(data)


def dumps(value: Any) -> str:
    """JSON as the kit writes it: stable, readable, one newline at the end."""
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def write_record(path: Path, record: Record) -> None:
    """Write a record as JSON, atomically."""
    write_text(path, dumps(record.model_dump(mode="json")))


def read_record(path: Path, kind: type[R]) -> R:
    """Read a record.

    Raises:
        QuestionError: the file is not JSON, too large, or not a `kind`.
    """
    try:
        if path.stat().st_size > _JSON_LIMIT:
            raise QuestionError(f"{path} is too large for a {kind.__name__}")
        return kind.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise QuestionError(f"{path} is not a {kind.__name__}: {explain_validation(error)}") from None
    except OSError as error:
        raise QuestionError(f"{path} cannot be read: {error.strerror}") from None


def sha256(path: Path) -> str:
    """Hex digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() if hasattr(hashlib, "file_digest") else _sha256(file)


def _sha256(file: Any) -> str:
    # hashlib.file_digest came with Python 3.11; model environments run 3.10.
    digest = hashlib.sha256()
    while chunk := file.read(1 << 20):
        digest.update(chunk)
    return digest.hexdigest()


# -------------------------------------------------------------------------------------------------------- questions


def question_folder(root: Path, task: str, question_id: str) -> Path:
    return root / f"{task}_task" / question_id


def read_prompt(question: Question) -> str:
    """The prompt, stripped.

    Raises:
        QuestionError: missing, empty, not UTF-8 or absurdly long.
    """
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


def read_question(root: Path, task: str, question_id: str) -> Question:
    """One question of a set; its metadata where it has some that is whole."""
    folder = question_folder(root, task, question_id)
    question = Question(task=task, id=question_id, folder=folder)
    if not question.metadata_file.is_file():
        return question
    return question.model_copy(update={"metadata": read_record(question.metadata_file, QuestionMetadata)})


def iter_questions(root: Path, tasks: Iterable[str] = (), ids: Iterable[str] = ()) -> list[Question]:
    """The questions of a set, sorted, filtered by folder name of the task and by id.

    A question whose metadata is broken is returned without it (and a warning is logged).

    Raises:
        UnknownName: a task or id that the set does not have.
        UsageError: the set does not exist or is empty.
    """
    wanted_tasks, wanted_ids = set(tasks), set(ids)
    found: dict[str, list[str]] = {}
    if root.is_dir():
        for folder in sorted(root.glob("*_task")):
            task = folder.name.removesuffix("_task")
            if folder.is_dir() and is_name(task):
                found[task] = sorted(f.name for f in folder.iterdir() if f.is_dir() and is_name(f.name))
    if not any(found.values()):
        raise UsageError(f"there are no questions in {root}", "make some: vmevalkit make --questions " + str(root))
    for name in sorted(wanted_tasks - set(found)):
        raise UnknownName("task in " + str(root), name, found)
    known_ids = {question_id for task, names in found.items() if not wanted_tasks or task in wanted_tasks
                 for question_id in names}  # fmt: skip
    for name in sorted(wanted_ids - known_ids):
        raise UnknownName("question", name, known_ids)
    questions = []
    for task, names in found.items():
        if wanted_tasks and task not in wanted_tasks:
            continue
        for question_id in names:
            if wanted_ids and question_id not in wanted_ids:
                continue
            try:
                questions.append(read_question(root, task, question_id))
            except QuestionError as error:
                log.warning("%s", error)
                folder = question_folder(root, task, question_id)
                questions.append(Question(task=task, id=question_id, folder=folder))
    return questions


_NAME = TypeAdapter(Name)


def is_name(text: str) -> bool:
    """Whether a text may be a folder's name: no separators, no leading dot, no surprises."""
    try:
        _NAME.validate_python(text)
    except ValidationError:
        return False
    return True


# ---------------------------------------------------------------------------------------------------------- outputs


class Sample(Record):
    """One video by one model for one question and one seed: where its files lie."""

    outputs: Path
    model: Name
    task: Name
    question_id: Name
    seed: int = DEFAULT_SEED

    @property
    def folder(self) -> Path:
        return question_folder(self.outputs / self.model, self.task, self.question_id)

    @property
    def video(self) -> Path:
        return self.folder / "video" / f"video{seed_suffix(self.seed)}.mp4"

    @property
    def result(self) -> Path:
        return self.folder / f"result{seed_suffix(self.seed)}.json"

    @property
    def question(self) -> Path:
        return self.folder / "question"


def seed_suffix(seed: int) -> str:
    """What a seed adds to a file's name: nothing for the default seed."""
    return "" if seed == DEFAULT_SEED else f"_seed{seed}"


def read_result(sample: Sample) -> GenerationResult | None:
    """The stored result, or None where there is none that can be read."""
    if not sample.result.is_file():
        return None
    try:
        return read_record(sample.result, GenerationResult)
    except QuestionError as error:
        log.warning("%s", error)
        return None


def is_complete(sample: Sample) -> bool:
    """A result that says success, and a video that decodes."""
    result = read_result(sample)
    return result is not None and result.success and media.decodes(sample.video)


def has_failed(sample: Sample) -> bool:
    """A result that says failure: it is not tried again unless asked to."""
    result = read_result(sample)
    return result is not None and not result.success


def copy_question(question: Question, sample: Sample) -> None:
    """Put a question's files beside its video, so that an output folder can be understood alone."""
    for name in _COPIED:
        source, target = question.folder / name, sample.question / name
        if not source.is_file() or (target.is_file() and target.stat().st_size == source.stat().st_size
                                    and target.read_bytes() == source.read_bytes()):  # fmt: skip
            continue
        with media.replacing(target) as temporary:
            shutil.copyfile(source, temporary)


def iter_models(outputs: Path) -> list[str]:
    """Folders of models in an experiment."""
    if not outputs.is_dir():
        return []
    return sorted(f.name for f in outputs.iterdir() if f.is_dir() and is_name(f.name) and any(f.glob("*_task")))


_SCORE_NAME = re.compile(r"^([A-Za-z0-9._-]+?)(?:_seed(-?\d+))?\.json$")
_VIDEO_NAME = re.compile(r"^(?:video|result)(?:_seed(-?\d+))?\.(?:mp4|webm|mov|json)$")


def seeds_of(outputs: Path, model: str, task: str, question_id: str) -> list[int]:
    """Seeds for which a model has a video or a result of a question."""
    folder = question_folder(outputs / model, task, question_id)
    seeds = set()
    for file in (*folder.glob("result*.json"), *(folder / "video").glob("video*.*")):
        match = _VIDEO_NAME.match(file.name)
        if match:
            seeds.add(int(match[1]) if match[1] is not None else DEFAULT_SEED)
    return sorted(seeds)


def find_video(sample: Sample) -> Path | None:
    """The sample's video: mp4, or webm or mov for one made elsewhere."""
    for suffix in (".mp4", ".webm", ".mov"):
        path = sample.video.with_suffix(suffix)
        if path.is_file():
            return path
    return None


def files_of(outputs: Path, scores: Path, model: str, task: str, question_id: str) -> dict[int, dict[str, Path]]:
    """What there is of a model's answers to a question, by seed: "video", "result", and "score NAME" by scorer."""
    found: dict[int, dict[str, Path]] = {}
    folder = question_folder(outputs / model, task, question_id)
    for path in (*folder.glob("result*.json"), *(folder / "video").glob("video*.*")):
        if match := _VIDEO_NAME.match(path.name):
            seed = int(match[1]) if match[1] is not None else DEFAULT_SEED
            # Of videos in several formats, the one that `find_video` prefers.
            files = found.setdefault(seed, {})
            name = "result" if path.suffix == ".json" else "video"
            if name not in files or path.suffix == ".mp4":
                files[name] = path
    for path in question_folder(scores / model, task, question_id).glob("*.json"):
        if match := _SCORE_NAME.match(path.name):
            seed = int(match[2]) if match[2] is not None else DEFAULT_SEED
            found.setdefault(seed, {})[f"score {match[1]}"] = path
    return found


# ----------------------------------------------------------------------------------------------------------- scores


def score_path(scores: Path, score: Score) -> Path:
    folder = question_folder(scores / score.model, score.task, score.question_id)
    return folder / f"{score.scorer}{seed_suffix(score.seed)}.json"


def details_path(scores: Path, score: Score) -> Path:
    """Where a scorer keeps what led to its score. A folder deeper than scores, so that it is not taken for one."""
    folder = question_folder(scores / score.model, score.task, score.question_id)
    return folder / score.scorer / f"details{seed_suffix(score.seed)}.json"


def write_score(scores: Path, score: Score) -> None:
    write_record(score_path(scores, score), score)


def iter_scores(scores: Path) -> Iterator[Score]:
    """Every score of an experiment, sorted by path; a file that is not a score is logged and left out."""
    for path in sorted(scores.glob("*/*_task/*/*.json")):
        try:
            yield read_record(path, Score)
        except QuestionError as error:
            log.warning("%s", error)
