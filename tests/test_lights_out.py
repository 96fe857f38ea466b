"""Lights out: solutions found by search, in any order, and presses that are not needed."""

from __future__ import annotations

import itertools

import pytest

from tests.one_task import judge_states
from vmevalkit.tasks.lights_out import LEVELS, LightsOut, Puzzle
from vmevalkit.tasks.toolkit.cells import Board, changed

TASK = LightsOut()


def lit_after(of: Puzzle, lit: frozenset[tuple[int, int]], lamp: tuple[int, int]) -> frozenset[tuple[int, int]]:
    """The lamps that are lit after a press."""
    x, y = lamp
    return lit ^ ({(x, y), (x + 1, y), (x - 1, y), (x, y + 1), (x, y - 1)} & {*of.lamps})


def solutions(of: Puzzle) -> list[set[tuple[int, int]]]:
    """All sets of presses that make the board dark: chase the lights down, after each choice for the first row.

    A lamp below a missing one is chosen, too, because nothing above it tells whether to press it.
    """
    lit = frozenset(lamp for lamp, look in zip(of.lamps, TASK.start(of), strict=True) if look)
    free = [(x, y) for x, y in of.lamps if (x, y - 1) not in of.lamps]
    found = []
    for choice in itertools.product((False, True), repeat=len(free)):
        chosen, left, presses = dict(zip(free, choice, strict=True)), lit, set[tuple[int, int]]()
        for lamp in sorted(of.lamps, key=lambda cell: cell[::-1]):
            if chosen.get(lamp, (lamp[0], lamp[1] - 1) in left):
                left = lit_after(of, left, lamp)
                presses.add(lamp)
        if not left:
            found.append(presses)
    return found


@pytest.mark.parametrize("difficulty", range(1, 6))
def test_one_set_of_presses_leads_to_darkness(difficulty: int) -> None:
    level = LEVELS[difficulty]
    for seed in range(5):
        of = TASK.example(difficulty, seed)
        presses = [of.lamps[lamp] for lamp in of.presses]
        assert solutions(of) == [{*presses}]
        assert level.fewest <= len(presses) <= level.most
        assert len(of.lamps) == level.columns * level.rows - level.missing


def test_a_press_switches_a_lamp_and_its_neighbors() -> None:
    of = Puzzle(columns=3, rows=2, lamps=((0, 0), (1, 0), (2, 0), (1, 1)), presses=(1, 3))
    assert [board.looks for board in TASK.solution(of)] == [(1, 0, 1, 0), (0, 1, 0, 1), (0, 0, 0, 0)]


def test_presses_may_be_made_in_any_order() -> None:
    of = TASK.example(2, 1)
    for name, boards in TASK.alternatives(of).items():
        assert judge_states(TASK, of, boards).reason == "solved", name


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("nearly_one_press_beside", "wrong_press"),
        ("pressed_twice", "wrong_press"),
        ("taken_back", "wrong_press"),
        ("lit_lamps_go_out_one_by_one", "not_together"),
        ("nearly_one_missing", "unfinished"),
    ],
)
def test_superfluous_presses_and_single_lamps_fail(name: str, reason: str) -> None:
    of = TASK.example(2, 2)
    found = judge_states(TASK, of, TASK.cheats(of)[name])
    assert (found.passed, found.reason) == (False, reason)


def test_the_lamps_of_a_press_change_together() -> None:
    of = TASK.example(1, 0)
    path = TASK.solution(of)
    assert judge_states(TASK, of, path).reason == "solved"
    lamp = next(i for i, (a, b) in enumerate(zip(path[0].looks, path[1].looks, strict=True)) if a != b)
    late = Board(changed(path[1].looks, {lamp: path[0].looks[lamp]}))
    assert judge_states(TASK, of, [path[0], late, late, *path[1:]]).reason == "not_together"
