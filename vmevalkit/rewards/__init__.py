"""The rule scorer as a reward function, for training video models.

    from vmevalkit.rewards import Reward

    reward = Reward("data/questions", workers=8)
    values = reward(videos, metadata=[{"question_dir": "data/questions/maze_task/maze_0000"}, ...])  # float32 [B]

`vmevalkit.rewards.adapters` has it with the signatures of flow_grpo, DanceGRPO, FastVideo, TRL and verifiers.
"""

from vmevalkit.rewards.questions import QuestionFinder
from vmevalkit.rewards.reward import PendingRewards, Reward

__all__ = ["PendingRewards", "QuestionFinder", "Reward"]
