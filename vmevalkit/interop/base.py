"""What a format is: a name, a license, and how questions, videos and scores of another tool are read or written."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from vmevalkit.defaults import DEFAULT_SEED
from vmevalkit.errors import QuestionError
from vmevalkit.interop._folder import SourceFolder
from vmevalkit.registry import Registry
from vmevalkit.reporting.paths import ExperimentPaths

T = TypeVar("T")
R = TypeVar("R")

Content = Path | bytes
"""A file, or the content of one."""


@dataclass(frozen=True)
class ForeignQuestion:
    """A question as another benchmark has it.

    Attributes:
        original_id: its name there, unique in the benchmark.
        task: name of its task there.
        id: name of its folder in the kit; by default made of `original_id`.
        prompt: the prompt.
        first_frame: image in any format; None for a question that has only a prompt.
        final_frame, ground_truth: the reference, if there is one: an image, or a video.
        reference: the right answer as text.
        license: if it differs from that of the format.
        details: what else the benchmark says about it, as JSON.
    """

    original_id: str
    task: str
    prompt: object
    first_frame: Content | None
    final_frame: Content | None = None
    ground_truth: Content | None = None
    reference: str | None = None
    license: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    id: str = ""


@dataclass(frozen=True)
class ForeignVideo:
    """A video that answers a question of another benchmark."""

    original_id: str
    model: str
    path: Path
    seed: int = DEFAULT_SEED


@dataclass(frozen=True)
class ForeignScore:
    """A score that another tool gave.

    Attributes:
        scorer: name of the tool; the score is stored under it.
        value: in [0, 1].
        passed: None if the tool gives no verdict.
        measures: the numbers as the tool gives them.
        explanation: what the tool says.
    """

    original_id: str
    model: str
    scorer: str
    value: float
    measures: Mapping[str, float]
    passed: bool | None = None
    explanation: str = ""
    seed: int = DEFAULT_SEED


@dataclass(frozen=True)
class Unreadable:
    """A part of another tool's files that cannot be read. It is listed, and the rest is imported."""

    name: str
    why: str


def each(items: Iterable[tuple[str, T]], read: Callable[[T], R]) -> Iterator[R | Unreadable]:
    """Read named items one after another. Those that cannot be read do not stop the others.

    Args:
        items: of each, the name for messages, and what is to be read.
        read: reads it; raises QuestionError.
    """
    for name, item in items:
        try:
            yield read(item)
        except QuestionError as error:
            yield Unreadable(name, str(error))


class Format(ABC):
    """A format of another tool.

    Class attributes:
        name: as in `vmevalkit import NAME`.
        about: a sentence.
        url: where the tool or benchmark is published.
        license: of its questions; empty for a format that has none.
        version: of the benchmark that the file was written for.
    """

    name: ClassVar[str]
    about: ClassVar[str]
    url: ClassVar[str]
    license: ClassVar[str] = ""
    version: ClassVar[str] = ""


class Importer(Format):
    """A format whose questions can be read, and perhaps videos and scores.

    Class attributes:
        files: suffixes of files that can be named instead of a folder of questions.
    """

    files: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def questions(self, source: Path, folder: SourceFolder) -> Iterator[ForeignQuestion | Unreadable]:
        """Yield the questions of a benchmark.

        Args:
            source: what the user named, a folder or a file.
            folder: for reading files, which it checks.

        Raises:
            UsageError, QuestionError: nothing can be read.
        """

    def videos(self, source: Path, folder: SourceFolder) -> Iterator[ForeignVideo | Unreadable]:
        """Yield the videos in a folder of answers. By default there are none."""
        yield from ()

    def scores(self, source: Path, folder: SourceFolder) -> Iterator[ForeignScore | Unreadable]:
        """Yield the scores in a folder or file of results. By default there are none."""
        yield from ()


class Exporter(Format):
    """A format that an experiment can be written in."""

    @abstractmethod
    def export(self, experiment: ExperimentPaths, target: Path) -> Exported:
        """Write an experiment into a folder or file. What exists there is replaced, nothing is removed.

        Raises:
            UsageError: the experiment has nothing that the format can hold.
        """


@dataclass(frozen=True)
class Exported:
    """What an export did.

    Attributes:
        what: such as "12 videos".
        target: what was written, to open next.
        left_out: what the format cannot hold, each with the reason.
        hint: a command or a sentence about what to do next.
    """

    what: str
    target: Path
    left_out: tuple[tuple[str, str], ...] = ()
    hint: str = ""


FORMATS: Registry[Format] = Registry("format", "vmevalkit.interop")


def register_format(kind: type[Format]) -> type[Format]:
    """Add a format to the registry. A class decorator."""
    FORMATS.add(kind.name, kind())
    return kind


def slug(text: object) -> str:
    """Return a text as the name of a folder.

    Raises:
        QuestionError: nothing is left of it.
    """
    name = re.sub(r"[^A-Za-z0-9._-]+", "_", str(text)).lstrip("._-")[:90]
    if not name:
        raise QuestionError(f"{text!r:.80} cannot be made a name: use letters and digits")
    return name


def text_of(row: Mapping[str, Any], *names: str) -> str | None:
    """Return the first of several fields that holds a text; None if none does."""
    return next((row[name] for name in names if isinstance(row.get(name), str) and row[name].strip()), None)


def mapping(value: Any, where: object) -> Mapping[str, Any]:
    """Return a value of a file that must be an object.

    Raises:
        QuestionError: it is not.
    """
    if not isinstance(value, Mapping):
        raise QuestionError(f"{where} should hold an object, but holds {type(value).__name__}")
    return value


def number(value: Any, where: object) -> float:
    """Return a value of a file that must be a finite number.

    Raises:
        QuestionError: it is not.
    """
    # Python's JSON reader accepts NaN, infinity, and whole numbers of any length.
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < 1e300:
        raise QuestionError(f"{where}: {str(value)!r:.40} is not a number")
    return float(value)


def within(value: float, low: float, high: float) -> float:
    """Return a number of a scale from `low` to `high` on the scale from 0 to 1."""
    return min(max((value - low) / (high - low), 0.0), 1.0)
