"""What can be claimed: models against the floor and each other, against plan length, and scorers against each other.

Every interval is a cluster bootstrap over tasks, questions and seeds (`stats.Bootstrap`) unless it says otherwise, and
what was not scored has not passed. Modes are never pooled, except to ask how far scorers agree.
"""

from __future__ import annotations

import itertools
import statistics
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from vmevalkit.reporting import stats
from vmevalkit.reporting.rows import SCORER, Key, Row, is_baseline
from vmevalkit.reporting.stats import CEILING, Agreement, Array, Bootstrap, Count, Curve, Estimate, Tally
from vmevalkit.types import MODES, Mode, Record, Unit

PEOPLE = "human."
"""Scores of single persons have names that begin so; `human` alone is what they say together."""

DIFFERENCES = (0.01, 0.02, 0.05, 0.1, 0.2)
"""Differences of pass rates for which the report says how many questions they need."""

_BINS = 6


class AtK(Record):
    """pass@k (any of k videos passes) and pass^k (all of them do), averaged over questions."""

    k: Annotated[int, Field(ge=1)]
    any: Estimate
    all: Estimate


class Rank(Record):
    """Place among the models by pass rate.

    Attributes:
        low, high: the middle 95 % of its places in the draws.
        first: share of the draws in which no model is better.
    """

    place: Annotated[int, Field(ge=1)]
    low: Annotated[int, Field(ge=1)]
    high: Annotated[int, Field(ge=1)]
    first: Unit


class LengthBin(Record):
    """Videos whose plan has `shortest` to `longest` steps, with Wilson's interval."""

    shortest: int
    longest: int
    asked: Count
    passed: Count
    rate: Estimate


class Standing(Record):
    """One model among the questions of one mode.

    Attributes:
        questions, samples: how many were asked, and videos a question.
        rate: share of the videos that pass.
        value: mean dense credit of the videos that are scored; None without any.
        adjusted, adjusted_value: the same on the scale from the best baseline (0) to replay (1); None where that scale
            has no length. Where replay was not run, the ceiling is 1.
        right_end: share of the videos that end in the right answer, however they got there.
        cheated: right ends that do not pass, as a share of all videos: outcome minus pass rate.
        at_k: for k = 1 to the number of videos a question.
        rank: among the models; None for baselines and where there is one model only.
        bins, curve: pass rate against plan length; no curve where none fits best.
    """

    mode: Mode
    model: str
    baseline: bool
    questions: Count
    samples: Count
    rate: Estimate
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
        difference: pass rate of the first less that of the second.
        first_only, second_only: questions on which the one passes more of its videos than the other.
        p: of the exact McNemar test of these two counts (a sign test where there are several videos a question).
    """

    questions: Count
    difference: Estimate
    first_only: Count
    second_only: Count
    p: Unit


class Pair(Comparison):
    """A comparison that is reported among others.

    Attributes:
        baseline: the second is the best baseline.
        p_holm: adjusted for the number of pairs in this mode.
    """

    mode: Mode
    first: str
    second: str
    baseline: bool
    p_holm: Unit


class Steering(Record):
    """A model's pass rates in the three modes side by side, and what they say together.

    `gain` is the rate in mode guided less that in mode solve, with Newcombe's interval.
    """

    model: str
    solve: Tally | None
    guided: Tally | None
    hold: Tally | None
    gain: Estimate | None
    reading: str


class Needed(Record):
    """Questions that both models must answer for a difference to be found four times in five."""

    difference: Unit
    questions: Count


class Power(Record):
    """What size of difference between two models so many questions can show, at 5 % false alarms.

    Attributes:
        discordant: share of the questions that one of two models solves alone.
        observed: it is the median over the pairs of models; otherwise it is what two models as good as the upper bound
            of the best one would have if they erred independently.
        detectable: difference of pass rates that is found four times in five; None where no difference is.
    """

    mode: Mode
    questions: Count
    discordant: Unit
    observed: bool
    detectable: Unit | None
    needed: tuple[Needed, ...]


class ScorerAgreement(Record):
    """Scorers about the videos of one task, or of all (`task` None), by models or by baselines.

    Models and baselines are kept apart: baselines are easy to judge, and fool those who look at the end alone.

    Attributes:
        passed: of the shared videos, for each scorer.
    """

    task: str | None
    baselines: bool
    scorers: tuple[str, ...]
    passed: tuple[Count, ...]
    agreement: Agreement


class Disagreement(Record):
    """A video that one scorer passes and another does not; verdict and reason of each scorer that decided."""

    model: str
    task: str
    question_id: str
    seed: int
    passed: dict[str, bool]
    reasons: dict[str, str]


class Analysis(Record):
    """Everything that the report claims beyond counts."""

    standings: tuple[Standing, ...]
    pairs: tuple[Pair, ...]
    steering: tuple[Steering, ...]
    power: tuple[Power, ...]
    agreement: tuple[ScorerAgreement, ...]
    disagreements: tuple[Disagreement, ...]


def analyze(rows: Sequence[Row]) -> Analysis:
    """Everything that follows from the samples that were asked for."""
    standings: list[Standing] = []
    pairs: list[Pair] = []
    power: list[Power] = []
    for mode in MODES:
        chosen = [row for row in rows if row.mode == mode]
        if not any(row.score.status == "scored" for row in chosen):
            continue
        field = ModeAnalysis(mode, chosen)
        compared = field.pairs()
        standings += field.standings()
        pairs += compared
        if any(not run.baseline for run in field.runs):
            power.append(field.power(compared))
    return Analysis(
        standings=tuple(standings),
        pairs=tuple(pairs),
        steering=tuple(_steering(rows)),
        power=tuple(power),
        agreement=tuple(agreement({row.key: _decisions(row) for row in rows})),
        disagreements=tuple(_disagreements(rows)),
    )


# -------------------------------------------------------------------------------------------------------- two models


@dataclass(frozen=True)
class PassRates:
    """What a model passes. Only what comes of one set of draws may be compared.

    Attributes:
        shares: share of its videos of each question, (questions,).
        draws: share of its videos in each draw, (draws,).
    """

    shares: Array
    draws: Array

    @property
    def rate(self) -> Estimate:
        return stats.estimate(float(self.shares.mean()), self.draws, len(self.shares))

    def against(self, other: PassRates) -> Comparison:
        """How much better this model is than another on the same questions."""
        better, worse = int((self.shares > other.shares).sum()), int((self.shares < other.shares).sum())
        difference = float(self.shares.mean() - other.shares.mean())
        return Comparison(
            questions=len(self.shares),
            difference=stats.paired_difference(difference, self.draws - other.draws, len(self.shares)),
            first_only=better,
            second_only=worse,
            p=stats.mcnemar(better, worse),
        )


def passes(tasks: Sequence[str], passed: Mapping[str, Array]) -> dict[str, PassRates]:
    """What each of several models passes, drawn together.

    Args:
        tasks: the task of each question.
        passed: which of its videos pass, (questions, seeds), by model.
    """
    bootstrap = Bootstrap(tasks)
    videos = bootstrap.weights.sum(axis=1)
    sums = bootstrap.sums_of({model: found[..., None].astype(float) for model, found in passed.items()})
    return {
        model: PassRates(found.mean(axis=1), sums[model][:, 0] / (videos * found.shape[1]))
        for model, found in passed.items()
    }


# ---------------------------------------------------------------------------------------------------------- one mode

_PASSED, _SCORED, _VALUE, _RIGHT_END, _CHEATED, _ONE = range(6)


@dataclass(frozen=True)
class _Run:
    """One model's videos in one mode.

    Attributes:
        values: (questions, seeds, 6), the columns named above.
        sums: the same, summed over each draw: (draws, 6).
        rates: pass rate in each draw, (draws,).
    """

    model: str
    baseline: bool
    values: Array
    sums: Array
    lengths: list[int]

    @property
    def rate(self) -> float:
        return float(self.values[..., _PASSED].mean())

    @property
    def rates(self) -> Array:
        return self.share(_PASSED)

    @property
    def passes(self) -> PassRates:
        return PassRates(np.asarray(self.values[..., _PASSED].mean(axis=1)), self.rates)

    @property
    def value(self) -> float | None:
        scored = self.values[..., _SCORED].sum()
        return float(self.values[..., _VALUE].sum() / scored) if scored else None

    @property
    def value_draws(self) -> Array:
        # Draws without a scored video have no mean value.
        with np.errstate(invalid="ignore"):
            return np.asarray(self.sums[:, _VALUE] / self.sums[:, _SCORED])

    def share(self, column: int) -> Array:
        return np.asarray(self.sums[:, column] / self.sums[:, _ONE])

    def estimate(self, column: int) -> Estimate:
        mean = float(self.values[..., column].mean())
        return stats.estimate(mean, self.share(column), len(self.values))


class ModeAnalysis:
    """The models that answered the questions of one mode, with one set of draws for all."""

    def __init__(self, mode: Mode, rows: Sequence[Row]) -> None:
        self.mode = mode
        places: dict[tuple[str, str], int] = {}
        lengths: list[int] = []
        by_model: defaultdict[str, list[Row]] = defaultdict(list)
        for row in rows:
            if places.setdefault(_question(row), len(places)) == len(lengths):
                lengths.append(row.plan_length or 0)
            by_model[row.score.model].append(row)
        self.bootstrap = Bootstrap([task for task, _ in places])
        values = {model: _values(found, places) for model, found in by_model.items()}
        sums = self.bootstrap.sums_of(values)
        self.runs = [
            _Run(model, found[0].baseline, values[model], sums[model], lengths) for model, found in by_model.items()
        ]
        tallies = {r.model: stats.tally(row.score for row in by_model[r.model]) for r in self.runs if r.baseline}
        best = stats.floor(tallies, mode)
        self.floor = next((r for r in self.runs if best is not None and r.model == best.model), None)
        self.ceiling = next((r for r in self.runs if r.model == CEILING), None)
        self.model_runs = [r for r in self.runs if not r.baseline]

    def standings(self) -> Iterator[Standing]:
        ranks = self._ranks()
        low_value = max(
            (r for r in self.runs if r.baseline and r.model != CEILING and r.value is not None),
            key=lambda r: r.value or 0.0,
            default=None,
        )
        for run in self.runs:
            value = run.value
            yield Standing(
                mode=self.mode,
                model=run.model,
                baseline=run.baseline,
                questions=run.values.shape[0],
                samples=run.values.shape[1],
                rate=run.estimate(_PASSED),
                value=None if value is None else stats.estimate(value, run.value_draws),
                adjusted=self._adjusted(run),
                adjusted_value=self._adjusted_value(run, low_value),
                right_end=run.estimate(_RIGHT_END),
                cheated=run.estimate(_CHEATED),
                at_k=tuple(self._at_k(run)),
                rank=ranks.get(run.model),
                bins=tuple(_bins(run)),
                curve=self._curve(run),
            )

    def _adjusted(self, run: _Run) -> Estimate | None:
        if self.floor is None:
            return None
        top, tops = (self.ceiling.rate, self.ceiling.rates) if self.ceiling else (1.0, np.ones(1))
        return _between(run.estimate(_PASSED), run.rates, self.floor.rate, self.floor.rates, top, tops)

    def _adjusted_value(self, run: _Run, floor: _Run | None) -> Estimate | None:
        value, bottom = run.value, floor.value if floor else None
        if self.floor is None or floor is None or value is None or bottom is None:
            return None
        top = self.ceiling.value if self.ceiling else None
        tops = np.ones(1) if self.ceiling is None or top is None else self.ceiling.value_draws
        found = stats.estimate(value, run.value_draws)
        return _between(found, run.value_draws, bottom, floor.value_draws, 1.0 if top is None else top, tops)

    def _at_k(self, run: _Run) -> Iterator[AtK]:
        questions, seeds = run.values.shape[:2]
        passed = run.values[..., _PASSED].sum(axis=1).astype(int)
        for k in range(1, seeds + 1):
            table = np.array([[f(seeds, c, k) for f in (stats.pass_at_k, stats.pass_hat_k)] for c in range(seeds + 1)])
            draws = self.bootstrap.sums(table[passed]) / self.bootstrap.weights.sum(axis=1)[:, None]
            any_, all_ = (
                stats.estimate(float(table[passed, i].mean()), draws[:, i], questions) for i in range(2)
            )  # fmt: skip
            yield AtK(k=k, any=any_, all=all_)

    def _ranks(self) -> dict[str, Rank]:
        if len(self.model_runs) < 2:
            return {}
        from scipy.stats import rankdata

        now = rankdata([-run.rate for run in self.model_runs], method="min")
        drawn = rankdata(-np.stack([run.rates for run in self.model_runs]), method="min", axis=0)
        ends = np.quantile(drawn, (0.025, 0.975), axis=1, method="nearest").astype(int)
        return {
            run.model: Rank(
                place=int(now[i]), low=int(ends[0, i]), high=int(ends[1, i]), first=float((drawn[i] == 1).mean())
            )
            for i, run in enumerate(self.model_runs)
        }

    def _curve(self, run: _Run) -> Curve | None:
        questions, seeds = run.values.shape[:2]
        passed = run.values[..., _PASSED].ravel().astype(bool).tolist()
        return stats.fit_curve(
            np.repeat(run.lengths, seeds).tolist(), passed, np.repeat(range(questions), seeds).tolist()
        )

    def pairs(self) -> list[Pair]:
        wanted = [*itertools.combinations(self.model_runs, 2)]
        wanted = [(a, b) if a.rate >= b.rate else (b, a) for a, b in wanted]
        if self.floor is not None:
            wanted += [(run, self.floor) for run in self.model_runs]
        compared = [first.passes.against(second.passes) for first, second in wanted]
        return [
            Pair(
                **dict(found),
                mode=self.mode,
                first=first.model,
                second=second.model,
                baseline=second.baseline,
                p_holm=p_holm,
            )
            for (first, second), found, p_holm in zip(
                wanted, compared, stats.holm([found.p for found in compared]), strict=True
            )
        ]

    def power(self, pairs: Iterable[Pair]) -> Power:
        questions = self.bootstrap.questions
        found = [(pair.first_only + pair.second_only) / questions for pair in pairs if not pair.baseline]
        if found:
            discordant = statistics.median(found)
        else:
            best = min(0.5, max(run.estimate(_PASSED).high for run in self.model_runs))
            discordant = 2 * best * (1 - best)
        return Power(
            mode=self.mode,
            questions=questions,
            discordant=discordant,
            observed=bool(found),
            detectable=stats.detectable(questions, discordant),
            needed=tuple(
                Needed(difference=points, questions=stats.questions_needed(points, discordant))
                for points in DIFFERENCES
            ),
        )


def _values(rows: Sequence[Row], places: Mapping[tuple[str, str], int]) -> Array:
    """One model's videos as numbers: (questions, seeds, 6)."""
    seeds = {seed: i for i, seed in enumerate(sorted({row.score.seed for row in rows}))}
    values = np.zeros((len(places), len(seeds), 6))
    for row in rows:
        values[places[_question(row)], seeds[row.score.seed]] = _columns(row)
    return values


def _question(row: Row) -> tuple[str, str]:
    return row.score.task, row.score.question_id


def _columns(row: Row) -> tuple[float, ...]:
    score = row.score
    right_end = score.outcome == 1.0
    return (
        float(score.passed is True),
        float(score.status == "scored"),
        score.value or 0.0,
        float(right_end),
        float(right_end and not score.passed),
        1.0,
    )


def _between(
    found: Estimate, draws: Array, floor: float, floors: Array, ceiling: float, ceilings: Array
) -> Estimate | None:
    """An estimate on the scale from floor to ceiling, both of which are drawn with it."""
    if not ceiling > floor:
        return None
    if floors.min() == floors.max() and ceilings.min() == ceilings.max():
        return found.shifted(floor, ceiling)
    with np.errstate(invalid="ignore", divide="ignore"):
        return stats.estimate((found.value - floor) / (ceiling - floor), (draws - floors) / (ceilings - floors))


def _bins(run: _Run) -> Iterator[LengthBin]:
    """Each plan length by itself, or about equally many questions together where there are many lengths."""
    lengths = np.asarray(run.lengths)
    different = np.unique(lengths)
    if len(different) > _BINS:
        ends = np.unique(np.quantile(lengths, np.linspace(0, 1, _BINS + 1)[1:], method="higher"))
    else:
        ends = different
    for i, end in enumerate(ends):
        chosen = (lengths <= end) & (lengths > (ends[i - 1] if i else -1))
        videos = run.values[chosen][..., _PASSED]
        passed, asked = int(videos.sum()), videos.size
        low, high = stats.wilson(passed, asked)
        yield LengthBin(
            shortest=int(lengths[chosen].min()),
            longest=int(lengths[chosen].max()),
            asked=asked,
            passed=passed,
            rate=Estimate(value=passed / asked, low=low, high=high),
        )


# ------------------------------------------------------------------------------------------------------------- modes


def _steering(rows: Sequence[Row]) -> Iterator[Steering]:
    found: defaultdict[str, dict[Mode, list[Row]]] = defaultdict(dict)
    for row in rows:
        if row.mode is not None and not row.baseline:
            found[row.score.model].setdefault(row.mode, []).append(row)
    for model, modes in found.items():
        tallies = {mode: stats.tally(row.score for row in own) for mode, own in modes.items()}
        if len(tallies) < 2:
            continue
        solve, guided, hold = (tallies.get(mode) for mode in MODES)
        gain = (
            stats.difference((guided.passed, guided.asked), (solve.passed, solve.asked)) if solve and guided else None
        )
        reading = " ".join(_readings(guided, hold, gain))
        yield Steering(model=model, solve=solve, guided=guided, hold=hold, gain=gain, reading=reading)


def _readings(guided: Tally | None, hold: Tally | None, gain: Estimate | None) -> Iterator[str]:
    if gain is not None and guided is not None:
        if gain.low > 0:
            yield "Spelling out the plan helps: it can carry out steps that it does not find by itself."
        elif gain.high < 0:
            yield "Spelling out the plan makes it worse."
        elif guided.high < 0.5:
            yield "Most plans fail even when spelled out: it cannot be steered, which hides whether it can reason."
        elif guided.low > 0.5:
            yield "It carries out most plans, and finds them by itself as often."
        else:
            yield "Whether spelling out the plan helps cannot be told from so few videos."
    if hold is not None:
        if hold.high < 0.5:
            yield "It cannot keep a scene still."
        elif hold.low > 0.5:
            yield "It keeps a scene still when asked to."
        else:
            yield "Whether it keeps a scene still cannot be told from so few videos."


# --------------------------------------------------------------------------------------------------------- agreement


def agreement(decided: Mapping[Key, Mapping[str, bool]]) -> Iterator[ScorerAgreement]:
    """Each two scorers, all of them where there are more, and all persons; for all tasks together, then for each.

    Args:
        decided: whether each scorer passes a video, for those that decide; sorted by question.
    """
    videos: defaultdict[tuple[bool, str | None], list[Key]] = defaultdict(list)
    for key in decided:
        for place in (None, key[1]):
            videos[is_baseline(key[0]), place].append(key)
    tasks = (None, *sorted({key[1] for key in decided}))
    scorers = sorted({name for passed in decided.values() for name in passed}, key=_order)
    people = tuple(s for s in scorers if s.startswith(PEOPLE))
    others = tuple(s for s in scorers if s not in people)
    groups: list[tuple[str, ...]] = [*itertools.combinations(others, 2)]
    groups += [others] if len(others) > 2 else []
    groups += [people] if len(people) > 1 else []
    for group, baselines, task in itertools.product(groups, (False, True), tasks):
        found = _agree(group, videos[baselines, task], decided)
        if found is not None:
            passed, agreed = found
            yield ScorerAgreement(task=task, baselines=baselines, scorers=group, passed=passed, agreement=agreed)


def _agree(
    scorers: tuple[str, ...], videos: Sequence[Key], decided: Mapping[Key, Mapping[str, bool]]
) -> tuple[tuple[int, ...], Agreement] | None:
    chosen = [key for key in videos if sum(name in decided[key] for name in scorers) >= 2]
    if not chosen:
        return None
    places: dict[tuple[str, str], int] = {}
    at = [places.setdefault(key[1:3], len(places)) for key in chosen]
    labels = np.array([[decided[key].get(name, np.nan) for name in scorers] for key in chosen], dtype=float)
    found = stats.agreement(labels, at, Bootstrap([task for task, _ in places]))
    passed = tuple(int(count) for count in np.nansum(labels, axis=0))
    return None if found is None else (passed, found)


def _disagreements(rows: Sequence[Row]) -> Iterator[Disagreement]:
    for row in rows:
        passed = _decisions(row)
        if len(set(passed.values())) > 1:
            model, task, question_id, seed = row.key
            yield Disagreement(
                model=model,
                task=task,
                question_id=question_id,
                seed=seed,
                passed=passed,
                reasons={s.scorer: s.reason for s in (row.score, *row.others) if s.scorer in passed},
            )


def _decisions(row: Row) -> dict[str, bool]:
    """Verdicts by scorer; a scorer that does not decide is left out."""
    return {score.scorer: score.passed for score in (row.score, *row.others) if score.passed is not None}


def _order(scorer: str) -> tuple[bool, str]:
    return scorer != SCORER, scorer
