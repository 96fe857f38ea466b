"""The page on which people choose the better of two videos, without knowing the models."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from itertools import combinations
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import ValidationError

from vmevalkit import store
from vmevalkit.store.experiment import Key
from vmevalkit.store.ratings import Preference
from vmevalkit.web.media import video_info
from vmevalkit.web.pages.rate import ask_for_name, rejected
from vmevalkit.web.ranking import information
from vmevalkit.web.site import NotFound, Site, SiteParameter, base_of, rater_of

router = APIRouter()

Pair = tuple[str, str, int, str, str]
"""Task, question, seed and two models."""


@router.get("/pairs", response_class=HTMLResponse)
def pairs(request: Request, site: SiteParameter) -> HTMLResponse:
    """Show the next two videos of one question."""
    if site.rating_problem:
        return site.render(request, "error.html", message=f"Ratings cannot be stored: {site.rating_problem}.")
    rater = rater_of(request)
    if not rater:
        return ask_for_name(request, site, "/pairs")
    return site.render(request, "pairs.html", **_page(site, rater))


@router.post("/pairs")
def add_preference(
    request: Request,
    site: SiteParameter,
    left: Annotated[str, Form()],
    right: Annotated[str, Form()],
    token: Annotated[str, Form()],
    better: Annotated[str, Form()],
    comment: Annotated[str, Form()] = "",
    rater: Annotated[str, Form()] = "",
) -> Response:
    """Store a preference."""
    first, second = site.blind.sample(left), site.blind.sample(right)
    if first is None or second is None or (first.task, first.question_id) != (second.task, second.question_id):
        raise NotFound("These are not two videos of one question.")
    try:
        preference = Preference(
            token=token, rater=rater or rater_of(request), task=first.task,
            question_id=first.question_id, seed=first.seed, left=first.model, right=second.model, better=better,
            comment=comment.strip(),
        )  # fmt: skip
    except ValidationError as error:
        return rejected(error)
    site.ratings.add(preference)
    return RedirectResponse(base_of(request) + "/pairs", status_code=303)


def _page(site: Site, rater: str) -> dict[str, Any]:
    all_pairs = _all_pairs(site.blind.videos())
    preferences = site.ratings.preferences(rater)
    seen = {(p.task, p.question_id, p.seed, frozenset((p.left, p.right))) for p in preferences}
    open_pairs = [pair for pair in all_pairs if (*pair[:3], frozenset(pair[3:])) not in seen]
    told = information(site.ratings.preferences(), sorted({model for key in all_pairs for model in key[3:]}))
    # First the models of which another vote tells most. Among their questions, each rater has an order of their own.
    pair = min(open_pairs, key=lambda pair: (-told[frozenset(pair[3:])], _hash(rater, pair)), default=None)
    page: dict[str, Any] = {
        "rater": rater,
        "done": len(all_pairs) - len(open_pairs),
        "total": len(all_pairs),
        "question": None,
        "sides": (),
    }
    if pair is not None:
        task, question_id, seed, *models = pair
        if int(_hash(rater, pair, "side"), 16) % 2:
            models.reverse()
        page["question"] = site.index.question(task, question_id)
        page["sides"] = [_side(site, (model, task, question_id, seed)) for model in models]
    return page


def _all_pairs(videos: list[Key]) -> list[Pair]:
    """Return each two models' videos of the same question and seed."""
    models: defaultdict[tuple[str, str, int], list[str]] = defaultdict(list)
    for model, task, question_id, seed in videos:
        models[task, question_id, seed].append(model)
    return [(*key, first, second) for key, names in models.items() for first, second in combinations(sorted(names), 2)]


def _side(site: Site, key: Key) -> tuple[str, Any]:
    """Return the blind name of a video, and its size and length."""
    path = store.find_video(site.blind.sample_of(key))
    return site.blind.name(key), video_info(path) if path else None


def _hash(*values: Any) -> str:
    return hashlib.sha256(repr(values).encode()).hexdigest()
