"""The first screen of a report: who leads by how much, a bar for each model, and two videos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vmevalkit.reporting.analysis import Analysis, Standing
from vmevalkit.reporting.media import ReportVideo
from vmevalkit.reporting.stats import CEILING, LEVEL
from vmevalkit.reporting.summary import Summary
from vmevalkit.reporting.text import estimate, percent
from vmevalkit.store.experiment import Key, SampleRecord
from vmevalkit.types import MODES, Mode


@dataclass(frozen=True)
class Lead:
    """What the first screen shows.

    Attributes:
        mode: the first mode that models were asked in; all numbers are of this mode.
        sentence: the result.
        models: the standings, best first.
        floor, ceiling: pass rates of the best baseline and of replay; None if they were not run.
        examples: a video of the best model that passes, and one that fails, as far as there are any.
    """

    mode: Mode
    sentence: str
    models: list[Standing]
    floor: float | None
    ceiling: float | None
    examples: list[SampleRecord]


def lead_of(summary: Summary, samples: Sequence[SampleRecord], videos: Mapping[Key, ReportVideo]) -> Lead | None:
    """Return the first screen; None if no model was asked, or the kit has no rule for the questions."""
    analysis = summary.analysis
    models = [standing for standing in analysis.standings if not standing.baseline]
    mode = next((mode for mode in MODES if any(standing.mode == mode for standing in models)), None)
    if mode is None:
        return None
    models = sorted((s for s in models if s.mode == mode), key=lambda s: (-s.rate.value, s.model))
    floors = (cell.floor.rate for cell in summary.floors if (cell.mode, cell.task) == (mode, None))
    ceilings = (s.rate.value for s in analysis.standings if (s.mode, s.model) == (mode, CEILING))
    own = [sample for sample in samples if (sample.mode, sample.score.model) == (mode, models[0].model)]
    playing = [sample for sample in own if sample.key in videos and videos[sample.key].plays]
    return Lead(mode, _sentence(analysis, models), models, next(floors, None), next(ceilings, None), _examples(playing))


def _sentence(analysis: Analysis, models: Sequence[Standing]) -> str:
    """Return who leads, by how much, and from whom the questions cannot tell the leader apart."""
    best, *others = models
    if not others:
        return f"{best.model} passes {estimate(best.rate)} of its videos."
    ahead, level = list[Standing](), list[Standing]()
    for other in others:
        pair = next(
            p for p in analysis.pairs if p.mode == best.mode and {p.first, p.second} == {best.model, other.model}
        )
        (ahead if pair.p_holm < LEVEL else level).append(other)
    if best.rate.value == 0.0:
        return f"No video of the {len(models)} models passes."
    equal = [model.model for model in others if model.rate.value == best.rate.value]
    if equal:
        text = f"{_listed([best.model, *equal])} lead: {percent(best.rate.value)} % each"
    else:
        text = f"{best.model} leads: {estimate(best.rate)}"
    if ahead:
        points = 100 * (best.rate.value - ahead[0].rate.value)
        text += f", {points:.0f} points ahead of {ahead[0].model}"
        text += f" and {len(ahead) - 1} more" if len(ahead) > 1 else ""
    unclear = [other.model for other in level if other.model not in equal]
    if unclear:
        text += f"; not separable from {_listed(unclear)}"
    return text + "."


def _listed(names: Sequence[str]) -> str:
    """Return up to three names as a list in a sentence."""
    shown, more = list(names[:3]), len(names) - 3
    if more > 0:
        shown.append(f"{more} more")
    return " and ".join(filter(None, (", ".join(shown[:-1]), shown[-1])))


def _examples(samples: Sequence[SampleRecord]) -> list[SampleRecord]:
    """Return the first video that passes, and that which fails nearest to the answer."""
    passing = [sample for sample in samples if sample.score.passed]
    failing = [sample for sample in samples if sample.score.passed is False]
    failing.sort(key=lambda sample: -(sample.score.value or 0.0))
    return [*passing[:1], *failing[:1]]
