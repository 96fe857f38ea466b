"""Default paths and values. Imports nothing heavy, so that `vmevalkit --help` answers quickly."""

from __future__ import annotations

from pathlib import Path

QUESTIONS = Path("data/questions")
OUTPUTS = Path("data/outputs/pilot_experiment")
SCORES = Path("data/scores/pilot_experiment")
REPORT = Path("data/report")
CHECKS = Path("data/check")
JOBS = Path("data/jobs")
CACHE = Path("data/cache")
WEIGHTS = Path("weights")
ENVIRONMENTS = Path("envs")

DEFAULT_COUNT = 10
DEFAULT_SEED = 42
DEFAULT_CANVAS = (720, 480)

# When the list prices in the cards of remote models were looked up.
PRICES_DATE = "2026-11-28"


def experiment_folders(name: str) -> dict[str, Path]:
    """Return the folders of an experiment, by the names of the options for them.

    An experiment without a question set of its own uses the default one.
    """
    own = QUESTIONS / name
    return {
        "questions": own if own.is_dir() else QUESTIONS,
        "outputs": OUTPUTS.parent / name,
        "scores": SCORES.parent / name,
        "report": REPORT / name,
    }
