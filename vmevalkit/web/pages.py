"""What the pages show, asked of the index."""

from __future__ import annotations

import hashlib
import hmac
import shlex
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import Any

import sqlalchemy as sql

from vmevalkit import defaults, media, store
from vmevalkit.defaults import DEFAULT_SEED
from vmevalkit.errors import VMEvalError
from vmevalkit.reporting.catalog import is_baseline
from vmevalkit.reporting.media import choose_frames
from vmevalkit.reporting.stats import CEILING, DRAWS, wilson
from vmevalkit.scorers.rule import views_of
from vmevalkit.store.experiment import Key
from vmevalkit.store.ratings import Rating, Ratings, next_for
from vmevalkit.tasks.base import TASKS, Reading
from vmevalkit.types import MODES, Geometry, Question, QuestionMetadata
from vmevalkit.web import claims
from vmevalkit.web.index import SCORERS, SORTS, Index, SampleFilter, in_mode, opinions, samples

# Rows of a table that a page shows at most.
_SHOWN = 300


@dataclass(frozen=True)
class Cell:
    """A rate with its interval."""

    asked: int
    passed: int

    @property
    def rate(self) -> float:
        return self.passed / self.asked

    @property
    def bounds(self) -> tuple[float, float]:
        return wilson(self.passed, self.asked)


# ---------------------------------------------------------------------------------------------------------- overview


def overview(index: Index, mode: str) -> dict[str, Any]:
    """Models by tasks, in one mode, and what became of everything that was asked."""
    modes = [name for name, _ in index.choices()["mode"]]
    mode = _mode(mode, modes)
    counted = sql.select(samples.c.model, samples.c.task, sql.func.count(), _number(samples.c.passed))
    cells: dict[str, dict[str, Cell]] = defaultdict(dict)
    for model, task, asked, passed in index.rows(
        counted.where(in_mode(mode)).group_by(samples.c.model, samples.c.task)
    ):
        cells[model][task] = Cell(asked, passed)
    models = sorted(cells, key=lambda name: (is_baseline(name), name != CEILING, name))
    tasks = sorted({task for found in cells.values() for task in found})
    whole = {model: Cell(sum(c.asked for c in found.values()), sum(c.passed for c in found.values()))
             for model, found in cells.items()}  # fmt: skip
    statuses: dict[str, Counter[str]] = defaultdict(Counter)
    by_verdict = sql.select(samples.c.model, samples.c.verdict, sql.func.count())
    for model, verdict, number in index.rows(
        by_verdict.where(in_mode(mode)).group_by(samples.c.model, samples.c.verdict)
    ):
        statuses[model][verdict] = number
    return {"mode": mode, "modes": modes, "models": models, "tasks": tasks, "cells": cells, "whole": whole,
            "statuses": statuses, "is_baseline": is_baseline,
            "has_curves": not all(map(is_baseline, models))}  # fmt: skip


def by_difficulty(index: Index, mode: str) -> dict[str, dict[int, tuple[int, int]]]:
    """How many of each model's videos passed and were asked for, by difficulty; without baselines."""
    counted = sql.select(samples.c.model, samples.c.difficulty, sql.func.count(), _number(samples.c.passed))
    found: dict[str, dict[int, tuple[int, int]]] = defaultdict(dict)
    for model, difficulty, asked, passed in index.rows(
        counted.where(in_mode(mode), samples.c.difficulty.is_not(None), sql.not_(samples.c.baseline))
        .group_by(samples.c.model, samples.c.difficulty).order_by(samples.c.baseline, samples.c.model)
    ):  # fmt: skip
        found[model][difficulty] = (passed, asked)
    return dict(found)


def _mode(wanted: str, modes: Sequence[str]) -> str:
    """A mode that was asked: the wanted one where it was; empty where no question has any."""
    return wanted if wanted in modes else next((name for name in MODES if name in modes), "")


def _number(which: Any) -> Any:
    """How many rows a condition holds for."""
    return sql.func.sum(sql.cast(which, sql.Integer))


# ------------------------------------------------------------------------------------------------------- one sample


def sample(index: Index, ratings: Ratings, found: store.Sample, row: Any) -> dict[str, Any]:
    """Everything that is known of a sample."""
    result = store.read_result(found)
    path = store.find_video(found)
    info = _info(path) if path else None
    shown = choose_frames(info.frames, row.evidence_frame) if info else ()
    question = index.question(row.task, row.question_id)
    return {
        "row": row,
        "question": question,
        "result": result,
        "provenance": result.provenance if result and result.success else None,
        "info": info,
        "shown": shown,
        "opinions": index.opinions(row.model, row.task, row.question_id, row.seed),
        "ratings": ratings.history(sample=found),
        "readings": _timeline(index, found) if info else None,
        "commands": commands(index, found),
    }


def commands(index: Index, found: store.Sample) -> list[tuple[str, str]]:
    """What makes a sample and its score again."""
    places = [("--questions", index.questions, defaults.QUESTIONS), ("--outputs", index.outputs, defaults.OUTPUTS)]
    where = [word for option, path, usual in places if path != usual for word in (option, str(path))]
    again = ["vmevalkit", "generate", "--model", found.model, "--task", found.task, "--task-id", found.question_id]
    scored = ["vmevalkit", "score", "--model", found.model, *where]
    if index.scores != defaults.SCORES:
        scored += ["--scores", str(index.scores)]
    return [
        ("The video", shlex.join([*again, "--seed", str(found.seed), "--no-baselines", *where])),
        ("Its score", shlex.join(scored)),
    ]


@dataclass(frozen=True)
class Decoded:
    """What the verifier read in each frame, and where the canvas lies in the video."""

    readings: tuple[Reading[Any], ...]
    geometry: Geometry
    metadata: QuestionMetadata

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, width and height of the canvas, in per cent of the video."""
        g = self.geometry
        return (100 * g.x / g.frame[0], 100 * g.y / g.frame[1], 100 * g.width / g.frame[0], 100 * g.height / g.frame[1])


def _timeline(index: Index, found: store.Sample) -> dict[str, Any] | None:
    """For each frame what was read in it: "state", "lost" (the scene is not intact) or "between"."""
    decoded = _decoded(index, found)
    if decoded is None:
        return None
    kinds = ["lost" if not r.scene_intact else "between" if r.state is None else "state" for r in decoded.readings]
    notes = ["" if kind == "state" else r.note for kind, r in zip(kinds, decoded.readings, strict=True)]
    return {"kinds": kinds, "notes": notes, "box": decoded.box}


def state_picture(index: Index, found: store.Sample, frame: int) -> bytes | None:
    """The puzzle drawn in the state that was read in a frame; None where none was read."""
    decoded = _decoded(index, found)
    if decoded is None or not 0 <= frame < len(decoded.readings) or decoded.readings[frame].state is None:
        return None
    task = TASKS[decoded.metadata.task]
    puzzle = task.puzzle_type.model_validate(decoded.metadata.puzzle)
    return media.png(task.painter(puzzle, decoded.metadata.canvas)(decoded.readings[frame].state))


def _decoded(index: Index, found: store.Sample) -> Decoded | None:
    path = store.find_video(found)
    return _read_video(index.questions, found, path.stat().st_mtime_ns) if path else None


@lru_cache(maxsize=16)
def _read_video(root: Any, found: store.Sample, _changed: int) -> Decoded | None:
    """Every frame as the verifier reads it; None where there is no verifier, or nothing that decodes."""
    try:
        question: Question = store.read_question(root, found.task, found.question_id)
        metadata = question.metadata
        if metadata is None or metadata.task not in TASKS:
            return None
        frames, geometry = views_of(question, metadata, found)
    except VMEvalError:
        return None
    task = TASKS[metadata.task]
    read = task.reader(task.puzzle_type.model_validate(metadata.puzzle), metadata.canvas)
    return Decoded(tuple(read(frame) for frame in frames), geometry, metadata)


def _info(path: Any) -> media.VideoInfo | None:
    try:
        return media.probe(path)
    except VMEvalError:
        return None


def question(index: Index, asked: Any, seed: int | None) -> dict[str, Any]:
    """All models' videos of a question, of one seed."""
    at = (samples.c.task == asked.task, samples.c.question_id == asked.question_id)
    seeds = [row.seed for row in index.rows(sql.select(samples.c.seed).where(*at).distinct().order_by(samples.c.seed))]
    seed = seed if seed in seeds else DEFAULT_SEED if DEFAULT_SEED in seeds else seeds[0] if seeds else DEFAULT_SEED
    found = sql.select(samples).where(*at, samples.c.seed == seed).order_by(samples.c.baseline, samples.c.model)
    return {"asked": asked, "rows": index.rows(found), "seeds": seeds, "seed": seed}


# -------------------------------------------------------------------------------------------------------- comparing


def compare(index: Index, a: str, b: str, mode: str, task: str) -> dict[str, Any]:
    """Two models on the same questions: how much better the first is, and where they differ."""
    choices = {name: [value for value, _ in found] for name, found in index.choices().items()}
    models, modes = choices["model"], choices["mode"]
    mode = _mode(mode, modes)
    a = a if a in models else models[0] if models else ""
    b = b if b in models else next((name for name in models if name != a), a)
    found = claims.passes(index, mode, task)
    said = found[a].against(found[b]) if a in found and b in found else None
    one, other = (_by_question(model, mode, task) for model in (a, b))
    rows = index.rows(
        sql.select(one.c.task, one.c.question_id, one.c.difficulty, *_side(one, "a"), *_side(other, "b"))
        .join(other, sql.and_(one.c.task == other.c.task, one.c.question_id == other.c.question_id))
        .where(one.c.passed * other.c.asked != other.c.passed * one.c.asked)
        .order_by(one.c.task, one.c.question_id)
    )  # fmt: skip
    return {"a": a, "b": b, "mode": mode, "task": task, "models": models, "modes": modes, "tasks": choices["task"],
            "rates": (found[a].rate, found[b].rate) if said else (), "said": said, "rows": rows, "shown": _SHOWN,
            "draws": DRAWS}  # fmt: skip


def _by_question(model: str, mode: str, task: str) -> Any:
    """For each question how many of a model's videos pass, and one reason."""
    c = samples.c
    limits = [c.task == task] if task else []
    return (
        sql.select(c.task, c.question_id, c.difficulty, _number(c.passed).label("passed"),
                   sql.func.count().label("asked"), sql.func.min(c.reason).label("reason"))
        .where(c.model == model, in_mode(mode), *limits).group_by(c.task, c.question_id).subquery()
    )  # fmt: skip


def _side(counted: Any, side: str) -> list[Any]:
    return [counted.c[name].label(f"{name}_{side}") for name in ("passed", "asked", "reason")]


def disagreements(index: Index) -> dict[str, Any]:
    """How far scorers agree, and what each says about the videos on which they do not."""
    wanted = SampleFilter(agreement="disagree")
    key = [samples.c[name] for name in ("model", "task", "question_id", "seed")]
    videos = sql.select(*key).where(*wanted.conditions()).order_by(*SORTS["question"]).limit(_SHOWN).subquery()
    same = (opinions.c[column.name] == videos.c[column.name] for column in key)
    said = index.rows(sql.select(opinions).join(videos, sql.and_(*same)).where(opinions.c.passed.is_not(None))
                      .order_by(opinions.c.task, opinions.c.question_id, opinions.c.model, opinions.c.seed,
                                *SCORERS))  # fmt: skip
    rows = [list(own) for _, own in groupby(said, key=lambda row: (row.model, row.task, row.question_id, row.seed))]
    return {"agreement": claims.agreement(index), "draws": DRAWS, "rows": rows, "videos": index.count(wanted)}


# --------------------------------------------------------------------------------------------------------- progress


def progress(index: Index) -> dict[str, Any]:
    """How far a running experiment is: videos made and scored, by model, and when it will be done."""
    done = _number(sql.or_(samples.c.made.is_not(None), samples.c.has_video))
    judged = sql.func.sum(sql.case((samples.c.verdict != "not scored", 1), else_=0))
    rows = index.rows(
        sql.select(samples.c.model, sql.func.count().label("asked"), done.label("done"), judged.label("judged"))
        .group_by(samples.c.model).order_by(samples.c.baseline, samples.c.model)
    )  # fmt: skip
    rates = {}
    for row in rows:
        # By the last videos: a model starts slowly, and may have been stopped in between.
        recent = index.rows(
            sql.select(samples.c.made).where(samples.c.model == row.model, samples.c.made.is_not(None))
            .order_by(samples.c.made.desc()).limit(20)
        )  # fmt: skip
        span = recent[0].made - recent[-1].made if len(recent) > 1 else 0
        each = span / (len(recent) - 1) if span else None
        rates[row.model] = (each, each * (row.asked - row.done) if each else None)
    return {"rows": rows, "rates": rates}


# ----------------------------------------------------------------------------------------------------------- rating


class Blind:
    """Names for videos that tell nothing about who made them."""

    def __init__(self, index: Index, secret: bytes) -> None:
        self._index, self._secret = index, secret
        self._keys: dict[str, Key] = {}
        self._revision = -1

    def name(self, key: Key) -> str:
        return hmac.new(self._secret, repr(key).encode(), hashlib.sha256).hexdigest()[:24]

    def videos(self) -> list[Key]:
        """Every video by a model, but not those of baselines."""
        revision = self._index.revision
        if revision != self._revision:
            c = samples.c
            rows = self._index.rows(
                sql.select(c.model, c.task, c.question_id, c.seed).where(c.has_video, sql.not_(c.baseline))
            )
            keys = [(row.model, row.task, row.question_id, row.seed) for row in rows]
            self._keys, self._revision = {self.name(key): key for key in keys}, revision
        return list(self._keys.values())

    def video(self, name: str) -> store.Sample | None:
        self.videos()
        key = self._keys.get(name)
        if key is None:
            return None
        model, task, question_id, seed = key
        return store.Sample(outputs=self._index.outputs, model=model, task=task, question_id=question_id, seed=seed)


def to_rate(
    blind: Blind, ratings: Ratings, rater: str, each: int, disputed: bool, video: str
) -> dict[str, Any]:  # fmt: skip
    """The video to be rated next, or one that the rater wants to change."""
    videos, rated = blind.videos(), ratings.current()
    mine = {key: by_rater[rater] for key, by_rater in rated.items() if rater in by_rater}
    again = blind.video(video) if video else None
    key: Key | None = (again.model, again.task, again.question_id, again.seed) if again else None
    if key is None:
        split = _disputed(rated) if disputed else ()
        key = next_for(rater, videos, rated, each, split)
    last = ratings.history(rater)[-1:]
    return {
        "video": blind.name(key) if key else None,
        "question": _question(blind, key),
        "info": _video_info(blind, key),
        "before": mine.get(key) if key else None,
        "disputed": disputed,
        "done": sum(key in mine for key in videos),
        "total": len(videos),
        "last": blind.name(last[0].key) if last else None,
        "rater": rater,
    }


def pair(blind: Blind, ratings: Ratings, rater: str) -> dict[str, Any]:
    """Two videos of one question by different models, in an order of the rater's own."""
    by_question: dict[tuple[str, str, int], list[str]] = defaultdict(list)
    for model, task, question_id, seed in blind.videos():
        by_question[task, question_id, seed].append(model)
    seen = {(p.task, p.question_id, p.seed, frozenset((p.left, p.right))) for p in ratings.preferences(rater)}
    todo = [
        (task, question_id, seed, one, other)
        for (task, question_id, seed), models in by_question.items()
        for i, one in enumerate(sorted(models))
        for other in sorted(models)[i + 1 :]
    ]
    total = len(todo)
    todo = [p for p in todo if (*p[:3], frozenset(p[3:])) not in seen]
    chosen = min(todo, key=lambda p: hashlib.sha256(repr((rater, p)).encode()).hexdigest(), default=None)
    found: dict[str, Any] = {"rater": rater, "done": total - len(todo), "total": total, "question": None, "sides": ()}
    if chosen:
        task, question_id, seed, *models = chosen
        if int(hashlib.sha256(repr((rater, chosen, "side")).encode()).hexdigest(), 16) % 2:
            models.reverse()
        keys: Sequence[Key] = [(model, task, question_id, seed) for model in models]
        found["question"] = _question(blind, keys[0])
        found["sides"] = [(blind.name(key), _video_info(blind, key)) for key in keys]
    return found


def _disputed(rated: Mapping[Key, Mapping[str, Rating]]) -> list[Key]:
    return [key for key, by_rater in rated.items() if len({r.passed for r in by_rater.values()}) > 1]


def _question(blind: Blind, key: Key | None) -> Any:
    return blind._index.question(key[1], key[2]) if key else None


def _video_info(blind: Blind, key: Key | None) -> media.VideoInfo | None:
    found = blind.video(blind.name(key)) if key else None
    path = store.find_video(found) if found else None
    return _info(path) if path else None
