"""Rates, their intervals, and what they are held against. What was asked stays in the denominator."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Annotated

from pydantic import Field

from vmevalkit.types import Mode, Record, Score, Unit

Z95 = 1.959963984540054
"""The 97.5 % quantile of the normal distribution: 95 % lie within this many standard errors."""

NOT_SCORED = "not_scored"
"""Reason of the stand-in for a Score that nobody has written yet; its status is `missing`."""

CEILING = "replay"
"""The baseline that shows the right answer; every other baseline belongs to the floor."""

Count = Annotated[int, Field(ge=0)]


def wilson(passed: int, asked: int, z: float = Z95) -> tuple[float, float]:
    """Wilson's score interval for the share of `passed` in `asked`, both ends in [0, 1].

    It is not centred on the share, holds its coverage for few questions, and has a width even at 0 % and 100 %.
    Nothing asked says nothing: (0, 1).

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
    centre = (share + spread / 2) / (1 + spread)
    half = z / (1 + spread) * math.sqrt(share * (1 - share) / asked + spread / asked / 4)
    # At the ends the formula gives 0 and 1 exactly; floating point does not.
    low = 0.0 if passed == 0 else max(0.0, min(centre - half, share))
    high = 1.0 if passed == asked else min(1.0, max(centre + half, share))
    return low, high


class Tally(Record):
    """Counts of some samples, and what follows from them.

    Attributes:
        asked: every sample; the sum of the five statuses.
        passed: right answers.
        scored, missing, broken, failed, unscorable: samples of each status.
        not_scored: those of `missing` for which no Score was written at all.
        rate: passed / asked; None where nothing was asked.
        low, high: 95 % Wilson interval of the rate.
        mean_value: mean dense credit of the scored samples alone, because only they have one; None without any.
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
    """Count samples; one that is not scored has not passed, and is counted all the same."""
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
    """The best rate of the baselines that cannot reason, and which of them reaches it."""

    model: str
    rate: Unit


def floor(baselines: Mapping[str, Tally], mode: Mode | None) -> Floor | None:
    """What a model must be clearly above before its rate says anything about reasoning.

    In mode `hold` nothing may move, so a film that does nothing is right and there is no floor.

    Args:
        baselines: tallies of the baselines that were run, by name.
        mode: mode of the questions; None for questions without metadata.

    Returns:
        None in mode `hold`, and where no baseline but the ceiling was run.
    """
    rates = {name: t.rate for name, t in baselines.items() if name != CEILING and t.rate is not None}
    if mode == "hold" or not rates:
        return None
    best = max(sorted(rates), key=lambda name: rates[name])
    return Floor(model=best, rate=rates[best])
