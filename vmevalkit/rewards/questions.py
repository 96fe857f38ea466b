"""Which question a video answers, as training code can say it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from vmevalkit import media, store
from vmevalkit.errors import UsageError, VideoError
from vmevalkit.runner.single import question_at
from vmevalkit.types import Question

# First frames are compared at this size, in pixels.
_THUMBNAIL = (64, 64)
# The first frame of the question must be at least so many times closer to that of the video than any other one.
_CLEARLY = 2.0

_FOLDER_KEYS = ("question_dir", "question", "sample_metadata_path")


class QuestionFinder:
    """Finds the question of a video, by metadata or by prompt.

    Args:
        root: folder of a question set; None if the metadata contains paths of questions.

    Raises:
        UsageError: there are no questions in the folder.
    """

    def __init__(self, root: Path | str | None = None) -> None:
        self._root = Path(root).absolute() if root is not None else None
        self._ids: dict[str, Question] = {}
        self._prompts: dict[str, list[Question]] = {}
        self._thumbnails: dict[Path, npt.NDArray[np.float32]] = {}
        for question in store.iter_questions(self._root) if self._root is not None else ():
            self._ids[question.id] = question
            self._prompts.setdefault(store.read_prompt(question), []).append(question)

    def find(self, metadata: Any, prompt: str | None, video: Any) -> Question:
        """Return the question of a video.

        Args:
            metadata: a question, its folder or id, or a dict with one of these as `question_dir` or `question`, the
                path of a file in its folder as `sample_metadata_path`, or `question_id`. None to search by prompt.
            prompt: if several questions have it, the video must begin with the first frame of one of them.
            video: path or frames of the video.

        Raises:
            UsageError: nothing says which question it is.
            VideoError: the first frame of the video is like that of no question with this prompt.
        """
        if metadata is not None:
            return self._by_metadata(metadata)
        if prompt is None or not self._prompts:
            example = "pass metadata=[{'question_dir': ...}]"
            raise UsageError("a reward needs metadata, or a question set and prompts", example)
        candidates = self._prompts.get(prompt.strip(), [])
        if not candidates:
            raise UsageError(f"no question in {self._root} has the prompt {prompt[:80]!r}", "pass metadata")
        return candidates[0] if len(candidates) == 1 else self._by_first_frame(candidates, video)

    def _by_metadata(self, metadata: Any) -> Question:
        if isinstance(metadata, Question):
            return metadata
        if isinstance(metadata, Mapping):
            named = next((metadata[key] for key in _FOLDER_KEYS if metadata.get(key)), metadata.get("question_id"))
            if named is None:
                raise UsageError(f"metadata with the keys {', '.join(map(str, metadata))} names no question",
                                 "add question_dir")  # fmt: skip
            return self._by_metadata(named)
        if str(metadata) in self._ids:
            return self._ids[str(metadata)]
        path = Path(metadata)
        path = path.parent if path.suffix else path
        if self._root is not None and not path.is_dir():
            path = self._root / path
        return question_at(path)

    def _by_first_frame(self, candidates: list[Question], video: Any) -> Question:
        shown = _thumbnail(_first_frame(video))
        distances = [float(np.abs(shown - self._thumbnail_of(question)).mean()) for question in candidates]
        first, second = np.argsort(distances)[:2]
        if distances[first] * _CLEARLY > distances[second]:
            raise VideoError(f"{len(candidates)} questions have this prompt, and the video begins like none of them")
        return candidates[int(first)]

    def _thumbnail_of(self, question: Question) -> npt.NDArray[np.float32]:
        if question.folder not in self._thumbnails:
            self._thumbnails[question.folder] = _thumbnail(media.load_image(question.first_frame))
        return self._thumbnails[question.folder]


def _first_frame(video: Any) -> Image.Image:
    if isinstance(video, (str, Path)):
        return media.first_frame(video)
    return Image.fromarray(next(media.iter_pixels(video)))


def _thumbnail(image: Image.Image) -> npt.NDArray[np.float32]:
    return np.asarray(image.convert("RGB").resize(_THUMBNAIL, Image.Resampling.BOX), np.float32)
