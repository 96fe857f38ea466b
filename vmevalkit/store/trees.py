"""The files of question sets, experiments and scores, to copy them elsewhere.

Files that a stage of the kit does not read are left out: temporary files, locks, caches and ratings. So are links that
leave the folder, because a folder may come from somebody else.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from vmevalkit.files import glob
from vmevalkit.store.paths import MANIFEST, SAMPLE_FILE, SCORE_FILE, VIDEO_SUFFIXES, is_name
from vmevalkit.store.samples import iter_models
from vmevalkit.store.tags import EXPERIMENT

log = logging.getLogger(__name__)

Files = dict[str, Path]
"""Files by their path below the folder, with `/`; in the order in which they are to be copied."""


def question_files(root: Path) -> Files:
    """Return the files of a question set, its manifest last."""
    found = _within(root, glob(root, "*_task/*/*"))
    return {**found, **_within(root, [root / MANIFEST])}


def output_files(root: Path) -> Files:
    """Return the tags, and the files of each sample: the copy of the question, then results, then videos."""
    found: list[Path] = glob(root, EXPERIMENT)
    for model in iter_models(root):
        for folder in glob(root / model, "*_task/*"):
            samples = [*glob(folder, "result*.json"), *glob(folder / "video", "video*.*")]
            own = [path for path in samples if SAMPLE_FILE.match(path.name)]
            # Of a sample that was killed before its result, the copy of the question may be incomplete.
            found += [*glob(folder / "question", "*"), *own] if own else []
    return _within(root, found)


def score_files(root: Path) -> Files:
    """Return the files of an experiment's scores: of each sample, the details before the scores."""
    found: list[Path] = []
    for model in iter_models(root):
        for folder in glob(root / model, "*_task/*"):
            found += glob(folder, "*/details*.json")
            found += [path for path in glob(folder, "*.json") if SCORE_FILE.match(path.name)]
    return _within(root, found)


def is_video(name: str) -> bool:
    """Whether a path has the suffix of a video."""
    return name.lower().endswith(VIDEO_SUFFIXES)


def _within(root: Path, paths: Iterable[Path]) -> Files:
    return {path.relative_to(root).as_posix(): path for path in _plain(root, paths)}


def _plain(root: Path, paths: Iterable[Path]) -> Iterator[Path]:
    real = os.path.realpath(root)
    for path in paths:
        named = all(is_name(part) for part in path.relative_to(root).parts)
        if not named or not os.path.isfile(path):
            continue
        if os.path.commonpath((real, os.path.realpath(path))) == real:
            yield path
        else:
            log.warning("%s is a link that leaves %s, and is left out", path, root)
