"""Merge: join shards, or experiments that several people made, into one folder."""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from vmevalkit import defaults, store
from vmevalkit.errors import QuestionError, UsageError
from vmevalkit.progress import track
from vmevalkit.types import GenerationResult, Question, QuestionMetadata, Record, Score

log = logging.getLogger(__name__)

_SHOWN = 3
_IDLE_SECONDS = 3600.0

# What may differ between two machines that make the same videos.
_OF_THE_MACHINE = frozenset({"weights", "memory", "vae_tiling", "attention", "cached_steps"})
_MEASURED = frozenset({"seconds", "peak_memory_bytes", "device", "libraries", "memory_plan"})


class Merged(Record):
    """What `merge` did: the number of files that it copied, and that were there already."""

    copied: int
    existed: int


def merge(
    sources: Sequence[Path | str],
    *,
    outputs: Path | str = defaults.OUTPUTS,
    questions: Path | str | None = None,
    from_scores: Sequence[Path | str] = (),
    scores: Path | str = defaults.SCORES,
) -> Merged:
    """Join experiments into the folder `outputs`, which may exist. Call it again to resume.

    Files are hard links where the file system has them. Nothing is deleted or replaced, except scores of
    missing videos.

    Args:
        sources: folders of outputs, such as those of shards.
        outputs: the folder that gets the videos of all of them.
        questions: folder of the question set that all of them must answer; by default they must agree.
        from_scores: folders of scores. Scores of missing videos are left out, because another part may have the video.
        scores: the folder that gets these scores.

    Raises:
        UsageError: the experiments differ in questions, settings, versions, weights or files; nothing was written.
    """
    target, parts = _folders(sources, outputs)
    score_target, score_parts = _folders(from_scores, scores) if from_scores else (Path(scores), [])
    found = {root: store.output_files(root) for root in parts}
    for root, files in found.items():
        if root != target and not files:
            raise UsageError(f"there are no videos in {root}", "name the folder that generate --outputs was given")
    _check_questions(found, Path(questions) if questions is not None else None)
    _check_models(found)
    copies = _copies(target, found, _same_sample_file)
    found_scores = {root: _scores_of_videos(root) for root in score_parts}
    copies_of_scores = _copies(score_target, found_scores, _same_bytes)
    existed = sum(map(len, found.values())) + sum(map(len, found_scores.values())) - len(copies) - len(copies_of_scores)
    for folder, own in ((target, copies), (score_target, copies_of_scores)):
        _copy(folder, own)
    return Merged(copied=len(copies) + len(copies_of_scores), existed=existed)


def _folders(sources: Sequence[Path | str], target: Path | str) -> tuple[Path, list[Path]]:
    """Return the target, and every folder whose files will be in it: the target, if it exists, comes first."""
    target = Path(target).absolute()
    named = [Path(source).absolute() for source in sources]
    for folder in named:
        if not folder.is_dir():
            raise UsageError(f"there is no folder {folder}")
    return target, list(dict.fromkeys([*([target] if target.is_dir() else []), *named]))


class _Agreement:
    """Facts that all parts must agree on, with the folder in which each was seen first."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[str, object]] = {}

    def check(self, fact: str, value: Any, where: object) -> None:
        """Check that a fact has the value that it had before.

        Raises:
            UsageError: it has another one.
        """
        text = value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str)
        before, there = self._seen.setdefault(fact, (text, where))
        if before != text:
            raise UsageError(
                f"{fact} differs: {before} in {there}, {text} in {where}",
                "merge only experiments that were made for the same questions and in the same way",
            )


def _check_questions(found: Mapping[Path, store.Files], questions: Path | None) -> None:
    """Check that all parts answer the same questions, of the same versions of the tasks."""
    agreement = _Agreement()
    if questions is not None:
        suite = store.read_manifest(questions).suite
        for question in store.iter_questions(questions):
            where = f"{questions}{f' (suite {suite})' if suite else ''}"
            _check_question(agreement, question, where)
    for root, files in found.items():
        folders = {path.parent for name, path in files.items() if name.split("/")[-2] == "question"}
        for folder in sorted(folders):
            sample = folder.parent
            question = Question(task=sample.parent.name.removesuffix("_task"), id=sample.name, folder=folder)
            _check_question(agreement, question, root)


def _check_question(agreement: _Agreement, question: Question, where: object) -> None:
    if question.metadata_file.is_file():
        try:
            metadata = store.read_record(question.metadata_file, QuestionMetadata)
        except QuestionError as error:
            raise UsageError(error.what) from None
        agreement.check(f"version of task {metadata.task}", metadata.task_version, where)
    digest = store.question_digest(question)
    agreement.check(f"digest of question {question.task}/{question.id}", digest[:16], where)


def _check_models(found: Mapping[Path, store.Files]) -> None:
    """Check that the videos of each model were made in the same way."""
    agreement = _Agreement()
    for root, files in found.items():
        for name, path in files.items():
            if store.is_video(name) or name.split("/")[-2] == "question":
                continue
            model = name.split("/")[0]
            for fact, value in _facts(_result(path)):
                agreement.check(f"{fact} of {model}", value, root)


def _result(path: Path) -> GenerationResult:
    try:
        return store.read_record(path, GenerationResult)
    except QuestionError as error:
        raise UsageError(str(error), "repair it or remove it, then make the video again") from None


def _facts(result: GenerationResult) -> Iterator[tuple[str, Any]]:
    provenance = result.provenance
    if provenance is None:
        return
    yield "checkpoint", provenance.model
    yield "version of vmevalkit", provenance.kit_version
    for fact, value in (("setting", provenance.settings), ("requested setting", provenance.requested)):
        yield f"{fact}s", {name: value[name] for name in sorted(value.keys() - _OF_THE_MACHINE)}
    yield "weights", _identity(provenance.weights)


def _identity(weights: Mapping[str, Any]) -> dict[str, Any]:
    """Return what identifies weights, whatever folder they are in."""
    digests = {name: value for name, value in weights.items() if name in ("fingerprint", "source_sha256")}
    return digests or {name: value for name, value in weights.items() if name != "folder"}


def _scores_of_videos(root: Path) -> store.Files:
    """Return the files of scores, without the scores of missing videos."""

    def is_missing(path: Path) -> bool:
        try:
            return store.read_record(path, Score).status == "missing"
        except QuestionError:
            return False

    return {name: path for name, path in store.score_files(root).items() if not is_missing(path)}


def _copies(target: Path, found: Mapping[Path, store.Files], same: Callable[[str, Path, Path], bool]) -> store.Files:
    """Return the files that the target lacks, by path.

    Raises:
        UsageError: two parts have different files of one name.
    """
    first: store.Files = {}
    conflicts: list[str] = []
    for root, files in found.items():
        for name, path in files.items():
            other = first.setdefault(name, path)
            if other is not path and not os.path.samefile(other, path) and not same(name, other, path):
                conflicts.append(f"{name} in {other.parents[len(Path(name).parts) - 1]} and {root}")
    if conflicts:
        more = f" and {len(conflicts) - _SHOWN} more" if len(conflicts) > _SHOWN else ""
        raise UsageError(
            f"{len(conflicts)} files differ: {'; '.join(conflicts[:_SHOWN])}{more}",
            "move away the ones that you do not want",
        )
    return {name: path for name, path in first.items() if path != target / name}


def _same_bytes(name: str, one: Path, other: Path) -> bool:
    return one.stat().st_size == other.stat().st_size and store.sha256(one) == store.sha256(other)


def _same_sample_file(name: str, one: Path, other: Path) -> bool:
    """Whether two files of a sample are the same. Times and memory that were measured may differ."""
    if _same_bytes(name, one, other):
        return True
    if store.is_video(name) or name.split("/")[-2] == "question":
        return False
    return _without_measurements(_result(one)) == _without_measurements(_result(other))


def _without_measurements(result: GenerationResult) -> dict[str, Any]:
    content = result.model_dump(mode="json", exclude={"duration_seconds", "generation_id"})
    content["metadata"] = {name: value for name, value in result.metadata.items() if name not in _MEASURED}
    return content


def _copy(target: Path, copies: store.Files) -> None:
    if not copies:
        return
    with store.locked(target / ".merge.lock", f"merging into {target}"):
        store.remove_temporary(target, _IDLE_SECONDS)
        for name, path in track(copies.items(), len(copies), f"copying into {target}"):
            with store.replacing(target / name) as temporary:
                _link_or_copy(path, temporary)


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        # On Linux, `os.link` would link to a link itself.
        os.link(os.path.realpath(source), target)
    except OSError:  # another file system, or one without hard links
        shutil.copyfile(source, target)
