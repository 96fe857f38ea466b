"""Pass rates of several models on the same questions, and their paired comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vmevalkit.reporting import stats
from vmevalkit.reporting.analysis.records import Comparison
from vmevalkit.reporting.stats import Array, Bootstrap, Estimate


@dataclass(frozen=True)
class PassRates:
    """Pass rates of one model. Only compare pass rates with the same bootstrap draws.

    Attributes:
        shares: share of passing videos by question, (questions,).
        draws: share of passing videos by draw, (draws,).
    """

    shares: Array
    draws: Array

    @property
    def rate(self) -> Estimate:
        """The pass rate with its interval."""
        return stats.estimate(float(self.shares.mean()), self.draws, len(self.shares))

    def against(self, other: PassRates) -> Comparison:
        """Compare this model with another one on the same questions."""
        better, worse = int((self.shares > other.shares).sum()), int((self.shares < other.shares).sum())
        difference = float(self.shares.mean() - other.shares.mean())
        return Comparison(
            questions=len(self.shares),
            difference=stats.paired_difference(difference, self.draws - other.draws, len(self.shares)),
            first_only=better,
            second_only=worse,
            p=stats.mcnemar(better, worse),
        )


def pass_rates(tasks: Sequence[str], passed: Mapping[str, Array]) -> dict[str, PassRates]:
    """Return the pass rates of several models, with one set of bootstrap draws for all.

    Args:
        tasks: the task of each question.
        passed: whether each video passes, (questions, seeds), by model.
    """
    bootstrap = Bootstrap(tasks)
    videos = bootstrap.weights.sum(axis=1)
    sums = bootstrap.sums_of({model: found[..., None].astype(float) for model, found in passed.items()})
    return {
        model: PassRates(found.mean(axis=1), sums[model][:, 0] / (videos * found.shape[1]))
        for model, found in passed.items()
    }
