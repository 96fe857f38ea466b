"""The page of a report: index.html, and below samples/ what its script loads. Text from outside is escaped.

index.html has the first videos. Those of a large experiment do not fit into a page, so the others are in sheets of
`SHEET` videos each, which the script loads when they are to be shown. The sheets are scripts, because a page that is
opened from disk can load nothing else.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from functools import partial
from importlib import resources
from urllib.parse import urlencode

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from vmevalkit.defaults import DEFAULT_SEED
from vmevalkit.reporting import text
from vmevalkit.reporting.media import TILE, QuestionImage, ReportVideo
from vmevalkit.reporting.notes import Note
from vmevalkit.reporting.page.catalog import SHEET, call, catalog_of
from vmevalkit.reporting.page.claims import CHART, findings, mode_claims
from vmevalkit.reporting.page.lead import lead_of
from vmevalkit.reporting.page.rates import baseline_checks, rate_tables
from vmevalkit.reporting.page.reasons import reasons_by_model
from vmevalkit.reporting.page.samples import VERDICTS, SampleView, filter_choices, sample_id, sample_view
from vmevalkit.reporting.paths import ExperimentPaths
from vmevalkit.reporting.stats import CEILING, DRAWS
from vmevalkit.reporting.summary import Summary
from vmevalkit.store.experiment import ExperimentData, Key, SampleRecord
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
) -> Iterator[tuple[str, str]]:
    """Yield the files of the page, by path and content; index.html, which has style and script, is the last.

    The name of the experiment is the default title.
    """
    environment = templates(_PACKAGE, "")
    environment.filters["anchor"] = _anchor
    environment.filters["row"] = lambda found: "#" + urlencode({"row": sample_id(*found)})
    tables = list(rate_tables(summary, data))
    view_of = partial(_view, paths, data, images, videos)
    sample_page = environment.get_template("sample.html")
    yield "samples/catalog.js", call("catalog", catalog_of(data))
    for number in range(1, math.ceil(len(data.samples) / SHEET)):
        places = range(number * SHEET, min((number + 1) * SHEET, len(data.samples)))
        yield (
            f"samples/{number}.js",
            call("sheet", number, [_card(sample_page, view_of(data.samples[i]), i) for i in places]),
        )
    lead = lead_of(summary, data.samples, videos)
    yield (
        "index.html",
        environment.get_template("index.html").render(
            summary=summary,
            notes=notes,
            tables=tables,
            checks=list(baseline_checks(summary)),
            reasons=reasons_by_model(data.samples),
            ceiling=CEILING,
            analysis=summary.analysis,
            findings=list(findings(summary.analysis)),
            claims=list(mode_claims(summary.analysis)),
            chart=CHART,
            draws=DRAWS,
            views=[view_of(sample) for sample in data.samples[:SHEET]],
            title=title or summary.experiment,
            lead=lead,
            examples=[view_of(sample) for sample in lead.examples] if lead else [],
            baselines=len({sample.score.model for sample in data.samples if sample.baseline}),
            verdicts=VERDICTS,
            choices=filter_choices(data),
            modes=[table.mode for table in tables],
            statuses=STATUSES,
            tile=TILE,
            style=Markup(_resource("base.css") + _resource("page.css")),  # noqa: S704 - the kit's own file
            script=Markup(_resource("page.js")),  # noqa: S704 - the kit's own file
        ),
    )


def _view(
    paths: ExperimentPaths,
    data: ExperimentData,
    images: Mapping[tuple[str, str, str], QuestionImage],
    videos: Mapping[Key, ReportVideo],
    sample: SampleRecord,
) -> SampleView:
    question = sample.score.task, sample.score.question_id
    prompt, source = data.prompts[question], data.sources.get(question)
    return sample_view(paths, sample, prompt, images, videos.get(sample.key), source)


def _card(template: Template, view: SampleView, index: int) -> str:
    return template.render(view=view, place=index + 1)


def templates(package: str, folder: str) -> Environment:
    """Return the templates of a package, together with those of the report. Values are escaped."""
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(package, folder), PackageLoader(_PACKAGE, "")]),
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters.update(
        percent=text.percent, estimate=text.estimate, points=text.points, p=text.p_value, decimal=text.decimal
    )
    environment.globals.update(count=text.count, default_seed=DEFAULT_SEED)
    return environment


def _resource(name: str) -> str:
    return resources.files(_PACKAGE).joinpath(name).read_text(encoding="utf-8")


def _anchor(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "-", name)
