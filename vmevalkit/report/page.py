"""index.html: the view of the rows, filled into the template. Everything that comes from outside is escaped."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from urllib.parse import quote, urlencode

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from vmevalkit import store
from vmevalkit.models import MODELS
from vmevalkit.report.media import TILE, Film, Picture, film_folder, question_folder
from vmevalkit.report.rows import Gathered, Key, Places, Row, count, relative
from vmevalkit.report.tables import MODES_AND_NONE, Cell, Summary
from vmevalkit.stats import CEILING, Floor, Tally
from vmevalkit.types import STATUSES, Mode

VERDICTS = {
    "pass": ("✓", "The answer is right, was reached by legal visible steps, and the rest of the scene stayed."),
    "fail": ("✕", "The film was judged and is not a right answer; the reason says why."),
    "unscorable": ("?", "The scorer cannot decide about this film, and says why."),
    "broken": ("!", "There is a file, and it cannot be decoded as a video."),
    "failed": ("!", "The model was run and made no film."),
    "missing": ("–", "There is no film."),
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
    film: Film | None
    video: str | None
    poster: str
    strip: str
    tiles: list[Tile] = field(default_factory=list)

    @property
    def evidence_seconds(self) -> float | None:
        return next((tile.seconds for tile in self.tiles if tile.is_evidence), None)


def render(
    places: Places,
    gathered: Gathered,
    summary: Summary,
    pictures: Mapping[tuple[str, str, str], Picture],
    films: Mapping[Key, Film],
) -> str:
    """The whole page, with its style and script inside."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["percent"] = lambda share: f"{100 * share:.0f}"
    environment.filters["anchor"] = _anchor
    environment.globals["count"] = count
    template = environment.from_string(_resource("index.html"))
    views = [_sample(places, row, pictures, films.get(row.key)) for row in gathered.rows]
    tables = list(_tables(summary, gathered))
    return template.render(
        summary=summary,
        notes=gathered.notes,
        counts=[cell for table in tables for cell in summary.cells if (cell.mode, cell.task) in table.places],
        tables=tables,
        checks=list(_checks(summary)),
        views=views,
        verdicts=VERDICTS,
        choices=_choices(gathered),
        modes=[table.mode for table in tables],
        statuses=STATUSES,
        tile=TILE,
        style=Markup(_resource("page.css")),  # noqa: S704 - the kit's own file
        script=Markup(_resource("page.js")),  # noqa: S704 - the kit's own file
    )


def _resource(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _anchor(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "-", text)


# ------------------------------------------------------------------------------------------------------------ tables


def _tables(summary: Summary, gathered: Gathered) -> Iterator[Table]:
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
    """Whether the right film passes and the films made without reasoning do not, where something was scored."""
    whole = [cell for cell in summary.cells if cell.task is None and cell.baseline and cell.tally.scored]
    for cell in whole:
        if cell.mode is None or (cell.mode == "hold" and cell.model != CEILING):
            continue
        of = f"{cell.tally.passed} of {count(cell.tally.asked, 'film')}"
        where = f" in mode {cell.mode}" if len({c.mode for c in whole}) > 1 else ""
        if cell.model == CEILING:
            text = f"{cell.model}, the right answer, passes {of}{where}"
            yield Check(cell.tally.passed == cell.tally.asked, text)
        else:
            yield Check(cell.tally.passed == 0, f"{cell.model} passes {of}{where}")


def _choices(gathered: Gathered) -> dict[str, list[tuple[str, int]]]:
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


# ----------------------------------------------------------------------------------------------------------- samples


def _sample(
    places: Places, row: Row, pictures: Mapping[tuple[str, str, str], Picture], film: Film | None
) -> SampleView:
    model, task, question_id, seed = row.key
    suffix = store.seed_suffix(seed)
    media = places.report / "media"
    folder = film_folder(media, row.key)
    return SampleView(
        row=row,
        id=f"{model}/{task}/{question_id}{suffix}",
        glyph=VERDICTS[row.verdict][0],
        shots=[*_shots(places, row, pictures)],
        film=film,
        video=_url(row.video, places.report) if row.video else None,
        poster=_url(folder / f"poster{suffix}.webp", places.report),
        strip=_url(folder / f"strip{suffix}.webp", places.report),
        tiles=_tiles(film) if film and film.info else [],
    )


def _shots(places: Places, row: Row, pictures: Mapping[tuple[str, str, str], Picture]) -> Iterator[Shot]:
    _, task, question_id, _ = row.key
    folder = question_folder(places.report / "media", task, question_id)
    for name, caption in (("first", "First frame"), ("final", "Right answer")):
        picture = pictures.get((task, question_id, name))
        if picture is not None:
            src = None if picture.problem else _url(folder / f"{name}.webp", places.report)
            yield Shot(caption, src, picture.size, picture.problem)
        elif name == "first":
            yield Shot(caption, None, None, "first_frame.png is missing")


def _tiles(film: Film) -> list[Tile]:
    if film.info is None:
        return []
    last = max(1, len(film.shown) - 1)
    return [
        Tile(
            frame=frame,
            # The middle of the frame's time, so that seeking lands in it whatever the rounding.
            seconds=round((frame + 0.5) / film.info.fps, 4),
            position=round(100 * place / last, 4),
            is_evidence=frame == film.evidence,
        )
        for place, frame in enumerate(film.shown)
    ]


def _url(path: Path, start: Path) -> str:
    return quote(relative(path, start))
