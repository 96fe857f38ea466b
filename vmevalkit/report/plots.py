"""Figures for the page, the viewer and papers: SVG and PDF, the same bytes for the same numbers."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING

from vmevalkit.stats import wilson

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# After Okabe and Ito (2008), as the puzzles' own colours, dark enough for lines on white.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#a07800", "#56b4e9", "#5b5b5b", "#7a3e00")
MARKERS = "osD^vPX*"

Counts = tuple[int, int]


def difficulty_curves(rates: Mapping[str, Mapping[int, Counts]]) -> Figure:
    """Pass rate against difficulty, a line a model, with 95 % Wilson intervals.

    Args:
        rates: for each model and difficulty (passed, asked).
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 3.4), layout="constrained")
    axes = figure.add_subplot()
    for number, (model, found) in enumerate(rates.items()):
        levels = sorted(found)
        shares = [found[level][0] / found[level][1] for level in levels]
        bounds = [wilson(*found[level]) for level in levels]
        # A little beside one another, so that intervals can be told apart.
        places = [level + 0.05 * (number - (len(rates) - 1) / 2) for level in levels]
        off = [[max(0.0, share - low) for share, (low, _) in zip(shares, bounds, strict=True)],
               [max(0.0, high - share) for share, (_, high) in zip(shares, bounds, strict=True)]]  # fmt: skip
        axes.errorbar(
            places, shares, off, label=model, color=COLOURS[number % len(COLOURS)],
            marker=MARKERS[number % len(MARKERS)], markersize=5, linewidth=1.6, elinewidth=1, capsize=2,
        )  # fmt: skip
    axes.set(xlabel="difficulty", ylabel="pass rate", ylim=(-0.03, 1.03), xticks=range(1, 6))
    axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", linewidth=0.5, alpha=0.35)
    if rates:
        axes.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.01, 0.5))
    return figure


def drawn(figure: Figure, kind: str) -> bytes:
    """A figure as "svg" or "pdf", with nothing inside that differs from run to run."""
    import matplotlib

    out = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "vmevalkit", "svg.fonttype": "none", "font.family": "sans-serif"}):
        nothing = {"Date": None} if kind == "svg" else {"CreationDate": None, "ModDate": None}
        figure.savefig(out, format=kind, metadata=nothing, transparent=True)
    return out.getvalue()
