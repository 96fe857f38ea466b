"""summary.json: counts, pass rates and the analysis of an experiment."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Literal

from vmevalkit import inline
from vmevalkit._version import __version__
from vmevalkit.redaction import clean
from vmevalkit.reporting.analysis import Analysis, analyze
from vmevalkit.reporting.notes import Note
from vmevalkit.reporting.paths import ExperimentPaths
from vmevalkit.reporting.stats import Floor, Tally, floor, tally
from vmevalkit.store.experiment import SCORER, ExperimentData, SampleRecord
from vmevalkit.suites import SuiteId
from vmevalkit.types import MODES, Mode, Record

MODES_AND_NONE: tuple[Mode | None, ...] = (*MODES, None)
"""All modes, and None for questions without metadata."""


class Cell(Record):
    """Counts of one model on one task, or on all tasks (`task` None), in one mode."""

    mode: Mode | None
    task: str | None
    model: str
    baseline: bool
    tally: Tally


class FloorCell(Record):
    """The floor of one task, or of all tasks (`task` None), in one mode."""

    mode: Mode | None
    task: str | None
    floor: Floor


class SourceCount(Record):
    """Where imported questions come from, and how many."""

    benchmark: str
    license: str
    url: str
    questions: int


class Summary(Record):
    """The content of summary.json.

    Modes are never pooled, because a still video fails in one mode and passes in another.
    """

    format: Literal[1] = 1
    kit_version: str
    experiment: str
    question_set: str
    question_set_sha256: str
    suite: SuiteId | None
    questions: int
    samples: int
    scorer: str
    scorer_versions: tuple[str, ...]
    seeds: dict[str, tuple[int, ...]]
    cells: tuple[Cell, ...]
    floors: tuple[FloorCell, ...]
    analysis: Analysis
    notes: tuple[str, ...]
    sources: tuple[SourceCount, ...] = ()

    def _repr_html_(self) -> str:
        rows = [
            (cell.mode or "-", cell.model + (" (baseline)" if cell.baseline else ""), cell.tally.passed,
             cell.tally.asked, _percent(cell.tally))
            for cell in self.cells
            if cell.task is None
        ]  # fmt: skip
        title = f"{self.experiment}: {self.questions} questions, {self.samples} samples"
        notes = "".join(map(inline.paragraph, self.notes))
        return inline.block(
            title, inline.table(("mode", "model", "passed", "asked", "pass rate (95 % interval)"), rows), notes
        )


def _percent(tally: Tally) -> str:
    if tally.rate is None:
        return "-"
    return f"{100 * tally.rate:.0f} % ({100 * tally.low:.0f} to {100 * tally.high:.0f})"


def summarize(
    paths: ExperimentPaths, data: ExperimentData, notes: Sequence[Note], suite: SuiteId | None = None
) -> Summary:
    """Summarize an experiment. Cells are sorted by mode, then by model, then all tasks before each task."""
    cells = _cells(data)
    seeds: dict[str, set[int]] = {model: set() for model in data.models}
    for sample in data.samples:
        seeds[sample.score.model].add(sample.score.seed)
    return Summary(
        kit_version=__version__,
        experiment=clean(paths.outputs.absolute().name),
        question_set=clean(paths.questions.absolute().name),
        question_set_sha256=data.question_set_sha256,
        suite=suite,
        questions=len(data.questions),
        samples=len(data.samples),
        scorer=SCORER,
        scorer_versions=tuple(sorted({s.score.scorer_version for s in data.samples if s.is_scored})),
        seeds={model: tuple(sorted(found)) for model, found in seeds.items()},
        cells=tuple(cells),
        floors=tuple(_floors(cells)),
        analysis=analyze(data.samples),
        notes=tuple(note.text for note in notes),
        sources=tuple(_sources(data)),
    )


def _sources(data: ExperimentData) -> Iterator[SourceCount]:
    counts = Counter((clean(s.benchmark), clean(s.license), clean(s.url)) for s in data.sources.values())
    for (benchmark, terms, url), questions in sorted(counts.items()):
        yield SourceCount(benchmark=benchmark, license=terms, url=url, questions=questions)


def _cells(data: ExperimentData) -> list[Cell]:
    groups: defaultdict[tuple[Mode | None, str | None, str], list[SampleRecord]] = defaultdict(list)
    for sample in data.samples:
        for task in (None, sample.score.task):
            groups[sample.mode, task, sample.score.model].append(sample)
    tasks = sorted({sample.score.task for sample in data.samples})
    return [
        Cell(
            mode=mode,
            task=task,
            model=model,
            baseline=samples[0].baseline,
            tally=tally(sample.score for sample in samples),
        )
        for mode in MODES_AND_NONE
        for model in data.models
        for task in (None, *tasks)
        if (samples := groups.get((mode, task, model)))
    ]


def _floors(cells: Sequence[Cell]) -> Iterator[FloorCell]:
    for mode, task in dict.fromkeys((cell.mode, cell.task) for cell in cells):
        found = floor({c.model: c.tally for c in cells if c.baseline and (c.mode, c.task) == (mode, task)}, mode)
        if found is not None:
            yield FloorCell(mode=mode, task=task, floor=found)
