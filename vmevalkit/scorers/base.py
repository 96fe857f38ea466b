"""What every scorer is: it decides about one sample, and anything it cannot decide is said, never scored as zero."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from vmevalkit import store
from vmevalkit.errors import UsageError, VideoError, VMEvalError
from vmevalkit.registry import Registry
from vmevalkit.types import Question, Record, Score, Status, Verdict

log = logging.getLogger(__name__)


STOPPED = "stopped"
"""Reason of a sample that was not reached before the run ended; such a score is not stored."""

WORTH_ANOTHER_TRY = frozenset({"scorer_error", "call_failed", STOPPED})
"""Reasons that lie in the scorer and not in the sample: the same command may well decide."""


class Unscorable(VMEvalError):
    """The scorer cannot decide about this sample.

    `reason` is a short stable code; `details`, if any, are kept beside the score.
    """

    def __init__(self, reason: str, what: str, details: Record | None = None) -> None:
        super().__init__(what)
        self.reason = reason
        self.details = details


class DetailedVerdict(Verdict):
    """A verdict with what led to it, which is kept beside the score."""

    details: Record


_SHARED = set(Verdict.model_fields) - {"passed"}


class Scorer(ABC):
    """Decides about samples. Subclasses say how; this class keeps the books.

    Class attributes:
        name: of the scorer; also the score file's name.
        about: a sentence.
    """

    name: ClassVar[str]
    about: ClassVar[str]

    @property
    def threads(self) -> int:
        """For a scorer that waits for others: samples at a time, in threads of one process. 0: it works by itself."""
        return 0

    def configured(self, settings: Mapping[str, Any]) -> Scorer:
        """This scorer with settings.

        Raises:
            UsageError: it has no such settings, or cannot work with them on this machine.
        """
        if settings:
            raise UsageError(f"scorer {self.name} has no settings, but was given {', '.join(settings)}")
        return self

    def close(self) -> None:  # noqa: B027 - most have nothing to close
        """Called when a run ends, however it ends."""

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
        """Files that a score depends on, beside video, result and question: when one changes, it is made anew."""
        return ()

    def others(self, question: Question, sample: store.Sample) -> list[Score]:
        """Scores under other names that come along with this scorer's, such as each rater's own."""
        return []

    def rehearse(self, sample: store.Sample, right: bool) -> None:  # noqa: B027 - most need nothing
        """For the contract: provide what the scorer needs before it can decide about a video that is right or not."""

    def score(self, question: Question, sample: store.Sample) -> Score:
        """The score of one sample, whatever state it is in."""
        return self.examine(question, sample)[0]

    def examine(self, question: Question, sample: store.Sample) -> tuple[Score, Record | None]:
        """The score of one sample, with its details. The boundary of scoring: it never raises for a sample."""
        result = store.read_result(sample)
        if store.find_video(sample) is None:
            if result is not None and not result.success:
                why = result.error or "no reason given"
                return self._without(question, sample, "failed", "generation_failed", why), None
            return self._without(question, sample, "missing", "no_video", f"There is no {sample.video}."), None
        try:
            verdict = self.decide(question, sample)
        except VideoError as error:
            return self._without(question, sample, "broken", "not_decodable", str(error)), None
        except Unscorable as error:
            return self._without(question, sample, "unscorable", error.reason, str(error)), error.details
        except VMEvalError as error:
            return self._without(question, sample, "unscorable", "question_broken", str(error)), None
        except Exception as error:
            log.exception("scorer %s failed on %s", self.name, sample.folder)
            text = f"The scorer itself failed: {type(error).__name__}: {error}"
            return self._without(question, sample, "unscorable", "scorer_error", text), None
        score = Score(
            **self._identity(question, sample),
            status="scored",
            passed=verdict.passed,
            value=verdict.value,
            **verdict.model_dump(include=_SHARED),
        )
        return score, verdict.details if isinstance(verdict, DetailedVerdict) else None

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
