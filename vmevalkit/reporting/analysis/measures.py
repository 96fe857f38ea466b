"""Means of what scorers measure. They are never mixed with the verdicts of the rule scorer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from vmevalkit.reporting.analysis.pass_rates import pass_rates
from vmevalkit.reporting.analysis.records import Measured
from vmevalkit.store.experiment import QuestionKey, SampleRecord
from vmevalkit.types import Score


def measured_of(samples: Sequence[SampleRecord]) -> Iterator[Measured]:
    """Yield the means of each scorer that measures and each model, in the order of the samples."""
    scorers = sorted({score.scorer for sample in samples for score in sample.others if score.measures})
    for scorer in scorers:
        yield from _of_scorer(scorer, samples)


def _of_scorer(scorer: str, samples: Sequence[SampleRecord]) -> Iterator[Measured]:
    scores = [(sample, next((s for s in sample.others if s.scorer == scorer), None)) for sample in samples]
    asked = {sample.key[1:3] for sample, score in scores if score is not None and score.measures}
    found: defaultdict[str, defaultdict[QuestionKey, list[Score | None]]] = defaultdict(lambda: defaultdict(list))
    baselines = {}
    for sample, score in scores:
        if sample.key[1:3] in asked:
            found[sample.score.model][sample.key[1:3]].append(score)
            baselines[sample.score.model] = sample.baseline
    values = {
        model: np.array([[(s.value or 0.0) if s is not None else 0.0 for s in videos] for videos in questions.values()])
        for model, questions in found.items()
    }
    rates = pass_rates([task for task, _ in next(iter(found.values()))], values)
    for model, questions in found.items():
        written = [s for videos in questions.values() for s in videos if s is not None and s.measures]
        # In the order in which the scorer gives them.
        names = dict.fromkeys(name for score in written for name in score.measures)
        yield Measured(
            scorer=scorer,
            model=model,
            baseline=baselines[model],
            asked=values[model].size,
            measured=len(written),
            passed=sum(s.passed is True for s in written) if any(s.passed is not None for s in written) else None,
            value=rates[model].rate,
            means={name: float(np.mean([s.measures[name] for s in written if name in s.measures])) for name in names},
        )
