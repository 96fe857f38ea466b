"""The routes of the video server: OpenAI's `/v1/videos`."""

from __future__ import annotations

import hmac
import time
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, FastAPI, Query, Request
from fastapi.responses import FileResponse, Response
from starlette.concurrency import run_in_threadpool

from vmevalkit.serve.errors import ApiError, add_handlers
from vmevalkit.serve.jobs import MAX_KEY, JobQueue, KeyReused, QueueFull, VideoJob
from vmevalkit.serve.models import ServedModels
from vmevalkit.serve.submissions import read_submission
from vmevalkit.serve.worker import Workers
from vmevalkit.web.guard import comes_from_other_site, names_other_host

_RETRY_SECONDS = 30


class Server:
    """The state of the application."""

    def __init__(self, models: ServedModels, queue: JobQueue, workers: Workers) -> None:
        self.models, self.queue, self.workers = models, queue, workers

    def job(self, video_id: str) -> VideoJob:
        """Return a job.

        Raises:
            ApiError: there is no such job.
        """
        job = self.queue.get(video_id)
        if job is None:
            raise ApiError(404, f"there is no video '{video_id[:100]}'", code="not_found", param="video_id")
        return job

    def describe(self, job: VideoJob) -> dict[str, Any]:
        """Return a job as the protocol shows it."""
        progress = {"queued": 0.0, "in_progress": self.workers.progress(job.id), "failed": 0.0, "completed": 1.0}
        waiting = {"queue_position": self.queue.position(job)} if job.status == "queued" else {}
        return {
            "id": job.id,
            "object": "video",
            "model": job.model,
            "status": job.status,
            "progress": int(100 * progress[job.status]),
            "created_at": int(job.created_at),
            "completed_at": None if job.completed_at is None else int(job.completed_at),
            "expires_at": None,
            "prompt": job.prompt,
            "seconds": None if job.seconds is None else f"{job.seconds:g}",
            "size": "{}x{}".format(*job.size),
            "seed": job.seed,
            "error": None if job.error is None else job.error.model_dump(),
            "remixed_from_video_id": None,
            **waiting,
            **_result_fields(job),
        }


def _result_fields(job: VideoJob) -> dict[str, Any]:
    """Return what is known of a finished video."""
    if job.result is None or (made := job.result.provenance) is None:
        return {}
    return {
        "seconds": f"{made.video_seconds:g}",
        "size": "{}x{}".format(*made.size),
        "num_frames": made.frames,
        "fps": made.fps,
        "inference_time_s": job.result.duration_seconds,
        "peak_memory_mb": max(made.peak_memory_bytes.values(), default=0) / 1e6,
        "settings": made.settings,
        "notes": list(made.notes),
        "geometry": made.geometry.model_dump(mode="json"),
    }


def _server(request: Request) -> Server:
    server: Server = request.app.state.server
    return server


ServerParameter = Annotated[Server, Depends(_server)]
router = APIRouter()


@router.post("/v1/videos")
async def create(request: Request, server: ServerParameter) -> dict[str, Any]:
    """Request a video."""
    submission = await read_submission(request, server.queue.folder)
    fields = submission.request
    model = server.models.get(fields.model)
    options, size = model.plan(submission)
    key = request.headers.get("idempotency-key") or None
    if key is not None and len(key) > MAX_KEY:
        raise ApiError(400, f"the Idempotency-Key has {len(key)} characters; {MAX_KEY} are allowed")

    def make(job_id: str, number: int) -> VideoJob:
        return VideoJob(
            id=job_id, number=number, model=model.name, prompt=fields.prompt, seed=fields.seed, seconds=fields.seconds,
            options=options, size=size, key=key, request_sha256=submission.digest(model.name), created_at=time.time(),
        )  # fmt: skip

    try:
        job = await run_in_threadpool(server.queue.add, make, submission.image)
    except QueueFull:
        message = f"{server.queue.limit} videos are waiting, and no more may wait"
        raise ApiError(429, message, code="queue_full", retry_after=_RETRY_SECONDS) from None
    except KeyReused:
        message = "the Idempotency-Key was sent with another request; send a new one"
        raise ApiError(422, message, code="idempotency_key_reused") from None
    return server.describe(job)


@router.get("/v1/videos")
def list_videos(
    server: ServerParameter,
    after: str | None = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    order: Literal["asc", "desc"] = "desc",
) -> dict[str, Any]:
    """List videos, in pages."""
    jobs = server.queue.jobs()
    if order == "desc":
        jobs.reverse()
    if after is not None:
        last = server.job(after)
        jobs = jobs[next((i + 1 for i, job in enumerate(jobs) if job.id == last.id), 0) :]
    page = jobs[:limit]
    return {
        "object": "list",
        "data": [server.describe(job) for job in page],
        "first_id": page[0].id if page else None,
        "last_id": page[-1].id if page else None,
        "has_more": len(jobs) > limit,
    }


@router.get("/v1/videos/{video_id}")
def retrieve(video_id: str, server: ServerParameter) -> dict[str, Any]:
    """Show the state of a video."""
    return server.describe(server.job(video_id))


@router.get("/v1/videos/{video_id}/content")
def download(video_id: str, server: ServerParameter, variant: str = "video") -> Response:
    """Send the file of a video."""
    job = server.job(video_id)
    if variant != "video":
        raise ApiError(400, f"variant '{variant[:100]}': only video is available", param="variant")
    if job.status == "failed" and job.error is not None:
        raise ApiError(404, f"the video failed: {job.error.message}", code=job.error.code)
    if job.status != "completed":
        raise ApiError(404, f"the video is not ready: its status is {job.status}", code="not_ready")
    path = server.queue.video(job.id)
    if not path.is_file():
        raise ApiError(404, "the file of the video was removed from the folder of the jobs", code="not_found")
    return FileResponse(path, media_type="video/mp4", filename=f"{job.id}.mp4")


@router.delete("/v1/videos/{video_id}")
def delete(video_id: str, server: ServerParameter) -> dict[str, Any]:
    """Cancel a video if it is not finished, and remove it."""
    job = server.queue.forget(server.job(video_id).id)
    if job is not None:
        server.workers.cancel(job.id)
        server.queue.discard(job.id)
    return {"id": video_id, "object": "video.deleted", "deleted": True}


@router.get("/v1/models")
def list_models(server: ServerParameter) -> dict[str, Any]:
    """List the models."""
    models = [{"id": name, "object": "model", "created": 0, "owned_by": "vmevalkit"} for name in server.models]
    return {"object": "list", "data": models}


@router.get("/health")
def health() -> dict[str, str]:
    """Say that the server is running."""
    return {"status": "ok"}


def create_app(models: ServedModels, queue: JobQueue, workers: Workers, token: str | None) -> FastAPI:
    """Create the web application.

    Args:
        models: that can be asked for videos.
        queue: of the jobs.
        workers: that make the videos.
        token: what requests must contain; None if only this machine can reach the server.
    """
    app = FastAPI(title="vmevalkit serve", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.server = Server(models, queue, workers)
    app.include_router(router)
    add_handlers(app)

    @app.middleware("http")
    async def guard(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        rejection = _rejection(request, token)
        response = rejection.response() if rejection is not None else await call_next(request)
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    return app


def _rejection(request: Request, token: str | None) -> ApiError | None:
    """Return why a request has no permission; None if it has."""
    if comes_from_other_site(request):
        return ApiError(403, "requests from other sites are rejected")
    if token is None:
        return ApiError(400, "this server answers on 127.0.0.1 only") if names_other_host(request) else None
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), token.encode()):
        message = "a token is required: send the one that the server printed as 'Authorization: Bearer TOKEN'"
        return ApiError(401, message, code="invalid_api_key")
    return None
