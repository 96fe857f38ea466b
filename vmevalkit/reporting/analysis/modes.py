"""The models that answered the questions of one mode: standings, pairs and power."""

from __future__ import annotations

import itertools
import statistics
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from vmevalkit.reporting import stats
from vmevalkit.reporting.analysis.model_run import CHEATED, PASSED, RIGHT_END, STRICT, ModelRun, question_of, values_of
from vmevalkit.reporting.analysis.records import AtK, Needed, Pair, Power, Rank, Standing
from vmevalkit.reporting.stats import CEILING, Array, Bootstrap, Estimate
from vmevalkit.store.experiment import QuestionKey, SampleRecord
from vmevalkit.types import Mode

DIFFERENCES = (0.01, 0.02, 0.05, 0.1, 0.2)
"""Differences of pass rates for which a report says how many questions they need."""


class ModeAnalysis:
    """Analysis of the samples of one mode. All models share the bootstrap draws.

    Args:
        mode: the mode of all samples.
        samples: all samples of the mode; every model has the same questions.
    """

    def __init__(self, mode: Mode, samples: Sequence[SampleRecord]) -> None:
        self.mode = mode
        places: dict[QuestionKey, int] = {}
        lengths: list[int] = []
        by_model: defaultdict[str, list[SampleRecord]] = defaultdict(list)
        for sample in samples:
            if places.setdefault(question_of(sample), len(places)) == len(lengths):
                lengths.append(sample.plan_length or 0)
            by_model[sample.score.model].append(sample)
        self.bootstrap = Bootstrap([task for task, _ in places])
        values = {model: values_of(found, places) for model, found in by_model.items()}
        sums = self.bootstrap.sums_of(values)
        self.runs = [
            ModelRun(model, found[0].baseline, values[model], sums[model], lengths) for model, found in by_model.items()
        ]
        self.model_runs = [run for run in self.runs if not run.baseline]
        tallies = {
            run.model: stats.tally(sample.score for sample in by_model[run.model]) for run in self.runs if run.baseline
        }
        best = stats.floor(tallies, mode)
        self.floor = next((run for run in self.runs if best is not None and run.model == best.model), None)
        self.ceiling = next((run for run in self.runs if run.model == CEILING), None)

    def standings(self) -> Iterator[Standing]:
        """Yield the results of each model and baseline."""
        ranks = self._ranks()
        value_floor = max(
            (run for run in self.runs if run.baseline and run.model != CEILING and run.value is not None),
            key=lambda run: run.value or 0.0,
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
                rate=run.estimate(PASSED),
                strict=run.estimate(STRICT),
                value=None if value is None else stats.estimate(value, run.value_draws),
                adjusted=self._adjusted(run),
                adjusted_value=self._adjusted_value(run, value_floor),
                right_end=run.estimate(RIGHT_END),
                cheated=run.estimate(CHEATED),
                at_k=tuple(self._at_k(run)),
                rank=ranks.get(run.model),
                bins=tuple(run.length_bins()),
                curve=run.curve(),
            )

    def pairs(self) -> list[Pair]:
        """Compare each two models, and each model with the floor."""
        pairs = [(a, b) if a.rate >= b.rate else (b, a) for a, b in itertools.combinations(self.model_runs, 2)]
        if self.floor is not None:
            pairs += [(run, self.floor) for run in self.model_runs]
        comparisons = [first.pass_rates.against(second.pass_rates) for first, second in pairs]
        adjusted = stats.holm([comparison.p for comparison in comparisons])
        return [
            Pair(
                **dict(comparison),
                mode=self.mode,
                first=first.model,
                second=second.model,
                baseline=second.baseline,
                p_holm=p_holm,
            )
            for (first, second), comparison, p_holm in zip(pairs, comparisons, adjusted, strict=True)
        ]

    def power(self, pairs: Iterable[Pair]) -> Power:
        """Return which differences the questions can show, given the pairs of models that were compared."""
        questions = self.bootstrap.questions
        shares = [(pair.first_only + pair.second_only) / questions for pair in pairs if not pair.baseline]
        if shares:
            discordant = statistics.median(shares)
        else:
            best = min(0.5, max(run.estimate(PASSED).high for run in self.model_runs))
            discordant = 2 * best * (1 - best)
        return Power(
            mode=self.mode,
            questions=questions,
            discordant=discordant,
            observed=bool(shares),
            detectable=stats.detectable(questions, discordant),
            needed=tuple(
                Needed(difference=points, questions=stats.questions_needed(points, discordant))
                for points in DIFFERENCES
            ),
        )

    def _adjusted(self, run: ModelRun) -> Estimate | None:
        if self.floor is None:
            return None
        top, top_draws = (self.ceiling.rate, self.ceiling.rate_draws) if self.ceiling else (1.0, np.ones(1))
        return _rescaled(
            run.estimate(PASSED), run.rate_draws, self.floor.rate, self.floor.rate_draws, top, top_draws
        )  # fmt: skip

    def _adjusted_value(self, run: ModelRun, floor: ModelRun | None) -> Estimate | None:
        value, bottom = run.value, floor.value if floor else None
        if self.floor is None or floor is None or value is None or bottom is None:
            return None
        top = self.ceiling.value if self.ceiling else None
        top_draws = np.ones(1) if self.ceiling is None or top is None else self.ceiling.value_draws
        estimate = stats.estimate(value, run.value_draws)
        return _rescaled(
            estimate, run.value_draws, bottom, floor.value_draws, 1.0 if top is None else top, top_draws
        )  # fmt: skip

    def _at_k(self, run: ModelRun) -> Iterator[AtK]:
        questions, seeds = run.values.shape[:2]
        passed = run.values[..., PASSED].sum(axis=1).astype(int)
        for k in range(1, seeds + 1):
            # pass@k and pass^k by the number of videos that pass: (seeds + 1, 2).
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

        ranks = rankdata([-run.rate for run in self.model_runs], method="min")
        drawn = rankdata(-np.stack([run.rate_draws for run in self.model_runs]), method="min", axis=0)
        bounds = np.quantile(drawn, (0.025, 0.975), axis=1, method="nearest").astype(int)
        return {
            run.model: Rank(
                place=int(ranks[i]), low=int(bounds[0, i]), high=int(bounds[1, i]), first=float((drawn[i] == 1).mean())
            )
            for i, run in enumerate(self.model_runs)
        }


def _rescaled(
    found: Estimate, draws: Array, floor: float, floor_draws: Array, ceiling: float, ceiling_draws: Array
) -> Estimate | None:
    """Return an estimate on the scale from floor to ceiling, which are resampled with it; None without a scale."""
    if not ceiling > floor:
        return None
    if floor_draws.min() == floor_draws.max() and ceiling_draws.min() == ceiling_draws.max():
        return found.shifted(floor, ceiling)
    with np.errstate(invalid="ignore", divide="ignore"):
        scaled = (draws - floor_draws) / (ceiling_draws - floor_draws)
        return stats.estimate((found.value - floor) / (ceiling - floor), scaled)
