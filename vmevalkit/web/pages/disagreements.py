"""The agreement of scorers, and the videos about which they disagree."""

from __future__ import annotations

from itertools import groupby
from typing import Any

import sqlalchemy as sql
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from vmevalkit.reporting.stats import DRAWS
from vmevalkit.web import claims
from vmevalkit.web.filters import SampleFilter
from vmevalkit.web.index import Index
from vmevalkit.web.site import SiteParameter
from vmevalkit.web.tables import KEY, SCORER_ORDER, samples, scores

router = APIRouter()

_LIMIT = 300
"""Number of videos that the page shows at most."""

_DISAGREEMENTS = SampleFilter(agreement="disagree")


@router.get("/disagreements", response_class=HTMLResponse)
def disagreements(request: Request, site: SiteParameter) -> HTMLResponse:
    """Show how far scorers agree, and the scores of the videos about which they disagree."""
    return site.render(
        request,
        "disagreements.html",
        agreement=claims.agreement(site.index),
        draws=DRAWS,
        videos=_scores_by_video(site.index),
        total=site.index.count(_DISAGREEMENTS),
    )


def _scores_by_video(index: Index) -> list[list[Any]]:
    """Return the scores of each video about which scorers disagree."""
    key = [samples.c[name] for name in KEY]
    disputed = (
        sql.select(*key).where(*_DISAGREEMENTS.conditions()).order_by(*_DISAGREEMENTS.order).limit(_LIMIT).subquery()
    )
    same_video = sql.and_(*(scores.c[name] == disputed.c[name] for name in KEY))
    c = scores.c
    rows = index.rows(
        sql.select(scores).join(disputed, same_video).where(c.passed.is_not(None))
        .order_by(c.task, c.question_id, c.model, c.seed, *SCORER_ORDER)
    )  # fmt: skip
    return [list(group) for _, group in groupby(rows, key=lambda row: tuple(getattr(row, name) for name in KEY))]
