"""Read and write records as JSON files."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from vmevalkit.errors import QuestionError, explain_validation
from vmevalkit.files import dumps, write_text
from vmevalkit.types import Record

R = TypeVar("R", bound=Record)

_JSON_LIMIT = 16 * 2**20


def write_record(path: Path, record: Record) -> None:
    """Write a record as JSON, atomically."""
    write_text(path, dumps(record.model_dump(mode="json")))


def read_record(path: Path, kind: type[R]) -> R:
    """Read a record of a given type.

    Raises:
        QuestionError: the file cannot be read, is too large, or is not a valid `kind`.
    """
    try:
        if path.stat().st_size > _JSON_LIMIT:
            raise QuestionError(f"{path} is too large for a {kind.__name__}")
        return kind.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise QuestionError(f"{path} is not a {kind.__name__}: {explain_validation(error)}") from None
    except OSError as error:
        raise QuestionError(f"{path} cannot be read: {error.strerror}") from None
