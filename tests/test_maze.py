"""Mazes: an independent solver, and videos that try to get past the verifier."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from tests.one_task import score_states, score_video, video_of
from vmevalkit.defaults import DEFAULT_CANVAS
from vmevalkit.tasks.maze import Maze, Puzzle

MAZE = Maze()


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
        of = MAZE.example(difficulty, seed)
        (way,) = all_ways(of)
        assert [(float(r), float(c)) for r, c in way] == MAZE.solution(of)
        assert len(MAZE.steps(of)) == len(way) - 1
        assert 3 <= of.cells <= 10


def test_plan_length_grows_with_difficulty() -> None:
    lengths = [[len(MAZE.steps(MAZE.example(d, s))) for s in range(20)] for d in range(1, 6)]
    for easier, harder in pairwise(lengths):
        assert max(easier) < min(harder)


def test_two_discs_ghosts_and_extras_fail() -> None:
    of = MAZE.example(3, 4)
    video = video_of(MAZE, of, canvas=DEFAULT_CANVAS)
    first, last = video[0], video[-1]
    both = np.minimum(video, last)  # a second disc waits at the goal all the time
    ghost = ((video.astype(np.uint16) + first) // 2).astype(np.uint8)  # half a disc stays at the start
    extra = video.copy()
    extra[20:, 57:87, 177:207] = (0, 148, 104)
    gone = video.copy()
    gone[25:] = np.where(np.abs(gone[25:].astype(int) - (0, 98, 190)).sum(-1, keepdims=True) < 60, 255, gone[25:])
    for name, frames in {"both": both, "ghost": ghost, "extra": extra, "gone": gone}.items():
        assert not score_video(MAZE, of, frames).passed, name


def test_a_wall_that_opens_and_a_wall_that_appears_fail() -> None:
    of = MAZE.example(3, 4)
    video = video_of(MAZE, of, canvas=DEFAULT_CANVAS)
    opened = video.copy()
    ys, xs = np.nonzero(video[0].sum(-1) < 200)
    middle = (np.abs(ys - 240) < 20) & (np.abs(xs - 360) < 120)
    opened[15:, ys[middle], xs[middle]] = 255
    assert middle.any()
    assert not score_video(MAZE, of, opened).passed
    closed = video.copy()
    closed[15:, 300:314, 200:330] = (38, 44, 56)
    assert not score_video(MAZE, of, closed).passed


def test_cuts_flashes_and_late_destruction_fail() -> None:
    of = MAZE.example(2, 1)
    video = video_of(MAZE, of, canvas=DEFAULT_CANVAS)
    first, last = video[0], video[-1]
    for cut in (3, 20, 40):
        assert not score_video(MAZE, of, np.stack([first if i < cut else last for i in range(49)])).passed
    flashing = np.stack([video[i] if i % 2 else last for i in range(49)])
    assert not score_video(MAZE, of, flashing).passed
    destroyed = video.copy()
    destroyed[-3:] = 128
    assert not score_video(MAZE, of, destroyed).passed
    shown_once = np.stack([last if i == 30 else first for i in range(49)])
    assert not score_video(MAZE, of, shown_once).passed


def test_slow_fast_paused_and_smeared_videos_pass() -> None:
    of = MAZE.example(2, 1)
    video = video_of(MAZE, of, canvas=DEFAULT_CANVAS)
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
        assert score_video(MAZE, of, frames).passed, f"{name}: {score_video(MAZE, of, frames)}"
    assert score_video(MAZE, of, cases["slow"]).value == 1.0


def test_half_a_way_is_worth_about_half() -> None:
    of = MAZE.example(4, 2)
    path = MAZE.solution(of)
    half = score_states(MAZE, of, path[: len(path) // 2 + 1], canvas=DEFAULT_CANVAS)
    assert half.reason == "unfinished"
    assert 0.3 < half.value < 0.7
