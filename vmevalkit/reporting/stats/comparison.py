"""Comparisons of two models, and how many questions they need."""

from __future__ import annotations

import math
from collections.abc import Sequence

from vmevalkit.reporting.stats.rates import Z95
from vmevalkit.reporting.stats.resampling import Array, Estimate, estimate

LEVEL, POWER = 0.05, 0.8
"""Probability of a false positive, and probability of finding a difference, for which power is computed."""


def mcnemar(first_only: int, second_only: int) -> float:
    """Return the exact two-sided p-value of McNemar's test on the questions that only one of two models solves.

    Source: Q. McNemar, Psychometrika 12 (1947), 153-157; exact: M. P. Fay, Biostatistics 11 (2010), 373-374.
    """
    from scipy.stats import binomtest

    discordant = first_only + second_only
    return float(binomtest(first_only, discordant).pvalue) if discordant else 1.0


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values for their number, so that the probability of any false positive stays below the level.

    Source: S. Holm, Scandinavian Journal of Statistics 6 (1979), 65-70.
    """
    if not p_values:
        return []
    from statsmodels.stats.multitest import multipletests

    return [float(p) for p in multipletests(p_values, method="holm")[1]]


def paired_difference(value: float, draws: Array, questions: int) -> Estimate:
    """Return a difference between two models on the same questions, with its interval.

    If they differ in no draw, the interval is that of A. Agresti and Y. Min, Statistics in Medicine 24 (2005),
    729-740, which adds half a question to each cell of the fourfold table.
    """
    found = estimate(value, draws)
    if found.low == found.high == 0.0:
        half = Z95 / (questions + 2)
        return Estimate(value=value, low=-min(half, 1.0), high=min(half, 1.0))
    return found


def difference(first: tuple[int, int], second: tuple[int, int]) -> Estimate:
    """Return the difference of two rates on different questions, each as (passed, asked), with Newcombe's interval.

    Source: R. G. Newcombe, Statistics in Medicine 17 (1998), 873-890, method 10.
    """
    from statsmodels.stats.proportion import confint_proportions_2indep

    low, high = confint_proportions_2indep(*first, *second, method="newcomb", compare="diff")
    return Estimate(value=first[0] / first[1] - second[0] / second[1], low=float(low), high=float(high))


def questions_needed(points: float, discordant: float, power: float = POWER, level: float = LEVEL) -> int:
    """Return how many questions both models must answer for McNemar's test to find a difference.

    Args:
        points: the difference between the two pass rates, in (0, 1].
        discordant: share of the questions that only one of the two solves; at least `points`.
        power: probability of finding a difference of that size.
        level: probability of a false positive.

    Source: R. J. Connor, Biometrics 43 (1987), 207-211.
    """
    from scipy.stats import norm

    discordant = max(discordant, points)
    wide, narrow = math.sqrt(discordant), math.sqrt(discordant - points**2)
    need = (float(norm.isf(level / 2)) * wide + float(norm.isf(1 - power)) * narrow) / points
    return math.ceil(need**2)


def detectable(questions: int, discordant: float) -> float | None:
    """Return the smallest difference, in steps of 0.001, for which this many questions are enough; None if none is."""
    return next((p / 1000 for p in range(1, 1001) if questions_needed(p / 1000, discordant) <= questions), None)
