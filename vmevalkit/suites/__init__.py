"""Suites: frozen question sets.

A suite is a TOML file in this folder. It says which questions are made, and holds the digest of their symbolic content:
puzzles and prompts, which are the same on every platform. The digest of images and videos depends on the versions of
the libraries that draw and encode them, so it is recorded beside it and only compared.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError

from vmevalkit import store
from vmevalkit.errors import QuestionError, UnknownName, UsageError, explain_validation
from vmevalkit.files import read_toml
from vmevalkit.tasks.base import TASKS
from vmevalkit.types import Difficulty, Mode, Name, Question, QuestionMetadata, Record, Seed, Size

log = logging.getLogger(__name__)

_FOLDER = Path(__file__).parent
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Suite(Record):
    """A frozen question set.

    Attributes:
        name, about: for lists.
        seed: of the puzzles.
        size: of the canvas.
        count: number of puzzles for each task.
        difficulties: in turn.
        modes: each asks about the same puzzles.
        phrasings: number of prompts for each puzzle and mode; None for one, chosen at random.
        tasks: versions of the tasks.
        digest: of the symbolic content, see `content_digest`.
        files_digest: of images and videos, where the suite was frozen.
    """

    name: Name
    about: str
    seed: Seed
    size: Size
    count: Annotated[int, Field(ge=1)]
    difficulties: tuple[Difficulty, ...]
    modes: tuple[Mode, ...]
    phrasings: Annotated[int, Field(ge=2)] | None = None
    tasks: dict[Name, int]
    digest: Digest
    files_digest: Digest

    @property
    def questions(self) -> int:
        """Number of questions."""
        return len(self.tasks) * self.count * len(self.modes) * (self.phrasings or 1)


class SuiteId(Record):
    """Name and digest of the suite that a question set is."""

    name: Name
    digest: Digest


def suite_names() -> list[str]:
    """Return the names of all suites."""
    return sorted(path.stem for path in _FOLDER.glob("*.toml"))


def load_suite(name: str) -> Suite:
    """Read a suite.

    Raises:
        UnknownName: there is no such suite.
    """
    if name not in suite_names():
        raise UnknownName("suite", name, suite_names())
    return read_suite(_FOLDER / f"{name}.toml")


def read_suite(path: Path) -> Suite:
    """Read a suite from a file.

    Raises:
        UsageError: the file is not a suite.
    """
    try:
        return Suite.model_validate(read_toml(path))
    except ValidationError as error:
        raise UsageError(f"{path} is not a suite: {explain_validation(error)}") from None


def check_versions(suite: Suite) -> None:
    """Check that the tasks have the versions of a suite.

    Raises:
        UsageError: they have not.
    """
    now = {name: TASKS[name].version if name in TASKS else None for name in suite.tasks}
    changed = [f"{name} {old} (now {now[name] or 'missing'})" for name, old in suite.tasks.items() if now[name] != old]
    if changed:
        raise UsageError(
            f"suite {suite.name} has other versions of these tasks: {', '.join(changed)}",
            "use the release of vmevalkit that has them, or a newer suite: vmevalkit list suites",
        )


def content_digest(contents: Iterable[dict[str, Any]]) -> str:
    """Return the digest of the symbolic content of questions.

    Args:
        contents: what `content_of` returns, in any order.
    """
    lines = sorted(json.dumps(content, sort_keys=True, ensure_ascii=True) for content in contents)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def content_of(metadata: QuestionMetadata, prompt: str) -> dict[str, Any]:
    """Return the symbolic content of a question: all of its metadata but digests and derived values, and the prompt."""
    content = metadata.model_dump(mode="json", exclude={"sha256", "plan_length"})
    return {**content, "prompt": prompt}


def files_digest(questions: Iterable[QuestionMetadata]) -> str:
    """Return the digest of the images and videos of questions."""
    lines = sorted(
        f"{question.task} {question.id} {json.dumps(question.sha256, sort_keys=True)}" for question in questions
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def identify(root: Path, questions: Iterable[Question]) -> SuiteId | None:
    """Return which suite a question set is; None if it is none, or if it was changed since.

    Args:
        root: folder of the question set.
        questions: all of its questions.
    """
    name = store.read_manifest(root).suite
    if name is None:
        return None
    contents = []
    for question in questions:
        try:
            if question.metadata is None:
                raise QuestionError(f"{question.folder} has no valid metadata")
            contents.append(content_of(question.metadata, store.read_prompt(question)))
        except QuestionError as error:
            log.warning("%s is not the suite %s any more: %s", root, name, error)
            return None
    digest = content_digest(contents)
    if name not in suite_names() or load_suite(name).digest != digest:
        log.warning("%s is not the suite %s: its questions differ", root, name)
        return None
    return SuiteId(name=name, digest=digest)
