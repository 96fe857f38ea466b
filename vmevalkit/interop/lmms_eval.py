"""lmms-eval: a folder with a task that asks the questions and lets the kit score the videos.

`lmms-eval --include_path DIR --tasks vmevalkit --model NAME`. A model that generates returns a JSON text
`{"text": "", "videos": [PATH]}`, or the path alone. Written for lmms-eval 0.7.3.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vmevalkit import media, store
from vmevalkit.interop.base import Exported, Exporter, register_format
from vmevalkit.reporting.paths import ExperimentPaths
from vmevalkit.reporting.text import count
from vmevalkit.scorers.base import SCORERS
from vmevalkit.types import Question, Score

ELSEWHERE = "elsewhere"
"""Model of a video that is not part of an experiment."""

_YAML = """\
task: vmevalkit
dataset_path: json
dataset_kwargs:
  data_files:
    test: {data}
test_split: test
output_type: generate_until
doc_to_visual: !function utils.doc_to_visual
doc_to_text: !function utils.doc_to_text
doc_to_target: ""
process_results: !function utils.process_results
generation_kwargs:
  max_new_tokens: 1
metric_list:
  - metric: passed
    aggregation: mean
    higher_is_better: true
  - metric: value
    aggregation: mean
    higher_is_better: true
metadata:
  - version: {version}
"""

_UTILS = '''\
"""Functions of the task vmevalkit, which the installed package has."""

from functools import partial
from pathlib import Path

from vmevalkit.interop import lmms_eval

QUESTIONS = Path(__file__).parent / "questions"

doc_to_text = lmms_eval.doc_to_text
doc_to_visual = partial(lmms_eval.doc_to_visual, QUESTIONS)
process_results = partial(lmms_eval.process_results, QUESTIONS, scorer="{scorer}")
'''


@register_format
class LmmsEval(Exporter):
    """A task folder of lmms-eval."""

    name = "lmms-eval"
    about = "A task folder of lmms-eval, with the question set, whose videos the kit scores."
    url = "https://github.com/EvolvingLMMs-Lab/lmms-eval"

    def export(self, experiment: ExperimentPaths, target: Path) -> Exported:
        """Write vmevalkit.yaml, utils.py, the questions, and their list.

        A set that is imported as a whole is scored by `reference`, any other by `rule`.
        """
        questions = store.iter_questions(experiment.questions)
        rows = [
            {"number": number, "task": q.task, "question_id": q.id, "prompt": store.read_prompt(q)}
            for number, q in enumerate(questions, 1)
        ]
        for question in questions:
            folder = store.question_folder(target / "questions", question.task, question.id)
            for path in question.files:
                if path.is_file():
                    with store.replacing(folder / path.name) as temporary:
                        shutil.copyfile(path, temporary)
        data = (target / "test.jsonl").absolute()
        store.write_text(data, "".join(json.dumps(row) + "\n" for row in rows))
        scorer = "rule" if any(question.metadata for question in questions) else "reference"
        store.write_text(target / "utils.py", _UTILS.format(scorer=scorer))
        version = ", ".join(sorted({SCORERS[scorer].version(question) for question in questions}))
        store.write_text(
            target / "vmevalkit.yaml", _YAML.format(data=json.dumps(str(data)), version=json.dumps(version))
        )
        hint = f"lmms-eval --include_path {target} --tasks vmevalkit --model NAME"
        return Exported(f"a task with {count(len(rows), 'question')}", target, hint=hint)


def doc_to_text(doc: Mapping[str, Any], lmms_eval_specific_kwargs: object = None) -> str:
    """Return the prompt."""
    return str(doc["prompt"])


def doc_to_visual(questions: Path, doc: Mapping[str, Any], lmms_eval_specific_kwargs: object = None) -> list[Any]:
    """Return the first frame as a PIL image."""
    return [media.load_image(_question(questions, doc).first_frame)]


def process_results(
    questions: Path, doc: Mapping[str, Any], results: Sequence[str], scorer: str = "rule"
) -> dict[str, float]:
    """Score the video that a model made. A video that is missing or cannot be scored has passed 0 and value 0."""
    path = video_in(results[0] if results else "")
    score = score_file(_question(questions, doc), path, scorer) if path is not None else None
    return {
        "passed": float(score is not None and score.passed is True),
        "value": (score.value or 0.0) if score is not None else 0.0,
    }


def video_in(answer: str) -> Path | None:
    """Return the path of the video that a model's answer names; None if it names none that exists."""
    try:
        found = json.loads(answer)
        videos = found.get("videos") if isinstance(found, Mapping) else None
        answer = videos[0] if isinstance(videos, list) and videos else answer
    except (ValueError, RecursionError):
        pass
    if not isinstance(answer, str) or not answer or "\n" in answer or "\0" in answer or len(answer) > 4096:
        return None
    path = Path(answer)
    return path if path.suffix.lower() in store.VIDEO_SUFFIXES and path.is_file() else None


def score_file(question: Question, path: Path, scorer: str) -> Score:
    """Return the score of a video file, which is not part of an experiment."""
    with tempfile.TemporaryDirectory() as folder:
        sample = store.Sample(outputs=Path(folder), model=ELSEWHERE, task=question.task, question_id=question.id)
        target = sample.video.with_suffix(path.suffix.lower())
        target.parent.mkdir(parents=True)
        if path.is_file():
            target.symlink_to(path.resolve())
        return SCORERS[scorer].score(question, sample)


def _question(questions: Path, doc: Mapping[str, Any]) -> Question:
    return store.read_question(questions, str(doc["task"]), str(doc["question_id"]))
