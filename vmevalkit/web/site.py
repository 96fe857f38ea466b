"""What the pages share: the index, the ratings, the templates, and how a URL names a sample."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import unquote, urlencode

from fastapi import Depends, FastAPI, Request
from fastapi.responses import FileResponse, HTMLResponse, Response
from fastapi.staticfiles import StaticFiles
from jinja2 import Environment

from vmevalkit import store
from vmevalkit.reporting.page import VERDICTS, templates
from vmevalkit.store.ratings import Ratings, rater_name
from vmevalkit.types import Seed
from vmevalkit.web import claims
from vmevalkit.web.blind import BlindNames
from vmevalkit.web.files import is_inside
from vmevalkit.web.index import Index

RATER = "vmevalkit_rater"
"""Name of the cookie with the rater's name."""


class NotFound(Exception):
    """A URL names something that is not in the experiment. The message is shown on a page with status 404."""


@dataclass(frozen=True)
class Site:
    """The state of the web application.

    Attributes:
        raters: how many people rate each video.
        rating_problem: why no ratings can be stored; empty if they can.
        bundled: whether the pages become files, and so can neither filter nor store anything.
    """

    index: Index
    ratings: Ratings
    blind: BlindNames
    raters: int
    environment: Environment
    rating_problem: str = ""
    bundled: bool = False

    def render(self, request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
        """Fill a template. All values are escaped."""
        values.setdefault("rater", rater_of(request))
        base = base_of(request)
        path = request.url.path.removeprefix(base)
        page = self.environment.get_template(template).render(base=base, path=path, **values)
        return HTMLResponse(page, status_code=status)

    def video_path(self, sample: store.Sample) -> Path:
        """Return the path of a sample's video.

        Raises:
            NotFound: there is no video, or it is a link that leaves the folder of outputs.
        """
        path = store.find_video(sample)
        if path is None or not is_inside(path, self.index.outputs):
            raise NotFound("There is no video.")
        return path


def rater_of(request: Request) -> str:
    """Return the name in the cookie of a rater; empty if there is none."""
    # Cookies hold ASCII only.
    return rater_name(unquote(request.cookies.get(RATER, ""))) or ""


def base_of(request: Request) -> str:
    """Return what the paths of all pages of an experiment begin with: nothing if the viewer shows only one."""
    return str(request.scope.get("root_path", ""))


def make_site(
    index: Index, ratings: Ratings, raters: int, name: str, rating_problem: str = "", bundled: bool = False
) -> Site:
    """Return the state of a web application for an experiment."""
    environment = templates("vmevalkit.web", "templates")
    environment.globals.update(
        experiment=name,
        verdicts=VERDICTS,
        address=url,
        bundled=bundled,
        credits=lambda: claims.credits_of(index),
    )
    return Site(index, ratings, BlindNames(index, ratings.secret()), raters, environment, rating_problem, bundled)


def _site(request: Request) -> Site:
    site: Site = request.app.state.site
    return site


SiteParameter = Annotated[Site, Depends(_site)]


@dataclass(frozen=True)
class IndexedSample:
    """A sample that a URL names: its row in the index, and the paths of its files."""

    row: Any
    sample: store.Sample


def _indexed_sample(site: SiteParameter, model: str, task: str, question_id: str, seed: Seed) -> IndexedSample:
    row = site.index.sample(model, task, question_id, seed)
    if row is None:
        raise NotFound(f"This experiment has no sample of {model} for {question_id} with seed {seed}.")
    # From the row, not from the URL: only names that exist become paths.
    sample = store.Sample(
        outputs=site.index.outputs, model=row.model, task=row.task, question_id=row.question_id, seed=row.seed
    )
    return IndexedSample(row, sample)


SampleParameter = Annotated[IndexedSample, Depends(_indexed_sample)]
"""The sample that is named by `{model}/{task}/{question_id}/{seed}` in a path."""


def add_styles(app: FastAPI) -> None:
    """Serve styles, scripts, and the style that the viewer and the report share."""
    static = resources.files("vmevalkit.web") / "static"
    app.mount("/static", StaticFiles(directory=str(static)), name="static")
    shared = str(resources.files("vmevalkit.reporting") / "base.css")
    app.add_api_route("/base.css", lambda: FileResponse(shared), methods=["GET"])


def url(path: str, **values: Any) -> str:
    """Return a URL with a query of the values that are not empty; those of a list one after the other."""
    return (
        path + "?" + urlencode({name: value for name, value in values.items() if value not in (None, "")}, doseq=True)
    )


def image_response(data: bytes | None) -> Response:
    """Return an image, PNG or WebP.

    Raises:
        NotFound: there is no image.
    """
    if data is None:
        raise NotFound("There is no image.")
    kind = "image/png" if data.startswith(b"\x89PNG") else "image/webp"
    return Response(data, media_type=kind, headers={"Cache-Control": "private, max-age=60"})
