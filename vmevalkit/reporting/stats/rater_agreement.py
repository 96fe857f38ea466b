"""Agreement of scorers and raters about the same videos: raw agreement, Cohen's kappa, Krippendorff's alpha."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np

from vmevalkit.reporting.stats.rates import Count
from vmevalkit.reporting.stats.resampling import Array, Bootstrap, Estimate, estimate
from vmevalkit.types import Record


class Agreement(Record):
    """How far scorers agree about the same videos.

    Attributes:
        units: number of videos with at least two decisions.
        raw: share of equal decisions among the pairs of decisions about a video.
        kappa: Cohen's kappa, for two scorers; None if it is not defined.
        alpha: Krippendorff's alpha, for any number of scorers, with gaps; None if all decisions are the same.
    """

    units: Count
    raw: Estimate
    kappa: Estimate | None
    alpha: Estimate | None


def agreement(
    labels: Array, questions: Sequence[int], bootstrap: Bootstrap, level: Literal["nominal", "ordinal"] = "nominal"
) -> Agreement | None:
    """Return the agreement of raters, with intervals from resampled questions; None if no video has two labels.

    Args:
        labels: (videos, raters), numbers; NaN where a rater does not decide.
        questions: number of each video's question, as `bootstrap` counts them.
        bootstrap: the draws of questions.
        level: whether labels have an order. Only alpha depends on it.

    Source: J. Cohen, Educational and Psychological Measurement 20 (1960), 37-46; K. Krippendorff, "Computing
    Krippendorff's alpha-reliability" (2011).
    """
    known = np.isfinite(labels).sum(axis=1) >= 2
    if not known.any():
        return None
    labels, at = labels[known], np.asarray(questions)[known]
    domain, codes = np.unique(labels[np.isfinite(labels)], return_inverse=True)
    votes = np.zeros((*labels.shape, len(domain)))
    votes[np.isfinite(labels)] = np.eye(len(domain))[codes]
    counts = votes.sum(axis=1)
    # Krippendorff's coincidences: pairs of labels of one video, weighted by the video's number of labels.
    pairs = counts[:, :, None] * counts[:, None, :] - counts[:, :, None] * np.eye(len(domain))
    pairs /= counts.sum(axis=1)[:, None, None] - 1
    drawn = _resampled(pairs, at, bootstrap)
    equal = np.trace(pairs.sum(axis=0)) / pairs.sum()
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = np.trace(drawn, axis1=1, axis2=2) / drawn.sum(axis=(1, 2))
        raw = estimate(float(equal), shares, questions=len(np.unique(at)))
        alpha = _coefficient(_alpha_point(counts, level), 1 - _disagreement_ratio(drawn, level), raw)
        kappa = None
        if labels.shape[1] == 2:
            table = votes[:, 0, :, None] * votes[:, 1, None, :]
            kappa = _coefficient(_kappa_point(table.sum(axis=0)), _kappa(_resampled(table, at, bootstrap)), raw)
    return Agreement(units=len(labels), raw=raw, kappa=kappa, alpha=alpha)


def _resampled(tables: Array, questions: Array, bootstrap: Bootstrap) -> Array:
    """Sum tables of videos, (videos, values, values), over the videos of each draw: (draws, values, values)."""
    sums = np.zeros((bootstrap.questions, *tables.shape[1:]))
    np.add.at(sums, questions, tables)
    return bootstrap.sums(sums.reshape(bootstrap.questions, -1)).reshape(-1, *tables.shape[1:])


def _coefficient(value: float | None, draws: Array, raw: Estimate) -> Estimate | None:
    """Return a coefficient with its interval. If all draws are equal, the interval follows from that of `raw`."""
    if value is None:
        return None
    found = estimate(value, draws)
    if not math.isclose(found.low, found.high, abs_tol=1e-12):
        return found
    # Coefficients divide by the disagreement expected by chance, which is at most 0.5 for two values.
    chance = (1 - raw.value) / (1 - value) if raw.value < 1.0 and value < 1.0 else 0.5
    return Estimate(value=value, low=1 - (1 - raw.low) / chance, high=1 - (1 - raw.high) / chance)


def _kappa_point(table: Array) -> float | None:
    from statsmodels.stats.inter_rater import cohens_kappa

    # If both always give the same label, chance agrees always, and kappa is not defined.
    if np.count_nonzero(table.sum(axis=0)) == np.count_nonzero(table.sum(axis=1)) == 1 and np.trace(table):
        return None
    return float(cohens_kappa(table, return_results=False))


def _kappa(tables: Array) -> Array:
    """Return Cohen's kappa of each table, shape (draws, values, values)."""
    shares = tables / tables.sum(axis=(1, 2), keepdims=True)
    chance = (shares.sum(axis=1) * shares.sum(axis=2)).sum(axis=1)
    return np.asarray((np.trace(shares, axis1=1, axis2=2) - chance) / (1 - chance))


def _alpha_point(counts: Array, level: Literal["nominal", "ordinal"]) -> float | None:
    import krippendorff

    if counts.shape[1] < 2:
        return None
    return float(krippendorff.alpha(value_counts=counts, level_of_measurement=level))


def _disagreement_ratio(pairs: Array, level: str) -> Array:
    """Return observed over expected disagreement, from coincidences of shape (draws, values, values)."""
    margins = pairs.sum(axis=2)
    if level == "ordinal":
        # The distance of two ranks is the number of labels between them.
        middle = np.cumsum(margins, axis=1) - margins / 2
        distance = (middle[:, :, None] - middle[:, None, :]) ** 2
    else:
        distance = np.broadcast_to(1 - np.eye(pairs.shape[1]), pairs.shape)
    expected = (margins[:, :, None] * margins[:, None, :] * distance).sum(axis=(1, 2))
    return np.asarray((margins.sum(axis=1) - 1) * (pairs * distance).sum(axis=(1, 2)) / expected)
