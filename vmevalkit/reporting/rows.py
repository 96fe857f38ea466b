"""What was asked and what came of it: one row for each model, question and seed."""

from __future__ import annotations

import hashlib
import logging
import os
import shlex
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from vmevalkit import defaults, store
from vmevalkit.defaults import DEFAULT_SEED
from vmevalkit.errors import QuestionError
from vmevalkit.models import MODELS
from vmevalkit.reporting.stats import CEILING, NOT_SCORED
from vmevalkit.types import Difficulty, Mode, Question, Record, Score

log = logging.getLogger(__name__)

SCORER = "rule"

Key = tuple[str, str, str, int]


class Row(Record):
    """One sample that was asked for.

    Attributes:
        baseline: the model answers without reasoning.
        kind, mode, difficulty, plan_length: of the question, from its metadata; None where it has none.
        prompt: None where it cannot be read.
        answerable: the question has the files that the model needs; another run would not help where it has not.
        video: the video, None where there is none.
        score: what the rule scorer wrote, or a stand-in with reason `not_scored`.
        others: what other scorers wrote about the same video, by their names.
    """

    baseline: bool
    kind: str | None
    mode: Mode | None
    difficulty: Difficulty | None
    plan_length: int | None
    prompt: str | None
    answerable: bool
    video: Path | None
    score: Score
    others: tuple[Score, ...] = ()

    @property
    def key(self) -> Key:
        """Model, task, question and seed: what makes the sample one of a kind."""
        return key_of(self.score)

    @property
    def verdict(self) -> str:
        """What the sample is counted as: `pass`, `fail`, `not scored` or its status."""
        if self.score.status == "scored":
            return "pass" if self.score.passed else "fail"
        return "not scored" if not self.is_judged else self.score.status

    @property
    def is_judged(self) -> bool:
        """Whether a Score was written."""
        return not (self.score.status == "missing" and self.score.reason == NOT_SCORED)


@dataclass(frozen=True)
class Note:
    """Something a reader must know before trusting a number, and the command that mends it."""

    text: str
    command: str | None = None


@dataclass(frozen=True)
class ExperimentData:
    """Everything the report is made from.

    Attributes:
        questions: the whole set, sorted.
        rows: sorted by task, question, then models before baselines, then seed.
        models: models before baselines.
        set_sha256: digest over the first frames and prompts: two reports with the same one asked the same.
        notes: what a reader must know.
    """

    questions: list[Question]
    rows: list[Row]
    models: list[str]
    set_sha256: str
    notes: list[Note]


@dataclass(frozen=True)
class ExperimentPaths:
    """The four folders, and how a command names them."""

    questions: Path
    outputs: Path
    scores: Path
    report: Path

    def command(self, *words: str) -> str:
        """A command line that works on these folders."""
        verb = words[0]
        options = [("--questions", self.questions, defaults.QUESTIONS), ("--outputs", self.outputs, defaults.OUTPUTS)]
        if verb == "score":
            options.append(("--scores", self.scores, defaults.SCORES))
        parts = ["vmevalkit", *words]
        for option, path, default in options:
            if path != default:
                parts += [option, str(path)]
        return shlex.join(parts)


def gather(places: ExperimentPaths) -> ExperimentData:
    """Read a set, an experiment and its scores.

    Every question of the set was asked of every model that has a folder, with every seed that the model was run with.

    Raises:
        UsageError: there are no questions.
    """
    questions = store.iter_questions(places.questions)
    written: dict[Key, Score] = {}
    others: defaultdict[Key, list[Score]] = defaultdict(list)
    for score in store.iter_scores(places.scores):
        if score.scorer == SCORER:
            written[key_of(score)] = score
        else:
            others[key_of(score)].append(score)
    names = {*store.iter_models(places.outputs), *(model for model, *_ in written)}
    models = sorted(names, key=lambda name: (is_baseline(name), name != CEILING, name))
    prompts = [_prompt(question) for question in questions]
    seeds = {model: _seeds(places.outputs, model, questions, written) for model in models}
    rows = [
        _row(places.outputs, question, prompt, model, seed, written, others)
        for question, prompt in zip(questions, prompts, strict=True)
        for model in models
        for seed in seeds[model]
    ]
    notes = [
        *_unfinished(places, rows),
        *_strays(places, questions, rows, written),
        *_versions(rows),
        *_several_seeds(seeds),
        *_unusual(places, rows),
        *_unread(rows),
    ]
    return ExperimentData(questions, rows, models, _digest(questions), notes)


def is_baseline(model: str) -> bool:
    return model in MODELS and MODELS[model].baseline


def key_of(score: Score) -> Key:
    return score.model, score.task, score.question_id, score.seed


def _prompt(question: Question) -> str | None:
    try:
        return store.read_prompt(question)
    except QuestionError as error:
        log.warning("%s", error)
        return None


def _seeds(outputs: Path, model: str, questions: Iterable[Question], written: Iterable[Key]) -> list[int]:
    """Seeds that a model was run with; the default one for a folder in which nothing has finished."""
    seeds = {key[3] for key in written if key[0] == model}
    for question in questions:
        seeds.update(store.seeds_of(outputs, model, question.task, question.id))
    return sorted(seeds) or [DEFAULT_SEED]


def _row(
    outputs: Path,
    question: Question,
    prompt: str | None,
    model: str,
    seed: int,
    written: Mapping[Key, Score],
    others: Mapping[Key, list[Score]],
) -> Row:
    key = model, question.task, question.id, seed
    sample = store.Sample(outputs=outputs, model=model, task=question.task, question_id=question.id, seed=seed)
    video = store.find_video(sample)
    metadata = question.metadata
    return Row(
        baseline=is_baseline(model),
        kind=metadata.task if metadata else None,
        mode=metadata.mode if metadata else None,
        difficulty=metadata.difficulty if metadata else None,
        plan_length=metadata.plan_length if metadata else None,
        prompt=prompt,
        answerable=model not in MODELS or all((question.folder / name).is_file() for name in MODELS[model].needs),
        video=video,
        score=written.get(key) or _stand_in(sample, video),
        others=tuple(sorted(others.get(key, ()), key=lambda score: score.scorer)),
    )


def _stand_in(sample: store.Sample, video: Path | None) -> Score:
    """A sample that was asked for and never scored: it stays in the denominator and says what it lacks."""
    result = store.read_result(sample)
    if video is not None:
        explanation = "There is a video, and it has not been scored yet."
    elif result is not None and not result.success:
        explanation = f"Generation failed, and that has not been scored yet: {result.error}"
    else:
        explanation = "No video was made, and nothing has been scored yet."
    return Score(
        model=sample.model,
        task=sample.task,
        question_id=sample.question_id,
        seed=sample.seed,
        scorer=SCORER,
        scorer_version="",
        status="missing",
        reason=NOT_SCORED,
        explanation=explanation,
    )


def _digest(questions: Iterable[Question]) -> str:
    digest = hashlib.sha256()
    for question in questions:
        digest.update(f"{question.task}/{question.id}".encode())
        for path in (question.first_frame, question.prompt_file):
            digest.update(store.sha256(path).encode() if path.is_file() else b"-")
    return digest.hexdigest()


def count(number: int, one: str, many: str | None = None) -> str:
    """A number with its noun: `1 sample`, `1,200 samples`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def _unfinished(places: ExperimentPaths, rows: list[Row]) -> list[Note]:
    """What another run of the kit would complete."""
    notes = []
    verdicts = Counter(row.verdict for row in rows)
    stale = sum(row.verdict == "missing" and row.video is not None for row in rows)
    unscored = verdicts["not scored"] + stale
    lacking = [
        row for row in rows if row.answerable and (row.video is None or row.verdict == "broken")
        and row.verdict in ("missing", "not scored", "broken")
    ]  # fmt: skip
    if lacking:
        text = f"{count(len(lacking), 'sample')} without a video that plays; each counts as not passed."
        notes.append(Note(text, _generate(places, lacking)))
    failed = [row for row in rows if row.answerable and row.verdict == "failed"]
    if failed:
        text = f"{count(len(failed), 'generation')} failed; each counts as not passed."
        notes.append(Note(text, _generate(places, failed, "--retry-failed")))
    hopeless = sum(not row.answerable for row in rows)
    if hopeless:
        text = f"{count(hopeless, 'sample')} that a baseline cannot make, because the question brings no answer along."
        notes.append(Note(text))
    if unscored:
        text = f"{count(unscored, 'sample')} not scored yet; each counts as missing, so as not passed."
        notes.append(Note(text, places.command("score")))
    return notes


def _generate(places: ExperimentPaths, rows: Iterable[Row], *options: str) -> str | None:
    """The command that makes videos again; None where a model is not one that the kit can run."""
    models = sorted({row.score.model for row in rows})
    known = [word for model in models if model in MODELS for word in ("--model", model)]
    return places.command("generate", *known, *options) if known else None


def _strays(
    places: ExperimentPaths, questions: list[Question], rows: list[Row], written: Mapping[Key, Score]
) -> list[Note]:
    """Scores and videos that belong to no question of this set."""
    asked = {key_of(row.score) for row in rows}
    known = {(question.task, question.id) for question in questions}
    scores = sum(key not in asked for key in written)
    folders = sum(
        (folder.parent.name.removesuffix("_task"), folder.name) not in known
        for model in store.iter_models(places.outputs)
        for folder in (places.outputs / model).glob("*_task/*")
        if folder.is_dir()
    )
    notes = []
    if scores:
        verb = "belongs" if scores == 1 else "belong"
        notes.append(Note(f"{count(scores, 'score')} {verb} to questions that are not in this set and are left out."))
    if folders:
        verb = "answers" if folders == 1 else "answer"
        notes.append(
            Note(f"{count(folders, 'output folder')} {verb} questions that are not in this set and are left out.")
        )
    return notes


def _unusual(places: ExperimentPaths, rows: list[Row]) -> list[Note]:
    """Models whose videos were made with less precision, or with other weights than the entry's own.

    One video tells: a run does not mix settings in a folder.
    """
    first = {row.score.model: row for row in reversed(rows) if row.video is not None and not row.baseline}
    notes = []
    for model, row in sorted(first.items()):
        _, task, question_id, seed = row.key
        result = store.read_result(
            store.Sample(outputs=places.outputs, model=model, task=task, question_id=question_id, seed=seed)
        )
        made = result.provenance if result is not None else None
        if made is not None and made.settings.get("speed") == "fast":
            how = f"in float8, with cache {made.settings['cache']:g}" if "cache" in made.settings else "in float8"
            notes.append(Note(f"The videos of {model} were made with --speed fast, {how}: exact ones may differ."))
        if made is not None and "lora" in made.requested:
            notes.append(Note(f"The videos of {model} were made with the adapter {made.requested['lora']}."))
    return notes


def _unread(rows: list[Row]) -> list[Note]:
    """Tasks whose right videos the scorer does not all read: a model's rate there is too low."""
    shown = [row for row in rows if row.score.model == CEILING and row.verdict in ("pass", "fail")]
    asked = Counter(row.score.task for row in shown)
    lost = Counter(row.score.task for row in shown if row.verdict == "fail")
    if not lost:
        return []
    where = ", ".join(f"{task} {number} of {asked[task]}" for task, number in lost.most_common())
    return [
        Note(
            f"The scorer does not read every right video (replays that fail: {where}). A model's rate there is a lower "
            "bound. Larger questions are read better (make --size)."
        )
    ]


def _versions(rows: list[Row]) -> list[Note]:
    """Videos of one puzzle family that were scored by different versions of the scorer."""
    found: defaultdict[str | None, set[str]] = defaultdict(set)
    for row in rows:
        if row.is_judged:
            found[row.kind].add(row.score.scorer_version)
    mixed = [f"{kind or 'without metadata'} by {', '.join(sorted(v))}" for kind, v in found.items() if len(v) > 1]
    if not mixed:
        return []
    return [Note(f"Scored by several versions of the scorer: {'; '.join(sorted(mixed))}. Score all videos again.")]


def _several_seeds(seeds: Mapping[str, list[int]]) -> list[Note]:
    several = [model for model, found in seeds.items() if len(found) > 1]
    if not several:
        return []
    text = (
        f"Several videos a question ({', '.join(several)}): every video is a sample of its own in the table of pass "
        "rates, whose intervals treat them as independent; those of the comparison draw whole tasks and questions."
    )
    return [Note(text)]


def relative(path: Path, start: Path) -> str:
    """A path as seen from a folder, with forward slashes; neither needs to exist."""
    # Links in the page are resolved by their text, not by the disk: symbolic links must stay as they are.
    return Path(os.path.relpath(path, start)).as_posix()
