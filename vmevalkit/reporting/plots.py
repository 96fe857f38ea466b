"""Figures for the page, the viewer and papers, as SVG and PDF. The same numbers give the same bytes."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from vmevalkit.reporting.stats import wilson

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from vmevalkit.reporting.analysis import Analysis, Standing
    from vmevalkit.store.experiment import SampleRecord
    from vmevalkit.types import Mode

# After Okabe and Ito (2008), like the colors of the puzzles, but dark enough for lines on white.
COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#a07800", "#56b4e9", "#5b5b5b", "#7a3e00")
MARKERS = "osD^vPX*"

Counts = tuple[int, int]


def difficulty_curves(rates: Mapping[str, Mapping[int, Counts]]) -> Figure:
    """Plot pass rate against difficulty, one line for each model, with 95 % Wilson intervals.

    Args:
        rates: (passed, asked) by model and difficulty.
    """
    figure = _figure(len(rates))
    axes = figure.add_subplot()
    for number, (model, found) in enumerate(rates.items()):
        levels = sorted(found)
        shares = [found[level][0] / found[level][1] for level in levels]
        bounds = [wilson(*found[level]) for level in levels]
        # Shifted a little, so that intervals of different models do not overlap.
        places = [level + 0.05 * (number - (len(rates) - 1) / 2) for level in levels]
        off = [[max(0.0, share - low) for share, (low, _) in zip(shares, bounds, strict=True)],
               [max(0.0, high - share) for share, (_, high) in zip(shares, bounds, strict=True)]]  # fmt: skip
        axes.errorbar(
            places, shares, off, label=model, color=COLORS[number % len(COLORS)],
            marker=MARKERS[number % len(MARKERS)], markersize=5, linewidth=1.6, elinewidth=1, capsize=2,
        )  # fmt: skip
    axes.set(xticks=range(1, 6))
    _finish(figure, "difficulty")
    return figure


def length_curves(standings: Sequence[Standing]) -> Figure:
    """Plot pass rate against plan length, for each model: dots with Wilson intervals, and the curve with its band."""
    figure = _figure(len(standings))
    axes = figure.add_subplot()
    for number, standing in enumerate(standings):
        color, marker = COLORS[number % len(COLORS)], MARKERS[number % len(MARKERS)]
        middles = [(found.shortest + found.longest) / 2 for found in standing.bins]
        rates = [found.rate for found in standing.bins]
        off = [
            [max(0.0, rate.value - rate.low) for rate in rates],
            [max(0.0, rate.high - rate.value) for rate in rates],
        ]
        axes.errorbar(middles, [rate.value for rate in rates], off, label=standing.model, color=color, marker=marker,
                      linestyle="none", markersize=5, elinewidth=1, capsize=2)  # fmt: skip
        if standing.curve is not None:
            points = standing.curve.points
            lengths = [point.length for point in points]
            axes.plot(lengths, [point.rate.value for point in points], color=color, linewidth=1.6)
            axes.fill_between(lengths, [point.rate.low for point in points], [point.rate.high for point in points],
                              color=color, alpha=0.15, linewidth=0)  # fmt: skip
    _finish(figure, "steps in the plan")
    return figure


def figures(samples: Iterable[SampleRecord], analysis: Analysis) -> dict[str, Figure]:
    """Return the figures of a report by name, for each mode in which a model was asked."""
    found: dict[str, Figure] = {}
    counts: dict[Mode, dict[str, dict[int, list[int]]]] = {}
    for sample in samples:
        if sample.mode is None or sample.difficulty is None or sample.baseline:
            continue
        by_model = counts.setdefault(sample.mode, {})
        cell = by_model.setdefault(sample.score.model, {}).setdefault(sample.difficulty, [0, 0])
        cell[0] += sample.verdict == "pass"
        cell[1] += 1
    for mode, models in counts.items():
        rates = {model: {level: (c[0], c[1]) for level, c in cells.items()} for model, cells in models.items()}
        found[f"difficulty_{mode}"] = difficulty_curves(rates)
        standings = [s for s in analysis.standings if s.mode == mode and not s.baseline and s.bins]
        if standings:
            found[f"plan_length_{mode}"] = length_curves(standings)
    return found


def _figure(lines: int) -> Figure:
    """Return an empty figure, high enough for a legend with so many lines."""
    from matplotlib.figure import Figure

    return Figure(figsize=(6.4, max(3.4, 0.2 * lines)), layout="constrained")


def _finish(figure: Figure, label: str) -> None:
    """Set axes, grid and legend as in all figures."""
    (axes,) = figure.axes
    axes.set(xlabel=label, ylabel="pass rate", ylim=(-0.03, 1.03))
    axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", linewidth=0.5, alpha=0.35)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.01, 0.5))


def to_bytes(figure: Figure, kind: str) -> bytes:
    """Return a figure as "svg" or "pdf", without dates or random ids."""
    import matplotlib

    out = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "vmevalkit", "svg.fonttype": "none", "font.family": "sans-serif"}):
        no_dates = {"Date": None} if kind == "svg" else {"CreationDate": None, "ModDate": None}
        figure.savefig(out, format=kind, metadata=no_dates, transparent=True)
    return out.getvalue()
