"""Test every verifier with every contract video, and write docs/scorer-audit.md: `make audit`.

The page says how many of the videos passed, and lists at its end what breaks the contract. With `--task`, only some
tasks are tested; their tables are printed, and the page is not changed.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from vmevalkit import contract
from vmevalkit.contract import Trial
from vmevalkit.progress import track
from vmevalkit.runner.executors.local import map_processes
from vmevalkit.scorers.rule import VERSION
from vmevalkit.tasks.base import TASKS

PAGE = Path(__file__).parent / "scorer-audit.md"
COLUMNS = 8
TITLES = (
    "Must fail",
    "Must pass",
    "Must fail in mode hold",
    "Must pass in mode hold",
    "Habits of real models: must pass",
    "Evil twins of the habits: must fail",
    "Cheats of attackers: must fail",
)
# Number of the table of each group that does not depend on how the video was shown.
TABLE_OF = {"habit": 4, "twin": 5, "hole": 6}

Job = tuple[str, int, int]


def try_question(job: Job) -> list[Trial]:
    """Try one question of a task: every video drawn directly, habits and holes too, and a fifth of the transforms."""
    name, difficulty, seed = job
    task = TASKS[name]
    trials = list(contract.try_videos(task, difficulty, "solve", seed))
    trials += contract.try_videos(task, difficulty, "hold", seed)
    trials += contract.try_habits(task, difficulty, seed)
    for number, transform in enumerate(contract.TRANSFORMS):
        # The transforms are shared out among the difficulties, so that every task is tested with all of them.
        if number % 5 == (difficulty + seed) % 5:
            trials += contract.try_transform(
                task, difficulty, "solve", seed, transform, ("ground_truth", "crossfade", "still")
            )
    return trials


def row_of(trial: Trial) -> tuple[int, str]:
    """Return the number of the table in which a trial is counted (see `TITLES`), and the name of its row."""
    name = trial.video
    if trial.group != "basic":
        return TABLE_OF[trial.group], name
    if trial.mode == "hold":
        return (3 if trial.passes else 2), f"hold: {name}"
    if not trial.how.startswith("drawn"):
        return (1, f"ground truth, {trial.how}") if trial.passes else (0, f"{name}, through files")
    if trial.own:
        kind = "another right way" if trial.passes else "nearly right" if name.startswith("nearly") else "illegal way"
        return int(trial.passes), kind
    return int(trial.passes), name


def tables(trials: Sequence[Trial], names: Sequence[str]) -> list[str]:
    """Return the lines of the tables: first the sums of all tasks, then a cell for each video and task."""
    counts: dict[tuple[int, str], dict[str, list[Trial]]] = defaultdict(lambda: defaultdict(list))
    for trial in trials:
        counts[row_of(trial)][trial.task].append(trial)
    lines = []
    for group, title in enumerate(TITLES):
        rows = {row: by_task for (table, row), by_task in counts.items() if table == group}
        lines += [f"\n## {title}\n", "| video | all tasks | as intended |", "| --- | --- | --- |"]
        for row, by_task in {**rows, "all": _joined(rows.values())}.items():
            found = [trial for trials in by_task.values() for trial in trials]
            lines.append(f"| {row} | {_cell(found)} | {_share(found)} |")
        for start in range(0, len(names), COLUMNS):
            lines += _part(rows, names[start : start + COLUMNS])
    return lines


def _part(rows: Mapping[str, Mapping[str, Sequence[Trial]]], columns: Sequence[str]) -> list[str]:
    """Return the lines of a table of some tasks. Videos that make sense for none of them are left out."""
    lines = ["", "| video | " + " | ".join(columns) + " |", "| --- |" + " --- |" * len(columns)]
    for row, by_task in {**rows, "all": _joined(rows.values())}.items():
        cells = [_cell(by_task.get(name, [])) for name in columns]
        if any(cells):
            lines.append(f"| {row} | " + " | ".join(cells) + " |")
    return lines


def _joined(rows: Iterable[Mapping[str, Sequence[Trial]]]) -> dict[str, list[Trial]]:
    """Return the trials of all rows, by task."""
    found: dict[str, list[Trial]] = defaultdict(list)
    for by_task in rows:
        for name, trials in by_task.items():
            found[name] += trials
    return found


def _cell(trials: Sequence[Trial]) -> str:
    """Return how many of some videos passed; bold if a verdict is unexpected."""
    if not trials:
        return ""
    text = f"{sum(trial.verdict.passed for trial in trials)}/{len(trials)}"
    return text if all(trial.as_expected for trial in trials) else f"**{text}**"


def _share(trials: Sequence[Trial]) -> str:
    """Return the share of verdicts that are as intended, rounded down, so that 100 % means all."""
    return f"{100 * sum(trial.as_expected for trial in trials) // len(trials)} %" if trials else ""


def page_of(trials: Sequence[Trial], names: Sequence[str], difficulties: Sequence[int], seeds: int) -> str:
    """Return the text of the page."""
    broken = [trial for trial in trials if trial.settled and not trial.as_expected]
    must_fail = [trial for trial in trials if trial.settled and not trial.passes]
    must_pass = [trial for trial in trials if trial.settled and trial.passes]
    unsettled = [trial for trial in trials if not trial.settled]
    lines = [
        "# Audit of the rule scorer\n",
        "<!-- Made by docs/audit.py; do not edit. -->\n",
        f"{len(names)} tasks, {seeds} question(s) of each at difficulty {', '.join(map(str, difficulties))};",
        f"version {VERSION} of the rule scorer. `{_command(difficulties, seeds)}` makes this page.",
        "A cell says how many videos passed.",
        "Videos are drawn at 360x240; those named with a transform went through a real file at 720x480. The videos are",
        "defined in `vmevalkit/contract/`; illegal and nearly right ways are the `cheats` of each task. `make attack`",
        "searches for more cheats.\n",
        f"- of {len(must_fail)} videos that must fail, {sum(t.verdict.passed for t in must_fail)} passed",
        f"- of {len(must_pass)} videos that must pass, {sum(not t.verdict.passed for t in must_pass)} failed",
        f"- of all, {len(broken)} break the contract (bold below; a still, black, white or noisy video and a",
        "  cross-fade must also have a value of at most 0.02)",
        f"- of {len(unsettled)} videos that the contract does not yet demand, "
        f"{sum(not t.as_expected for t in unsettled)} are not scored as intended\n",
        *tables(trials, names),
    ]
    if broken:
        lines += ["\n## What breaks the contract\n", *(f"- {trial}" for trial in broken)]
    return "\n".join(lines) + "\n"


def _command(difficulties: Sequence[int], seeds: int) -> str:
    """Return the command that makes the page."""
    if seeds == 1 and list(difficulties) == [1, 2, 3, 4, 5]:
        return "make audit"
    return f"python docs/audit.py --difficulty {' '.join(map(str, difficulties))} --seeds {seeds}"


def main(arguments: Sequence[str]) -> int:
    """Run the audit."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--task", nargs="+", choices=list(TASKS), metavar="T", help="only these tasks; writes no page")
    parser.add_argument("--difficulty", nargs="+", type=int, choices=range(1, 6), default=[1, 2, 3, 4, 5], metavar="D")
    parser.add_argument("--seeds", type=int, default=1, help="questions for each difficulty (default: 1)")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes (default: one a core)")
    options = parser.parse_args(arguments)
    names = options.task or list(TASKS)
    jobs = [
        (name, difficulty, seed) for name in names for difficulty in options.difficulty for seed in range(options.seeds)
    ]
    trials: list[Trial] = []
    for found in track(map_processes(try_question, jobs, options.workers), len(jobs), "testing"):
        trials += found
    page = page_of(trials, names, options.difficulty, options.seeds)
    if options.task:
        print(page)
    else:
        PAGE.write_text(page)
    broken = sum(trial.settled and not trial.as_expected for trial in trials)
    print(f"{len(trials)} videos, {broken} break the contract" + ("" if options.task else f": {PAGE}"))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
