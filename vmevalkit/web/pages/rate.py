"""The page on which people rate videos, one at a time, without knowing the model."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import ValidationError

from vmevalkit import store
from vmevalkit.errors import explain_validation
from vmevalkit.store.experiment import Key
from vmevalkit.store.ratings import RATER_LIMIT, Rating, next_for, rater_name
from vmevalkit.web.media import video_info
from vmevalkit.web.site import RATER, NotFound, Site, SiteParameter, base_of, rater_of

router = APIRouter()


@router.get("/rate", response_class=HTMLResponse)
def rate(request: Request, site: SiteParameter, disputed: bool = False, video: str = "") -> HTMLResponse:
    """Show the next video to rate, or the one with the blind name `video`."""
    if site.rating_problem:
        return site.render(request, "error.html", message=f"Ratings cannot be stored: {site.rating_problem}.")
    rater = rater_of(request)
    if not rater:
        return ask_for_name(request, site, "/rate")
    return site.render(request, "rate.html", **_page(site, rater, disputed, video))


@router.post("/rater")
def sign_in(request: Request, name: Annotated[str, Form()], after: Annotated[str, Form()] = "/rate") -> Response:
    """Store the rater's name in a cookie, and continue with the page `after`."""
    checked = rater_name(name)
    if checked is None:
        return HTMLResponse(f"A name consists of 1 to {RATER_LIMIT} visible characters.", status_code=422)
    response = RedirectResponse(
        base_of(request) + (after if after in ("/rate", "/pairs") else "/rate"), status_code=303
    )
    response.set_cookie(RATER, quote(checked), httponly=True, samesite="strict", max_age=31_536_000)
    return response


@router.post("/rate")
def add_rating(
    request: Request,
    site: SiteParameter,
    video: Annotated[str, Form()],
    token: Annotated[str, Form()],
    passed: Annotated[bool, Form()],
    stars: Annotated[int, Form()],
    comment: Annotated[str, Form()] = "",
    rater: Annotated[str, Form()] = "",
    disputed: Annotated[bool, Form()] = False,
) -> Response:
    """Store a rating."""
    sample = site.blind.sample(video)
    path = store.find_video(sample) if sample else None
    if sample is None or path is None:
        raise NotFound("This video does not exist any more.")
    try:
        rating = Rating(
            token=token, rater=rater or rater_of(request), model=sample.model, task=sample.task,
            question_id=sample.question_id, seed=sample.seed, video_sha256=store.sha256(path), passed=passed,
            stars=stars, comment=comment.strip(),
        )  # fmt: skip
    except ValidationError as error:
        return rejected(error)
    site.ratings.add(rating)
    return RedirectResponse(base_of(request) + "/rate" + ("?disputed=true" if disputed else ""), status_code=303)


def ask_for_name(request: Request, site: Site, after: str) -> HTMLResponse:
    """Show the form for the rater's name."""
    return site.render(request, "rater.html", after=after)


def rejected(error: ValidationError) -> HTMLResponse:
    """Return the response to a form with invalid values."""
    return HTMLResponse(f"Not saved: {explain_validation(error)}", status_code=422)


def _page(site: Site, rater: str, disputed: bool, video: str) -> dict[str, Any]:
    videos, ratings = site.blind.videos(), site.ratings.current()
    own = {key: by_rater[rater] for key, by_rater in ratings.items() if rater in by_rater}
    key = site.blind.key(video) if video else None
    if key is None:
        key = next_for(rater, videos, ratings, site.raters, _disputed(ratings) if disputed else ())
    path = store.find_video(site.blind.sample_of(key)) if key else None
    last = site.ratings.history(rater)[-1:]
    return {
        "video": site.blind.name(key) if key else None,
        "question": site.index.question(key[1], key[2]) if key else None,
        "info": video_info(path) if path else None,
        "before": own.get(key) if key else None,
        "disputed": disputed,
        "done": sum(key in own for key in videos),
        "total": len(videos),
        "last": site.blind.name(last[0].key) if last else None,
        "rater": rater,
    }


def _disputed(ratings: dict[Key, dict[str, Rating]]) -> list[Key]:
    """Return the videos about which raters disagree."""
    return [key for key, by_rater in ratings.items() if len({rating.passed for rating in by_rater.values()}) > 1]
