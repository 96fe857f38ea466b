"""Pass rates with their intervals, counts of statuses, and the floor of the baselines."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Annotated

from pydantic import Field

from vmevalkit.store.experiment import NOT_SCORED
from vmevalkit.types import Mode, Record, Score, Unit

Z95 = 1.959963984540054
"""The 97.5 % quantile of the normal distribution: 95 % lie within this many standard errors."""

CEILING = "replay"
"""The baseline that shows the right answer. All other baselines belong to the floor."""

Count = Annotated[int, Field(ge=0)]


def wilson(passed: float, asked: int, z: float = Z95) -> tuple[float, float]:
    """Return Wilson's score interval for the share of `passed` in `asked`, both ends in [0, 1].

    It is not centered on the share, keeps its coverage for few questions, and has a width even at 0 % and 100 %.
    If nothing was asked, it is (0, 1).

    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", Journal of the
    American Statistical Association 22 (1927), 209-212.

    Raises:
        ValueError: not 0 <= passed <= asked, or z not positive.
    """
    if not 0 <= passed <= asked or not z > 0:
        raise ValueError(f"passed={passed}, asked={asked}, z={z}")
    if asked == 0:
        return 0.0, 1.0
    share, spread = passed / asked, z * z / asked
    center = (share + spread / 2) / (1 + spread)
    half = z / (1 + spread) * math.sqrt(share * (1 - share) / asked + spread / asked / 4)
    # At the ends the formula gives exactly 0 and 1, but floating point does not.
    low = 0.0 if passed == 0 else max(0.0, min(center - half, share))
    high = 1.0 if passed == asked else min(1.0, max(center + half, share))
    return low, high


class Tally(Record):
    """Counts of samples, and their pass rate.

    Attributes:
        asked: every sample; the sum of the five statuses.
        passed: samples that pass.
        scored, missing, broken, failed, unscorable: samples of each status.
        not_scored: those of `missing` for which no Score was written.
        rate: passed / asked; None if nothing was asked.
        low, high: 95 % Wilson interval of the rate.
        mean_value: mean value of the scored samples; None if there are none.
    """

    asked: Count
    passed: Count
    scored: Count
    missing: Count
    broken: Count
    failed: Count
    unscorable: Count
    not_scored: Count
    rate: Unit | None
    low: Unit
    high: Unit
    mean_value: Unit | None


def tally(scores: Iterable[Score]) -> Tally:
    """Count samples. Samples that are not scored count as not passed."""
    scores = list(scores)
    statuses = [score.status for score in scores]
    values = [score.value for score in scores if score.value is not None]
    asked, passed = len(scores), sum(score.passed is True for score in scores)
    low, high = wilson(passed, asked)
    return Tally(
        asked=asked,
        passed=passed,
        scored=statuses.count("scored"),
        missing=statuses.count("missing"),
        broken=statuses.count("broken"),
        failed=statuses.count("failed"),
        unscorable=statuses.count("unscorable"),
        not_scored=sum(score.status == "missing" and score.reason == NOT_SCORED for score in scores),
        rate=passed / asked if asked else None,
        low=low,
        high=high,
        mean_value=min(1.0, math.fsum(values) / len(values)) if values else None,
    )


class Floor(Record):
    """The best pass rate of the baselines other than the ceiling, and the baseline that reaches it."""

    model: str
    rate: Unit


def floor(baselines: Mapping[str, Tally], mode: Mode | None) -> Floor | None:
    """Return the rate that a model must clearly exceed before its own rate is evidence of reasoning.

    In mode `hold` nothing may move. A video that does nothing passes, so there is no floor.

    Args:
        baselines: tallies of the baselines, by name.
        mode: the questions' mode; None for questions without metadata.

    Returns:
        None in mode `hold`, and if no baseline but the ceiling was run.
    """
    rates = {name: t.rate for name, t in baselines.items() if name != CEILING and t.rate is not None}
    if mode == "hold" or not rates:
        return None
    best = max(sorted(rates), key=lambda name: rates[name])
    return Floor(model=best, rate=rates[best])


def pass_at_k(n: int, passed: int, k: int) -> float:
    """Estimate the probability that at least one of k samples passes, from n samples of which `passed` pass.

    The estimate is unbiased.

    Source: M. Chen et al., "Evaluating large language models trained on code", arXiv:2107.03374 (2021), equation 1.
    """
    return 1.0 - _all_in_subset(n, n - passed, k)


def pass_hat_k(n: int, passed: int, k: int) -> float:
    """Estimate the probability that all of k samples pass, from n samples of which `passed` pass.

    The estimate is unbiased.

    Source: S. Yao et al., "tau-bench", arXiv:2406.12045 (2024), section 3.
    """
    return _all_in_subset(n, passed, k)


def _all_in_subset(n: int, subset: int, k: int) -> float:
    """Return the probability that k of n, drawn without replacement, are all in a subset of the given size."""
    if not (0 <= subset <= n and 1 <= k <= n):
        raise ValueError(f"n={n}, subset={subset}, k={k}")
    return math.comb(subset, k) / math.comb(n, k)
