"""The ranking of models by the preferences of people, and all that people said as CSV."""

from __future__ import annotations

import csv
import io

import sqlalchemy as sql
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from vmevalkit.reporting.stats import DRAWS
from vmevalkit.reporting.tables import without_formula
from vmevalkit.web.ranking import ranking, rule_agreement
from vmevalkit.web.site import SiteParameter
from vmevalkit.web.tables import KEY, samples

router = APIRouter()

COLUMNS = (
    "kind", "rater", "task", "question_id", "seed", "model", "passed", "stars", "left", "right", "better", "comment",
    "written",
)  # fmt: skip


@router.get("/ranking", response_class=HTMLResponse)
def show(request: Request, site: SiteParameter) -> HTMLResponse:
    """Show the strengths of models, and how the votes agree with the rule scorer."""
    preferences = site.ratings.preferences()
    rows = site.index.rows(
        sql.select(*(samples.c[name] for name in KEY), samples.c.passed).where(samples.c.verdict.in_(("pass", "fail")))
    )
    return site.render(
        request,
        "ranking.html",
        votes=len(preferences),
        raters=len({said.rater for said in preferences}),
        ranked=ranking(preferences),
        agreement=rule_agreement(preferences, {tuple(row[:4]): row[4] for row in rows}),
        draws=DRAWS,
    )


@router.get("/ratings.csv")
def as_csv(site: SiteParameter) -> Response:
    """Serve every rating and every preference, one in a row."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, restval="", extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for kind, entries in (("rating", site.ratings.history()), ("preference", site.ratings.preferences())):
        for entry in entries:
            fields = {name: without_formula(value) for name, value in entry.model_dump().items()}
            writer.writerow({"kind": kind, **fields})
    headers = {"Content-Disposition": 'attachment; filename="ratings.csv"'}
    return Response(out.getvalue(), media_type="text/csv", headers=headers)
