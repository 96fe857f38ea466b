"""What can be claimed: findings in sentences, standings and charts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from vmevalkit.reporting.analysis import Analysis, Standing
from vmevalkit.reporting.stats import LEVEL
from vmevalkit.reporting.text import count, estimate
from vmevalkit.types import MODES, Mode

CHART = (320, 190)
"""Width and height of a chart, in the units of its SVG."""

_LEFT, _RIGHT, _TOP, _BOTTOM = 34.0, 310.0, 10.0, 160.0


@dataclass(frozen=True)
class Chart:
    """Pass rate against plan length of one model in one mode, in the units of an SVG of the size `CHART`.

    Attributes:
        dots: a mark with a whisker for each group of plan lengths: x, y, top, bottom, label.
        line, band: the fitted curve and its band as SVG paths; empty if there is no curve.
        grid: y of each labeled pass rate, in per cent.
        ticks: x of each labeled plan length.
        half: x at which half of the videos pass.
    """

    standing: Standing
    dots: list[tuple[float, float, float, float, str]]
    line: str
    band: str
    grid: list[tuple[float, int]]
    ticks: list[tuple[float, int]]
    half: float | None


@dataclass(frozen=True)
class ModeClaims:
    """Standings and charts of one mode. `samples` is the largest number of videos for each question."""

    mode: Mode
    models: list[Standing]
    charts: list[Chart]
    samples: int


def mode_claims(analysis: Analysis) -> Iterator[ModeClaims]:
    """Yield the models' standings and charts, for each mode."""
    for mode in MODES:
        models = [s for s in analysis.standings if s.mode == mode and not s.baseline]
        models.sort(key=lambda s: -s.rate.value)
        if models:
            yield ModeClaims(
                mode=mode,
                models=models,
                charts=[_chart(s) for s in models if len(s.bins) > 1],
                samples=max(s.samples for s in models),
            )


def findings(analysis: Analysis) -> Iterator[str]:
    """Yield the main results, one sentence each: of the first mode that was asked, then of all modes."""
    modes = {standing.mode for standing in analysis.standings}
    mode = next((mode for mode in MODES if mode in modes), None)
    where = f" in mode {mode}" if len(modes) > 1 else ""
    models = [s for s in analysis.standings if s.mode == mode and not s.baseline]
    models.sort(key=lambda s: -s.rate.value)
    for model in models:
        yield _model_finding(analysis, model, where)
    if len(models) > 1:
        best = max(models, key=lambda s: s.rank.first if s.rank else 0.0)
        share = 100 * (best.rank.first if best.rank else 0.0)
        yield f"{best.model} ranks first{where} in {share:.0f} % of the bootstrap draws."
    for steering in analysis.steering:
        yield f"{steering.model}: {steering.reading}"
    for power in analysis.power:
        if power.mode == mode and power.detectable is not None:
            yield (
                f"{count(power.questions, 'question')}{where} are enough to find a difference of "
                f"{100 * power.detectable:.0f} points between two models with probability 0.8."
            )
    for found in analysis.agreement:
        if found.task is None and len(found.scorers) == 2 and not found.baselines:
            kappa = f" (Cohen’s κ {found.agreement.kappa.value:.2f})" if found.agreement.kappa else ""
            raw = estimate(found.agreement.raw)
            yield f"{' and '.join(found.scorers)} agree about {raw} of the models’ videos{kappa}."


def _model_finding(analysis: Analysis, model: Standing, where: str) -> str:
    text = f"{model.model} passes {estimate(model.rate)} of its videos{where}"
    floor = next((p for p in analysis.pairs if p.baseline and (p.mode, p.first) == (model.mode, model.model)), None)
    if floor is not None:
        above = floor.difference.low > 0 and floor.p_holm < LEVEL
        text += f", {'clearly' if above else 'not clearly'} above the floor"
    if model.cheated.low > 0:
        text += f"; another {estimate(model.cheated)} end in the right answer but do not reach it by legal steps"
    return text + "."


def _chart(standing: Standing) -> Chart:
    """Return the chart of a model. See `Chart`."""
    first, last = standing.bins[0].shortest, standing.bins[-1].longest

    def x(length: float) -> float:
        return round(_LEFT + (length - first + 0.5) / (last - first + 1) * (_RIGHT - _LEFT), 2)

    def y(rate: float) -> float:
        return round(_BOTTOM - rate * (_BOTTOM - _TOP), 2)

    dots = []
    for group in standing.bins:
        steps = str(group.shortest) if group.shortest == group.longest else f"{group.shortest} to {group.longest}"
        label = f"{group.passed} of {count(group.asked, 'video')} pass, plans of {steps} steps"
        middle = x((group.shortest + group.longest) / 2)
        dots.append((middle, y(group.rate.value), y(group.rate.high), y(group.rate.low), label))
    curve = standing.curve
    points = curve.points if curve else ()
    highs = [f"{x(p.length)} {y(p.rate.high)}" for p in points]
    lows = [f"{x(p.length)} {y(p.rate.low)}" for p in reversed(points)]
    step = max(1, -(-(last - first) // 5))
    return Chart(
        standing=standing,
        dots=dots,
        line="M" + "L".join(f"{x(p.length)} {y(p.rate.value)}" for p in points) if points else "",
        band="M" + "L".join(highs + lows) + "Z" if points else "",
        grid=[(y(share / 100), share) for share in (0, 50, 100)],
        ticks=[(x(length), length) for length in range(first, last + 1, step)],
        half=x(curve.half) if curve and curve.half is not None else None,
    )
