"""The gallery of tasks."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from vmevalkit.tasks.base import TASKS
from vmevalkit.web import media
from vmevalkit.web.site import NotFound, SiteParameter, image_response

router = APIRouter()


@router.get("/tasks", response_class=HTMLResponse)
def tasks(request: Request, site: SiteParameter) -> HTMLResponse:
    """Show an example of each task."""
    return site.render(request, "tasks.html", tasks=[TASKS[name] for name in TASKS])


@router.get("/task/{name}/{difficulty}")
def example(name: str, difficulty: int) -> Response:
    """Serve the image of an example."""
    if name not in TASKS or not 1 <= difficulty <= 5:
        raise NotFound(f"There is no task {name} of difficulty {difficulty}.")
    return image_response(media.example(name, difficulty))
