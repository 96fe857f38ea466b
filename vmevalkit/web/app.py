"""The viewer: pages made on the server from the index, quick whatever the size of the experiment."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import FastAPI, Form, Query, Request
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse, Response, StreamingResponse
from fastapi.staticfiles import StaticFiles
from pydantic import ValidationError

from vmevalkit import store
from vmevalkit.errors import explain_validation
from vmevalkit.reporting.page import VERDICTS, templates
from vmevalkit.store.ratings import Preference, Rating, Ratings
from vmevalkit.tasks.base import TASKS
from vmevalkit.web import guard, media, pages
from vmevalkit.web.index import PAGE, Index, SampleFilter

RATER = "vmevalkit_rater"


class NotThere(Exception):
    """What an address names is not in the experiment."""


def create_app(index: Index, ratings: Ratings, token: str | None = None, each: int = 2) -> FastAPI:
    """The web application.

    Args:
        token: what a visitor must bring along; None where only this machine can reach the viewer.
        each: how many people rate each video.
    """
    app = FastAPI(title="vmevalkit", docs_url=None, redoc_url=None, openapi_url=None)
    app.middleware("http")(guard.guarded(token))
    here = resources.files("vmevalkit.web")
    app.mount("/static", StaticFiles(directory=str(here / "static")), name="static")
    show = _Templates(index)
    blind = pages.Blind(index, ratings.secret())

    @app.exception_handler(NotThere)
    def not_there(request: Request, error: NotThere) -> HTMLResponse:
        return show("error.html", request, status=404, what=str(error))

    def sample(model: str, task: str, question_id: str, seed: int) -> tuple[store.Sample, Any]:
        row = index.sample(model, task, question_id, seed)
        if row is None:
            raise NotThere(f"{model} has no video of {question_id} with seed {seed} in this experiment.")
        return store.Sample(
            outputs=index.outputs, model=row.model, task=row.task, question_id=row.question_id, seed=row.seed
        ), row

    @app.get("/base.css")
    def base_style() -> FileResponse:
        return FileResponse(str(resources.files("vmevalkit.reporting") / "base.css"))

    # ----------------------------------------------------------------------------------------------------- the pages

    @app.get("/", response_class=HTMLResponse)
    def overview(request: Request, mode: str = "solve") -> HTMLResponse:
        return show("overview.html", request, **pages.overview(index, mode))

    @app.get("/samples", response_class=HTMLResponse)
    def listed(request: Request, wanted: Annotated[SampleFilter, Query()]) -> HTMLResponse:
        return show("samples.html", request, wanted=wanted, choices=index.choices(), total=index.count(wanted),
                    rows=index.page(wanted, 0), page=0, size=PAGE, address=_address(wanted))  # fmt: skip

    @app.get("/samples/{page}", response_class=HTMLResponse)
    def more(request: Request, page: int, wanted: Annotated[SampleFilter, Query()]) -> HTMLResponse:
        return show("cards.html", request, wanted=wanted, rows=index.page(wanted, max(0, page)), page=page, size=PAGE,
                    address=_address(wanted))  # fmt: skip

    @app.get("/samples.csv")
    def as_csv(wanted: Annotated[SampleFilter, Query()]) -> StreamingResponse:
        named = {"Content-Disposition": 'attachment; filename="samples.csv"'}
        return StreamingResponse(_csv(index, wanted), media_type="text/csv", headers=named)

    @app.get("/sample/{model}/{task}/{question_id}/{seed}", response_class=HTMLResponse)
    def one(request: Request, model: str, task: str, question_id: str, seed: int) -> HTMLResponse:
        found, row = sample(model, task, question_id, seed)
        return show("sample.html", request, **pages.sample(index, ratings, found, row))

    @app.get("/question/{task}/{question_id}", response_class=HTMLResponse)
    def question(request: Request, task: str, question_id: str, seed: int | None = None) -> HTMLResponse:
        asked = index.question(task, question_id)
        if asked is None:
            raise NotThere(f"There is no question {question_id} of {task} in this set.")
        return show("question.html", request, **pages.question(index, asked, seed))

    @app.get("/compare", response_class=HTMLResponse)
    def compare(request: Request, a: str = "", b: str = "", mode: str = "solve", task: str = "") -> HTMLResponse:
        return show("compare.html", request, **pages.compare(index, a, b, mode, task))

    @app.get("/disagreements", response_class=HTMLResponse)
    def disagreements(request: Request) -> HTMLResponse:
        return show("disagreements.html", request, **pages.disagreements(index))

    @app.get("/tasks", response_class=HTMLResponse)
    def tasks(request: Request) -> HTMLResponse:
        return show("tasks.html", request, tasks=[TASKS[name] for name in TASKS])

    @app.get("/progress", response_class=HTMLResponse)
    def progress(request: Request) -> HTMLResponse:
        part = request.headers.get("HX-Request") == "true"
        return show("progress_table.html" if part else "progress.html", request, **pages.progress(index))

    # --------------------------------------------------------------------------------------------------- the ratings

    @app.get("/rate", response_class=HTMLResponse)
    def rate(request: Request, disputed: bool = False, video: str = "") -> HTMLResponse:
        rater = request.cookies.get(RATER, "")
        if not store.is_name(rater):
            return show("rater.html", request, after="/rate")
        return show("rate.html", request, **pages.to_rate(blind, ratings, rater, each, disputed, video))

    @app.post("/rater")
    def sign_in(name: Annotated[str, Form()], after: Annotated[str, Form()] = "/rate") -> Response:
        if not store.is_name(name.strip()):
            return HTMLResponse("A name has letters, digits, points and dashes.", status_code=422)
        response = RedirectResponse(after if after in ("/rate", "/pairs") else "/rate", status_code=303)
        response.set_cookie(RATER, name.strip(), httponly=True, samesite="strict", max_age=31_536_000)
        return response

    @app.post("/rate")
    def rated(
        request: Request,
        video: Annotated[str, Form()],
        token: Annotated[str, Form()],
        passed: Annotated[bool, Form()],
        stars: Annotated[int, Form()],
        comment: Annotated[str, Form()] = "",
        rater: Annotated[str, Form()] = "",
        disputed: Annotated[bool, Form()] = False,
    ) -> Response:
        found = blind.video(video)
        path = store.find_video(found) if found else None
        if found is None or path is None:
            raise NotThere("There is no such video any more.")
        try:
            said = Rating(
                token=token, rater=rater or request.cookies.get(RATER, ""), model=found.model, task=found.task,
                question_id=found.question_id, seed=found.seed, video_sha256=store.sha256(path), passed=passed,
                stars=stars, comment=comment.strip(),
            )  # fmt: skip
        except ValidationError as error:
            return HTMLResponse(f"Not kept: {explain_validation(error)}", status_code=422)
        ratings.add(said)
        return RedirectResponse("/rate" + ("?disputed=true" if disputed else ""), status_code=303)

    @app.get("/pairs", response_class=HTMLResponse)
    def pairs(request: Request) -> HTMLResponse:
        rater = request.cookies.get(RATER, "")
        if not store.is_name(rater):
            return show("rater.html", request, after="/pairs")
        return show("pairs.html", request, **pages.pair(blind, ratings, rater))

    @app.post("/pairs")
    def preferred(
        request: Request,
        left: Annotated[str, Form()],
        right: Annotated[str, Form()],
        token: Annotated[str, Form()],
        better: Annotated[str, Form()],
        comment: Annotated[str, Form()] = "",
        rater: Annotated[str, Form()] = "",
    ) -> Response:
        one, other = blind.video(left), blind.video(right)
        if one is None or other is None or (one.task, one.question_id) != (other.task, other.question_id):
            raise NotThere("There are no such two videos of one question.")
        try:
            said = Preference(
                token=token, rater=rater or request.cookies.get(RATER, ""), task=one.task,
                question_id=one.question_id, seed=one.seed, left=one.model, right=other.model, better=better,
                comment=comment.strip(),
            )  # fmt: skip
        except ValidationError as error:
            return HTMLResponse(f"Not kept: {explain_validation(error)}", status_code=422)
        ratings.add(said)
        return RedirectResponse("/pairs", status_code=303)

    # ----------------------------------------------------------------------------------------------------- the media

    def video_of(found: store.Sample) -> Path:
        path = store.find_video(found)
        if path is None or not media.is_inside(path, index.outputs):
            raise NotThere("There is no video.")
        return path

    @app.get("/video/{model}/{task}/{question_id}/{seed}")
    def video(model: str, task: str, question_id: str, seed: int) -> FileResponse:
        return FileResponse(video_of(sample(model, task, question_id, seed)[0]))

    @app.get("/blind/{video}")
    def blind_video(video: str) -> FileResponse:
        found = blind.video(video)
        if found is None:
            raise NotThere("There is no video.")
        # Its name would tell nothing, but its folders would.
        return FileResponse(video_of(found), filename="video.mp4", content_disposition_type="inline")

    @app.get("/poster/{model}/{task}/{question_id}/{seed}")
    def poster(model: str, task: str, question_id: str, seed: int) -> Response:
        return _picture(lambda: media.poster(video_of(sample(model, task, question_id, seed)[0])))

    @app.get("/strip/{model}/{task}/{question_id}/{seed}")
    def strip(model: str, task: str, question_id: str, seed: int) -> Response:
        found, row = sample(model, task, question_id, seed)
        return _picture(lambda: media.strip(video_of(found), row.evidence_frame))

    @app.get("/state/{model}/{task}/{question_id}/{seed}/{frame}")
    def state(model: str, task: str, question_id: str, seed: int, frame: int) -> Response:
        found, _ = sample(model, task, question_id, seed)
        video_of(found)
        return _picture(lambda: pages.state_picture(index, found, frame))

    @app.get("/frame/{task}/{question_id}/{which}")
    def frame(task: str, question_id: str, which: str) -> Response:
        if which not in ("first", "final") or index.question(task, question_id) is None:
            raise NotThere("There is no such picture.")
        folder = store.question_folder(index.questions, task, question_id)
        path = folder / f"{which}_frame.png"
        if not path.is_file() or not media.is_inside(path, index.questions):
            raise NotThere("The question has no such picture.")
        return _picture(lambda: media.thumbnail(path))

    @app.get("/task/{name}/{difficulty}")
    def example(name: str, difficulty: int) -> Response:
        if name not in TASKS or not 1 <= difficulty <= 5:
            raise NotThere("There is no such task.")
        return _picture(lambda: media.example(name, difficulty))

    @app.get("/curves.svg")
    def curves(mode: str = "solve") -> Response:
        from vmevalkit.reporting.plots import difficulty_curves, to_bytes

        return Response(
            to_bytes(difficulty_curves(pages.by_difficulty(index, mode)), "svg"), media_type="image/svg+xml"
        )

    return app


class _Templates:
    """Fills templates, in which everything that comes from outside is escaped."""

    def __init__(self, index: Index) -> None:
        self._environment = templates("vmevalkit.web", "templates")
        self._environment.globals.update(experiment=index.outputs.name, verdicts=VERDICTS, address=_with)

    def __call__(self, name: str, request: Request, status: int = 200, **values: Any) -> HTMLResponse:
        template = self._environment.get_template(name)
        values.setdefault("rater", request.cookies.get(RATER, ""))
        return HTMLResponse(template.render(path=request.url.path, **values), status_code=status)


def _with(path: str, **values: Any) -> str:
    """An address with what of the values is not empty."""
    return path + "?" + urlencode({name: value for name, value in values.items() if value not in (None, "")})


def _address(wanted: SampleFilter) -> str:
    return urlencode({name: value for name, value in wanted.model_dump().items() if value not in (None, "", "question")
                      or (name == "question" and value)})  # fmt: skip


def _picture(draw: Callable[[], bytes | None]) -> Response:
    data = draw()
    if data is None:
        raise NotThere("There is nothing to be shown.")
    kind = "image/png" if data.startswith(b"\x89PNG") else "image/webp"
    return Response(data, media_type=kind, headers={"Cache-Control": "private, max-age=60"})


def _csv(index: Index, wanted: SampleFilter) -> Iterator[str]:
    """The wanted samples, all pages, a line each."""
    page = 0
    while rows := index.page(wanted, page, 2000):
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        names: list[str] = [name for name in rows[0]._mapping if name != "signature"]
        if page == 0:
            writer.writerow(names)
        for row in rows:
            fields: Mapping[str, Any] = dict(row._mapping)
            # A text that a spreadsheet would take for a formula is quoted.
            writer.writerow(f"'{value}" if str(value)[:1] in "=+@" else value for value in map(fields.get, names))
        yield out.getvalue()
        page += 1
