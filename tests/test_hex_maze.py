"""Hex maze: another solver, and ways that come near to walls."""

from __future__ import annotations

import itertools
import math

import pytest

from tests.one_task import CANVAS, score_states
from vmevalkit import contract
from vmevalkit.tasks.hex_maze import LAYOUTS, HexMaze, Puzzle
from vmevalkit.tasks.toolkit.walk import Moment

TASK = HexMaze()


def puzzle(difficulty: int, seed: int, layout: str = "") -> Puzzle:
    found = (TASK.example(difficulty, seed + k) for k in itertools.count())
    return next(p for p in found if not layout or p.layout == layout)


def every_way(of: Puzzle) -> list[list[tuple[int, int]]]:
    """All ways from the start to the goal that visit no cell twice, by the links alone."""
    ways, stack = [], [[of.start]]
    while stack:
        way = stack.pop()
        if way[-1] == of.goal:
            ways.append(way)
        ends = [b if a == way[-1] else a for a, b in of.links if way[-1] in (a, b)]
        stack += [[*way, cell] for cell in ends if cell not in way]
    return ways


@pytest.mark.parametrize("difficulty", range(1, 6))
def test_there_is_one_way_and_it_is_the_solution(difficulty: int) -> None:
    for seed in range(6):
        of = puzzle(difficulty, seed)
        (way,) = every_way(of)
        assert [of.center(cell) for cell in way] == [moment.place for moment in TASK.solution(of)]
        assert len(of.links) == len(of.cells) - 1


@pytest.mark.parametrize("layout", LAYOUTS)
def test_neighbors_are_side_by_side_in_the_image(layout: str) -> None:
    of = puzzle(4, 0, layout)
    for a, b in of.links:
        assert b in of.beside(a)
        assert a in of.beside(b)
        path = TASK.path(of, of.center(a), of.center(b))
        assert (path[0], path[-1]) == (of.center(a), of.center(b))
        assert 0.9 < math.dist(path[0], path[-1]) < 1.7


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_cell_behind_a_wall_is_not_reached(layout: str) -> None:
    of = puzzle(3, 0, layout)
    way = TASK.solution(of)
    assert score_states(TASK, of, way).passed
    open_cells = {frozenset(link) for link in of.links}
    behind = [cell for cell in of.beside(of.start) if frozenset((cell, of.start)) not in open_cells]
    aside = Moment(of.center(behind[0]))
    found = score_states(TASK, of, [way[0], aside, *way])
    assert (found.passed, found.reason) == (False, "wall_crossed")


@pytest.mark.parametrize(("seed", "layout"), [(0, "circles"), (4, "hexagons")])
def test_a_long_way_that_shines_through_in_advance_fails(seed: int, layout: str) -> None:
    assert puzzle(5, seed).layout == layout
    (trial,) = contract.try_videos(TASK, 5, "solve", seed, CANVAS, names=("ghosts",))
    assert not trial.verdict.passed
    assert not trial.verdict.tolerated
