"""Shared parts of the names of folders and files. `questions`, `samples` and `scores` put them together."""

from __future__ import annotations

import re
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from vmevalkit.defaults import DEFAULT_SEED
from vmevalkit.types import Name

MANIFEST = "manifest.json"
# Ratings are stored beside the videos of an experiment.
RATINGS = "ratings.sqlite"
# Suffixes of videos, in lower or upper case. Where a sample has several, the first in this order counts.
VIDEO_SUFFIXES = (".mp4", ".webm", ".mov", ".mkv", ".m4v", ".gif")

# As many digits as a seed may have.
_SEED = r"(?:_seed(-?[0-9]{1,18}))?"
_SUFFIXES = "|".join(map(re.escape, VIDEO_SUFFIXES))
SCORE_FILE = re.compile(rf"^([A-Za-z0-9._-]+?){_SEED}\.json$")
SAMPLE_FILE = re.compile(rf"^(?:video|result){_SEED}(?:(?i:{_SUFFIXES})|\.json)$")

_NAME = TypeAdapter(Name)


def is_name(text: str) -> bool:
    """Whether a text can be the name of a folder: no separators, no leading dot."""
    try:
        _NAME.validate_python(text)
    except ValidationError:
        return False
    return True


def question_folder(root: Path, task: str, question_id: str) -> Path:
    """Return a question's folder below the root of a question set, a model's outputs or a model's scores."""
    return root.joinpath(f"{task}_task", question_id)


def seed_suffix(seed: int) -> str:
    """Return what a seed adds to a file's name: nothing for the default seed."""
    return "" if seed == DEFAULT_SEED else f"_seed{seed}"


def seed_in(match: re.Match[str], group: int) -> int:
    """Return the seed in a matched file name."""
    return int(match[group]) if match[group] is not None else DEFAULT_SEED
