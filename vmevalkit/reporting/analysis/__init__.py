"""Results beyond counts: models against the floor and each other, against plan length, and agreement of scorers.

Intervals come from a cluster bootstrap over tasks, questions and seeds (`stats.Bootstrap`) unless stated otherwise.
Samples that are not scored count as not passed. Modes are never pooled, except for the agreement of scorers.
"""

from __future__ import annotations

from collections.abc import Sequence

from vmevalkit.reporting.analysis.agreement import RATERS, disagreements, scorer_agreement
from vmevalkit.reporting.analysis.measures import measured_of
from vmevalkit.reporting.analysis.modes import DIFFERENCES, ModeAnalysis
from vmevalkit.reporting.analysis.pass_rates import PassRates, pass_rates
from vmevalkit.reporting.analysis.records import (
    Analysis,
    AtK,
    Comparison,
    Disagreement,
    LengthBin,
    Measured,
    Needed,
    Pair,
    Power,
    Rank,
    ScorerAgreement,
    Standing,
    Steering,
    Wording,
)
from vmevalkit.reporting.analysis.steering import steering_of
from vmevalkit.reporting.analysis.wording import wording_of
from vmevalkit.store.experiment import SampleRecord
from vmevalkit.types import MODES

__all__ = [
    "DIFFERENCES",
    "RATERS",
    "Analysis",
    "AtK",
    "Comparison",
    "Disagreement",
    "LengthBin",
    "Measured",
    "ModeAnalysis",
    "Needed",
    "Pair",
    "PassRates",
    "Power",
    "Rank",
    "ScorerAgreement",
    "Standing",
    "Steering",
    "Wording",
    "analyze",
    "pass_rates",
    "scorer_agreement",
]


def analyze(samples: Sequence[SampleRecord]) -> Analysis:
    """Analyze the samples of an experiment."""
    standings: list[Standing] = []
    pairs: list[Pair] = []
    power: list[Power] = []
    for mode in MODES:
        chosen = [sample for sample in samples if sample.mode == mode]
        if not any(sample.score.status == "scored" for sample in chosen):
            continue
        analysis = ModeAnalysis(mode, chosen)
        compared = analysis.pairs()
        standings += analysis.standings()
        pairs += compared
        if analysis.model_runs:
            power.append(analysis.power(compared))
    return Analysis(
        standings=tuple(standings),
        pairs=tuple(pairs),
        steering=tuple(steering_of(samples)),
        wording=tuple(wording_of(samples)),
        power=tuple(power),
        agreement=tuple(scorer_agreement({sample.key: sample.decisions for sample in samples})),
        disagreements=tuple(disagreements(samples)),
        measured=tuple(measured_of(samples)),
    )
