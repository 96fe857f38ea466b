"""The list of samples, with filters, as cards and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import HTMLResponse, StreamingResponse

from vmevalkit.reporting.tables import without_formula
from vmevalkit.web.filters import SampleFilter
from vmevalkit.web.index import PAGE, Index
from vmevalkit.web.site import SiteParameter

router = APIRouter()

Selected = Annotated[SampleFilter, Query()]
Page = Annotated[int, Path(ge=0, lt=10**9)]

_CSV_BATCH = 2000
ALL = 10**9


@router.get("/samples", response_class=HTMLResponse)
def first_page(request: Request, site: SiteParameter, selected: Selected) -> HTMLResponse:
    """Show the filters and the first page of samples; all samples, if the page becomes a file."""
    size = ALL if site.bundled else PAGE
    return site.render(
        request,
        "samples.html",
        selected=selected,
        choices=site.index.choices(selected),
        total=site.index.count(selected),
        rows=site.index.page(selected, 0, size),
        page=0,
        size=size,
    )


@router.get("/samples/{page}", response_class=HTMLResponse)
def further_page(request: Request, site: SiteParameter, page: Page, selected: Selected) -> HTMLResponse:
    """Return the cards of another page, which are added to the list."""
    rows = site.index.page(selected, page)
    template = "rows.html" if selected.layout == "table" else "cards.html"
    return site.render(request, template, selected=selected, rows=rows, page=page, size=PAGE)


@router.get("/samples.csv")
def as_csv(site: SiteParameter, selected: Selected) -> StreamingResponse:
    """Serve all selected samples as CSV."""
    headers = {"Content-Disposition": 'attachment; filename="samples.csv"'}
    return StreamingResponse(_csv(site.index, selected), media_type="text/csv", headers=headers)


def _csv(index: Index, selected: SampleFilter) -> Iterator[str]:
    page = 0
    while rows := index.page(selected, page, _CSV_BATCH):
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        names = [name for name in rows[0]._mapping if name != "signature"]
        if page == 0:
            writer.writerow(names)
        for row in rows:
            writer.writerow(without_formula(row._mapping[name]) for name in names)
        yield out.getvalue()
        page += 1
