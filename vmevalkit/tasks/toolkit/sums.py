"""Sums of floats that are the same in every version of Python.

`sum` corrects rounding errors since Python 3.12, so its last bits depend on the version, and so would the bytes of
questions.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence

Spot = tuple[float, float]


def added(numbers: Iterable[float]) -> float:
    """Return the sum of some numbers, added one after another."""
    total = 0.0
    for number in numbers:
        total += number
    return total


def length_of(path: Sequence[Spot]) -> float:
    """Return the length of a path of straight parts, given by its corners."""
    return added(math.dist(a, b) for a, b in itertools.pairwise(path))
