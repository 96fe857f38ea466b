"""Strengths of models from preferences between pairs of videos, by the model of Bradley and Terry.

Source: R. A. Bradley and M. E. Terry, Biometrika 39 (1952), 324-345; fitted by the algorithm of D. R. Hunter, Annals of
Statistics 32 (2004), 384-406, equation 3.
"""

from __future__ import annotations

import math

import numpy as np

from vmevalkit.reporting.stats.resampling import Array

PRIOR = 0.1
"""Wins that each model is given against each other one, so that a model that never lost has a finite strength."""

POINTS = 400 / math.log(10)
"""Points of the scale of chess ratings: 400 points are odds of ten to one."""

_STEPS = 1000
_TOLERANCE = 1e-7


def bradley_terry(wins: Array) -> Array:
    """Return the strengths of models as logarithms of odds, with the mean 0.

    Args:
        wins: (..., models, models), how often the first was preferred to the second; a tie is half a win for both.

    Returns:
        Shape (..., models).
    """
    models = wins.shape[-1]
    wins = wins + PRIOR * (1 - np.eye(models))
    games = wins + np.swapaxes(wins, -1, -2)
    won = wins.sum(axis=-1)
    strength = np.ones(won.shape)
    for _ in range(_STEPS):
        expected = (games / (strength[..., :, None] + strength[..., None, :])).sum(axis=-1)
        found = won / expected
        found /= np.exp(np.log(found).mean(axis=-1, keepdims=True))
        change = np.abs(np.log(found / strength)).max(initial=0.0)
        strength = found
        if change < _TOLERANCE:
            break
    return np.asarray(np.log(strength))
