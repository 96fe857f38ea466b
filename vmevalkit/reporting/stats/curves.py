"""Logistic curves of the pass rate against the plan length."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from vmevalkit.reporting.stats.rates import Z95
from vmevalkit.reporting.stats.resampling import Estimate
from vmevalkit.types import Record

_FEWEST_QUESTIONS = 10


class CurvePoint(Record):
    """The fitted pass rate at a plan length."""

    length: float
    rate: Estimate


class Curve(Record):
    """Logistic curve of passing against plan length.

    Attributes:
        intercept, slope: of the log odds. The slope is for one more step.
        half: plan length at which half of the videos pass; None if the curve does not fall through 0.5.
        points: the curve with its pointwise 95 % band, from the shortest to the longest plan.
    """

    intercept: float
    slope: Estimate
    half: float | None
    points: tuple[CurvePoint, ...]


def fit_curve(lengths: Sequence[float], passed: Sequence[bool], questions: Sequence[int]) -> Curve | None:
    """Fit the odds of passing to the plan length. Videos of one question are a cluster.

    Return None for fewer than ten questions, because the band would be far too narrow. Also return None if no finite
    curve fits best: all lengths are equal, or one length separates all videos that pass from all that fail (A. Albert
    and J. A. Anderson, Biometrika 71 (1984), 1-10).

    Args:
        lengths, passed, questions: plan length, verdict and question number of each video. All have the same length.
    """
    x, y = np.asarray(lengths, dtype=float), np.asarray(passed, dtype=bool)
    passing, failing = x[y], x[~y]
    if len(set(questions)) < _FEWEST_QUESTIONS:
        return None
    if not len(passing) or not len(failing):
        return None
    if passing.max() <= failing.min() or failing.max() <= passing.min():
        return None
    import statsmodels.api as sm

    model = sm.GLM(y.astype(float), sm.add_constant(x), family=sm.families.Binomial())
    fit = model.fit(cov_type="cluster", cov_kwds={"groups": np.asarray(questions)})
    intercept, slope = (float(b) for b in fit.params)
    covariance = np.asarray(fit.cov_params())
    grid = np.linspace(x.min(), x.max(), 33)
    design = np.stack([np.ones_like(grid), grid], axis=1)
    odds = design @ fit.params
    half = Z95 * np.sqrt(np.einsum("ij,jk,ik->i", design, covariance, design))
    low, middle, high = (1 / (1 + np.exp(-end)) for end in (odds - half, odds, odds + half))
    error = Z95 * math.sqrt(covariance[1, 1])
    falls = slope < 0 and x.min() <= -intercept / slope <= x.max()
    return Curve(
        intercept=intercept,
        slope=Estimate(value=slope, low=slope - error, high=slope + error),
        half=-intercept / slope if falls else None,
        points=tuple(
            CurvePoint(length=float(at), rate=Estimate(value=float(m), low=float(lo), high=float(hi)))
            for at, lo, m, hi in zip(grid, low, middle, high, strict=True)
        ),
    )
