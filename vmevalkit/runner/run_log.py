"""Logs of a run: `--log jsonl`, `--log tensorboard` or `--log wandb`. The packages are imported when one is opened."""

from __future__ import annotations

import json
import os
import time
from abc import ABC, abstractmethod
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vmevalkit import store
from vmevalkit.errors import StorageError, UnknownName, UsageError, first_line
from vmevalkit.types import GenerationResult, Score


class RunLog(ABC):
    """Receives what a run does, video by video. A subclass writes it somewhere.

    Args:
        folder: of the experiment's videos or scores.
        tags: of the experiment.
    """

    def __init__(self, folder: Path, tags: tuple[str, ...]) -> None:
        self.folder, self.tags = folder, tags
        self._counts: Counter[tuple[str, str]] = Counter()
        self._values: defaultdict[str, float] = defaultdict(float)

    def video(self, sample: store.Sample, result: GenerationResult) -> None:
        """Log a video that was made, or why it was not."""
        model = sample.model
        self._counts["videos", model] += 1
        self._counts["failed", model] += not result.success
        numbers = {f"generate/{model}/seconds": result.duration_seconds,
                   f"generate/{model}/failed": float(self._counts["failed", model])}  # fmt: skip
        facts = {
            **sample.model_dump(mode="json", exclude={"outputs"}), "success": result.success, "error": result.error,
            "seconds": result.duration_seconds,
        }  # fmt: skip
        self.write("video", facts, numbers, self._counts["videos", model])

    def score(self, score: Score) -> None:
        """Log a score, and the pass rate so far."""
        key = f"{score.scorer}/{score.model}"
        self._counts["scores", key] += 1
        self._counts["passed", key] += bool(score.passed)
        self._values[key] += score.value or 0.0
        count = self._counts["scores", key]
        numbers = {f"score/{key}/pass_rate": self._counts["passed", key] / count,
                   f"score/{key}/mean_value": self._values[key] / count}  # fmt: skip
        names = ("model", "task", "question_id", "seed", "scorer", "status", "passed", "value", "reason", "explanation")
        self.write("score", {name: getattr(score, name) for name in names}, numbers, count)

    @abstractmethod
    def write(self, event: str, facts: Mapping[str, Any], numbers: Mapping[str, float], step: int) -> None:
        """Write an event.

        Args:
            event: `video` or `score`.
            facts: everything about it.
            numbers: what can be plotted, against `step`.
        """

    def close(self) -> None:  # noqa: B027 - most have nothing to close
        """Called at the end of a run, also after an error."""


class JsonLog(RunLog):
    """Appends a line of JSON for each event to `log.jsonl`, with the time in seconds since 1970."""

    def __init__(self, folder: Path, tags: tuple[str, ...]) -> None:
        super().__init__(folder, tags)
        path = folder / "log.jsonl"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = path.open("a", encoding="utf-8")
        except OSError as error:
            raise StorageError.from_os(path, error) from None

    def write(self, event: str, facts: Mapping[str, Any], numbers: Mapping[str, float], step: int) -> None:
        """Append a line, so that a reader sees it at once."""
        self._file.write(json.dumps({"event": event, "time": round(time.time(), 3), **facts, **numbers}) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class TensorBoardLog(RunLog):
    """Writes scalars for `tensorboard --logdir FOLDER`."""

    def __init__(self, folder: Path, tags: tuple[str, ...]) -> None:
        super().__init__(folder, tags)
        try:
            from tensorboard.summary import Writer
        except ImportError:
            raise UsageError("--log tensorboard needs tensorboard", "pip install 'vmevalkit[tensorboard]'") from None
        self._writer = Writer(str(folder / "tensorboard"))

    def write(self, event: str, facts: Mapping[str, Any], numbers: Mapping[str, float], step: int) -> None:
        """Write the numbers."""
        for name, value in numbers.items():
            self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        """Write what is left."""
        self._writer.close()


class WandbLog(RunLog):
    """Logs numbers to Weights & Biases, and at the end a table of scores. Its variables, such as WANDB_MODE, apply."""

    def __init__(self, folder: Path, tags: tuple[str, ...]) -> None:
        super().__init__(folder, tags)
        try:
            import wandb
        except ImportError:
            raise UsageError("--log wandb needs wandb", "pip install 'vmevalkit[wandb]'") from None
        self._wandb = wandb
        folder.mkdir(parents=True, exist_ok=True)
        try:
            self._run = wandb.init(
                project=os.environ.get("WANDB_PROJECT", "vmevalkit"), name=folder.absolute().name, tags=list(tags),
                dir=str(folder), config={"folder": folder.absolute().name},
            )  # fmt: skip
        except wandb.errors.Error as error:
            raise UsageError(f"wandb cannot start: {first_line(error)}", "wandb login, or WANDB_MODE=offline") from None
        self._rows: list[Mapping[str, Any]] = []

    def write(self, event: str, facts: Mapping[str, Any], numbers: Mapping[str, float], step: int) -> None:
        """Log the numbers, each model with a step of its own."""
        prefix = next(iter(numbers)).rpartition("/")[0]
        self._run.define_metric(f"{prefix}/*", step_metric=f"{prefix}/step")
        self._run.log({**numbers, f"{prefix}/step": step})
        if event == "score":
            self._rows.append(facts)

    def close(self) -> None:
        """Log the table, and end the run of wandb."""
        if self._rows:
            columns = list(self._rows[0])
            table = self._wandb.Table(columns=columns, data=[[row[name] for name in columns] for row in self._rows])
            self._run.log({"scores": table})
        self._run.finish()


LOGS: dict[str, type[RunLog]] = {"jsonl": JsonLog, "tensorboard": TensorBoardLog, "wandb": WandbLog}


@contextmanager
def open_log(name: str | None, folder: Path, tags: tuple[str, ...] = ()) -> Iterator[RunLog | None]:
    """Open a log, and close it at the end; None if no name is given.

    Raises:
        UnknownName: there is no such log.
        UsageError: its package is not installed.
    """
    if name is None:
        yield None
        return
    if name not in LOGS:
        raise UnknownName("log", name, LOGS)
    opened = LOGS[name](folder, tags)
    try:
        yield opened
    finally:
        opened.close()
