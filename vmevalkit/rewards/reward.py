"""A batch of videos in, an array of rewards out; in a pool of processes."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, cast

import numpy as np
import numpy.typing as npt

from vmevalkit import media
from vmevalkit.defaults import DEFAULT_SEED
from vmevalkit.errors import UsageError, VideoError
from vmevalkit.media import Frames
from vmevalkit.rewards.questions import QuestionFinder
from vmevalkit.runner.executors.local import pool_of
from vmevalkit.scorers.rule import USUAL_FPS, Rule, RuleConfig
from vmevalkit.types import Geometry, Question, Score

log = logging.getLogger(__name__)

Rewards = npt.NDArray[np.float32]
Layout = Literal["BTCHW", "BCTHW", "BTHWC"]
Kind = Literal["value", "passed"]

_NAME = "policy"


class PendingRewards:
    """Rewards that are being computed. `Reward.submit` returns it."""

    def __init__(self, reward: Reward, jobs: Sequence[_Job]) -> None:
        self._reward, self._jobs = reward, jobs

    def done(self) -> bool:
        """Whether `result` would return at once."""
        return all(job.future.done() for job in self._jobs)

    def scores(self, timeout: float | None = None) -> list[Score]:
        """Wait for the scores. A video that cannot be scored has one with the reason.

        Raises:
            TimeoutError: a video took longer than `timeout` seconds.
        """
        return [self._reward.finish(job, timeout) for job in self._jobs]

    def result(self, timeout: float | None = None) -> Rewards:
        """Wait for the rewards, float32 [B].

        Raises:
            TimeoutError: a video took longer than `timeout` seconds.
        """
        return np.array([self._reward.of(score) for score in self.scores(timeout)], np.float32)


class Reward:
    """Scores videos of a policy by the rule scorer.

    Args:
        questions: folder of the question set; may be left out if the metadata of each video names its folder.
        workers: number of processes. With 1, videos are scored in a thread of this process. With more, processes are
            spawned, so the training script needs `if __name__ == "__main__":`.
        kind: `value`, partial progress in [0, 1], or `passed`, 0 or 1.
        floor: reward of a video that cannot be scored, such as one that does not decode. NaN by default.
        strict: whether a visitor, a caption or an overlay is a mistake in every question. Otherwise a policy may learn
            to show them where they are tolerated.
        fps: frame rate of videos in memory.
        layout: of tensors and arrays with five dimensions; by default, the one in which there are three channels.

    Raises:
        UsageError: there are no questions in the folder, or an argument is out of range.
    """

    def __init__(
        self,
        questions: Path | str | None = None,
        *,
        workers: int = 1,
        kind: Kind = "value",
        floor: float = float("nan"),
        strict: bool = True,
        fps: float = USUAL_FPS,
        layout: Layout | None = None,
    ) -> None:
        if workers < 1:
            raise UsageError(f"workers = {workers}: must be at least 1")
        if kind not in ("value", "passed"):
            raise UsageError(f"kind = {kind!r}: must be 'value' or 'passed'")
        self.finder = QuestionFinder(questions)
        self.floor = float(floor)
        self._kind, self._workers, self._fps, self._layout = kind, workers, float(fps), layout
        self._scorer = Rule(RuleConfig(strict=strict))
        self._pool: Executor | None = None

    def __call__(
        self, videos: Any, prompts: Sequence[str] | None = None, metadata: Sequence[Any] | None = None
    ) -> Rewards:
        """Return the rewards of a batch, float32 [B].

        Args:
            videos: a tensor or array [B,T,C,H,W], [B,C,T,H,W] or [B,T,H,W,C], uint8 or floats from 0 to 1; or a
                sequence of paths, tensors, arrays or lists of images.
            prompts: of the videos. Needed only without metadata.
            metadata: which question each video answers; see `QuestionFinder.find`.

        Raises:
            UsageError: the shape or range of the videos, or a question that does not exist.
        """
        return self.submit(videos, prompts, metadata).result()

    def submit(
        self, videos: Any, prompts: Sequence[str] | None = None, metadata: Sequence[Any] | None = None
    ) -> PendingRewards:
        """Begin to compute the rewards of a batch, and return at once. Takes the arguments of a call.

        The videos are copied, so that their memory may be used again.
        """
        batch = list(_batch(videos, self._layout))
        for name, given in (("prompts", prompts), ("metadata", metadata)):
            if given is not None and len(given) != len(batch):
                raise UsageError(f"there are {len(batch)} videos and {len(given)} {name}")
        jobs = [
            self._job(video, prompts[i] if prompts is not None else None, metadata[i] if metadata is not None else None)
            for i, video in enumerate(batch)
        ]
        return PendingRewards(self, jobs)

    def scores(
        self, videos: Any, prompts: Sequence[str] | None = None, metadata: Sequence[Any] | None = None
    ) -> list[Score]:
        """Return the scores behind the rewards: verdict, reason, explanation. Takes the arguments of a call."""
        return self.submit(videos, prompts, metadata).scores()

    def of(self, score: Score) -> float:
        """Return the reward of a score."""
        if score.value is None:
            return self.floor
        return score.value if self._kind == "value" else float(bool(score.passed))

    def close(self) -> None:
        """End the processes. The next call starts them again."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None

    def __enter__(self) -> Reward:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def finish(self, job: _Job, timeout: float | None = None) -> Score:
        """Return the score of a job; if its process was killed, try once more in another one."""
        try:
            return job.future.result(timeout)
        except BrokenProcessPool:
            log.warning("a worker process of the reward was killed, probably because memory ran out; trying again")
        try:
            return self._submitted(cast(Question, job.question), job.video).result(timeout)
        except BrokenProcessPool:
            return _unscorable(job.question, "scorer_error", "Worker processes were killed while it was scored.")

    def _job(self, video: Any, prompt: str | None, metadata: Any) -> _Job:
        question = None
        try:
            question = self.finder.find(metadata, prompt, video)
            shown = Path(video) if isinstance(video, (str, Path)) else _frames(video)
        except VideoError as error:
            reason = "unknown_question" if question is None else "not_decodable"
            future: Future[Score] = Future()
            future.set_result(_unscorable(question, reason, str(error)))
            return _Job(question, video, future)
        return _Job(question, shown, self._submitted(question, shown))

    def _submitted(self, question: Question, video: Path | Frames) -> Future[Score]:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(1) if self._workers == 1 else pool_of(self._workers)
        try:
            return self._pool.submit(_score, self._scorer, question, video, self._fps)
        except BrokenProcessPool:
            # A process was killed since the last video.
            self._pool = None
            return self._submitted(question, video)


@dataclass(frozen=True)
class _Job:
    """A video that is being scored. Without a question, the future has its result."""

    question: Question | None
    video: Any
    future: Future[Score]


def _score(scorer: Rule, question: Question, video: Path | Frames, fps: float) -> Score:
    canvas = question.metadata.canvas if question.metadata is not None else None
    # As for models that the kit runs: in frames of the size of the canvas, nothing is moved.
    geometry = Geometry.place(canvas, media.even(canvas)) if canvas is not None else None
    return scorer.score_video(question, video, model=_NAME, seed=DEFAULT_SEED, geometry=geometry, fps=fps)


def _unscorable(question: Question | None, reason: str, explanation: str) -> Score:
    return Score(
        model=_NAME, task=question.task if question else "unknown", question_id=question.id if question else "unknown",
        seed=DEFAULT_SEED, scorer=Rule.name, scorer_version="", status="unscorable", reason=reason,
        explanation=explanation,
    )  # fmt: skip


def _batch(videos: Any, layout: Layout | None) -> Any:
    """Return the videos of a batch; those of an array as [T,C,H,W] or [T,H,W,C]."""
    if isinstance(videos, (str, Path)):
        raise UsageError(f"videos = {str(videos)!r}: must be a batch", "pass a list of paths")
    if not media.is_array(videos):
        return videos
    pixels = media.to_numpy(videos)
    if pixels.ndim != 5:
        raise UsageError(f"videos have the shape {pixels.shape}: a batch has five dimensions, such as [B,T,C,H,W]")
    found = layout or _layout_of(pixels.shape)
    return pixels.swapaxes(1, 2) if found == "BCTHW" else pixels


def _layout_of(shape: tuple[int, ...]) -> Layout:
    """Return the layout in which there are three channels.

    Raises:
        UsageError: there is none, or there are several.
    """
    channels: dict[Layout, int] = {"BTCHW": shape[2], "BCTHW": shape[1], "BTHWC": shape[4]}
    possible = [layout for layout, count in channels.items() if count == 3]
    if len(possible) != 1:
        what = "may be " + " or ".join(possible) if possible else "has nowhere three channels"
        raise UsageError(f"a batch of shape {shape} {what}", "pass Reward(..., layout='BTCHW'), 'BCTHW' or 'BTHWC'")
    return possible[0]


def _frames(video: Any) -> Frames:
    """Return a copy of a video in memory as uint8 frames.

    Raises:
        VideoError: the video holds NaN or infinity, as that of a policy that has diverged.
        UsageError: no video, or floats of another range, which is a mistake in the training script.
    """
    pixels = media.to_numpy(video) if media.is_array(video) else None
    try:
        frames = media.to_frames(video if pixels is None else pixels)
    except VideoError as error:
        if pixels is not None and np.issubdtype(pixels.dtype, np.floating) and not np.isfinite(pixels).all():
            raise VideoError("the video holds NaN or infinity") from None
        raise UsageError(str(error)) from None
    return frames.copy() if pixels is not None and np.shares_memory(frames, pixels) else frames
