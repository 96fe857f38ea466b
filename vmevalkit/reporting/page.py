"""index.html: the view of the rows, filled into the template. Everything that comes from outside is escaped."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from urllib.parse import quote, urlencode

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from vmevalkit import store
from vmevalkit.defaults import DEFAULT_SEED
from vmevalkit.models import MODELS
from vmevalkit.reporting.analysis import Analysis, Standing
from vmevalkit.reporting.media import TILE, Picture, Video, question_folder, video_folder
from vmevalkit.reporting.rows import ExperimentData, ExperimentPaths, Key, Row, count, relative
from vmevalkit.reporting.stats import CEILING, DRAWS, LEVEL, Estimate, Floor, Tally
from vmevalkit.reporting.tables import MODES_AND_NONE, Cell, Summary
from vmevalkit.types import MODES, STATUSES, Mode

VERDICTS = {
    "pass": ("✓", "The answer is right, was reached by legal visible steps, and the rest of the scene stayed."),
    "fail": ("✕", "The video was judged and is not a right answer; the reason says why."),
    "unscorable": ("?", "The scorer cannot decide about this video, and says why."),
    "broken": ("!", "There is a file, and it cannot be decoded as a video."),
    "failed": ("!", "The model was run and made no video."),
    "missing": ("–", "There is no video."),
    "not scored": ("–", "Asked for, and no score has been written yet; counted as missing."),
}


@dataclass(frozen=True)
class CellView:
    """A cell of a table: the tally, the floor it is held against, and a link that filters the samples."""

    tally: Tally
    floor: float | None
    href: str

    @property
    def others(self) -> list[str]:
        """Counts of every status that is not `scored` and not 0."""
        found = []
        for status in STATUSES[1:]:
            number = getattr(self.tally, status)
            if number:
                found.append(f"{number} {status}")
        if self.tally.not_scored:
            found.append(f"{self.tally.not_scored} of the missing not scored yet")
        return found


@dataclass(frozen=True)
class Line:
    """A model's line in a table, with a cell for each column; None where nothing was asked."""

    model: str
    about: str
    cells: list[CellView | None]


@dataclass(frozen=True)
class Table:
    """The questions of one mode. Columns are tasks; None is all of them, which is left out where there is only one."""

    mode: Mode | None
    questions: int
    columns: list[str | None]
    models: list[Line]
    baselines: list[Line]
    floors: list[Floor | None]

    @property
    def places(self) -> set[tuple[Mode | None, str | None]]:
        """The cells of the summary that the table shows."""
        return {(self.mode, task) for task in self.columns}


@dataclass(frozen=True)
class Check:
    """Whether a baseline gets what it deserves."""

    holds: bool
    text: str


@dataclass(frozen=True)
class Tile:
    """One frame of a strip: its place in it, in per cent of what can be moved, and its time in seconds."""

    frame: int
    seconds: float
    position: float
    is_evidence: bool


@dataclass(frozen=True)
class Shot:
    """A question's picture on the page."""

    caption: str
    src: str | None
    size: tuple[int, int] | None
    problem: str | None


@dataclass(frozen=True)
class SampleView:
    """A row of the page."""

    row: Row
    id: str
    glyph: str
    shots: list[Shot]
    video: Video | None
    source: str | None
    poster: str
    strip: str
    tiles: list[Tile] = field(default_factory=list)

    @property
    def evidence_seconds(self) -> float | None:
        return next((tile.seconds for tile in self.tiles if tile.is_evidence), None)


@dataclass(frozen=True)
class Chart:
    """Pass rate against plan length of one model in one mode, in the units of an SVG of `CHART` size.

    Attributes:
        dots: a mark and whisker for each group of plan lengths: x, y, top, bottom, and what to say about it.
        line, band: the fitted curve and its band as SVG paths; empty where there is none.
        grid: y of each labeled pass rate, in per cent.
        ticks: x of each labeled plan length.
        half: x at which half of the videos pass.
    """

    standing: Standing
    dots: list[tuple[float, float, float, float, str]]
    line: str
    band: str
    grid: list[tuple[float, int]]
    ticks: list[tuple[float, int]]
    half: float | None


@dataclass(frozen=True)
class ModeClaims:
    """What can be claimed about the questions of one mode."""

    mode: Mode
    models: list[Standing]
    charts: list[Chart]
    samples: int


def render(
    places: ExperimentPaths,
    gathered: ExperimentData,
    summary: Summary,
    pictures: Mapping[tuple[str, str, str], Picture],
    videos: Mapping[Key, Video],
) -> str:
    """The whole page, with its style and script inside."""
    environment = templates("vmevalkit.reporting", "")
    environment.filters["anchor"] = _anchor
    environment.filters["row"] = lambda found: "#" + urlencode({"row": _row_id(*found)})
    template = environment.get_template("index.html")
    views = [_sample(places, row, pictures, videos.get(row.key)) for row in gathered.rows]
    tables = list(_tables(summary, gathered))
    return template.render(
        summary=summary,
        notes=gathered.notes,
        counts=[cell for table in tables for cell in summary.cells if (cell.mode, cell.task) in table.places],
        tables=tables,
        checks=list(_checks(summary)),
        analysis=summary.analysis,
        findings=list(_findings(summary.analysis)),
        claims=list(_claims(summary.analysis)),
        chart=CHART,
        draws=DRAWS,
        views=views,
        verdicts=VERDICTS,
        choices=_choices(gathered),
        modes=[table.mode for table in tables],
        statuses=STATUSES,
        tile=TILE,
        style=Markup(_resource("base.css") + _resource("page.css")),  # noqa: S704 - the kit's own file
        script=Markup(_resource("page.js")),  # noqa: S704 - the kit's own file
    )


def templates(package: str, folder: str) -> Environment:
    """Templates of a package, the report's among them; what comes from outside is escaped."""
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(package, folder), PackageLoader("vmevalkit.reporting", "")]),
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["percent"] = lambda share: f"{100 * share:.0f}"
    environment.filters["estimate"] = _estimate
    environment.filters["points"] = _points
    environment.filters["p"] = lambda p: "< 0.001" if p < 0.001 else f"{p:.3f}"
    environment.globals.update(count=count, default_seed=DEFAULT_SEED)
    return environment


def _resource(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _anchor(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "-", text)


# ------------------------------------------------------------------------------------------------------------ tables


def _tables(summary: Summary, gathered: ExperimentData) -> Iterator[Table]:
    floors = {(entry.mode, entry.task): entry.floor for entry in summary.floors}
    for mode in MODES_AND_NONE:
        cells = [cell for cell in summary.cells if cell.mode == mode]
        if not cells:
            continue
        tasks = sorted({cell.task for cell in cells if cell.task is not None})
        columns: list[str | None] = [None, *tasks] if len(tasks) > 1 else [*tasks]
        yield Table(
            mode=mode,
            questions=sum((q.metadata.mode if q.metadata else None) == mode for q in gathered.questions),
            columns=columns,
            models=_lines([cell for cell in cells if not cell.baseline], columns, floors),
            baselines=_lines([cell for cell in cells if cell.baseline], columns, floors),
            floors=[floors.get((mode, task)) for task in columns],
        )


def _lines(
    cells: list[Cell], columns: list[str | None], floors: Mapping[tuple[Mode | None, str | None], Floor]
) -> list[Line]:
    views: dict[str, dict[str | None, CellView]] = {}
    for cell in cells:
        chosen = {"model": cell.model, "task": cell.task, "mode": cell.mode or "none"}
        found = floors.get((cell.mode, cell.task))
        views.setdefault(cell.model, {})[cell.task] = CellView(
            tally=cell.tally,
            floor=found.rate if found else None,
            href="#" + urlencode({name: value for name, value in chosen.items() if value}),
        )
    return [
        Line(
            model=model,
            about=MODELS[model].about if model in MODELS and MODELS[model].baseline else "",
            cells=[found.get(task) for task in columns],
        )
        for model, found in views.items()
    ]


def _checks(summary: Summary) -> Iterator[Check]:
    """Whether the right video passes and the videos made without reasoning do not, where something was scored."""
    whole = [cell for cell in summary.cells if cell.task is None and cell.baseline and cell.tally.scored]
    for cell in whole:
        if cell.mode is None or (cell.mode == "hold" and cell.model != CEILING):
            continue
        of = f"{cell.tally.passed} of {count(cell.tally.asked, 'video')}"
        where = f" in mode {cell.mode}" if len({c.mode for c in whole}) > 1 else ""
        if cell.model == CEILING:
            text = f"{cell.model}, the right answer, passes {of}{where}"
            yield Check(cell.tally.passed == cell.tally.asked, text)
        else:
            yield Check(cell.tally.passed == 0, f"{cell.model} passes {of}{where}")


def _choices(gathered: ExperimentData) -> dict[str, list[tuple[str, int]]]:
    """What the samples can be filtered by, with how many there are of each."""
    rows = gathered.rows
    verdicts = Counter(row.verdict for row in rows)
    return {
        "model": [(name, n) for name in gathered.models if (n := sum(row.score.model == name for row in rows))],
        "task": sorted(Counter(row.score.task for row in rows).items()),
        "verdict": [(name, verdicts[name]) for name in VERDICTS if verdicts[name]],
        "reason": sorted(Counter(row.score.reason for row in rows).items()),
        "mode": [
            (mode or "none", n) for mode in MODES_AND_NONE if (n := sum(row.mode == mode for row in rows))
        ],
    }  # fmt: skip


# ------------------------------------------------------------------------------------------------------------ claims

CHART = (320, 190)
_LEFT, _RIGHT, _TOP, _BOTTOM = 34.0, 310.0, 10.0, 160.0


def _claims(analysis: Analysis) -> Iterator[ModeClaims]:
    for mode in MODES:
        models = [s for s in analysis.standings if s.mode == mode and not s.baseline]
        models.sort(key=lambda s: -s.rate.value)
        if models:
            yield ModeClaims(
                mode=mode,
                models=models,
                charts=[_chart(s) for s in models if len(s.bins) > 1],
                samples=max(s.samples for s in models),
            )


def _findings(analysis: Analysis) -> Iterator[str]:
    """What a reader should take home, a sentence each; about the first mode that was asked, and all modes together."""
    modes = {standing.mode for standing in analysis.standings}
    mode = next((mode for mode in MODES if mode in modes), None)
    where = f" in mode {mode}" if len(modes) > 1 else ""
    models = [s for s in analysis.standings if s.mode == mode and not s.baseline]
    models.sort(key=lambda s: -s.rate.value)
    for model in models:
        said = f"{model.model} passes {_estimate(model.rate)} of its videos{where}"
        floor = next((p for p in analysis.pairs if p.baseline and (p.mode, p.first) == (mode, model.model)), None)
        if floor is not None:
            above = floor.difference.low > 0 and floor.p_holm < LEVEL
            said += f", {'clearly' if above else 'not clearly'} above the floor"
        if model.cheated.low > 0:
            said += f"; another {_estimate(model.cheated)} show the right end without a right way to it"
        yield said + "."
    if len(models) > 1:
        best = max(models, key=lambda s: s.rank.first if s.rank else 0.0)
        sure = 100 * (best.rank.first if best.rank else 0.0)
        yield f"{best.model} stays first{where} in {sure:.0f} % of the draws."
    for steering in analysis.steering:
        yield f"{steering.model}: {steering.reading}"
    for power in (power for power in analysis.power if power.mode == mode):
        if power.detectable is not None:
            yield (
                f"{count(power.questions, 'question')}{where} are enough to find a difference of "
                f"{100 * power.detectable:.0f} points between two models, four times in five."
            )
    for found in analysis.agreement:
        if found.task is None and len(found.scorers) == 2 and not found.baselines:
            kappa = f", Cohen’s κ {found.agreement.kappa.value:.2f}" if found.agreement.kappa else ""
            alike = _estimate(found.agreement.raw)
            yield f"{' and '.join(found.scorers)} decide alike about {alike} of the models’ videos{kappa}."


def _chart(standing: Standing) -> Chart:
    first, last = standing.bins[0].shortest, standing.bins[-1].longest

    def x(length: float) -> float:
        return round(_LEFT + (length - first + 0.5) / (last - first + 1) * (_RIGHT - _LEFT), 2)

    def y(rate: float) -> float:
        return round(_BOTTOM - rate * (_BOTTOM - _TOP), 2)

    dots = []
    for group in standing.bins:
        steps = str(group.shortest) if group.shortest == group.longest else f"{group.shortest} to {group.longest}"
        said = f"{group.passed} of {count(group.asked, 'video')} pass, plans of {steps}"
        middle = x((group.shortest + group.longest) / 2)
        dots.append((middle, y(group.rate.value), y(group.rate.high), y(group.rate.low), said))
    curve = standing.curve
    points = curve.points if curve else ()
    highs = [f"{x(p.length)} {y(p.rate.high)}" for p in points]
    lows = [f"{x(p.length)} {y(p.rate.low)}" for p in reversed(points)]
    step = max(1, -(-(last - first) // 5))
    return Chart(
        standing=standing,
        dots=dots,
        line="M" + "L".join(f"{x(p.length)} {y(p.rate.value)}" for p in points) if points else "",
        band="M" + "L".join(highs + lows) + "Z" if points else "",
        grid=[(y(share / 100), share) for share in (0, 50, 100)],
        ticks=[(x(length), length) for length in range(first, last + 1, step)],
        half=x(curve.half) if curve and curve.half is not None else None,
    )


def _estimate(found: Estimate | None) -> str:
    """A share with its interval: `12 % (8-17)`."""
    if found is None:
        return "–"
    return f"{100 * found.value:.0f} % ({100 * found.low:.0f}–{100 * found.high:.0f})"


def _points(found: Estimate) -> str:
    """A difference with its interval, in points with their signs: `+5 (-1 to +11)`."""
    value, low, high = (f"{100 * end:+.0f}".replace("-", "−") for end in (found.value, found.low, found.high))
    return f"{value} ({low} to {high})"


# ----------------------------------------------------------------------------------------------------------- samples


def _sample(
    places: ExperimentPaths, row: Row, pictures: Mapping[tuple[str, str, str], Picture], video: Video | None
) -> SampleView:
    suffix = store.seed_suffix(row.score.seed)
    media = places.report / "media"
    folder = video_folder(media, row.key)
    return SampleView(
        row=row,
        id=_row_id(*row.key),
        glyph=VERDICTS[row.verdict][0],
        shots=[*_shots(places, row, pictures)],
        video=video,
        source=_url(row.video, places.report) if row.video else None,
        poster=_url(folder / f"poster{suffix}.webp", places.report),
        strip=_url(folder / f"strip{suffix}.webp", places.report),
        tiles=_tiles(video) if video and video.info else [],
    )


def _row_id(model: str, task: str, question_id: str, seed: int) -> str:
    return f"{model}/{task}/{question_id}{store.seed_suffix(seed)}"


def _shots(places: ExperimentPaths, row: Row, pictures: Mapping[tuple[str, str, str], Picture]) -> Iterator[Shot]:
    _, task, question_id, _ = row.key
    folder = question_folder(places.report / "media", task, question_id)
    for name, caption in (("first", "First frame"), ("final", "Right answer")):
        picture = pictures.get((task, question_id, name))
        if picture is not None:
            src = None if picture.problem else _url(folder / f"{name}.webp", places.report)
            yield Shot(caption, src, picture.size, picture.problem)
        elif name == "first":
            yield Shot(caption, None, None, "first_frame.png is missing")


def _tiles(video: Video) -> list[Tile]:
    if video.info is None:
        return []
    last = max(1, len(video.shown) - 1)
    return [
        Tile(
            frame=frame,
            # The middle of the frame's time, so that seeking lands in it whatever the rounding.
            seconds=round((frame + 0.5) / video.info.fps, 4),
            position=round(100 * place / last, 4),
            is_evidence=frame == video.evidence,
        )
        for place, frame in enumerate(video.shown)
    ]


def _url(path: Path, start: Path) -> str:
    return quote(relative(path, start))
