"""Score one video, in an experiment or outside of any."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vmevalkit import media, store
from vmevalkit.defaults import DEFAULT_SEED
from vmevalkit.errors import UsageError
from vmevalkit.scorers.rule import USUAL_FPS, Rule, RuleConfig
from vmevalkit.types import Question, Score

NO_MODEL = "unnamed"
"""The model in the score of a video that belongs to no experiment."""


def question_at(folder: Path | str) -> Question:
    """Read the question in a folder.

    Raises:
        UsageError: there is no question.
        QuestionError: its metadata is damaged.
    """
    path = Path(folder).absolute()
    task, is_task, rest = path.parent.name.rpartition("_task")
    if not is_task or rest or not (path / "first_frame.png").is_file():
        raise UsageError(
            f"{folder} is not the folder of a question", "give one such as data/questions/maze_task/maze_0000"
        )
    return store.read_question(path.parents[1], task, path.name)


def score_video(
    question: Question | Path | str,
    video: Any,
    *,
    fps: float = USUAL_FPS,
    model: str = NO_MODEL,
    seed: int = DEFAULT_SEED,
    strict: bool = False,
) -> Score:
    """Return the score of one video by the rule scorer.

    The score of a video in the folder of an experiment is the one that `score` gives.

    Args:
        question: a question, or its folder.
        video: path of a video, or frames: images, an array or a tensor (frames, height, width, 3) or (frames, 3,
            height, width), as uint8 or as floats from 0 to 1.
        fps: frame rate of frames; a file has its own.
        model, seed: what the score says about the origin of a video outside of an experiment.
        strict: whether a visitor, a caption or an overlay is a mistake in every question.

    Raises:
        UsageError: there is no such question or file.
        VideoError: `video` is neither frames nor a path.
    """
    asked = question if isinstance(question, Question) else question_at(question)
    scorer = Rule(RuleConfig(strict=strict))
    if not isinstance(video, (str, Path)):
        return scorer.score_video(asked, media.to_frames(video), model=model, seed=seed, fps=fps)
    path = Path(video)
    sample = store.sample_at(path)
    if sample is not None and (sample.task, sample.question_id) == (asked.task, asked.id):
        return scorer.score(asked, sample)
    if not path.is_file():
        raise UsageError(f"there is no video {path}")
    return scorer.score_video(asked, path, model=model, seed=seed)
