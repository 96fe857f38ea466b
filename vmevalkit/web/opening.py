"""Open the databases of an experiment, also of one whose folders cannot be written."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path

from vmevalkit.errors import StorageError
from vmevalkit.store.database import DamagedDatabase
from vmevalkit.store.ratings import Ratings
from vmevalkit.web.index import Index

log = logging.getLogger(__name__)


def open_index(questions: Path, outputs: Path, scores: Path) -> Index:
    """Open the index of an experiment: beside its scores, or in a temporary folder if those cannot be written."""
    try:
        return Index(questions, outputs, scores)
    except StorageError as error:
        log.warning("%s; the index is kept in a temporary folder", error.what)
        return Index(questions, outputs, scores, _temporary() / "index.sqlite")


def open_ratings(outputs: Path) -> tuple[Ratings, str]:
    """Open the ratings of an experiment.

    Returns:
        The ratings; and why none can be stored, or an empty text.

    Raises:
        StorageError: the database is damaged.
    """
    try:
        return Ratings(outputs), ""
    except DamagedDatabase:
        raise
    except StorageError as error:
        log.warning("%s; videos of this experiment cannot be rated", error.what)
        return Ratings(_temporary()), error.what


def _temporary() -> Path:
    return Path(tempfile.mkdtemp(prefix="vmevalkit_view_"))
