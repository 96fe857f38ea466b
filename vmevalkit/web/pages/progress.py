"""The progress of a running experiment."""

from __future__ import annotations

from typing import NamedTuple

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
    paces = {row.model: _pace(site.index, row.model) for row in rows}
    # htmx only asks for the table.
    template = "progress_table.html" if request.headers.get("HX-Request") == "true" else "progress.html"
    return site.render(request, template, rows=rows, paces=paces)


class Pace(NamedTuple):
    """How long a video takes, in seconds, and how many are made at once."""

    seconds: float
    at_once: float


def _pace(index: Index, model: str) -> Pace | None:
    """Return the pace of the last videos, by the durations in their results; None if there are none.

    Videos that were made at once have durations that overlap. Pauses between runs do not count.
    """
    c = samples.c
    recent = index.rows(
        sql.select(c.made, c.seconds).where(c.model == model, c.made.is_not(None), c.seconds.is_not(None))
        .order_by(c.made.desc()).limit(_RECENT)
    )  # fmt: skip
    if not recent:
        return None
    total = sum(row.seconds for row in recent)
    busy, until = 0.0, float("inf")
    for row in recent:
        # From the last to the first: what lies before the videos that were counted.
        end = min(row.made, until)
        start = min(row.made - row.seconds, end)
        busy += end - start
        until = min(until, start)
    return Pace(total / len(recent), max(1.0, total / busy) if busy else 1.0)
