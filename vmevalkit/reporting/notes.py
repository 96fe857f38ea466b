"""What a reader must know before trusting the numbers of a report."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from vmevalkit import store
from vmevalkit.models import MODELS
from vmevalkit.reporting.paths import ExperimentPaths
from vmevalkit.reporting.stats import CEILING
from vmevalkit.reporting.text import count
from vmevalkit.store.experiment import ExperimentData, SampleRecord


@dataclass(frozen=True)
class Note:
    """A limitation of the numbers, and the command that removes it, if there is one."""

    text: str
    command: str | None = None


def notes_about(paths: ExperimentPaths, data: ExperimentData) -> list[Note]:
    """Return all notes about an experiment."""
    return [
        *_unfinished(paths, data.samples),
        *_strays(data),
        *_scorer_versions(data.samples),
        *_several_seeds(data),
        *_unusual_settings(paths, data.samples),
        *_unread_replays(data.samples),
    ]


def _unfinished(paths: ExperimentPaths, samples: Sequence[SampleRecord]) -> Iterator[Note]:
    """Samples that another run would complete."""
    lacking = [
        sample
        for sample in samples
        if sample.answerable
        and (
            sample.verdict == "broken" or (sample.video is None and sample.verdict in ("missing", "not scored"))
        )
    ]  # fmt: skip
    if lacking:
        text = f"{count(len(lacking), 'sample')} without a video that plays; each counts as not passed."
        yield Note(text, _generate_command(paths, lacking))
    failed = [sample for sample in samples if sample.answerable and sample.verdict == "failed"]
    if failed:
        text = f"{count(len(failed), 'generation')} failed; each counts as not passed."
        yield Note(text, _generate_command(paths, failed, "--retry-failed"))
    unanswerable = sum(not sample.answerable for sample in samples)
    if unanswerable:
        text = f"{count(unanswerable, 'sample')} that a baseline cannot make, because the question has no ground truth."
        yield Note(text)
    # A video that was added after its score was written must be scored again.
    outdated = sum(sample.verdict == "missing" and sample.video is not None for sample in samples)
    unscored = outdated + sum(sample.verdict == "not scored" for sample in samples)
    if unscored:
        text = f"{count(unscored, 'sample')} not scored yet; each counts as missing, and so as not passed."
        yield Note(text, paths.command("score"))


def _generate_command(paths: ExperimentPaths, samples: Iterable[SampleRecord], *options: str) -> str | None:
    """Return the command that makes videos again; None if no model is in the catalog."""
    models = sorted({sample.score.model for sample in samples})
    known = [word for model in models if model in MODELS for word in ("--model", model)]
    return paths.command("generate", *known, *options) if known else None


def _strays(data: ExperimentData) -> Iterator[Note]:
    """Scores and videos for questions that are not in the set."""
    if data.stray_scores:
        verb = "belongs" if data.stray_scores == 1 else "belong"
        yield Note(f"{count(data.stray_scores, 'score')} {verb} to questions that are not in this set; left out.")
    if data.stray_folders:
        verb = "answers" if data.stray_folders == 1 else "answer"
        yield Note(f"{count(data.stray_folders, 'output folder')} {verb} questions that are not in this set; left out.")


def _scorer_versions(samples: Iterable[SampleRecord]) -> Iterator[Note]:
    """Tasks that were scored by several versions of the scorer."""
    versions: defaultdict[str | None, set[str]] = defaultdict(set)
    for sample in samples:
        if sample.is_scored:
            versions[sample.kind].add(sample.score.scorer_version)
    mixed = [f"{kind or 'without metadata'} by {', '.join(sorted(v))}" for kind, v in versions.items() if len(v) > 1]
    if mixed:
        yield Note(f"Scored by several versions of the scorer: {'; '.join(sorted(mixed))}. Score all videos again.")


def _several_seeds(data: ExperimentData) -> Iterator[Note]:
    seeds: dict[str, set[int]] = {model: set() for model in data.models}
    for sample in data.samples:
        seeds[sample.score.model].add(sample.score.seed)
    several = [model for model, found in seeds.items() if len(found) > 1]
    if several:
        yield Note(
            f"Several videos for each question ({', '.join(several)}). In the table of pass rates, every video is a "
            "separate sample, and the intervals treat videos as independent. The intervals of the comparison resample "
            "whole tasks and questions."
        )


def _unusual_settings(paths: ExperimentPaths, samples: Sequence[SampleRecord]) -> Iterator[Note]:
    """Models that ran with less precision, or with an adapter.

    One video of each model is enough: a run does not mix settings in a folder.
    """
    first = {sample.score.model: sample for sample in reversed(samples) if sample.video and not sample.baseline}
    for model, sample in sorted(first.items()):
        _, task, question_id, seed = sample.key
        result = store.read_result(
            store.Sample(outputs=paths.outputs, model=model, task=task, question_id=question_id, seed=seed)
        )
        made = result.provenance if result is not None else None
        if made is not None and made.settings.get("speed") == "fast":
            how = f"in float8, with cache {made.settings['cache']:g}" if "cache" in made.settings else "in float8"
            yield Note(f"The videos of {model} were made with --speed fast ({how}). Exact ones may differ.")
        if made is not None and "lora" in made.requested:
            yield Note(f"The videos of {model} were made with the adapter {made.requested['lora']}.")


def _unread_replays(samples: Iterable[SampleRecord]) -> Iterator[Note]:
    """Tasks in which ground-truth videos fail, so that the rates of all models are too low."""
    replays = [sample for sample in samples if sample.score.model == CEILING and sample.verdict in ("pass", "fail")]
    total = Counter(sample.score.task for sample in replays)
    failed = Counter(sample.score.task for sample in replays if sample.verdict == "fail")
    if failed:
        tasks = ", ".join(f"{task} {number} of {total[task]}" for task, number in failed.most_common())
        yield Note(
            f"The scorer fails some ground-truth videos ({tasks}). The pass rates of these tasks are lower bounds. "
            "Larger questions are easier to read (make --size)."
        )
