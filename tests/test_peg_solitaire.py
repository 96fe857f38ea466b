"""Peg solitaire: ways found by another search, and pegs that move otherwise than in jumps."""

from __future__ import annotations

import pytest

from tests.one_task import judge_states
from vmevalkit import contract
from vmevalkit.tasks.base import Reading
from vmevalkit.tasks.peg_solitaire import LEVELS, PegSolitaire, Puzzle
from vmevalkit.tasks.toolkit.cells import Board, changed

TASK = PegSolitaire()
Pegs = frozenset[complex]


def jumped(of: Puzzle, pegs: Pegs) -> set[Pegs]:
    """Every position after one jump; a hole is a number: row + column * i."""
    holes = {complex(row, column) for row, column in of.holes}
    return {
        pegs - {peg, peg + way} | {peg + 2 * way}
        for peg in pegs
        for way in (1, -1, 1j, -1j)
        if peg + way in pegs and peg + 2 * way in holes - pegs
    }


def positions(of: Puzzle) -> list[set[Pegs]]:
    """All positions after each number of jumps."""
    found = [{frozenset(complex(row, column) for row, column in of.pegs)}]
    while found[-1]:
        found.append({new for pegs in found[-1] for new in jumped(of, pegs)})
    return found[:-1]


@pytest.mark.parametrize("difficulty", range(1, 6))
def test_jumps_lead_to_one_peg(difficulty: int) -> None:
    level = LEVELS[difficulty]
    for seed in range(3):
        of = TASK.example(difficulty, seed)
        after = positions(of)
        assert level.fewest <= len(of.pegs) - 1 <= level.most
        assert len(after) == len(of.pegs), "the longest way ends with one peg"
        plan = TASK.plan(of)
        assert len(plan) == len(of.pegs)
        for seen, looks in zip(after, plan, strict=True):
            assert frozenset(complex(*hole) for hole, look in zip(of.holes, looks, strict=True) if look) in seen


def test_a_first_jump_may_be_a_dead_end() -> None:
    of = TASK.example(3, 0)
    first = positions(of)[1]
    ends = []
    for pegs in first:
        reached = {pegs}
        for _ in range(len(of.pegs) - 2):
            reached = {new for old in reached for new in jumped(of, old)}
        ends.append(bool(reached))
    assert {True, False} <= {*ends}
    assert judge_states(TASK, of, TASK.cheats(of)["nearly_dead_end"]).reason == "unfinished"


def test_every_way_to_one_peg_passes() -> None:
    for seed in range(12):
        of = TASK.example(3, seed)
        for boards in (TASK.solution(of), *TASK.alternatives(of).values()):
            assert judge_states(TASK, of, boards).reason == "solved"
    assert any(TASK.alternatives(TASK.example(3, seed)) for seed in range(12))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("nearly_one_missing", "unfinished"),
        ("nearly_crossed_peg_stays", "unfinished"),
        ("pegs_vanish_one_by_one", "not_a_jump"),
        ("taken_back", "not_a_jump"),
        ("peg_vanishes_on_the_way", "vanished_on_the_way"),
    ],
)
def test_other_ways_fail(name: str, reason: str) -> None:
    of = TASK.example(2, 1)
    found = judge_states(TASK, of, TASK.cheats(of)[name])
    assert (found.passed, found.reason) == (False, reason)


def test_a_jump_must_be_seen() -> None:
    of = TASK.example(1, 0)
    assert judge_states(TASK, of, TASK.solution(of), moments=1).reason == "solved"
    assert judge_states(TASK, of, TASK.solution(of), moments=0).reason == "teleport"


def test_two_jumps_may_not_be_made_in_one_cut() -> None:
    of = TASK.example(1, 21)
    path = TASK.solution(of)
    found = TASK.judge(of, [Reading(path[0])] * 3 + [Reading(path[-1])] * 3)
    assert not found.passed


def test_a_peg_may_not_step_to_the_next_hole() -> None:
    of = TASK.example(2, 1)
    start = TASK.solution(of)[0]
    at = {hole: place for place, hole in enumerate(of.holes)}
    peg, free = next((at[r, c], at[r, c + 1]) for r, c in of.pegs if (r, c + 1) in at and (r, c + 1) not in of.pegs)
    moved = Board(changed(start.looks, {peg: 0, free: 1}))
    assert not judge_states(TASK, of, [start, moved, *TASK.solution(of)[1:]]).passed


def test_the_end_of_a_jump_and_the_beginning_of_the_next_one_must_be_seen() -> None:
    for difficulty in (1, 3):
        names = ("ground_truth", "faster", "one_frame_dropped", "middle_cut_out")
        for trial in contract.try_videos(TASK, difficulty, "solve", 0, names=names):
            assert trial.as_expected, str(trial)


@pytest.mark.parametrize("seed", [0, 2])
def test_a_peg_may_be_unseen_for_a_moment_of_a_short_jump_but_not_of_every_one(seed: int) -> None:
    """With eight jumps in 49 frames, a jump takes five of them."""
    names = ("mover_gone_for_two_frames", "mover_flickers", "mover_hops", "mover_blinks")
    for trial in contract.try_videos(TASK, 5, "solve", seed, names=names):
        assert trial.as_expected, str(trial)


def test_a_jump_may_not_be_taken_back_before_it_is_seen_to_end() -> None:
    (trial,) = contract.try_videos(TASK, 5, "solve", 0, names=("taken_back",))
    assert trial.verdict.reason == "not_a_jump", str(trial)
