"""The page of one sample: its video, what the verifier decoded, its scores, and how it was made."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, Response

from vmevalkit import defaults, store
from vmevalkit.models import MODELS
from vmevalkit.reporting.marks import marks_of
from vmevalkit.reporting.media import choose_frames
from vmevalkit.reporting.paths import ExperimentPaths
from vmevalkit.types import Provenance, Tolerance
from vmevalkit.web.decoding import Image, as_outline, as_state, decode
from vmevalkit.web.filters import SampleFilter
from vmevalkit.web.media import video_info
from vmevalkit.web.site import IndexedSample, SampleParameter, Site, SiteParameter, image_response

router = APIRouter()

Selected = Annotated[SampleFilter, Query()]


@router.get("/sample/{model}/{task}/{question_id}/{seed}", response_class=HTMLResponse)
def sample(request: Request, site: SiteParameter, found: SampleParameter, selected: Selected) -> HTMLResponse:
    """Show all that is known of a sample, and its neighbors among the selected ones."""
    row, index = found.row, site.index
    result = store.read_result(found.sample)
    provenance = store.read_provenance(found.sample)
    path = store.find_video(found.sample)
    info = video_info(path) if path else None
    decoded = decode(index.questions, found.sample) if info else None
    tolerated = [Tolerance.model_validate(tolerance) for tolerance in row.tolerated]
    geometry = decoded.geometry if decoded else None
    return site.render(
        request,
        "sample.html",
        row=row,
        selected=selected,
        neighbors=index.neighbors(selected, (row.model, row.task, row.question_id, row.seed)),
        question=index.question(row.task, row.question_id),
        result=result,
        provenance=provenance,
        info=info,
        strip_frames=choose_frames(info.frames, row.evidence_frame) if info else (),
        scores=index.scores_of(row.model, row.task, row.question_id, row.seed),
        # Files of a copy may be published; names of raters are not.
        ratings=() if site.bundled else site.ratings.history(sample=found.sample),
        decoded=decoded,
        marks=marks_of(row.evidence_frame, row.evidence_box, tolerated, geometry),
        commands=_commands(site, found.sample, provenance),
        source=store.read_source(store.read_question(index.questions, row.task, row.question_id)),
    )


@router.get("/state/{model}/{task}/{question_id}/{seed}/{frame}")
def state(site: SiteParameter, found: SampleParameter, frame: int) -> Response:
    """Serve the puzzle, drawn in the state that was decoded from a frame, or at its start."""
    return _drawn(site, found, frame, as_state)


@router.get("/outline/{model}/{task}/{question_id}/{seed}/{frame}")
def outline(site: SiteParameter, found: SampleParameter, frame: int) -> Response:
    """Serve the edges of the same drawing."""
    return _drawn(site, found, frame, as_outline)


def _drawn(site: Site, found: IndexedSample, frame: int, encode: Callable[[Image], bytes]) -> Response:
    site.video_path(found.sample)
    decoded = decode(site.index.questions, found.sample)
    drawing = decoded.drawing(frame) if decoded else None
    return image_response(encode(drawing) if drawing is not None else None)


def _commands(site: Site, sample: store.Sample, provenance: Provenance | None) -> list[tuple[str, str]]:
    """Return the commands that make a sample's video and its score again, each with what it does."""
    paths = ExperimentPaths(defaults.QUESTIONS, defaults.OUTPUTS, defaults.SCORES)
    if not site.bundled:
        # Paths of this machine do not belong into a copy.
        paths = ExperimentPaths(site.index.questions, site.index.outputs, site.index.scores)
    score = ("Its score", paths.command("score", "--model", sample.model))
    has_video = store.find_video(sample) is not None
    if has_video and provenance is None:
        return [score]
    function = provenance.weights.get("function") if provenance else None
    if function is None and sample.model not in MODELS:
        return [score]
    words = [
        "generate", "--model", function or sample.model, "--task", sample.task, "--task-id", sample.question_id,
        "--seed", str(sample.seed), "--no-baselines", "--remake" if has_video else "--retry-failed",
    ]  # fmt: skip
    for name, value in (provenance.requested if provenance else {}).items():
        if name == "duration":
            words += ["--duration", f"{value:g}"]
        else:
            words += ["--set", f"{name}={value if isinstance(value, str) else json.dumps(value)}"]
    where = f", in the folder of {function.rpartition(':')[0]}" if function else ""
    return [(f"The video{where}", paths.command(*words)), score]
