"""Cheapest way: another solver, other right videos, and videos that try to get past the verifier."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from tests.one_task import CANVAS, score_states, score_video, video_of
from vmevalkit.tasks.cost_path import CostPath, Moment, Puzzle
from vmevalkit.types import Verdict

TASK = CostPath()
Cell = tuple[int, int]


def verdict(of: Puzzle, places: list[tuple[float, float]], frames: int = 49) -> Verdict:
    return score_states(TASK, of, [Moment(place) for place in places], frames)


def relaxed(of: Puzzle) -> dict[Cell, int]:
    """Least dots to the goal from each cell, by relaxing all cells until nothing changes (Bellman and Ford)."""
    cells = [(r, c) for r, row in enumerate(of.dots) for c in range(len(row))]
    best = dict.fromkeys(cells, math.inf) | {of.goal: 0}
    for _ in cells:
        for cell, near in itertools.permutations(cells, 2):
            if abs(cell[0] - near[0]) + abs(cell[1] - near[1]) == 1:
                best[cell] = min(best[cell], best[near] + of.dots[near[0]][near[1]])
    return best  # type: ignore[return-value]


def all_ways(of: Puzzle, most: int) -> list[list[Cell]]:
    """Every way from start to goal that visits no cell twice and costs at most so many dots."""
    ways, stack = [], [[of.start]]
    while stack:
        way = stack.pop()
        if way[-1] == of.goal:
            ways.append(way)
        elif of.cost(way) <= most:
            stack += [[*way, near] for near in of.around(way[-1]) if near not in way]
    return [way for way in ways if of.cost(way) <= most]


def cells(of: Puzzle) -> list[Cell]:
    return [(round(m.place[0]), round(m.place[1])) for m in TASK.solution(of)]


@pytest.mark.parametrize("difficulty", range(1, 6))
def test_the_solution_is_the_cheapest_and_not_the_quickest_way(difficulty: int) -> None:
    for seed in range(3):
        of = TASK.example(difficulty, seed)
        way = cells(of)
        assert of.cost(way) == relaxed(of)[of.start]
        assert len(way) - 1 > abs(of.start[0] - of.goal[0]) + abs(of.start[1] - of.goal[1])


def test_all_cheapest_ways_pass_and_all_others_fail() -> None:
    counts = {True: 0, False: 0}
    for seed in (0, 1):
        of = TASK.example(1, seed)
        best = of.cost(cells(of))
        for way in sorted(all_ways(of, best + 1), key=len)[:8]:
            right = of.cost(way) == best
            seen = verdict(of, way, 40)  # type: ignore[arg-type]
            assert seen.passed == right, (seed, way, seen)
            assert right or seen.reason == "too_expensive"
            counts[right] += 1
    assert min(counts.values()) > 0


def test_rounded_corners_and_a_wavering_disc_pass() -> None:
    of = TASK.example(3, 1)
    way = cells(of)
    rounded = [(float(r), float(c)) for r, c in way[:1]]
    for a, b in itertools.pairwise(way):
        rounded.append(((a[0] + b[0]) / 2, (a[1] + b[1]) / 2))
    assert verdict(of, [*rounded, way[-1]], 97).passed
    wavering = [(r + 0.12 * (-1) ** i, c - 0.12 * (-1) ** i) for i, (r, c) in enumerate(way)]
    assert verdict(of, [way[0], *wavering[1:], way[-1]], 97).passed


def test_going_back_costs_again() -> None:
    of = TASK.example(3, 2)
    way = cells(of)
    assert verdict(of, [*way[:4], way[2], *way[3:]], 97).reason == "too_expensive"


def test_aslant_and_around_the_board_fail() -> None:
    of = TASK.example(2, 0)
    way = cells(of)
    assert verdict(of, [way[0], *[way[-1]] * 2]).reason in ("aslant", "too_expensive")
    r, c = of.start
    out = (float(r), -1.0) if c < len(of.dots[0]) / 2 else (float(r), float(len(of.dots[0])))
    outside = [(float(r), float(at)) for at in range(c, round(out[1]), -1 if out[1] < 0 else 1)] + [out]
    assert verdict(of, [*outside, *outside[::-1], *way], 97).reason in ("left_grid", "too_expensive")
    along = next(f for f in (outside, [(float(at), float(c)) for at in range(r, -2, -1)]) if f)
    assert not verdict(of, [*along, *along[::-1], *way], 97).passed


def test_a_disc_that_eats_the_dots_fails() -> None:
    of = TASK.example(4, 1)
    frames = video_of(TASK, of)
    blank = of.model_copy(update={"dots": tuple(tuple(min(n, 1) for n in row) for row in of.dots)})
    bare = TASK.painter(blank, CANVAS)(TASK.solution(of)[-1])
    moved = (frames != frames[0]).any(3)
    for i, frame in enumerate(frames):
        # Where the disc has been, all but one dot of a cell are gone.
        frame[:] = np.where(moved[:i].any(0)[..., None] & ~moved[i : i + 1, ..., None][0], bare, frame)
    assert not score_video(TASK, of, frames).passed
