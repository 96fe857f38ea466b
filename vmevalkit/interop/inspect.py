"""Inspect (inspect_ai): an experiment as logs that `inspect view` shows and `datasets` reads.

One log a model. Samples have whole numbers as ids, because `datasets` sorts its rows by them; the question's id is in
the metadata. An epoch is a seed. The rate that Inspect shows is computed here: a video that is missing or cannot be
scored counts as not passed. The other direction, the kit as a task of Inspect, is in `_inspect_tasks.py`.
"""

from __future__ import annotations

import base64
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vmevalkit import store
from vmevalkit._version import __version__
from vmevalkit.errors import UsageError
from vmevalkit.interop.base import Exported, Exporter, register_format
from vmevalkit.interop.card import Card, read_card
from vmevalkit.reporting.asked import read_comparable
from vmevalkit.reporting.paths import ExperimentPaths
from vmevalkit.reporting.text import count
from vmevalkit.store.experiment import SCORER, ExperimentData, SampleRecord
from vmevalkit.types import Question, Score

if TYPE_CHECKING:
    from inspect_ai.log import EvalLog, EvalSample, EvalScore
    from inspect_ai.scorer import Score as InspectScore


@register_format
class InspectLogs(Exporter):
    """Logs of Inspect."""

    name = "inspect"
    about = "Logs of Inspect (.eval), one a model, for `inspect view` and `datasets`."
    url = "https://inspect.aisi.org.uk"

    def export(self, experiment: ExperimentPaths, target: Path) -> Exported:
        """Write {model}.eval for each model and baseline."""
        try:
            from inspect_ai.log import write_eval_log
        except ModuleNotFoundError as error:
            raise UsageError(f"logs of Inspect need {error.name}", "pip install 'vmevalkit[inspect]'") from None
        data = read_comparable(experiment)
        card = read_card(experiment)
        target.mkdir(parents=True, exist_ok=True)
        for model in data.models:
            samples = [sample for sample in data.samples if sample.score.model == model]
            log = _log(experiment, data, card, model, samples)
            with store.replacing(target / f"{model}.eval", suffix=".eval") as temporary:
                write_eval_log(log, str(temporary), format="eval")
                _deflate(temporary)
        if not data.models:
            raise UsageError(f"there are no videos in {experiment.outputs}", "generate some first")
        return Exported(
            count(len(data.models), "log"), target, hint=f"to look at them: inspect view --log-dir {target}"
        )


def _deflate(path: Path) -> None:
    """Write a ZIP file again with a compression that every Python reads.

    Inspect writes Zstandard, which `datasets` cannot read before Python 3.14.
    """
    with zipfile.ZipFile(path) as log:
        entries = [(entry, log.read(entry)) for entry in log.infolist()]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as log:
        for entry, content in entries:
            log.writestr(zipfile.ZipInfo(entry.filename, entry.date_time), content, zipfile.ZIP_DEFLATED)


def question_message(question: Question) -> Any:
    """Return the message that asks a question: the prompt, and the first frame as a data URI."""
    from inspect_ai.model import ChatMessageUser, ContentImage, ContentText

    image = base64.b64encode(question.first_frame.read_bytes()).decode("ascii")
    content = [
        ContentText(text=store.read_prompt(question)),
        ContentImage(image=f"data:image/png;base64,{image}"),
    ]
    return ChatMessageUser(content=content)


def inspect_score(score: Score) -> InspectScore:
    """Return a score as Inspect has it: C, I, or N for a sample that was not scored; a number for a measurement."""
    from inspect_ai.scorer import CORRECT, INCORRECT, NOANSWER
    from inspect_ai.scorer import Score as InspectScore

    verdicts = {True: CORRECT, False: INCORRECT, None: NOANSWER}
    value: str | float = score.value if score.measures and score.value is not None else verdicts[score.passed]
    kept = {"status", "value", "outcome", "process", "preservation", "reason", "evidence_frame", "notes", "measures"}
    return InspectScore(
        value=value,
        answer=score.status,
        explanation=score.explanation,
        metadata={"scorer_version": score.scorer_version, **score.model_dump(mode="json", include=kept)},
    )


def question_metadata(question: Question) -> dict[str, Any]:
    """Return what a sample says about its question."""
    metadata, source = question.metadata, store.read_source(question)
    facts = {"mode", "difficulty", "plan_length"}
    return {
        "task": question.task,
        "question_id": question.id,
        **(metadata.model_dump(include=facts) if metadata else {}),
        **({"source": source.credit, "original_id": source.original_id} if source else {}),
    }


def _log(
    experiment: ExperimentPaths, data: ExperimentData, card: Card, model: str, samples: Sequence[SampleRecord]
) -> EvalLog:
    from datetime import datetime, timezone

    from inspect_ai.log import EvalConfig, EvalDataset, EvalLog, EvalResults, EvalSpec

    seeds = sorted({sample.score.seed for sample in samples})
    found = list(_samples(experiment, data, seeds, samples))
    suite = card.suite
    setup = next((setup for setup in card.models if setup.model == model), None)
    return EvalLog(
        status="success",
        eval=EvalSpec(
            created=datetime.now(timezone.utc).isoformat(),
            task=f"vmevalkit/{suite.name if suite else data.question_set_sha256[:12]}",
            task_version=suite.digest if suite else data.question_set_sha256,
            model=f"vmevalkit/{model}",
            dataset=EvalDataset(
                name=suite.name if suite else None, samples=len(data.questions), sample_ids=[s.id for s in found]
            ),
            config=EvalConfig(epochs=len(seeds)),
            packages={"vmevalkit": __version__},
            metadata={
                "question_set_sha256": data.question_set_sha256,
                "seeds": seeds,
                "baseline": samples[0].baseline,
                "setup": setup.model_dump(mode="json") if setup else None,
            },
        ),
        results=EvalResults(
            total_samples=len(found), completed_samples=len(found), scores=list(_results(card, model, samples))
        ),
        samples=found,
    )


def _samples(
    experiment: ExperimentPaths, data: ExperimentData, seeds: Sequence[int], samples: Sequence[SampleRecord]
) -> Iterator[EvalSample]:
    from inspect_ai.log import EvalSample
    from inspect_ai.model import ChatMessageAssistant, ContentText, ContentVideo, ModelOutput

    questions = {(q.task, q.id): (number, q) for number, q in enumerate(data.questions, 1)}
    for sample in samples:
        model, task, question_id, seed = sample.key
        number, question = questions[task, question_id]
        asked = question_message(question)
        path = str(sample.video.absolute()) if sample.video else None
        content = [ContentVideo(video=path, format="mp4")] if path else [ContentText(text="no video")]
        yield EvalSample(
            id=number,
            epoch=seeds.index(seed) + 1,
            input=[asked],
            target="",
            messages=[asked, ChatMessageAssistant(content=content, model=model)],
            output=ModelOutput.from_content(model, path or ""),
            scores={score.scorer: inspect_score(score) for score in sample.written_scores},
            metadata={**question_metadata(question), "seed": seed},
            store={"video": path} if path else {},
        )


def _results(card: Card, model: str, samples: Sequence[SampleRecord]) -> Iterator[EvalScore]:
    """Yield the rate of the rule scorer on all samples, with its interval if there is one mode; means of measures."""
    from inspect_ai.log import EvalMetric, EvalScore

    def metrics(**values: float) -> dict[str, EvalMetric]:
        return {name: EvalMetric(name=name, value=value) for name, value in values.items()}

    if any(sample.is_scored for sample in samples):
        passed = sum(sample.score.passed is True for sample in samples)
        rates = [rate for rate in card.rates if rate.model == model and rate.task is None]
        bounds = {"low": rates[0].rate.low, "high": rates[0].rate.high} if len(rates) == 1 else {}
        yield EvalScore(name=SCORER, scorer=SCORER, metrics=metrics(accuracy=passed / len(samples), **bounds))
    for found in card.measured:
        if found.model == model:
            means = {f"mean_{name}": value for name, value in found.means.items()}
            bounds = {"low": found.value.low, "high": found.value.high}
            value = metrics(mean=found.value.value, **bounds, **means)
            yield EvalScore(name=found.scorer, scorer=found.scorer, metrics=value)
