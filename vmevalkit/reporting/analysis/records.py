"""Records of the analysis, as they are in summary.json."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from vmevalkit.reporting.stats import Agreement, Count, Curve, Estimate, Tally
from vmevalkit.types import Mode, Record, Unit


class AtK(Record):
    """pass@k (any of k videos passes) and pass^k (all k pass), averaged over questions."""

    k: Annotated[int, Field(ge=1)]
    any: Estimate
    all: Estimate


class Rank(Record):
    """Rank among the models by pass rate.

    Attributes:
        place: rank, starting at 1.
        low, high: the middle 95 % of its ranks in the bootstrap draws.
        first: share of the draws in which no model is better.
    """

    place: Annotated[int, Field(ge=1)]
    low: Annotated[int, Field(ge=1)]
    high: Annotated[int, Field(ge=1)]
    first: Unit


class LengthBin(Record):
    """Videos of questions whose plan has `shortest` to `longest` steps, with Wilson's interval."""

    shortest: int
    longest: int
    asked: Count
    passed: Count
    rate: Estimate


class Standing(Record):
    """Results of one model on the questions of one mode.

    Attributes:
        questions, samples: number of questions, and of videos for each question.
        rate: share of the videos that pass.
        strict: share of the videos that pass without a visitor, caption or overlay.
        value: mean value of the scored videos; None if there are none.
        adjusted, adjusted_value: the same on the scale from the best baseline (0) to replay (1). None if the baseline
            is as good as replay. If replay was not run, the ceiling is 1.
        right_end: share of the videos that end in the right answer, by any path.
        cheated: share of the videos that end in the right answer and do not pass.
        at_k: for k from 1 to the number of videos for each question.
        rank: None for baselines, and if there is only one model.
        bins, curve: pass rate against plan length; see `stats.fit_curve` for when there is no curve.
    """

    mode: Mode
    model: str
    baseline: bool
    questions: Count
    samples: Count
    rate: Estimate
    strict: Estimate
    value: Estimate | None
    adjusted: Estimate | None
    adjusted_value: Estimate | None
    right_end: Estimate
    cheated: Estimate
    at_k: tuple[AtK, ...]
    rank: Rank | None
    bins: tuple[LengthBin, ...]
    curve: Curve | None


class Comparison(Record):
    """Two models on the same questions.

    Attributes:
        difference: pass rate of the first minus that of the second.
        first_only, second_only: number of questions on which one passes more of its videos than the other.
        p: p-value of the exact McNemar test of these two counts (a sign test if there are several videos per question).
    """

    questions: Count
    difference: Estimate
    first_only: Count
    second_only: Count
    p: Unit


class Pair(Comparison):
    """One of several comparisons in a report.

    Attributes:
        first, second: names of the models.
        baseline: the second is the best baseline.
        p_holm: p-value adjusted for the number of pairs in this mode.
    """

    mode: Mode
    first: str
    second: str
    baseline: bool
    p_holm: Unit


class Steering(Record):
    """A model's pass rates in the three modes, and their interpretation.

    `gain` is the rate in mode guided minus that in mode solve, with Newcombe's interval. `reading` is the
    interpretation, in sentences.
    """

    model: str
    solve: Tally | None
    guided: Tally | None
    hold: Tally | None
    gain: Estimate | None
    reading: str


class Wording(Record):
    """How much the wording of prompts matters to a model: the same puzzles, asked in several ways.

    Attributes:
        tallies: for each phrasing, by its number.
        spread: the highest pass rate minus the lowest.
        puzzles: number of puzzles that were asked in every phrasing.
        changed: how many of these pass in one phrasing and fail in another.
    """

    model: str
    mode: Mode
    tallies: tuple[Tally, ...]
    spread: Unit
    puzzles: Count
    changed: Count


class Needed(Record):
    """Number of questions that both models must answer to find a difference with probability 0.8."""

    difference: Unit
    questions: Count


class Power(Record):
    """The smallest difference between two models that the questions can show, at 5 % false positives.

    Attributes:
        discordant: share of the questions that exactly one of two models solves.
        observed: whether `discordant` is the median over the pairs of models. Otherwise it is computed for two models
            that fail independently, both with the upper bound of the best model's rate.
        detectable: difference of pass rates that is found with probability 0.8; None if there is no such difference.
        needed: number of questions for several differences.
    """

    mode: Mode
    questions: Count
    discordant: Unit
    observed: bool
    detectable: Unit | None
    needed: tuple[Needed, ...]


class ScorerAgreement(Record):
    """Agreement of scorers about the videos of one task, or of all tasks (`task` None).

    Videos of models and of baselines are separate: baselines are easy to score, except for scorers that only look at
    the end of a video.

    Attributes:
        baselines: the videos are those of baselines.
        passed: number of the shared videos that pass, for each scorer.
    """

    task: str | None
    baselines: bool
    scorers: tuple[str, ...]
    passed: tuple[Count, ...]
    agreement: Agreement


class Disagreement(Record):
    """A video that one scorer passes and another does not: verdict and reason of each scorer that decided."""

    model: str
    task: str
    question_id: str
    seed: int
    passed: dict[str, bool]
    reasons: dict[str, str]


class Measured(Record):
    """What a scorer measured of one model's videos.

    Attributes:
        asked: number of videos, of the questions for which the scorer has measured any video.
        measured: number of those that have a value.
        passed: number of those that pass by this scorer; None if it does not decide.
        value: mean value; videos without one count as 0.
        means: mean of each number that was measured.
    """

    scorer: str
    model: str
    baseline: bool
    asked: Count
    measured: Count
    passed: Count | None
    value: Estimate
    means: dict[str, float]


class Analysis(Record):
    """All results of a report beyond counts."""

    standings: tuple[Standing, ...]
    pairs: tuple[Pair, ...]
    steering: tuple[Steering, ...]
    wording: tuple[Wording, ...]
    power: tuple[Power, ...]
    agreement: tuple[ScorerAgreement, ...]
    disagreements: tuple[Disagreement, ...]
    measured: tuple[Measured, ...] = ()
