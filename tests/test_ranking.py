"""The ranking of models from preferences of people."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient

from tests.test_web import experiment, index_of  # noqa: F401 - one is a fixture
from vmevalkit.reporting.stats.bradley_terry import POINTS, bradley_terry
from vmevalkit.store.ratings import Preference, Ratings
from vmevalkit.web.app import create_app
from vmevalkit.web.ranking import information, ranking, rule_agreement


def vote(left: str, right: str, better: str, number: int = 0, rater: str = "anna") -> Preference:
    return Preference(
        token=f"{rater}-{left}-{right}-{number:04d}-{better}", rater=rater, task="maze", question_id=f"q{number}",
        seed=42, left=left, right=right, better=better,
    )  # fmt: skip


def test_strengths_are_the_odds_of_two_models() -> None:
    """With enough votes for the prior not to count, three wins to one are odds of three."""
    first, second = bradley_terry(np.array([[0.0, 30_000.0], [10_000.0, 0.0]]))
    assert first - second == pytest.approx(math.log(3), abs=1e-3)


def test_strengths_are_found_again() -> None:
    true = np.array([1.0, 0.25, 0.0, -1.25])
    odds = np.exp(true)
    wins = 50_000 * odds[:, None] / (odds[:, None] + odds[None])
    np.fill_diagonal(wins, 0)
    assert bradley_terry(wins) == pytest.approx(true - true.mean(), abs=1e-3)
    assert bradley_terry(np.stack([wins, wins.T]))[1] == pytest.approx(true.mean() - true, abs=1e-3)


def test_a_model_that_never_lost_has_a_finite_strength_and_ties_are_none_the_better() -> None:
    votes = [vote("a", "b", "left", n) for n in range(20)] + [vote("b", "c", "both", n) for n in range(20)]
    first, *rest = ranking(votes)
    assert first.model == "a"
    assert 1000 < first.strength.value < 1000 + 3 * POINTS * math.log(1000)
    assert {found.model for found in rest} == {"b", "c"}
    assert (first.votes, first.wins, first.ties) == (20, 20, 0)
    assert all(f.strength.low <= f.strength.value <= f.strength.high for f in (first, *rest))


def test_intervals_hold_the_truth_and_are_narrower_with_more_votes() -> None:
    rng = np.random.default_rng(42)
    widths = {}
    for number in (40, 400):
        votes = [vote("a", "b", "left" if rng.random() < 0.7 else "right", n) for n in range(number)]
        found = {f.model: f.strength for f in ranking(votes)}
        expected = 1000 + POINTS * math.log(0.7 / 0.3) / 2
        assert found["a"].low < expected < found["a"].high
        widths[number] = found["a"].high - found["a"].low
    assert widths[400] < 0.6 * widths[40]


def test_pairs_are_asked_where_they_tell_most() -> None:
    votes = [vote("a", "b", "left", n) for n in range(10)]
    told = information(votes, ["a", "b", "c"])
    assert told[frozenset("ab")] == min(told.values())
    even = [vote(x, y, b, n) for n in range(4) for x, y in ("ab", "ac", "bc") for b in ("left", "right")]
    lopsided = [
        *even,
        *(vote("a", "c", "left", n) for n in range(4, 8)),
        *(vote("a", "b", "both", n) for n in range(4, 8)),
    ]
    told = information(lopsided, ["a", "b", "c"])
    # As many votes as a and c have, but nearer to even.
    assert told[frozenset("ab")] > told[frozenset("ac")]


def test_votes_are_compared_with_the_rule_scorer() -> None:
    passed = {("good", "maze", f"q{n}", 42): True for n in range(4)} | {
        ("bad", "maze", f"q{n}", 42): n == 3 for n in range(4)
    }
    votes = [
        vote("good", "bad", "left", 0), vote("bad", "good", "right", 1), vote("good", "bad", "right", 2),
        vote("good", "bad", "neither", 2, rater="bob"), vote("good", "bad", "both", 3), vote("good", "bad", "left", 9),
    ]  # fmt: skip
    found = rule_agreement(votes, passed)
    assert {rule: dict(counts) for rule, counts in found.counts.items()} == {
        "one": {"same": 2, "other": 1, "neither": 1}, "both": {"both": 1}}  # fmt: skip
    assert found.share is not None
    assert found.share.value == pytest.approx(2 / 3)
    assert rule_agreement([], {}).share is None


def test_the_page_ranks_and_ratings_can_be_downloaded(experiment: Path, tmp_path: Path) -> None:  # noqa: F811
    index = index_of(experiment, tmp_path / "index.sqlite")
    index.refresh()
    ratings = Ratings(tmp_path)
    page = TestClient(create_app(index, ratings), base_url="http://127.0.0.1")
    for number in range(2):
        fields = {"question_id": f"maze_{number:04d}", "token": f"a-token-{number}", "rater": "Zoë", "comment": "=1+1"}
        said = vote("good", "lazy", "left").model_copy(update=fields)
        ratings.add(said)
    shown = page.get("/ranking").text
    assert shown.index("good") < shown.index("lazy")
    assert "100 %" in shown
    rows = list(csv.DictReader(io.StringIO(page.get("/ratings.csv").text)))
    assert [(row["kind"], row["rater"], row["left"], row["better"], row["comment"]) for row in rows] == [
        ("preference", "Zoë", "good", "left", "'=1+1")] * 2  # fmt: skip
