"""The progress of a running experiment."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sql
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from vmevalkit.web.index import Index
from vmevalkit.web.site import SiteParameter
from vmevalkit.web.tables import count_if, samples

router = APIRouter()

_RECENT = 20
"""Number of videos from which the time for a video is estimated."""


@router.get("/progress", response_class=HTMLResponse)
def progress(request: Request, site: SiteParameter) -> HTMLResponse:
    """Show how many videos are made and scored, and the remaining time."""
    c = samples.c
    rows = site.index.rows(
        sql.select(
            c.model,
            sql.func.count().label("asked"),
            count_if(sql.or_(c.made.is_not(None), c.has_video)).label("made"),
            count_if(c.verdict != "not scored").label("scored"),
        ).group_by(c.model).order_by(c.baseline, c.model)
    )  # fmt: skip
    seconds = {row.model: _seconds_per_video(site.index, row.model) for row in rows}
    # htmx only asks for the table.
    template = "progress_table.html" if request.headers.get("HX-Request") == "true" else "progress.html"
    return site.render(request, template, rows=rows, seconds=seconds)


def _seconds_per_video(index: Index, model: str) -> float | None:
    """Return the mean time between the last videos; None if it is not known.

    Earlier videos are ignored: a model starts slowly, and may have been stopped in between.
    """
    made: Any = samples.c.made
    recent = index.rows(
        sql.select(made).where(samples.c.model == model, made.is_not(None)).order_by(made.desc()).limit(_RECENT)
    )
    if len(recent) < 2:
        return None
    return float(recent[0].made - recent[-1].made) / (len(recent) - 1) or None
