"""`Reward` with the signatures of training libraries. None of them is imported.

| library | signature |
| --- | --- |
| flow_grpo (yifan123/flow_grpo@ac4c86e) | `fn(images [B,T,C,H,W], prompts, metadata) -> (scores, info)` |
| DanceGRPO (XueZeyue/DanceGRPO@15cc71d) | `inferencer.reward(video_paths, prompts) -> list of dicts` |
| FastVideo (hao-ai-lab/FastVideo@2f3d407) | `scorer(media [B,C,T,H,W], prompts) -> tensor [B]` |
| TRL 1.16 | `reward_func(prompts, completions, completion_ids, **columns) -> list of floats or None` |
| verifiers 0.4 | `async method(self, trace) -> float` of a `vf.Task` |

DanceGRPO and FastVideo pass prompts only. Where several questions have the same prompt, the first frame of the video
says which one it is (`QuestionFinder`).
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

from vmevalkit.rewards.reward import Reward, Rewards
from vmevalkit.types import Score

FAILED = -1.0
"""Reward that DanceGRPO gives a video whose reward cannot be computed."""


def _finite(values: Rewards) -> Rewards:
    """Replace NaN by 0, for libraries that would train on it."""
    values[~(values == values)] = 0.0
    return values


def flow_grpo(reward: Reward) -> Callable[..., tuple[Rewards, dict[str, Any]]]:
    """Return a reward function for flow_grpo. Its `multi_score` calls it with videos [B,T,C,H,W].

    The rows of the data set's metadata need `question_dir`. A video that cannot be scored gets the floor, or 0.
    """

    def vmevalkit(images: Any, prompts: Sequence[str], metadata: Sequence[Any]) -> tuple[Rewards, dict[str, Any]]:
        # Images are videos of one frame, which do nothing.
        videos = images if images.ndim == 5 else images[:, None]
        return _finite(reward(list(videos), prompts, metadata)), {}

    return vmevalkit


class DanceGRPO:
    """Takes the place of DanceGRPO's `VideoVLMRewardInference`.

    VQ, MQ and TA are preservation, process and outcome; Overall is the reward. All are -1 for a video that cannot be
    scored.
    """

    def __init__(self, reward: Reward) -> None:
        self._reward = reward

    def reward(self, video_paths: Sequence[str], prompts: Sequence[str], **_: Any) -> list[dict[str, float]]:
        """Return the rewards of videos in files."""
        return [self._row(score) for score in self._reward.scores(list(video_paths), prompts)]

    def _row(self, score: Score) -> dict[str, float]:
        if score.status != "scored":
            return dict.fromkeys(("VQ", "MQ", "TA", "Overall"), FAILED)
        parts = (score.preservation, score.process, score.outcome, self._reward.of(score))
        return dict(zip(("VQ", "MQ", "TA", "Overall"), (float(part or 0.0) for part in parts), strict=True))


def fastvideo(reward: Reward) -> Callable[[Any, Sequence[str]], Any]:
    """Return a scorer for FastVideo's `MultiRewardScorer`. A video that cannot be scored gets the floor, or 0."""

    def vmevalkit(media: Any, prompts: Sequence[str]) -> Any:
        import torch

        # Images are videos of one frame, which do nothing.
        videos = media.unsqueeze(1) if media.ndim == 4 else media.transpose(1, 2)
        values = _finite(reward(list(videos), prompts))
        return torch.from_numpy(values).to(media.device)

    return vmevalkit


def trl(reward: Reward) -> Callable[..., list[float | None]]:
    """Return a reward function for TRL's GRPOTrainer.

    Completions are paths of videos, as texts or messages. The data set has a column `question_dir`. A video that cannot
    be scored gets the floor, or None, which TRL leaves out.
    """

    def vmevalkit(
        prompts: Sequence[Any],
        completions: Sequence[Any],
        completion_ids: Any = None,
        *,
        question_dir: Sequence[str],
        **_: Any,
    ) -> list[float | None]:
        values = reward([_text_of(completion) for completion in completions], metadata=question_dir)
        return [None if math.isnan(value) else float(value) for value in values]

    return vmevalkit


def _text_of(completion: Any) -> str:
    """Return the text of a completion: a string, or the content of the last message."""
    if isinstance(completion, str):
        return completion.strip()
    content = completion[-1]["content"]
    if isinstance(content, str):
        return content.strip()
    return str(next(part["text"] for part in content if isinstance(part, Mapping) and "text" in part)).strip()


def verifiers(
    reward: Reward,
    video: Callable[[Any], Any] = lambda trace: trace.info["video"],
    question: Callable[[Any], Any] = lambda trace: trace.task.data.question_dir,
) -> Callable[[Any, Any], Coroutine[Any, Any, float]]:
    """Return a method for a `vf.Task`: `solved = vf.reward(adapters.verifiers(reward))`.

    A video that cannot be scored gets the floor, or 0.

    Args:
        reward: the reward.
        video: returns the path or frames of a trace's video.
        question: returns the question of a trace, or its folder.
    """

    async def vmevalkit(self: Any, trace: Any) -> float:
        pending = reward.submit([video(trace)], metadata=[question(trace)])
        return float(_finite(await asyncio.to_thread(pending.result))[0])

    return vmevalkit
