"""How far scorers agree about the same videos, and on which they do not."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from vmevalkit.reporting import stats
from vmevalkit.reporting.analysis.records import Disagreement, ScorerAgreement
from vmevalkit.reporting.catalog import is_baseline
from vmevalkit.reporting.stats import Agreement, Bootstrap
from vmevalkit.store.experiment import SCORER, Key, QuestionKey, SampleRecord

RATERS = "human."
"""Prefix of the scorers that hold one rater's ratings. The scorer `human` combines them."""


def scorer_agreement(decisions: Mapping[Key, Mapping[str, bool]]) -> Iterator[ScorerAgreement]:
    """Compare each two scorers, all scorers if there are more than two, and all raters.

    Each group is compared on all tasks together, then on each task.

    Args:
        decisions: whether each scorer passes a video; scorers that could not decide are left out. Sorted by question.
    """
    videos: defaultdict[tuple[bool, str | None], list[Key]] = defaultdict(list)
    for key in decisions:
        for task in (None, key[1]):
            videos[is_baseline(key[0]), task].append(key)
    tasks = (None, *sorted({key[1] for key in decisions}))
    scorers = {name for by_scorer in decisions.values() for name in by_scorer}
    for group, baselines, task in itertools.product(_groups(scorers), (False, True), tasks):
        found = _agreement_of(group, videos[baselines, task], decisions)
        if found is not None:
            passed, agreement = found
            yield ScorerAgreement(task=task, baselines=baselines, scorers=group, passed=passed, agreement=agreement)


def disagreements(samples: Sequence[SampleRecord]) -> Iterator[Disagreement]:
    """Yield the samples about which scorers disagree."""
    for sample in samples:
        passed = sample.decisions
        if len(set(passed.values())) > 1:
            model, task, question_id, seed = sample.key
            yield Disagreement(
                model=model,
                task=task,
                question_id=question_id,
                seed=seed,
                passed=passed,
                reasons={score.scorer: score.reason for score in sample.written_scores if score.scorer in passed},
            )


def _groups(names: set[str]) -> list[tuple[str, ...]]:
    """Return the groups of scorers to compare. The rule scorer comes first."""
    scorers = sorted(names, key=lambda name: (name != SCORER, name))
    raters = tuple(name for name in scorers if name.startswith(RATERS))
    others = tuple(name for name in scorers if name not in raters)
    groups: list[tuple[str, ...]] = [*itertools.combinations(others, 2)]
    groups += [others] if len(others) > 2 else []
    groups += [raters] if len(raters) > 1 else []
    return groups


def _agreement_of(
    scorers: tuple[str, ...], videos: Sequence[Key], decisions: Mapping[Key, Mapping[str, bool]]
) -> tuple[tuple[int, ...], Agreement] | None:
    """Return how many videos each scorer passes, and the agreement; None if no video has two decisions."""
    shared = [key for key in videos if sum(name in decisions[key] for name in scorers) >= 2]
    if not shared:
        return None
    places: dict[QuestionKey, int] = {}
    questions = [places.setdefault(key[1:3], len(places)) for key in shared]
    labels = np.array([[decisions[key].get(name, np.nan) for name in scorers] for key in shared], dtype=float)
    agreement = stats.agreement(labels, questions, Bootstrap([task for task, _ in places]))
    passed = tuple(int(number) for number in np.nansum(labels, axis=0))
    return None if agreement is None else (passed, agreement)
