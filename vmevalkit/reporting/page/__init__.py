"""index.html: the page of a report. Text from outside is escaped."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import resources
from urllib.parse import urlencode

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from vmevalkit.defaults import DEFAULT_SEED
from vmevalkit.reporting import text
from vmevalkit.reporting.media import TILE, QuestionImage, ReportVideo
from vmevalkit.reporting.notes import Note
from vmevalkit.reporting.page.claims import CHART, findings, mode_claims
from vmevalkit.reporting.page.lead import lead_of
from vmevalkit.reporting.page.rates import baseline_checks, rate_tables
from vmevalkit.reporting.page.samples import VERDICTS, filter_choices, sample_id, sample_view
from vmevalkit.reporting.paths import ExperimentPaths
from vmevalkit.reporting.stats import DRAWS
from vmevalkit.reporting.summary import Summary
from vmevalkit.store.experiment import ExperimentData, Key
from vmevalkit.types import STATUSES

__all__ = ["VERDICTS", "render", "templates"]

_PACKAGE = "vmevalkit.reporting"


def render(
    paths: ExperimentPaths,
    data: ExperimentData,
    summary: Summary,
    notes: list[Note],
    images: Mapping[tuple[str, str, str], QuestionImage],
    videos: Mapping[Key, ReportVideo],
    title: str | None = None,
) -> str:
    """Return the whole page, including its style and script. The name of the experiment is the default title."""
    environment = templates(_PACKAGE, "")
    environment.filters["anchor"] = _anchor
    environment.filters["row"] = lambda found: "#" + urlencode({"row": sample_id(*found)})
    tables = list(rate_tables(summary, data))
    views = [
        sample_view(
            paths,
            sample,
            data.prompts[sample.score.task, sample.score.question_id],
            images,
            videos.get(sample.key),
            data.sources.get((sample.score.task, sample.score.question_id)),
        )
        for sample in data.samples
    ]
    return environment.get_template("index.html").render(
        summary=summary,
        notes=notes,
        counts=[cell for table in tables for cell in summary.cells if (cell.mode, cell.task) in table.places],
        tables=tables,
        checks=list(baseline_checks(summary)),
        analysis=summary.analysis,
        findings=list(findings(summary.analysis)),
        claims=list(mode_claims(summary.analysis)),
        chart=CHART,
        draws=DRAWS,
        views=views,
        title=title or summary.experiment,
        lead=lead_of(summary, views),
        baselines=len({sample.score.model for sample in data.samples if sample.baseline}),
        verdicts=VERDICTS,
        choices=filter_choices(data),
        modes=[table.mode for table in tables],
        statuses=STATUSES,
        tile=TILE,
        style=Markup(_resource("base.css") + _resource("page.css")),  # noqa: S704 - the kit's own file
        script=Markup(_resource("page.js")),  # noqa: S704 - the kit's own file
    )


def templates(package: str, folder: str) -> Environment:
    """Return the templates of a package, together with those of the report. Values are escaped."""
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(package, folder), PackageLoader(_PACKAGE, "")]),
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters.update(percent=text.percent, estimate=text.estimate, points=text.points, p=text.p_value)
    environment.globals.update(count=text.count, default_seed=DEFAULT_SEED)
    return environment


def _resource(name: str) -> str:
    return resources.files(_PACKAGE).joinpath(name).read_text(encoding="utf-8")


def _anchor(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "-", name)
