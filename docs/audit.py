"""Attack every verifier with every video of the contract and write docs/scorer-audit.md: `make audit`.

Takes some minutes. The page says how many of the videos passed; what breaks the contract is listed at its end.
"""

from __future__ import annotations

import os
import sys
from collections import defaultdict
from pathlib import Path

from vmevalkit import contract
from vmevalkit.progress import track
from vmevalkit.runner.executors.local import map_processes
from vmevalkit.tasks.base import TASKS

PAGE = Path(__file__).parent / "scorer-audit.md"
SEEDS = int(sys.argv[1]) if len(sys.argv) > 1 else 1
COLUMNS = 8

Job = tuple[str, int, int]


def attack(job: Job) -> list[contract.Trial]:
    """One question of a family: every video drawn directly, and four transforms through files."""
    name, difficulty, seed = job
    task = TASKS[name]
    trials = list(contract.try_videos(task, difficulty, "solve", seed))
    trials += contract.try_videos(task, difficulty, "hold", seed)
    for number, transform in enumerate(contract.TRANSFORMS):
        # Each difficulty and seed meets some of the transforms, so that every family meets all of them.
        if number % 5 == (difficulty + seed) % 5:
            trials += contract.try_transform(
                task, difficulty, "solve", seed, transform, ("ground_truth", "crossfade", "still")
            )
    return trials


def row_of(trial: contract.Trial) -> tuple[int, str]:
    """The row in which a video is counted, with the table that it belongs to."""
    name = trial.video
    if trial.mode == "hold":
        return (3 if trial.passes else 2), f"hold: {name}"
    if not trial.how.startswith("drawn"):
        return (1, f"ground truth, {trial.how}") if trial.passes else (0, f"{name}, through files")
    if trial.own:
        kind = "another right way" if trial.passes else "nearly right" if name.startswith("nearly") else "illegal way"
        return int(trial.passes), kind
    return int(trial.passes), name


def tables(trials: list[contract.Trial]) -> list[str]:
    counts: dict[tuple[int, str], dict[str, list[contract.Trial]]] = defaultdict(lambda: defaultdict(list))
    for trial in trials:
        counts[row_of(trial)][trial.task].append(trial)
    titles = ("Must fail", "Must pass", "Must fail where nothing may move", "Must pass where nothing may move")
    lines = []
    for group, title in enumerate(titles):
        lines.append(f"\n## {title}\n")
        names = list(TASKS)
        for start in range(0, len(names), COLUMNS):
            some = names[start : start + COLUMNS]
            lines += ["", "| video | " + " | ".join(some) + " |", "| --- |" + " --- |" * len(some)]
            for (which, row), by_task in counts.items():
                if which == group:
                    lines.append(f"| {row} | " + " | ".join(_cell(by_task[name]) for name in some) + " |")
    return lines


def _cell(trials: list[contract.Trial]) -> str:
    if not trials:
        return ""
    text = f"{sum(trial.verdict.passed for trial in trials)}/{len(trials)}"
    return text if all(trial.as_expected for trial in trials) else f"**{text}**"


def main() -> int:
    jobs = [(name, difficulty, seed) for name in TASKS for difficulty in range(1, 6) for seed in range(SEEDS)]
    trials: list[contract.Trial] = []
    for found in track(map_processes(attack, jobs, os.cpu_count() or 1), len(jobs), "attacking"):
        trials += found
    broken = [trial for trial in trials if not trial.as_expected]
    must_fail = [trial for trial in trials if not trial.passes]
    must_pass = [trial for trial in trials if trial.passes]
    lines = [
        "# Audit of the rule scorer\n",
        "<!-- Made by `make audit`; do not edit. -->\n",
        f"{len(TASKS)} families, 5 difficulties, questions of each: {SEEDS}. A cell says how many videos passed.",
        "Videos are drawn at 360x240; those named with a transform went through a real file at 720x480. What each",
        "video is says `vmevalkit/contract/`; illegal and nearly right ways are each task's `cheats`.\n",
        f"- of {len(must_fail)} videos that must fail, {sum(t.verdict.passed for t in must_fail)} passed",
        f"- of {len(must_pass)} videos that must pass, {sum(not t.verdict.passed for t in must_pass)} failed",
        f"- of all, {len(broken)} break the contract (bold below; a still, black, white or noisy video and a",
        "  cross-fade must also have a value of at most 0.02)",
        *tables(trials),
    ]
    if broken:
        lines += ["\n## What breaks the contract\n", *(f"- {trial}" for trial in broken)]
    PAGE.write_text("\n".join(lines) + "\n")
    print(f"{len(trials)} videos, {len(broken)} break the contract: {PAGE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
