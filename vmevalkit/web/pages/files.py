"""Videos and images of samples and questions."""

from __future__ import annotations

import os

from fastapi import APIRouter
from fastapi.responses import FileResponse, Response

from vmevalkit import store
from vmevalkit.types import Question
from vmevalkit.web import media
from vmevalkit.web.files import is_inside
from vmevalkit.web.site import NotFound, SampleParameter, SiteParameter, image_response

router = APIRouter()


@router.get("/video/{model}/{task}/{question_id}/{seed}")
def video(site: SiteParameter, found: SampleParameter) -> FileResponse:
    """Serve a video."""
    return FileResponse(site.video_path(found.sample))


@router.get("/blind/{video}")
def blind_video(site: SiteParameter, video: str) -> FileResponse:
    """Serve a video by its blind name."""
    sample = site.blind.sample(video)
    if sample is None:
        raise NotFound("There is no video.")
    # A fixed file name, so that the response does not reveal the model.
    return FileResponse(site.video_path(sample), filename="video.mp4", content_disposition_type="inline")


@router.get("/poster/{model}/{task}/{question_id}/{seed}")
def poster(site: SiteParameter, found: SampleParameter) -> Response:
    """Serve a video's first frame."""
    return image_response(media.poster(site.video_path(found.sample)))


@router.get("/still/{model}/{task}/{question_id}/{seed}")
def still(site: SiteParameter, found: SampleParameter) -> Response:
    """Serve the frame that shows the reason of a failure, or the last frame of a video that passes."""
    evidence = found.row.evidence_frame if found.row.verdict == "fail" else None
    return image_response(media.still(site.video_path(found.sample), evidence))


@router.get("/strip/{model}/{task}/{question_id}/{seed}")
def strip(site: SiteParameter, found: SampleParameter) -> Response:
    """Serve frames of a video, side by side."""
    return image_response(media.strip(site.video_path(found.sample), found.row.evidence_frame))


@router.get("/frame/{task}/{question_id}/{which}")
def question_frame(site: SiteParameter, task: str, question_id: str, which: str) -> Response:
    """Serve the first or the final frame of a question."""
    row = site.index.question(task, question_id)
    if which not in ("first", "final") or row is None:
        raise NotFound("There is no such image.")
    folder = store.question_folder(site.index.questions, row.task, row.question_id)
    question = Question(task=row.task, id=row.question_id, folder=folder)
    path = question.first_frame if which == "first" else question.final_frame
    if not os.path.isfile(path) or not is_inside(path, site.index.questions):
        raise NotFound("The question has no such image.")
    return image_response(media.thumbnail(path))
