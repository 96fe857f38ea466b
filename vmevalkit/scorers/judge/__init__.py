"""The judge, a scorer that asks a vision-language model. See docs/judge.md."""

from vmevalkit.scorers.judge.config import Answer, Call, Details, JudgeConfig, Vote
from vmevalkit.scorers.judge.frames import choose_frames
from vmevalkit.scorers.judge.judge import Judge

__all__ = ["Answer", "Call", "Details", "Judge", "JudgeConfig", "Vote", "choose_frames"]
