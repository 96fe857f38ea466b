"""What several test files share: a small question set with videos and scores, made once by the kit itself."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import vmevalkit
from tests import browser

# A suite that was started in the background ignores ctrl-C, and so would every process that it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_xdist_auto_num_workers() -> int:
    """Run one process more than there are cores, because some tests wait most of the time."""
    return (os.cpu_count() or 1) + 1


def pytest_configure() -> None:
    """Give each process one thread, also those that tests start.

    Threads on cores that other test processes use wait for each other most of the time. This must be set before numpy
    and torch are imported.
    """
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say in one line that no browser was found."""
    skipped = [report for report in terminalreporter.getreports("skipped") if browser.REASON in str(report.longrepr)]
    if skipped:
        terminalreporter.write_line(f"{len(skipped)} tests were skipped: {browser.HINT}")


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
def small_networks() -> Iterator[Callable[[], Iterable[str]]]:
    """Prepares this process for small checkpoints. Returns the function that makes the prompts of tokenizers."""
    pytest.importorskip("torch")
    pytest.importorskip("diffusers")
    from vmevalkit.models.diffusers import tokenizer

    # Each component is followed by a collection of garbage, which would look at every object of these packages.
    gc.freeze()
    # Tokenizers are trained on the same prompts, and it takes seconds to find the chess problems among them.
    make = tokenizer._prompts
    texts = list(make())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tokenizer, "_prompts", lambda: texts)
        yield make


@pytest.fixture(scope="session")
def experiment(tmp_path_factory: pytest.TempPathFactory) -> Experiment:
    """Two mazes answered by replay and the other baselines. Read it, do not write into it."""
    made = Experiment(tmp_path_factory.mktemp("experiment"))
    vmevalkit.make("maze", count=2, questions=made.questions)
    vmevalkit.generate("replay", questions=made.questions, outputs=made.outputs)
    vmevalkit.score(questions=made.questions, outputs=made.outputs, scores=made.scores)
    return made
