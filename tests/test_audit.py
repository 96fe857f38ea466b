"""The page of the audit counts every video by row and task."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

from vmevalkit.contract import Trial
from vmevalkit.contract.videos import Group
from vmevalkit.tasks.base import TASKS


def audit() -> ModuleType:
    """Import docs/audit.py, which is in no package."""
    path = Path(__file__).parents[1] / "docs" / "audit.py"
    spec = importlib.util.spec_from_file_location("audit", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def trial(task: str, video: str, group: Group, passes: bool, passed: bool) -> Trial:
    reason = "solved" if passed else "altered"
    verdict = TASKS[task].verdict(reason, 1, 1, 1 if passed else 0.5, 0)
    return Trial(task=task, difficulty=1, mode="solve", seed=0, video=video, how="drawn at 360x240", passes=passes,
                 own=False, group=group, verdict=verdict)  # fmt: skip


def test_the_page_counts_habits_twins_and_cheats_by_task() -> None:
    trials = [
        trial("maze", "cursor", "habit", True, True),
        trial("maze", "cursor", "habit", True, False),
        trial("sudoku", "cursor", "habit", True, True),
        trial("sudoku", "halo", "habit", True, True),
        trial("maze", "halo_stays", "twin", False, False),
        trial("sudoku", "mover_hops", "hole", False, True),
        trial("maze", "wipe_right", "basic", False, False),
    ]
    page = audit().page_of(trials, ["maze", "sudoku"], [1, 3], 1)
    habits, twins, cheats = (
        page.partition(f"## {title}\n")[2].partition("\n## ")[0].splitlines()
        for title in ("Habits of real models: must pass", "Evil twins of the habits: must fail",
                      "Cheats of attackers: must fail")
    )  # fmt: skip
    assert {"| cursor | **2/3** | 66 % |", "| halo | 1/1 | 100 % |", "| all | **3/4** | 75 % |"} <= set(habits)
    assert {"| video | maze | sudoku |", "| cursor | **1/2** | 1/1 |", "| halo |  | 1/1 |"} <= set(habits)
    assert "| all | **1/2** | 2/2 |" in habits
    assert {"| halo_stays | 0/1 | 100 % |", "| halo_stays | 0/1 |  |"} <= set(twins)
    assert {"| mover_hops | **1/1** | 0 % |", "| mover_hops |  | **1/1** |"} <= set(cheats)
    assert "| wipe_right | 0/1 |  |" in page
    # Only what the contract demands breaks it.
    assert "- of 3 videos that must fail, 1 passed" in page
