"""The tables of pass rates, and the checks of the baselines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from vmevalkit.models import MODELS
from vmevalkit.reporting.stats import CEILING, Estimate, Floor, Tally
from vmevalkit.reporting.summary import MODES_AND_NONE, Cell, Summary
from vmevalkit.reporting.text import count
from vmevalkit.store.experiment import ExperimentData
from vmevalkit.types import STATUSES, Mode


@dataclass(frozen=True)
class CellView:
    """A cell of a table, with a link that filters the samples.

    Attributes:
        task: None for all tasks.
        rate: the pass rate, with the interval of the bootstrap for all tasks, and Wilson's for a single task.
    """

    task: str | None
    tally: Tally
    rate: Estimate
    href: str

    @property
    def others(self) -> list[str]:
        """Counts of the statuses other than `scored` that occur."""
        found = [f"{number} {status}" for status in STATUSES[1:] if (number := getattr(self.tally, status))]
        if self.tally.not_scored:
            found.append(f"{self.tally.not_scored} of the missing not scored yet")
        return found


@dataclass(frozen=True)
class TableRow:
    """A model's row in a table, with a cell for each column; None if nothing was asked."""

    model: str
    cells: list[CellView | None]


@dataclass(frozen=True)
class Table:
    """Pass rates in one mode. Columns are tasks; None is all tasks together, left out if there is only one task."""

    mode: Mode | None
    questions: int
    columns: list[str | None]
    models: list[TableRow]
    baselines: list[TableRow]
    floors: list[Floor | None]


@dataclass(frozen=True)
class Check:
    """Whether a baseline passes as expected, and what it does."""

    holds: bool
    text: str
    about: str


def rate_tables(summary: Summary, data: ExperimentData) -> Iterator[Table]:
    """Yield a table for each mode that has questions."""
    floors = {(entry.mode, entry.task): entry.floor for entry in summary.floors}
    standings: dict[tuple[Mode | None, str], Estimate] = {
        (standing.mode, standing.model): standing.rate for standing in summary.analysis.standings
    }
    for mode in MODES_AND_NONE:
        cells = [cell for cell in summary.cells if cell.mode == mode]
        # Where no rule scores anything, rates of 0 % would say something about the kit, not about the models.
        if not cells or (mode is None and summary.analysis.measured and not any(c.tally.scored for c in cells)):
            continue
        tasks = sorted({cell.task for cell in cells if cell.task is not None})
        columns: list[str | None] = [None, *tasks] if len(tasks) > 1 else [*tasks]
        yield Table(
            mode=mode,
            questions=sum((q.metadata.mode if q.metadata else None) == mode for q in data.questions),
            columns=columns,
            models=_rows([cell for cell in cells if not cell.baseline], columns, standings),
            baselines=_rows([cell for cell in cells if cell.baseline], columns, standings),
            floors=[floors.get((mode, task)) for task in columns],
        )


def _rows(
    cells: list[Cell], columns: list[str | None], standings: Mapping[tuple[Mode | None, str], Estimate]
) -> list[TableRow]:
    """Return the rows of some models, best first."""
    views: dict[str, dict[str | None, CellView]] = {}
    for cell in cells:
        selection = {"model": cell.model, "task": cell.task, "mode": cell.mode or "none"}
        wilson = Estimate(value=cell.tally.rate or 0.0, low=cell.tally.low, high=cell.tally.high)
        views.setdefault(cell.model, {})[cell.task] = CellView(
            task=cell.task,
            tally=cell.tally,
            rate=wilson if cell.task else standings.get((cell.mode, cell.model), wilson),
            href="#" + urlencode({name: value for name, value in selection.items() if value}),
        )
    ordered = sorted(views.items(), key=lambda view: -view[1][None].rate.value)
    return [TableRow(model=model, cells=[found.get(task) for task in columns]) for model, found in ordered]


def baseline_checks(summary: Summary) -> Iterator[Check]:
    """Check that ground-truth videos pass and those of other baselines do not. Modes without scores are skipped."""
    all_tasks = [cell for cell in summary.cells if cell.task is None and cell.baseline and cell.tally.scored]
    for cell in all_tasks:
        if cell.mode is None or (cell.mode == "hold" and cell.model != CEILING):
            continue
        passed = f"{cell.tally.passed} of {count(cell.tally.asked, 'video')}"
        where = f" in mode {cell.mode}" if len({c.mode for c in all_tasks}) > 1 else ""
        about = MODELS[cell.model].about
        if cell.model == CEILING:
            text = f"{cell.model}, the ground truth, passes {passed}{where}"
            yield Check(cell.tally.passed == cell.tally.asked, text, about)
        else:
            yield Check(cell.tally.passed == 0, f"{cell.model} passes {passed}{where}", about)
