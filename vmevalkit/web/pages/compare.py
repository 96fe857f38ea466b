"""The comparison of two models on the same questions."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sql
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from vmevalkit.reporting.stats import DRAWS
from vmevalkit.web import claims
from vmevalkit.web.pages.overview import choose_mode
from vmevalkit.web.site import SiteParameter
from vmevalkit.web.tables import count_if, in_mode, samples

router = APIRouter()

_LIMIT = 300
"""Number of questions that the page shows at most."""


@router.get("/compare", response_class=HTMLResponse)
def compare(
    request: Request, site: SiteParameter, a: str = "", b: str = "", mode: str = "solve", task: str = ""
) -> HTMLResponse:
    """Show how much better model `a` is than model `b`, and the questions on which they differ."""
    choices = {name: [value for value, _ in found] for name, found in site.index.choices().items()}
    models, modes = choices["model"], choices["mode"]
    mode = choose_mode(mode, modes)
    a = a if a in models else models[0] if models else ""
    b = b if b in models else next((name for name in models if name != a), a)
    rates = claims.pass_rates(site.index, mode, task)
    both = a in rates and b in rates
    return site.render(
        request,
        "compare.html",
        a=a,
        b=b,
        mode=mode,
        task=task,
        models=models,
        modes=modes,
        tasks=choices["task"],
        rates=(rates[a].rate, rates[b].rate) if both else (),
        comparison=rates[a].against(rates[b]) if both else None,
        rows=site.index.rows(_differences(a, b, mode, task)),
        limit=_LIMIT,
        draws=DRAWS,
    )


def _differences(a: str, b: str, mode: str, task: str) -> Any:
    """Select the questions on which the models do not pass the same share of their videos."""
    first, second = (_by_question(model, mode, task) for model in (a, b))
    return (
        sql.select(first.c.task, first.c.question_id, first.c.difficulty, *_side(first, "a"), *_side(second, "b"))
        .join(second, sql.and_(first.c.task == second.c.task, first.c.question_id == second.c.question_id))
        .where(first.c.passed * second.c.asked != second.c.passed * first.c.asked)
        .order_by(first.c.task, first.c.question_id)
    )


def _by_question(model: str, mode: str, task: str) -> Any:
    """Select, for each question, how many of a model's videos pass, one reason, and the first seed that plays."""
    c = samples.c
    limits = [c.task == task] if task else []
    playing = sql.func.min(sql.case((sql.and_(c.has_video, c.verdict != "broken"), c.seed)))
    return (
        sql.select(c.task, c.question_id, c.difficulty, count_if(c.passed).label("passed"),
                   sql.func.count().label("asked"), sql.func.min(c.reason).label("reason"), playing.label("seed"))
        .where(c.model == model, in_mode(mode), *limits).group_by(c.task, c.question_id).subquery()
    )  # fmt: skip


def _side(counts: Any, suffix: str) -> list[Any]:
    return [counts.c[name].label(f"{name}_{suffix}") for name in ("passed", "asked", "reason", "seed")]
