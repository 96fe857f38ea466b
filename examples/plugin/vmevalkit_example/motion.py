"""Motion: a scorer that only looks whether something moves. It shows what a scorer needs."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from vmevalkit import Question, Record, Sample, Scorer, Unscorable, Verdict, media, register_scorer, store


class MotionSettings(Record):
    """Settings of the scorer.

    Attributes:
        threshold: largest mean difference of two frames that counts as still, in levels from 0 to 255.
    """

    threshold: Annotated[float, Field(gt=0, le=255)] = 2.0


@register_scorer
class Motion(Scorer):
    """Passes every video whose last frame differs from its first."""

    name = "motion"
    about = "Passes every video in which something moves."
    settings_type = MotionSettings

    def version(self, question: Question) -> str:
        """Return a version that changes whenever the same video could get another score."""
        return f"1 {self.settings}"

    def decide(self, question: Question, sample: Sample) -> Verdict:
        """Compare the first and the last frame."""
        frames = media.read_frames(store.find_video(sample) or sample.video).astype(np.int16)
        if len(frames) < 2:
            raise Unscorable("one_frame", "The video has one frame.")
        threshold = (self.settings or MotionSettings()).threshold
        moves = bool(np.abs(frames[-1] - frames[0]).mean() > threshold)
        return Verdict(
            passed=moves,
            outcome=float(moves),
            process=1.0,
            preservation=1.0,
            reason="moves" if moves else "still",
            explanation="Something moves." if moves else "Nothing moves.",
        )
