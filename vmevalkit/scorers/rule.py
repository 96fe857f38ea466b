"""The rule scorer: bring a video back to the question's canvas, and let the verifier of the task decide."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from PIL import Image
from pydantic import ValidationError

from vmevalkit import media, store
from vmevalkit.errors import UnknownName, explain_validation, first_line
from vmevalkit.media import CanvasVideo, Frames
from vmevalkit.scorers.base import OTHER_QUESTION, Scorer, Unscorable, register_scorer
from vmevalkit.tasks._particulars import explained
from vmevalkit.tasks.base import TASKS, Reader, strictly
from vmevalkit.tasks.toolkit.vision import view_size
from vmevalkit.types import Geometry, Question, QuestionMetadata, Record, Score, Size, Verdict

# Raised when geometry, decoding or the shared part of the verifiers change verdicts.
VERSION = 5

USUAL_FPS = 8.0
"""Frame rate of frames that come without one, as CogVideoX has it."""


class RuleConfig(Record):
    """Settings of the rule scorer.

    Attributes:
        strict: whether a visitor, a caption or an overlay is a mistake in every question. Otherwise, it is one in mode
            hold and in tasks whose prompts exclude it (`Task.strict`), and only noted in the score of others.
    """

    strict: bool = False


# From this correlation of the first frame with that of the question on, the video shows the question.
_SURE = 0.8


@register_scorer
class Rule(Scorer):
    """Decides by program. The same video always gets the same score."""

    name = "rule"
    about = "Decides by program: reads the state of the puzzle from each frame, and scores the sequence."
    settings_type = RuleConfig

    def __init__(self, settings: RuleConfig | None = None) -> None:
        super().__init__(settings or RuleConfig())

    def version(self, question: Question) -> str:
        """Return the version of the scorer and of the task."""
        if question.metadata is None or question.metadata.task not in TASKS:
            return f"{VERSION}"
        return f"{VERSION}.{TASKS[question.metadata.task].version}"

    def decide(self, question: Question, sample: store.Sample) -> Verdict:
        """Let the verifier of the task score the video."""
        metadata = _metadata_of(question)
        geometry = _known_geometry(question, metadata, sample)
        return self.verdict(question, store.find_video(sample) or sample.video, geometry)

    def score_video(
        self,
        question: Question,
        video: Path | Frames,
        *,
        model: str,
        seed: int,
        geometry: Geometry | None = None,
        fps: float = USUAL_FPS,
    ) -> Score:
        """Return the score of a video that belongs to no experiment. Like `examine`, this never raises.

        Args:
            question: the question.
            video: a file, or frames as uint8 (frames, height, width, 3).
            model, seed: what the score is to say about its origin.
            geometry: place of the canvas in frames of that size, if it is known.
            fps: frame rate of frames; a file has its own.
        """
        identity = {
            "model": model, "task": question.task, "question_id": question.id, "seed": seed,
            "scorer": self.name, "scorer_version": self.version(question),
            "video_sha256": store.sha256_or_none(video) if isinstance(video, Path) else None,
            "question_sha256": store.question_digest(question),
        }  # fmt: skip
        return self._examined(identity, lambda: self.verdict(question, video, geometry, fps))[0]

    def verdict(
        self, question: Question, video: Path | Frames, geometry: Geometry | None = None, fps: float = USUAL_FPS
    ) -> Verdict:
        """Decide about a video.

        Args:
            question: the question.
            video: a file, or frames as uint8 (frames, height, width, 3).
            geometry: place of the canvas in the frames, if it is known.
            fps: frame rate of frames; a file has its own.

        Raises:
            Unscorable, QuestionError: the scorer cannot decide.
            VideoError: the video does not decode.
        """
        metadata = _metadata_of(question)
        task = TASKS[metadata.task]
        puzzle, read = puzzle_of(metadata)
        shown = _on_canvas(question, metadata, video, geometry, fps)
        verdict = task.verify(puzzle, shown.views, metadata.mode, metadata.canvas, read, shown.fps)
        is_strict = self.settings.strict or task.strict or metadata.mode == "hold"
        verdict = strictly(verdict) if is_strict else verdict
        box = verdict.evidence_box and shown.geometry.in_frame(verdict.evidence_box)
        return verdict.model_copy(update={"explanation": explained(verdict, shown.fps), "evidence_box": box})


def _metadata_of(question: Question) -> QuestionMetadata:
    """Return the metadata of a question that the scorer can decide about.

    Raises:
        Unscorable: there is none, or it is of another version of the kit.
    """
    metadata = question.metadata
    if metadata is None:
        source = store.read_source(question)
        if source is not None:
            raise Unscorable(
                "no_rule",
                f"The question is from {source.benchmark}, for which the kit has no rule; "
                "--scorer reference, judge or human can score it.",
            )
        raise Unscorable(
            "no_metadata",
            "The question is user-supplied, without metadata, so the rule scorer does not know its answer.",
        )
    try:
        task = TASKS[metadata.task]
    except UnknownName as error:
        raise Unscorable("unknown_task", str(error)) from None
    if metadata.task_version != task.version:
        raise Unscorable(
            "other_version",
            f"The question is of version {metadata.task_version} of {task.name}; the kit has {task.version}.",
        )
    return metadata


def puzzle_of(metadata: QuestionMetadata) -> tuple[Any, Reader[Any]]:
    """Return the puzzle of a question, and the reader of its frames.

    Raises:
        Unscorable: the puzzle does not fit its task.
    """
    try:
        puzzle = TASKS[metadata.task].puzzle_type.model_validate(metadata.puzzle)
        return puzzle, _reader(metadata.task, puzzle.model_dump_json(), metadata.canvas)
    except ValidationError as error:
        raise Unscorable("bad_puzzle", explain_validation(error)) from None
    except (LookupError, ValueError, TypeError, ArithmeticError) as error:
        # The parts of the puzzle are valid and contradict each other, such as rows of different lengths.
        what = f"{type(error).__name__}: {first_line(error)}"
        raise Unscorable("bad_puzzle", f"The puzzle cannot be solved and drawn: {what}.") from None


@lru_cache(maxsize=1)
def _reader(task: str, puzzle: str, canvas: Size) -> Reader[Any]:
    """Return the reader of a question. It is cached, because the videos of a question share its drawings."""
    owner = TASKS[task]
    valid = owner.puzzle_type.model_validate_json(puzzle)
    owner.solution(valid)
    return owner.reader(valid, canvas)


def video_of(question: Question, metadata: QuestionMetadata, sample: store.Sample) -> CanvasVideo:
    """Return a sample's video as verifiers see it.

    Raises:
        Unscorable: the video was made for another question, the first frame is not of the size of the canvas, or a
            part of the puzzle is cut off.
        QuestionError: first frame or prompt cannot be read.
        VideoError: the video does not decode.
    """
    known = _known_geometry(question, metadata, sample)
    return _on_canvas(question, metadata, store.find_video(sample) or sample.video, known, USUAL_FPS)


def _on_canvas(
    question: Question, metadata: QuestionMetadata, video: Path | Frames, known: Geometry | None, fps: float
) -> CanvasVideo:
    """Return a video as verifiers see it.

    Raises:
        Unscorable: the first frame is not of the size of the canvas, or a part of the puzzle is cut off.
        QuestionError: the first frame cannot be read.
        VideoError: the video does not decode.
    """
    size = media.image_size(question.first_frame)
    if size != metadata.canvas:
        shown = "{}x{}, but the canvas of its question is {}x{}".format(*size, *metadata.canvas)
        raise Unscorable("bad_canvas", f"{question.first_frame} is {shown}.")

    def locate(size: Size, first: Callable[[], Image.Image]) -> Geometry:
        if known is not None and known.frame == size:
            return known
        return _found_geometry(question, first())

    if isinstance(video, Path):
        return media.read_canvas(video, locate, view_size(metadata.canvas))
    return media.canvas_of_frames(video, fps, locate, view_size(metadata.canvas))


def _found_geometry(question: Question, first: Image.Image) -> Geometry:
    """Find the canvas in a frame of a video that was made elsewhere.

    Raises:
        Unscorable: a part of the puzzle is cut off.
    """
    canvas = media.load_image(question.first_frame)
    geometry = media.register(first, canvas)
    # The answer may need more of the canvas than the question.
    answer = media.load_image(question.final_frame) if question.final_frame.is_file() else canvas
    is_cropped = media.is_cropped(canvas, geometry) or media.is_cropped(answer, geometry)
    if is_cropped and media.agreement(first, canvas, geometry) > _SURE:
        raise Unscorable("cropped", "A part of the puzzle lies outside of the frames of the video.")
    return geometry


def _known_geometry(question: Question, metadata: QuestionMetadata, sample: store.Sample) -> Geometry | None:
    """Return the place of the canvas, if the video was made here.

    Raises:
        Unscorable: the video was made for another first frame or prompt.
    """
    provenance = store.read_provenance(sample)
    if provenance is None:
        return None
    if provenance.prompt_sha256 != store.prompt_digest(question):
        raise Unscorable(OTHER_QUESTION, f"The video was made for another prompt than {question.prompt_file}.")
    if provenance.image_sha256 != metadata.sha256.get("first_frame.png", provenance.image_sha256):
        raise Unscorable(OTHER_QUESTION, f"The video was made for another first frame than {question.first_frame}.")
    return provenance.geometry if provenance.geometry.canvas == metadata.canvas else None
