"""What the driver of a Ray run can do: jobs a second, and memory with many jobs queued. Prints Markdown.

    python benchmarks/ray_driver.py [--workers 2] [--jobs 2000] [--queued 100000]

The jobs do nothing, so the figures are those of the driver. Nothing else should run on the machine.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

from vmevalkit import store
from vmevalkit.runner.executors.base import PendingResult, Worker, WorkerFactory
from vmevalkit.runner.executors.choice import open_executors
from vmevalkit.runner.jobs import Job, Outcome, publish
from vmevalkit.types import GenerationResult, Question

# Bytes of a first frame of 720x480, and of a video of 49 frames at that size.
IMAGE, VIDEO = 30_000, 1_000_000


class Answer:
    def __init__(self, value: Any) -> None:
        self._value = value

    def finish(self) -> Any:
        return self._value


class Idle(Worker[Any, Any]):
    def __init__(self, answer: int) -> None:
        self._answer = bytes(answer)

    def start(self, job: Any) -> PendingResult[Any]:
        return Answer(self._answer)


class IdleFactory(WorkerFactory[Any, Any]):
    """Sends and returns so many bytes for each job."""

    def __init__(self, sent: int, answer: int) -> None:
        self._sent, self._answer = sent, answer

    def create(self) -> Idle:
        return Idle(self._answer)

    def lost(self, job: Any) -> Any:
        return None

    def pack(self, job: Any) -> Any:
        return bytes(self._sent)


def megabytes() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def queue(count: int, folder: Path) -> list[Job]:
    """Jobs as `generate` plans them."""
    jobs = []
    for index in range(count):
        name = f"maze_{index:06d}"
        sample = store.Sample(outputs=folder / "o", model="model", task="maze", question_id=name)
        question = Question(task="maze", id=name, folder=store.question_folder(folder / "q", "maze", name))
        jobs.append(Job(sample=sample, question=question, staging=f"model/maze_task/{name}/video/.v.mp4"))
    return jobs


def publishing(folder: Path, count: int = 300) -> float:
    """Videos of a megabyte that one process writes and publishes a second."""
    jobs = queue(count, folder)
    for job in jobs:
        job.question.folder.mkdir(parents=True)
        for path in job.question.files:
            path.write_bytes(bytes(IMAGE))
    started = time.perf_counter()
    for job in jobs:
        staged = job.sample.outputs / job.staging
        staged.parent.mkdir(parents=True, exist_ok=True)
        staged.write_bytes(bytes(VIDEO))
        result = GenerationResult(
            success=True, video_path=str(staged), error=None, duration_seconds=1.0, generation_id="0", model="model",
            status="completed", metadata={},
        )  # fmt: skip
        stored = publish(Outcome(job=job, result=result), {})
        assert stored.success, stored.error
    return count / (time.perf_counter() - started)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--jobs", type=int, default=2000)
    parser.add_argument("--queued", type=int, default=100_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, open_executors("ray", None, options.workers) as place:
        folder = Path(name)
        print("| what | figure |\n| --- | --- |")
        for sent, answer, what in ((0, 0, "nothing"), (IMAGE, VIDEO, "an image of 30 KB, a video of 1 MB")):
            executor = place.executor(options.workers)
            for index, _ in enumerate(executor.map(IdleFactory(sent, answer), range(options.jobs))):
                if index == 100:  # the workers have started
                    started = time.perf_counter()
            rate = (options.jobs - 101) / (time.perf_counter() - started)
            print(f"| jobs a second through Ray, {options.workers} workers, with {what} | {rate:.0f} |", flush=True)
        print(f"| videos of 1 MB published a second | {publishing(folder):.0f} |", flush=True)
        before = megabytes()
        jobs = queue(options.queued, folder)
        queued = megabytes()
        running = queued
        results = place.executor(options.workers).map(IdleFactory(IMAGE, VIDEO), jobs)
        for index, _ in enumerate(results):
            running = max(running, megabytes())
            if index == 300:
                break
        results.close()  # type: ignore[attr-defined]
        print(f"| memory of the driver: connected; with {options.queued} jobs queued; while they run |"
              f" {before:.0f}; {queued:.0f}; {running:.0f} MB |")  # fmt: skip


if __name__ == "__main__":
    main()
