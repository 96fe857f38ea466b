"""Whether a model cannot reason or cannot be steered: its pass rates in the three modes, side by side."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from vmevalkit.reporting import stats
from vmevalkit.reporting.analysis.records import Steering
from vmevalkit.reporting.stats import Estimate, Tally
from vmevalkit.store.experiment import SampleRecord
from vmevalkit.types import MODES, Mode


def steering_of(samples: Sequence[SampleRecord]) -> Iterator[Steering]:
    """Compare the modes of each model that was asked in at least two."""
    by_model: defaultdict[str, dict[Mode, list[SampleRecord]]] = defaultdict(dict)
    for sample in samples:
        if sample.mode is not None and not sample.baseline:
            by_model[sample.score.model].setdefault(sample.mode, []).append(sample)
    for model, by_mode in by_model.items():
        tallies = {mode: stats.tally(sample.score for sample in found) for mode, found in by_mode.items()}
        if len(tallies) < 2:
            continue
        solve, guided, hold = (tallies.get(mode) for mode in MODES)
        gain = (
            stats.difference((guided.passed, guided.asked), (solve.passed, solve.asked)) if solve and guided else None
        )
        reading = " ".join(_interpretation(guided, hold, gain))
        yield Steering(model=model, solve=solve, guided=guided, hold=hold, gain=gain, reading=reading)


def _interpretation(guided: Tally | None, hold: Tally | None, gain: Estimate | None) -> Iterator[str]:
    if gain is not None and guided is not None:
        if gain.low > 0:
            yield "Giving the plan helps: the model can carry out steps that it does not find by itself."
        elif gain.high < 0:
            yield "Giving the plan lowers the pass rate."
        elif guided.high < 0.5:
            yield (
                "Most videos fail even with the plan: the model cannot be steered, so this does not show whether it "
                "can reason."
            )
        elif guided.low > 0.5:
            yield "The model carries out most plans, and finds them by itself as often."
        else:
            yield "There are too few videos to tell whether giving the plan helps."
    if hold is not None:
        if hold.high < 0.5:
            yield "It cannot keep a scene still."
        elif hold.low > 0.5:
            yield "It keeps a scene still when asked to."
        else:
            yield "There are too few videos to tell whether it keeps a scene still."
