"""What every scorer is: it decides about one sample, and anything it cannot decide is said, never scored as zero."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar

from vmevalkit import store
from vmevalkit.errors import KitError, VideoError
from vmevalkit.registry import Registry
from vmevalkit.types import Question, Score, Status, Verdict

log = logging.getLogger(__name__)


class Unscorable(KitError):
    """The scorer cannot decide about this sample; `reason` is a short stable code."""

    def __init__(self, reason: str, what: str) -> None:
        super().__init__(what)
        self.reason = reason


class Scorer(ABC):
    """Decides about samples. Subclasses say how; this class keeps the books.

    Class attributes:
        name: of the scorer; also the score file's name.
        about: a sentence.
    """

    name: ClassVar[str]
    about: ClassVar[str]

    @abstractmethod
    def version(self, question: Question) -> str:
        """Changes whenever the same video could get another score."""

    @abstractmethod
    def decide(self, question: Question, sample: store.Sample) -> Verdict:
        """Judge a video that is there.

        Raises:
            Unscorable: with the reason.
            VideoError: the video does not decode.
        """

    def sources(self, sample: store.Sample) -> tuple[Path, ...]:
        """Files that a score depends on, beside film, result and question: when one changes, it is made anew."""
        return ()

    def others(self, question: Question, sample: store.Sample) -> list[Score]:
        """Scores under other names that come along with this scorer's, such as each rater's own."""
        return []

    def rehearse(self, sample: store.Sample, right: bool) -> None:  # noqa: B027 - most need nothing
        """For the contract: provide what the scorer needs before it can decide about a film that is right or not."""

    def score(self, question: Question, sample: store.Sample) -> Score:
        """The score of one sample, whatever state it is in. The boundary of scoring: it never raises for a sample."""
        result = store.read_result(sample)
        if store.find_video(sample) is None:
            if result is not None and not result.success:
                return self._without(question, sample, "failed", "generation_failed", result.error or "no reason given")
            return self._without(question, sample, "missing", "no_video", f"There is no {sample.video}.")
        try:
            verdict = self.decide(question, sample)
        except VideoError as error:
            return self._without(question, sample, "broken", "not_decodable", str(error))
        except Unscorable as error:
            return self._without(question, sample, "unscorable", error.reason, str(error))
        except KitError as error:
            return self._without(question, sample, "unscorable", "question_broken", str(error))
        except Exception as error:
            log.exception("scorer %s failed on %s", self.name, sample.folder)
            text = f"The scorer itself failed: {type(error).__name__}: {error}"
            return self._without(question, sample, "unscorable", "scorer_error", text)
        return Score(
            **self._identity(question, sample),
            status="scored",
            passed=verdict.passed,
            value=verdict.value,
            **verdict.model_dump(exclude={"passed"}),
        )

    def _without(self, question: Question, sample: store.Sample, status: Status, reason: str, why: str) -> Score:
        return Score(**self._identity(question, sample), status=status, reason=reason, explanation=why)

    def _identity(self, question: Question, sample: store.Sample) -> dict[str, Any]:
        return {
            "model": sample.model,
            "task": sample.task,
            "question_id": sample.question_id,
            "seed": sample.seed,
            "scorer": self.name,
            "scorer_version": self.version(question),
        }


SCORERS: Registry[Scorer] = Registry("scorer", "vmevalkit.scorers")


def register_scorer(scorer: type[Scorer]) -> type[Scorer]:
    """Class decorator: put a scorer on the shelf."""
    SCORERS.add(scorer.name, scorer())
    return scorer
