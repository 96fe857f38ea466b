"""Mazes: an independent solver, and videos that try to get past the verifier."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from vmevalkit import contract
from vmevalkit.media import Frames
from vmevalkit.tasks.base import TASKS, as_frames
from vmevalkit.tasks.maze import Puzzle
from vmevalkit.types import Verdict

MAZE = TASKS["maze"]


def puzzle(difficulty: int = 2, seed: int = 0) -> Puzzle:
    found: Puzzle = contract.puzzle_of(MAZE, difficulty, seed)
    return found


def truth(of: Puzzle) -> Frames:
    return as_frames(MAZE.render(of, MAZE.solution(of)))


def verdict(of: Puzzle, frames: Frames) -> Verdict:
    return MAZE.verify(of, contract.views(frames))


def all_ways(of: Puzzle) -> list[list[tuple[int, int]]]:
    """Every path from start to goal that visits no cell twice, by plain search over the walls as drawn."""
    walls: dict[tuple[int, int], set[tuple[int, int]]] = {
        (r, c): set() for r in range(of.cells) for c in range(of.cells)
    }
    for r in range(of.cells):
        for c in range(of.cells):
            if of.right[r][c] == "1":
                walls[r, c].add((r, c + 1))
                walls[r, c + 1].add((r, c))
            if of.down[r][c] == "1":
                walls[r, c].add((r + 1, c))
                walls[r + 1, c].add((r, c))
    ways, stack = [], [[of.start]]
    while stack:
        way = stack.pop()
        if way[-1] == of.goal:
            ways.append(way)
        else:
            stack += [[*way, near] for near in walls[way[-1]] if near not in way]
    return ways


@pytest.mark.parametrize("difficulty", range(1, 6))
def test_there_is_exactly_one_way_and_it_is_the_solution(difficulty: int) -> None:
    for seed in range(30):
        of = puzzle(difficulty, seed)
        (way,) = all_ways(of)
        assert [(float(r), float(c)) for r, c in way] == MAZE.solution(of)
        assert len(MAZE.steps(of)) == len(way) - 1
        assert 3 <= of.cells <= 10


def test_plan_length_grows_with_difficulty() -> None:
    lengths = [[len(MAZE.steps(puzzle(d, s))) for s in range(20)] for d in range(1, 6)]
    for easier, harder in pairwise(lengths):
        assert max(easier) < min(harder)


def test_two_discs_ghosts_and_extras_fail() -> None:
    of = puzzle(3, 4)
    video = truth(of)
    first, last = video[0], video[-1]
    both = np.minimum(video, last)  # a second disc waits at the goal all the time
    ghost = ((video.astype(np.uint16) + first) // 2).astype(np.uint8)  # half a disc stays at the start
    extra = video.copy()
    extra[20:, 57:87, 177:207] = (0, 148, 104)
    gone = video.copy()
    gone[25:] = np.where(np.abs(gone[25:].astype(int) - (0, 98, 190)).sum(-1, keepdims=True) < 60, 255, gone[25:])
    for name, frames in {"both": both, "ghost": ghost, "extra": extra, "gone": gone}.items():
        assert not verdict(of, frames).passed, name


def test_a_wall_that_opens_and_a_wall_that_appears_fail() -> None:
    of = puzzle(3, 4)
    video = truth(of)
    opened = video.copy()
    ys, xs = np.nonzero(video[0].sum(-1) < 200)
    middle = (np.abs(ys - 240) < 20) & (np.abs(xs - 360) < 120)
    opened[15:, ys[middle], xs[middle]] = 255
    assert middle.any()
    assert not verdict(of, opened).passed
    closed = video.copy()
    closed[15:, 300:314, 200:330] = (38, 44, 56)
    assert not verdict(of, closed).passed


def test_cuts_flashes_and_late_destruction_fail() -> None:
    of = puzzle(2, 1)
    video = truth(of)
    first, last = video[0], video[-1]
    for cut in (3, 20, 40):
        assert not verdict(of, np.stack([first if i < cut else last for i in range(49)])).passed
    flashing = np.stack([video[i] if i % 2 else last for i in range(49)])
    assert not verdict(of, flashing).passed
    destroyed = video.copy()
    destroyed[-3:] = 128
    assert not verdict(of, destroyed).passed
    shown_once = np.stack([last if i == 30 else first for i in range(49)])
    assert not verdict(of, shown_once).passed


def test_slow_fast_paused_and_smeared_videos_pass() -> None:
    of = puzzle(2, 1)
    video = truth(of)
    smeared = video.copy()
    smeared[1:] = ((video[1:].astype(np.uint16) + video[:-1]) // 2).astype(np.uint8)
    cases = {
        "slow": video.repeat(3, axis=0),
        "fast": np.concatenate([video[::2], video[-1:].repeat(10, axis=0)]),
        "paused": np.concatenate([video[:20], video[20:21].repeat(30, axis=0), video[20:]]),
        "smeared": smeared,
        "drift": np.stack([np.roll(f, round(7 * i / 48), axis=1) for i, f in enumerate(video)]),
    }
    for name, frames in cases.items():
        assert verdict(of, frames).passed, f"{name}: {verdict(of, frames)}"
    assert verdict(of, cases["slow"]).value == 1.0


def test_half_a_way_is_worth_about_half() -> None:
    of = puzzle(4, 2)
    path = MAZE.solution(of)
    half = verdict(of, as_frames(MAZE.render(of, path[: len(path) // 2 + 1])))
    assert half.reason == "unfinished"
    assert 0.3 < half.value < 0.7
