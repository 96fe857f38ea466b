"""Videos of right answers at the small model's size, with their prompts, drawn by the kit in parallel.

    python training/videos.py WORK --vae 10000 --transformer 100000

A video's number decides everything about it, and no puzzle of the evaluation set (WORK/questions, `evaluate.py`) is
among them. Shards that are there are kept.
"""

from __future__ import annotations

import argparse
import json
import os
import random
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vmevalkit.tasks.base import TASKS, Task, random_generator
from vmevalkit.types import Mode

# Of the model: pixels of a side, and frames. Nothing heavy is imported here, because every worker imports it.
SIDE, FRAMES = 96, 17
# What the model learns. The VAE sees every task, so that adapters for others can be trained later (`lora.py`).
TRAINED_TASKS = (
    "maze", "symmetry", "light_sequence",
    "object_subtraction", "tic_tac_toe", "shape_sorter", "nonogram", "key_door", "sudoku", "map_coloring",
    "shape_search", "counting",
)  # fmt: skip
# Three tasks are learned from half as many videos as the others.
KINDS = {"vae": (*TRAINED_TASKS, *TASKS), "transformer": (*TRAINED_TASKS, *TRAINED_TASKS[3:])}
# What is measured first is difficulty 1 and 2 in solve.
DIFFICULTIES = {1: 0.40, 2: 0.40, 3: 0.12, 4: 0.05, 5: 0.03}
MODES: dict[Mode, float] = {"solve": 0.76, "guided": 0.12, "hold": 0.12}
SHARD = 250

Videos = npt.NDArray[np.uint8]


def asked(kind: str, number: int, held_out: frozenset[str]) -> tuple[Task[Any, Any], Any, Mode, random.Random]:
    """What a video is of: task, puzzle, mode, and the chance that words the prompt."""
    rng = random_generator("training", kind, number)
    task = TASKS[rng.choice(KINDS[kind])]
    difficulty = rng.choices(list(DIFFICULTIES), list(DIFFICULTIES.values()))[0]
    mode: Mode = rng.choices(list(MODES), list(MODES.values()))[0]
    while True:
        puzzle = task.generate(rng, difficulty)
        if signature(puzzle.model_dump(mode="json")) not in held_out:
            return task, puzzle, mode, rng


def video(kind: str, number: int, held_out: frozenset[str]) -> tuple[Videos, str]:
    """One video, uint8 of shape (frames, height, width, 3), and its prompt."""
    task, puzzle, mode, rng = asked(kind, number, held_out)
    states = task.solution(puzzle)
    shown = states[:1] * 2 if mode == "hold" else states
    frames = np.stack(list(task.render(puzzle, shown, (SIDE, SIDE), FRAMES)))
    return frames, task.prompt(puzzle, mode, rng)


def signature(puzzle: dict[str, Any]) -> str:
    return json.dumps(puzzle, sort_keys=True)


@lru_cache(maxsize=1)
def evaluated(work: Path) -> frozenset[str]:
    """The puzzles of the evaluation set."""
    found = (json.loads(path.read_text()) for path in work.glob("questions/*/*/*/question_metadata.json"))
    return frozenset(signature(metadata["puzzle"]) for metadata in found)


def _shard(work: Path, kind: str, number: int) -> None:
    path = work / "videos" / kind / f"{number:04d}.npz"
    if path.is_file():
        return
    held_out = evaluated(work)
    videos = [video(kind, number * SHARD + i, held_out) for i in range(SHARD)]
    building = path.with_suffix(".building.npz")
    frames, prompts = zip(*videos, strict=True)
    np.savez_compressed(building, frames=np.stack(frames), prompts=json.dumps(prompts))
    building.rename(path)


def make(work: Path, kind: str, count: int, workers: int) -> None:
    """At least so many videos."""
    (work / "videos" / kind).mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(workers) as pool:
        for _ in pool.map(partial(_shard, work, kind), range(-(-count // SHARD))):
            pass


def shards(work: Path, kind: str) -> list[Path]:
    """The files that are there, in order."""
    return sorted((work / "videos" / kind).glob("????.npz"))


def read_prompts(path: Path) -> list[str]:
    with np.load(path) as data:
        found: list[str] = json.loads(str(data["prompts"]))
    return found


def read_frames(path: Path) -> Videos:
    """Videos of one file, uint8 of shape (videos, frames, height, width, 3)."""
    with np.load(path) as data:
        found: Videos = data["frames"]
    return found


def load(paths: Sequence[Path]) -> Iterator[Videos]:
    """The videos of each file; some are read ahead."""
    with ThreadPoolExecutor(4) as pool:
        yield from pool.map(read_frames, paths)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    for kind in KINDS:
        parser.add_argument(f"--{kind}", type=int, default=0, metavar="COUNT", help=f"videos for the {kind}")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    if not evaluated(given.work):
        parser.error(
            f"{given.work}/questions is empty; make the evaluation set first: python training/evaluate.py make"
        )
    for kind in KINDS:
        make(given.work, kind, getattr(given, kind), given.workers)


if __name__ == "__main__":
    main()
