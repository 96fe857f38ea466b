"""Test one task, model or scorer against its contract: `vmevalkit check`."""

from __future__ import annotations

import tempfile
import traceback
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from vmevalkit import contract, defaults, media, store
from vmevalkit.deprecation import with_old_arguments
from vmevalkit.errors import UsageError, first_line
from vmevalkit.progress import track
from vmevalkit.redaction import clean
from vmevalkit.runner.executors.local import map_processes
from vmevalkit.runner.inference import ModelRun, generate
from vmevalkit.runner.make import make
from vmevalkit.runner.score import score
from vmevalkit.scorers.base import SCORERS
from vmevalkit.tasks.base import TASKS
from vmevalkit.types import GenerationResult


@with_old_arguments
def check(
    kind: str,
    name: str,
    *,
    seeds: int = 2,
    images: Path | str = defaults.CHECKS,
    workers: int = 1,
) -> list[str]:
    """Test one task, model or scorer against its contract.

    Args:
        kind: `task`, `model` or `scorer`.
        name: its registered name; for a task, also a Python file that defines it.
        seeds: number of puzzles for each difficulty and mode of a task.
        images: folder for the frames of videos that break the contract of a task.
        workers: number of processes, for a task.

    Returns:
        What breaks the contract, one line each; empty if nothing does.

    Raises:
        UnknownName, UsageError: there is no such thing, or it cannot run on this machine.
    """
    if kind == "task":
        return check_task(name, seeds, Path(images), workers)
    if kind == "model":
        return check_model(name)
    if kind == "scorer":
        return check_scorer(name)
    raise UsageError(f"check {kind}: must be one of task, model, scorer")


def check_task(name: str, seeds: int, images: Path, workers: int = 1) -> list[str]:
    """Test every contract video and transform. Frames of videos that break the contract are drawn into a folder."""
    if name.endswith(".py"):
        if not Path(name).is_file():
            raise UsageError(f"there is no file {name}")
        names = TASKS.add_file(name)
        if not names:
            raise UsageError(f"{name} registers no task", "decorate its class with @register_task")
    else:
        names = [TASKS[name].name]
    with TASKS.inherited():
        return [problem for task in names for problem in _problems_of(task, seeds, images, workers)]


def _problems_of(task: str, seeds: int, images: Path, workers: int) -> Iterator[str]:
    batches = contract.batches(task, seeds)
    found = map_processes(_run_batch, batches, workers)
    for trial in chain.from_iterable(track(found, len(batches), f"checking {task}")):
        if isinstance(trial, str):
            # The other batches would most likely say the same.
            yield trial
            return
        if not trial.as_expected:
            path = images / task / f"{trial.video}_{trial.mode}_{trial.difficulty}_{trial.seed}.png"
            store.write_bytes(path, contract.png_of(trial))
            yield f"{trial}; frames: {path}"


def _run_batch(batch: contract.Batch) -> Sequence[contract.Trial | str]:
    """Make the trials of a batch. If the task raises, return what and where."""
    try:
        return contract.run_batch(batch)
    except Exception as error:  # noqa: BLE001 - any code may be in a task, and its author can fix it
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(place.filename).name}:{place.lineno}"
        reason = f"{type(error).__name__}: {clean(first_line(error), 500)}"
        return [f"{batch.task} difficulty {batch.difficulty} seed {batch.seed} raises {reason} ({where})"]


def check_model(name: str) -> list[str]:
    """Test that a model makes a video that decodes, makes it twice the same, and never raises for bad input."""
    problems = []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        question = make(["maze"], count=1, questions=root / "questions")[0]
        model_run = ModelRun(name, root / "outputs")
        model = model_run.load()
        first, prompt = question / "first_frame.png", (question / "prompt.txt").read_text()
        digests = []
        for attempt in ("a.mp4", "b.mp4"):
            result = GenerationResult.model_validate(model.generate(first, prompt, output_filename=attempt))
            if not result.success:
                return [f"it made no video: {result.error}"]
            provenance = result.provenance
            info = media.probe(root / "outputs" / attempt)
            if provenance is None or (info.frames, info.size) != (provenance.frames, provenance.size):
                problems.append(f"its provenance does not describe its video: {provenance}, but {info}")
            if info.codec != "h264" or info.pixel_format != "yuv420p":
                problems.append(f"its video is {info.codec} {info.pixel_format}, which browsers may not play")
            digests.append(store.sha256(root / "outputs" / attempt))
        if digests[0] != digests[1] and model_run.card.capabilities.deterministic:
            problems.append("the same seed gave two different videos")
        bad = root / "bad.png"
        bad.write_text("not an image")
        for case, image, text, options in (
            ("a broken image", bad, prompt, {}),
            ("an empty prompt", first, " ", {}),
            ("an unknown option", first, prompt, {"no_such_option": 1}),
        ):
            if model.generate(image, text, output_filename="c.mp4", **options)["success"]:
                problems.append(f"it accepts {case}")
        if (root / "outputs" / "c.mp4").exists():
            problems.append("a failed request left a video behind")
        if hasattr(model, "close"):
            model.close()
    return problems


def check_scorer(name: str) -> list[str]:
    """Test that a scorer passes replay, fails still, and reports missing and broken videos as such.

    A scorer that measures gives replay more than half of the largest value, and still less.
    """
    problems = []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        questions, outputs = root / "questions", root / "outputs"
        make(["maze"], count=2, questions=questions)
        generate(["replay", "still"], questions=questions, outputs=outputs, baselines=False)
        for model in ("replay", "still"):
            for question in ("maze_0000", "maze_0001"):
                sample = store.Sample(outputs=outputs, model=model, task="maze", question_id=question)
                SCORERS[name].rehearse(sample, model == "replay")
        (outputs / "replay/maze_task/maze_0001/video/video.mp4").write_bytes(b"")
        (outputs / "still/maze_task/maze_0001/video/video.mp4").unlink()
        found = {
            (s.model, s.question_id): s
            for s in score(name, questions=questions, outputs=outputs, scores=root / "scores")
        }
        for model, question, expected in (
            ("replay", "maze_0000", "scored passed"),
            ("still", "maze_0000", "scored failed"),
            ("replay", "maze_0001", "broken"),
            ("still", "maze_0001", "missing"),
        ):
            s = found[model, question]
            said = s.passed if s.passed is not None or s.value is None else s.value > 0.5
            actual = s.status + {True: " passed", False: " failed", None: ""}[said]
            if actual != expected:
                problems.append(f"{model} on {question} should be '{expected}', but is '{actual}' ({s.explanation})")
    return problems
