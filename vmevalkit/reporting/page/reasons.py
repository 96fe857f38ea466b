"""Why videos do not pass: the most frequent reasons of each model."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlencode

from vmevalkit.store.experiment import SampleRecord

TOP = 6
"""Number of reasons that are shown for a model."""


@dataclass(frozen=True)
class Reason:
    """A reason, the share of the model's videos that have it, and a link that filters the videos."""

    name: str
    verdict: str
    videos: int
    share: float
    href: str


@dataclass(frozen=True)
class ModelReasons:
    """The reasons of one model, the most frequent first.

    Attributes:
        asked, failed: number of its videos, and of those that do not pass.
    """

    model: str
    asked: int
    failed: int
    reasons: list[Reason]

    @property
    def others(self) -> int:
        """Number of the videos that do not pass for a reason that is not shown."""
        return self.failed - sum(reason.videos for reason in self.reasons)


def reasons_by_model(samples: Iterable[SampleRecord]) -> list[ModelReasons]:
    """Return the reasons of each model that is not a baseline; the model with the fewest such videos is first."""
    asked: Counter[str] = Counter()
    counts: defaultdict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
    for sample in samples:
        if sample.baseline:
            continue
        asked[sample.score.model] += 1
        if sample.verdict != "pass":
            counts[sample.score.model][sample.verdict, sample.score.reason] += 1
    found = [
        ModelReasons(
            model=model,
            asked=total,
            failed=counts[model].total(),
            reasons=[
                Reason(
                    name=reason,
                    verdict=verdict,
                    videos=videos,
                    share=videos / total,
                    href="#" + urlencode({"model": model, "verdict": verdict, "reason": reason}),
                )
                for (verdict, reason), videos in sorted(counts[model].items(), key=lambda c: (-c[1], c[0]))[:TOP]
            ],
        )
        for model, total in asked.items()
    ]
    return sorted(found, key=lambda model: model.failed / model.asked)
