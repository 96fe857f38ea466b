"""Gravity drop: a simulation row by row finds the same end, and blocks only fall straight down."""

from __future__ import annotations

import pytest

from tests.one_task import score_states
from vmevalkit.tasks.gravity_drop import GravityDrop, Puzzle

TASK = GravityDrop()
assert isinstance(TASK, GravityDrop)


def simulate(of: Puzzle) -> tuple[list[int], int]:
    """Let everything that floats fall by one row at a time, all together.

    Returns:
        The rows of the blocks in the end, and how many of them have moved.
    """
    fixed = {(of.rows, column) for column in range(of.columns)}
    fixed |= {(ledge.row, ledge.left + k) for ledge in of.ledges for k in range(ledge.width)}
    rows = [block.row for block in of.blocks]

    def cells(i: int) -> set[tuple[int, int]]:
        return {(rows[i], of.blocks[i].left + k) for k in range(of.blocks[i].width)}

    while True:
        held = set[int]()
        for _ in rows:
            solid = fixed.union(*(cells(i) for i in held))
            held |= {i for i in range(len(rows)) if any((row + 1, column) in solid for row, column in cells(i))}
        if len(held) == len(rows):
            return rows, sum(row != block.row for row, block in zip(rows, of.blocks, strict=True))
        rows = [row + (i not in held) for i, row in enumerate(rows)]


@pytest.mark.parametrize("difficulty", range(1, 6))
def test_a_simulation_finds_the_same_end(difficulty: int) -> None:
    for seed in range(40):
        of = TASK.example(difficulty, seed)
        rows, fallen = simulate(of)
        assert [round(place[0]) for place in TASK.solution(of)[-1].places if place] == rows
        assert len(TASK.steps(of)) == fallen


def test_what_floats_is_far_from_its_end_and_what_rests_is_held_at_both_ends() -> None:
    for seed in range(40):
        of = TASK.example(5, seed)
        rows, _ = simulate(of)
        assert all(row == block.row or row - block.row >= 2 for row, block in zip(rows, of.blocks, strict=True))
        tops = {(of.rows, column) for column in range(of.columns)}
        tops |= {(ledge.row, ledge.left + k) for ledge in of.ledges for k in range(ledge.width)}
        tops |= {(row, b.left + k) for row, b in zip(rows, of.blocks, strict=True) for k in range(b.width)}
        for row, block in zip(rows, of.blocks, strict=True):
            assert {(row + 1, block.left), (row + 1, block.left + block.width - 1)} <= tops


def test_blocks_may_fall_together_or_in_any_order() -> None:
    of = TASK.example(2, 0)
    others = TASK.alternatives(of)
    assert {"all_together", "highest_first"} <= set(others)
    assert all(score_states(TASK, of, boards).passed for boards in others.values())


@pytest.mark.parametrize(
    ("cheat", "reason"),
    [
        ("nearly_one_floats", "unfinished"),
        ("nearly_another_rises", "rises"),
        ("nearly_through", "falls_through"),
        ("sideways_first", "sideways"),
        ("falls_and_rises", "rises"),
    ],
)
def test_a_block_only_falls_and_stops_where_something_holds_it(cheat: str, reason: str) -> None:
    of = TASK.example(2, 0)
    found = score_states(TASK, of, TASK.cheats(of)[cheat])
    assert (found.passed, found.reason) == (False, reason)
