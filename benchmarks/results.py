"""Pass rates of the small model beside the baselines: the table of the README with fewer questions, on a CPU.

    python -m benchmarks.results WORK --count 20 --workers 2

The questions have difficulty 1 and 2 and mode solve. They are among those of `training/evaluate.py`, so the model was
not trained on their puzzles. A video takes about three seconds on one CPU core. Rerun the command to resume.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import vmevalkit
from vmevalkit import store
from vmevalkit.reporting import stats

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "training"))
from evaluate import BASELINES, SEED  # noqa: E402
from evaluate import NAME as MODEL  # noqa: E402
from videos import SIDE, TRAINED_TASKS  # noqa: E402

# The difficulties that are asked, and how many there are: `make` takes them in turn.
EASY, DIFFICULTIES = (1, 2), 5

# Whether each video passed, by task and model.
Passed = Mapping[str, Mapping[str, list[bool]]]


def passed(work: Path, count: int, workers: int) -> Passed:
    """Make, generate and score so many questions of each task and difficulty."""
    questions, outputs, scores = work / "questions", work / "outputs", work / "scores"
    vmevalkit.make(
        TRAINED_TASKS, count=count * DIFFICULTIES, seed=SEED, size=(SIDE, SIDE), questions=questions, workers=workers
    )
    easy = [
        question.id
        for question in store.iter_questions(questions)
        if question.metadata is not None and question.metadata.difficulty in EASY
    ]
    settings = {"weights": str(ROOT / "weights" / MODEL), "speed": "reference"}
    vmevalkit.generate(MODEL, task_id=easy, questions=questions, outputs=outputs, workers=workers, settings=settings)
    vmevalkit.score(questions=questions, outputs=outputs, scores=scores, workers=workers)
    found: dict[str, dict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
    asked = set(easy)
    for score in store.iter_scores(scores):
        if score.question_id in asked:
            found[score.task][score.model].append(bool(score.passed))
    return found


def table(found: Passed) -> str:
    """Return the pass rates in percent as Markdown, the best task first; the model has 95 % Wilson intervals."""
    lines = [f"| task | {MODEL} | {' | '.join(BASELINES)} |", f"| --- |{' --- |' * (1 + len(BASELINES))}"]
    for task, models in sorted(found.items(), key=lambda item: -sum(item[1][MODEL])):
        low, high = stats.wilson(sum(models[MODEL]), len(models[MODEL]))
        cells = [
            f"{_rate(models[MODEL])} ({100 * low:.0f} to {100 * high:.0f})",
            *(_rate(models[b]) for b in BASELINES),
        ]
        lines.append(f"| {task} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _rate(videos: list[bool]) -> str:
    return f"{100 * sum(videos) / len(videos):.0f} %"


def main() -> None:
    """Make what is missing, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("work", type=Path, help="folder of the questions, videos and scores")
    parser.add_argument("--count", type=int, default=20, help="questions of each task and difficulty (default: 20)")
    parser.add_argument("--workers", type=int, default=1, help="processes (default: 1)")
    options = parser.parse_args()
    print(table(passed(options.work, options.count, options.workers)))


if __name__ == "__main__":
    main()
