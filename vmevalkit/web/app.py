"""The viewer: HTML pages that are rendered on the server from the index."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, Response

from vmevalkit.store.ratings import Ratings
from vmevalkit.web.bundle import rows_script
from vmevalkit.web.guard import Guard
from vmevalkit.web.index import Index
from vmevalkit.web.pages import ROUTERS
from vmevalkit.web.site import RATER, NotFound, Site, add_styles, make_site

__all__ = ["RATER", "create_app"]


def create_app(
    index: Index,
    ratings: Ratings,
    token: str | None = None,
    raters: int = 2,
    name: str = "",
    rating_problem: str = "",
    guarded: bool = True,
    bundled: bool = False,
) -> FastAPI:
    """Create the web application.

    Args:
        index: the index of the experiment.
        ratings: the ratings of the experiment.
        token: what requests must contain; None if only this machine can reach the viewer.
        raters: how many people rate each video.
        name: of the experiment on the pages; that of its folder by default.
        rating_problem: why no ratings can be stored; empty if they can.
        guarded: False if the application is part of another one that has a guard.
        bundled: True for pages that become files (`bundle.Bundle`): without ratings, progress, and forms.
    """
    app = FastAPI(title="vmevalkit", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.site = make_site(index, ratings, raters, name or index.outputs.name, rating_problem, bundled)
    if guarded:
        app.middleware("http")(Guard(token))
    app.add_exception_handler(NotFound, _not_found)
    add_styles(app)
    if bundled:
        app.add_api_route("/samples.js", lambda: Response(rows_script(index), media_type="text/javascript"))
    for router in ROUTERS:
        app.include_router(router)
    return app


def _not_found(request: Request, error: Exception) -> HTMLResponse:
    site: Site = request.app.state.site
    return site.render(request, "error.html", status=404, message=str(error))
