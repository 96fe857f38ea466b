"""The result card: what a paper needs to state a result, as Markdown and JSON.

It says which questions were asked (suite and digests), with which versions, how each model was run, and the rates with
intervals beside those of the baselines.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from vmevalkit import store
from vmevalkit.interop.base import Exported, Exporter, register_format
from vmevalkit.redaction import clean
from vmevalkit.reporting.analysis import Measured
from vmevalkit.reporting.asked import read_comparable
from vmevalkit.reporting.notes import notes_about
from vmevalkit.reporting.paths import ExperimentPaths
from vmevalkit.reporting.stats import Estimate
from vmevalkit.reporting.summary import SourceCount, Summary, summarize
from vmevalkit.reporting.text import estimate
from vmevalkit.store.experiment import ExperimentData
from vmevalkit.suites import SuiteId, identify
from vmevalkit.types import Mode, Record

SHOWN_SETTINGS = 400
"""Characters of the settings of a model in the Markdown file; the JSON file has all."""


class Rate(Record):
    """A pass rate in one mode, of one task or of all (`task` None). `interval` says how its interval was computed."""

    model: str
    baseline: bool
    mode: Mode | None
    task: str | None
    asked: int
    passed: int
    rate: Estimate
    interval: Literal["cluster bootstrap", "Wilson"]


class Setup(Record):
    """How the videos of a model were made, by the first that has a result; all None for videos of other tools."""

    model: str
    seeds: tuple[int, ...]
    settings: dict[str, Any] | None = None
    weights: dict[str, Any] | None = None
    libraries: dict[str, str] | None = None
    device: str | None = None
    frames: int | None = None
    fps: float | None = None
    size: tuple[int, int] | None = None


class Card(Record):
    """The content of card.json."""

    format: Literal[1] = 1
    kit_version: str
    experiment: str
    suite: SuiteId | None
    question_set_sha256: str
    questions: int
    sources: tuple[SourceCount, ...]
    tasks: dict[str, int]
    scorer: str
    scorer_versions: tuple[str, ...]
    rates: tuple[Rate, ...]
    measured: tuple[Measured, ...]
    models: tuple[Setup, ...]
    limitations: tuple[str, ...]


@register_format
class ResultCard(Exporter):
    """The result card."""

    name = "card"
    about = "A result card for a paper: suite, digest, versions, settings, rates with intervals, baselines."
    url = "https://github.com/Video-Reason/VMEvalKit"

    def export(self, experiment: ExperimentPaths, target: Path) -> Exported:
        """Write card.md and card.json."""
        card = read_card(experiment)
        store.write_record(target / "card.json", card)
        store.write_text(target / "card.md", to_markdown(card))
        return Exported("card.md and card.json", target)


def read_card(experiment: ExperimentPaths) -> Card:
    """Return the card of an experiment."""
    data = read_comparable(experiment)
    suite = identify(experiment.questions, data.questions)
    summary = summarize(experiment, data, notes_about(experiment, data), suite)
    versions = {q.metadata.task: q.metadata.task_version for q in data.questions if q.metadata}
    return Card(
        kit_version=summary.kit_version,
        experiment=summary.experiment,
        suite=suite,
        question_set_sha256=summary.question_set_sha256,
        questions=summary.questions,
        sources=summary.sources,
        tasks=dict(sorted(versions.items())),
        scorer=summary.scorer,
        scorer_versions=summary.scorer_versions,
        rates=tuple(_rates(summary)),
        measured=summary.analysis.measured,
        models=tuple(_setups(experiment, data, summary)),
        limitations=summary.notes,
    )


def _rates(summary: Summary) -> Iterator[Rate]:
    """Yield the rates on all tasks and on each; none for questions that the rule scorer cannot score."""
    clustered = {(s.mode, s.model): s.rate for s in summary.analysis.standings}
    for cell in summary.cells:
        tally = cell.tally
        if cell.mode is None or tally.rate is None or tally.low is None or tally.high is None:
            continue
        several = clustered.get((cell.mode, cell.model)) if cell.task is None else None
        yield Rate(
            model=cell.model,
            baseline=cell.baseline,
            mode=cell.mode,
            task=cell.task,
            asked=tally.asked,
            passed=tally.passed,
            rate=several or Estimate(value=tally.rate, low=tally.low, high=tally.high),
            interval="cluster bootstrap" if several else "Wilson",
        )


def _setups(experiment: ExperimentPaths, data: ExperimentData, summary: Summary) -> Iterator[Setup]:
    for model in data.models:
        made = None
        for sample in data.samples:
            if sample.score.model == model and sample.video is not None:
                _, task, question_id, seed = sample.key
                result = store.read_result(
                    store.Sample(outputs=experiment.outputs, model=model, task=task, question_id=question_id, seed=seed)
                )
                made = result.provenance if result else None
                break
        facts = (
            made.model_dump(include={"settings", "weights", "libraries", "device", "frames", "fps", "size"})
            if made
            else {}
        )
        yield Setup(model=model, seeds=summary.seeds[model], **facts)


def to_markdown(card: Card) -> str:
    """Return the card as Markdown."""
    lines = [f"# Result card: {_text(card.experiment)}", "", *_facts(card), ""]
    for mode in dict.fromkeys(rate.mode for rate in card.rates):
        lines += [f"## Pass rates, mode {mode}", "", *_rate_table([r for r in card.rates if r.mode == mode]), ""]
    for scorer in dict.fromkeys(found.scorer for found in card.measured):
        rows = [found for found in card.measured if found.scorer == scorer]
        lines += [f"## Measured by {_text(scorer)}, not decided by rule", "", *_measured_table(rows), ""]
    lines += ["## How the videos were made", ""]
    lines += [f"- {_setup(setup)}" for setup in card.models]
    if card.limitations:
        lines += ["", "## Limitations", "", *(f"- {_text(text)}" for text in card.limitations)]
    return "\n".join(lines) + "\n"


def _facts(card: Card) -> Iterator[str]:
    yield f"- vmevalkit {card.kit_version}, scorer {card.scorer} {', '.join(card.scorer_versions)}".rstrip()
    if card.suite:
        yield f"- Suite {card.suite.name}, digest `{card.suite.digest}`"
    yield f"- {card.questions} questions, digest of first frames and prompts `{card.question_set_sha256}`"
    if card.tasks:
        yield f"- Versions of tasks: {', '.join(f'{name} {version}' for name, version in card.tasks.items())}"
    for source in card.sources:
        credit = ", ".join(map(_text, (source.benchmark, source.license, source.url)))
        yield f"- {source.questions} questions from {credit}"


def _rate_table(rates: list[Rate]) -> Iterator[str]:
    tasks = sorted({rate.task for rate in rates if rate.task is not None})
    columns = [None, *tasks] if len(tasks) > 1 else [*tasks]
    yield "| model | " + " | ".join(_text(task or "all tasks") for task in columns) + " |"
    yield "| --- |" + " --- |" * len(columns)
    for model, baseline in dict.fromkeys((rate.model, rate.baseline) for rate in rates):
        found = {rate.task: rate for rate in rates if rate.model == model}
        cells = (
            f"{estimate(found[t].rate)}, {found[t].passed} of {found[t].asked}" if t in found else "" for t in columns
        )
        yield f"| {_text(model)}{' (baseline)' if baseline else ''} | " + " | ".join(cells) + " |"
    yield ""
    overall = next((rate.interval for rate in rates if rate.task is None), "Wilson")
    yield (
        f"95 % intervals: {overall} for all tasks, Wilson for one task. "
        "Videos that are missing or cannot be scored count as not passed."
    )


def _measured_table(rows: list[Measured]) -> Iterator[str]:
    names = list(dict.fromkeys(name for row in rows for name in row.means))
    yield f"| model | mean value | measured | {' | '.join(map(_text, names))} |"
    yield "| --- |" + " --- |" * (len(names) + 2)
    for row in rows:
        value = f"{row.value.value:.3f} ({row.value.low:.3f}–{row.value.high:.3f})"
        means = " | ".join(f"{row.means[name]:.4g}" if name in row.means else "" for name in names)
        name = f"{_text(row.model)}{' (baseline)' if row.baseline else ''}"
        passed = f", {row.passed} passed" if row.passed is not None else ""
        yield f"| {name} | {value} | {row.measured} of {row.asked}{passed} | {means} |"


def _setup(setup: Setup) -> str:
    seeds = ", ".join(map(str, setup.seeds)) or "none"
    if setup.settings is None or setup.size is None:
        return f"{_text(setup.model)}: seeds {seeds}; made elsewhere, nothing is known"
    shown = ", ".join(f"{name} {value}" for name, value in setup.settings.items())[:SHOWN_SETTINGS]
    size = f"{setup.size[0]}x{setup.size[1]}, {setup.frames} frames at {setup.fps:g} fps"
    return f"{_text(setup.model)}: seeds {seeds}; {size}; {_text(shown) or 'no settings'}; {_text(setup.device or '')}"


def _text(text: str) -> str:
    """Return a text that means nothing in a Markdown table."""
    return clean(text).replace("\n", " ").replace("|", "\\|").replace("<", "&lt;").replace("`", "'")
