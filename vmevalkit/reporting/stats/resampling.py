"""Estimates with intervals from a cluster bootstrap over tasks, questions and seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from vmevalkit.defaults import DEFAULT_SEED
from vmevalkit.reporting.stats.rates import wilson
from vmevalkit.types import Record

DRAWS = 2000
"""Number of bootstrap draws."""

Array = npt.NDArray[Any]


class Estimate(Record):
    """A number and the ends of its 95 % interval."""

    value: float
    low: float
    high: float

    def shifted(self, floor: float, ceiling: float) -> Estimate:
        """Return the estimate on the scale on which `floor` is 0 and `ceiling` is 1."""
        low, value, high = ((end - floor) / (ceiling - floor) for end in (self.low, self.value, self.high))
        return Estimate(value=value, low=low, high=high)


class Bootstrap:
    """Cluster bootstrap. It draws tasks, then questions of each task, then seeds of each question, with replacement.

    Samples of one question are correlated, as are questions of one task. An interval that treats them as independent is
    too narrow. All models share the same draws, so that differences between models are paired.

    Source: E. Miller, "Adding error bars to evals", arXiv:2411.00640 (2024), for the choice of clusters; A. C. Davison
    and D. V. Hinkley, "Bootstrap methods and their application" (1997), section 3.8, for drawing level by level.

    Args:
        tasks: the task of each question, shape (questions,). If there is only one task, only questions are drawn.
        seed: seed of the random generator.
        draws: number of draws.
    """

    def __init__(self, tasks: Sequence[str], *, seed: int = DEFAULT_SEED, draws: int = DRAWS) -> None:
        if not tasks:
            raise ValueError("nothing to draw from")
        self._seed = seed
        self.questions = len(tasks)
        rng = np.random.default_rng(seed)
        names, codes = np.unique(np.asarray(tasks, dtype=str), return_inverse=True)
        drawn = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=draws)
        # How often each question is drawn, (draws, questions). A task that is drawn twice has twice as many questions.
        self.weights = np.empty((draws, len(tasks)))
        for code in range(len(names)):
            members = np.flatnonzero(codes == code)
            share = np.full(len(members), 1 / len(members))
            self.weights[:, members] = rng.multinomial(drawn[:, code] * len(members), share)

    def sums(self, values: Array) -> Array:
        """Return the sums over each draw.

        Args:
            values: (questions, columns), or (questions, seeds, columns) to draw seeds, too. Draw seeds only for sums
                and means: other statistics, such as pass@k, are biased if a sample is drawn twice.

        Returns:
            Shape (draws, columns).
        """
        if values.ndim == 2:
            return np.asarray(self.weights @ values)
        questions, seeds, columns = values.shape
        if seeds == 1:
            return self.sums(values[:, 0])
        rng = np.random.default_rng((self._seed, seeds))
        flat = values.reshape(questions * seeds, columns)
        share = np.full(seeds, 1 / seeds)
        out = np.empty((len(self.weights), columns))
        # In batches, because all draws of all samples together may not fit into memory.
        batch = max(1, 2_000_000 // (questions * seeds))
        for start in range(0, len(out), batch):
            counts = rng.multinomial(self.weights[start : start + batch].astype(np.int64) * seeds, share)
            out[start : start + batch] = counts.reshape(len(counts), -1) @ flat
        return out

    def sums_of(self, values: Mapping[str, Array]) -> dict[str, Array]:
        """Return each model's sums over each draw. Models with equally many seeds share the draws, which saves time.

        Args:
            values: (questions, seeds, columns) of each model.
        """
        found: dict[str, Array] = {}
        for seeds in {videos.shape[1] for videos in values.values()}:
            models = [model for model, videos in values.items() if videos.shape[1] == seeds]
            together = self.sums(np.concatenate([values[model] for model in models], axis=2))
            found.update(zip(models, np.split(together, len(models), axis=1), strict=True))
        return found


def estimate(value: float, draws: Array, questions: int | None = None) -> Estimate:
    """Return a value with the middle 95 % of its draws. Draws that are NaN or infinite are ignored.

    Args:
        value: the value itself.
        draws: the value in each draw.
        questions: the number of questions, for a mean of values in [0, 1]. If all draws are equal, resampling cannot
            show any uncertainty. Then the interval is Wilson's, which is wide enough for any such values.
    """
    draws = draws[np.isfinite(draws)]
    if not len(draws):
        return Estimate(value=value, low=value, high=value)
    low, high = (float(end) for end in np.quantile(draws, (0.025, 0.975)))
    if questions and math.isclose(low, high, abs_tol=1e-12):
        low, high = wilson(min(max(value, 0.0), 1.0) * questions, questions)
    return Estimate(value=value, low=min(low, value), high=max(high, value))
