"""Gears: the turn of every gear from equations, teeth that mesh, and orders along the train."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from tests.one_task import CANVAS, score_states
from vmevalkit.tasks.gears import LEVELS, Belt, Gear, Gears, Puzzle
from vmevalkit.tasks.toolkit.cells import Board

TASK = Gears()


def gap(a: Gear, b: Gear) -> float:
    """The distance between the circles on which two gears mesh."""
    return math.dist((a.x, a.y), (b.x, b.y)) - (a.teeth + b.teeth) / (2 * math.pi)


def speeds(of: Puzzle) -> np.ndarray:
    """The speed of each gear, clockwise positive: at each contact, both surfaces move alike. 0 if nothing drives it."""
    gears = of.gears
    equations = [[float(i == 0) for i in range(len(gears))]]
    pairs = [(a, b, 1) for a, b in itertools.combinations(range(len(gears)), 2) if abs(gap(gears[a], gears[b])) < 0.01]
    pairs += [(*belt.gears, 1 if belt.crossed else -1) for belt in of.belts]
    for a, b, sign in pairs:
        row = [0.0] * len(gears)
        row[a], row[b] = gears[a].teeth, sign * gears[b].teeth
        equations.append(row)
    # The shortest of all solutions: what no equation moves rests.
    speed, _, rank, _ = np.linalg.lstsq(np.array(equations), np.eye(len(equations))[0], rcond=None)
    assert rank == len(equations)
    found: np.ndarray = np.round(speed * (1 if of.look == 1 else -1), 6)
    return found


@pytest.mark.parametrize("difficulty", range(1, 6))
def test_arrows_follow_from_the_speeds(difficulty: int) -> None:
    level = LEVELS[difficulty]
    for seed in range(8):
        of = TASK.example(difficulty, seed)
        expected = [0 if not speed else 1 if speed > 0 else 2 for speed in speeds(of).tolist()]
        assert list(TASK.goal(of)) == expected
        assert expected.count(0) == level.idle
        assert level.fewest <= len(TASK.order(of)) <= level.most
        assert len(of.belts) == level.belts


def test_gears_mesh_or_are_clearly_apart() -> None:
    for seed in range(8):
        of = TASK.example(5, seed)
        gaps = [gap(a, b) for a, b in itertools.combinations(of.gears, 2)]
        assert all(abs(it) < 0.01 or it > 1 for it in gaps)


def test_teeth_do_not_overlap() -> None:
    """Drawn alone, a gear has as many pixels as it adds to the image of all gears, but for the edges."""
    of = TASK.example(2, 1).model_copy(update={"belts": ()})
    background = TASK.sheet(of, CANVAS)[0].pixels()[0, 0].astype(int)

    def inked(of: Puzzle) -> int:
        pixels = TASK.sheet(of, (720, 480))[0].pixels().astype(int)
        return int(np.count_nonzero(np.abs(pixels - background).max(2) > 30))

    corners = Gear(x=-40, y=-40, teeth=9, shade=0), Gear(x=40, y=40, teeth=9, shade=0)
    alone = [inked(of.model_copy(update={"gears": (gear, *corners)})) for gear in of.gears]
    nothing = inked(of.model_copy(update={"gears": corners}))
    together = inked(of.model_copy(update={"gears": (*of.gears, *corners)}))
    assert together - nothing == pytest.approx(sum(alone) - len(alone) * nothing, rel=0.03)


def test_a_crossed_belt_reverses_and_a_plain_one_does_not() -> None:
    gears = (Gear(x=0, y=0, teeth=10, shade=0), Gear(x=6, y=0, teeth=10, shade=1), Gear(x=0, y=6, teeth=10, shade=1))
    belts = (Belt(gears=(0, 1), crossed=True), Belt(gears=(0, 2), crossed=False))
    assert TASK.goal(Puzzle(gears=gears, belts=belts, look=2)) == (2, 1, 2)


def test_arrows_go_along_the_train_and_either_branch_may_be_first() -> None:
    of = TASK.example(3, 0)
    boards = TASK.alternatives(of)["other_branch_first"]
    assert boards[1] != TASK.solution(of)[1] or boards[2] != TASK.solution(of)[2]
    assert score_states(TASK, of, boards).passed
    early = score_states(TASK, of, TASK.cheats(of)["far_end_first"])
    assert (early.passed, early.reason) == (False, "wrong_order")


def test_a_gear_that_nothing_drives_must_stay_blank() -> None:
    of = TASK.example(2, 3)
    idle = TASK.goal(of).index(0)
    looks = list(TASK.goal(of))
    looks[idle] = 1
    found = score_states(TASK, of, [*TASK.solution(of), Board(tuple(looks))])
    assert (found.passed, found.reason) == (False, "wrong_place")
