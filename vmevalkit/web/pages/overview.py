"""The overview: pass rates by model and task, and counts of verdicts."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sql
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from vmevalkit.reporting.catalog import is_baseline, known_models
from vmevalkit.reporting.stats import wilson
from vmevalkit.types import MODES
from vmevalkit.web.index import Index
from vmevalkit.web.site import SiteParameter
from vmevalkit.web.tables import count_if, in_mode, samples

router = APIRouter()


@dataclass(frozen=True)
class Cell:
    """A pass rate with its interval."""

    asked: int
    passed: int

    @property
    def rate(self) -> float:
        """Share of the samples that pass."""
        return self.passed / self.asked

    @property
    def bounds(self) -> tuple[float, float]:
        """The 95 % Wilson interval."""
        return wilson(self.passed, self.asked)


@router.get("/", response_class=HTMLResponse)
def overview(request: Request, site: SiteParameter, mode: str = "solve") -> HTMLResponse:
    """Show models by tasks in one mode."""
    modes = [name for name, _ in site.index.choices()["mode"]]
    mode = choose_mode(mode, modes)
    cells = _cells(site.index, mode)
    models = sorted(cells, key=known_models().sort_key)
    return site.render(
        request,
        "overview.html",
        mode=mode,
        modes=modes,
        models=models,
        tasks=sorted({task for by_task in cells.values() for task in by_task}),
        cells=cells,
        all_tasks={model: _total(by_task.values()) for model, by_task in cells.items()},
        verdict_counts=_verdict_counts(site.index, mode),
        is_baseline=is_baseline,
        has_curves=not all(map(is_baseline, models)),
    )


@router.get("/curves.svg")
def curves(site: SiteParameter, mode: str = "solve") -> Response:
    """Serve the figure of pass rates by difficulty."""
    from vmevalkit.reporting.plots import difficulty_curves, to_bytes

    figure = difficulty_curves(_rates_by_difficulty(site.index, mode))
    return Response(to_bytes(figure, "svg"), media_type="image/svg+xml")


def choose_mode(mode: str, modes: Sequence[str]) -> str:
    """Return the mode if it occurs; otherwise the first that does, or an empty text if no question has a mode."""
    return mode if mode in modes else next((name for name in MODES if name in modes), "")


def _cells(index: Index, mode: str) -> dict[str, dict[str, Cell]]:
    """Return the pass rates by model and task."""
    counts = sql.select(samples.c.model, samples.c.task, sql.func.count(), count_if(samples.c.passed))
    cells: defaultdict[str, dict[str, Cell]] = defaultdict(dict)
    grouped = counts.where(in_mode(mode)).group_by(samples.c.model, samples.c.task)
    for model, task, asked, passed in index.rows(grouped):
        cells[model][task] = Cell(asked, passed)
    return dict(cells)


def _total(cells: Iterable[Cell]) -> Cell:
    cells = list(cells)
    return Cell(sum(cell.asked for cell in cells), sum(cell.passed for cell in cells))


def _verdict_counts(index: Index, mode: str) -> dict[str, Counter[str]]:
    """Return the number of samples by model and verdict."""
    columns: tuple[Any, Any] = (samples.c.model, samples.c.verdict)
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for model, verdict, number in index.rows(
        sql.select(*columns, sql.func.count()).where(in_mode(mode)).group_by(*columns)
    ):
        counts[model][verdict] = number
    return counts


def _rates_by_difficulty(index: Index, mode: str) -> dict[str, dict[int, tuple[int, int]]]:
    """Return (passed, asked) by model and difficulty, without baselines."""
    columns: tuple[Any, Any] = (samples.c.model, samples.c.difficulty)
    rates: defaultdict[str, dict[int, tuple[int, int]]] = defaultdict(dict)
    for model, difficulty, asked, passed in index.rows(
        sql.select(*columns, sql.func.count(), count_if(samples.c.passed))
        .where(in_mode(mode), samples.c.difficulty.is_not(None), sql.not_(samples.c.baseline))
        .group_by(*columns).order_by(samples.c.model)
    ):  # fmt: skip
        rates[model][difficulty] = (passed, asked)
    return dict(rates)
