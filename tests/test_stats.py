"""Formulas against published worked examples and their own defining equations; counts against hand-made ones."""

from __future__ import annotations

import itertools
import math
import random
from typing import Literal

import krippendorff
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmevalkit.reporting.stats import (
    Z95,
    Bootstrap,
    Estimate,
    Floor,
    Tally,
    agreement,
    detectable,
    difference,
    estimate,
    fit_curve,
    floor,
    holm,
    mcnemar,
    paired_difference,
    pass_at_k,
    pass_hat_k,
    questions_needed,
    tally,
    wilson,
)
from vmevalkit.store.experiment import NOT_SCORED
from vmevalkit.types import Score, Status

SHARES = st.integers(1, 10_000).flatmap(lambda asked: st.tuples(st.integers(0, asked), st.just(asked)))


# Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in Medicine 17 (1998), method 3.
@pytest.mark.parametrize(
    ("passed", "asked", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_agrees_with_the_literature(passed: int, asked: int, low: float, high: float) -> None:
    assert wilson(passed, asked) == pytest.approx((low, high), abs=5e-5)


@given(SHARES)
def test_wilson_holds_the_share_within_bounds(share: tuple[int, int]) -> None:
    passed, asked = share
    low, high = wilson(passed, asked)
    assert 0.0 <= low <= passed / asked <= high <= 1.0
    assert low < high


@given(SHARES)
def test_wilson_is_symmetric(share: tuple[int, int]) -> None:
    passed, asked = share
    low, high = wilson(passed, asked)
    assert wilson(asked - passed, asked) == pytest.approx((1 - high, 1 - low), abs=1e-12)


@given(SHARES)
def test_the_share_is_z_standard_errors_from_each_end(share: tuple[int, int]) -> None:
    """What defines the interval: the standard error is that of the end, not that of the share."""
    passed, asked = share
    for end in wilson(passed, asked):
        error = math.sqrt(end * (1 - end) / asked)
        assert abs(passed / asked - end) == pytest.approx(Z95 * error, abs=1e-9)


@given(SHARES, st.integers(2, 50))
def test_more_of_the_same_is_narrower(share: tuple[int, int], times: int) -> None:
    low, high = wilson(*share)
    narrow_low, narrow_high = wilson(share[0] * times, share[1] * times)
    assert narrow_high - narrow_low < high - low


@given(st.integers(1, 10_000))
def test_nothing_and_everything_touch_the_ends(asked: int) -> None:
    spread = Z95 * Z95 / (asked + Z95 * Z95)
    assert wilson(0, asked) == pytest.approx((0.0, spread))
    assert wilson(asked, asked) == pytest.approx((1 - spread, 1.0))
    assert wilson(0, asked)[0] == 0.0
    assert wilson(asked, asked)[1] == 1.0


def test_nothing_asked_says_nothing() -> None:
    assert wilson(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize(("passed", "asked", "z"), [(-1, 3, 1.0), (4, 3, 1.0), (1, 3, 0.0), (1, 3, math.nan)])
def test_impossible_counts_are_refused(passed: int, asked: int, z: float) -> None:
    with pytest.raises(ValueError, match=f"asked={asked}"):
        wilson(passed, asked, z)


def _score(
    status: Status = "scored", value: float | None = None, passed: bool | None = None, reason: str = "r"
) -> Score:
    return Score(
        model="m", task="t", question_id="q", seed=42, scorer="rule", scorer_version="1", status=status, passed=passed,
        value=value, reason=reason, explanation="e",
    )  # fmt: skip


def test_everything_asked_stays_in_the_denominator() -> None:
    found = tally(
        [
            _score(value=1.0, passed=True),
            _score(value=1.0, passed=True),
            _score(value=0.25, passed=False),
            _score("missing", reason="no_video"),
            _score("missing", reason=NOT_SCORED),
            _score("broken"),
            _score("failed"),
            _score("unscorable"),
        ]
    )
    assert found == Tally(
        asked=8, passed=2, scored=3, missing=2, broken=1, failed=1, unscorable=1, not_scored=1, rate=0.25,
        low=wilson(2, 8)[0], high=wilson(2, 8)[1], mean_value=0.75,
    )  # fmt: skip


def test_what_is_not_judged_has_no_value() -> None:
    assert tally([_score("failed")]).mean_value is None
    assert tally([_score("failed")]).rate == 0.0
    assert tally([]).rate is None


@given(st.lists(st.floats(0, 1), min_size=1, max_size=200))
def test_the_mean_is_a_mean_whatever_the_order(values: list[float]) -> None:
    scores = [_score(value=value, passed=False) for value in values]
    mean = tally(scores).mean_value
    assert mean is not None
    assert min(values) - 1e-12 <= mean <= max(values) + 1e-12
    assert mean == tally(reversed(scores)).mean_value


def _rate(passed: int, asked: int) -> Tally:
    return tally([_score(value=float(i < passed), passed=i < passed) for i in range(asked)])


def test_the_floor_is_the_best_baseline_that_is_not_the_right_video() -> None:
    baselines = {"replay": _rate(4, 4), "still": _rate(0, 4), "noise": _rate(0, 4), "jumpcut": _rate(1, 4)}
    assert floor(baselines, "solve") == Floor(model="jumpcut", rate=0.25)
    assert floor(baselines, "guided") == Floor(model="jumpcut", rate=0.25)
    assert floor(baselines, None) == Floor(model="jumpcut", rate=0.25)


def test_there_is_no_floor_where_doing_nothing_is_right() -> None:
    assert floor({"still": _rate(4, 4), "noise": _rate(0, 4)}, "hold") is None


def test_there_is_no_floor_without_baselines() -> None:
    assert floor({}, "solve") is None
    assert floor({"replay": _rate(4, 4)}, "solve") is None
    assert floor({"still": tally([])}, "solve") is None


@given(st.integers(1, 7).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n), st.integers(1, n))))
def test_pass_at_k_and_pass_hat_k_are_what_drawing_k_of_n_gives(wish: tuple[int, int, int]) -> None:
    """Their definition: over all ways to choose k of the n samples."""
    n, passed, k = wish
    chosen = list(itertools.combinations([True] * passed + [False] * (n - passed), k))
    assert pass_at_k(n, passed, k) == pytest.approx(sum(map(any, chosen)) / len(chosen))
    assert pass_hat_k(n, passed, k) == pytest.approx(sum(map(all, chosen)) / len(chosen))


def test_more_samples_than_there_are_cannot_be_asked_for() -> None:
    for n, passed, k in ((2, 1, 3), (2, 3, 1), (2, -1, 1), (2, 1, 0)):
        with pytest.raises(ValueError, match=f"k={k}"):
            pass_at_k(n, passed, k)


def test_drawing_keeps_the_number_of_tasks_and_is_the_same_each_time() -> None:
    tasks = ["a"] * 3 + ["b"] * 5
    weights = Bootstrap(tasks, draws=500).weights
    first, second = weights[:, :3].sum(axis=1), weights[:, 3:].sum(axis=1)
    assert set(zip(first, second, strict=True)) == {(6, 0), (3, 5), (0, 10)}, (
        "two tasks in each draw, questions of each"
    )
    assert np.array_equal(weights, Bootstrap(tasks, draws=500).weights)
    assert not np.array_equal(weights, Bootstrap(tasks, draws=500, seed=1).weights)


def test_the_spread_of_independent_questions_is_the_textbook_one() -> None:
    values = np.random.default_rng(1).random(400)
    draws = Bootstrap(["one"] * 400, draws=4000).sums(np.stack([values, np.ones(400)], axis=1))
    means = draws[:, 0] / draws[:, 1]
    assert means.std() == pytest.approx(values.std() / math.sqrt(400), rel=0.05)


def test_clusters_widen_the_interval_as_their_standard_error_says() -> None:
    """The clustered standard error of Miller (2024), equation 4, on tasks that pass as a whole or not at all."""
    tasks = [f"task{i // 10}" for i in range(400)]
    values = np.repeat(np.random.default_rng(2).random(40) < 0.4, 10).astype(float)
    deviations = (values - values.mean()).reshape(40, 10)
    within = (deviations.sum(axis=1) ** 2 - (deviations**2).sum(axis=1)).sum()
    clustered = math.sqrt(values.var() / 400 + within / 400**2)
    draws = Bootstrap(tasks, draws=4000).sums(values[:, None])[:, 0] / 400
    assert draws.std() == pytest.approx(clustered, rel=0.08)


def test_seeds_are_drawn_within_their_question() -> None:
    values = np.zeros((50, 4, 2))
    values[:, 0, 0] = 1.0
    values[:, :, 1] = 1.0
    draws = Bootstrap(["one"] * 50).sums(values)
    assert np.all(draws[:, 1] == 200)
    share = draws[:, 0] / draws[:, 1]
    assert share.mean() == pytest.approx(0.25, abs=0.005)
    assert share.std() == pytest.approx(math.sqrt(0.25 * 0.75 / 200), rel=0.06), "200 independent videos"


def test_the_interval_of_a_mean_holds_its_coverage() -> None:
    rng = np.random.default_rng(3)
    held = 0
    for _ in range(300):
        values = (rng.random(80) < 0.3).astype(float)
        found = estimate(values.mean(), Bootstrap(["one"] * 80, draws=400).sums(values[:, None])[:, 0] / 80, 80)
        held += found.low <= 0.3 <= found.high
    assert 0.90 <= held / 300 <= 0.98


def test_what_never_varies_is_not_certain() -> None:
    assert estimate(0.0, np.zeros(9), 20) == Estimate(value=0.0, low=0.0, high=wilson(0, 20)[1])
    assert estimate(1.0, np.ones(9), 20) == Estimate(value=1.0, low=wilson(20, 20)[0], high=1.0)
    assert estimate(0.6, np.full(9, 0.6), 24) == Estimate(value=0.6, low=wilson(14.4, 24)[0], high=wilson(14.4, 24)[1])
    found = paired_difference(0.0, np.zeros(9), 98)
    assert (found.low, found.high) == pytest.approx((-Z95 / 100, Z95 / 100))


def test_exact_mcnemar_agrees_with_the_literature() -> None:
    """M. P. Fay, "Exact McNemar's test and matching confidence intervals", vignette of the R package exact2x2."""
    assert mcnemar(2, 9) == mcnemar(9, 2) == pytest.approx(0.06543, abs=5e-6)
    assert mcnemar(0, 0) == mcnemar(5, 5) == 1.0


def test_holm_follows_his_steps() -> None:
    """The smallest of four times four, the next times three, and so on, never falling (Holm 1979, section 3)."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []


def test_the_difference_of_two_rates_agrees_with_the_literature() -> None:
    """Newcombe (1998), table II, method 10: 56/70 - 48/80 and 9/10 - 3/10."""
    for first, second, low, high in (((56, 70), (48, 80), 0.0524, 0.3339), ((9, 10), (3, 10), 0.1705, 0.8090)):
        found = difference(first, second)
        assert (found.low, found.high) == pytest.approx((low, high), abs=1e-4)


def test_the_number_of_questions_agrees_with_the_literature() -> None:
    """Two published calculators after Connor (1987), page 209: powerandsamplesize.com and clinicaltrials-tools."""
    assert questions_needed(0.40, 0.50) == 23
    assert questions_needed(0.15, 0.45) == 155


def test_so_many_questions_find_the_difference_as_often_as_promised() -> None:
    rng = np.random.default_rng(4)
    asked = questions_needed(0.2, 0.5)
    counts = rng.multinomial(asked, [0.35, 0.15, 0.5], size=400)
    # The z-test that the formula is about; the exact test needs a few questions more.
    found = [abs(a - b) / math.sqrt(max(1, a + b)) > Z95 for a, b, _ in counts]
    assert sum(found) / 400 == pytest.approx(0.8, abs=0.06)


def test_what_can_be_found_is_the_inverse_of_what_is_needed() -> None:
    for asked in (30, 480, 5000):
        points = detectable(asked, 0.3)
        assert points is not None
        assert questions_needed(points, 0.3) <= asked < questions_needed(points - 0.001, 0.3)
    assert detectable(1, 0.3) is None


# Temperature (degrees Fahrenheit) and whether an O-ring showed distress, of 23 flights: S. R. Dalal, E. B. Fowlkes and
# B. Hoadley, "Risk analysis of the space shuttle", Journal of the American Statistical Association 84 (1989), 945-957.
FLIGHTS = (
    (53, 1), (57, 1), (58, 1), (63, 1), (66, 0), (67, 0), (67, 0), (67, 0), (68, 0), (69, 0), (70, 0), (70, 0),
    (70, 1), (70, 1), (72, 0), (73, 0), (75, 0), (75, 1), (76, 0), (76, 0), (78, 0), (79, 0), (81, 0),
)  # fmt: skip


def test_the_curve_agrees_with_the_literature() -> None:
    curve = fit_curve([t for t, _ in FLIGHTS], [bool(d) for _, d in FLIGHTS], range(23))
    assert curve is not None
    assert curve.intercept == pytest.approx(15.0429, abs=5e-4)
    assert curve.slope.value == pytest.approx(-0.2322, abs=5e-5)
    assert curve.half == pytest.approx(15.0429 / 0.2322, abs=0.02)
    assert (curve.points[0].length, curve.points[-1].length) == (53, 81)
    assert all(p.rate.low < p.rate.value < p.rate.high for p in curve.points)


def test_videos_of_one_question_are_no_further_evidence() -> None:
    once = fit_curve([t for t, _ in FLIGHTS], [bool(d) for _, d in FLIGHTS], range(23))
    thrice = fit_curve([t for t, _ in FLIGHTS] * 3, [bool(d) for _, d in FLIGHTS] * 3, [*range(23)] * 3)
    assert once is not None
    assert thrice is not None
    width = once.slope.high - once.slope.low
    assert thrice.slope.high - thrice.slope.low == pytest.approx(width, rel=0.05)


@pytest.mark.parametrize(
    ("lengths", "passed"),
    [([1, 2, 3], [True] * 3), ([1, 2, 3], [False] * 3), ([2, 2, 2], [True, False, True]), ([1, 2, 3], [1, 0, 0])],
)
def test_there_is_no_curve_where_none_fits_best(lengths: list[int], passed: list[bool]) -> None:
    assert fit_curve(lengths * 4, passed * 4, range(12)) is None


def test_there_is_no_curve_through_a_few_questions() -> None:
    lengths, passed = [1, 1, 2, 2, 3, 3], [True, False] * 3
    assert fit_curve(lengths, passed, [0, 0, 1, 1, 2, 2]) is None
    assert fit_curve(lengths * 4, passed * 4, range(24)) is not None


# K. Krippendorff, "Computing Krippendorff's alpha-reliability" (2011), examples A and C.
NAN = math.nan
TWO = ([0, 1, 0, 0, 0, 0, 0, 0, 1, 0], [1, 1, 1, 0, 0, 1, 0, 0, 0, 0])
GAPS = (
    [1, 2, 3, 3, 2, 1, 4, 1, 2, NAN, NAN, NAN],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NAN, 3],
    [NAN, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NAN],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NAN],
)


def _agreement(raters: object, level: str = "nominal") -> dict[str, object]:
    labels = np.asarray(raters, dtype=float).T
    videos = len(labels)
    found = agreement(labels, range(videos), Bootstrap(["one"] * videos), level)  # type: ignore[arg-type]
    assert found is not None
    return found.model_dump()


@pytest.mark.parametrize(
    ("raters", "level", "alpha", "units"),
    [(TWO, "nominal", 0.095, 10), (GAPS, "nominal", 0.743, 11), (GAPS, "ordinal", 0.815, 11)],
)
def test_alpha_agrees_with_the_literature(raters: object, level: str, alpha: float, units: int) -> None:
    found = _agreement(raters, level)
    assert found["alpha"]["value"] == pytest.approx(alpha, abs=5e-4)  # type: ignore[index]
    assert found["units"] == units


def test_kappa_agrees_with_the_literature() -> None:
    """J. L. Fleiss, B. Levin and M. C. Paik, "Statistical methods for rates and proportions" (2003), table 18.1."""
    table = ((75, 1, 4), (5, 4, 1), (0, 0, 10))
    pairs = [(a, b) for a in range(3) for b in range(3) for _ in range(table[a][b])]
    found = _agreement(list(zip(*pairs, strict=True)))
    assert found["raw"]["value"] == pytest.approx(0.89)  # type: ignore[index]
    assert found["kappa"]["value"] == pytest.approx(0.6765, abs=5e-5)  # type: ignore[index]
    # The published standard error is 0.088: the interval is about as wide.
    width = found["kappa"]["high"] - found["kappa"]["low"]  # type: ignore[index]
    assert width == pytest.approx(2 * Z95 * 0.088, rel=0.1)


@pytest.mark.parametrize("level", ["nominal", "ordinal"])
def test_each_draw_of_alpha_is_the_alpha_of_the_videos_drawn(level: Literal["nominal", "ordinal"]) -> None:
    """The quick formula over all draws against the package, one draw at a time."""
    labels = np.asarray(GAPS, dtype=float).T
    bootstrap = Bootstrap(["one"] * 12, draws=40)
    alphas = []
    for weights in bootstrap.weights.astype(int):
        alphas.append(krippendorff.alpha(np.repeat(labels, weights, axis=0).T, level_of_measurement=level))
    low, high = np.quantile(alphas, (0.025, 0.975))
    found = agreement(labels, range(12), bootstrap, level)
    assert found is not None
    assert found.alpha is not None
    assert (found.alpha.low, found.alpha.high) == pytest.approx((low, high))


def test_perfect_agreement_about_few_videos_is_not_certain() -> None:
    found = _agreement(([0, 1, 0, 1, 1], [0, 1, 0, 1, 1]))
    for name in ("raw", "kappa", "alpha"):
        assert found[name]["value"] == 1.0  # type: ignore[index]
        assert found[name]["low"] < 0.8  # type: ignore[index]


def test_agreement_that_is_the_same_for_every_question_is_not_certain() -> None:
    """Two videos of each question: one that both pass, and one about which they differ."""
    labels = np.tile(np.array([[1.0, 1.0], [0.0, 1.0], [0.0, 0.0]]), (10, 1))
    found = agreement(labels, np.repeat(range(10), 3).tolist(), Bootstrap(["one"] * 10))
    assert found is not None
    low, high = wilson(10 * 2 / 3, 10)
    assert (found.raw.low, found.raw.high) == pytest.approx((low, high))
    for coefficient in (found.kappa, found.alpha):
        assert coefficient is not None
        assert coefficient.low < coefficient.value < coefficient.high
    # Cohen's kappa of [[1, 1], [0, 1]]: agreement 2/3, by chance 4/9.
    assert found.kappa is not None
    assert found.kappa.value == pytest.approx((2 / 3 - 4 / 9) / (1 - 4 / 9))
    assert found.kappa.low == pytest.approx((low - 4 / 9) / (1 - 4 / 9))


def test_where_all_say_the_same_there_is_no_coefficient() -> None:
    found = _agreement(([1, 1, 1], [1, 1, 1]))
    assert found["raw"]["value"] == 1.0  # type: ignore[index]
    assert found["kappa"] is None
    assert found["alpha"] is None
    labels = np.array([[1.0, NAN], [NAN, 0.0]])
    assert agreement(labels, range(2), Bootstrap(["one"] * 2)) is None


def test_raters_who_guess_agree_by_chance_alone() -> None:
    rng = random.Random(5)
    found = _agreement([[float(rng.random() < 0.8) for _ in range(2000)] for _ in range(2)])
    assert found["raw"]["value"] > 0.6  # type: ignore[index]
    for name in ("kappa", "alpha"):
        assert found[name]["low"] < 0 < found[name]["high"]  # type: ignore[index]
