"""Where things lie and what is meant when nothing is said. Imports nothing, so that `--help` is quick."""

from __future__ import annotations

from pathlib import Path

QUESTIONS = Path("data/questions")
OUTPUTS = Path("data/outputs/pilot_experiment")
SCORES = Path("data/scores/pilot_experiment")
REPORT = Path("data/report")
CHECKS = Path("data/check")
CACHE = Path("data/cache")
WEIGHTS = Path("weights")
ENVIRONMENTS = Path("envs")

DEFAULT_SEED = 42
DEFAULT_CANVAS = (720, 480)
