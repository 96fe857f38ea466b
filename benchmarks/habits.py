"""Which habits of real models pass, and which of their evil twins and other cheats do not.

    python benchmarks/habits.py --task maze sudoku --difficulty 3 --seeds 2 --workers 1
    python benchmarks/habits.py --name cursor hand

Prints tables with how many videos passed / were tried, by video and task; what is not as intended is bold. Then lists
each unexpected verdict with its reason.
"""

from __future__ import annotations

import argparse
from collections import Counter

from vmevalkit import contract
from vmevalkit.contract import Trial
from vmevalkit.progress import track
from vmevalkit.runner.executors.local import map_processes
from vmevalkit.tasks.base import TASKS

Job = tuple[str, int, int, tuple[str, ...] | None]


def try_question(job: Job) -> list[Trial]:
    """Try all videos of one question, or those that are named."""
    name, difficulty, seed, names = job
    return list(contract.try_habits(TASKS[name], difficulty, seed, names))


def table(title: str, trials: list[Trial], tasks: list[str]) -> None:
    """Print one table, and the number of videos that are as intended."""
    right = sum(t.as_expected for t in trials)
    print(f"\n## {title}: {right}/{len(trials)} as intended\n")
    print("| video | all | " + " | ".join(tasks) + " |")
    print("| --- | --- |" + " --- |" * len(tasks))
    for row in dict.fromkeys(t.video for t in trials):
        found = [t for t in trials if t.video == row]
        cells = [cell([t for t in found if t.task == task]) for task in tasks]
        print(f"| {row} | {cell(found)} | " + " | ".join(cells) + " |")


def cell(trials: list[Trial]) -> str:
    """Return passed / tried, bold if a verdict is unexpected."""
    if not trials:
        return ""
    text = f"{sum(t.verdict.passed for t in trials)}/{len(trials)}"
    return text if all(t.as_expected for t in trials) else f"**{text}**"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", nargs="+", choices=list(TASKS), metavar="T", default=list(TASKS))
    parser.add_argument("--difficulty", nargs="+", type=int, default=[3], metavar="D")
    parser.add_argument("--seeds", type=int, default=1, help="questions for each task and difficulty (default: 1)")
    parser.add_argument("--workers", type=int, default=1, help="processes (default: 1)")
    parser.add_argument("--name", nargs="+", default=[], metavar="VIDEO", help="only these videos")
    options = parser.parse_args()
    names = tuple(options.name) or None
    jobs = [
        (task, d, seed, names) for task in options.task for d in options.difficulty for seed in range(options.seeds)
    ]
    trials: list[Trial] = []
    for found in track(map_processes(try_question, jobs, options.workers), len(jobs), "testing"):
        trials += found
    for title, group in (
        ("Habits: must pass", "habit"),
        ("Evil twins: must fail", "twin"),
        ("Holes: must fail", "hole"),
    ):
        table(title, [t for t in trials if t.group == group], options.task)
    wrong = [t for t in trials if not t.as_expected]
    print(f"\n## Unexpected: {len(wrong)}\n")
    print("\n".join(f"- {trial}" for trial in wrong))
    reasons = Counter((t.video, t.verdict.reason) for t in wrong)
    print("\n" + ", ".join(f"{video} {reason} x{count}" for (video, reason), count in sorted(reasons.items())))


if __name__ == "__main__":
    main()
