"""Search for cheats that pass: `make attack`.

Edits of videos that no correct verifier accepts are changed at random, to raise the value of their verdict; see
`vmevalkit/contract/edits.py`. For each task, the best value and the edits that reached it are printed. The exit status
is 1 if a video passed or is worth more than 0.05. The same options give the same videos.

    python docs/attack.py --task maze sudoku --difficulty 1 3 --tries 300 --seed 7 --workers 2
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from vmevalkit import contract
from vmevalkit.contract import Found, Scene
from vmevalkit.progress import track
from vmevalkit.runner.executors.local import map_processes
from vmevalkit.tasks.base import TASKS, random_generator

# What videos of the tasks show, and two tasks of each.
MECHANISMS = {
    "cells": ("sudoku", "nonogram"),
    "lines": ("dot_to_dot", "flow_connect"),
    "pieces": ("chess", "sliding_puzzle"),
    "movers": ("maze", "key_door"),
    "turning": ("clock", "rotation"),
    "counting": ("counting", "object_subtraction"),
}

# Task, difficulty, seed of the search, and tries.
Job = tuple[str, int, int, int]


def attack(job: Job) -> tuple[Job, Found]:
    """Search for a cheat of one puzzle."""
    name, difficulty, seed, tries = job
    task = TASKS[name]
    puzzle, other = contract.puzzle_of(task, difficulty, seed), contract.other_puzzle_of(task, difficulty, seed)
    scene = Scene(task, puzzle, other, "solve", contract.SMALL)
    return job, contract.search(scene, random_generator("attack", name, difficulty, seed), tries)


def line_of(job: Job, found: Found) -> str:
    """Return what was found for one puzzle."""
    name, difficulty, seed, _ = job
    mechanism = next((m for m, tasks in MECHANISMS.items() if name in tasks), "-")
    verdict = found.verdict
    mark = "FINDING " if found.is_finding else ""
    best = f"{mark}{mechanism}: {name} difficulty {difficulty} seed {seed}: best value {verdict.value:.3f}"
    return f"{best} ({verdict.reason})\n    {found.edits.model_dump_json(exclude_defaults=True)}"


def main(arguments: Sequence[str]) -> int:
    """Run the attack."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", nargs="+", choices=list(TASKS), metavar="T", help="default: two of each mechanism")
    parser.add_argument("--difficulty", nargs="+", type=int, choices=range(1, 6), metavar="D", default=[1, 3],
                        help="default: 1 3")  # fmt: skip
    parser.add_argument("--tries", type=int, default=100, help="videos for each puzzle (default: 100)")
    parser.add_argument("--seed", type=int, default=0, help="of puzzles and edits (default: 0)")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes (default: one a core)")
    options = parser.parse_args(arguments)
    names = options.task or [name for tasks in MECHANISMS.values() for name in tasks]
    jobs = [(name, difficulty, options.seed, options.tries) for name in names for difficulty in options.difficulty]
    results = list(track(map_processes(attack, jobs, options.workers), len(jobs), "attacking"))
    for job, found in results:
        print(line_of(job, found))
    findings = sum(found.is_finding for _, found in results)
    print(f"{len(jobs)} puzzles with {options.tries} videos each, {findings} finding(s)")
    return int(findings > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
