"""Map coloring: borders and colorings found in another way, and what must stay."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tests.one_task import CANVAS, score_video, video_of
from vmevalkit import contract
from vmevalkit.media import Frames
from vmevalkit.tasks.map_coloring import LEVELS, MapColoring, Puzzle
from vmevalkit.tasks.toolkit.cells import Board

TASK = MapColoring()


def rendered(of: Puzzle, boards: list[Board]) -> Frames:
    return video_of(TASK, of, boards)


def atlas(of: Puzzle) -> npt.NDArray[Any]:
    """The number of the region at each unit square of the map."""
    found = np.full((of.rows, of.columns), -1)
    for number, (left, top, right, bottom) in enumerate(of.regions):
        assert (found[top:bottom, left:right] == -1).all()
        found[top:bottom, left:right] = number
    assert (found >= 0).all()
    return found


def borders(of: Puzzle) -> set[tuple[int, int]]:
    """Pairs of regions of which two unit squares lie side by side."""
    grid = atlas(of)
    sides = itertools.chain(zip(grid[1:].flat, grid[:-1].flat, strict=True),
                            zip(grid[:, 1:].flat, grid[:, :-1].flat, strict=True))  # fmt: skip
    return {(min(a, b), max(a, b)) for a, b in sides if a != b}


def colorings(of: Puzzle) -> list[tuple[int, ...]]:
    """All answers: color the region whose neighbors have most colors (Brelaz 1979), in each way that fits."""
    pairs = borders(of)
    near = [[a + b - region for a, b in pairs if region in (a, b)] for region in range(len(of.regions))]
    found, stack = [], [of.given]
    while stack:
        board = stack.pop()
        taken = {region: {board[other] for other in near[region]} - {0} for region in range(len(board))}
        white = [region for region, color in enumerate(board) if not color]
        if not white:
            found.append(board)
            continue
        chosen = max(white, key=lambda region: len(taken[region]))
        stack += [(*board[:chosen], color, *board[chosen + 1 :]) for color in {1, 2, 3, 4} - taken[chosen]]
    return found


@pytest.mark.parametrize("difficulty", range(1, 6))
def test_the_given_colors_leave_one_answer(difficulty: int) -> None:
    level = LEVELS[difficulty]
    for seed in range(5):
        of = TASK.example(difficulty, seed)
        assert all(of.answer[a] != of.answer[b] for a, b in borders(of))
        assert colorings(of) == [of.answer]
        assert len(of.regions) == level.regions
        assert level.fewest <= of.given.count(0) <= level.most


def test_no_four_regions_meet_in_a_point() -> None:
    for seed in range(10):
        grid = atlas(TASK.example(5, seed))
        corners = zip(grid[1:, 1:].flat, grid[1:, :-1].flat, grid[:-1, 1:].flat, grid[:-1, :-1].flat, strict=True)
        assert all(len({*corner}) < 4 for corner in corners)


def test_two_colors_exchanged_fail() -> None:
    of = TASK.example(3, 1)
    found = score_video(TASK, of, rendered(of, TASK.cheats(of)["nearly_two_swapped"]))
    assert (found.passed, found.reason) == (False, "wrong_place")


def test_a_given_region_may_not_be_recolored_to_fit_a_mistake() -> None:
    of = TASK.example(2, 1)
    frames = rendered(of, TASK.solution(of))
    region = next(region for region, color in enumerate(of.given) if color)
    given = tuple(color % 4 + 1 if i == region else color for i, color in enumerate(of.given))
    altered = of.model_copy(update={"given": given})
    frames[-5:] = TASK.painter(altered, CANVAS)(TASK.solution(of)[-1])
    found = score_video(TASK, of, frames)
    assert (found.passed, found.outcome) == (False, 1.0)
    assert found.preservation < 1


def test_a_little_white_around_a_color_is_no_other_color() -> None:
    (trial,) = contract.try_videos(TASK, 2, "solve", 0, names=["smaller"])
    assert trial.verdict.passed, str(trial)


def test_regions_may_be_filled_from_one_side() -> None:
    of = TASK.example(1, 1)
    path = [TASK.painter(of, CANVAS)(board).copy() for board in TASK.solution(of)]
    frames = [path[0]] * 3
    for before, after in itertools.pairwise(path):
        # The columns of the region that is filled in this step.
        left, right = np.flatnonzero((before != after).any(axis=(0, 2)))[[0, -1]]
        for edge in np.linspace(left, right + 1, 6).round().astype(int):
            frames.append(np.concatenate([after[:, :edge], before[:, edge:]], axis=1))
    assert score_video(TASK, of, np.stack([*frames, *[path[-1]] * 5])).passed
