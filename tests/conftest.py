"""What several test files share: a small question set with videos and scores, made once by the kit itself."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from pathlib import Path

import pytest

import vmevalkit

# A suite that was started in the background ignores ctrl-C, and so would every process that it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)


@dataclass(frozen=True)
class Experiment:
    """A folder with `questions`, `outputs` and `scores`."""

    root: Path

    @property
    def questions(self) -> Path:
        return self.root / "questions"

    @property
    def outputs(self) -> Path:
        return self.root / "outputs"

    @property
    def scores(self) -> Path:
        return self.root / "scores"


@pytest.fixture(scope="session")
def experiment(tmp_path_factory: pytest.TempPathFactory) -> Experiment:
    """Two mazes answered by replay and the other baselines. Read it, do not write into it."""
    made = Experiment(tmp_path_factory.mktemp("experiment"))
    vmevalkit.make("maze", count=2, questions=made.questions)
    vmevalkit.generate("replay", questions=made.questions, outputs=made.outputs)
    vmevalkit.score(questions=made.questions, outputs=made.outputs, scores=made.scores)
    return made
