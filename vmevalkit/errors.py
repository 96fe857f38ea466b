"""Errors that a user can fix. Any other exception is a bug and shows its traceback.

VMEvalError                 one line: what is wrong, the value, and how to fix it
├── UsageError              a wrong name, option or combination; nothing has been touched (exit status 2)
│   ├── UnknownName         a model, task, scorer or id that does not exist, with "did you mean"
│   └── ConfigError         a setting that a model or scorer does not have or cannot take
├── QuestionError           the files of a question are missing, unreadable or contradict each other
├── VideoError              a video cannot be decoded or written
├── WeightsError            weights are missing or incomplete
├── EnvironmentMissing      the Python environment of a model is missing or broken
├── GenerationError         a model ran and did not produce a video
│   └── JobFailed           a server ended a job without a video, for example because it refuses the content
├── Unfinished              the run ended before the video, not because of the model; a rerun resumes
├── WorkerKilled            a worker process was killed, probably because memory ran out
└── StorageError            a folder cannot be written, or the disk is full
"""

from __future__ import annotations

import difflib
import errno
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from vmevalkit.deprecation import replacement
from vmevalkit.redaction import clean

if TYPE_CHECKING:
    from pydantic import ValidationError


class VMEvalError(Exception):
    """A problem that the user can fix.

    Args:
        what: what is wrong, with the value.
        fix: how to fix it, where that is known.
    """

    def __init__(self, what: str, fix: str | None = None) -> None:
        super().__init__(what, fix)
        self.what = what
        self.fix = fix
        # Stored in the result of a failed video.
        self.facts: dict[str, Any] = {}

    def __str__(self) -> str:
        return f"{self.what} ({self.fix})" if self.fix else self.what


class UsageError(VMEvalError):
    """The request is not possible as given; nothing was touched."""


class UnknownName(UsageError):
    """A name that does not exist.

    Args:
        kind: what the name stands for, such as "model".
        name: the unknown name.
        known: the names that exist.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        names = sorted(known)
        containing = [known for known in names if len(name) > 2 and name in known]
        # A slip comes first: "stil" means still, although "distilled" contains it.
        slips = difflib.get_close_matches(name, names, n=3, cutoff=0.85)
        near = slips or containing[:3] or difflib.get_close_matches(name, names, n=3, cutoff=0.5)
        if near:
            fix = f"did you mean {' or '.join(near)}?"
        elif len(names) <= 12:
            fix = f"available: {', '.join(names) or 'none'}"
        else:
            fix = f"{len(names)} are available, for example {', '.join(names[:5])}"
        super().__init__(f"unknown {kind} '{name}'", fix)
        self.name = name


class QuestionError(VMEvalError):
    """A question on disk cannot be used."""


class VideoError(VMEvalError):
    """A video cannot be decoded or written."""


class ConfigError(UsageError):
    """A setting that a model or scorer does not have or cannot take."""


class WeightsError(VMEvalError):
    """Weights are missing or incomplete."""


class EnvironmentMissing(VMEvalError):
    """The Python environment of a model is missing or broken."""


class GenerationError(VMEvalError):
    """A model ran and did not produce a video."""


class JobFailed(GenerationError):
    """A server ended a job without a video. The job is over; only `--retry-failed` submits a new one."""

    def __init__(self, what: str, facts: dict[str, Any] | None = None) -> None:
        super().__init__(what)
        self.facts = facts or {}


class Unfinished(VMEvalError):
    """The run ended before the video, not because of the model. Nothing is stored, and a rerun resumes."""


class WorkerKilled(VMEvalError):
    """A worker process was killed, probably because memory ran out."""

    def __init__(self) -> None:
        super().__init__(
            "a worker process was killed, probably because memory ran out",
            "use fewer --workers; rerun the same command to resume",
        )


class StorageError(VMEvalError):
    """A folder cannot be written, or the disk is full."""

    @classmethod
    def from_os(cls, path: object, error: OSError) -> StorageError:
        """Explain why writing `path` failed."""
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            return cls(f"the disk is full: cannot write {path}", "free some space, then rerun the same command")
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            return cls(f"no permission to write {path}", "choose another folder or change its permissions")
        return cls(f"cannot write {path}: {error.strerror or error}")


def explain_validation(error: ValidationError, known: Iterable[str] = ()) -> str:
    """Describe a pydantic error in one line: each field, its value, and what is allowed.

    Args:
        error: the error.
        known: the fields that exist, to suggest one for a field that does not.
    """
    parts = []
    for item in error.errors():
        field = ".".join(str(part) for part in item["loc"]) or "settings"
        message = item["msg"].removeprefix("Value error, ")
        if item["type"] == "extra_forbidden" and known:
            parts.append(str(UnknownName("setting", field, known)))
            continue
        shown = repr(item["input"])
        value = "" if item["type"] == "missing" or len(shown) > 80 or not item["loc"] else f" = {shown}"
        parts.append(f"{field}{value}: {message}" if item["loc"] else message)
    return "; ".join(parts)


def first_line(error: BaseException, longest: int = 300) -> str:
    """Return the first line of an exception's text, for messages of one line; cut to a number of characters."""
    lines = clean(str(error)).strip().splitlines() or ["no reason given"]
    return lines[0][:longest]


def __getattr__(name: str) -> Any:
    return replacement(__name__, name)
