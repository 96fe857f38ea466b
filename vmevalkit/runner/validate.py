"""Check the videos of a new installation: whether they decode, and have size, frames and rate of the catalog.

    python -m vmevalkit.runner.validate MODEL OUTPUTS ID...

`setup/install_model.sh --validate` runs it after `vmevalkit generate`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from vmevalkit import media, store
from vmevalkit.errors import VMEvalError
from vmevalkit.models.base import MODELS, ModelCard

TASK = "tests"


def problem(card: ModelCard, outputs: Path, question_id: str) -> str | None:
    """Return what is wrong with a model's video of a question; None if nothing is."""
    sample = store.Sample(outputs=outputs, model=card.name, task=TASK, question_id=question_id)
    try:
        info = media.probe(sample.video)
    except VMEvalError as error:
        result = store.read_result(sample)
        return result.error if result and result.error else str(error)
    seen = {"size": info.size, "frames": info.frames, "fps": info.fps}
    wanted = {"size": card.size, "frames": card.frames, "fps": card.fps}
    wrong = [f"{key} {seen[key]} instead of {value}" for key, value in wanted.items() if value not in (None, seen[key])]
    return ", ".join(wrong) or None


def main(arguments: list[str]) -> int:
    """Print a line for each video. Return 1 if any is wrong."""
    model, outputs, *questions = arguments
    status = 0
    for question in questions:
        wrong = problem(MODELS[model], Path(outputs), question)
        print(f"{'FAIL' if wrong else 'PASS'} {model} {question}{': ' + wrong if wrong else ''}")
        status = 1 if wrong else status
    return status


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except VMEvalError as error:
        sys.exit(str(error))
