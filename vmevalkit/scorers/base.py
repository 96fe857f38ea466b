"""Scorers: turn a video into a Score. What a scorer cannot decide is reported, never scored as zero."""

from __future__ import annotations

import hashlib
import logging
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from pydantic import ValidationError

from vmevalkit import store
from vmevalkit.errors import ConfigError, UsageError, VideoError, VMEvalError, explain_validation
from vmevalkit.redaction import clean
from vmevalkit.registry import Registry
from vmevalkit.types import Count, Question, Record, Score, Status, Unit, Verdict

log = logging.getLogger(__name__)

STOPPED = "stopped"
"""Reason of a sample that was not reached before the run ended. Such a score is not stored."""

OTHER_QUESTION = "other_question"
"""Reason of a video that was made for another question than the one of its name."""

TRANSIENT_REASONS = frozenset({"scorer_error", "call_failed", STOPPED})
"""Reasons that are due to the scorer, not to the sample: rerunning the command may give a score."""


class Unscorable(VMEvalError):
    """The scorer cannot decide about a sample.

    Args:
        reason: a short stable code.
        what: why, in a sentence.
        details: stored beside the score, if given.
    """

    def __init__(self, reason: str, what: str, details: Record | None = None) -> None:
        super().__init__(what)
        self.reason = reason
        self.details = details


class DetailedVerdict(Verdict):
    """A verdict with details of how it was reached, which are stored beside the score."""

    details: Record


class Measurement(Record):
    """What a scorer measured that does not decide: no video passes or fails by it.

    Attributes:
        value: in [0, 1]; near 0 for a video in which nothing happens.
        measures: numbers by name.
        reason, explanation, evidence_frame: as in a verdict.
    """

    value: Unit
    measures: dict[str, float]
    reason: str
    explanation: str
    evidence_frame: Count | None = None


_SHARED = set(Verdict.model_fields) - {"passed"}


class Scorer(ABC):
    """Decides about samples. A subclass defines `version` and `decide`.

    Class attributes:
        name: of the scorer, and of its score files.
        about: a sentence.
        settings_type: record of the scorer's settings; None if it has none.
        needs_experiment: whether it reads more than the files of the question, the video and its result. It is then not
            sent to other machines.
    """

    name: ClassVar[str]
    about: ClassVar[str]
    needs_experiment: ClassVar[bool] = False
    settings_type: ClassVar[type[Record] | None] = None

    def __init__(self, settings: Any = None) -> None:
        self.settings = settings

    @property
    def threads(self) -> int:
        """For a scorer that waits for a server: number of samples at a time, in threads of one process. Otherwise 0."""
        return 0

    def configured(self, settings: Mapping[str, Any]) -> Scorer:
        """Return this scorer with settings.

        Raises:
            UsageError: it has no such settings, or cannot run with them on this machine.
        """
        if self.settings_type is None:
            if settings:
                raise UsageError(f"scorer {self.name} has no settings, but was given {', '.join(settings)}")
            return self
        try:
            return type(self)(self.settings_type.model_validate(dict(settings)))
        except ValidationError as error:
            raise ConfigError(f"{self.name}: {explain_validation(error, self.settings_type.model_fields)}") from None

    def close(self) -> None:  # noqa: B027 - most have nothing to close
        """Called at the end of a run, also after an error."""

    @abstractmethod
    def version(self, question: Question) -> str:
        """Return a version that changes whenever the same video could get another score."""

    @abstractmethod
    def decide(self, question: Question, sample: store.Sample) -> Verdict | Measurement:
        """Decide about a sample that has a video, or measure it.

        Raises:
            Unscorable: the scorer cannot decide.
            VideoError: the video does not decode.
        """

    def inputs(self, question: Question, sample: store.Sample) -> str:
        """Return a text that changes with everything that a score depends on, beside video, question and version.

        By default these are the settings, and the place of the canvas in a video that was made here.
        """
        settings = self.settings.model_dump_json() if self.settings is not None else ""
        return f"{settings}\n{geometry_of(sample)}"

    def others(self, question: Question, sample: store.Sample) -> list[Score]:
        """Return scores under other names that belong to this scorer's, such as those of each rater."""
        return []

    def rehearse(self, sample: store.Sample, passes: bool) -> None:  # noqa: B027 - most need nothing
        """Provide what the scorer needs before it can decide about a video, for the contract."""

    def score(self, question: Question, sample: store.Sample) -> Score:
        """Return the score of one sample, whatever state it is in."""
        return self.examine(question, sample)[0]

    def examine(
        self, question: Question, sample: store.Sample, inputs: Mapping[str, Any] | None = None
    ) -> tuple[Score, Record | None]:
        """Return the score of one sample, and its details. This is the boundary of scoring: it never raises.

        Args:
            question: the question.
            sample: the video.
            inputs: digests for the score, see `digests`; computed if not given.
        """
        identity = {**self._identity(question, sample), **(inputs or self.digests(question, sample))}
        status, reason, explanation, details = self._missing(sample)
        if status is None:
            return self._examined(identity, lambda: self.decide(question, sample))
        return Score(**identity, status=status, reason=reason, explanation=clean(explanation)), details

    def _examined(
        self, identity: dict[str, Any], decide: Callable[[], Verdict | Measurement]
    ) -> tuple[Score, Record | None]:
        """Return what `decide` says about a video as a score, and its details."""
        details: Record | None = None
        status: Status
        try:
            verdict = decide()
            if isinstance(verdict, Measurement):
                return Score(**identity, status="scored", **verdict.model_dump()), None
            score = Score(
                **identity,
                status="scored",
                passed=verdict.passed,
                value=verdict.value,
                notes=tuple(sorted({tolerance.code for tolerance in verdict.tolerated})),
                **verdict.model_dump(include=_SHARED),
            )
            return score, verdict.details if isinstance(verdict, DetailedVerdict) else None
        except VideoError as error:
            status, reason, explanation = "broken", "not_decodable", str(error)
        except Unscorable as error:
            status, reason, explanation, details = "unscorable", error.reason, str(error), error.details
        except VMEvalError as error:
            status, reason, explanation = "unscorable", "question_broken", str(error)
        except Exception as error:
            where = f"{identity['task']}_task/{identity['question_id']}"
            log.exception("scorer %s failed on %s of %s", self.name, where, identity["model"])
            status, reason = "unscorable", "scorer_error"
            explanation = f"The scorer itself failed: {type(error).__name__}: {error}"
        return Score(**identity, status=status, reason=reason, explanation=clean(explanation)), details

    def undecided(self, question: Question, sample: store.Sample, reason: str, explanation: str) -> Score:
        """Return the score of a sample that could not be examined."""
        identity = {**self._identity(question, sample), **self.digests(question, sample)}
        return Score(**identity, status="unscorable", reason=reason, explanation=clean(explanation))

    def _missing(self, sample: store.Sample) -> tuple[Status | None, str, str, Record | None]:
        """Return status, reason and explanation of a sample without a video; None as the status of others."""
        if store.find_video(sample) is not None:
            return None, "", "", None
        result = store.read_result(sample)
        if result is not None and not result.success:
            return "failed", "generation_failed", result.error or "no reason given", None
        if os.path.isdir(sample.folder) and not os.access(sample.folder, os.R_OK | os.X_OK):
            return "broken", "not_readable", f"{sample.folder} cannot be read: no permission.", None
        others = store.other_files(sample)
        suffixes = ", ".join(store.VIDEO_SUFFIXES)
        hint = f" Beside it: {', '.join(others[:3])}. A video is {sample.video.stem} with {suffixes}." if others else ""
        return "missing", "no_video", f"There is no {sample.video}.{hint}", None

    def _identity(self, question: Question, sample: store.Sample) -> dict[str, Any]:
        return {
            "model": sample.model,
            "task": sample.task,
            "question_id": sample.question_id,
            "seed": sample.seed,
            "scorer": self.name,
            "scorer_version": self.version(question),
        }

    def digests(
        self, question: Question, sample: store.Sample, question_sha256: str | None = None
    ) -> dict[str, str | None]:
        """Return the digests of what a score depends on, as fields of a Score."""
        video = store.find_video(sample)
        return {
            "video_sha256": store.sha256_or_none(video) if video is not None else None,
            "question_sha256": question_sha256 or store.question_digest(question),
            "inputs_sha256": hashlib.sha256(self.inputs(question, sample).encode()).hexdigest(),
        }

    def is_current(self, score: Score, question: Question, sample: store.Sample, inputs: Mapping[str, Any]) -> bool:
        """Whether a stored score is what scoring the sample again would give."""
        expected = {**self._identity(question, sample), **inputs}
        return score.status == "scored" and all(getattr(score, name) == value for name, value in expected.items())


def geometry_of(sample: store.Sample) -> str:
    """Return a text that changes with the place of the canvas in a video that was made here; otherwise empty."""
    provenance = store.read_provenance(sample)
    if provenance is None:
        return ""
    return f"{provenance.image_sha256} {provenance.prompt_sha256} {provenance.geometry.model_dump_json()}"


SCORERS: Registry[Scorer] = Registry("scorer", "vmevalkit.scorers")


def register_scorer(scorer: type[Scorer]) -> type[Scorer]:
    """Add a scorer to the registry. A class decorator."""
    SCORERS.add(scorer.name, scorer())
    return scorer
