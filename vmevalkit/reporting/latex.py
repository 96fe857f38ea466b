"""table.tex: tables for papers."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

from vmevalkit.reporting.analysis import Standing
from vmevalkit.reporting.stats import Estimate, Tally
from vmevalkit.reporting.summary import MODES_AND_NONE, Summary
from vmevalkit.types import Mode

_ESCAPES = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "_": r"\_",
    "%": r"\%",
    "&": r"\&",
    "#": r"\#",
    "$": r"\$",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "''",
}


def tex(text: str) -> str:
    """Escape text for LaTeX. A character outside ASCII becomes `?`, because fonts may lack it."""
    return "".join(_ESCAPES.get(c, c) if " " <= c <= "~" else "?" for c in text)


def to_tex(summary: Summary) -> str:
    """Return tables for a paper: pass rates by task, standings of the models, paired comparisons."""
    head = r"% \usepackage{booktabs} in the preamble, then \input{table}."
    tables = [_rates(summary), _standings(summary), _pairs(summary)]
    return "\n".join([head, *itertools.chain.from_iterable(tables)]) + "\n"


def _questions(summary: Summary) -> str:
    if summary.suite is None:
        return f"question set {tex(summary.question_set)}"
    return f"suite {tex(summary.suite.name)} ({summary.suite.digest[:12]})"


def _rates(summary: Summary) -> list[str]:
    """Return models by tasks: pass rate in per cent with its 95 % Wilson interval."""
    tasks = sorted({cell.task for cell in summary.cells if cell.task is not None})
    modes = [mode for mode in MODES_AND_NONE if any(cell.mode == mode for cell in summary.cells)]
    width = len(tasks) + 3
    lines = [
        r"\begin{table}",
        r"\centering",
        r"\caption{Pass rate (\%) with 95\,\% Wilson interval over all questions. A video that is missing, broken, "
        r"failed or cannot be scored counts as not passed. "
        rf"Experiment {tex(summary.experiment)}, {_questions(summary)}, scorer {tex(summary.scorer)}, "
        rf"vmevalkit {tex(summary.kit_version)}.}}",
        rf"\begin{{tabular}}{{l{'r' * (width - 1)}}}",
        r"\toprule",
        " & ".join(["model", "asked", "all tasks", *map(tex, tasks)]) + r" \\",
    ]
    for mode in modes:
        lines.append(r"\midrule")
        if len(modes) > 1:
            title = f"mode {mode}" if mode else "without metadata"
            lines += [rf"\multicolumn{{{width}}}{{l}}{{\emph{{{title}}}}} \\", r"\addlinespace"]
        lines += _rates_of_mode(summary, mode, tasks)
    return [*lines, r"\bottomrule", r"\end{tabular}", r"\end{table}"]


def _rates_of_mode(summary: Summary, mode: Mode | None, tasks: list[str]) -> list[str]:
    """Return the lines of the models, of the baselines and of the floor."""
    tallies = {(cell.model, cell.task): cell.tally for cell in summary.cells if cell.mode == mode}
    floors = {entry.task: entry.floor for entry in summary.floors if entry.mode == mode}
    lines = []
    for baseline in (False, True):
        models = dict.fromkeys(c.model for c in summary.cells if c.mode == mode and c.baseline is baseline)
        if baseline and models:
            width = len(tasks) + 3
            lines += [r"\addlinespace", rf"\multicolumn{{{width}}}{{l}}{{\emph{{baselines}}}} \\"]
        for model in models:
            cells = [tallies.get((model, task)) for task in (None, *tasks)]
            asked = str(cells[0].asked) if cells[0] else ""
            lines.append(" & ".join([tex(model), asked, *map(_rate, cells)]) + r" \\")
    if floors:
        rates = [floors.get(task) for task in (None, *tasks)]
        lines.append(" & ".join(["floor", "", *(_percent(f.rate) if f else "" for f in rates)]) + r" \\")
    return lines


def _standings(summary: Summary) -> list[str]:
    standings = [standing for standing in summary.analysis.standings if not standing.baseline]
    caption = (
        r"Models with 95\,\% intervals of a cluster bootstrap over tasks, questions and seeds. Adjusted: on the scale "
        r"from the best baseline (0) to the ground truth (100). Cheated: videos that end in the right answer "
        r"but do not pass."
    )
    columns = ["model", "mode", "questions", "pass rate", "adjusted", "cheated", "rank"]
    return _table(caption, "llrrrrr", columns, map(_standing, standings)) if standings else []


def _standing(found: Standing) -> list[str]:
    rank = f"{found.rank.place} ({found.rank.low}--{found.rank.high})" if found.rank else "--"
    rates = (found.rate, found.adjusted, found.cheated)
    return [tex(found.model), found.mode, str(found.questions), *map(_estimate, rates), rank]


def _pairs(summary: Summary) -> list[str]:
    caption = (
        r"Paired differences of pass rates in points, with 95\,\% intervals of the same bootstrap; $p$ of the exact "
        r"McNemar test, adjusted by Holm's method."
    )
    columns = ["first", "second", "mode", "difference", "only first", "only second", "$p$"]
    lines = [
        [
            tex(pair.first), tex(pair.second), pair.mode, _estimate(pair.difference), str(pair.first_only),
            str(pair.second_only), f"{pair.p_holm:.3f}" if pair.p_holm >= 0.001 else "$<$0.001",
        ]
        for pair in summary.analysis.pairs
    ]  # fmt: skip
    return _table(caption, "lllrrrr", columns, lines) if lines else []


def _table(caption: str, layout: str, columns: list[str], lines: Iterable[list[str]]) -> list[str]:
    return [
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{caption}}}",
        r"\footnotesize\setlength{\tabcolsep}{3pt}",
        rf"\begin{{tabular}}{{{layout}}}",
        r"\toprule",
        " & ".join(columns) + r" \\",
        r"\midrule",
        *(" & ".join(line) + r" \\" for line in lines),
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]


def _estimate(found: Estimate | None) -> str:
    if found is None:
        return "--"
    return rf"{_percent(found.value)} {{\scriptsize [{_percent(found.low)}, {_percent(found.high)}]}}"


def _rate(found: Tally | None) -> str:
    if found is None or found.rate is None:
        return "--"
    return rf"{_percent(found.rate)} {{\scriptsize [{_percent(found.low)}, {_percent(found.high)}]}}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"
