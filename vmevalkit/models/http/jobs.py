"""What was submitted, on disk: the id of a job is stored before the wait starts, so that a later run finds it."""

from __future__ import annotations

import contextlib
from pathlib import Path

from pydantic import ValidationError

from vmevalkit.errors import Unfinished
from vmevalkit.files import dumps, write_text
from vmevalkit.types import Record


class JobRecord(Record):
    """A job, from just before it is submitted until its video is published.

    Attributes:
        model: which model was asked.
        request_sha256: digest of everything that was asked for.
        key: sent with the request, so that servers that know idempotency keys make one job of repeated requests.
        id: of the job; None if no answer has been stored, so that the server may or may not have a job.
        request_id: of the response.
        price_usd: list price of the job.
    """

    model: str
    request_sha256: str
    key: str
    id: str | None = None
    request_id: str | None = None
    price_usd: float | None = None


class JobFile:
    """The file of one job; in memory only if there is no path.

    Args:
        path: of the file.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._record: JobRecord | None = None

    def read(self) -> JobRecord | None:
        """Return the stored job; None if there is none.

        Raises:
            Unfinished: the file is damaged.
        """
        if self._path is None or not self._path.is_file():
            return self._record
        try:
            return JobRecord.model_validate_json(self._path.read_bytes())
        except (OSError, ValidationError):
            raise Unfinished(f"{self._path} cannot be read", "look at your account, then delete it") from None

    def write(self, record: JobRecord) -> None:
        """Store a job. It is on disk when this returns.

        Raises:
            StorageError: it cannot be written, so that nothing may be submitted.
        """
        self._record = record
        if self._path is not None:
            write_text(self._path, dumps(record.model_dump(mode="json")))

    def remove(self) -> None:
        """Forget the job, because the server has none."""
        self._record = None
        if self._path is not None:
            with contextlib.suppress(OSError):
                self._path.unlink(missing_ok=True)

    @property
    def name(self) -> str:
        """The path, for messages."""
        return str(self._path or "the job")
