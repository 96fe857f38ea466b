"""What people prefer: a ranking of models from pairs of videos, its agreement with the rule scorer, the next pair."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from vmevalkit.reporting import stats
from vmevalkit.reporting.stats import Array, Bootstrap, Estimate
from vmevalkit.reporting.stats.bradley_terry import POINTS, bradley_terry
from vmevalkit.store.experiment import Key
from vmevalkit.store.ratings import Preference

MEAN = 1000
"""Mean strength of the models, in points."""

BETTER = ("left", "right", "both", "neither")


@dataclass(frozen=True)
class Ranked:
    """The place of a model. `strength` is in points; `ties` are votes that both or neither solve the question."""

    model: str
    strength: Estimate
    votes: int
    wins: int
    ties: int


@dataclass(frozen=True)
class RuleAgreement:
    """How votes agree with the verdicts of the rule scorer.

    Attributes:
        counts: by what the rule scorer says (`one`, `both` or `neither` passes) and what people say (`same`: the video
            that passes is better; `other`: the one that fails; `one`: one of two with the same verdict; `both`,
            `neither`).
        share: where one video passes, the share of votes for it among the votes for one; None if there are none.
    """

    counts: Mapping[str, Counter[str]]
    share: Estimate | None


def models_of(preferences: Sequence[Preference]) -> list[str]:
    """Return the models that were compared, sorted."""
    return sorted({model for said in preferences for model in (said.left, said.right)})


def ranking(preferences: Sequence[Preference]) -> list[Ranked]:
    """Return the models with the intervals of their strengths, best first. Questions are resampled within tasks."""
    models = models_of(preferences)
    if not models:
        return []
    questions = sorted({(said.task, said.question_id) for said in preferences})
    wins = np.zeros((len(questions), len(models), len(models)))
    for said in preferences:
        wins[questions.index((said.task, said.question_id))] += _wins(said, models)
    bootstrap = Bootstrap([task for task, _ in questions])
    draws = bootstrap.sums(wins.reshape(len(questions), -1)).reshape(-1, len(models), len(models))
    strengths, drawn = (MEAN + POINTS * bradley_terry(found) for found in (wins.sum(axis=0), draws))
    ranked = [
        Ranked(
            model=model,
            strength=stats.estimate(float(strengths[place]), drawn[:, place]),
            votes=sum(model in (said.left, said.right) for said in preferences),
            wins=sum(model == {"left": said.left, "right": said.right}.get(said.better) for said in preferences),
            ties=sum(model in (said.left, said.right) and said.better in BETTER[2:] for said in preferences),
        )
        for place, model in enumerate(models)
    ]
    return sorted(ranked, key=lambda found: -found.strength.value)


def _wins(said: Preference, models: Sequence[str]) -> Array:
    wins = np.zeros((len(models), len(models)))
    left, right = models.index(said.left), models.index(said.right)
    share = {"left": 1.0, "right": 0.0}.get(said.better, 0.5)
    wins[left, right], wins[right, left] = share, 1 - share
    return wins


def information(preferences: Sequence[Preference], models: Sequence[str]) -> dict[frozenset[str], float]:
    """Return how much another vote tells, for each two models.

    It is the information of a vote, which is greatest if neither model is expected to win, over the number of votes.
    """
    wins = sum((_wins(said, models) for said in preferences if {said.left, said.right} <= set(models)),
               np.zeros((len(models), len(models))))  # fmt: skip
    strength = bradley_terry(wins)
    found = {}
    for first, second in combinations(range(len(models)), 2):
        p = 1 / (1 + np.exp(strength[second] - strength[first]))
        votes = wins[first, second] + wins[second, first]
        found[frozenset((models[first], models[second]))] = float(p * (1 - p) / (votes + 1))
    return found


def rule_agreement(preferences: Sequence[Preference], passed: Mapping[Key, bool]) -> RuleAgreement:
    """Compare votes with the verdicts of the rule scorer.

    Args:
        passed: whether each video passes; those that were not scored are left out.
    """
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    votes: defaultdict[tuple[str, str], list[bool]] = defaultdict(list)
    for said in preferences:
        sides = [passed.get((model, said.task, said.question_id, said.seed)) for model in (said.left, said.right)]
        if None in sides:
            continue
        rule = "one" if sides[0] != sides[1] else "both" if sides[0] else "neither"
        vote = said.better
        if vote in BETTER[:2]:
            chosen = sides[BETTER.index(vote)]
            vote = "one" if rule != "one" else "same" if chosen else "other"
            if rule == "one":
                votes[said.task, said.question_id].append(bool(chosen))
        counts[rule][vote] += 1
    return RuleAgreement(dict(counts), _share(votes))


def _share(votes: Mapping[tuple[str, str], list[bool]]) -> Estimate | None:
    """Return the share of votes that are true, with an interval from resampled questions."""
    if not votes:
        return None
    questions = sorted(votes)
    sums = np.array([(sum(votes[key]), len(votes[key])) for key in questions], dtype=float)
    drawn = Bootstrap([task for task, _ in questions]).sums(sums)
    total = sums.sum(axis=0)
    return stats.estimate(float(total[0] / total[1]), drawn[:, 0] / np.maximum(drawn[:, 1], 1), len(questions))
