"""Throughput of rewards: videos a second and core, from files and from tensors.

    python benchmarks/rewards.py [--size 480x480] [--frames 49] [--videos 12] [--workers 1] [--task maze ...]

Of each task, half of the videos are solutions, and half are what a policy makes while it learns: the first half of a
solution, after which nothing moves. The time includes everything from the batch to the array of rewards. With one
worker, it is the time of the CPU, so that other programs do not count; with several, it is the time that passes.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

# One thread for each process, as in the pool.
os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")

import numpy as np

import vmevalkit
from vmevalkit import media, store
from vmevalkit.rewards import Reward


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", nargs="+", default=["maze", "tower_of_hanoi", "sliding_puzzle", "chess"])
    parser.add_argument("--size", default="480x480")
    parser.add_argument("--frames", type=int, default=49)
    parser.add_argument("--videos", type=int, default=12, help="for each task")
    parser.add_argument("--workers", type=int, default=1)
    given = parser.parse_args()
    width, height = map(int, given.size.split("x"))
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "questions"
        vmevalkit.make(given.task, count=max(1, given.videos // 2), size=(width, height), questions=root)
        print(f"{given.size}, {given.frames} frames, workers: {given.workers}; videos a second")
        print(f"{'task':<20}{'mp4':>8}{'uint8':>8}{'float':>8}")
        totals: list[list[float]] = []
        clock = time.process_time if given.workers == 1 else time.perf_counter
        with Reward(workers=given.workers) as reward:
            for task in given.task:
                batch, asked = videos_of(store.iter_questions(root, [task]), given.frames)
                rates = [rate(reward, videos, asked, clock) for videos in kinds(batch, Path(folder) / task)]
                totals.append(rates)
                print(f"{task:<20}" + "".join(f"{found:>8.2f}" for found in rates), flush=True)
        # Of a batch with equally many videos of each task.
        means = [len(totals) / sum(1 / found for found in column) for column in zip(*totals, strict=True)]
        print(f"{'all':<20}" + "".join(f"{found:>8.2f}" for found in means))


def videos_of(questions: list[Any], count: int) -> tuple[list[media.Frames], list[Any]]:
    """Return videos of a number of frames, and their questions."""
    videos, asked = [], []
    for question in questions:
        frames = media.read_frames(question.ground_truth)
        solution = frames[np.linspace(0, len(frames) - 1, count).round().astype(int)]
        half = solution.copy()
        half[count // 2 :] = half[count // 2]
        videos += [solution, half]
        asked += [question, question]
    return videos, asked


def kinds(batch: list[media.Frames], folder: Path) -> tuple[Any, Any, Any]:
    """Return a batch as files, as uint8, and as floats."""
    paths = [folder / f"{number}.mp4" for number in range(len(batch))]
    for path, video in zip(paths, batch, strict=True):
        media.write_video(path, video, 8)
    stacked = np.stack(batch)
    return paths, stacked, stacked.astype(np.float32) / 255


def rate(reward: Reward, videos: Any, asked: list[Any], clock: Callable[[], float]) -> float:
    # Processes are started, and what they import is loaded, before the clock starts.
    reward(videos[:2], metadata=asked[:2])
    began = clock()
    values = reward(videos, metadata=asked)
    seconds = clock() - began
    if not (values[::2] == 1).all():
        raise SystemExit(f"solutions do not pass: {values}")
    return len(values) / seconds


if __name__ == "__main__":
    main()
