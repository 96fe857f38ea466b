"""Rates, their intervals, what they are held against, comparison, agreement. What was asked stays in the denominator.

Formulas on plain numbers; what a report makes of them is in `report/analysis.py`. scipy, statsmodels and krippendorff
are imported where they are used, because they take seconds.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from vmevalkit.defaults import DEFAULT_SEED
from vmevalkit.types import Mode, Record, Score, Unit

Z95 = 1.959963984540054
"""The 97.5 % quantile of the normal distribution: 95 % lie within this many standard errors."""

NOT_SCORED = "not_scored"
"""Reason of the stand-in for a Score that nobody has written yet; its status is `missing`."""

CEILING = "replay"
"""The baseline that shows the right answer; every other baseline belongs to the floor."""

DRAWS = 2000
"""Draws of the bootstrap."""

LEVEL, POWER = 0.05, 0.8
"""Chance of a false alarm, and chance that a difference is found, that power is computed for."""

Array = npt.NDArray[Any]
Count = Annotated[int, Field(ge=0)]


def wilson(passed: float, asked: int, z: float = Z95) -> tuple[float, float]:
    """Wilson's score interval for the share of `passed` in `asked`, both ends in [0, 1].

    It is not centered on the share, holds its coverage for few questions, and has a width even at 0 % and 100 %.
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
    center = (share + spread / 2) / (1 + spread)
    half = z / (1 + spread) * math.sqrt(share * (1 - share) / asked + spread / asked / 4)
    # At the ends the formula gives 0 and 1 exactly; floating point does not.
    low = 0.0 if passed == 0 else max(0.0, min(center - half, share))
    high = 1.0 if passed == asked else min(1.0, max(center + half, share))
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

    In mode `hold` nothing may move, so a video that does nothing is right and there is no floor.

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


# ------------------------------------------------------------------------------------------------- several samples


def pass_at_k(n: int, passed: int, k: int) -> float:
    """Chance that at least one of k samples passes, without bias, from n samples of which some passed.

    Source: M. Chen et al., "Evaluating large language models trained on code", arXiv:2107.03374 (2021), equation 1.
    """
    return 1.0 - _chosen(n, n - passed, k)


def pass_hat_k(n: int, passed: int, k: int) -> float:
    """Chance that all of k samples pass, without bias, from n samples of which some passed.

    Source: S. Yao et al., "tau-bench", arXiv:2406.12045 (2024), section 3.
    """
    return _chosen(n, passed, k)


def _chosen(n: int, kind: int, k: int) -> float:
    """Chance that k out of n, drawn without replacement, are all of a kind of which there are `kind`."""
    if not (0 <= kind <= n and 1 <= k <= n):
        raise ValueError(f"n={n}, kind={kind}, k={k}")
    return math.comb(kind, k) / math.comb(n, k)


# ----------------------------------------------------------------------------------------------------- resampling


class Estimate(Record):
    """A number and the ends of its 95 % interval."""

    value: float
    low: float
    high: float

    def shifted(self, floor: float, ceiling: float) -> Estimate:
        """On the scale on which `floor` is 0 and `ceiling` is 1."""
        low, value, high = ((end - floor) / (ceiling - floor) for end in (self.low, self.value, self.high))
        return Estimate(value=value, low=low, high=high)


class Bootstrap:
    """Cluster bootstrap: draws tasks, then questions of each, then seeds of each, all with replacement.

    Samples of one question, and questions of one task, resemble each other; an interval that treats them as
    independent is too narrow. The same draws serve every model, so that differences between models are paired.

    Source: E. Miller, "Adding error bars to evals", arXiv:2411.00640 (2024), for what the clusters are; A. C. Davison
    and D. V. Hinkley, "Bootstrap methods and their application" (1997), section 3.8, for drawing level by level.

    Args:
        tasks: the task of each question, shape (questions,). With one task only its questions are drawn.
        draws: how often everything is drawn anew.
    """

    def __init__(self, tasks: Sequence[str], *, seed: int = DEFAULT_SEED, draws: int = DRAWS) -> None:
        if not tasks:
            raise ValueError("nothing to draw from")
        self._seed = seed
        self.questions = len(tasks)
        rng = np.random.default_rng(seed)
        names, codes = np.unique(np.asarray(tasks, dtype=str), return_inverse=True)
        drawn = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=draws)
        # How often each question is drawn, (draws, questions): a task that is drawn twice has twice as many draws.
        self.weights = np.empty((draws, len(tasks)))
        for code in range(len(names)):
            members = np.flatnonzero(codes == code)
            share = np.full(len(members), 1 / len(members))
            self.weights[:, members] = rng.multinomial(drawn[:, code] * len(members), share)

    def sums(self, values: Array) -> Array:
        """Sums over each draw.

        Args:
            values: (questions, columns), or (questions, seeds, columns) to draw seeds, too. Only sums and means may be
                drawn with seeds: a statistic that is no mean of samples, such as pass@k, is biased by samples that
                are drawn twice.

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
        # In portions, because all draws of all samples together need not fit into memory.
        portion = max(1, 2_000_000 // (questions * seeds))
        for start in range(0, len(out), portion):
            times = rng.multinomial(self.weights[start : start + portion].astype(np.int64) * seeds, share)
            out[start : start + portion] = times.reshape(len(times), -1) @ flat
        return out

    def sums_of(self, values: Mapping[str, Array]) -> dict[str, Array]:
        """Each model's sums over each draw. Those with equally many seeds are summed together, which saves drawing.

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
    """A value with the middle 95 % of its draws; draws that are not a number are left out.

    Args:
        questions: for a mean of values in [0, 1] over so many questions. Where all draws are alike, drawing again
            cannot tell what else might have been; then the interval is Wilson's, which is wide enough for any values.
    """
    draws = draws[np.isfinite(draws)]
    if not len(draws):
        return Estimate(value=value, low=value, high=value)
    low, high = (float(end) for end in np.quantile(draws, (0.025, 0.975)))
    if questions and math.isclose(low, high, abs_tol=1e-12):
        low, high = wilson(min(max(value, 0.0), 1.0) * questions, questions)
    return Estimate(value=value, low=min(low, value), high=max(high, value))


# ------------------------------------------------------------------------------------------------------ comparison


def mcnemar(first_only: int, second_only: int) -> float:
    """Exact two-sided p-value of McNemar's test: whether questions that only one of two models solves favor one.

    Source: Q. McNemar, Psychometrika 12 (1947), 153-157; exact: M. P. Fay, Biostatistics 11 (2010), 373-374.
    """
    from scipy.stats import binomtest

    discordant = first_only + second_only
    return float(binomtest(first_only, discordant).pvalue) if discordant else 1.0


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values adjusted for their number: the chance of any false alarm among them all stays below the level.

    Source: S. Holm, Scandinavian Journal of Statistics 6 (1979), 65-70.
    """
    if not p_values:
        return []
    from statsmodels.stats.multitest import multipletests

    return [float(p) for p in multipletests(p_values, method="holm")[1]]


def paired_difference(value: float, draws: Array, questions: int) -> Estimate:
    """A difference between two models that answered the same questions, with its interval.

    Where they differ in no draw, the interval is that of A. Agresti and Y. Min, Statistics in Medicine 24 (2005),
    729-740, which adds half a question to each cell of the fourfold table.
    """
    found = estimate(value, draws)
    if found.low == found.high == 0.0:
        half = Z95 / (questions + 2)
        return Estimate(value=value, low=-min(half, 1.0), high=min(half, 1.0))
    return found


def difference(first: tuple[int, int], second: tuple[int, int]) -> Estimate:
    """Difference of two rates on different questions, each as (passed, asked), with Newcombe's interval.

    Source: R. G. Newcombe, Statistics in Medicine 17 (1998), 873-890, method 10.
    """
    from statsmodels.stats.proportion import confint_proportions_2indep

    low, high = confint_proportions_2indep(*first, *second, method="newcomb", compare="diff")
    return Estimate(value=first[0] / first[1] - second[0] / second[1], low=float(low), high=float(high))


def questions_needed(points: float, discordant: float, power: float = POWER, level: float = LEVEL) -> int:
    """How many questions both models must answer for McNemar's test to find a difference.

    Args:
        points: the difference between the two pass rates, in (0, 1].
        discordant: share of the questions that only one of the two solves; at least `points`.
        power: chance that a difference of that size is found.

    Source: R. J. Connor, Biometrics 43 (1987), 207-211.
    """
    from scipy.stats import norm

    discordant = max(discordant, points)
    wide, narrow = math.sqrt(discordant), math.sqrt(discordant - points**2)
    need = (float(norm.isf(level / 2)) * wide + float(norm.isf(1 - power)) * narrow) / points
    return math.ceil(need**2)


def detectable(questions: int, discordant: float) -> float | None:
    """The smallest difference, in steps of a tenth of a point, for which so many questions are enough."""
    return next((p / 1000 for p in range(1, 1001) if questions_needed(p / 1000, discordant) <= questions), None)


# ------------------------------------------------------------------------------------------------------ plan length


_FEWEST_FOR_A_CURVE = 10


class CurvePoint(Record):
    """The fitted pass rate at a plan length."""

    length: float
    rate: Estimate


class Curve(Record):
    """Logistic curve of passing against plan length.

    Attributes:
        intercept, slope: of the log odds; the slope is for one step more.
        half: plan length at which half of the videos pass; None where the curve does not fall through a half.
        points: the curve with its pointwise 95 % band, from the shortest to the longest plan.
    """

    intercept: float
    slope: Estimate
    half: float | None
    points: tuple[CurvePoint, ...]


def fit_curve(lengths: Sequence[float], passed: Sequence[bool], questions: Sequence[int]) -> Curve | None:
    """Fit the odds of passing to the plan length; videos of one question count as a cluster.

    None for fewer than ten questions, whose band would be far too narrow, and where no finite curve explains the videos
    best: all lengths are the same, or one length parts all videos that pass from all that fail (A. Albert and J. A.
    Anderson, Biometrika 71 (1984), 1-10).

    Args:
        lengths, passed, questions: plan length, verdict and question's number of each video, all of one length.
    """
    x, y = np.asarray(lengths, dtype=float), np.asarray(passed, dtype=bool)
    right, wrong = x[y], x[~y]
    if len(set(questions)) < _FEWEST_FOR_A_CURVE:
        return None
    if not len(right) or not len(wrong) or right.max() <= wrong.min() or wrong.max() <= right.min():
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


# -------------------------------------------------------------------------------------------------------- agreement


class Agreement(Record):
    """How far scorers decide alike about the same videos.

    Attributes:
        units: videos about which at least two of them decided.
        raw: share of pairs of decisions about a video that are alike.
        kappa: Cohen's, for two scorers; None where one of them always says the same.
        alpha: Krippendorff's, for any number of scorers and with gaps; None where all decisions are the same.
    """

    units: Count
    raw: Estimate
    kappa: Estimate | None
    alpha: Estimate | None


def agreement(
    labels: Array, questions: Sequence[int], bootstrap: Bootstrap, level: Literal["nominal", "ordinal"] = "nominal"
) -> Agreement | None:
    """Agreement of raters, with intervals by drawing whole questions; None where no video has two labels.

    Args:
        labels: (videos, raters), numbers; not a number where a rater does not decide.
        questions: number of each video's question, as `bootstrap` counts them.
        level: whether labels have an order; matters to alpha alone.

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
    # Pairs of labels of one video, each video weighing as much as it has labels: Krippendorff's coincidences.
    pairs = counts[:, :, None] * counts[:, None, :] - counts[:, :, None] * np.eye(len(domain))
    pairs /= counts.sum(axis=1)[:, None, None] - 1
    drawn = _drawn(pairs, at, bootstrap)
    alike = np.trace(pairs.sum(axis=0)) / pairs.sum()
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = np.trace(drawn, axis1=1, axis2=2) / drawn.sum(axis=(1, 2))
        raw = estimate(float(alike), shares, questions=len(np.unique(at)))
        alpha = _coefficient(_alpha_point(counts, level), 1 - _ratio(drawn, level), raw)
        kappa = None
        if labels.shape[1] == 2:
            table = votes[:, 0, :, None] * votes[:, 1, None, :]
            kappa = _coefficient(_kappa_point(table.sum(axis=0)), _kappa(_drawn(table, at, bootstrap)), raw)
    return Agreement(units=len(labels), raw=raw, kappa=kappa, alpha=alpha)


def _drawn(tables: Array, questions: Array, bootstrap: Bootstrap) -> Array:
    """Tables of videos, (videos, values, values), summed over the videos of each draw: (draws, values, values)."""
    sums = np.zeros((bootstrap.questions, *tables.shape[1:]))
    np.add.at(sums, questions, tables)
    return bootstrap.sums(sums.reshape(bootstrap.questions, -1)).reshape(-1, *tables.shape[1:])


def _coefficient(value: float | None, draws: Array, raw: Estimate) -> Estimate | None:
    """A coefficient with its interval. Where all draws are alike, it is as uncertain as the share of agreement is."""
    if value is None:
        return None
    found = estimate(value, draws)
    if not math.isclose(found.low, found.high, abs_tol=1e-12):
        return found
    # The disagreement that chance would bring, which coefficients divide by; at most one half for two values.
    chance = (1 - raw.value) / (1 - value) if raw.value < 1.0 and value < 1.0 else 0.5
    return Estimate(value=value, low=1 - (1 - raw.low) / chance, high=1 - (1 - raw.high) / chance)


def _kappa_point(table: Array) -> float | None:
    from statsmodels.stats.inter_rater import cohens_kappa

    # Chance agrees always where both say one thing only.
    if np.count_nonzero(table.sum(axis=0)) == np.count_nonzero(table.sum(axis=1)) == 1 and np.trace(table):
        return None
    return float(cohens_kappa(table, return_results=False))


def _kappa(tables: Array) -> Array:
    """Cohen's kappa of each table, shape (draws, values, values)."""
    shares = tables / tables.sum(axis=(1, 2), keepdims=True)
    chance = (shares.sum(axis=1) * shares.sum(axis=2)).sum(axis=1)
    return np.asarray((np.trace(shares, axis1=1, axis2=2) - chance) / (1 - chance))


def _alpha_point(counts: Array, level: Literal["nominal", "ordinal"]) -> float | None:
    import krippendorff

    if counts.shape[1] < 2:
        return None
    return float(krippendorff.alpha(value_counts=counts, level_of_measurement=level))


def _ratio(pairs: Array, level: str) -> Array:
    """Observed over expected disagreement, from coincidences of shape (draws, values, values)."""
    margins = pairs.sum(axis=2)
    if level == "ordinal":
        # How far apart two ranks are is how many labels lie between them.
        middle = np.cumsum(margins, axis=1) - margins / 2
        apart = (middle[:, :, None] - middle[:, None, :]) ** 2
    else:
        apart = np.broadcast_to(1 - np.eye(pairs.shape[1]), pairs.shape)
    expected = (margins[:, :, None] * margins[:, None, :] * apart).sum(axis=(1, 2))
    return np.asarray((margins.sum(axis=1) - 1) * (pairs * apart).sum(axis=(1, 2)) / expected)
