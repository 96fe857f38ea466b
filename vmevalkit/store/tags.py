"""Tags of an experiment: words by which its owner finds it again. They are in experiment.json beside the videos."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from vmevalkit.errors import QuestionError, UsageError
from vmevalkit.store.records import read_record, write_record
from vmevalkit.types import Record

log = logging.getLogger(__name__)

EXPERIMENT = "experiment.json"

Tag = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$")]


class ExperimentFile(Record):
    """The content of experiment.json."""

    format: Literal[1] = 1
    tags: tuple[Tag, ...] = ()


def read_tags(outputs: Path) -> tuple[str, ...]:
    """Return the tags of an experiment. A file that is missing or damaged is as good as empty."""
    path = outputs / EXPERIMENT
    if not os.path.isfile(path):
        return ()
    try:
        return read_record(path, ExperimentFile).tags
    except QuestionError as error:
        log.warning("%s", error)
        return ()


def add_tags(outputs: Path, tags: Iterable[str]) -> None:
    """Add tags to an experiment.

    Raises:
        UsageError: a tag is empty, too long or has control characters.
    """
    known = read_tags(outputs)
    wanted = tuple(dict.fromkeys((*known, *tags)))
    if wanted == known:
        return
    try:
        content = ExperimentFile(tags=wanted)
    except ValidationError:
        raise UsageError(f"tags = {list(tags)}: a tag has 1 to 100 characters on one line") from None
    write_record(outputs / EXPERIMENT, content)
