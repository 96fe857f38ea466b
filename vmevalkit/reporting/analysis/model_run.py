"""One model's videos in one mode, as numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from vmevalkit.reporting import stats
from vmevalkit.reporting.analysis.pass_rates import PassRates
from vmevalkit.reporting.analysis.records import LengthBin
from vmevalkit.reporting.stats import Array, Curve, Estimate
from vmevalkit.store.experiment import QuestionKey, SampleRecord
from vmevalkit.types import INTRUSIONS

_BINS = 6

# Columns of a run's values.
PASSED, STRICT, SCORED, VALUE, RIGHT_END, CHEATED, ONE = range(7)


@dataclass(frozen=True)
class ModelRun:
    """One model's videos in one mode.

    Attributes:
        values: (questions, seeds, 7), with the columns `PASSED` to `ONE`.
        sums: sums of the values over each bootstrap draw, (draws, 7).
        lengths: plan length of each question.
    """

    model: str
    baseline: bool
    values: Array
    sums: Array
    lengths: list[int]

    @property
    def rate(self) -> float:
        """The pass rate."""
        return float(self.values[..., PASSED].mean())

    @property
    def rate_draws(self) -> Array:
        """The pass rate in each draw, (draws,)."""
        return self.share(PASSED)

    @property
    def pass_rates(self) -> PassRates:
        """The pass rates by question and by draw."""
        return PassRates(np.asarray(self.values[..., PASSED].mean(axis=1)), self.rate_draws)

    @property
    def value(self) -> float | None:
        """The mean value of the scored videos; None if there are none."""
        scored = self.values[..., SCORED].sum()
        return float(self.values[..., VALUE].sum() / scored) if scored else None

    @property
    def value_draws(self) -> Array:
        """The mean value in each draw, (draws,); NaN in a draw without scored videos."""
        with np.errstate(invalid="ignore"):
            return np.asarray(self.sums[:, VALUE] / self.sums[:, SCORED])

    def share(self, column: int) -> Array:
        """Return the mean of a column in each draw, (draws,)."""
        return np.asarray(self.sums[:, column] / self.sums[:, ONE])

    def estimate(self, column: int) -> Estimate:
        """Return the mean of a column with its interval."""
        mean = float(self.values[..., column].mean())
        return stats.estimate(mean, self.share(column), len(self.values))

    def curve(self) -> Curve | None:
        """Return the curve of the pass rate against the plan length, if there is one."""
        questions, seeds = self.values.shape[:2]
        lengths = np.repeat(self.lengths, seeds).tolist()
        passed = self.values[..., PASSED].ravel().astype(bool).tolist()
        return stats.fit_curve(lengths, passed, np.repeat(range(questions), seeds).tolist())

    def length_bins(self) -> Iterator[LengthBin]:
        """Group the videos by plan length: one group for each length, or equally large groups if there are many."""
        lengths = np.asarray(self.lengths)
        ends = np.unique(lengths)
        if len(ends) > _BINS:
            ends = np.unique(np.quantile(lengths, np.linspace(0, 1, _BINS + 1)[1:], method="higher"))
        for i, end in enumerate(ends):
            chosen = (lengths <= end) & (lengths > (ends[i - 1] if i else -1))
            videos = self.values[chosen][..., PASSED]
            passed, asked = int(videos.sum()), videos.size
            low, high = stats.wilson(passed, asked)
            yield LengthBin(
                shortest=int(lengths[chosen].min()),
                longest=int(lengths[chosen].max()),
                asked=asked,
                passed=passed,
                rate=Estimate(value=passed / asked, low=low, high=high),
            )


def values_of(samples: Sequence[SampleRecord], places: Mapping[QuestionKey, int]) -> Array:
    """Return one model's videos as numbers, (questions, seeds, 7).

    Args:
        samples: the model's samples in one mode.
        places: index of each question.
    """
    seeds = {seed: i for i, seed in enumerate(sorted({sample.score.seed for sample in samples}))}
    values = np.zeros((len(places), len(seeds), 7))
    for sample in samples:
        values[places[question_of(sample)], seeds[sample.score.seed]] = _columns(sample)
    return values


def question_of(sample: SampleRecord) -> QuestionKey:
    """Return the task and id of a sample's question."""
    return sample.score.task, sample.score.question_id


def _columns(sample: SampleRecord) -> tuple[float, ...]:
    score = sample.score
    right_end = score.outcome == 1.0
    return (
        float(score.passed is True),
        float(score.passed is True and not INTRUSIONS.intersection(score.notes)),
        float(score.status == "scored"),
        score.value or 0.0,
        float(right_end),
        float(right_end and not score.passed),
        1.0,
    )
