"""The scorer that counts ratings by people, which the tab Rate of `vmevalkit view` collects."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from vmevalkit import media, store
from vmevalkit.errors import UsageError
from vmevalkit.scorers.base import Scorer, Unscorable, register_scorer
from vmevalkit.types import Question, Score, Verdict

if TYPE_CHECKING:
    from vmevalkit.store.ratings import Rating, Ratings

VERSION = 1


@register_scorer
class Human(Scorer):
    """The majority of the raters of the current video, each with the newest rating."""

    name = "human"
    needs_experiment = True
    about = "Counts ratings by people: the majority decides, each rater with the newest rating."

    def version(self, question: Question) -> str:
        """Return the version of the scorer."""
        return str(VERSION)

    def inputs(self, question: Question, sample: store.Sample) -> str:
        """Return the ratings that count."""
        return "\n".join(rating.model_dump_json() for rating in self._votes(sample))

    def rehearse(self, sample: store.Sample, passes: bool) -> None:
        """Add a rating."""
        from vmevalkit.store.ratings import Rating

        video = store.find_video(sample) or sample.video
        fields = sample.model_dump(exclude={"outputs"})
        token = f"{sample.model}-{sample.question_id}-{sample.seed}"
        said = Rating(token=token, rater="contract", video_sha256=store.sha256(video), passed=passes, stars=5, **fields)
        _ratings(sample.outputs).add(said)

    def decide(self, question: Question, sample: store.Sample) -> Verdict:
        """Return the verdict of the majority."""
        video = store.find_video(sample) or sample.video
        media.first_frame(video)
        votes = self._votes(sample)
        if not votes:
            raise Unscorable("not_rated", "This video has no rating: vmevalkit view, tab Rate.")
        passes = sum(rating.passed for rating in votes)
        if 2 * passes == len(votes):
            raise Unscorable("raters_disagree", f"{passes} of {len(votes)} raters passed the video.")
        comments = "".join(f" {rating.rater}: {rating.comment}" for rating in votes if rating.comment)
        explanation = f"{passes} of {len(votes)} raters passed the video.{comments}"
        return _verdict(2 * passes > len(votes), passes / len(votes), explanation)

    def others(self, question: Question, sample: store.Sample) -> list[Score]:
        """Return each rater's own score, as scorer `human.NAME`, from which the agreement of raters is computed."""
        votes = self._votes(sample)
        if not votes:
            return []
        from vmevalkit.store.ratings import rater_code

        return [
            Score(
                **{**self._identity(question, sample), "scorer": f"{self.name}.{rater_code(rating.rater)}"},
                status="scored",
                value=float(rating.passed),
                **_verdict(rating.passed, 0.0, rating.comment or f"{rating.stars} of 5 stars.").model_dump(),
            )
            for rating in votes
        ]

    def _votes(self, sample: store.Sample) -> list[Rating]:
        """Return the newest rating of each rater of the current video."""
        video = store.find_video(sample)
        if video is None or not os.path.isfile(sample.outputs / store.RATINGS):
            return []
        digest = store.sha256(video)
        newest = {rating.rater: rating for rating in _ratings(sample.outputs).history(sample=sample)}
        return [rating for rating in newest.values() if rating.video_sha256 == digest]


def _verdict(passed: bool, share: float, explanation: str) -> Verdict:
    return Verdict(
        passed=passed,
        outcome=1.0 if passed else share,
        process=1.0,
        preservation=1.0,
        reason="people_say_right" if passed else "people_say_wrong",
        explanation=explanation,
    )


@lru_cache(maxsize=4)
def _ratings(outputs: Path) -> Ratings:
    try:
        from vmevalkit.store.ratings import Ratings
    except ModuleNotFoundError as error:
        raise UsageError(f"ratings need {error.name}", "pip install 'vmevalkit[view]'") from None
    return Ratings(outputs)
