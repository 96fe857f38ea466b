"""The page of one question: the videos of all models, side by side."""

from __future__ import annotations

import sqlalchemy as sql
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from vmevalkit import store
from vmevalkit.defaults import DEFAULT_SEED
from vmevalkit.web.site import NotFound, SiteParameter
from vmevalkit.web.tables import is_question, samples

router = APIRouter()


@router.get("/question/{task}/{question_id}", response_class=HTMLResponse)
def question(
    request: Request, site: SiteParameter, task: str, question_id: str, seed: int | None = None
) -> HTMLResponse:
    """Show the videos of one seed."""
    row = site.index.question(task, question_id)
    if row is None:
        raise NotFound(f"This question set has no question {question_id} of task {task}.")
    matches = is_question(samples, row.task, row.question_id)
    seeds = [found.seed for found in site.index.rows(sql.select(samples.c.seed).where(matches).distinct())]
    seeds.sort()
    if seed not in seeds:
        seed = DEFAULT_SEED if DEFAULT_SEED in seeds or not seeds else seeds[0]
    videos = sql.select(samples).where(matches, samples.c.seed == seed).order_by(samples.c.baseline, samples.c.model)
    return site.render(
        request, "question.html", question=row, rows=site.index.rows(videos), seeds=seeds, seed=seed,
        source=store.read_source(store.read_question(site.index.questions, row.task, row.question_id)),
    )  # fmt: skip
