"""How fast the kit makes questions and scores videos on this machine: `python benchmarks/kit.py`. Prints Markdown.

Each row is a whole run of the public functions, processes started and files written; the stages below are measured one
by one in this process. Nothing else should run on the machine.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import platform
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import PIL

import vmevalkit
from vmevalkit import contract, media, store
from vmevalkit.runner.score_worker import ScoreJob, score_question
from vmevalkit.tasks.base import FPS, TASKS, Task
from vmevalkit.tasks.toolkit.vision import view_size
from vmevalkit.types import Geometry

SIZE = (720, 480)


def timed(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def best(run: Callable[[], object], times: int = 3) -> float:
    """Milliseconds of the quickest of some runs."""
    return 1000 * min(timed(run) for _ in range(times))


def throughput(count: int, folder: Path) -> None:
    """Questions made, and videos scored, a second."""
    total = count * len(TASKS)
    print("| run | workers | seconds | a second |\n| --- | --- | --- | --- |")
    for videos in (False, True):
        for workers in (1, 2):
            questions = folder / f"questions_{videos}_{workers}"
            took = timed(lambda q=questions, f=videos, w=workers: vmevalkit.make(  # type: ignore[misc]
                count=count, questions=q, videos=f, workers=w))  # fmt: skip
            what = "make, with videos" if videos else "make, without videos"
            print(f"| {what}: {total} questions | {workers} | {took:.1f} | {total / took:.1f} |", flush=True)
    questions, outputs = folder / "questions_True_2", folder / "outputs"
    vmevalkit.generate(["replay", "crossfade"], questions=questions, outputs=outputs, baselines=False, workers=2)
    for model, what in (("replay", "right videos"), ("crossfade", "cross-fades")):
        for workers in (1, 2):
            scores = folder / f"scores_{model}_{workers}"
            took = timed(lambda m=model, s=scores, w=workers: vmevalkit.score(  # type: ignore[misc]
                model=m, questions=questions, outputs=outputs, scores=s, workers=w))  # fmt: skip
            print(f"| score, {total} {what} | {workers} | {took:.1f} | {total / took:.1f} |", flush=True)


def stages() -> None:
    """Where the time goes, one row per task, in milliseconds for a video of 49 frames."""
    print("\n| task | puzzle | draw video | write video | decode | to canvas | verdict |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    columns: list[list[float]] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "video.mp4"
        for name in TASKS:
            row = list(np.mean([_stages(TASKS[name], difficulty, path) for difficulty in (1, 3, 5)], axis=0))
            columns.append(row)
            print(f"| {name} | " + " | ".join(f"{value:.1f}" for value in row) + " |", flush=True)
    print("| **mean** | " + " | ".join(f"{value:.1f}" for value in np.mean(columns, axis=0)) + " |")


def _stages(task: Task, difficulty: int, path: Path) -> list[float]:  # type: ignore[type-arg]
    puzzle = contract.puzzle_of(task, difficulty, 1)
    states = task.solution(puzzle)
    frames = list(task.render(puzzle, states, SIZE))
    media.write_video(path, frames, FPS, media.DRAWN)
    geometry = Geometry.place(SIZE, SIZE)
    views, *_ = media.read_canvas(path, lambda *_: geometry, view_size(SIZE))
    decode = best(lambda: media.probe(path))
    return [
        sum(best(lambda s=seed: contract.puzzle_of(task, difficulty, s), 1) for seed in range(2, 12)) / 10,  # type: ignore[misc]
        best(lambda: list(task.render(puzzle, states, SIZE))),
        best(lambda: media.write_video(path, frames, FPS, media.DRAWN)),
        decode,
        best(lambda: media.read_canvas(path, lambda *_: geometry, view_size(SIZE))) - decode,
        best(lambda: task.verify(puzzle, views)),
    ]


def memory(folder: Path) -> None:
    """Peak memory of a process that scores one long, large video of each task."""
    questions = vmevalkit.make(count=1, difficulty=3, questions=folder / "few", videos=False)
    outputs = folder / "long"
    for question in store.iter_questions(folder / "few"):
        task = TASKS[question.task]
        puzzle = task.puzzle_type.model_validate(question.metadata.puzzle if question.metadata else {})
        video = task.render(puzzle, task.solution(puzzle), (1152, 768), 161)
        path = outputs / "long" / f"{question.task}_task" / question.id / "video/video.mp4"
        placed = (np.pad(frame, ((0, 0), (104, 104), (0, 0)), mode="edge") for frame in video)
        media.write_video(path, placed, 16, media.DRAWN)
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        peak = pool.apply(_peak, (folder / "few", outputs, folder / "scores_long"))
    print(f"\nPeak memory of a worker that scores {len(questions)} videos of 161 frames at 1360x768: {peak:.0f} MB.")


def _peak(questions: Path, outputs: Path, scores: Path) -> float:
    for question in store.iter_questions(questions):
        sample = store.Sample(outputs=outputs, model="long", task=question.task, question_id=question.id, seed=42)
        digest = store.question_digest(question)
        score_question(
            ScoreJob(
                scorer="rule", settings={}, question=question, question_sha256=digest, samples=(sample,), scores=scores
            )
        )
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=50, help="questions per task")
    count = parser.parse_args().count
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
          f"numpy {np.__version__}, Pillow {PIL.__version__}, PyAV {av.__version__}\n")  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        throughput(count, Path(folder))
        memory(Path(folder))
    stages()


if __name__ == "__main__":
    main()
