"""Import: questions of another benchmark become questions of the kit, with their source; videos and scores, too."""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import numpy as np

from vmevalkit import defaults, media, store
from vmevalkit.errors import QuestionError, StorageError, UnknownName, UsageError, VMEvalError, first_line
from vmevalkit.interop._folder import SourceFolder, opened
from vmevalkit.interop.base import (
    FORMATS,
    Content,
    ForeignQuestion,
    ForeignScore,
    ForeignVideo,
    Format,
    Importer,
    Unreadable,
    slug,
)
from vmevalkit.redaction import clean
from vmevalkit.scorers.base import SCORERS
from vmevalkit.types import Question, Record, Score, Source

T = TypeVar("T")

log = logging.getLogger(__name__)

_BUILDING = ".import-"
_IDLE_SECONDS = 3600.0

Known = dict[str, Question]
"""Questions of one benchmark by their original id."""

FROM_ELSEWHERE = "imported"
"""Reason of a score that another tool gave."""


class Imported(Record):
    """What `import_` did.

    Attributes:
        format: name of the format.
        license, url: of the questions.
        questions, existed: number of questions that were written, and that were there already.
        videos, scores: number of videos and scores that are in the experiment now.
        left_out: what could not be imported, each with the reason.
    """

    format: str
    license: str
    url: str
    questions: int
    existed: int
    videos: int
    scores: int
    left_out: tuple[tuple[str, str], ...]


def import_(
    format: str,
    source: Path | str,
    *,
    questions: Path | str = defaults.QUESTIONS,
    outputs: Path | str = defaults.OUTPUTS,
    scores: Path | str = defaults.SCORES,
    videos: Path | str | None = None,
    results: Path | str | None = None,
) -> Imported:
    """Import the questions of another benchmark, and perhaps videos that answer them and scores of other tools.

    Nothing is downloaded, and nothing that exists is replaced. Call it again to resume.

    Args:
        format: name of the format; `vmevalkit list formats` shows all.
        source: folder or file with the benchmark's questions.
        questions: folder of the question set that gets them.
        outputs, scores: folders of the experiment that gets videos and scores.
        videos: folder with videos in the layout of the benchmark.
        results: folder or file with scores in the layout of the benchmark.

    Raises:
        UnknownName: there is no such format.
        UsageError: the format cannot be imported, or there are no questions in `source`.
    """
    reader = importer(format)
    places = [Path(place) for place in (source, videos, results) if place is not None]
    folders = {place: SourceFolder(place) for place in places}
    _check_kind(reader, Path(source))
    target = Path(questions)
    left_out: list[tuple[str, str]] = []
    written, existed = _import_questions(reader, Path(source), folders[Path(source)], target, left_out)
    known = known_questions(reader, target)
    count = {"videos": 0, "scores": 0}
    if videos is not None:
        found = _readable(reader.videos(Path(videos), folders[Path(videos)]), left_out)
        count["videos"] = sum(_import_video(video, known, Path(outputs), left_out) for video in found)
    if results is not None:
        given = _readable(reader.scores(Path(results), folders[Path(results)]), left_out)
        count["scores"] = sum(
            _import_score(reader, score, known, Path(outputs), Path(scores), left_out) for score in given
        )
    return Imported(
        format=reader.name, license=reader.license, url=reader.url,
        questions=written, existed=existed, left_out=tuple(left_out), **count,
    )  # fmt: skip


def _check_kind(reader: Importer, source: Path) -> None:
    """Check that a file that the user named is of a kind that the format reads.

    Raises:
        UsageError: it is not.
    """
    if source.is_file() and not source.name.lower().endswith(reader.files):
        packed = source.name.lower().endswith((".tar", ".gz", ".tgz", ".zip", ".zst"))
        what = f"a file {' or '.join(reader.files)}" if reader.files else "a folder"
        fix = "unpack it, and name the folder" if packed else f"name {what} of {reader.name}"
        raise UsageError(f"{source} is {'an archive' if packed else 'a file'}", fix)


def importer(name: str) -> Importer:
    """Return a format that can be imported.

    Raises:
        UnknownName: there is no such format.
        UsageError: it can only be exported.
    """
    found = FORMATS[name]
    if not isinstance(found, Importer):
        importable = [other for other in FORMATS if isinstance(FORMATS[other], Importer)]
        raise UsageError(f"format {name} can only be exported", f"formats to import: {', '.join(importable)}")
    return found


def known_questions(kind: Format, questions: Path) -> Known:
    """Return the questions of a set that were imported from a format, by their original ids."""
    try:
        found = store.iter_questions(questions)
    except UsageError:
        return {}
    sources = ((question, store.read_source(question)) for question in found)
    return {source.original_id: question for question, source in sources if source and source.benchmark == kind.name}


def _import_questions(
    reader: Importer, source: Path, folder: SourceFolder, target: Path, left_out: list[tuple[str, str]]
) -> tuple[int, int]:
    _remove_unfinished(target)
    written = existed = 0
    ids: dict[str, str] = {}
    for foreign in _readable(reader.questions(source, folder), left_out):
        try:
            task = slug(foreign.task)
            name = slug(foreign.id or foreign.original_id)
            if ids.setdefault(f"{task}/{name}", foreign.original_id) != foreign.original_id:
                raise QuestionError(f"{ids[f'{task}/{name}']} has the same name {name}")
            if _write_question(reader, foreign, target, task, name):
                written += 1
            else:
                existed += 1
        except StorageError:
            raise
        except VMEvalError as error:
            left_out.append((str(foreign.original_id), clean(str(error))))
    if not written + existed and not left_out:
        raise UsageError(
            f"there are no questions of {reader.name} in {source}", "docs/other-benchmarks.md has the layout"
        )
    return written, existed


def _readable(found: Iterator[T | Unreadable], left_out: list[tuple[str, str]]) -> Iterator[T]:
    """Yield what can be read. After a file that is damaged as a whole nothing follows; what came before is imported."""
    try:
        for item in found:
            if isinstance(item, Unreadable):
                left_out.append((item.name, clean(item.why)))
            else:
                yield item
    except QuestionError as error:
        left_out.append(("the rest", clean(str(error))))


def _write_question(reader: Importer, foreign: ForeignQuestion, target: Path, task: str, name: str) -> bool:
    """Write a question. Return whether it is new.

    It is built in a folder of another name, which then gets its own, so that no question is ever half written.

    Raises:
        QuestionError: it cannot be a question, or another one has its place.
    """
    if foreign.first_frame is None:
        raise QuestionError("it has no first frame", "the kit asks image-to-video models")
    final = store.question_folder(target, task, name)
    final.parent.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(prefix=_BUILDING, dir=target))
    try:
        question = Question(task=task, id=name, folder=building)
        _write_files(reader, foreign, question)
        # As any question is read, so that what is imported can be used.
        store.read_prompt(question)
        if final.is_dir():
            _check_same(question, Question(task=task, id=name, folder=final))
            return False
        building.chmod(0o755)
        building.rename(final)
        return True
    except OSError as error:
        raise StorageError.from_os(final, error) from None
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _write_files(reader: Importer, foreign: ForeignQuestion, question: Question) -> None:
    if not isinstance(foreign.prompt, str) or not foreign.prompt.strip():
        raise QuestionError("it has no prompt")
    assert foreign.first_frame is not None
    store.write_text(question.prompt_file, foreign.prompt.strip() + "\n")
    _write_image(foreign.first_frame, question.first_frame)
    if foreign.final_frame is not None:
        _write_image(foreign.final_frame, question.final_frame)
    if foreign.ground_truth is not None:
        _write_video(foreign.ground_truth, question.ground_truth)
    store.write_record(
        question.source_file,
        Source(
            benchmark=reader.name,
            version=reader.version,
            license=foreign.license or reader.license,
            url=reader.url,
            original_id=foreign.original_id,
            reference=foreign.reference,
            details=dict(foreign.details),
        ),
    )


def _write_image(content: Content, path: Path) -> None:
    """Write an image as PNG: byte by byte if it is one, converted otherwise."""
    _copy(content, path)
    image = media.load_image(path)
    with path.open("rb") as file:
        is_png = file.read(8) == b"\x89PNG\r\n\x1a\n"
    if not is_png:
        store.write_bytes(path, media.png(np.asarray(image)))


def _write_video(content: Content, path: Path) -> None:
    """Write a video as MP4: byte by byte if browsers play it, converted otherwise."""
    original = path.with_name("original")
    _copy(content, original)
    media.copy_playable(original, path)
    original.unlink()


def _copy(content: Content, path: Path) -> None:
    if isinstance(content, bytes):
        path.write_bytes(content)
        return
    with opened(content) as source, path.open("wb") as target:
        shutil.copyfileobj(source, target)


def _check_same(new: Question, old: Question) -> None:
    """Check that a question that exists is the one that is to be written.

    Raises:
        QuestionError: it is another one.
    """
    for mine, theirs in zip(new.files, old.files, strict=True):
        if store.sha256_or_none(mine) != store.sha256_or_none(theirs):
            raise QuestionError(f"{theirs} exists and differs", "import into another --questions folder")


def _remove_unfinished(target: Path) -> None:
    """Remove what a killed import left."""
    for folder in store.glob(target, f"{_BUILDING}*"):
        if folder.is_dir() and folder.stat().st_mtime < time.time() - _IDLE_SECONDS:
            shutil.rmtree(folder, ignore_errors=True)


def _sample(found: ForeignVideo | ForeignScore, known: Known, outputs: Path) -> store.Sample:
    question = known.get(found.original_id)
    if question is None:
        raise UnknownName("question", found.original_id, known)
    return store.Sample(
        outputs=outputs, model=slug(found.model), task=question.task, question_id=question.id, seed=found.seed
    )


def _import_video(video: ForeignVideo, known: Known, outputs: Path, left_out: list[tuple[str, str]]) -> bool:
    """Copy a video into the experiment. Return whether it is there."""
    try:
        sample = _sample(video, known, outputs)
        suffix = video.path.suffix.lower()
        if suffix not in store.VIDEO_SUFFIXES:
            raise QuestionError(f"{video.path.name}: a video ends in {', '.join(store.VIDEO_SUFFIXES)}")
        target = sample.video.with_suffix(suffix)
        if not os.path.isfile(target):
            with store.replacing(target) as temporary:
                _copy(video.path, temporary)
        elif store.sha256(target) != store.sha256(video.path):
            raise QuestionError(f"{target} exists and differs", "import into another --outputs folder")
        return True
    except StorageError:
        raise
    except (VMEvalError, ValueError) as error:
        left_out.append((str(video.path), first_line(error)))
        return False


def _import_score(
    reader: Importer, found: ForeignScore, known: Known, outputs: Path, scores: Path, left_out: list[tuple[str, str]]
) -> bool:
    """Store a score of another tool, under the name of the tool. Return whether it is stored."""
    try:
        sample = _sample(found, known, outputs)
        video = store.find_video(sample)
        scorer = slug(found.scorer)
        store.write_score(
            scores,
            Score(
                **sample.model_dump(exclude={"outputs"}),
                # The kit's own scorers keep their names for themselves.
                scorer=f"{scorer}-imported" if scorer in SCORERS else scorer,
                scorer_version=reader.version,
                status="scored",
                passed=found.passed,
                value=found.value,
                measures=dict(found.measures),
                reason=FROM_ELSEWHERE,
                explanation=clean(found.explanation) or f"Given by {found.scorer}; imported.",
                video_sha256=store.sha256_or_none(video) if video is not None else None,
                question_sha256=store.question_digest(known[found.original_id]),
            ),
        )
        return True
    except StorageError:
        raise
    except (VMEvalError, ValueError) as error:
        left_out.append((f"score of {found.original_id}", first_line(error)))
        return False
