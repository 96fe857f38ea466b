"""The viewer of a folder with many experiments: their list, their comparison, and below `/x/NAME` the pages of each."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated, Any

import sqlalchemy as sql
from fastapi import APIRouter, FastAPI, Query, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment
from starlette.types import Receive, Scope, Send

from vmevalkit.reporting import analysis
from vmevalkit.reporting.analysis import Comparison, PassRates
from vmevalkit.reporting.catalog import is_baseline
from vmevalkit.reporting.page import VERDICTS, templates
from vmevalkit.reporting.paths import ExperimentPaths
from vmevalkit.reporting.stats import DRAWS
from vmevalkit.store.experiment import QuestionKey
from vmevalkit.types import MODES
from vmevalkit.web.experiments import Experiment, Experiments, Overview, as_array, common_questions, results_of
from vmevalkit.web.guard import Guard
from vmevalkit.web.site import add_styles, base_of, url
from vmevalkit.web.tables import samples

router = APIRouter()

_LIMIT = 60
"""Number of questions with images that the comparison shows at most."""


def create_folder_app(experiments: Experiments, token: str | None = None) -> FastAPI:
    """Create the web application for the experiments below a folder.

    Args:
        experiments: the experiments.
        token: what requests must contain; None if only this machine can reach the viewer.
    """
    app = FastAPI(title="vmevalkit", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.experiments = experiments
    app.state.environment = _environment(experiments.root, experiments.bundled)
    app.middleware("http")(Guard(token))
    add_styles(app)
    app.include_router(router)
    app.mount("/x/{slug}", _Pages(experiments))
    return app


class _Pages:
    """The pages of whichever experiment an address names."""

    def __init__(self, experiments: Experiments) -> None:
        self._experiments = experiments

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = self._experiments.get(scope["path_params"]["slug"])
        if found is not None:
            await found.app(scope, receive, send)
            return
        page = HTMLResponse('There is no such experiment. <a href="/">All experiments</a>', status_code=404)
        await page(scope, receive, send)


@dataclass(frozen=True)
class ComparedRun:
    """A model of an experiment, compared with others on the same questions."""

    experiment: Experiment
    model: str
    rates: PassRates
    by_task: dict[str, PassRates]
    against_best: Comparison | None

    @property
    def baseline(self) -> bool:
        """Whether the model answers without reasoning."""
        return is_baseline(self.model)


@router.get("/", response_class=HTMLResponse)
def experiments(request: Request) -> HTMLResponse:
    """List all experiments, those of one suite together."""
    found: Experiments = request.app.state.experiments
    groups: defaultdict[str, list[tuple[Experiment, Overview]]] = defaultdict(list)
    for experiment in found:
        overview = experiment.overview()
        groups[overview.group].append((experiment, overview))
    ordered = sorted(
        groups.values(), key=lambda rows: (not rows[0][1].suite, rows[0][1].suite, rows[0][0].folders.name)
    )
    return _render(request, "experiments.html", groups=ordered, problems=found.problems)


@router.get("/compare", response_class=HTMLResponse)
def compare(
    request: Request,
    experiment: Annotated[tuple[str, ...], Query()] = (),
    mode: str = "solve",
    baselines: bool = False,
) -> HTMLResponse:
    """Compare the models of several experiments on the questions that all of them were asked."""
    found: Experiments = request.app.state.experiments
    chosen = [named for slug in dict.fromkeys(experiment) if (named := found.get(slug))]
    groups = {named.overview().group for named in chosen}
    problem = "" if len(groups) == 1 else _several_suites(chosen) if groups else "Select experiments."
    modes = [name for name in MODES if any(name in dict(named.index.choices()["mode"]) for named in chosen)]
    mode = mode if mode in modes else modes[0] if modes else ""
    runs, questions = _runs(chosen, mode, baselines) if not problem else ([], [])
    return _render(
        request,
        "experiments_compare.html",
        chosen=chosen,
        problem=problem,
        runs=runs,
        questions=questions,
        tasks=sorted({task for task, _ in questions}),
        differing=_differing(runs, questions, mode),
        limit=_LIMIT,
        mode=mode,
        modes=modes,
        baselines=baselines,
        draws=DRAWS,
    )


def _several_suites(chosen: list[Experiment]) -> str:
    """Say why experiments cannot be compared, and how the models of one can answer the questions of another."""
    first = chosen[0]
    other = next(named for named in chosen if named.overview().group != first.overview().group)
    answered = (
        f"{named.folders.name} answers {overview.suite or 'a question set that is no suite'} ({overview.group[:12]})"
        for named, overview in ((first, first.overview()), (other, other.overview()))
    )
    again = ExperimentPaths(
        questions=first.index.questions,
        outputs=Path(f"{other.folders.outputs}_{first.folders.slug}"),
        scores=other.folders.scores,
    )
    models = [word for model in other.overview().rates for word in ("--model", model)]
    return (
        f"Select experiments of one suite: {', '.join(answered)}. For videos that can be compared, run: "
        f"{again.command('generate', *models)}"
    )


def _runs(chosen: list[Experiment], mode: str, baselines: bool) -> tuple[list[ComparedRun], list[QuestionKey]]:
    """Return the models of the experiments, best first, and the questions that all were asked."""
    results = {
        (e.folders.slug, model): found for e in chosen for model, found in results_of(e, mode, baselines).items()
    }
    questions = common_questions(list(results.values()))
    if not questions:
        return [], []
    names = {f"{slug}/{model}": found for (slug, model), found in results.items()}
    rates = _rates(names, questions)
    by_task = {
        task: _rates(names, [key for key in questions if key[0] == task])
        for task in sorted({key[0] for key in questions})
    }
    models = {name: rate for name, rate in rates.items() if not is_baseline(name.rpartition("/")[2])}
    best = max(models, key=lambda name: models[name].rate.value, default="")
    by_slug = {e.folders.slug: e for e in chosen}
    runs = [
        ComparedRun(
            experiment=by_slug[slug],
            model=model,
            rates=rates[f"{slug}/{model}"],
            by_task={task: found[f"{slug}/{model}"] for task, found in by_task.items()},
            against_best=rates[f"{slug}/{model}"].against(rates[best]) if best and best != f"{slug}/{model}" else None,
        )
        for slug, model in results
    ]
    return sorted(runs, key=lambda c: (c.baseline, -c.rates.rate.value, c.experiment.folders.name, c.model)), questions


def _rates(results: dict[str, dict[QuestionKey, list[bool]]], questions: list[QuestionKey]) -> dict[str, PassRates]:
    return analysis.pass_rates(
        [task for task, _ in questions], {name: as_array(found, questions) for name, found in results.items()}
    )


def _differing(runs: list[ComparedRun], questions: list[QuestionKey], mode: str) -> list[tuple[QuestionKey, list[Any]]]:
    """Return the questions that not all models answer alike, with one sample of each model; those of models only."""
    shown = [run for run in runs if not run.baseline]
    rows: dict[int, dict[QuestionKey, Any]] = {}
    for number, run in enumerate(shown):
        c = samples.c
        found = run.experiment.index.rows(
            sql.select(samples).where(c.model == run.model).order_by(c.task, c.question_id, c.seed.desc())
        )
        rows[number] = {(row.task, row.question_id): row for row in found}
    differing = []
    for place, key in enumerate(questions):
        if len({float(run.rates.shares[place]) for run in shown}) > 1:
            differing.append((key, [rows[number][key] for number in range(len(shown))]))
    return differing


def _render(request: Request, template: str, **values: Any) -> HTMLResponse:
    environment: Environment = request.app.state.environment
    base = base_of(request)
    path = request.url.path.removeprefix(base)
    return HTMLResponse(environment.get_template(template).render(base=base, path=path, **values))


def _environment(root: Path, bundled: bool) -> Environment:
    environment = templates("vmevalkit.web", "templates")
    environment.globals.update(
        experiment=root.resolve().name, verdicts=VERDICTS, address=url, folder=True, bundled=bundled
    )
    environment.filters["day"] = _day
    return environment


def _day(seconds: float | None) -> str:
    """Return a time as its date and hour in UTC."""
    return "–" if seconds is None else datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%d %H:%M")
