"""Intervals against published numbers and their own defining equation; counts against hand-made ones."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmevalkit.stats import NOT_SCORED, Z95, Floor, Tally, floor, tally, wilson
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


def test_the_floor_is_the_best_baseline_that_is_not_the_right_film() -> None:
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
