"""The numbers: summary.json, scores.csv, scores.parquet and table.tex, all from the same rows."""

from __future__ import annotations

import csv
import io
import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

from vmevalkit._version import __version__
from vmevalkit.reporting.analysis import Analysis, Standing, analyze
from vmevalkit.reporting.rows import SCORER, ExperimentData, ExperimentPaths, Row, relative
from vmevalkit.reporting.stats import Estimate, Floor, Tally, floor, tally
from vmevalkit.types import MODES, Mode, Record

MODES_AND_NONE: tuple[Mode | None, ...] = (*MODES, None)


class Cell(Record):
    """One model on one task, or on all of them (`task` None), among the questions of one mode."""

    mode: Mode | None
    task: str | None
    model: str
    baseline: bool
    tally: Tally


class FloorCell(Record):
    """The floor of one task, or of all of them (`task` None), among the questions of one mode."""

    mode: Mode | None
    task: str | None
    floor: Floor


class Summary(Record):
    """summary.json: what was asked, and every number of the report.

    Modes are never pooled, because doing nothing is wrong in one and right in another.
    """

    format: Literal[1] = 1
    kit_version: str
    experiment: str
    question_set: str
    question_set_sha256: str
    questions: int
    samples: int
    scorer: str
    scorer_versions: tuple[str, ...]
    seeds: dict[str, tuple[int, ...]]
    cells: tuple[Cell, ...]
    floors: tuple[FloorCell, ...]
    analysis: Analysis
    notes: tuple[str, ...]


def summarize(places: ExperimentPaths, gathered: ExperimentData) -> Summary:
    """Every cell of the tables, sorted by mode, then models before baselines, then all tasks before each."""
    sorted_rows: defaultdict[tuple[Mode | None, str | None, str], list[Row]] = defaultdict(list)
    seeds: dict[str, set[int]] = {model: set() for model in gathered.models}
    for row in gathered.rows:
        seeds[row.score.model].add(row.score.seed)
        for task in (None, row.score.task):
            sorted_rows[row.mode, task, row.score.model].append(row)
    tasks = sorted({row.score.task for row in gathered.rows})
    cells = [
        Cell(
            mode=mode, task=task, model=model, baseline=rows[0].baseline, tally=tally(row.score for row in rows)
        )
        for mode in MODES_AND_NONE
        for model in gathered.models
        for task in (None, *tasks)
        if (rows := sorted_rows.get((mode, task, model)))
    ]  # fmt: skip
    return Summary(
        kit_version=__version__,
        experiment=places.outputs.absolute().name,
        question_set=places.questions.absolute().name,
        question_set_sha256=gathered.set_sha256,
        questions=len(gathered.questions),
        samples=len(gathered.rows),
        scorer=SCORER,
        scorer_versions=tuple(sorted({row.score.scorer_version for row in gathered.rows if row.is_judged})),
        seeds={model: tuple(sorted(found)) for model, found in seeds.items()},
        cells=tuple(cells),
        floors=tuple(_floors(cells)),
        analysis=analyze(gathered.rows),
        notes=tuple(note.text for note in gathered.notes),
    )


def _floors(cells: list[Cell]) -> Iterator[FloorCell]:
    places = dict.fromkeys((cell.mode, cell.task) for cell in cells)
    for mode, task in places:
        found = floor({c.model: c.tally for c in cells if c.baseline and (c.mode, c.task) == (mode, task)}, mode)
        if found is not None:
            yield FloorCell(mode=mode, task=task, floor=found)


# ------------------------------------------------------------------------------------------------- one line a sample

COLUMNS: dict[str, Literal["string", "bool", "int64", "float64"]] = {
    "model": "string",
    "baseline": "bool",
    "task": "string",
    "question_id": "string",
    "seed": "int64",
    "kind": "string",
    "mode": "string",
    "difficulty": "int64",
    "plan_length": "int64",
    "scorer": "string",
    "scorer_version": "string",
    "status": "string",
    "passed": "bool",
    "value": "float64",
    "outcome": "float64",
    "process": "float64",
    "preservation": "float64",
    "reason": "string",
    "explanation": "string",
    "evidence_frame": "int64",
    "prompt": "string",
    "video": "string",
}


def records(outputs: Path, rows: list[Row]) -> list[dict[str, Any]]:
    """The rows as flat dicts with the fields `COLUMNS`; `video` is relative to the folder of outputs."""
    return [
        {
            **row.score.model_dump(),
            **row.model_dump(include={"baseline", "kind", "mode", "difficulty", "plan_length", "prompt"}),
            "video": relative(row.video, outputs) if row.video else None,
        }
        for row in rows
    ]


def to_csv(samples: list[dict[str, Any]]) -> str:
    """CSV with a header; texts are quoted, booleans are `true` and `false`, what is not known is empty."""
    out = io.StringIO(newline="")
    # Texts are always quoted: a lone carriage return in a prompt would end the line for most readers.
    writer = csv.DictWriter(out, list(COLUMNS), quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    writer.writeheader()
    for sample in samples:
        writer.writerow({name: _plain(sample[name]) for name in COLUMNS})
    return out.getvalue()


def _plain(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value


def to_parquet(samples: list[dict[str, Any]]) -> bytes:
    """The same table with the same columns as Parquet, typed, with nulls."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([(name, pa.type_for_alias(kind)) for name, kind in COLUMNS.items()])
    table = pa.Table.from_pylist([{name: sample[name] for name in COLUMNS} for sample in samples], schema=schema)
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    data: bytes = sink.getvalue().to_pybytes()
    return data


# ------------------------------------------------------------------------------------------------------------- LaTeX

_TEX = {
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
    """Text that LaTeX prints as it is; a character outside ASCII becomes `?`, because fonts may lack it."""
    return "".join(_TEX.get(c, c) if " " <= c <= "~" else "?" for c in text)


def to_tex(summary: Summary) -> str:
    """Tables for a paper: pass rates by task, what can be claimed of the models, models against each other."""
    head = r"% \usepackage{booktabs} in the preamble, then \input{table}."
    tables = [_tex_rates(summary), _tex_standings(summary), _tex_pairs(summary)]
    return "\n".join([head, *itertools.chain.from_iterable(tables)]) + "\n"


def _tex_rates(summary: Summary) -> list[str]:
    """Models x tasks: pass rate in per cent over its 95 % Wilson interval."""
    tasks = sorted({cell.task for cell in summary.cells if cell.task is not None})
    cells = {(cell.mode, cell.model, cell.task): cell.tally for cell in summary.cells}
    floors = {(entry.mode, entry.task): entry.floor for entry in summary.floors}
    modes = [mode for mode in MODES_AND_NONE if any(cell.mode == mode for cell in summary.cells)]
    width = len(tasks) + 3
    lines = [
        r"\begin{table}",
        r"\centering",
        r"\caption{Pass rate (\%) with 95\,\% Wilson interval over all questions asked; a video that is missing, "
        r"broken, failed or cannot be scored has not passed. "
        rf"Experiment {tex(summary.experiment)}, scorer {tex(summary.scorer)}, vmevalkit {tex(summary.kit_version)}.}}",
        rf"\begin{{tabular}}{{l{'r' * (width - 1)}}}",
        r"\toprule",
        " & ".join(["model", "asked", "all tasks", *map(tex, tasks)]) + r" \\",
    ]
    for mode in modes:
        lines.append(r"\midrule")
        if len(modes) > 1:
            title = f"mode {mode}" if mode else "without metadata"
            lines += [rf"\multicolumn{{{width}}}{{l}}{{\emph{{{title}}}}} \\", r"\addlinespace"]
        for baseline in (False, True):
            names = list(
                dict.fromkeys(c.model for c in summary.cells if c.mode == mode and c.baseline is baseline)
            )  # fmt: skip
            if baseline and names:
                lines += [r"\addlinespace", rf"\multicolumn{{{width}}}{{l}}{{\emph{{baselines}}}} \\"]
            for name in names:
                tallies = [cells.get((mode, name, task)) for task in (None, *tasks)]
                asked = str(tallies[0].asked) if tallies[0] else ""
                lines.append(" & ".join([tex(name), asked, *map(_tex_rate, tallies)]) + r" \\")
        if any(key[0] == mode for key in floors):
            rates = [floors.get((mode, task)) for task in (None, *tasks)]
            lines.append(" & ".join(["floor", "", *(_percent(f.rate) if f else "" for f in rates)]) + r" \\")
    return [*lines, r"\bottomrule", r"\end{tabular}", r"\end{table}"]


def _tex_standings(summary: Summary) -> list[str]:
    found = [standing for standing in summary.analysis.standings if not standing.baseline]
    caption = (
        r"Models with 95\,\% intervals of a cluster bootstrap over tasks, questions and seeds. Adjusted: on the scale "
        r"from the best baseline (0) to the right video (100). Cheated: right ends that do not pass."
    )
    columns = ["model", "mode", "questions", "pass rate", "adjusted", "cheated", "rank"]
    return _tex_table(caption, "llrrrrr", columns, map(_tex_standing, found)) if found else []


def _tex_standing(found: Standing) -> list[str]:
    rank = f"{found.rank.place} ({found.rank.low}--{found.rank.high})" if found.rank else "--"
    rates = (found.rate, found.adjusted, found.cheated)
    return [tex(found.model), found.mode, str(found.questions), *map(_tex_estimate, rates), rank]


def _tex_pairs(summary: Summary) -> list[str]:
    caption = (
        r"Paired differences of pass rates in points, with 95\,\% intervals of the same bootstrap; $p$ of the exact "
        r"McNemar test, adjusted by Holm's method."
    )
    columns = ["first", "second", "mode", "difference", "only first", "only second", "$p$"]
    lines = [
        [
            tex(pair.first), tex(pair.second), pair.mode, _tex_estimate(pair.difference), str(pair.first_only),
            str(pair.second_only), f"{pair.p_holm:.3f}" if pair.p_holm >= 0.001 else "$<$0.001",
        ]
        for pair in summary.analysis.pairs
    ]  # fmt: skip
    return _tex_table(caption, "lllrrrr", columns, lines) if lines else []


def _tex_table(caption: str, layout: str, columns: list[str], lines: Iterable[list[str]]) -> list[str]:
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


def _tex_estimate(found: Estimate | None) -> str:
    if found is None:
        return "--"
    return rf"{_percent(found.value)} {{\scriptsize [{_percent(found.low)}, {_percent(found.high)}]}}"


def _tex_rate(found: Tally | None) -> str:
    if found is None or found.rate is None:
        return "--"
    return rf"{_percent(found.rate)} {{\scriptsize [{_percent(found.low)}, {_percent(found.high)}]}}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"
